//! `fdreserve`: finds free descriptors.

use rustix::fs::{Mode, OFlags};
use rustix::process::Resource;
use std::os::fd::AsRawFd;
use sys::fs::open;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "fdreserve",
    summary: "store the numbers of free descriptors in FD0, FD1 and so on",
    operands: "n prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let n = wire::number::decimal::<u32>(&call.shift()?).ok_or_else(Fatal::usage)?;
    if sys::limit::get(Resource::Nofile).current.is_some_and(|limit| u64::from(n) > limit) {
        return Err(Fatal::user("too many requested descriptors"));
    }
    // Kept open until all are found, so that the numbers differ.
    let mut held = Vec::new();
    let mut found = 0;
    while found < n {
        let fd =
            open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).or_unable(|| "reserve descriptors")?;
        // A closed standard stream isn't safe to use.
        if fd.as_raw_fd() > 2 {
            call.env.set(format!("FD{found}").as_bytes(), fd.as_raw_fd().to_string().as_bytes());
            found += 1;
        }
        held.push(fd);
    }
    drop(held);
    Next::run(call.take_args(), call.take_env())
}
