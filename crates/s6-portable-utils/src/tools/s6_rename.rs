//! `s6-rename`: renames a file atomically with rename(2), which replaces an existing target.

use tool::{Call, Next, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-rename",
    summary: "rename a file atomically",
    operands: "old new",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let (old, new) = (call.shift()?, call.shift()?);
    sys::fs::rename(old.as_slice(), new.as_slice())
        .or_unable(|| format!("rename {} to {}", diag::show(&old), diag::show(&new)))?;
    Ok(Next::SUCCESS)
}
