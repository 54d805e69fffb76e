//! The record of what has happened in a container: `/run/s6-overlay/record`, for everybody.
//!
//! The file is 4,096 places of 64 bytes, preallocated: a header, and then rings of events, in which each event takes the place of
//! the oldest one.  There is a ring for each who writes ([`Ring`]), so that none waits for another:
//!
//! | places | ring | written by |
//! |---|---|---|
//! | 0 | – | the header: [`MAGIC`], and a moment by both clocks as in [`crate::board`] (8 bytes each), the rest zeros |
//! | 1–3072 | [`Ring::Services`] | process 1 and its supervisor processes, which share the number of the next event in memory |
//! | 3073–3839 | [`Ring::Changes`] | whoever holds the lock of s6-rc's live state: the start, the stop, `s6-rc` |
//! | 3840–4095 | [`Ring::Scripts`] | what runs the scripts of cont-init.d and cont-finish.d |
//!
//! Each event of a ring has a number; the one with number n is at the place n modulo the length of the ring.  A reader knows by the
//! numbers what it has seen, and how much was overwritten since.  Each event begins with a checksum: one that is damaged, or
//! was read while it was written, counts as none; it may be read again.  Events of all rings are ordered by their moments.  An event
//! can be there twice if process 1 has faulted while it handled that; its re-execution is an event, too.
//!
//! Numbers are big-endian.  An event:
//!
//! | offset | what |
//! |---|---|
//! | 0 | checksum: FNV-1a, 32 bits, of all that follows in it |
//! | 4 | its number, from 1 on; it wraps around |
//! | 8 | nanoseconds of CLOCK_MONOTONIC |
//! | 16 | [`Kind`]; 0 means that there was no event here so far |
//! | 17 | by whom, or how: what the kind says |
//! | 18 | a code: an exit status as wait(2) gives it, an exit code, a signal, a count |
//! | 20 | the process, 0 for none |
//! | 24 | a number: what the kind says; all ones for none |
//! | 32 | FNV-1a, 32 bits, of the whole name |
//! | 36 | length of the whole name |
//! | 37–63 | the name, or its first 27 bytes |
//!
//! Names are in the events themselves, since services come and go, and with them their numbers on the board.  A name of more than
//! 27 bytes is found among those of the board and of s6-rc's database by its beginning, its length and its sum:
//! [`Name::is`].

use crate::board::words;
use crate::checksum;
use crate::packing::{In, Out};
use std::time::Duration;

/// The first bytes of a record of this version.
pub const MAGIC: [u8; 8] = *b"s6event\x01";

/// Length of an event.
pub const SIZE: usize = 64;

/// Length of the file.
pub const FILE: usize = 4096 * SIZE;

/// How much of a name an event has.
pub const NAME: usize = 27;

/// The rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ring {
    /// Of process 1 and its supervisors.
    Services,
    /// Of changes by s6-rc.
    Changes,
    /// Of scripts.
    Scripts,
}

impl Ring {
    /// All rings.
    pub const ALL: [Self; 3] = [Self::Services, Self::Changes, Self::Scripts];

    /// The place before the first one, and how many there are.
    #[must_use]
    pub fn places(self) -> (u32, u32) {
        match self {
            Self::Services => (1, 3072),
            Self::Changes => (3073, 767),
            Self::Scripts => (3840, 256),
        }
    }

    /// The offset of the event with this number.
    #[must_use]
    pub fn offset(self, number: u32) -> u64 {
        let (first, count) = self.places();
        u64::from(first + number % count) * SIZE as u64
    }

    /// The bytes of this ring.
    fn of(self, file: &[u8]) -> &[u8] {
        let (first, count) = self.places();
        let (from, to) = (first as usize * SIZE, (first + count) as usize * SIZE);
        file.get(from..to.min(file.len())).unwrap_or_default()
    }
}

