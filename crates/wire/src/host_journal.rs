//! The journal: pid 1's state in memory, which the re-executed program reads.
//!
//! The host of a scan directory keeps it current in a file in memory, so that a host that faults has nothing left to
//! write.  Numbers are big-endian; a descriptor is 32 bits, -1 for none; a moment is 64 bits, nanoseconds of
//! CLOCK_MONOTONIC, all ones for none; a name is a 16-bit length and its bytes.
//!
//! | offset | what |
//! |---|---|
//! | 0–7 | [`MAGIC`], the last byte being the version |
//! | 8 | the signal of the fault that ended the host, 0 if it ended in order; [`FAULT`] |
//! | 12–15 | the process that is being started, in the machine's byte order, since the kernel stores it; [`STARTED`] |
//! | 16–35 | the in-flight event: [`InFlight`] |
//! | 40–47 | the address of that fault, in the machine's byte order, 0 for none; [`FAULT_ADDRESS`] |
//! | 48–55 | where the input comes from that was read and isn't handled; [`INPUT_SOURCE`] |
//! | 64–1023 | the host: [`Header`] |
//! | 1024–2047 | that input: items of the source's own length, zeroed as they are handled; [`INPUT`] |
//! | 2048 + 672 n | the service with number n: a byte 1 and [`Record`]; a byte 0 if there is none |
//!
//! The fields follow each other in the order of the types below; each `Option` of more than one field begins with
//! a byte that is 0 or 1.

use crate::death_tally::{self, Death};
use crate::packing::{Fd, In, Out};
use crate::restarts::Restarts;
use crate::svstatus::{SIZE, Status};
use std::borrow::Cow;
use std::time::Duration;

/// The first bytes of a journal of this version.
pub const MAGIC: [u8; 8] = *b"s6host\0\x08";

/// Offset of the fault's signal.
pub const FAULT: u32 = 8;

/// Offset of the fault's address: 64 bits.
pub const FAULT_ADDRESS: u32 = 40;

/// Offset of the process id that the kernel stores when a process is started: 32 bits, 0 for none.
pub const STARTED: u32 = 12;

/// Offset of the number, 64 bits, of the source whose input was read last.
pub const INPUT_SOURCE: u32 = 48;

/// Offset and room of input that was read and isn't handled.
pub const INPUT: (u64, usize) = (1024, 1024);

/// Offset and length of the in-flight event.
pub const IN_FLIGHT: (u64, usize) = (16, 20);

/// Offset and room of the host's header.
pub const HEADER: (u64, usize) = (64, 960);

/// Offset, in the header, of [`Header::slots`].
pub const HEADER_SLOTS: u32 = 4;

/// Offset of the first service, and the room of each one.
pub const RECORDS: (u64, usize) = (2048, 672);

/// The longest name that is kept whole.
const NAME: usize = 260;

/// At most this many bytes of a policy.
const POLICY: usize = 256;

/// At most this many descriptors of a policy.
const POLICY_FDS: u16 = 32;

/// At most so many deaths are kept that couldn't be added to the tally.
pub const OWED_DEATHS_MAX: usize = 4;

/// How many faults are remembered.
pub const FAULTS: usize = 5;

/// The event that a host is handling: if a fault strikes, its successor completes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InFlight {
    /// 0 for none, [`InFlight::ENDED`], [`InFlight::LETTER`], [`InFlight::READY`], [`InFlight::INPUT`],
    /// [`InFlight::SERVED`].
    pub kind: u8,
    /// How many hosts have begun to handle it after the first one had faulted.
    pub repeats: u8,
    /// Of an end, the status as wait(2) gives it; of a letter, the letter.
    pub detail: u16,
    /// Of an end, the process; of a letter and of readiness, the service's number.
    pub about: u32,
    /// 1 more than the number of the service whose process is being started; or, from [`InFlight::CONSEQUENCES`] on, the
    /// number of the one whose end is being seen to; or one of the policy's children, which count from
    /// [`InFlight::CHILDREN`] on; 0 for none.
    pub starting: u32,
    /// The read end of the notification pipe of that start, or the connection that is being served.
    pub notification: Fd,
}

