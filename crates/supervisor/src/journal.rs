//! The journal of a host, as a file in memory: always current, so that a fault at any moment finds it written.
//!
//! What a host reads, it reads into the journal: [`Journal::read_input`] is read(2) into the mapping.  An item of it is
//! there until it has been handled and all that it changed is written.  The end of a child is noted before the child is
//! reaped.  A successor handles what is left, from the state of before.  Handling something again is harmless but for
//! starting a process twice: so whose process is about to be started is written before, and the kernel stores the process
//! id, by which a successor finds it.
//!
//! A descriptor that the journal names is closed when the journal doesn't name it any more: [`Journal::close`].
//!
//! The journal is written by storing into a mapping of the file, which costs no system call; where there is no memory
//! for the mapping, by pwrite(2), and what is read isn't kept.
//!
//! A supervisor process keeps its journal in the slot that it shares with its host ([`crate::slot`]).
//!
//! A process that doesn't keep a journal has an empty [`Journal`], which keeps nothing.

use crate::slot::OwnSlot;
use crate::system::about_to_store;
use rustix::io::Errno;
use rustix::process::Pid;
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::AtomicU32;
use sys::fault;
use sys::mapping::{Mapping, memory_file};
use sys::process::Ended;
use wire::control::Command;
use wire::host_journal::{
    FAULT, HEADER, HEADER_SLOTS, Header, IN_FLIGHT, INPUT, INPUT_SOURCE, InFlight, MAGIC, RECORDS, Record,
    STARTED, Supervised,
};

/// A process that a former host started without noting it, with its notification pipe.
pub(crate) type Adopted = (Pid, Option<OwnedFd>);

/// The journal, or none.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    open: Option<Open>,
    input: RefCell<Input>,
}

#[derive(Debug)]
struct Open {
    place: Place,
    in_flight: Cell<InFlight>,
    /// The number of the service that the host is working on.
    current: Cell<u32>,
    /// What is offered, and the number of its service.
    adopted: RefCell<Option<(u32, Adopted)>>,
    /// Descriptors that the journal as it is written may still name.
    closing: RefCell<Vec<OwnedFd>>,
}

/// Where a journal is.
#[derive(Debug)]
enum Place {
    File(File),
    Slot(Box<OwnSlot>),
}

#[derive(Debug)]
struct File {
    fd: OwnedFd,
    mapping: RefCell<Option<Mapping>>,
    /// The header as it is written.
    header: RefCell<Vec<u8>>,
}

/// What was read and isn't handled.
#[derive(Debug, Default)]
struct Input {
    /// Where the next item is.
    next: usize,
    /// The end of what was read.
    end: usize,
    /// The bytes themselves, where the journal doesn't have them.
    bytes: Vec<u8>,
}

/// A service's number as the journal has it.
pub(crate) fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// What takes the place of an item that has been handled.
const ZEROS: [u8; INPUT.1] = [0; INPUT.1];

