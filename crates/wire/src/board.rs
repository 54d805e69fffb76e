//! The status board: the state of a container and of each of its services, for everybody: `/run/s6-overlay/board`.
//!
//! Process 1 writes it, and in a container with supervisor processes each of these the record of its service: whole records,
//! each by one pwrite(2), at each change.  The file is a header of 512 bytes and then records of 512 bytes, which have room for
//! any name.  The record with number n begins at 512 · (n + 1).  A number belongs to one service as long as process 1
//! has the service; then the record is zeros, until another service takes the number.  So a reader looks at all records, and
//! finds a service by its name.  More records are added, 64 at a time, when there are more services than ever before.
//!
//! Numbers are big-endian.  A moment is 64 bits, nanoseconds of CLOCK_MONOTONIC, all ones for none; the header has one moment by
//! both clocks.  A reader in the container better asks both clocks now: the clock of the day may have been set since.
//! Each record begins with a checksum (FNV-1a, 32 bits, of all that follows in it), which tells a record that is damaged, or
//! was read while it was written: then it is read again.  `supervision::board` does that.
//!
//! The header:
//!
//! | offset | what |
//! |---|---|
//! | 0 | checksum |
//! | 4–11 | [`MAGIC`], the last byte being the version |
//! | 12 | how many records follow; a shorter file has those that are whole |
//! | 16 | process 1, or whoever has its place |
//! | 20 | [`Phase`] |
//! | 21 | 1: services have supervisor processes |
//! | 22 | how the start has ended, [`Header::NONE`] if it hasn't: the exit code of what starts the services |
//! | 24 | the container's exit code as far as it is decided, else [`Header::NONE`] |
//! | 26 | who asked for the stop: [`StopBy`] |
//! | 27 | the signal that did, or 0 |
//! | 28 | the process that sent the signal or the command, 0 if it isn't known |
//! | 32 | its user, all ones if it isn't known |
//! | 36 | the CMD's process, 0 for none |
//! | 40, 48 | a moment, and the same as nanoseconds of Unix time |
//! | 56 | the moment at which the container began |
//! | 64 | … at which its start was over |
//! | 72 | … at which a stop was asked for |
//! | 80 | … at which all services were down |
//! | 128 | length of the text that follows, one byte |
//! | 129– | why the container stops, at most [`WHY_MAX`] bytes: a line as in the log, without the container's name |
//!
//! A record:
//!
//! | offset | what |
//! |---|---|
//! | 0 | checksum |
//! | 4 | [`State`]; 0 means that there is no service |
//! | 5 | [`Cause`] of the last end of `run` |
//! | 6 | flags: [`Flags`] |
//! | 8 | the process of `run`, or of `finish` in [`State::Finishing`]; 0 for none |
//! | 12 | the supervisor's process, which is process 1 where there are none |
//! | 16 | how many times `run` was started |
//! | 20 | how many times it ended though nobody had asked for that |
//! | 24 | of these, how many in a row, as the restart policy counts; without a policy, those since it was last wanted up |
//! | 26 | how `run` ended the last time, as wait(2) gives it |
//! | 32 | the moment of the last change of the state |
//! | 40 | the moment of the last start |
//! | 48 | … of the readiness of that start; none if it hasn't notified any |
//! | 56 | … of the last end |
//! | 64 | … of the next start |
//! | 72 | how long the last life of `run` was that is over, in nanoseconds, all ones for none |
//! | 80 | the most memory that the process had which ended last, in bytes, all ones if it isn't known |
//! | 256 | length of the name, one byte |
//! | 257–511 | the name, as under the scan directory: `NAME`, or `NAME/log` |
//!
//! What isn't said is zeros, and is to be ignored.  What isn't here: kinds and oneshots.  A name that the compiled database
//! of s6-rc has is a longrun of s6-rc, another one is a service of services.d or of the scan directory.  Whether a oneshot is up
//! is in s6-rc's live state; when it began and how it ended is in the record of events ([`crate::record`]), which s6-rc
//! writes while it changes services.

