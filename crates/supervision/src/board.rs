//! Reads the status board and the record of events of a container.
//!
//! Anybody may do that, without a lock and without asking process 1.  What is there is treated as hostile: no more is read than
//! a board or a record may have, and a damaged record costs that record.

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use wire::board::{self, Header, Place, RECORDS_MAX, Row, SIZE};
use wire::record::{self, Event, FILE, Kind, Name, Ring};

/// The folder of both files.
pub const DIR: &str = "/run/s6-overlay";

/// The status board.
pub const BOARD: &str = "/run/s6-overlay/board";

/// The record of events.
pub const RECORD: &str = "/run/s6-overlay/record";

/// At most this often what may have been read while it was written is read again.
const READS_AT_MOST: usize = 8;

/// A board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Board {
    /// The container; `None` if that is damaged, or of another version.
    pub header: Option<Header>,
    /// The services, in the order of their numbers.
    pub services: Vec<Row>,
    /// The numbers of records that are damaged.
    pub damaged: Vec<usize>,
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// A moment by both clocks: as in [`Header::clocks`].
    pub clocks: (std::time::Duration, std::time::Duration),
    /// The events that are there, the oldest one first, with their rings and numbers.
    pub events: Vec<(Ring, u32, Event)>,
    /// How many places are damaged.
    pub damaged: usize,
}

impl Record {
    /// Whether events that were later than this may have been overwritten.
    #[must_use]
    pub fn is_cut_since(&self, moment: std::time::Duration) -> bool {
        Ring::ALL.iter().any(|ring| {
            let oldest = self.events.iter().find(|(of, ..)| of == ring);
            oldest.is_some_and(|(_, number, event)| *number != 1 && event.at > moment)
        })
    }
}

fn open(path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    sys::fs::open(path, flags, Mode::empty())
}

/// Reads again what is there at an offset until it isn't damaged; gives what `read` makes of it.
fn again<T>(file: &OwnedFd, size: usize, offset: usize, read: &dyn Fn(&[u8]) -> Option<T>) -> Option<T> {
    for _ in 0..READS_AT_MOST {
        let mut bytes = vec![0; size];
        let offset = u64::try_from(offset).ok()?;
        let count = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut bytes, offset)).ok()?;
        if let Some(found) = read(bytes.get(..count)?) {
            return Some(found);
        }
    }
    None
}

fn whole(bytes: &[u8]) -> Option<Place> {
    Some(Place::of(bytes)).filter(|place| *place != Place::Damaged)
}

/// Reads the board in this file, [`BOARD`] most often.
///
/// # Errors
/// The file can't be opened or read: `NOENT` if there is no board.
pub fn read_board(path: &[u8]) -> Result<Board, Errno> {
    let file = open(path)?;
    let bytes = files::read_at_most(&file, SIZE * (1 + RECORDS_MAX))?;
    let header = Header::unpack(&bytes).or_else(|| again(&file, SIZE, 0, &Header::unpack));
    let mut board = Board { header, services: Vec::new(), damaged: Vec::new() };
    for (number, place) in board::places(&bytes).enumerate() {
        let place = match (place, board::place(number)) {
            (Place::Damaged, Some(offset)) => again(&file, SIZE, offset, &whole).unwrap_or(Place::Damaged),
            (place, _) => place,
        };
        match place {
            Place::Free => {}
            Place::Row(row) => board.services.push(row),
            Place::Damaged => board.damaged.push(number),
        }
    }
    Ok(board)
}

/// Reads the record in this file, [`RECORD`] most often; it may also be a copy from another container.
///
/// # Errors
/// The file can't be opened or read: `NOENT` if there is no record, `IO` if it is something else.
pub fn read_record(path: &[u8]) -> Result<Record, Errno> {
    let file = open(path)?;
    let bytes = files::read_at_most(&file, FILE)?;
    let clocks = record::clocks(&bytes).ok_or(Errno::IO)?;
    let mut found = Record { clocks, events: Vec::new(), damaged: 0 };
    for ring in Ring::ALL {
        for place in record::places(&bytes, ring) {
            match place {
                record::Place::Free => {}
                record::Place::Event(number, event) => found.events.push((ring, number, event)),
                // What was overwritten meanwhile is among the events of the next look.
                record::Place::Damaged => found.damaged += 1,
            }
        }
    }
    found.events.sort_unstable_by_key(|(ring, number, event)| (event.at, *ring, *number));
    Ok(found)
}

/// The events of one ring of the record in this file, the oldest one first: a part of what [`read_record`] reads.
///
/// # Errors
/// As of that.
pub fn read_ring(path: &[u8], ring: Ring) -> Result<Vec<Event>, Errno> {
    let file = open(path)?;
    let mut header = [0; record::SIZE];
    rustix::io::pread(&file, &mut header, 0)?;
    record::clocks(&header).ok_or(Errno::IO)?;
    let (_, count) = ring.places();
    let mut bytes = vec![0; count as usize * record::SIZE];
    let read = rustix::io::pread(&file, &mut bytes, ring.offset(0))?;
    let mut found = Vec::new();
    for place in bytes.get(..read).unwrap_or_default().chunks_exact(record::SIZE).map(record::Place::of) {
        if let record::Place::Event(number, event) = place {
            found.push((event.at, number, event));
        }
    }
    found.sort_unstable_by_key(|(at, number, _)| (*at, *number));
    Ok(found.into_iter().map(|(.., event)| event).collect())
}

