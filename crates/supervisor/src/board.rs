//! What everybody may know of a container: writes the status board and the record of events.
//!
//! A host makes both files and hands them to its supervisor processes.  What is written is written by pwrite(2), a whole record
//! at a time, of state that lives elsewhere: so a file that somebody has cut, emptied or removed costs nothing but itself, and
//! nothing here waits.  A mapping would save the call, and a fault for each file that is cut by its owner.

use crate::system::{Effect, System};
use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags};
use rustix::io::Errno;
use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use sys::missing::is_missing;
use wire::board::{Header, RECORDS_AT_ONCE, Row, SIZE, place};
use wire::record::{self, Event, Ring};

/// At most so many events come of one change of a service.
pub(crate) const EVENTS_MAX: usize = 4;

/// The board and the record, or what of them there is.
#[derive(Debug)]
pub struct Board {
    board: Option<OwnedFd>,
    record: Option<OwnedFd>,
    /// This process.
    pid: u32,
    /// Of a host: the container.
    header: RefCell<Header>,
    /// For how many services the file has room.
    room: Cell<usize>,
    /// The number of the last event, unless supervisor processes share it.
    last: AtomicU32,
}

impl Default for Board {
    /// Nothing is written.
    fn default() -> Self {
        Self::of_supervisor(None, None)
    }
}

/// A new file with this content and room for so many bytes; it takes the place of another one.
fn create(dir: BorrowedFd<'_>, name: &str, mode: u32, head: &[u8], room: usize) -> Result<OwnedFd, Errno> {
    match sys::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(e) => return Err(e),
    }
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = sys::fs::openat(dir, name, flags, Mode::from_raw_mode(mode)).and_then(|file| {
        rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?;
        reserve(&file, room)?;
        rustix::io::pwrite(&file, head, 0)?;
        Ok(file)
    });
    if made.is_err() {
        let _ = sys::fs::unlinkat(dir, name, AtFlags::empty());
    }
    made
}

/// Makes room for so many bytes in a file; where the file system can't, what is written takes room when it is.
fn reserve(file: &OwnedFd, bytes: usize) -> Result<(), Errno> {
    let length = u64::try_from(bytes).unwrap_or(u64::MAX);
    match rustix::io::retry_on_intr(|| rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length)) {
        Err(e) if is_missing(e) || e == Errno::OPNOTSUPP => rustix::fs::ftruncate(file, length),
        done => done,
    }
}

/// What a file of so many records has, in bytes.
fn bytes_for(records: usize) -> usize {
    place(records).unwrap_or(usize::MAX)
}

/// The time by both clocks.
fn clocks() -> (Duration, Duration) {
    let wall = sys::clock::get(rustix::time::ClockId::Realtime);
    (tool::clock::now(), Duration::try_from(wall).unwrap_or_default())
}

impl Board {
    /// Makes both files in a directory that belongs to this user; what can't be made is missing, and said why.
    #[must_use]
    pub fn create(dir: BorrowedFd<'_>, mode: u32) -> (Self, Option<Errno>) {
        let clocks = clocks();
        let pid = crate::system::raw(rustix::process::getpid());
        let records = u32::try_from(RECORDS_AT_ONCE).unwrap_or_default();
        let header = Header {
            records,
            pid,
            clocks,
            boot_code: Header::NONE,
            exit_code: Header::NONE,
            ..Header::default()
        };
        let board = create(dir, "board", mode, &header.pack(), bytes_for(RECORDS_AT_ONCE));
        let record = create(dir, "record", mode, &record::header(clocks), record::FILE);
        let why = board.as_ref().err().or(record.as_ref().err()).copied();
        let board = Self {
            board: board.ok(),
            record: record.ok(),
            pid,
            header: RefCell::new(header),
            room: Cell::new(RECORDS_AT_ONCE),
            last: AtomicU32::new(0),
        };
        (board, why)
    }

    /// The files that a host has made, for one of its supervisor processes.
    pub(crate) fn of_supervisor(board: Option<OwnedFd>, record: Option<OwnedFd>) -> Self {
        let has_any = board.is_some() || record.is_some();
        let pid = if has_any { crate::system::raw(rustix::process::getpid()) } else { 0 };
        let (header, room, last) = (RefCell::default(), Cell::new(0), AtomicU32::new(0));
        Self { board, record, pid, header, room, last }
    }

    /// The files of a former host of this process.
    pub(crate) fn resume(board: Option<OwnedFd>, record: Option<OwnedFd>) -> Self {
        let resumed = Self::of_supervisor(board, record);
        if let Some(board) = &resumed.board {
            let mut bytes = [0; SIZE];
            let read = rustix::io::pread(board, &mut bytes, 0);
            let header = read.ok().and_then(|_| Header::unpack(&bytes));
            resumed
                .header
                .replace(header.unwrap_or_else(|| Header { clocks: clocks(), ..Header::default() }));
            let size = sys::fs::fstat(board).map_or(0, |found| found.st_size);
            let records = usize::try_from(size).unwrap_or_default().checked_div(SIZE).unwrap_or_default();
            resumed.room.set(records.saturating_sub(1));
        }
        let last = resumed.record.as_ref().and_then(|file| supervision::board::newest(file, Ring::Services));
        resumed.last.store(last.unwrap_or_default(), Ordering::Relaxed);
        resumed
    }

