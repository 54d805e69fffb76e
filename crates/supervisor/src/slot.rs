//! The slots of supervisor processes (see [`wire::supervisor_slot`] for their layout): the host's side, which has all of
//! them, and a supervisor's, which has its own.
//!
//! A supervisor that starts a service with a notification pipe sends the host the read end before.  The host keeps it until
//! the supervisor sends that it is of no use any more, so that a supervisor's death closes no pipe of a daemon.  It also sends
//! a write end of its control FIFO: while the host keeps that, the FIFO keeps the commands that nobody has read.

use crate::memory::Seen;
use crate::system::{about_to_store, raw};
use ipc::unix_message::send_with;
use rustix::io::Errno;
use rustix::process::Pid;
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use sys::mapping::{Mapping, memory_file};
use sys::process::Ended;
use sys::signal::Signal;
use wire::host_journal::{InFlight, Supervised};
use wire::supervisor_slot::{
    COPIES, END_PROCESS, END_STATUS, EVENTS, KILLS, LETTER, ROOM, SAID, SEEN, STARTED, SUPERVISOR, State,
    TOLD, WHICH, place,
};

/// A message from a supervisor: its number, the number of the start, and what is sent, all big-endian.
pub(crate) const MESSAGE: usize = 12;

/// What is sent: the notification pipe of the start, or nothing, if that is of no use any more.
pub(crate) const NOTIFICATION: u32 = 0;

/// What is sent: a write end of the control FIFO.
pub(crate) const CONTROL: u32 = 1;

/// What is sent: the service isn't started again, and something is to be done about it.
pub(crate) const OVER: u32 = 2;

/// The state in the slot at `base`; `None` if there is none, or it is damaged.
fn state(mapping: &Mapping, base: usize) -> Option<State> {
    let which = mapping.word(base.checked_add(WHICH)?)?.load(Ordering::Acquire);
    let copy = COPIES.0.get(usize::try_from(which).ok()?.checked_sub(1)?)?;
    let mut bytes = vec![0; COPIES.1];
    mapping.load(base.checked_add(*copy)?, &mut bytes).then_some(())?;
    State::unpack(&bytes)
}

/// What all processes know of kills.
fn kills(mapping: &Mapping) -> Option<Seen<'_>> {
    let [seen, spare, until] = KILLS.map(|at| mapping.word(at));
    Some([seen?, spare?, until?])
}

/// The slots of all supervisor processes of a host.
#[derive(Debug)]
pub(crate) struct Slots {
    fd: OwnedFd,
    mapping: Mapping,
}

impl Slots {
    /// Without supervisors.
    pub(crate) fn create() -> Result<Self, Errno> {
        let fd = memory_file(c"s6-supervise")?;
        Ok(Self::new(Self::map(fd.as_fd())?, fd))
    }

    /// Those behind this descriptor, which is mapped.
    pub(crate) fn new(mapping: Mapping, fd: OwnedFd) -> Self {
        Self { fd, mapping }
    }

    /// Maps the file of a host's supervisors.
    pub(crate) fn map(fd: BorrowedFd<'_>) -> Result<Mapping, Errno> {
        let size = usize::try_from(sys::fs::fstat(fd)?.st_size).unwrap_or_default();
        Mapping::new(fd, size)
    }

    fn word(&self, number: usize, at: usize) -> Option<&AtomicU32> {
        self.mapping.word(place(number)?.checked_add(at)?)
    }

    fn get(&self, number: usize, at: usize) -> u32 {
        self.word(number, at).map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn set(&self, number: usize, at: usize, value: u32) {
        if let Some(word) = self.word(number, at) {
            word.store(value, Ordering::Release);
        }
    }

    /// Makes room for a slot.
    pub(crate) fn reserve(&mut self, number: usize) -> Result<(), Errno> {
        let end = number.checked_add(1).and_then(place).ok_or(Errno::NOMEM)?;
        self.mapping.grow(self.fd.as_fd(), end)
    }

    /// Empties a slot.
    pub(crate) fn clear(&self, number: usize) {
        if let Some(at) = place(number) {
            self.mapping.store(at, &[0; ROOM]);
        }
    }

    /// What all processes know of kills.
    pub(crate) fn kills(&self) -> Option<Seen<'_>> {
        kills(&self.mapping)
    }

    /// The number of the last event in the record.
    pub(crate) fn events(&self) -> Option<&AtomicU32> {
        self.mapping.word(EVENTS)
    }

    /// Where the kernel stores a supervisor's process id.
    pub(crate) fn note(&self, number: usize) -> Option<&AtomicU32> {
        self.word(number, SUPERVISOR)
    }