impl InFlight {
    /// An event that was repeated so often, and is in flight still, is skipped.
    pub const REPEATS_MAX: u8 = 2;
    /// A child has ended.
    pub const ENDED: u8 = 1;
    /// A letter was read from a service's control FIFO.
    pub const LETTER: u8 = 2;
    /// Readiness was read from a service's notification pipe.
    pub const READY: u8 = 3;
    /// The first item of the input is being handled.
    pub const INPUT: u8 = 4;
    /// A connection is being served.
    pub const SERVED: u8 = 5;
    /// The first number of [`InFlight::starting`] for what sees to the end of a service.
    pub const CONSEQUENCES: u32 = 1 << 30;
    /// The first number of [`InFlight::starting`] for a child of the policy.
    pub const CHILDREN: u32 = 1 << 31;
}

/// The host itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// The process.
    pub pid: u32,
    /// How many services' records follow.
    pub slots: u32,
    /// The control FIFO of the scan directory.
    pub control: Fd,
    /// Its lock.
    pub lock: Fd,
    /// The socket for oneshots.
    pub oneshot: Fd,
    /// The console holder.
    pub console: Fd,
    /// Of supervisor processes: the file of their slots, and both ends of the socket that they send through.
    pub supervisors: [Fd; 3],
    /// The status board and the record of events.
    pub board: [Fd; 2],
    /// All services are being stopped.
    pub stopping: bool,
    /// The soft and hard limit on open files for children.
    pub open_files: (Option<u64>, Option<u64>),
    /// When to scan next.
    pub scan_at: Option<Duration>,
    /// When hosts of this process have faulted, the latest first.
    pub faults: [Option<Duration>; FAULTS],
    /// A child of the policy that a former host has started and the policy doesn't know yet: its kind and its process id, 0
    /// for none.
    pub child: (u8, u32),
    /// The policy's descriptors.
    pub policy_fds: Vec<i32>,
    /// The policy's own bytes.
    pub policy: Vec<u8>,
}

/// A service's supervision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supervised {
    /// The service directory.
    pub dir: Fd,
    /// `supervise/control`.
    pub control: Fd,
    /// `supervise/lock`.
    pub lock: Fd,
    /// The read end of the notification pipe.
    pub notification: Fd,
    /// Detached from the host's standard input and output.
    pub detached: bool,
    /// The machine's state, as it is also published.
    pub status: Status,
    /// The machine's deadline.
    pub deadline: Option<Duration>,
    /// The earliest next start, if the service has been ready.
    pub next_start: Option<Duration>,
    /// A kill is due at the deadline.
    pub dying: bool,
    /// Supervision ends when the service is down.
    pub leaving: bool,
    /// The file `down` couldn't be made so far.
    pub down_file: bool,
    /// The latest deaths that couldn't be added to the tally so far, oldest first: at most [`OWED_DEATHS_MAX`].
    pub deaths: Vec<Death>,
    /// What is remembered for the restart policy.
    pub restarts: Restarts,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its name under the scan directory.
    pub name: Cow<'a, [u8]>,
    /// Device and inode of its directory.
    pub identity: (u64, u64),
    /// The last scan saw it.
    pub active: bool,
    /// 0 no pair, 1 producer, 2 logger, 3 a logger whose producer is gone; and the partner's number.
    pub pair: (u8, u32),
    /// Its end of the logger's pipe.
    pub log_pipe: Fd,
    /// Both ends of the pipe that `pipe-in` names, then of the one that `pipe-out` names.
    pub named: [Fd; 4],
    /// Its supervisor's process, if it has one.
    pub supervisor: u32,
    /// Its directory, for another supervisor process.
    pub dir: Fd,
    /// The number of a start, and the read end of its notification pipe, which a supervisor process has left here.
    pub kept: (u32, Fd),
    /// A write end of its control FIFO, which a supervisor process has left here.
    pub control: Fd,
    /// When supervision last began.
    pub begun: Option<Duration>,
    /// When supervision is to begin again.
    pub begin_at: Option<Duration>,
    /// How many times in a row supervision could not begin.
    pub failures: u32,
    /// Supervision in the host.
    pub service: Option<Supervised>,
}

impl InFlight {
    /// Whether hosts have faulted over it again and again, so that the next one passes over it.
    #[must_use]
    pub fn is_skipped(&self) -> bool {
        self.repeats >= Self::REPEATS_MAX
    }

    /// The packed form.
    #[must_use]
    pub fn pack(&self) -> [u8; IN_FLIGHT.1] {
        let mut packed = [0; IN_FLIGHT.1];
        let mut out = Out::new(&mut packed);
        out.byte(self.kind);
        out.byte(self.repeats);
        out.short(self.detail);
        out.word(self.about);
        out.word(self.starting);
        out.fd(self.notification);
        packed
    }

