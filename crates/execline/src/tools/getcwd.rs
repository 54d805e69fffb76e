//! `getcwd`: stores the working directory in a variable.

use crate::variable::{AUTOIMPORT, NO_AUTOIMPORT, autoimports, check_name, run_with};
use tool::{Call, Fatal, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "getcwd",
    summary: "store the working directory in a variable",
    operands: "var prog...",
    options: &[AUTOIMPORT, NO_AUTOIMPORT],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let name = call.shift()?;
    check_name(&name)?;
    let directory = rustix::process::getcwd(Vec::new()).or_unable(|| "get the working directory")?;
    run_with(&name, directory.to_bytes(), autoimports(&options), call.take_args(), call.take_env())
}
