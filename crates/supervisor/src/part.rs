//! What a host hands a supervisor process that it forks: what the host has, and the same as values.

use rustix::process::{Pid, Rlimit};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::AtomicU32;
use sys::spawn::Frozen;

/// The first descriptor besides the standard ones; the others follow in the order of [`Part`]'s fields.
pub(crate) const FIRST: RawFd = 3;

/// At most so many descriptors.
const MOVES: usize = 10;

/// What a supervisor process gets of its host.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// The service's name, its argument.
    pub(crate) name: &'a [u8],
    /// The standard descriptors that aren't the host's own, with their numbers.
    pub(crate) stdio: &'a [(BorrowedFd<'a>, RawFd)],
    /// The service directory.
    pub(crate) dir: BorrowedFd<'a>,
    /// The file of all slots.
    pub(crate) slots: BorrowedFd<'a>,
    /// The socket to the host.
    pub(crate) socket: BorrowedFd<'a>,
    /// The socket to the relay.
    pub(crate) relay: Option<BorrowedFd<'a>>,
    /// The notification pipe that a supervisor before this one has left.
    pub(crate) notification: Option<BorrowedFd<'a>>,
    /// The status board and the record of events.
    pub(crate) board: [Option<BorrowedFd<'a>>; 2],
    /// The number of the slot.
    pub(crate) number: usize,
    /// The environment of the service.
    pub(crate) env: Frozen,
    /// The limit on open files for the service.
    pub(crate) open_files: Rlimit,
    /// Whether it takes over what another supervisor has left in the slot.
    pub(crate) resumes: bool,
    /// The process that this other one had started and not noted.
    pub(crate) started: Option<Pid>,
    /// Whether the directory is marked as refused if its supervision can't begin.
    pub(crate) may_refuse: bool,
    /// Whether ends that nobody has asked for are reported.
    pub(crate) reports: bool,
    /// Where the kernel stores the supervisor's process id.
    pub(crate) note: &'a AtomicU32,
}

/// The same as values, since the child leaves its parent's memory.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    moves: [(RawFd, RawFd); MOVES],
    count: usize,
    pub(crate) has_relay: bool,
    pub(crate) has_notification: bool,
    pub(crate) has_board: [bool; 2],
    pub(crate) number: usize,
    pub(crate) env: Frozen,
    pub(crate) open_files: Rlimit,
    pub(crate) resumes: bool,
    pub(crate) started: Option<Pid>,
    pub(crate) may_refuse: bool,
    pub(crate) reports: bool,
}

impl Part<'_> {
    /// As values.
    pub(crate) fn start(&self) -> Start {
        let mut start = Start {
            moves: [(0, 0); MOVES],
            count: 0,
            has_relay: self.relay.is_some(),
            has_notification: self.notification.is_some(),
            has_board: self.board.map(|fd| fd.is_some()),
            number: self.number,
            env: self.env,
            open_files: self.open_files,
            resumes: self.resumes,
            started: self.started,
            may_refuse: self.may_refuse,
            reports: self.reports,
        };
        let others = [Some(self.dir), Some(self.slots), Some(self.socket), self.relay, self.notification];
        let others = others.into_iter().chain(self.board).flatten().zip(FIRST..);
        for (place, (fd, to)) in start.moves.iter_mut().zip(self.stdio.iter().copied().chain(others)) {
            *place = (fd.as_raw_fd(), to);
            start.count = start.count.saturating_add(1);
        }
        start
    }
}

impl Start {
    /// Descriptors of the host, and their numbers in the supervisor: standard ones, then from [`FIRST`] on.
    pub(crate) fn moves(&self) -> &[(RawFd, RawFd)] {
        self.moves.get(..self.count).unwrap_or_default()
    }
}
