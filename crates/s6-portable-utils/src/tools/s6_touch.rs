//! `s6-touch`: creates files that don't exist and sets the times of all of them to now.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-touch",
    summary: "create files or set their times to now",
    operands: "file...",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    for file in &call.args {
        touch(file).or_unable_to("touch", file)?;
    }
    Ok(Next::SUCCESS)
}

fn touch(file: &[u8]) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = sys::fs::open(file, flags | OFlags::NOCTTY, Mode::from_raw_mode(0o666))?;
    sys::clock::set_times(&fd, &rustix::fs::Timestamps { last_access: NOW, last_modification: NOW })
}

const NOW: rustix::fs::Timespec = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
