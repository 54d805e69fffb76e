//! `preinit`: the part of `/init` that may need root's rights, run by s6-overlay-suexec.

use crate::boot::prepare::{Owner, prepare};
use crate::environment::settings::Settings;
use crate::relay::{Handling, set_format};
use tool::{Call, Fatal, Next, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "preinit",
    summary: "prepare /run for the container's user, as root",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    set_format(Handling::wanted(&Settings::of_container(&call.env), |_| ()));
    let id = |name: &str| {
        let value = call.env.get(name.as_bytes()).and_then(number::decimal::<u32>);
        value
            .ok_or_else(|| Fatal::user(format_args!("{name} isn't set: s6-overlay-suexec runs this program")))
    };
    let owner = Owner { uid: id("UID")?, gid: id("GID")?, privileged: rustix::process::geteuid().is_root() };
    rustix::process::umask(rustix::fs::Mode::from(0o022));
    prepare(call, owner, "s6-overlay-suexec got no rights to change that")?;
    Ok(Next::SUCCESS)
}
