//! `pipeline`: runs a block and the rest of the command line with a pipe between them.

use crate::blocks::Blocks;
use crate::detach;
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::AsFd;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Setup, Tool, unable_to_spawn};

pub static TOOL: Tool = Tool {
    name: "pipeline",
    summary: "run two programs with a pipe between them",
    operands: "{ prog1... } prog2...",
    options: &[
        Opt::flag('d', "detach: prog1 is not a child of prog2"),
        Opt::flag('r', "prog1 writes, prog2 reads (default)"),
        Opt::flag('w', "prog1 reads, prog2 writes"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let block = Blocks::new(call).take_filled(&mut call.args)?;
    if call.args.is_empty() {
        return Err(Fatal::user("empty remainder"));
    }
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "create a pipe")?;
    let (block_end, rest_end, block_fd, rest_fd) =
        if options.last_of("rw") == Some('w') { (reader, writer, 0, 1) } else { (writer, reader, 1, 0) };
    let name = block.first().cloned().unwrap_or_default();
    let setup = Setup {
        fds: &[(block_end.as_fd(), block_fd)],
        private: &[block_end.as_fd(), rest_end.as_fd()],
        mask: None,
    };
    let pid = detach::start(call, block, call.env.clone(), &setup, options.has('d'))
        .map_err(|e| unable_to_spawn(&name, e))?;
    drop(block_end);
    sys::fd::place(rest_end, rest_fd).or_unable(|| "move the pipe")?;
    call.env.set(b"!", pid.as_raw_nonzero().to_string().as_bytes());
    Next::run(call.take_args(), call.take_env())
}