    /// From the packed form.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut r = In(bytes);
        Some(Self {
            kind: r.byte()?,
            repeats: r.byte()?,
            detail: r.short()?,
            about: r.word()?,
            starting: r.word()?,
            notification: r.fd()?,
        })
    }
}

impl Header {
    /// The packed form; `None` if the policy's state is over a limit.
    #[must_use]
    pub fn pack<'a>(&self, room: &'a mut [u8; HEADER.1]) -> Option<&'a [u8]> {
        let mut out = Out::new(room);
        out.word(self.pid);
        out.word(self.slots);
        for fd in [self.control, self.lock, self.oneshot, self.console]
            .into_iter()
            .chain(self.supervisors)
            .chain(self.board)
        {
            out.fd(fd);
        }
        out.byte(self.stopping);
        out.long(self.open_files.0.unwrap_or(u64::MAX));
        out.long(self.open_files.1.unwrap_or(u64::MAX));
        out.moment(self.scan_at);
        for at in self.faults {
            out.moment(at);
        }
        out.byte(self.child.0);
        out.word(self.child.1);
        out.short(u16::try_from(self.policy_fds.len()).ok().filter(|n| *n <= POLICY_FDS)?);
        for fd in &self.policy_fds {
            out.fd(Some(*fd));
        }
        if self.policy.len() > POLICY {
            return None;
        }
        out.name(&self.policy, POLICY);
        out.packed()
    }

    /// From the packed form.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut r = In(bytes);
        let mut header = Self {
            pid: r.word()?,
            slots: r.word()?,
            control: r.fd()?,
            lock: r.fd()?,
            oneshot: r.fd()?,
            console: r.fd()?,
            supervisors: [r.fd()?, r.fd()?, r.fd()?],
            board: [r.fd()?, r.fd()?],
            stopping: r.flag()?,
            open_files: (r.limit()?, r.limit()?),
            scan_at: r.moment()?,
            ..Self::default()
        };
        for at in &mut header.faults {
            *at = r.moment()?;
        }
        header.child = (r.byte()?, r.word()?);
        for _ in 0..r.short()? {
            header.policy_fds.push(r.fd()??);
        }
        header.policy = r.name(POLICY)?;
        Some(header)
    }
}

impl Supervised {
    pub(crate) fn put(&self, out: &mut Out<'_>) {
        for fd in [self.dir, self.control, self.lock, self.notification] {
            out.fd(fd);
        }
        out.byte(self.detached);
        out.put(self.status.pack());
        out.moment(self.deadline);
        out.moment(self.next_start);
        out.byte(self.dying);
        out.byte(self.leaving);
        out.byte(self.down_file);
        let deaths = self.deaths.get(self.deaths.len().saturating_sub(OWED_DEATHS_MAX)..).unwrap_or_default();
        out.byte(u8::try_from(deaths.len()).unwrap_or_default());
        deaths.iter().for_each(|death| out.put(death.pack()));
        self.restarts.put(out);
    }

    pub(crate) fn take(r: &mut In<'_>) -> Option<Self> {
        Some(Self {
            dir: r.fd()?,
            control: r.fd()?,
            lock: r.fd()?,
            notification: r.fd()?,
            detached: r.flag()?,
            status: Status::unpack(r.bytes(SIZE)?)?,
            deadline: r.moment()?,
            next_start: r.moment()?,
            dying: r.flag()?,
            leaving: r.flag()?,
            down_file: r.flag()?,
            deaths: take_deaths(r)?,
            restarts: Restarts::take(r)?,
        })
    }
}

fn take_deaths(r: &mut In<'_>) -> Option<Vec<Death>> {
    let count = usize::from(r.byte()?);
    if count > OWED_DEATHS_MAX {
        return None;
    }
    (0..count).map(|_| Death::unpack(r.bytes(death_tally::RECORD)?)).collect()
}