use crate::checksum;
use crate::packing::{In, Out};
use std::time::Duration;

/// The bytes of the header after its checksum, the last one being the version.
pub const MAGIC: [u8; 8] = *b"s6board\x01";

/// Length of the header and of each record.
pub const SIZE: usize = 512;

/// So many records are added at a time.
pub const RECORDS_AT_ONCE: usize = 64;

/// A reader looks at this many records at most.
pub const RECORDS_MAX: usize = 1 << 16;

/// The longest text about a stop.
pub const WHY_MAX: usize = 255;

/// The longest name.
pub const NAME_MAX: usize = 255;

/// Where the record with this number begins.
#[must_use]
pub fn place(number: usize) -> Option<usize> {
    number.checked_add(1)?.checked_mul(SIZE)
}

/// Makes an enum whose values have a byte and a word each; an unknown byte is the last one.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$what:meta])* $case:ident = $byte:literal $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$what])* $case = $byte,)*
            /// One that this version doesn't know.
            #[default]
            Unknown = 255,
        }

        impl $name {
            /// All but the unknown one, with their words.
            pub const ALL: &[(Self, &str)] = &[$((Self::$case, $word),)*];

            /// From its byte.
            #[must_use]
            pub fn from_byte(byte: u8) -> Self {
                Self::ALL.iter().find(|(value, _)| *value as u8 == byte).map_or(Self::Unknown, |(value, _)| *value)
            }

            /// The word for it, in lower case.
            #[must_use]
            pub fn word(self) -> &'static str {
                Self::ALL.iter().find(|(value, _)| *value == self).map_or("unknown", |(_, word)| word)
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Where a container is in its life.
    Phase {
        /// The services are brought up.
        Starting = 1 "starting",
        /// The start is over, with or without failures: [`Header::boot_code`].
        Running = 2 "running",
        /// A stop was asked for, and the services are brought down.
        Stopping = 3 "stopping",
        /// The services are down, and what else there is ends.
        Ending = 4 "ending",
    }
}

words! {
    /// Who asked for a stop.
    StopBy {
        /// Nobody.
        Nobody = 0 "nobody",
        /// A signal.
        Signal = 1 "signal",
        /// `halt`, `shutdown` and their like.
        Command = 2 "command",
        /// The CMD has ended.
        Cmd = 3 "cmd",
        /// A service has failed for good, or ended, whose restart policy stops the container.
        Service = 4 "service",
        /// The start has failed.
        Boot = 5 "boot",
        /// The container's own end: a planned time of which it isn't known any more who has planned it, or a fault that can't be
        /// continued from.
        Other = 6 "other",
    }
}

words! {
    /// The state of a service.
    State {
        /// It isn't supervised yet, or not any more: supervision couldn't begin, is about to, or its supervisor was killed and
        /// another one is about to take it over.
        Unsupervised = 1 "unsupervised",
        /// Down, and not wanted up.
        Down = 2 "down",
        /// Down, and about to be started: at [`Row::next_start`].
        Waiting = 3 "waiting",
        /// Down after an end that nobody has asked for, and started again at [`Row::next_start`].
        Backoff = 4 "backoff",
        /// `run` is alive; if the service declares its readiness ([`Flags::READINESS`]), it hasn't notified it so far.
        Up = 5 "up",
        /// `run` is alive and has notified its readiness.
        Ready = 6 "ready",
        /// `run` is alive, and was told to stop.
        Stopping = 7 "stopping",
        /// `run` has ended, and `finish` is alive.
        Finishing = 8 "finishing",
        /// Down, and not started again: it has failed for good, by `finish` or by its restart policy.
        Failed = 9 "failed",
        /// Down, and not started again: it has ended with success, as its restart policy has it.
        Done = 10 "done",
    }
}