/// An offset in the journal as one in memory.
fn place(at: impl TryInto<usize>) -> usize {
    at.try_into().unwrap_or(usize::MAX)
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
        Self::at(Place::Slot(Box::new(slot)))
    }

    fn at(place: Place) -> Self {
        let (in_flight, current, adopted) = (Cell::default(), Cell::new(0), RefCell::new(None));
        let open = Open { place, in_flight, current, adopted, closing: RefCell::default() };
        Self { open: Some(open), input: RefCell::default() }
    }

    fn file(&self) -> Option<&File> {
        match &self.open.as_ref()?.place {
            Place::File(file) => Some(file),
            Place::Slot(_) => None,
        }
    }

    /// The slot of a supervisor process; `None` in another one.
    pub(crate) fn slot(&self) -> Option<&OwnSlot> {
        match &self.open.as_ref()?.place {
            Place::File(_) => None,
            Place::Slot(slot) => Some(slot),
        }
    }

    /// The number of the service that is being worked on; `None` without a journal.
    pub(crate) fn current(&self) -> Option<usize> {
        let open = self.open.as_ref()?;
        match &open.place {
            Place::File(_) => usize::try_from(open.current.get()).ok(),
            Place::Slot(slot) => Some(slot.number()),
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

    /// Reads from a source into the journal: at most `room` bytes; gives their number.
    ///
    /// All items of the input before must have been handled.
    pub(crate) fn read_input(&self, source: u64, fd: BorrowedFd<'_>, room: usize) -> Result<usize, Errno> {
        let room = room.min(INPUT.1);
        let kept = self.file().and_then(|file| file.read_input(source, fd, room));
        let mut bytes = Vec::new();
        let end = match kept {
            Some(read) => read?,
            None => {
                bytes.resize(room, 0);
                let count = rustix::io::read(fd, &mut bytes)?;
                bytes.truncate(count);
                count
            }
        };
        self.input.replace(Input { next: 0, end, bytes });
        Ok(end)
    }

    /// The source of what a former host has read and not handled.
    pub(crate) fn source_left(&self) -> Option<u64> {
        let source = self.read(INPUT_SOURCE.into(), 8).ok()?;
        self.input.replace(Input { next: 0, end: INPUT.1, bytes: Vec::new() });
        Some(u64::from_be_bytes(*source.first_chunk()?))
    }

    /// The next item of the input, which has this size unless it is the last; it is in flight from then on.
    pub(crate) fn next_item(&self, size: usize) -> Option<Vec<u8>> {
        loop {
            let Input { next, end, .. } = *self.input.borrow();
            let count = size.min(end.saturating_sub(next));
            if count == 0 {
                return None;
            }
            let item = self.item_at(next, count);
            if item.iter().any(|byte| *byte != 0) {
                self.handle(InFlight::INPUT, 0, |_| 0);
                return Some(item);
            }
            self.input.borrow_mut().next = next.saturating_add(count);
        }
    }

    fn item_at(&self, at: usize, count: usize) -> Vec<u8> {
        let mut item = vec![0; count];
        let input = self.input.borrow();
        match input.bytes.get(at..at.saturating_add(count)) {
            Some(bytes) => item.copy_from_slice(bytes),
            None => {
                if let Some(file) = self.file() {
                    file.load(input_place(at), &mut item);
                }
            }
        }
        item
    }

    /// The item of this size has been handled, and what it has changed is written.
    pub(crate) fn item_done(&self, size: usize) {
        let Input { next, end, .. } = *self.input.borrow();
        let count = size.min(end.saturating_sub(next));
        self.input.borrow_mut().next = next.saturating_add(count);
        if let Some(file) = self.file().filter(|_| self.input.borrow().bytes.is_empty()) {
            file.write(input_place(next), ZEROS.get(..count).unwrap_or_default());
        }
        self.done();
    }

    /// A service with this number is being worked on from here on.
    pub(crate) fn enter(&self, number: usize) {
        if let Some(open) = &self.open {
            open.current.set(self::number(number));
        }
    }

    /// The end of a child is about to be handled.
    pub(crate) fn handle_end(&self, pid: Pid, how: Ended) {
        self.handle(InFlight::ENDED, how.wstat(), |_| crate::system::raw(pid));
    }

    /// A command to the service of a supervisor process is about to be handled.
    pub(crate) fn handle_command(&self, command: Command) {
        if self.slot().is_some() {
            self.handle(InFlight::LETTER, command.letter().into(), |open| open.current.get());
        }
    }

    /// The readiness of the service of a supervisor process is about to be handled.
    pub(crate) fn handle_readiness(&self) {
        if self.slot().is_some() {
            self.handle(InFlight::READY, 0, |open| open.current.get());
        }
    }

    fn handle(&self, kind: u8, detail: u16, about: impl FnOnce(&Open) -> u32) {
        let Some(open) = &self.open else { return };
        let new = InFlight { kind, detail, about: about(open), ..InFlight::default() };
        let old = open.in_flight.get();
        // The event of a former host stays marked as such, with what that has started.
        let is_same = old.repeats > 0 && (old.kind, old.detail, old.about) == (kind, detail, new.about);
        open.set_in_flight(if is_same { old } else { open.with_start(new) });
    }

    /// A connection is about to be served.
    pub(crate) fn serving(&self, connection: BorrowedFd<'_>) {
        let Some(open) = &self.open else { return };
        fault::keep(connection.as_raw_fd());
        self.clear_started();
        let notification = Some(connection.as_raw_fd());
        open.set_in_flight(InFlight { kind: InFlight::SERVED, notification, ..InFlight::default() });
    }

    /// The in-flight event of a former host is about to be handled.
    pub(crate) fn repeat(&self, event: InFlight) {
        if let Some(open) = &self.open {
            open.set_in_flight(InFlight { repeats: event.repeats.saturating_add(1), ..event });
        }
    }

    /// A process of the current service is about to be started.
    pub(crate) fn starting(&self, notification: Option<BorrowedFd<'_>>) {
        let Some(open) = &self.open else { return };
        match &open.place {
            Place::File(_) => {
                notification.iter().for_each(|fd| fault::keep(fd.as_raw_fd()));
                self.clear_started();
            }
            Place::Slot(slot) => slot.starting(notification),
        }
        let notification = notification.map(|fd| fd.as_raw_fd());
        let starting = open.current.get().saturating_add(1);
        open.set_in_flight(InFlight { starting, notification, ..open.in_flight.get() });
    }

    /// This child of the policy is about to be started.
    pub(crate) fn starting_child(&self, kind: u8) {
        let Some(open) = &self.open else { return };
        self.clear_started();
        let starting = InFlight::CHILDREN.saturating_add(kind.into());
        open.set_in_flight(InFlight { starting, notification: None, ..open.in_flight.get() });
    }

    /// What sees to the end of the service with this number is about to be started.
    pub(crate) fn starting_consequence(&self, n: usize) {
        let Some(open) = &self.open else { return };
        self.clear_started();
        let starting = InFlight::CONSEQUENCES.saturating_add(number(n));
        open.set_in_flight(InFlight { starting, notification: None, ..open.in_flight.get() });
    }

    /// What was being started is in the journal by now, or wasn't started.
    pub(crate) fn started(&self) {
        if let Some(open) = &self.open {
            let event = open.in_flight.get();
            open.set_in_flight(open.with_start(event));
        }
    }

    fn clear_started(&self) {
        if let Some(file) = self.file() {
            file.write(STARTED.into(), &[0; 4]);
        }
    }

    /// The process that was being started, as the kernel has stored it.
    pub(crate) fn noted(&self) -> Option<Pid> {
        // From the file: there may be no memory for a mapping.
        let word = self.read(STARTED.into(), 4).ok()?;
        Pid::from_raw(i32::from_ne_bytes(*word.first_chunk()?))
    }

    /// The event has been handled, and what it has changed is written.
    pub(crate) fn done(&self) {
        if let Some(open) = &self.open {
            open.set_in_flight(open.with_start(InFlight::default()));
            open.closing.take();
        }
    }

    /// An event has been handled by a supervisor process, with this outcome.
    pub(crate) fn save(&self, supervised: impl FnOnce() -> Option<Supervised>) {
        if let Some(open) = &self.open
            && let Place::Slot(slot) = &open.place
        {
            open.in_flight.take();
            slot.save(supervised());
            open.closing.take();
        }
    }

    /// Closes a descriptor when the journal doesn't name it any more: its number may be another file's then.
    pub(crate) fn close(&self, fd: Option<OwnedFd>) {
        if let Some(open) = &self.open {
            open.closing.borrow_mut().extend(fd);
        }
    }

    /// Reads a letter of the control FIFO of a supervisor process; `None` for the end.
    pub(crate) fn read_letter(&self, fifo: BorrowedFd<'_>) -> Result<Option<u8>, Errno> {
        if let Some(slot) = self.slot() {
            return slot.read_letter(fifo);
        }
        let mut letter = [0; 1];
        let count = rustix::io::read(fifo, &mut letter)?;
        Ok(letter.into_iter().take(count).next())
    }

    /// Reads from the notification pipe of a supervisor process.
    pub(crate) fn read_said(&self, pipe: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
        if let Some(slot) = self.slot() {
            return slot.read_said(pipe);
        }
        let mut bytes = [0; 512];
        let count = rustix::io::read(pipe, &mut bytes)?;
        Ok(bytes.into_iter().take(count).collect())
    }

    /// Calls `start` with the place where the kernel stores the id of the process that it starts.
    pub(crate) fn with_note<T>(&self, start: impl FnOnce(Option<&AtomicU32>) -> T) -> T {
        if let Some(slot) = self.slot() {
            return start(slot.note());
        }
        let mapping = self.file().and_then(|file| file.mapping.try_borrow().ok());
        start(mapping.as_ref().and_then(|mapping| mapping.as_ref()?.word(place(STARTED))))
    }

    /// Offers a process that takes the place of the next start of the current service.
    pub(crate) fn offer(&self, adopted: Adopted) {
        if let Some(open) = &self.open {
            open.adopted.replace(Some((open.current.get(), adopted)));
        }
    }

    /// The process that takes the place of a start of the current service.
    pub(crate) fn adopt(&self) -> Option<Adopted> {
        let open = self.open.as_ref()?;
        let mut adopted = open.adopted.try_borrow_mut().ok()?;
        Some(adopted.take_if(|(number, _)| *number == open.current.get())?.1)
    }

    /// Writes the state of the service with this number, or that there is none.
    pub(crate) fn write_record(&self, n: usize, record: Option<&Record<'_>>) {
        let Some(file) = self.file() else { return };
        if let Some(record) = record {
            let service = record.service.iter().flat_map(|s| [s.dir, s.control, s.lock, s.notification]);
            let others =
                record.named.into_iter().chain([record.log_pipe, record.dir, record.kept.1, record.control]);
            others.chain(service).flatten().for_each(fault::keep);
        }
        file.write(record_place(n), Record::pack(record, &mut [0; RECORDS.1]));
    }

    /// Writes the header if it has changed; its descriptors are handed over from then on.
    pub(crate) fn write_header(&self, header: &Header) {
        let Some(file) = self.file() else { return };
        let fds = [header.control, header.lock, header.oneshot, header.console];
        fds.into_iter()
            .chain(header.supervisors)
            .chain(header.board)
            .flatten()
            .chain(header.policy_fds.iter().copied())
            .for_each(fault::keep);
        let mut room = [0; HEADER.1];
        let Some(bytes) = header.pack(&mut room) else { return };
        if *file.header.borrow() != bytes {
            file.write(HEADER.0, bytes);
            file.header.replace(bytes.to_vec());
        }
    }

    /// Writes how many services' records there are, which the header has, too.
    pub(crate) fn write_count(&self, count: usize) {
        let Some(file) = self.file() else { return };
        let (count, at) = (number(count).to_be_bytes(), place(HEADER_SLOTS));
        if let Ok(mut header) = file.header.try_borrow_mut()
            && let Some(written) = header.get_mut(at..at.saturating_add(count.len()))
            && written != count
        {
            written.copy_from_slice(&count);
            file.write(HEADER.0.saturating_add(u64::from(HEADER_SLOTS)), &count);
        }
    }

    /// Forgets the fault that ended the former host.
    pub(crate) fn clear_fault(&self) {
        if let Some(file) = self.file() {
            file.write(FAULT.into(), &[0]);
        }
    }
}

/// Offset of this byte of the input.
fn input_place(at: usize) -> u64 {
    INPUT.0.saturating_add(u64::try_from(at).unwrap_or(u64::MAX))
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
        about_to_store();
        let (Ok(at), Ok(mut mapping)) = (usize::try_from(at), self.mapping.try_borrow_mut()) else {
            return false;
        };
        let Some(mapping) = mapping.as_mut() else { return false };
        mapping.store(at, bytes)
            || (mapping.grow(self.fd.as_fd(), at.saturating_add(bytes.len())).is_ok()
                && mapping.store(at, bytes))
    }

    fn load(&self, at: u64, bytes: &mut [u8]) {
        if let (Ok(at), Ok(mapping)) = (usize::try_from(at), self.mapping.try_borrow())
            && mapping.as_ref().is_some_and(|mapping| mapping.load(at, bytes))
        {
            return;
        }
        // Only for lack of memory, as in `write`.
        let _ = rustix::io::pread(&self.fd, bytes, at);
    }

    /// Reads into the file; `None` without a mapping.
    fn read_input(&self, source: u64, fd: BorrowedFd<'_>, room: usize) -> Option<Result<usize, Errno>> {
        let mapping = self.mapping.try_borrow().ok()?;
        let mapping = mapping.as_ref()?;
        about_to_store();
        mapping.store(place(INPUT_SOURCE), &source.to_be_bytes());
        let read = mapping.read_into(fd, place(INPUT.0), room);
        about_to_store();
        Some(read)
    }
}

