//! The state of a supervised service: `supervise/status`.
//!
//! | bytes | what |
//! |---|---|
//! | 0–11 | TAI64N of the last change between up and down |
//! | 12–23 | TAI64N of the last readiness (up: notified; down: `finish` done) |
//! | 24–31 | process id of `run` or `finish`, 0 if neither runs; big-endian |
//! | 32–33 | status of the last death of `run` as wait(2) gives it; big-endian |
//! | 34 | flags: 1 paused, 2 `finish` runs, 4 wanted up, 8 ready |
//!
//! A supervisor that hasn't tried to start `run` yet writes the paused flag with process id 0.

use crate::tai::{PACKED, Tai64n};

/// Length of the file in bytes.
pub const SIZE: usize = 35;

/// The content of the status file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// When the service last came up or went down.
    pub stamp: Tai64n,
    /// When the service last became ready.
    pub ready_stamp: Tai64n,
    /// The process id of `run`, or of `finish` if `finishing`; 0 if neither runs.
    pub pid: u32,
    /// How `run` last died, as wait(2) gives it; 0 before the first death.
    pub wstat: u16,
    /// Whether the service was paused on request.
    pub paused: bool,
    /// Whether `pid` is the process of `finish`.
    pub finishing: bool,
    /// Whether the service is restarted when it dies.
    pub want_up: bool,
    /// Whether the service is ready: readiness was notified if it is up, `finish` is done if it is down.
    pub ready: bool,
}