words! {
    /// Why `run` has ended the last time.
    Cause {
        /// It hasn't.
        None = 0 "none",
        /// By itself: with an exit code, or by a signal that nobody here has sent.
        Own = 1 "own",
        /// It was told to: a stop, a restart, or a command that sends a signal.
        Asked = 2 "asked",
        /// By a SIGKILL that wasn't sent from here.
        Foreign = 3 "killed",
        /// The kernel killed it for lack of memory.
        Memory = 4 "memory",
        /// It took longer to stop than it may (`timeout-kill`).
        Timeout = 5 "timeout",
        /// It was found unhealthy.
        Unhealthy = 6 "unhealthy",
    }
}

/// What is true of a service: bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u16);

impl Flags {
    /// It is wanted up.
    pub const WANTED: u16 = 1;
    /// It declares its readiness: there was a file `notification-fd` at the last start.
    pub const READINESS: u16 = 2;
    /// Its output goes to a logger of its own.
    pub const LOGGED: u16 = 4;
    /// It is a logger.
    pub const LOGGER: u16 = 8;
    /// It was paused on request.
    pub const PAUSED: u16 = 16;
    /// The file `optional` is in its directory: whether it is up says nothing about the container's health.  Nothing writes
    /// this yet.
    pub const OPTIONAL: u16 = 32;

    /// Whether a flag is set.
    #[must_use]
    pub fn has(self, flag: u16) -> bool {
        self.0 & flag != 0
    }
}

/// The container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// How many records follow.
    pub records: u32,
    /// Process 1, or whoever has its place.
    pub pid: u32,
    /// Where the container is in its life.
    pub phase: Phase,
    /// Whether services have supervisor processes.
    pub has_processes: bool,
    /// The exit code of what starts the services, once the start is over: 0 for success; [`Header::NONE`] before.
    pub boot_code: u16,
    /// The container's exit code as far as it is decided, or [`Header::NONE`].
    pub exit_code: u16,
    /// Who asked for the stop.
    pub stop_by: StopBy,
    /// The signal that did, or 0.
    pub stop_signal: u8,
    /// The process that sent the signal or the command, 0 if it isn't known.
    pub stop_pid: u32,
    /// Its user.
    pub stop_uid: Option<u32>,
    /// The CMD's process, 0 for none.
    pub command: u32,
    /// A moment, and the same as time since 1970.
    pub clocks: (Duration, Duration),
    /// When the container began.
    pub begun: Option<Duration>,
    /// When its start was over.
    pub started: Option<Duration>,
    /// When a stop was asked for.
    pub stop_asked: Option<Duration>,
    /// When all services were down.
    pub stopped: Option<Duration>,
    /// Why the container stops.
    pub why: Vec<u8>,
}

/// Where the text about a stop begins.
const WHY: usize = 128;

/// Where the name of a service begins.
const NAME: usize = 256;