impl Open {
    /// The event without a start, or with that of the process that is still on offer.
    fn with_start(&self, event: InFlight) -> InFlight {
        let is_on_offer = self.adopted.try_borrow().is_ok_and(|adopted| adopted.is_some());
        let InFlight { starting, notification, .. } = self.in_flight.get();
        let (starting, notification) = if is_on_offer { (starting, notification) } else { (0, None) };
        InFlight { starting, notification, ..event }
    }

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
    use std::sync::atomic::Ordering;

    fn in_flight(journal: &Journal) -> InFlight {
        InFlight::unpack(&journal.read(IN_FLIGHT.0, IN_FLIGHT.1).unwrap()).unwrap()
    }

    /// The journal as a successor opens it.
    fn reopened(journal: &Journal) -> Journal {
        Journal::open(rustix::io::dup(&journal.file().unwrap().fd).unwrap())
    }

    #[test]
    fn an_event_is_in_flight_until_it_is_done() {
        let journal = Journal::create().unwrap();
        assert_eq!(journal.read(0, 8).unwrap(), MAGIC);
        assert_eq!(in_flight(&journal), InFlight::default());
        let pid = Pid::from_raw(77).unwrap();
        journal.handle_end(pid, Ended::Exited(2));
        let event = InFlight { kind: InFlight::ENDED, detail: 0x200, about: 77, ..InFlight::default() };
        assert_eq!(in_flight(&journal), event);
        journal.enter(3);
        journal.starting(None);
        assert_eq!(in_flight(&journal), InFlight { starting: 4, ..event });
        journal.starting_child(1);
        assert_eq!(in_flight(&journal), InFlight { starting: 0x8000_0001, ..event });
        journal.started();
        assert_eq!(in_flight(&journal), event);
        journal.done();
        assert_eq!(in_flight(&journal), InFlight::default());
        journal.repeat(event);
        journal.handle_end(pid, Ended::Exited(2));
        assert_eq!(in_flight(&journal), InFlight { repeats: 1, ..event });
        journal.handle_end(pid, Ended::Exited(3));
        assert_eq!(in_flight(&journal).repeats, 0, "another one has come");
    }

