//! The service of the scan directory that probes others: there only if one of them has a record of what is to be found out.

use crate::layout::{RUN_S6, SCANDIR};
use crate::limits::SUPERVISION_LIMIT;
use files::Permissions;
use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use s6_rc::init::await_supervisor;
use std::os::fd::BorrowedFd;
use supervision::control::{PROBES, send_to_host};
use supervision::listen::{Goal, Listening};
use tool::clock;
use tool::path::join;
use tool::{Fatal, OrUnable};
use wire::control::ScanCommand;

/// Makes the service, unless it is there, and waits until it is ready; `interrupt`: give up when this can be read.
///
/// # Errors
/// It can't be made, or isn't ready in time: services that are probed aren't started without it.
pub fn ensure(interrupt: Option<BorrowedFd<'_>>) -> Result<(), Fatal> {
    let dir = join(SCANDIR.as_bytes(), PROBES.as_bytes());
    let deadline = Some(clock::now().saturating_add(SUPERVISION_LIMIT));
    if sys::fs::lstat(dir.as_slice()).is_err() {
        make(&dir).or_unable_to("make", &dir)?;
        send_to_host(SCANDIR.as_bytes(), &[ScanCommand::Scan])
            .map_err(|_| Fatal::new(111, format_args!("nobody supervises {SCANDIR}")))?;
    }
    await_supervisor(&dir, deadline, interrupt)?;
    Listening::new(&[dir], Goal::UpReady, false)?.past_failed_starts().wait(deadline)
}

/// Makes the service directory, and then the link to it that a scan finds.
fn make(link: &[u8]) -> Result<(), Errno> {
    let dir = join(RUN_S6.as_bytes(), PROBES.as_bytes());
    files::remove_tree(CWD, &dir)?;
    sys::fs::mkdir(dir.as_slice(), Mode::from(0o755))?;
    let run = format!("#!{} {PROBES}\n", tool::script::INTERPRETER);
    for (name, text, mode) in [
        ("run", run.as_str(), 0o755),
        ("notification-fd", "3\n", 0o644),
        // Its host keeps both ends.
        ("pipe-in", PROBES, 0o644),
        ("pipe-out", PROBES, 0o644),
    ] {
        files::create(CWD, &join(&dir, name.as_bytes()), text.as_bytes(), Permissions::Exact(mode))?;
    }
    sys::fs::symlink(dir.as_slice(), link)
}
