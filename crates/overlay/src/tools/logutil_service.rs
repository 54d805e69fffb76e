//! `logutil-service`: the usual logger of a service: `s6-log` as nobody, with the container's logging script.

use crate::boot::catch_all;
use crate::environment::settings::Settings;
use crate::environment::variables::{S6_LOGGING_SCRIPT, TZ};
use crate::layout::LOGGER;
use crate::log_access;
use crate::texts;
use ipc::identity;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use sys::credential::Identity;
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Program, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "logutil-service",
    summary: "log standard input into a self-rotating directory, as nobody",
    operands: "directory",
    options: &[Opt::value('f', "fifo", "log what comes through this FIFO, not standard input")],
    role: Role::Chain,
    main,
};

/// The user id and group id of the logger if there is no account named nobody.
const OVERFLOW_ID: u32 = 65534;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let dir = call.shift().map_err(|e| e.with_code(1))?;
    if !dir.starts_with(b"/") && !dir.starts_with(b".") {
        return Err(Fatal::user(format!(
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

/// Becomes the logger of a directory.
pub(super) fn become_logger(call: &Call, dir: Vec<u8>) -> Outcome {
    let settings = Settings::new(&call.env);
    let mut script = settings.directives(S6_LOGGING_SCRIPT);
    let mut env = Env::new();
    if let Some(zone) = catch_all::time_zone(&settings, &script) {
        env.set(TZ.bytes(), &zone);
    }
    script.push(dir.clone());
    logger::check_script(&script).map_err(|why| Fatal::user(format!("{S6_LOGGING_SCRIPT}: {why}")))?;
    let argv = [&b"s6-log"[..], b"-b", b"--"].map(<[u8]>::to_vec).into_iter().chain(script).collect();
    // Without root's rights it can't change the user.
    if rustix::process::geteuid().is_root() {
        identity::assume(&nobody()?)?;
    }
    log_access::check(&dir)?;
    Ok(Next::Run(Program::new(tool::tool_file("s6-log"), argv, env)))
}

/// Opens a FIFO without waiting for a writer; reads block as usual.
fn open_fifo(fifo: &[u8]) -> Result<OwnedFd, Errno> {
    let fd = sys::fs::open(fifo, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    rustix::fs::fcntl_setfl(&fd, OFlags::empty())?;
    Ok(fd)
}

/// The identity of nobody.
fn nobody() -> Result<Identity, Fatal> {
    if let Some(nobody) = sys::account::user(b"nobody").or_unable(|| "read /etc/passwd")? {
        return identity::of_account(&nobody);
    }
    Ok(Identity { uid: Some(OVERFLOW_ID), gid: Some(OVERFLOW_ID), groups: Some(Vec::new()) })
}