    #[test]
    fn what_is_read_is_kept_until_it_is_handled() {
        for journal in [Journal::create().unwrap(), Journal::default()] {
            let (reader, writer) = rustix::pipe::pipe().unwrap();
            rustix::io::write(&writer, b"abcd\0e").unwrap();
            assert_eq!(journal.read_input(7, reader.as_fd(), 9), Ok(6));
            assert_eq!(journal.next_item(2).as_deref(), Some(&b"ab"[..]));
            assert_eq!(journal.next_item(2).as_deref(), Some(&b"ab"[..]), "it isn't handled yet");
            journal.item_done(2);
            assert_eq!(journal.next_item(2).as_deref(), Some(&b"cd"[..]));
            if journal.as_raw().is_some() {
                let next = reopened(&journal);
                assert_eq!((next.source_left(), in_flight(&next).kind), (Some(7), InFlight::INPUT));
                assert_eq!(next.next_item(2).as_deref(), Some(&b"cd"[..]));
            }
            journal.item_done(2);
            assert_eq!(journal.next_item(1).as_deref(), Some(&b"e"[..]), "zeros are no items");
            journal.item_done(1);
            assert_eq!(journal.next_item(1), None);
            if journal.as_raw().is_some() {
                assert_eq!(reopened(&journal).source_left(), Some(7));
                assert_eq!(reopened(&journal).next_item(1), None);
            }
        }
    }

