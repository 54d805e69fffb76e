//! `homeof`: prints a user's home directory.

use tool::{Call, Fatal, OrUnable, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "homeof",
    summary: "print a user's home directory",
    operands: "user",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let name = call.shift()?;
    let attempt = || format!("get the passwd entry of {}", diag::show(&name));
    let user = sys::account::user(&name).or_unable(attempt)?;
    let user = user.ok_or_else(|| Fatal::new(111, format_args!("unable to {}: no such user", attempt())))?;
    let mut out = Out::new();
    out.line(&user.home)?;
    out.finish()
}
