//! `s6-chroot`: runs a program with another root directory.

use rustix::process::{chdir, chroot};
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-chroot",
    summary: "run a program with another root directory",
    operands: "newroot prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let root = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    chdir(root.as_slice()).or_unable_to("change directory to", &root)?;
    chroot(".").or_unable_to("change root to", &root)?;
    let env = call.take_env();
    Next::run(call.take_args(), env)
}
