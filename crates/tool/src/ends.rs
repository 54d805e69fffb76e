//! Waiting for the ends of processes that aren't children: by pidfds, which Linux has from 5.3 on, else by looking now and
//! then.

use crate::clock::{self, Moment};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// How often a process without a pidfd is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Processes whose ends are waited for.
#[derive(Debug)]
pub struct Ends(Vec<(Pid, Option<OwnedFd>)>);

impl Ends {
    /// Of these processes, as far as they are there.
    pub fn of(pids: impl IntoIterator<Item = Pid>) -> Self {
        let watched = pids.into_iter().filter_map(|pid| match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Some((pid, Some(fd))),
            Err(Errno::SRCH) => None,
            Err(_) => is_there(pid).then_some((pid, None)),
        });
        Self(watched.collect())
    }

    /// Whether all have ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until one has ended or `other` can be read; `false` if the deadline passed first.
    ///
    /// # Errors
    /// As poll(2).
    pub fn wait(&mut self, other: Option<BorrowedFd<'_>>, deadline: Option<Moment>) -> Result<bool, Errno> {
        loop {
            let blind = self.0.iter().any(|(_, fd)| fd.is_none());
            let look = blind.then(|| clock::now().saturating_add(LOOK));
            let until = [deadline, look].into_iter().flatten().min();
            let mut fds: Vec<_> = self
                .0
                .iter()
                .filter_map(|(_, fd)| fd.as_ref())
                .map(|fd| PollFd::new(fd, PollFlags::IN))
                .collect();
            fds.extend(other.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            clock::poll_until(&mut fds, until)?;
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            drop(fds);
            let heard = other.is_some() && ready.last() == Some(&true);
            let (before, mut ready) = (self.0.len(), ready.into_iter());
            self.0.retain(|(pid, fd)| match fd {
                Some(_) => !ready.next().unwrap_or_default(),
                None => is_there(*pid),
            });
            if heard || self.0.len() != before {
                return Ok(true);
            }
            if deadline.is_some_and(|at| at <= clock::now()) {
                return Ok(false);
            }
        }
    }
}

/// Whether a process is there, alive or not yet reaped.
#[must_use]
pub fn is_there(pid: Pid) -> bool {
    sys::process::kill(pid, 0) != Err(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sys::process::{Fork, exit, fork, wait_for};

    #[test]
    fn an_end_is_noticed_with_and_without_a_pidfd() {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let Fork::Parent(pid) = fork().unwrap() else {
            drop(writer);
            let _ = rustix::io::read(&reader, &mut [0; 1]);
            exit(0)
        };
        for mut ends in [Ends::of([pid]), Ends(vec![(pid, None)])] {
            assert!(!ends.wait(None, Some(clock::now())).unwrap() && !ends.is_empty());
        }
        let (mut by_pidfd, mut by_number) = (Ends::of([pid]), Ends(vec![(pid, None)]));
        drop(writer);
        assert!(by_pidfd.wait(None, None).unwrap() && by_pidfd.is_empty());
        wait_for(pid).unwrap();
        assert!(by_number.wait(None, None).unwrap() && by_number.is_empty());
        assert!(Ends::of([pid]).is_empty());
    }
}
