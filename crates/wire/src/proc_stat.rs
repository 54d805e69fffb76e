//! `/proc/PID/stat`, proc_pid_stat(5): one line, `PID (COMM) STATE` and numbers, separated by blanks.
//!
//! COMM may contain blanks and parentheses; it ends at the last `)`.

/// What the kernel reports about a process.  Times are in clock ticks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stat {
    /// Its process id.
    pub pid: u64,
    /// Its name, which it can set itself: hostile input, any bytes but NUL.
    pub comm: Vec<u8>,
    /// The letter of its state: `R` runs, `S` sleeps, `Z` is dead and not reaped, …
    pub state: u8,
    /// Its parent's process id; 0 if the parent is outside of the pid namespace.
    pub ppid: u64,
    /// Its process group.
    pub group: u64,
    /// Its session.
    pub session: u64,
    /// The device number of the terminal; 0 is none.
    pub tty: u32,
    /// The terminal's foreground process group; -1 without a terminal.
    pub foreground: i64,
    /// sched.h's PF_ bits.
    pub flags: u64,
    /// Page faults that needed no disk.
    pub minor_faults: u64,
    /// Those of the children that it has reaped.
    pub minor_faults_of_children: u64,
    /// Page faults that needed a disk.
    pub major_faults: u64,
    /// Those of the children that it has reaped.
    pub major_faults_of_children: u64,
    /// Time in user mode.
    pub user: u64,
    /// Time in the kernel.
    pub system: u64,
    /// Time in user mode of the children that it has reaped.
    pub user_of_children: u64,
    /// Time in the kernel of the children that it has reaped.
    pub system_of_children: u64,
    /// The kernel's priority.
    pub priority: i64,
    /// The nice value, -20 to 19.
    pub nice: i64,
    /// How many threads it has.
    pub threads: u64,
    /// When it started, since the machine's boot.
    pub start: u64,
    /// The size of its address space in bytes.
    pub virtual_size: u64,
    /// The number of its pages in memory.
    pub resident: u64,
    /// The limit of its memory in bytes.
    pub resident_limit: u64,
    /// The address of the kernel function that it waits in; most kernels hide it: 1 if it waits, 0 if it runs.
    pub waits_in: u64,
    /// The processor that it ran on last.
    pub processor: u64,
    /// The real-time priority, 1 to 99; 0 under other policies.
    pub realtime_priority: u64,
    /// The number of its scheduling policy, sched(7).
    pub policy: u64,
}

/// The number of `ppid` in proc_pid_stat(5), the first one that is a number after the name.
const FIRST_FIELD: usize = 4;

/// The number of the last field there that is read, `policy`.
const LAST_FIELD: usize = 41;

/// A thread of the kernel, sched.h's PF_KTHREAD.
const KERNEL_THREAD: u64 = 0x0020_0000;

impl Stat {
    /// The line's content; `None` if it isn't such a line.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let open = line.iter().position(|b| *b == b'(')?;
        let close = line.iter().rposition(|b| *b == b')')?;
        let pid = number(line.get(..open)?.trim_ascii()).and_then(|pid| u64::try_from(pid).ok())?;
        let comm = line.get(open + 1..close)?.to_vec();
        let mut words = line.get(close + 1..)?.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        let state = *words.next()?.first()?;
        // Numbers that older kernels don't have are 0.
        let mut numbers = [0; LAST_FIELD - FIRST_FIELD + 1];
        let mut count = 0;
        for (place, word) in numbers.iter_mut().zip(words) {
            *place = number(word).unwrap_or(0);
            count += 1;
        }
        let at = |nth: usize| numbers.get(nth - FIRST_FIELD).copied().unwrap_or_default();
        let signed = |nth: usize| i64::try_from(at(nth)).unwrap_or_default();
        let field = |nth: usize| u64::try_from(at(nth)).unwrap_or_default();
        if count <= 22 - FIRST_FIELD {
            return None;
        }
        Some(Self {
            pid,
            comm,
            state,
            ppid: field(4),
            group: field(5),
            session: field(6),
            tty: u32::try_from(field(7)).unwrap_or_default(),
            foreground: signed(8),
            flags: field(9),
            minor_faults: field(10),
            minor_faults_of_children: field(11),
            major_faults: field(12),
            major_faults_of_children: field(13),
            user: field(14),
            system: field(15),
            user_of_children: field(16),
            system_of_children: field(17),
            priority: signed(18),
            nice: signed(19),
            threads: field(20),
            start: field(22),
            virtual_size: field(23),
            resident: field(24),
            resident_limit: field(25),
            waits_in: field(35),
            processor: field(39),
            realtime_priority: field(40),
            policy: field(41),
        })
    }

    /// Whether it has ended and isn't reaped yet.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// Whether it is a thread of the kernel.
    #[must_use]
    pub fn is_of_kernel(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// The processor time that it used.
    #[must_use]
    pub fn ran(&self) -> u64 {
        self.user.saturating_add(self.system)
    }

    /// The processor time that it and the children that it has reaped used.
    #[must_use]
    pub fn ran_with_children(&self) -> u64 {
        self.ran().saturating_add(self.user_of_children).saturating_add(self.system_of_children)
    }
}

/// A number of at most 64 bits and a sign.  A list of processes has some fifty of them for each.
fn number(word: &[u8]) -> Option<i128> {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    let mut sum = 0_u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum = sum.checked_mul(10)?.checked_add(digit.into())?;
    }
    let is_negative = digits.len() < word.len();
    (!digits.is_empty()).then(|| if is_negative { -i128::from(sum) } else { sum.into() })
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
        assert_eq!([stat.minor_faults, stat.minor_faults_of_children], [10, 11]);
        assert_eq!([stat.major_faults, stat.major_faults_of_children], [12, 13]);
        assert_eq!(
            [stat.user, stat.system, stat.user_of_children, stat.system_of_children],
            [14, 15, 16, 17]
        );
        assert!(stat.is_of_kernel() && !stat.is_dead());
    }

    #[test]
    fn which_processes_are_dead_and_which_are_the_kernel_s() {
        let with = |state: u8, flags| Stat { state, flags, ..Stat::default() };
        let dead: Vec<u8> = (b'A'..=b'z').filter(|state| with(*state, 0).is_dead()).collect();
        assert_eq!(dead, b"XZx");
        let bits: Vec<u32> = (0..64).filter(|bit| with(b'S', 1 << bit).is_of_kernel()).collect();
        assert_eq!(bits, [21], "PF_KTHREAD");
    }

    /// Old kernels have fewer fields: all up to the start time are needed.
    #[test]
    fn fields_that_are_not_there_are_zero() {
        let short = "1 (a) S 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20";
        let stat = Stat::parse(short.as_bytes()).unwrap();
        assert_eq!((stat.ppid, stat.start, stat.virtual_size, stat.policy), (2, 20, 0, 0));
        assert_eq!(Stat::parse(short.rsplit_once(' ').unwrap().0.as_bytes()), None);
    }

    #[test]
    fn what_is_no_line() {
        for line in ["", "1", "1 (a", "1 (a) ", "x (a) S 1", ")(", "1 (a) S 1 2 3"] {
            assert_eq!(Stat::parse(line.as_bytes()), None, "{line}");
        }
    }
}