words! {
    /// What has happened.  What an event's other fields say of it stands with each kind; "number" is [`Event::value`].
    Kind {
        /// The container begins.  Process: process 1.
        BootBegan = 1 "boot-began",
        /// Its start is over.  Code: the exit code of what starts services, 0 for success.
        BootOver = 2 "boot-over",
        /// A stop was asked for.  How: [`crate::board::StopBy`]; code: the signal; process: the one that asked; number: its user;
        /// name: its name, or the service's.
        StopAsked = 3 "stop-asked",
        /// All services are down, and the container is about to end.  Code: its exit code.
        StopOver = 4 "stop-over",
        /// Process 1 was re-executed.  Code: the signal of the fault, 0 on command.
        Reexecuted = 5 "re-executed",
        /// The CMD begins.  Process: its own.
        CmdStarted = 6 "cmd-started",
        /// The CMD has ended.  Code: as wait(2) gives it; how: [`crate::board::Cause`].
        CmdEnded = 7 "cmd-ended",
        /// The kernel has killed a process for lack of memory.  Process, 0 for some that nobody here knows; code: how many; name:
        /// the service, or if it is none's own, the process; number: the most memory that it had, in bytes.
        MemoryKill = 8 "memory-kill",
        /// A service is supervised from now on.
        Supervised = 16 "supervised",
        /// It isn't any more.
        Unsupervised = 17 "unsupervised",
        /// It is wanted up.
        WantedUp = 18 "wanted-up",
        /// It isn't wanted up any more.
        WantedDown = 19 "wanted-down",
        /// `run` was started.  Process: its own.
        Started = 20 "started",
        /// `run` couldn't be started.  Number: the moment of the next try.
        NotStarted = 21 "not-started",
        /// The service has notified its readiness.  Number: nanoseconds since the start.
        Ready = 22 "ready",
        /// `run` has ended.  How: [`crate::board::Cause`]; code: as wait(2) gives it; process: its own; number: nanoseconds since
        /// the start.
        Ended = 23 "ended",
        /// `finish` was started.  Process: its own.
        FinishStarted = 24 "finish-started",
        /// `finish` has ended.  Code: as wait(2) gives it.
        FinishEnded = 25 "finish-ended",
        /// The service is started again later, after an end that nobody had asked for.  Number: the moment; code: failures in a
        /// row.
        Backoff = 26 "backoff",
        /// It isn't started again: it has failed for good.  Code: failures in a row.
        Failed = 27 "failed",
        /// It isn't started again: it has ended with success, as its restart policy has it.
        Done = 28 "done",
        /// It took longer to stop than it may, and was sent SIGKILL.  Process: the one that was.
        Killed = 29 "killed",
        /// Its supervisor process was killed, and another one takes it over.
        TakenOver = 30 "taken-over",
        /// A change by s6-rc begins.  How: 0 down, 1 up, 2 a reload; process: of s6-rc.
        ChangeBegan = 40 "change-began",
        /// It is over.  Code: 0 for success, else s6-rc's exit code.
        ChangeOver = 41 "change-over",
        /// A oneshot begins.  How: 0 its `down`, 1 its `up`, 2 its `reload`.
        OneshotBegan = 42 "oneshot-began",
        /// It has ended.  How: likewise; code: as wait(2) gives it, all ones if it couldn't be run.
        OneshotEnded = 43 "oneshot-ended",
        /// A step of the start begins.  Name: `stage2-hook`, if there is one.
        StepBegan = 44 "step-began",
        /// It is over.  Code: 0 for success.
        StepOver = 45 "step-over",
        /// A script begins.  How: 0 of cont-finish.d, 1 of cont-init.d; name: that of the file.
        ScriptBegan = 50 "script-began",
        /// It has ended.  How: likewise; code: as wait(2) gives it, all ones if it couldn't be run.
        ScriptEnded = 51 "script-ended",
    }
}

/// A name as an event has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Name {
    /// The name, or its beginning.
    pub bytes: Vec<u8>,
    /// Length of the whole name.
    pub length: u8,
    /// Sum of the whole name.
    pub sum: u32,
}

impl Name {
    /// Of a name; one of more than 255 bytes is cut.
    #[must_use]
    pub fn new(name: &[u8]) -> Self {
        let name = name.get(..usize::from(u8::MAX)).unwrap_or(name);
        Self {
            bytes: name.get(..NAME).unwrap_or(name).to_vec(),
            length: u8::try_from(name.len()).unwrap_or(u8::MAX),
            sum: checksum::fnv(name),
        }
    }

    /// Whether it is this one.
    #[must_use]
    pub fn is(&self, name: &[u8]) -> bool {
        *self == Self::new(name)
    }