/// The number of the newest event of a ring in an open record; `None` if there is none, or that can't be read.
#[must_use]
pub fn newest(file: &OwnedFd, ring: Ring) -> Option<u32> {
    let (mut found, mut chunk) = (None, [0; 64 * record::SIZE]);
    let (_, count) = ring.places();
    for first in (0..count).step_by(64) {
        let read = rustix::io::pread(file, &mut chunk, ring.offset(first)).ok()?;
        let places = (count - first).min(64) as usize;
        let bytes = chunk.get(..read.min(places * record::SIZE))?;
        found = record::newest(bytes.chunks_exact(record::SIZE).map(record::Place::of), found);
    }
    found
}

/// Adds events to a ring that nobody else writes to meanwhile.
#[derive(Debug)]
pub struct Recorder {
    /// The record, and the number of the last event; `None` if there is none.
    open: Option<(OwnedFd, u32)>,
    ring: Ring,
}

impl Recorder {
    /// Of the record in this file; if it can't be written, nothing is.
    #[must_use]
    pub fn open(path: &[u8], ring: Ring) -> Self {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let open = sys::fs::open(path, flags, Mode::empty()).ok().and_then(|file| {
            let mut head = [0; record::SIZE];
            let read = rustix::io::pread(&file, &mut head, 0).ok()?;
            record::clocks(head.get(..read)?)?;
            let last = newest(&file, ring).unwrap_or_default();
            Some((file, last))
        });
        Self { open, ring }
    }

    /// One that writes nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { open: None, ring: Ring::Changes }
    }

    /// Adds an event of now: what has happened to what, how, and its code.
    pub fn tell(&mut self, kind: Kind, name: &[u8], how: u8, code: u16) {
        self.note(Event { kind, how, code, name: Name::new(name), ..Event::default() });
    }

    /// Adds an event of now.
    pub fn note(&mut self, event: Event) {
        if let Some((file, last)) = &mut self.open {
            *last = last.wrapping_add(1);
            let event = Event { at: tool::clock::now(), ..event };
            // What there is no room for is missing.
            let _ = rustix::io::pwrite(&*file, &event.pack(*last), self.ring.offset(*last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::FileExt;
    use std::time::Duration;
    use wire::board::State;

    fn row(name: &[u8]) -> Row {
        Row { name: name.to_vec(), state: State::Up, ..Row::default() }
    }

    #[test]
    fn a_board_is_read_record_by_record() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("board");
        let header = Header { records: 3, pid: 7, ..Header::default() };
        let mut bytes = [header.pack(), row(b"a").pack(), [0; SIZE], row(b"b").pack()].concat();
        std::fs::write(&path, &bytes).unwrap();
        let read = || read_board(path.as_os_str().as_bytes()).unwrap();
        let whole = Board { header: Some(header), services: vec![row(b"a"), row(b"b")], damaged: Vec::new() };
        assert_eq!(read(), whole);
        bytes[9] ^= 1;
        bytes[SIZE + 4] ^= 1;
        bytes.extend(b"a piece");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(), Board { header: None, services: vec![row(b"b")], damaged: vec![0] });
        std::fs::write(&path, "").unwrap();
        assert_eq!(read(), Board { header: None, services: Vec::new(), damaged: Vec::new() });
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read_board(path.as_os_str().as_bytes()), Err(Errno::NOENT));
    }

    #[test]
    fn events_of_all_rings_come_in_order() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("record");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(FILE as u64).unwrap();
        let clocks = (Duration::from_secs(1), Duration::from_secs(2));
        file.write_all_at(&record::header(clocks), 0).unwrap();
        let event = |seconds: u64| Event {
            kind: Kind::Started,
            at: Duration::from_secs(seconds),
            value: Some(seconds),
            name: Name::new(b"a"),
            ..Event::default()
        };
        let places =
            [(Ring::Services, 1, 5), (Ring::Services, 2, 9), (Ring::Changes, 1, 3), (Ring::Scripts, 4, 7)];
        for (ring, number, seconds) in places {
            file.write_all_at(&event(seconds).pack(number), ring.offset(number)).unwrap();
        }
        file.write_all_at(&[1; 64], Ring::Scripts.offset(5)).unwrap();
        let found = read_record(path.as_os_str().as_bytes()).unwrap();
        let seconds: Vec<u64> = found.events.iter().map(|(_, _, event)| event.at.as_secs()).collect();
        assert_eq!((seconds, found.damaged, found.clocks), (vec![3, 5, 7, 9], 1, clocks));
        // The first event of scripts isn't there any more.
        let is_cut = |seconds| found.is_cut_since(Duration::from_secs(seconds));
        assert_eq!((is_cut(6), is_cut(7)), (true, false));
        let mut recorder = Recorder::open(path.as_os_str().as_bytes(), Ring::Scripts);
        recorder.note(Event { kind: Kind::ScriptBegan, ..event(0) });
        let newest = newest(&std::fs::File::open(&path).unwrap().into(), Ring::Scripts);
        assert_eq!(newest, Some(5), "it goes on where another one has ended");
        let events = read_record(path.as_os_str().as_bytes()).unwrap().events;
        assert!(events.iter().any(|(ring, number, event)| {
            (*ring, *number, event.kind) == (Ring::Scripts, 5, Kind::ScriptBegan)
        }));
        std::fs::write(&path, [0; 64]).unwrap();
        assert!(Recorder::open(path.as_os_str().as_bytes(), Ring::Scripts).open.is_none());
        assert_eq!(read_record(path.as_os_str().as_bytes()), Err(Errno::IO));
    }
}