    /// The process id of a supervisor that was started.
    pub(crate) fn supervisor(&self, number: usize) -> Option<Pid> {
        Pid::from_raw(self.get(number, SUPERVISOR).cast_signed())
    }

    /// A supervisor has ended.
    pub(crate) fn forget_supervisor(&self, number: usize) {
        self.set(number, SUPERVISOR, 0);
    }

    /// What a supervisor has left; `None` if it had nothing to leave.
    pub(crate) fn state(&self, number: usize) -> Option<State> {
        state(&self.mapping, place(number)?)
    }

    /// The process of a start in flight.
    pub(crate) fn started(&self, number: usize) -> Option<Pid> {
        Pid::from_raw(self.get(number, STARTED).cast_signed())
    }

    /// The number of the service, among so many, that a process belongs to which its supervisor can't reap any more.
    pub(crate) fn find(&self, pid: Pid, count: usize) -> Option<usize> {
        let is_current = |state: State| {
            state.in_flight.starting != 0 || state.supervised.is_some_and(|s| s.status.pid == raw(pid))
        };
        // The service's process is the last that was started.
        (0..count)
            .find(|number| self.started(*number) == Some(pid) && self.state(*number).is_some_and(is_current))
    }

    /// Leaves a supervisor how a process of its service has ended.
    pub(crate) fn put_end(&self, number: usize, pid: Pid, how: Ended) {
        self.set(number, END_STATUS, how.wstat().into());
        self.set(number, END_PROCESS, raw(pid));
    }

    /// The process whose end was left, until the supervisor has handled it.
    pub(crate) fn end(&self, number: usize) -> Option<Pid> {
        Pid::from_raw(self.get(number, END_PROCESS).cast_signed())
    }

    /// The service, and the number of its last start, if it isn't started again and something is to be done about it.
    pub(crate) fn over(&self, number: usize) -> Option<(Supervised, u32)> {
        let State { supervised, start, in_flight, .. } = self.state(number)?;
        let supervised = supervised.filter(|service| service.restarts.is_pending)?;
        // A start in flight has its number already; what is over came before it.
        let start = start.wrapping_sub((in_flight.starting != 0).into());
        (self.get(number, SEEN) != start).then_some((supervised, start))
    }

    /// That is being done, after this start.
    pub(crate) fn over_seen(&self, number: usize, start: u32) {
        about_to_store();
        self.set(number, SEEN, start);
    }

    /// Leaves a supervisor's successor what the supervisor was told.
    pub(crate) fn put_told(&self, number: usize, signal: Signal) {
        self.set(number, TOLD, signal.cast_unsigned());
    }
}

impl AsFd for Slots {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Slots {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// The slot of the supervisor that this process is, and the socket to its host.
#[derive(Debug)]
pub(crate) struct OwnSlot {
    mapping: Mapping,
    base: usize,
    number: u32,
    socket: OwnedFd,
    state: RefCell<State>,
    /// The copy that counts.
    which: Cell<u32>,
    /// Whether the host keeps the notification pipe of the last start.
    is_kept: Cell<bool>,
    /// The last start after which the host was told that the service isn't started again.
    over: Cell<u32>,
}

impl OwnSlot {
    /// The slot with this number in the file behind `fd`; whether the host keeps a notification pipe.
    pub(crate) fn open(
        fd: BorrowedFd<'_>,
        number: usize,
        socket: OwnedFd,
        is_kept: bool,
    ) -> Result<Self, Errno> {
        let base = place(number).ok_or(Errno::INVAL)?;
        let mapping = Mapping::part(fd, 0, base.saturating_add(ROOM))?;
        let number = u32::try_from(number).map_err(|_| Errno::INVAL)?;
        let (state, which, is_kept) = (RefCell::default(), Cell::new(0), Cell::new(is_kept));
        Ok(Self { mapping, base, number, socket, state, which, is_kept, over: Cell::new(0) })
    }

    fn word(&self, at: usize) -> Option<&AtomicU32> {
        self.mapping.word(self.base.saturating_add(at))
    }

    /// What all processes know of kills.
    pub(crate) fn kills(&self) -> Option<Seen<'_>> {
        kills(&self.mapping)
    }

    /// The number of the last event in the record.
    pub(crate) fn events(&self) -> Option<&AtomicU32> {
        self.mapping.word(EVENTS)
    }

    /// The number of the service.
    pub(crate) fn number(&self) -> usize {
        usize::try_from(self.number).unwrap_or(usize::MAX)
    }

    fn get(&self, at: usize) -> u32 {
        self.word(at).map_or(0, |word| word.load(Ordering::Acquire))
    }