    /// Whether the event has all of it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == usize::from(self.length)
    }
}

/// An event; [`Kind`] says what its fields mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// What has happened.
    pub kind: Kind,
    /// When: CLOCK_MONOTONIC.
    pub at: Duration,
    /// By whom, or how.
    pub how: u8,
    /// A code.
    pub code: u16,
    /// The process, 0 for none.
    pub pid: u32,
    /// A number.
    pub value: Option<u64>,
    /// Of what.
    pub name: Name,
}

impl Event {
    /// The packed form of the event with this number.
    #[must_use]
    pub fn pack(&self, number: u32) -> [u8; SIZE] {
        let mut record = [0; SIZE];
        let mut out = Out::new(record.get_mut(4..).unwrap_or_default());
        out.word(number);
        out.long(u64::try_from(self.at.as_nanos()).unwrap_or(u64::MAX));
        out.byte(self.kind as u8);
        out.byte(self.how);
        out.short(self.code);
        out.word(self.pid);
        out.long(self.value.unwrap_or(u64::MAX));
        out.word(self.name.sum);
        out.byte(self.name.length);
        out.bytes(self.name.bytes.get(..NAME).unwrap_or(&self.name.bytes));
        checksum::seal(record)
    }
}

/// What is at a place of a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nothing so far.
    Free,
    /// An event and its number.
    Event(u32, Event),
    /// Damage, or what is being written.
    Damaged,
}

impl Place {
    /// What is in these [`SIZE`] bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.len() == SIZE && bytes.iter().all(|byte| *byte == 0) {
            return Self::Free;
        }
        Self::unpack(bytes).unwrap_or(Self::Damaged)
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut r = In(checksum::open(bytes.get(..SIZE)?)?);
        let number = r.word()?;
        let at = Duration::from_nanos(r.long()?);
        let (kind, how, code, pid) = (Kind::from_byte(r.byte()?), r.byte()?, r.short()?, r.word()?);
        let value = Some(r.long()?).filter(|value| *value != u64::MAX);
        let (sum, length) = (r.word()?, r.byte()?);
        let bytes = r.bytes(NAME.min(length.into()))?.to_vec();
        Some(Self::Event(
            number,
            Event { kind, at, how, code, pid, value, name: Name { bytes, length, sum } },
        ))
    }
}

/// The header of a new file; the clocks are as in the header of a board.
#[must_use]
pub fn header((moment, wall): (Duration, Duration)) -> [u8; SIZE] {
    let mut header = [0; SIZE];
    let mut out = Out::new(&mut header);
    out.put(MAGIC);
    out.moment(Some(moment));
    out.moment(Some(wall));
    header
}

/// The clocks in the header; `None` if this is no record, or one of another version.
#[must_use]
pub fn clocks(file: &[u8]) -> Option<(Duration, Duration)> {
    let mut r = In(file);
    let magic = r.bytes(MAGIC.len())?;
    Some((r.moment()??, r.moment()??)).filter(|_| magic == MAGIC)
}

/// What a ring of a record's bytes holds, in no order: whole places only.
pub fn places(file: &[u8], ring: Ring) -> impl Iterator<Item = Place> {
    ring.of(file).chunks_exact(SIZE).map(Place::of)
}

/// Whether the event with number `a` came after the one with number `b`: numbers wrap around.
#[must_use]
pub fn is_later(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}