impl Record<'_> {
    /// The packed form, or that of no service; a name is cut to the longest that is kept whole.
    #[must_use]
    pub fn pack<'a>(record: Option<&Self>, room: &'a mut [u8; RECORDS.1]) -> &'a [u8] {
        let mut out = Out::new(room);
        out.byte(record.is_some());
        let Some(record) = record else { return out.packed().unwrap_or_default() };
        out.name(&record.name, NAME);
        out.long(record.identity.0);
        out.long(record.identity.1);
        out.byte(record.active);
        out.byte(record.pair.0);
        out.word(record.pair.1);
        out.fd(record.log_pipe);
        for fd in record.named {
            out.fd(fd);
        }
        out.word(record.supervisor);
        out.fd(record.dir);
        out.word(record.kept.0);
        out.fd(record.kept.1);
        out.fd(record.control);
        out.moment(record.begun);
        out.moment(record.begin_at);
        out.word(record.failures);
        out.byte(record.service.is_some());
        if let Some(service) = &record.service {
            service.put(&mut out);
        }
        out.packed().unwrap_or_default()
    }

    /// From the packed form: `Some(None)` for no service, `None` for damage.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Option<Self>> {
        let mut r = In(bytes);
        if !r.flag()? {
            return Some(None);
        }
        let mut record = Self {
            name: r.name(NAME)?.into(),
            identity: (r.long()?, r.long()?),
            active: r.flag()?,
            pair: (r.byte()?, r.word()?),
            log_pipe: r.fd()?,
            named: [r.fd()?, r.fd()?, r.fd()?, r.fd()?],
            supervisor: r.word()?,
            dir: r.fd()?,
            kept: (r.word()?, r.fd()?),
            control: r.fd()?,
            begun: r.moment()?,
            begin_at: r.moment()?,
            failures: r.word()?,
            service: None,
        };
        if r.flag()? {
            record.service = Some(Supervised::take(&mut r)?);
        }
        Some(Some(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tai::Tai64n;
    use crate::tests::rows;
    use proptest::prelude::*;

    fn record() -> Record<'static> {
        let stamp = Tai64n::from_unix(1_700_000_000, 7);
        let (pid, wstat, want_up) = (1234, 15, true);
        let flags = (false, false, true);
        let status = Status {
            stamp,
            ready_stamp: stamp,
            pid,
            wstat,
            want_up,
            paused: flags.0,
            finishing: flags.1,
            ready: flags.2,
        };
        Record {
            name: vec![b'n'; NAME].into(),
            identity: (1, 2),
            active: true,
            pair: (1, 7),
            log_pipe: Some(9),
            named: [None, Some(4), Some(5), None],
            supervisor: 0,
            dir: Some(3),
            kept: (2, Some(8)),
            control: Some(14),
            begun: Some(Duration::from_millis(1)),
            begin_at: None,
            failures: 3,
            service: Some(Supervised {
                dir: Some(10),
                control: Some(11),
                lock: Some(12),
                notification: None,
                detached: false,
                status,
                deadline: Some(Duration::from_secs(3)),
                next_start: None,
                dying: true,
                leaving: false,
                down_file: true,
                deaths: vec![Death { stamp, exit_code: 137, signal: 9 }; OWED_DEATHS_MAX],
                restarts: Restarts { last: 1, ages: vec![2; 32], ..Restarts::default() },
            }),
        }
    }

    fn pack(record: Option<&Record<'_>>) -> Vec<u8> {
        Record::pack(record, &mut [0; RECORDS.1]).to_vec()
    }

    #[test]
    fn an_event_is_passed_over_after_the_last_repeat() {
        let skipped = |repeats| InFlight { repeats, ..InFlight::default() }.is_skipped();
        assert_eq!([0, 1, 2, 3, u8::MAX].map(skipped), [false, false, true, true, true]);
    }

    #[test]
    fn what_is_packed_fits_and_comes_back() {
        let packed = pack(Some(&record()));
        assert!(packed.len() < RECORDS.1, "{}", packed.len());
        assert_eq!(Record::unpack(&packed), Some(Some(record())));
        assert_eq!(Record::unpack(&pack(None)), Some(None));
        let (policy_fds, policy) = ((3..35).collect(), vec![1; POLICY]);
        let header = Header { pid: 1, control: Some(5), policy_fds, policy, ..Header::default() };
        let mut room = [0; HEADER.1];
        let packed = header.pack(&mut room).unwrap();
        assert!(packed.len() < HEADER.1);
        assert_eq!(Header::unpack(packed), Some(header));
        let event =
            InFlight { kind: InFlight::ENDED, detail: 9, about: 77, starting: 4, ..InFlight::default() };
        assert_eq!(event.pack().len(), IN_FLIGHT.1);
        assert_eq!(InFlight::unpack(&event.pack()), Some(event));
    }

    #[test]
    fn layout_of_the_in_flight_event() {
        let event = InFlight {
            kind: InFlight::LETTER,
            repeats: 1,
            detail: 0x75,
            about: 3,
            starting: 4,
            notification: Some(9),
        };
        let fields = [
            ("kind", 1),
            ("repeats", 1),
            ("detail", 2),
            ("about", 4),
            ("starting", 4),
            ("notification", 4),
            ("reserved", 4),
        ];
        insta::assert_snapshot!(rows(&event.pack(), &fields));
        let kinds = [InFlight::ENDED, InFlight::LETTER, InFlight::READY, InFlight::INPUT, InFlight::SERVED];
        assert_eq!(kinds, [1, 2, 3, 4, 5]);
        assert_eq!((InFlight::CONSEQUENCES, InFlight::CHILDREN), (0x4000_0000, 0x8000_0000));
    }

    #[test]
    fn layout_of_the_header() {
        let header = Header {
            pid: 1,
            slots: 2,
            control: Some(5),
            lock: Some(6),
            oneshot: None,
            console: Some(7),
            supervisors: [Some(10), Some(11), None],
            board: [Some(12), None],
            stopping: true,
            open_files: (Some(1024), None),
            scan_at: Some(Duration::from_secs(1)),
            faults: [Some(Duration::from_nanos(3)), None, None, None, None],
            child: (2, 77),
            policy_fds: vec![8, 9],
            policy: b"abc".to_vec(),
        };
        let fields = [
            ("pid", 4),
            ("slots", 4),
            ("control", 4),
            ("lock", 4),
            ("oneshot", 4),
            ("console", 4),
            ("supervisors", 12),
            ("board", 8),
            ("stopping", 1),
            ("soft limit on open files", 8),
            ("hard limit on open files", 8),
            ("scan_at", 8),
            ("faults", 40),
            ("kind of child", 1),
            ("child", 4),
            ("number of policy_fds", 2),
            ("policy_fds", 8),
            ("length of policy", 2),
            ("policy", 3),
        ];
        insta::assert_snapshot!(rows(header.pack(&mut [0; HEADER.1]).unwrap(), &fields));
        let too_many = Header { policy_fds: vec![3; 33], ..Header::default() };
        let too_long = Header { policy: vec![0; 257], ..Header::default() };
        assert_eq!((too_many.pack(&mut [0; HEADER.1]), too_long.pack(&mut [0; HEADER.1])), (None, None));
    }

    #[test]
    fn layout_of_a_record() {
        let mut record = Record { name: b"web".into(), ..record() };
        record.service.iter_mut().for_each(|service| service.restarts = Restarts::default());
        let fields = [
            ("is there", 1),
            ("length of name", 2),
            ("name", 3),
            ("device", 8),
            ("inode", 8),
            ("active", 1),
            ("pair", 1),
            ("partner", 4),
            ("log_pipe", 4),
            ("named", 16),
            ("supervisor", 4),
            ("its directory", 4),
            ("kept start", 4),
            ("kept", 4),
            ("kept control", 4),
            ("begun", 8),
            ("begin_at", 8),
            ("failures", 4),
            ("is supervised", 1),
            ("dir", 4),
            ("control", 4),
            ("lock", 4),
            ("notification", 4),
            ("detached", 1),
            ("status", SIZE),
            ("deadline", 8),
            ("next_start", 8),
            ("dying", 1),
            ("leaving", 1),
            ("down_file", 1),
            ("owed deaths", 1),
            ("the deaths", 4 * death_tally::RECORD),
            ("restarts", 25),
        ];
        insta::assert_snapshot!(rows(&pack(Some(&record)), &fields));
    }

    #[test]
    fn places_in_the_file() {
        assert_eq!(
            (&MAGIC, FAULT, IN_FLIGHT, HEADER, RECORDS),
            (b"s6host\0\x08", 8, (16, 20), (64, 960), (2048, 672))
        );
        assert_eq!(
            (FAULT_ADDRESS, STARTED, INPUT_SOURCE, INPUT, HEADER_SLOTS),
            (40, 12, 48, (1024, 1024), 4)
        );
    }

    proptest! {
        #[test]
        fn damage_is_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..600), at in 0_usize..580) {
            let _ = (Record::unpack(&bytes), Header::unpack(&bytes), InFlight::unpack(&bytes));
            let packed = pack(Some(&record()));
            prop_assert_eq!(Record::unpack(&packed[..at.min(packed.len() - 1)]), None, "a record that is cut short is refused");
        }
    }
}
