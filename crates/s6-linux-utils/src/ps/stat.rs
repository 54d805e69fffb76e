//! `/proc/PID/stat`, proc_pid_stat(5): one line, `PID (COMM) STATE` and numbers, separated by blanks.
//!
//! COMM may contain blanks and parentheses; it ends at the last `)`.

/// What the kernel tells of a process.  Times are in clock ticks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: u64,
    pub(crate) comm: Vec<u8>,
    pub(crate) state: u8,
    pub(crate) ppid: u64,
    pub(crate) group: u64,
    pub(crate) session: u64,
    /// The device number of the terminal; 0 is none.
    pub(crate) tty: u32,
    /// The terminal's foreground process group; -1 without a terminal.
    pub(crate) foreground: i64,
    /// sched.h's PF_ bits.
    pub(crate) flags: u64,
    pub(crate) minor_faults: u64,
    pub(crate) minor_faults_of_children: u64,
    pub(crate) major_faults: u64,
    pub(crate) major_faults_of_children: u64,
    pub(crate) user: u64,
    pub(crate) system: u64,
    pub(crate) user_of_children: u64,
    pub(crate) system_of_children: u64,
    pub(crate) priority: i64,
    pub(crate) nice: i64,
    pub(crate) threads: u64,
    /// Since the machine's boot.
    pub(crate) start: u64,
    /// Bytes.
    pub(crate) virtual_size: u64,
    /// Pages.
    pub(crate) resident: u64,
    /// Bytes.
    pub(crate) resident_limit: u64,
    /// An address, or only 0 and 1 for "runs" and "waits".
    pub(crate) waits_in: u64,
    pub(crate) processor: u64,
    pub(crate) realtime_priority: u64,
    pub(crate) policy: u64,
}

/// A thread of the kernel, sched.h's PF_KTHREAD.
const KERNEL_THREAD: u64 = 0x0020_0000;

impl Stat {
    /// The line's content; `None` if it isn't such a line.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let open = line.iter().position(|b| *b == b'(')?;
        let close = line.iter().rposition(|b| *b == b')')?;
        let pid = tool::number::decimal(line.get(..open)?.trim_ascii())?;
        let comm = line.get(open + 1..close)?.to_vec();
        let mut words = line.get(close + 1..)?.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        let state = *words.next()?.first()?;
        // Numbers that aren't there, in older kernels, or that are negative are 0 and wrapped.
        let words: Vec<i128> = words.map(|w| tool::number::decimal(w).unwrap_or(0)).collect();
        // `nth` counts as proc_pid_stat(5) does, where ppid is number 4.
        let signed = |nth: usize| words.get(nth - 4).and_then(|n| i64::try_from(*n).ok()).unwrap_or_default();
        let number = |nth: usize| words.get(nth - 4).and_then(|n| u64::try_from(*n).ok()).unwrap_or_default();
        words.get(22 - 4)?;
        Some(Self {
            pid,
            comm,
            state,
            ppid: number(4),
            group: number(5),
            session: number(6),
            tty: u32::try_from(number(7)).unwrap_or_default(),
            foreground: signed(8),
            flags: number(9),
            minor_faults: number(10),
            minor_faults_of_children: number(11),
            major_faults: number(12),
            major_faults_of_children: number(13),
            user: number(14),
            system: number(15),
            user_of_children: number(16),
            system_of_children: number(17),
            priority: signed(18),
            nice: signed(19),
            threads: number(20),
            start: number(22),
            virtual_size: number(23),
            resident: number(24),
            resident_limit: number(25),
            waits_in: number(35),
            processor: number(39),
            realtime_priority: number(40),
            policy: number(41),
        })
    }

    /// Whether it is a thread of the kernel.
    pub(crate) fn is_of_kernel(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// The ticks that it ran.
    pub(crate) fn ran(&self) -> u64 {
        self.user.saturating_add(self.system)
    }

    /// The ticks that it and its dead children ran.
    pub(crate) fn ran_with_children(&self) -> u64 {
        self.ran().saturating_add(self.user_of_children).saturating_add(self.system_of_children)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line() {
        let line = b"42 (a) b (c) S 1 42 7 34816 -1 2097216 10 11 12 13 14 15 16 17 -2 -20 3 0 99 4096 5 \
            18446744073709551615 0 0 0 0 0 0 0 0 0 1 0 0 17 2 50 1 0 0 0\n";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.pid, stat.comm.as_slice(), stat.state), (42, b"a) b (c".as_slice(), b'S'));
        assert_eq!((stat.ppid, stat.group, stat.session, stat.tty, stat.foreground), (1, 42, 7, 34816, -1));
        assert_eq!((stat.priority, stat.nice, stat.threads, stat.start), (-2, -20, 3, 99));
        assert_eq!((stat.virtual_size, stat.resident, stat.resident_limit), (4096, 5, u64::MAX));
        assert_eq!((stat.waits_in, stat.processor, stat.realtime_priority, stat.policy), (1, 2, 50, 1));
        assert_eq!((stat.ran(), stat.ran_with_children()), (29, 62));
        assert!(stat.is_of_kernel());
    }

    #[test]
    fn what_is_no_line() {
        for line in ["", "1", "1 (a", "1 (a) ", "x (a) S 1", ")(", "1 (a) S 1 2 3"] {
            assert_eq!(Stat::parse(line.as_bytes()), None, "{line}");
        }
    }
}