/// The number of the newest of these events and of one that is known; `None` if there is none.
///
/// What others have written there may be anything: the next event then takes some place.
#[must_use]
pub fn newest(places: impl Iterator<Item = Place>, known: Option<u32>) -> Option<u32> {
    let mut newest = known;
    for place in places {
        if let Place::Event(number, _) = place
            && newest.is_none_or(|other| is_later(number, other))
        {
            newest = Some(number);
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::rows;
    use proptest::prelude::*;

    fn event(name: &[u8]) -> Event {
        Event {
            kind: Kind::Ended,
            at: Duration::from_secs(1),
            how: 4,
            code: 9,
            pid: 77,
            value: Some(2_000_000_000),
            name: Name::new(name),
        }
    }

    #[test]
    fn layout_of_an_event() {
        let fields = [
            ("checksum", 4),
            ("number", 4),
            ("at", 8),
            ("kind", 1),
            ("how", 1),
            ("code", 2),
            ("pid", 4),
            ("value", 8),
            ("sum of the name", 4),
            ("length of the name", 1),
            ("name", 3),
            ("nothing", 24),
        ];
        insta::assert_snapshot!(rows(&event(b"web").pack(7), &fields));
    }

    #[test]
    fn layout_of_the_header() {
        let clocks = (Duration::from_secs(1), Duration::from_secs(1_700_000_000));
        let fields = [("magic", 8), ("moment", 8), ("the same since 1970", 8), ("nothing", 40)];
        insta::assert_snapshot!(rows(&header(clocks), &fields));
        assert_eq!(super::clocks(&header(clocks)), Some(clocks));
        assert_eq!((super::clocks(b"s6event\x02"), super::clocks(&[0; SIZE])), (None, None));
    }

    #[test]
    fn bytes_and_words() {
        let lines: String =
            Kind::ALL.iter().map(|(kind, word)| format!("{:3} {kind:?}: {word}\n", *kind as u8)).collect();
        insta::assert_snapshot!(lines);
    }

    #[test]
    fn rings_fill_the_file() {
        let mut next = 1;
        for ring in Ring::ALL {
            let (first, count) = ring.places();
            assert_eq!(first, next);
            assert_eq!(ring.offset(0), u64::from(first) * 64);
            assert_eq!(ring.offset(count + 1), u64::from(first + 1) * 64);
            assert_eq!(ring.of(&vec![0; FILE]).len(), count as usize * SIZE);
            next = first + count;
        }
        assert_eq!((next as usize * SIZE, FILE), (FILE, 262_144));
        assert_eq!(Ring::Changes.of(&[0; 3074 * 64 + 5]).len(), 69);
        assert_eq!(Ring::Changes.of(&[0; 64]).len(), 0);
    }

    #[test]
    fn what_is_packed_comes_back() {
        for name in [&b""[..], b"web", &[b'n'; 27], &[b'n'; 28], &[b'n'; 255]] {
            let event = event(name);
            assert_eq!(Place::of(&event.pack(7)), Place::Event(7, event.clone()));
            assert!(event.name.is(name) && !event.name.is(b"other"));
            assert_eq!(event.name.is_whole(), name.len() < 28);
        }
        assert_eq!(Place::of(&[0; SIZE]), Place::Free);
        let names = [[b'n'; 40], {
            let mut other = [b'n'; 40];
            other[39] = b'm';
            other
        }];
        assert!(!Name::new(&names[0]).is(&names[1]), "what isn't there is told apart by the sum");
    }

    #[test]
    fn the_newest_event_is_found_after_a_wrap() {
        let mut file = vec![0; FILE];
        let found = |file: &[u8], ring| newest(places(file, ring), None);
        assert_eq!(found(&file, Ring::Scripts), None);
        for number in [u32::MAX - 1, u32::MAX, 0, 1] {
            let at = usize::try_from(Ring::Scripts.offset(number)).unwrap();
            file[at..at + SIZE].copy_from_slice(&event(b"a").pack(number));
        }
        assert_eq!((found(&file, Ring::Scripts), found(&file, Ring::Services)), (Some(1), None));
        assert!(is_later(0, u32::MAX) && !is_later(u32::MAX, 0) && !is_later(3, 3));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(mut bytes in prop::collection::vec(any::<u8>(), 0..200), seals: bool) {
            if seals && let Some(record) = bytes.get_mut(SIZE..2 * SIZE) {
                let sealed = checksum::seal::<SIZE>(record.try_into().unwrap());
                record.copy_from_slice(&sealed);
            }
            let _ = (clocks(&bytes), newest(places(&bytes, Ring::Changes), None));
            for place in places(&bytes, Ring::Services) {
                if let Place::Event(number, event) = place {
                    let packed = event.pack(number);
                    prop_assert_eq!(Place::of(&packed), Place::Event(number, event), "what was read is written as the same");
                }
            }
        }

        #[test]
        fn a_bit_is_noticed(at in 0_usize..SIZE * 8) {
            let mut bytes = event(b"web").pack(7);
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(Place::of(&bytes), Place::Damaged, "one bit that is wrong is damage");
        }
    }
}
