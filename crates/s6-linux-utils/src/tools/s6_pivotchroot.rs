//! `s6-pivotchroot`: makes a mounted file system the root, moves the old root below it, and runs a program.

use rustix::process::{chdir, chroot, pivot_root};
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-pivotchroot",
    summary: "change the root file system and run a program",
    operands: "newroot putold prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let (root, old) = (call.shift()?, call.shift()?);
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    chdir(root.as_slice()).or_unable_to("change directory to", &root)?;
    pivot_root(".", old.as_slice())
        .or_unable(|| format!("pivot to {} with the old root at {}", diag::show(&root), diag::show(&old)))?;
    chroot(".").or_unable(|| "change root to the new root")?;
    let env = call.take_env();
    Next::run(call.take_args(), env)
}
