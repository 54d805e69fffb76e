//! `forx`: runs a program once for each of several words.

use crate::blocks::Blocks;
use crate::pool::{self, Pool};
use crate::variable::check_name;
use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "forx",
    summary: "run a program once for each of several words",
    operands: "var { args... } loop...",
    options: &pool::OPTIONS,
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
    let values = Blocks::new(call).take(&mut call.args, "")?;
    let body = call.take_args();
    let mut pool = Pool::new(&options, variable, body, Vec::new())?;
    for value in values {
        if let Some(code) = pool.start(call, &value)? {
            return Ok(Next::Exit(code));
        }
    }
    pool.wait_for_all()?;
    Ok(Next::Exit(u8::from(pool.broken)))
}
