//! The journal of a host, as a file in memory: always current, so that a fault at any moment finds it written.
//!
//! Besides the services it holds the in-flight event.  What an event changes is written when the event has been handled;
//! until then the journal names the event, so that a successor can complete it, and the service whose process is about to
//! be started, so that a successor can find the process.
//!
//! The journal is written by storing into a mapping of the file, which costs no system call; where there is no memory
//! for the mapping, by pwrite(2).
//!
//! A supervisor process keeps its journal in the slot that it shares with its host ([`crate::slot`]).
//!
//! A process that doesn't keep a journal has an empty [`Journal`], whose functions do nothing.

use crate::slot::OwnSlot;
use rustix::io::Errno;
use rustix::process::Pid;
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicU32;
use sys::fault;
use sys::mapping::{Mapping, memory_file};
use sys::process::Ended;
use wire::control::Command;
use wire::host_journal::{FAULT, HEADER, Header, IN_FLIGHT, InFlight, MAGIC, RECORDS, Record, Supervised};

/// A process that a former host started without noting it, with its notification pipe.
pub(crate) type Adopted = (Pid, Option<OwnedFd>);

/// The journal, or none.
#[derive(Debug, Default)]
pub(crate) struct Journal(Option<Open>);

#[derive(Debug)]
struct Open {
    place: Place,
    in_flight: Cell<InFlight>,
    /// The number of the service that the host is working on.
    current: Cell<u32>,
    adopted: RefCell<Option<Adopted>>,
}

/// Where a journal is.
#[derive(Debug)]
enum Place {
    File(File),
    Slot(OwnSlot),
}

#[derive(Debug)]
struct File {
    fd: OwnedFd,
    mapping: RefCell<Option<Mapping>>,
    /// The header as it is written.
    header: RefCell<Vec<u8>>,
}