    #[test]
    fn the_kernel_notes_who_was_started() {
        let journal = Journal::create().unwrap();
        journal.enter(0);
        journal.starting(None);
        assert_eq!(journal.noted(), None);
        journal.with_note(|note| note.unwrap().store(4242, Ordering::Relaxed));
        assert_eq!(reopened(&journal).noted(), Pid::from_raw(4242));
        let without_memory = reopened(&journal);
        without_memory.file().unwrap().mapping.replace(None);
        assert_eq!(without_memory.noted(), Pid::from_raw(4242));
        journal.starting_child(0);
        assert_eq!(journal.noted(), None);
        Journal::default().with_note(|note| assert!(note.is_none()));
    }

    #[test]
    fn a_descriptor_is_closed_when_the_journal_is_written() {
        let journal = Journal::create().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        journal.close(Some(writer));
        assert_eq!(rustix::io::ioctl_fionread(&reader), Ok(0));
        let is_open = || {
            let mut fds = [rustix::event::PollFd::new(&reader, rustix::event::PollFlags::IN)];
            let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            rustix::event::poll(&mut fds, Some(&now)) == Ok(0)
        };
        assert!(is_open());
        journal.done();
        assert!(!is_open());
    }

    #[test]
    fn without_memory_for_a_mapping_the_file_is_read_and_written() {
        let journal = Journal::create().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"ud").unwrap();
        assert_eq!(journal.read_input(7, reader.as_fd(), 8), Ok(2));
        let next = reopened(&journal);
        next.file().unwrap().mapping.replace(None);
        assert_eq!(next.source_left(), Some(7));
        for letter in [b"u", b"d"] {
            assert_eq!(next.next_item(1).as_deref(), Some(&letter[..]));
            next.item_done(1);
        }
        assert_eq!(next.next_item(1), None);
        let last = reopened(&journal);
        last.source_left();
        assert_eq!(last.next_item(1), None, "what was handled isn't handled again");
    }

    #[test]
    fn records_have_their_places() {
        let journal = Journal::create().unwrap();
        journal.write_record(2, None);
        assert_eq!(journal.read(2048 + 2 * 672, 672).unwrap().first(), Some(&0));
        assert_eq!(record_place(0), 2048);
    }

    #[test]
    fn the_number_of_records_can_be_written_alone() {
        let journal = Journal::create().unwrap();
        journal.write_header(&Header { pid: 7, slots: 2, ..Header::default() });
        journal.write_count(300);
        let header = || Header::unpack(&journal.read(HEADER.0, HEADER.1).unwrap()).unwrap();
        assert_eq!((header().pid, header().slots), (7, 300));
        journal.write_header(&Header { pid: 7, slots: 2, ..Header::default() });
        assert_eq!(header().slots, 2);
    }

    #[test]
    fn without_a_journal_nothing_is_kept() {
        let journal = Journal::default();
        journal.handle_readiness();
        journal.offer((Pid::from_raw(7).unwrap(), None));
        assert!(journal.adopt().is_none() && journal.as_raw().is_none() && journal.noted().is_none());
        assert_eq!(journal.read(0, 8), Ok(Vec::new()));
    }
}
