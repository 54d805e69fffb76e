//! `exit`: exits with a code.

use tool::{Call, Fatal, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "exit",
    summary: "exit with a code",
    operands: "[ n ]",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let Some(word) = call.args.first() else { return Ok(Next::SUCCESS) };
    let code = wire::number::decimal::<u32>(word).ok_or_else(Fatal::usage)?;
    // The system keeps the low byte.
    Ok(Next::Exit(u8::try_from(code & 0xff).unwrap_or(0)))
}
