//! `forbacktickx`: runs a program once for each line that a block writes.

use crate::blocks::Blocks;
use crate::input::Items;
use crate::items_loop::{LoopEnd, OPTIONS, run_for_each, splitting};
use crate::pool::Pool;
use crate::variable::check_name;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::AsFd;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Setup, Tool, unable_to_spawn};

pub static TOOL: Tool = Tool {
    name: "forbacktickx",
    summary: "run a program once for each line that a block writes",
    operands: "var { gen... } loop...",
    options: &OPTIONS,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let variable = call.shift()?;
    check_name(&variable)?;
    let generator = Blocks::new(call).take_filled(&mut call.args)?;
    let body = call.take_args();
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "create a pipe")?;
    let mut pool = Pool::new(&options, variable, body, vec![reader.as_fd()])?;
    pool.survives_exec_failure = true;
    let name = generator.first().cloned().unwrap_or_default();
    let setup =
        Setup { fds: &[(writer.as_fd(), 1)], private: &[reader.as_fd(), writer.as_fd()], mask: pool.mask() };
    tool::try_spawn(call, generator, call.env.clone(), &setup).map_err(|e| unable_to_spawn(&name, e))?;
    drop(writer);
    let mut items = Items::new(reader.as_fd(), splitting(&options));
    match run_for_each(call, &mut pool, &mut items)? {
        LoopEnd::Broken(code) => Ok(Next::Exit(code)),
        LoopEnd::All(_) => Ok(Next::SUCCESS),
    }
}
