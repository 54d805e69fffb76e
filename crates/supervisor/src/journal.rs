//! The memo of a host, as a file in memory: always current, so that a fault at any moment finds it written.
//!
//! Besides the services it holds the event in work.  What an event changes is written when it is dealt with; until
//! then the memo says which event it is, so that a successor can see it through, and that a program is about to be
//! started, so that it can find the process that it knows nothing of.
//!
//! It is written by storing into a mapping of the file, so that being current costs no system call; where there is no
//! memory for that, by pwrite(2).

use rustix::io::Errno;
use rustix::process::Pid;
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use sys::fault;
use sys::mapping::{Mapping, memory_file};
use wire::host_memo::{HEADER, Header, MAGIC, RECORDS, Record, WORK, Work};

/// A process that a host before started and couldn't take note of, with its notification pipe.
pub(crate) type Adopted = (Pid, Option<OwnedFd>);

/// The memo.
#[derive(Debug)]
pub(crate) struct Memo {
    fd: OwnedFd,
    mapping: RefCell<Option<Mapping>>,
    work: Cell<Work>,
    /// The number of the service that is worked on.
    current: Cell<u32>,
    adopted: RefCell<Option<Adopted>>,
}

/// A service's number as the memo has it.
pub(crate) fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Memo {
    /// An empty one.
    pub(crate) fn new() -> Result<Self, Errno> {
        let memo = Self::of(memory_file(c"s6-svscan")?);
        rustix::io::pwrite(&memo.fd, &MAGIC, 0)?;
        rustix::io::pwrite(&memo.fd, &Work::default().pack(), WORK.0)?;
        Ok(memo)
    }

    /// The one behind this descriptor.
    pub(crate) fn of(fd: OwnedFd) -> Self {
        let mapping = Mapping::new(fd.as_fd(), 0).ok();
        Self {
            fd,
            mapping: RefCell::new(mapping),
            work: Cell::default(),
            current: Cell::new(0),
            adopted: RefCell::new(None),
        }
    }

    pub(crate) fn as_raw(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// What is in the file at `at`, `room` bytes at most.
    pub(crate) fn read(&self, at: u64, room: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; room];
        let count = rustix::io::pread(&self.fd, &mut bytes, at)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    pub(crate) fn write(&self, at: u64, bytes: &[u8]) {
        if !self.store(at, bytes) {
            // Only memory can be missing; what is there then is the state of a moment before.
            let _ = rustix::io::pwrite(&self.fd, bytes, at);
        }
    }

    fn store(&self, at: u64, bytes: &[u8]) -> bool {
        let (Ok(at), Ok(mut mapping)) = (usize::try_from(at), self.mapping.try_borrow_mut()) else {
            return false;
        };
        let Some(mapping) = mapping.as_mut() else { return false };
        mapping.store(at, bytes)
            || (mapping.grow(self.fd.as_fd(), at.saturating_add(bytes.len())).is_ok()
                && mapping.store(at, bytes))
    }

    fn set_work(&self, work: Work) {
        if self.work.replace(work) != work {
            self.write(WORK.0, &work.pack());
        }
    }

    /// An event is about to be dealt with.
    pub(crate) fn begin(&self, kind: u8, detail: u16, about: u32) {
        self.set_work(Work { kind, detail, about, ..Work::default() });
    }

    /// The event of a host before is about to be dealt with.
    pub(crate) fn begin_again(&self, work: Work) {
        self.set_work(Work { again: true, ..work });
    }

    /// The same about the service that is worked on.
    pub(crate) fn begin_here(&self, kind: u8, detail: u16) {
        self.begin(kind, detail, self.current.get());
    }

    /// From here on, service `number` is worked on.
    pub(crate) fn enter(&self, number: u32) {
        self.current.set(number);
    }

    /// A program of the service that is worked on is about to be started.
    pub(crate) fn starting(&self, notification: Option<BorrowedFd<'_>>) {
        let notification = notification.map(|fd| fd.as_raw_fd());
        notification.into_iter().for_each(fault::keep);
        self.set_work(Work {
            starting: self.current.get().saturating_add(1),
            notification,
            ..self.work.get()
        });
    }

    /// The event is dealt with, and what it has changed is written.
    pub(crate) fn done(&self) {
        self.set_work(Work::default());
    }

    /// Leaves a process to be taken instead of the next start.
    pub(crate) fn leave(&self, adopted: Option<Adopted>) {
        self.adopted.replace(adopted);
    }

    /// The process to take instead of a start.
    pub(crate) fn adopt(&self) -> Option<Adopted> {
        self.adopted.take()
    }

    /// Writes the state of the service with this number, or that there is none.
    pub(crate) fn keep(&self, n: usize, record: Option<&Record>) {
        if let Some(record) = record {
            let service = record.service.iter().flat_map(|s| [s.dir, s.control, s.lock, s.notification]);
            record.named.into_iter().chain([record.end]).chain(service).flatten().for_each(fault::keep);
        }
        let place = u64::from(number(n)).saturating_mul(u64::try_from(RECORDS.1).unwrap_or_default());
        self.write(RECORDS.0.saturating_add(place), &Record::pack(record));
    }

    /// The packed header, its descriptors being handed over from now on.
    pub(crate) fn pack(header: &Header) -> Option<Vec<u8>> {
        let fds = [header.control, header.lock, header.oneshot, header.console];
        fds.into_iter().flatten().chain(header.policy_fds.iter().copied()).for_each(fault::keep);
        header.pack().filter(|bytes| bytes.len() <= HEADER.1)
    }
}
