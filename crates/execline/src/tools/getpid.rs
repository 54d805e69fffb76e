//! `getpid`: stores the process id in a variable.

use crate::variable::{AUTOIMPORT, NO_AUTOIMPORT, autoimports, check_name, run_with};
use tool::{Call, Fatal, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "getpid",
    summary: "store the process id in a variable",
    operands: "var prog...",
    options: &[
        AUTOIMPORT,
        NO_AUTOIMPORT,
        Opt::flag('p', "the id of the process itself (default)"),
        Opt::flag('P', "the id of the parent process"),
    ],
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
    let id = if options.last_of("pP") == Some('P') {
        // Zero: the parent is in another pid namespace.
        rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get())
    } else {
        rustix::process::getpid().as_raw_nonzero().get()
    };
    run_with(&name, id.to_string().as_bytes(), autoimports(&options), call.take_args(), call.take_env())
}