    fn set(&self, at: usize, value: u32) {
        about_to_store();
        if let Some(word) = self.word(at) {
            word.store(value, Ordering::Release);
        }
    }

    fn store(&self, at: usize, bytes: &[u8]) -> bool {
        about_to_store();
        self.mapping.store(self.base.saturating_add(at), bytes)
    }

    /// What the supervisor before this one has left, which counts until this one writes its own.
    pub(crate) fn inherit(&self) -> Option<State> {
        let found = state(&self.mapping, self.base)?;
        self.which.set(self.get(WHICH));
        self.state.replace(found.clone());
        Some(found)
    }

    /// Writes the copy that doesn't count, and then makes it count.
    fn write(&self) {
        let which = if self.which.get() == 1 { 2 } else { 1 };
        let place = if which == 1 { COPIES.0[0] } else { COPIES.0[1] };
        if self.store(place, self.state.borrow().pack(&mut [0; COPIES.1])) {
            self.set(WHICH, which);
            self.which.set(which);
        }
    }

    /// An event is about to be handled, or a process to be started.
    pub(crate) fn set_in_flight(&self, event: InFlight) {
        self.state.borrow_mut().in_flight = event;
        self.write();
        // What was read is in the state from here on.
        match event.kind {
            InFlight::LETTER => drop(self.store(LETTER, &[0])),
            InFlight::READY => self.forget_said(),
            _ => {}
        }
    }

    /// An event has been handled; `None` ends the supervision.
    pub(crate) fn save(&self, supervised: Option<Supervised>) {
        let Some(supervised) = supervised else { return self.set(WHICH, 0) };
        if supervised.notification.is_none() && self.is_kept.take() {
            self.send(NOTIFICATION, None);
        }
        let mut state = self.state.borrow_mut();
        state.in_flight = InFlight::default();
        let start = state.start;
        let is_over = supervised.restarts.is_pending && self.over.replace(start) != start;
        state.supervised = Some(supervised);
        drop(state);
        self.write();
        if is_over {
            self.send(OVER, None);
        }
    }

    /// A process is about to be started, with this read end of a notification pipe.
    pub(crate) fn starting(&self, notification: Option<BorrowedFd<'_>>) {
        self.set(STARTED, 0);
        self.clear_end();
        self.forget_said();
        let start = self.state.borrow().start.wrapping_add(1);
        self.state.borrow_mut().start = start;
        if let Some(reader) = notification {
            self.send(NOTIFICATION, Some(reader));
            self.is_kept.set(true);
        }
    }

    /// Hands the host a write end of the control FIFO.
    pub(crate) fn lend_control(&self, writer: BorrowedFd<'_>) {
        self.send(CONTROL, Some(writer));
    }

    /// Hands the host a descriptor, or tells it that the last one is of no use any more.
    fn send(&self, what: u32, fd: Option<BorrowedFd<'_>>) {
        let words = [self.number, self.state.borrow().start, what];
        let message = words.map(u32::to_be_bytes).concat();
        let fds: Vec<_> = fd.into_iter().collect();
        // The host reads as fast as it can; without it nothing needs to be kept.
        while let Err(Errno::AGAIN) = send_with(&self.socket, &message, &fds) {
            if ipc::unix_message::wait(self.socket.as_fd(), rustix::event::PollFlags::OUT, None).is_err() {
                return;
            }
        }
    }

    /// The socket to the host.
    #[cfg(test)]
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Where the kernel stores the id of a process that is started.
    pub(crate) fn note(&self) -> Option<&AtomicU32> {
        self.word(STARTED)
    }

    /// Reads a letter, which the slot has from then on; `None` if there is none.
    pub(crate) fn read_letter(&self, fifo: BorrowedFd<'_>) -> Result<Option<u8>, Errno> {
        let count = self.mapping.read_into(fifo, self.base.saturating_add(LETTER), 1)?;
        about_to_store();
        match count {
            0 => Ok(None),
            _ => Ok(self.letter()),
        }
    }

    /// The letter that was read and isn't in the state.
    pub(crate) fn letter(&self) -> Option<u8> {
        let mut letter = [0];
        self.mapping.load(self.base.saturating_add(LETTER), &mut letter);
        let [letter] = letter;
        Some(letter).filter(|letter| *letter != 0)
    }

    /// Reads from a notification pipe, which the slot has from then on.
    pub(crate) fn read_said(&self, pipe: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
        let (at, room) = SAID;
        let count = self.mapping.read_into(pipe, self.base.saturating_add(at), room)?;
        about_to_store();
        let mut said = self.said();
        said.truncate(count);
        if !said.contains(&b'\n') {
            self.forget_said();
        }
        Ok(said)
    }