/// A record with these fields, and with a text of so many bytes at an offset: its length, and itself.
fn sealed(fields: &dyn Fn(&mut Out<'_>), at: usize, text: &[u8]) -> [u8; SIZE] {
    let mut record = [0; SIZE];
    fields(&mut Out::new(record.get_mut(4..).unwrap_or_default()));
    let mut out = Out::new(record.get_mut(at..).unwrap_or_default());
    let text = text.get(..usize::from(u8::MAX)).unwrap_or(text);
    out.byte(u8::try_from(text.len()).unwrap_or_default());
    out.bytes(text);
    checksum::seal(record)
}

/// The fields of a record without damage, and its text.
fn opened(record: &[u8], at: usize) -> Option<(In<'_>, Vec<u8>)> {
    let fields = checksum::open(record.get(..SIZE)?)?;
    let mut text = In(record.get(at..SIZE)?);
    let length = text.byte()?;
    Some((In(fields), text.bytes(length.into())?.to_vec()))
}

impl Header {
    /// Of a code: none so far.
    pub const NONE: u16 = u16::MAX;

    /// The packed form.
    #[must_use]
    pub fn pack(&self) -> [u8; SIZE] {
        let fields = |out: &mut Out<'_>| {
            out.put(MAGIC);
            out.word(self.records);
            out.word(self.pid);
            out.byte(self.phase as u8);
            out.byte(self.has_processes);
            out.short(self.boot_code);
            out.short(self.exit_code);
            out.byte(self.stop_by as u8);
            out.byte(self.stop_signal);
            out.word(self.stop_pid);
            out.word(self.stop_uid.unwrap_or(u32::MAX));
            out.word(self.command);
            out.moment(Some(self.clocks.0));
            out.moment(Some(self.clocks.1));
            for at in [self.begun, self.started, self.stop_asked, self.stopped] {
                out.moment(at);
            }
        };
        sealed(&fields, WHY, &self.why)
    }

    /// From the packed form; `None` for damage, and for a board of another version.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let (mut r, why) = opened(bytes, WHY)?;
        if r.bytes(MAGIC.len())? != MAGIC {
            return None;
        }
        Some(Self {
            records: r.word()?,
            pid: r.word()?,
            phase: Phase::from_byte(r.byte()?),
            has_processes: r.byte()? == 1,
            boot_code: r.short()?,
            exit_code: r.short()?,
            stop_by: StopBy::from_byte(r.byte()?),
            stop_signal: r.byte()?,
            stop_pid: r.word()?,
            stop_uid: Some(r.word()?).filter(|uid| *uid != u32::MAX),
            command: r.word()?,
            clocks: (Duration::from_nanos(r.long()?), Duration::from_nanos(r.long()?)),
            begun: r.moment()?,
            started: r.moment()?,
            stop_asked: r.moment()?,
            stopped: r.moment()?,
            why,
        })
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Its name under the scan directory: `NAME`, or `NAME/log`.
    pub name: Vec<u8>,
    /// Its state.
    pub state: State,
    /// Why `run` has ended the last time.
    pub cause: Cause,
    /// What is true of it.
    pub flags: Flags,
    /// The process of `run`, or of `finish` in [`State::Finishing`]; 0 for none.
    pub pid: u32,
    /// The supervisor's process.
    pub supervisor: u32,
    /// How many times `run` was started.
    pub starts: u32,
    /// How many times it ended though nobody had asked for that.
    pub deaths: u32,
    /// Of these, how many in a row.
    pub failures: u16,
    /// How `run` ended the last time, as wait(2) gives it.
    pub wstat: u16,
    /// When the state last changed.
    pub since: Option<Duration>,
    /// When `run` was last started.
    pub started: Option<Duration>,
    /// When it notified its readiness after that.
    pub ready: Option<Duration>,
    /// When `run` last ended.
    pub ended: Option<Duration>,
    /// When it is started next.
    pub next_start: Option<Duration>,
    /// How long its last life was that is over.
    pub life: Option<Duration>,
    /// The most memory that the process had which ended last, in bytes.
    pub peak: Option<u64>,
}

/// What a record holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// No service.
    Free,
    /// A service.
    Row(Row),
    /// Damage, or what is being written.
    Damaged,
}