impl Status {
    /// Whether `run` is alive.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.pid != 0 && !self.finishing
    }

    /// The exit code of the last death, if it was an exit.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        (self.wstat & 0x7f == 0).then(|| self.wstat.to_be_bytes()[0])
    }

    /// The signal of the last death, if it was one.
    #[must_use]
    pub fn term_signal(&self) -> Option<u8> {
        let signal = self.wstat.to_be_bytes()[1] & 0x7f;
        (signal != 0 && signal != 0x7f).then_some(signal)
    }

    /// The packed form.
    #[must_use]
    pub fn pack(&self) -> [u8; SIZE] {
        let mut out = [0; SIZE];
        let flags = u8::from(self.paused)
            | u8::from(self.finishing) << 1
            | u8::from(self.want_up) << 2
            | u8::from(self.ready) << 3;
        let (stamp, rest) = out.split_at_mut(PACKED);
        let (ready, rest) = rest.split_at_mut(PACKED);
        let (pid, rest) = rest.split_at_mut(8);
        let (wstat, flag) = rest.split_at_mut(2);
        stamp.copy_from_slice(&self.stamp.pack());
        ready.copy_from_slice(&self.ready_stamp.pack());
        pid.copy_from_slice(&u64::from(self.pid).to_be_bytes());
        wstat.copy_from_slice(&self.wstat.to_be_bytes());
        flag.copy_from_slice(&[flags]);
        out
    }

    /// From the packed form; `None` if the length or a time stamp is wrong, or no process has such an id.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; SIZE] = bytes.try_into().ok()?;
        let (stamp, rest) = bytes.split_at_checked(PACKED)?;
        let (ready, rest) = rest.split_at_checked(PACKED)?;
        let (pid, rest) = rest.split_at_checked(8)?;
        let (wstat, flags) = rest.split_at_checked(2)?;
        let flags = *flags.first()?;
        Some(Self {
            stamp: Tai64n::unpack(stamp)?,
            ready_stamp: Tai64n::unpack(ready)?,
            pid: u64::from_be_bytes(pid.try_into().ok()?).try_into().ok()?,
            wstat: u16::from_be_bytes(wstat.try_into().ok()?),
            paused: flags & 1 != 0,
            finishing: flags & 2 != 0,
            want_up: flags & 4 != 0,
            ready: flags & 8 != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the reference's s6-supervise wrote about a `run` that had exited 42 before and notified its readiness.
    const REFERENCE_UP: &[u8; SIZE] = b"\x40\0\0\0\x6b\x03\xc3\x65\x34\x42\xb0\x9d\
        \x40\0\0\0\x6b\x03\xc3\x65\x34\x6b\x62\xe3\
        \0\0\0\0\0\0\x0a\x28\x2a\0\x0c";

    /// … and about it when `s6-svc -d` had stopped it with SIGTERM.
    const REFERENCE_DOWN: &[u8; SIZE] = b"\x40\0\0\0\x6b\x03\xc3\x67\x1a\x02\x9a\x3d\
        \x40\0\0\0\x6b\x03\xc3\x67\x1a\x6d\x1b\x16\
        \0\0\0\0\0\0\0\0\0\x0f\x08";

    #[test]
    fn reads_and_writes_what_the_reference_wrote() {
        let up = Status::unpack(REFERENCE_UP).unwrap();
        assert_eq!((up.pid, up.exit_code(), up.term_signal()), (2600, Some(42), None));
        assert_eq!((up.is_up(), up.want_up, up.ready, up.paused), (true, true, true, false));
        assert_eq!(up.stamp.unix_seconds(), 1_795_408_704);
        assert_eq!(&up.pack(), REFERENCE_UP);
        let down = Status::unpack(REFERENCE_DOWN).unwrap();
        assert_eq!((down.pid, down.exit_code(), down.term_signal()), (0, None, Some(15)));
        assert_eq!((down.is_up(), down.want_up, down.ready), (false, false, true));
        assert_eq!(&down.pack(), REFERENCE_DOWN);
    }

    /// A running, ready service whose `run` was killed by SIGTERM before.
    const RUNNING: &[u8; SIZE] = b"\x40\0\0\0\x65\x53\xf1\x25\x00\x00\x00\x01\
        \x40\0\0\0\x65\x53\xf1\x26\x3b\x9a\xc9\xff\
        \0\0\0\0\0\0\x04\xd2\x00\x0f\x0c";

    #[test]
    fn reads_and_writes_the_layout() {
        let s = Status::unpack(RUNNING).unwrap();
        assert_eq!((s.pid, s.wstat, s.stamp.unix_seconds()), (1234, 15, 1_700_000_000));
        assert_eq!((s.paused, s.finishing, s.want_up, s.ready), (false, false, true, true));
        assert_eq!((s.is_up(), s.term_signal(), s.exit_code()), (true, Some(15), None));
        assert_eq!(&s.pack(), RUNNING);
    }

    #[test]
    fn each_flag_has_its_bit() {
        let none = Status { paused: false, want_up: false, ready: false, ..Status::unpack(RUNNING).unwrap() };
        let flag = |status: Status| status.pack()[34];
        assert_eq!(flag(none), 0);
        assert_eq!(flag(Status { paused: true, ..none }), 1);
        assert_eq!(flag(Status { finishing: true, ..none }), 2);
        assert_eq!(flag(Status { want_up: true, ..none }), 4);
        assert_eq!(flag(Status { ready: true, ..none }), 8);
    }

    #[test]
    fn flags_are_read_bit_by_bit() {
        for flags in 0..16 {
            let mut bytes = *RUNNING;
            bytes[34] = flags;
            let status = Status::unpack(&bytes).unwrap();
            let bits = [status.paused, status.finishing, status.want_up, status.ready];
            assert_eq!(bits, [1, 2, 4, 8].map(|bit| flags & bit != 0), "{flags}");
            assert_eq!(status.is_up(), !status.finishing, "{flags}");
            assert_eq!(status.pack(), bytes);
            assert!(!Status { pid: 0, ..status }.is_up());
        }
    }

    /// As of wait(2): the low seven bits are the signal, the next one says that there is a core, the others are the code.
    #[test]
    fn how_run_died() {
        let death = |wstat| {
            let s = Status { wstat, ..Status::unpack(RUNNING).unwrap() };
            (s.exit_code(), s.term_signal())
        };
        for (wstat, expected) in [
            (0, (Some(0), None)),
            (42 << 8, (Some(42), None)),
            (0xff00, (Some(255), None)),
            (9, (None, Some(9))),
            (0x8b, (None, Some(11))),
            (0x7e, (None, Some(126))),
            (0x7f, (None, None)),
        ] {
            assert_eq!(death(wstat), expected, "{wstat:#x}");
        }
    }

    #[test]
    fn refuses_damage() {
        assert_eq!(Status::unpack(&RUNNING[..34]), None);
        assert_eq!(Status::unpack(&[0xff; SIZE]), None);
    }
}
