//! The poller of a host, and what its descriptors are.
//!
//! A descriptor that can't be waited for, for example for lack of memory, is missing: the host reads it once in a while
//! and tries again.

use crate::system::{Effect, System};
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;
use tool::sorted::Set;

/// What a descriptor of the poller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    Signals,
    ScanControl,
    Oneshot,
    Control(usize),
    Notification(usize),
    Supervisors,
    Policy(u32),
    Kills,
}

impl Source {
    pub(super) fn token(self) -> u64 {
        let (kind, number) = match self {
            Self::Signals => (0, 0),
            Self::ScanControl => (1, 0),
            Self::Oneshot => (2, 0),
            Self::Control(n) => (3, u32::try_from(n).unwrap_or(u32::MAX)),
            Self::Notification(n) => (4, u32::try_from(n).unwrap_or(u32::MAX)),
            Self::Policy(key) => (5, key),
            Self::Supervisors => (6, 0),
            Self::Kills => (7, 0),
        };
        (kind << 32) | u64::from(number)
    }

    pub(super) fn from_token(token: u64) -> Option<Self> {
        let number = u32::try_from(token & u64::from(u32::MAX)).ok()?;
        Some(match token >> 32 {
            0 => Self::Signals,
            1 => Self::ScanControl,
            2 => Self::Oneshot,
            3 => Self::Control(usize::try_from(number).ok()?),
            4 => Self::Notification(usize::try_from(number).ok()?),
            5 => Self::Policy(number),
            6 => Self::Supervisors,
            7 => Self::Kills,
            _ => return None,
        })
    }
}

/// An epoll instance.
#[derive(Debug)]
pub(super) struct Poller {
    epoll: OwnedFd,
    missing: Set<Source>,
    system: &'static dyn System,
}

impl Poller {
    /// Without descriptors.
    pub(super) fn new(system: &'static dyn System) -> Result<Self, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, missing: Set::new(), system })
    }

    /// Waits until a descriptor is readable, too, as long as it is open; if that fails, it is missing.
    pub(super) fn add(&mut self, source: Source, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        let added = self.try_add(source, fd, epoll::EventFlags::IN);
        if added.is_err() {
            self.missing.insert(source);
        }
        added
    }

    /// Waits for these events of a descriptor, too, as long as it is open.
    pub(super) fn try_add(
        &self,
        source: Source,
        fd: BorrowedFd<'_>,
        flags: epoll::EventFlags,
    ) -> Result<(), Errno> {
        let data = epoll::EventData::new_u64(source.token());
        self.system.before(Effect::Watch)?;
        match epoll::add(&self.epoll, fd, data, flags) {
            Err(Errno::EXIST) => Ok(()),
            done => done,
        }
    }

    /// Stops waiting for a descriptor.
    pub(super) fn remove(&mut self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        epoll::delete(&self.epoll, fd)
    }

    /// Stops waiting for a descriptor, which is missing from now on.
    pub(super) fn pause(&mut self, source: Source, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        self.missing.insert(source);
        self.remove(fd)
    }

    /// Whether some descriptor is missing.
    pub(super) fn is_partial(&self) -> bool {
        !self.missing.is_empty()
    }

    /// The sources that are missing, which are none from now on.
    pub(super) fn take_missing(&mut self) -> Vec<Source> {
        std::mem::take(&mut self.missing).into_keys().collect()
    }

    /// Waits until descriptors are readable, for at most this time; adds these to the list.
    pub(super) fn wait(&self, timeout: Option<Duration>, sources: &mut Vec<Source>) -> Result<(), Errno> {
        self.system.before(Effect::Wait)?;
        let timeout = timeout.and_then(|t| Timespec::try_from(t).ok());
        let mut room = [MaybeUninit::uninit(); 64];
        match epoll::wait(&self.epoll, &mut room, timeout.as_ref()) {
            Ok((events, _)) => {
                sources.extend(events.iter().filter_map(|event| Source::from_token(event.data.u64())));
                Ok(())
            }
            Err(Errno::INTR) => Ok(()),
            Err(e) => Err(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_convert_both_ways() {
        let sources =
            [Source::Signals, Source::ScanControl, Source::Oneshot, Source::Supervisors, Source::Control(7)];
        let others = [Source::Kills, Source::Notification(70_000), Source::Policy(u32::MAX)];
        for source in sources.into_iter().chain(others) {
            assert_eq!(Source::from_token(source.token()), Some(source));
        }
        assert_eq!(Source::from_token(u64::MAX), None);
    }
}
