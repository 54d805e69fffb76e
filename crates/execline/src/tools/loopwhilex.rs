//! `loopwhilex`: runs a program repeatedly while it succeeds.

use crate::blocks::hint_at_block;
use crate::child;
use crate::codes::{BREAK_CODES, Codes, OK_CODES};
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "loopwhilex",
    summary: "run a program repeatedly while it succeeds",
    operands: "prog...",
    options: &[Opt::flag('n', "negate: repeat while it fails"), OK_CODES, BREAK_CODES],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let codes = Codes::from_options(&options)?.unwrap_or(Codes::Continue(vec![0]));
    let body = call.take_args();
    let name = body.first().cloned().ok_or_else(Fatal::usage)?;
    loop {
        let ended = child::run(call, body.clone(), call.env.clone()).map_err(|e| hint_at_block(e, &name))?;
        let code = child::approximate(ended);
        if codes.ends(code) != options.has('n') {
            return Ok(Next::Exit(code));
        }
    }
}