    /// What was read and isn't in the state.
    pub(crate) fn said(&self) -> Vec<u8> {
        let (at, room) = SAID;
        let mut said = vec![0; room];
        self.mapping.load(self.base.saturating_add(at), &mut said);
        said
    }

    fn forget_said(&self) {
        let (at, room) = SAID;
        self.store(at, &vec![0; room]);
    }

    /// How a process has ended that this supervisor isn't the parent of.
    pub(crate) fn end(&self) -> Option<(Pid, Ended)> {
        let pid = Pid::from_raw(self.get(END_PROCESS).cast_signed())?;
        // A status of wait(2) has 16 bits.
        let [.., high, low] = self.get(END_STATUS).to_be_bytes();
        Some((pid, Ended::from_wstat(u16::from_be_bytes([high, low]))))
    }

    /// That end has been handled.
    pub(crate) fn clear_end(&self) {
        self.set(END_PROCESS, 0);
    }

    /// The signal that this supervisor, or the one before it, was told.
    pub(crate) fn told(&self) -> Option<Signal> {
        Some(self.get(TOLD).cast_signed()).filter(|signal| *signal != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::fake::pid;

    fn pair() -> (Slots, OwnSlot) {
        let mut slots = Slots::create().unwrap();
        slots.reserve(40).unwrap();
        let (_, theirs) = ipc::relay::Relay::new().unwrap();
        let own = OwnSlot::open(slots.as_fd(), 9, theirs, false).unwrap();
        (slots, own)
    }

    #[test]
    fn a_state_counts_as_a_whole() {
        let (slots, own) = pair();
        assert_eq!((slots.state(9), own.inherit()), (None, None));
        own.set_in_flight(InFlight { kind: InFlight::LETTER, detail: 0x75, ..InFlight::default() });
        let first = slots.state(9).unwrap();
        assert_eq!((first.in_flight.detail, first.supervised), (0x75, None));
        own.starting(None);
        assert_eq!(slots.state(9).unwrap().start, 0, "it counts with the next event");
        own.set_in_flight(InFlight { starting: 10, ..InFlight::default() });
        assert_eq!((slots.state(9).unwrap().start, own.which.get()), (1, 2));
        own.save(None);
        assert_eq!(slots.state(9), None);
    }

    #[test]
    fn what_is_damaged_counts_as_nothing() {
        let (slots, own) = pair();
        own.set_in_flight(InFlight::default());
        slots.mapping.store(10 * ROOM + COPIES.0[0] + 24, &[7]);
        assert_eq!(slots.state(9), None);
        slots.set(9, WHICH, 3);
        assert_eq!((slots.state(9), own.inherit()), (None, None));
    }

    #[test]
    fn ends_and_processes_pass_between_the_sides() {
        let (slots, own) = pair();
        for how in [Ended::Exited(0), Ended::Exited(7), Ended::Killed(9)] {
            slots.put_end(9, pid(77), how);
            assert_eq!((own.end(), slots.end(9)), (Some((pid(77), how)), Some(pid(77))));
        }
        own.clear_end();
        assert_eq!((own.end(), slots.end(9)), (None, None));
        own.note().unwrap().store(78, Ordering::Relaxed);
        assert_eq!(
            (slots.started(9), slots.find(pid(78), 41)),
            (Some(pid(78)), None),
            "it may be another's now"
        );
        own.set_in_flight(InFlight { starting: 10, ..InFlight::default() });
        assert_eq!(slots.find(pid(78), 41), Some(9));
        assert_eq!((slots.find(pid(78), 9), slots.find(pid(79), 41)), (None, None));
        slots.put_told(9, sys::signal::HUP);
        assert_eq!(own.told(), Some(sys::signal::HUP));
        slots.clear(9);
        assert_eq!((own.told(), slots.started(9)), (None, None));
    }

    #[test]
    fn what_was_read_is_there_until_the_state_has_it() {
        let (_, own) = pair();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"ux\n").unwrap();
        assert_eq!(own.read_letter(reader.as_fd()), Ok(Some(b'u')));
        assert_eq!(own.letter(), Some(b'u'));
        own.set_in_flight(InFlight { kind: InFlight::LETTER, detail: 0x75, ..InFlight::default() });
        assert_eq!(own.letter(), None);
        assert_eq!(own.read_said(reader.as_fd()), Ok(b"x\n".to_vec()));
        assert!(own.said().contains(&b'\n'));
        own.set_in_flight(InFlight { kind: InFlight::READY, ..InFlight::default() });
        assert!(!own.said().contains(&b'\n'));
    }
}