/// A service's number as the journal has it.
pub(crate) fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl Journal {
    /// A new journal, without services.
    pub(crate) fn create() -> Result<Self, Errno> {
        let fd = memory_file(c"s6-svscan")?;
        rustix::io::pwrite(&fd, &MAGIC, 0)?;
        rustix::io::pwrite(&fd, &InFlight::default().pack(), IN_FLIGHT.0)?;
        Ok(Self::open(fd))
    }

    /// The journal behind this descriptor.
    pub(crate) fn open(fd: OwnedFd) -> Self {
        let mapping = RefCell::new(Mapping::new(fd.as_fd(), 0).ok());
        Self::at(Place::File(File { fd, mapping, header: RefCell::default() }))
    }

    /// The journal of a supervisor process.
    pub(crate) fn of_supervisor(slot: OwnSlot) -> Self {
        Self::at(Place::Slot(slot))
    }

    fn at(place: Place) -> Self {
        let (in_flight, current, adopted) = (Cell::default(), Cell::new(0), RefCell::new(None));
        Self(Some(Open { place, in_flight, current, adopted }))
    }

    fn file(&self) -> Option<&File> {
        match &self.0.as_ref()?.place {
            Place::File(file) => Some(file),
            Place::Slot(_) => None,
        }
    }

    /// The slot of a supervisor process; `None` in another one.
    pub(crate) fn slot(&self) -> Option<&OwnSlot> {
        match &self.0.as_ref()?.place {
            Place::File(_) => None,
            Place::Slot(slot) => Some(slot),
        }
    }

    /// The descriptor of a host's journal; `None` if there is none.
    pub(crate) fn as_raw(&self) -> Option<RawFd> {
        self.file().map(|file| file.fd.as_raw_fd())
    }

    /// What is in the file at `at`, at most `room` bytes.
    pub(crate) fn read(&self, at: u64, room: usize) -> Result<Vec<u8>, Errno> {
        let Some(file) = self.file() else { return Ok(Vec::new()) };
        let mut bytes = vec![0; room];
        let count = rustix::io::pread(&file.fd, &mut bytes, at)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// A service with this number is being worked on from here on.
    pub(crate) fn enter(&self, number: usize) {
        if let Some(open) = &self.0 {
            open.current.set(self::number(number));
        }
    }

    /// The end of a child is about to be handled.
    pub(crate) fn handle_end(&self, pid: Pid, how: Ended) {
        self.handle(InFlight::ENDED, how.wstat(), |_| crate::system::raw(pid));
    }

    /// A command to the current service is about to be handled.
    pub(crate) fn handle_command(&self, command: Command) {
        self.handle(InFlight::LETTER, command.letter().into(), |open| open.current.get());
    }

    /// The readiness of the current service is about to be handled.
    pub(crate) fn handle_readiness(&self) {
        self.handle(InFlight::READY, 0, |open| open.current.get());
    }

    fn handle(&self, kind: u8, detail: u16, about: impl FnOnce(&Open) -> u32) {
        let Some(open) = &self.0 else { return };
        let new = InFlight { kind, detail, about: about(open), ..InFlight::default() };
        let old = open.in_flight.get();
        // The event of a former host stays marked as such.
        let is_repeated = old.is_repeated && (old.kind, old.detail, old.about) == (kind, detail, new.about);
        open.set_in_flight(InFlight { is_repeated, ..new });
    }

    /// The in-flight event of a former host is about to be handled.
    pub(crate) fn repeat(&self, event: InFlight) {
        if let Some(open) = &self.0 {
            open.set_in_flight(InFlight { is_repeated: true, ..event });
        }
    }

    /// A process of the current service is about to be started.
    pub(crate) fn starting(&self, notification: Option<BorrowedFd<'_>>) {
        let Some(open) = &self.0 else { return };
        match &open.place {
            Place::File(_) => notification.iter().for_each(|fd| fault::keep(fd.as_raw_fd())),
            Place::Slot(slot) => slot.starting(notification),
        }
        let notification = notification.map(|fd| fd.as_raw_fd());
        let starting = open.current.get().saturating_add(1);
        open.set_in_flight(InFlight { starting, notification, ..open.in_flight.get() });
    }

    /// The event has been handled, and what it has changed is written.
    pub(crate) fn done(&self) {
        if let Some(open) = &self.0 {
            open.set_in_flight(InFlight::default());
        }
    }

    /// An event has been handled by a supervisor process, with this outcome.
    pub(crate) fn save(&self, supervised: impl FnOnce() -> Option<Supervised>) {
        if let Some(open) = &self.0
            && let Place::Slot(slot) = &open.place
        {
            open.in_flight.take();
            slot.save(supervised());
        }
    }

    /// Reads a letter of the current service's control FIFO; `None` for the end.
    pub(crate) fn read_letter(&self, fifo: BorrowedFd<'_>) -> Result<Option<u8>, Errno> {
        if let Some(slot) = self.slot() {
            return slot.read_letter(fifo);
        }
        let mut letter = [0; 1];
        let count = rustix::io::read(fifo, &mut letter)?;
        Ok(letter.into_iter().take(count).next())
    }

    /// Reads from the current service's notification pipe.
    pub(crate) fn read_said(&self, pipe: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
        if let Some(slot) = self.slot() {
            return slot.read_said(pipe);
        }
        let mut bytes = [0; 512];
        let count = rustix::io::read(pipe, &mut bytes)?;
        Ok(bytes.into_iter().take(count).collect())
    }

    /// Where the kernel stores the id of a process that is started.
    pub(crate) fn note(&self) -> Option<&AtomicU32> {
        self.slot()?.note()
    }

    /// Offers a process that takes the place of the next start.
    pub(crate) fn offer(&self, adopted: Adopted) {
        if let Some(open) = &self.0 {
            open.adopted.replace(Some(adopted));
        }
    }

    /// The process that takes the place of a start.
    pub(crate) fn adopt(&self) -> Option<Adopted> {
        self.0.as_ref()?.adopted.take()
    }

    /// Writes the state of the service with this number, or that there is none.
    pub(crate) fn write_record(&self, n: usize, record: Option<&Record>) {
        let Some(file) = self.file() else { return };
        if let Some(record) = record {
            let service = record.service.iter().flat_map(|s| [s.dir, s.control, s.lock, s.notification]);
            let others = record.named.into_iter().chain([record.log_pipe, record.dir, record.kept.1]);
            others.chain(service).flatten().for_each(fault::keep);
        }
        file.write(record_place(n), &Record::pack(record));
    }

    /// Writes the header if it has changed; its descriptors are handed over from then on.
    pub(crate) fn write_header(&self, header: &Header) {
        let Some(file) = self.file() else { return };
        let fds = [header.control, header.lock, header.oneshot, header.console];
        fds.into_iter()
            .chain(header.supervisors)
            .flatten()
            .chain(header.policy_fds.iter().copied())
            .for_each(fault::keep);
        let Some(bytes) = header.pack().filter(|bytes| bytes.len() <= HEADER.1) else { return };
        if *file.header.borrow() != bytes {
            file.write(HEADER.0, &bytes);
            file.header.replace(bytes);
        }
    }

    /// Forgets the fault that ended the former host.
    pub(crate) fn clear_fault(&self) {
        if let Some(file) = self.file() {
            file.write(FAULT.into(), &[0]);
        }
    }
}

/// Offset of the record of the service with this number.
pub(crate) fn record_place(n: usize) -> u64 {
    let (first, room) = RECORDS;
    u64::from(number(n)).saturating_mul(u64::try_from(room).unwrap_or_default()).saturating_add(first)
}

impl File {
    fn write(&self, at: u64, bytes: &[u8]) {
        if !self.store(at, bytes) {
            // Only for lack of memory; the journal then has the state of a moment before.
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
}

impl Open {
    fn set_in_flight(&self, event: InFlight) {
        if self.in_flight.replace(event) == event {
            return;
        }
        match &self.place {
            Place::File(file) => file.write(IN_FLIGHT.0, &event.pack()),
            Place::Slot(slot) => slot.set_in_flight(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_flight(journal: &Journal) -> InFlight {
        InFlight::unpack(&journal.read(IN_FLIGHT.0, IN_FLIGHT.1).unwrap()).unwrap()
    }

    #[test]
    fn an_event_is_in_flight_until_it_is_done() {
        let journal = Journal::create().unwrap();
        assert_eq!(journal.read(0, 8).unwrap(), MAGIC);
        assert_eq!(in_flight(&journal), InFlight::default());
        journal.enter(3);
        journal.handle_command(Command::Up);
        let event = InFlight { kind: InFlight::LETTER, detail: 0x75, about: 3, ..InFlight::default() };
        assert_eq!(in_flight(&journal), event);
        journal.starting(None);
        assert_eq!(in_flight(&journal), InFlight { starting: 4, ..event });
        journal.done();
        assert_eq!(in_flight(&journal), InFlight::default());
        journal.handle_end(Pid::from_raw(77).unwrap(), Ended::Exited(2));
        let event = InFlight { kind: InFlight::ENDED, detail: 0x200, about: 77, ..InFlight::default() };
        assert_eq!(in_flight(&journal), event);
        journal.handle_readiness();
        assert_eq!(in_flight(&journal), InFlight { kind: InFlight::READY, about: 3, ..InFlight::default() });
    }

    #[test]
    fn a_repeated_event_stays_marked_until_another_one_comes() {
        let journal = Journal::create().unwrap();
        let event = InFlight { kind: InFlight::LETTER, detail: 0x64, about: 1, ..InFlight::default() };
        journal.enter(1);
        journal.repeat(event);
        journal.handle_command(Command::Down);
        assert_eq!(in_flight(&journal), InFlight { is_repeated: true, ..event });
        journal.handle_command(Command::Up);
        assert!(!in_flight(&journal).is_repeated);
        journal.handle_command(Command::Down);
        assert_eq!(in_flight(&journal), event);
    }

    #[test]
    fn records_have_their_places() {
        let journal = Journal::create().unwrap();
        journal.write_record(2, None);
        assert_eq!(journal.read(1024 + 2 * 448, 448).unwrap().first(), Some(&0));
        assert_eq!(record_place(0), 1024);
    }

    #[test]
    fn without_a_journal_nothing_is_kept() {
        let journal = Journal::default();
        journal.handle_readiness();
        journal.offer((Pid::from_raw(7).unwrap(), None));
        assert!(journal.adopt().is_none() && journal.as_raw().is_none());
        assert_eq!(journal.read(0, 8), Ok(Vec::new()));
    }
}
