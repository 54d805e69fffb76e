//! `logutil-service`: the usual logger of a service: `s6-log` as nobody, with the container's logging script.

use crate::layout::LOGGER;
use crate::service_logger::become_logger;
use crate::texts;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "logutil-service",
    summary: "log standard input into a self-rotating directory, as nobody",
    operands: "directory",
    options: &[Opt::value('f', "fifo", "log what comes through this FIFO, not standard input")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let dir = call.shift().map_err(|e| e.with_code(1))?;
    if !dir.starts_with(b"/") && !dir.starts_with(b".") {
        return Err(Fatal::user(format_args!(
            "the directory has to begin with / or . but is {}",
            diag::show(&dir)
        )));
    }
    if let Some(fifo) = options.get('f').filter(|f| !f.is_empty()) {
        let fd = open_fifo(fifo).or_unable_to("open", fifo)?;
        sys::fd::place(fd, 0).or_unable(|| "move the FIFO to standard input")?;
    }
    if texts::is_replaced(LOGGER) {
        return Next::run(vec![LOGGER.into(), dir], call.take_env());
    }
    become_logger(call, dir)
}

/// Opens a FIFO without waiting for a writer; reads block as usual.
fn open_fifo(fifo: &[u8]) -> Result<OwnedFd, Errno> {
    let fd = sys::fs::open(fifo, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fcntl_setfl(&fd, OFlags::empty())?;
    Ok(fd)
}