impl Row {
    /// The packed form.
    #[must_use]
    pub fn pack(&self) -> [u8; SIZE] {
        let fields = |out: &mut Out<'_>| {
            out.byte(self.state as u8);
            out.byte(self.cause as u8);
            out.short(self.flags.0);
            for word in [self.pid, self.supervisor, self.starts, self.deaths] {
                out.word(word);
            }
            out.short(self.failures);
            out.short(self.wstat);
            out.word(0);
            for at in [self.since, self.started, self.ready, self.ended, self.next_start, self.life] {
                out.moment(at);
            }
            out.long(self.peak.unwrap_or(u64::MAX));
        };
        sealed(&fields, NAME, &self.name)
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        let (mut r, name) = opened(bytes, NAME)?;
        let (state, cause) = (State::from_byte(r.byte()?), Cause::from_byte(r.byte()?));
        let flags = Flags(r.short()?);
        let [pid, supervisor, starts, deaths] = [r.word()?, r.word()?, r.word()?, r.word()?];
        let (failures, wstat, _) = (r.short()?, r.short()?, r.word()?);
        let (since, started, ready) = (r.moment()?, r.moment()?, r.moment()?);
        let (ended, next_start, life) = (r.moment()?, r.moment()?, r.moment()?);
        let peak = Some(r.long()?).filter(|peak| *peak != u64::MAX);
        Some(Self {
            name,
            state,
            cause,
            flags,
            pid,
            supervisor,
            starts,
            deaths,
            failures,
            wstat,
            since,
            started,
            ready,
            ended,
            next_start,
            life,
            peak,
        })
    }
}

impl Place {
    /// What a record of [`SIZE`] bytes holds.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.len() == SIZE && bytes.iter().all(|byte| *byte == 0) {
            return Self::Free;
        }
        Row::unpack(bytes).map_or(Self::Damaged, Self::Row)
    }
}