    /// The descriptors of both files.
    pub(crate) fn files(&self) -> [Option<BorrowedFd<'_>>; 2] {
        [&self.board, &self.record].map(|file| file.as_ref().map(AsFd::as_fd))
    }

    /// The process that writes.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether there is any of the two.
    pub(crate) fn is_any(&self) -> bool {
        self.board.is_some() || self.record.is_some()
    }

    /// Sets the number of the last event.
    #[cfg(test)]
    pub(crate) fn set_last(&self, number: u32) {
        self.last.store(number, Ordering::Relaxed);
    }

    /// Whether events are written.
    pub(crate) fn has_record(&self) -> bool {
        self.record.is_some()
    }

    /// Writes what everybody may know of a service into the place with this number; what is there already isn't written
    /// again: `written` has its checksum.
    pub(crate) fn show(&self, system: &dyn System, number: usize, row: &Row, written: &mut u32) {
        let Some(file) = &self.board else { return };
        let packed = row.pack();
        let sum = packed.first_chunk().map_or(0, |sum| u32::from_be_bytes(*sum));
        if sum != *written && Self::put(system, file, place(number), &packed) {
            *written = sum;
        }
    }

    /// Empties the place of a service that is gone.
    pub(crate) fn show_nothing(&self, system: &dyn System, number: usize) {
        if let Some(file) = self.board.as_ref().filter(|_| number < self.room.get()) {
            Self::put(system, file, place(number), &[0; SIZE]);
        }
    }

    /// What is on the board of the service with this number and name: what a supervisor before this one has left.
    pub(crate) fn shown(&self, system: &dyn System, number: usize, name: &[u8]) -> Option<Row> {
        let file = self.board.as_ref()?;
        let mut bytes = [0; SIZE];
        let at = u64::try_from(place(number)?).ok()?;
        system.before(Effect::Board).and_then(|()| rustix::io::pread(file, &mut bytes, at)).ok()?;
        match wire::board::Place::of(&bytes) {
            wire::board::Place::Row(row) if row.name == name => Some(row),
            _ => None,
        }
    }

    /// Makes room on the board for the service with this number; an error is said once for each time that there is none.
    pub(crate) fn make_room(&self, system: &dyn System, number: usize) -> Result<(), Errno> {
        let (Some(file), room) = (&self.board, self.room.get()) else { return Ok(()) };
        if number < room {
            return Ok(());
        }
        let records = number.saturating_add(RECORDS_AT_ONCE);
        self.room.set(records);
        system.before(Effect::Board).and_then(|()| reserve(file, bytes_for(records)))?;
        self.show_container(system, |header| header.records = u32::try_from(records).unwrap_or(u32::MAX));
        Ok(())
    }

    /// Changes what everybody may know of the container.
    pub(crate) fn show_container(&self, system: &dyn System, change: impl FnOnce(&mut Header)) {
        if let (Some(file), Ok(mut header)) = (&self.board, self.header.try_borrow_mut()) {
            change(&mut header);
            Self::put(system, file, Some(0), &header.pack());
        }
    }

    /// Adds events to the record; `shared` is the number of the last one, where supervisor processes share it.
    pub(crate) fn add(&self, system: &dyn System, shared: Option<&AtomicU32>, events: &[Event]) {
        let Some(file) = self.record.as_ref().filter(|_| !events.is_empty()) else { return };
        let last = shared.unwrap_or(&self.last);
        let count = u32::try_from(events.len()).unwrap_or_default();
        let first = last.fetch_add(count, Ordering::AcqRel).wrapping_add(1);
        let mut packed = [0; EVENTS_MAX * record::SIZE];
        let numbered = events.iter().zip(0..count).map(|(event, n)| event.pack(first.wrapping_add(n)));
        for (room, event) in packed.chunks_exact_mut(record::SIZE).zip(numbered) {
            room.copy_from_slice(&event);
        }
        let packed = packed.get(..events.len().saturating_mul(record::SIZE)).unwrap_or_default();
        // They are at neighbouring places, unless the ring ends between them.
        let at = |number: u32| usize::try_from(Ring::Services.offset(number)).ok();
        let is_whole = at(first) <= at(first.wrapping_add(count).wrapping_sub(1));
        let size = if is_whole { packed.len() } else { record::SIZE };
        for (part, n) in packed.chunks(size).zip(0..count) {
            Self::put(system, file, at(first.wrapping_add(n)), part);
        }
    }

    /// Writes; what can't be written is missing, and written with the next change if it is a service's.
    fn put(system: &dyn System, file: &OwnedFd, at: Option<usize>, bytes: &[u8]) -> bool {
        let Some(at) = at.and_then(|at| u64::try_from(at).ok()) else { return false };
        let ready = system.before(Effect::Board);
        ready.and_then(|()| rustix::io::pwrite(file, bytes, at)).is_ok()
    }
}
