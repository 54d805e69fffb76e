//! Detached processes: grandchildren, which the caller never has to wait for.

use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::Pid;
use std::os::fd::{AsFd, BorrowedFd};
use sys::process::{Fork, exit, fork, wait_for};
use tool::{Call, Env, Setup};

/// Starts `argv` as a child, or as a grandchild if `detached`; the intermediate child is reaped before this returns.
///
/// # Errors
/// The process could not be created, or could not execute the program.
pub(crate) fn start(
    call: &Call,
    argv: Vec<Vec<u8>>,
    env: Env,
    setup: &Setup<'_>,
    detached: bool,
) -> Result<Pid, Errno> {
    if !detached {
        return tool::try_spawn(call, argv, env, setup);
    }
    spawn_grandchild(|report| {
        let mut private: Vec<BorrowedFd<'_>> = setup.private.to_vec();
        private.push(report);
        tool::try_spawn(call, argv, env, &Setup { private: &private, ..*setup })
    })
}

/// Runs `start` in a child that exits at once, and returns its result.
///
/// The result goes through a pipe: the process id and the error number, 4 bytes each, one of them zero.
fn spawn_grandchild(start: impl FnOnce(BorrowedFd<'_>) -> Result<Pid, Errno>) -> Result<Pid, Errno> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let Fork::Parent(intermediate) = fork()? else {
        drop(reader);
        let (pid, error) = match start(writer.as_fd()) {
            Ok(pid) => (pid.as_raw_nonzero().get(), 0),
            Err(e) => (0, e.raw_os_error()),
        };
        let answer = [pid.to_ne_bytes(), error.to_ne_bytes()].concat();
        let _ = rustix::io::write(&writer, &answer);
        exit(0)
    };
    drop(writer);
    let mut answer = [0; 8];
    let n = rustix::io::retry_on_intr(|| rustix::io::read(&reader, &mut answer))?;
    match wait_for(intermediate) {
        // Where SIGCHLD is ignored, the kernel reaps it.
        Ok(_) | Err(Errno::CHILD) => {}
        Err(e) => return Err(e),
    }
    let [p1, p2, p3, p4, e1, e2, e3, e4] = answer;
    match (Pid::from_raw(i32::from_ne_bytes([p1, p2, p3, p4])), i32::from_ne_bytes([e1, e2, e3, e4])) {
        (Some(pid), _) if n == answer.len() => Ok(pid),
        // Zero: the intermediate child was killed before it could answer.
        (_, 0) => Err(Errno::CHILD),
        (_, error) => Err(Errno::from_raw_os_error(error)),
    }
}