/// The records of a board's bytes, in order, the header left out: those that are whole, at most [`RECORDS_MAX`].
pub fn places(bytes: &[u8]) -> impl Iterator<Item = Place> {
    bytes.get(SIZE..).unwrap_or_default().chunks_exact(SIZE).take(RECORDS_MAX).map(Place::of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::rows;
    use proptest::prelude::*;

    fn row() -> Row {
        let at = |seconds| Some(Duration::from_secs(seconds));
        Row {
            name: b"web".to_vec(),
            state: State::Backoff,
            cause: Cause::Memory,
            flags: Flags(Flags::WANTED | Flags::READINESS),
            pid: 0,
            supervisor: 7,
            starts: 9,
            deaths: 8,
            failures: 3,
            wstat: 9,
            since: at(1),
            started: at(2),
            ready: None,
            ended: at(3),
            next_start: at(4),
            life: at(5),
            peak: Some(6 << 20),
        }
    }

    fn header() -> Header {
        let at = |seconds| Some(Duration::from_secs(seconds));
        Header {
            records: 64,
            pid: 1,
            phase: Phase::Stopping,
            has_processes: true,
            boot_code: 0,
            exit_code: Header::NONE,
            stop_by: StopBy::Signal,
            stop_signal: 15,
            stop_pid: 77,
            stop_uid: Some(1000),
            command: 12,
            clocks: (Duration::from_secs(1), Duration::from_secs(1_700_000_000)),
            begun: at(1),
            started: at(2),
            stop_asked: at(3),
            stopped: None,
            why: b"SIGTERM from process 77 (sh)".to_vec(),
        }
    }

    #[test]
    fn layout_of_the_header() {
        let fields = [
            ("checksum", 4),
            ("magic", 8),
            ("records", 4),
            ("pid", 4),
            ("phase", 1),
            ("has processes", 1),
            ("boot code", 2),
            ("exit code", 2),
            ("stop by", 1),
            ("signal", 1),
            ("process", 4),
            ("user", 4),
            ("command", 4),
            ("moment", 8),
            ("the same since 1970", 8),
            ("begun", 8),
            ("started", 8),
            ("stop asked", 8),
            ("stopped", 8),
            ("nothing", 40),
            ("length of why", 1),
            ("why", 28),
        ];
        insta::assert_snapshot!(rows(&header().pack()[..157], &fields));
    }

    #[test]
    fn layout_of_a_record() {
        let fields = [
            ("checksum", 4),
            ("state", 1),
            ("cause", 1),
            ("flags", 2),
            ("pid", 4),
            ("supervisor", 4),
            ("starts", 4),
            ("deaths", 4),
            ("failures", 2),
            ("wstat", 2),
            ("nothing", 4),
            ("since", 8),
            ("started", 8),
            ("ready", 8),
            ("ended", 8),
            ("next start", 8),
            ("life", 8),
            ("peak", 8),
            ("nothing", 168),
            ("length of the name", 1),
            ("name", 3),
        ];
        insta::assert_snapshot!(rows(&row().pack()[..260], &fields));
    }

    #[test]
    fn bytes_and_words() {
        fn lines<T: Copy + std::fmt::Debug>(all: &[(T, &str)], byte: impl Fn(T) -> u8) -> String {
            all.iter().map(|(value, word)| format!("{:3} {value:?}: {word}\n", byte(*value))).collect()
        }
        let tables = [
            lines(Phase::ALL, |v| v as u8),
            lines(StopBy::ALL, |v| v as u8),
            lines(State::ALL, |v| v as u8),
            lines(Cause::ALL, |v| v as u8),
        ];
        insta::assert_snapshot!(tables.join("\n"));
        assert_eq!((State::from_byte(200), State::Unknown.word()), (State::Unknown, "unknown"));
        let flags =
            [Flags::WANTED, Flags::READINESS, Flags::LOGGED, Flags::LOGGER, Flags::PAUSED, Flags::OPTIONAL];
        assert_eq!(flags, [1, 2, 4, 8, 16, 32]);
        assert!(Flags(5).has(Flags::LOGGED) && !Flags(5).has(Flags::READINESS));
    }

    #[test]
    fn what_is_packed_comes_back() {
        assert_eq!(Header::unpack(&header().pack()), Some(header()));
        assert_eq!(Place::of(&row().pack()), Place::Row(row()));
        let longest = Row { name: vec![b'n'; NAME_MAX], ..row() };
        assert_eq!(Place::of(&longest.pack()), Place::Row(longest.clone()));
        let longer = Row { name: vec![b'n'; NAME_MAX + 9], ..row() };
        assert_eq!(Place::of(&longer.pack()), Place::Row(longest), "a name is cut");
        assert_eq!(Place::of(&[0; SIZE]), Place::Free);
        assert_eq!((place(0), place(9), place(usize::MAX)), (Some(512), Some(5120), None));
        assert_eq!((WHY_MAX, RECORDS_AT_ONCE, RECORDS_MAX), (255, 64, 65_536));
    }

    #[test]
    fn damage_is_said_by_record() {
        let mut bytes = [header().pack(), row().pack(), [0; SIZE], row().pack()].concat();
        bytes[SIZE + 300] ^= 1;
        bytes.extend([1; 100]);
        let found: Vec<Place> = places(&bytes).collect();
        assert_eq!(found, [Place::Damaged, Place::Free, Place::Row(row())]);
        bytes[5] ^= 1;
        assert_eq!((Header::unpack(&bytes), Header::unpack(&bytes[..500])), (None, None));
        assert_eq!((places(b"").count(), Place::of(b"")), (0, Place::Damaged));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(mut bytes in prop::collection::vec(any::<u8>(), 0..1600), seals: bool) {
            if seals && let Some(record) = bytes.get_mut(SIZE..2 * SIZE) {
                // One whose checksum is right.
                let sealed = checksum::seal::<SIZE>(record.try_into().unwrap());
                record.copy_from_slice(&sealed);
            }
            let _ = Header::unpack(&bytes);
            for place in places(&bytes) {
                if let Place::Row(row) = place {
                    prop_assert_eq!(Place::of(&row.pack()), Place::Row(row), "what was read is written as the same");
                }
            }
        }

        #[test]
        fn a_bit_is_noticed(at in 0_usize..SIZE * 8) {
            let mut bytes = row().pack();
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(Place::of(&bytes), Place::Damaged, "one bit that is wrong is damage");
        }
    }
}
