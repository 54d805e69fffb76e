//! What a service's definition says about its ends: `restart-policy` in the service directory.
//!
//! Whoever makes the service directory checks the files of the definition and writes this record; what supervises the service
//! reads it when `run` has ended.  Without the record the reference's rules hold.  Numbers are big-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | [`MAGIC`], the last byte being the version |
//! | 8 | [`Restart`]: 0 always, 1 on failure, 2 never |
//! | 9 | jitter in percent, 0–100 |
//! | 10–11 | factor in hundredths, 100–1000 |
//! | 12–15 | the first delay in milliseconds; all ones for none, and then zeros in 9–11 and 16–19 |
//! | 16–19 | the longest delay in milliseconds, not less than the first one |
//! | 20–23 | how long a life has to be for the next failure to be the first one, in milliseconds |
//! | 24–25 | the limit of failures, 0 for none |
//! | 26–29 | the limit's window in seconds, 0 for failures in a row; with a window the limit is at most 32 |
//! | 30–61 | exit codes that are no failure: bit n mod 8 of byte n / 8 |
//! | 62–69 | signals that are no failure: bit n − 1 |
//! | 70–109 | exit codes and signals that are final, likewise |
//! | 110, 111 | what a failure for good leads to: 0 nothing, 1 stop, 2 stop with the code in the second byte, 3 stop dependents, 4 run |
//! | 112, 113 | what an end with success leads to, likewise |
//! | 114–115, 116–117 | how many bytes of words belong to either |
//! | 118– | these words, each with a NUL behind it |

use crate::packing::{In, Out};

/// The file's name in a service directory.
pub const FILE: &str = "restart-policy";

/// The first bytes of a record of this version.
pub const MAGIC: [u8; 8] = *b"s6rest\0\x01";

/// The longest record.
pub const SIZE_MAX: usize = 4096;

/// The first delay in milliseconds where only the longest one is given.
pub const DELAY: u32 = 1000;

/// The longest of delays that can be given, in milliseconds.
pub const DELAY_MAX: u32 = u32::MAX - 1;

/// The factor, in hundredths, where none is given.
pub const FACTOR: u16 = 200;

/// The factors that can be given.
pub const FACTORS: std::ops::RangeInclusive<u16> = 100..=1000;

/// The jitter, in percent, of delays that grow, where none is given; others have none.
pub const JITTER: u8 = 10;

/// The largest jitter.
pub const JITTER_MAX: u8 = 100;

/// The shortest life that resets, in milliseconds, where none is given and no delay is longer.
pub const RESET: u32 = 60_000;

/// The largest limit of failures within a window.
pub const LIMIT_IN_WINDOW_MAX: u16 = 32;

/// The longest window, in seconds.
pub const WINDOW_MAX: u32 = u32::MAX / 1000;

/// The highest signal.
pub const SIGNAL_MAX: u8 = 64;

/// Of a delay: none.
const NO_DELAY: u32 = u32::MAX;

/// Which ends are followed by another start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// All of them.
    #[default]
    Always,
    /// Failures.
    OnFailure,
    /// None.
    Never,
}

/// How long to wait before the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// After the first failure, and after an end with success: milliseconds, at most [`DELAY_MAX`].
    pub first: u32,
    /// The longest delay, not less than the first one.
    pub max: u32,
    /// What each further failure in a row multiplies the delay by, in hundredths: one of [`FACTORS`].
    pub factor: u16,
    /// By how many percent a delay may be longer or shorter, at most [`JITTER_MAX`].
    pub jitter: u8,
}

impl Delay {
    /// Delays of which only the bounds are given.
    #[must_use]
    pub fn new(first: u32, max: u32) -> Self {
        Self { first, max, factor: FACTOR, jitter: if max > first { JITTER } else { 0 } }
    }
}

/// The failure that is the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its number, from 1 on.
    pub count: u16,
    /// Failures of so many seconds count, at most [`WINDOW_MAX`]; `None`: failures in a row.
    pub window: Option<u32>,
}

/// A set of ends of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ends {
    codes: [u8; 32],
    signals: u64,
}

impl Ends {
    /// Adds an exit code.
    pub fn insert_code(&mut self, code: u8) {
        if let Some(byte) = self.codes.get_mut(usize::from(code >> 3)) {
            *byte |= 1 << (code & 7);
        }
    }

    /// Adds a signal; `false` if there is none with this number.
    pub fn insert_signal(&mut self, signal: u8) -> bool {
        let bit = Self::bit(signal);
        self.signals |= bit;
        bit != 0
    }

    /// Whether an exit with this code is one of them.
    #[must_use]
    pub fn has_code(&self, code: u8) -> bool {
        self.codes.get(usize::from(code >> 3)).is_some_and(|byte| byte & (1 << (code & 7)) != 0)
    }

    /// Whether a death by this signal is one of them.
    #[must_use]
    pub fn has_signal(&self, signal: u8) -> bool {
        self.signals & Self::bit(signal) != 0
    }

    fn bit(signal: u8) -> u64 {
        if (1..=SIGNAL_MAX).contains(&signal) { 1 << (signal - 1) } else { 0 }
    }

    fn put(&self, out: &mut Out<'_>) {
        out.put(self.codes);
        out.long(self.signals);
    }

    fn take(r: &mut In<'_>) -> Option<Self> {
        Some(Self { codes: r.bytes(32)?.try_into().ok()?, signals: r.long()? })
    }
}

/// What the last end of a service leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Consequence {
    /// The service stays down.
    #[default]
    Nothing,
    /// The container stops, with this exit code or the one that follows from the service's end.
    Stop(Option<u8>),
    /// The service and what needs it are brought down.
    StopDependents,
    /// A program is run once: its path and its arguments.
    Run(Vec<Vec<u8>>),
}

impl Consequence {
    fn pack(&self) -> ([u8; 2], Vec<u8>) {
        match self {
            Self::Nothing => ([0, 0], Vec::new()),
            Self::Stop(None) => ([1, 0], Vec::new()),
            Self::Stop(Some(code)) => ([2, *code], Vec::new()),
            Self::StopDependents => ([3, 0], Vec::new()),
            Self::Run(words) => ([4, 0], words.iter().flat_map(|word| [word, &b"\0"[..]].concat()).collect()),
        }
    }

    fn unpack(kind: &[u8], words: &[u8]) -> Option<Self> {
        match (kind, words) {
            ([0, 0], []) => Some(Self::Nothing),
            ([1, 0], []) => Some(Self::Stop(None)),
            ([2, code], []) => Some(Self::Stop(Some(*code))),
            ([3, 0], []) => Some(Self::StopDependents),
            ([4, 0], words) => {
                let words = words.strip_suffix(&[0])?;
                Some(Self::Run(words.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()))
            }
            _ => None,
        }
    }

    /// Whether the record can hold it.
    fn is_sound(&self) -> bool {
        match self {
            Self::Run(words) => {
                words.first().is_some_and(|path| !path.is_empty())
                    && words.iter().all(|word| !word.contains(&0))
            }
            Self::Nothing | Self::Stop(_) | Self::StopDependents => true,
        }
    }
}

/// The record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Which ends are followed by another start.
    pub restart: Restart,
    /// The delays; `None`: the reference's rule, a second between two starts.
    pub delay: Option<Delay>,
    /// The failure that is the last one, if there is a limit.
    pub limit: Option<Limit>,
    /// A life of so many milliseconds makes the next failure the first one.
    pub reset: u32,
    /// Ends that are no failure.
    pub success: Ends,
    /// Ends after which the service has failed for good.
    pub never_on: Ends,
    /// What happens when it has failed for good.
    pub on_failure: Consequence,
    /// What happens when it has ended with success and isn't started again.
    pub on_success: Consequence,
}

/// The reference's rules: what holds without a record.
impl Default for RestartPolicy {
    fn default() -> Self {
        let mut success = Ends::default();
        success.insert_code(0);
        Self {
            restart: Restart::Always,
            delay: None,
            limit: None,
            reset: RESET,
            success,
            never_on: Ends::default(),
            on_failure: Consequence::Nothing,
            on_success: Consequence::Nothing,
        }
    }
}

impl RestartPolicy {
    /// The packed form; `None` if a value is out of its bounds, or the words are too long.
    #[must_use]
    pub fn pack(&self) -> Option<Vec<u8>> {
        if !self.is_sound() {
            return None;
        }
        let mut room = vec![0; SIZE_MAX];
        let mut out = Out::new(&mut room);
        out.put(MAGIC);
        out.byte(match self.restart {
            Restart::Always => 0,
            Restart::OnFailure => 1,
            Restart::Never => 2_u8,
        });
        let none = Delay { first: NO_DELAY, max: 0, factor: 0, jitter: 0 };
        let Delay { first, max, factor, jitter } = self.delay.unwrap_or(none);
        out.byte(jitter);
        out.short(factor);
        out.word(first);
        out.word(max);
        out.word(self.reset);
        out.short(self.limit.map_or(0, |limit| limit.count));
        out.word(self.limit.and_then(|limit| limit.window).unwrap_or(0));
        self.success.put(&mut out);
        self.never_on.put(&mut out);
        let parts = [self.on_failure.pack(), self.on_success.pack()];
        for (kind, _) in &parts {
            out.put(*kind);
        }
        for (_, words) in &parts {
            out.short(u16::try_from(words.len()).ok()?);
        }
        for (_, words) in &parts {
            out.bytes(words);
        }
        out.packed().map(<[u8]>::to_vec)
    }

    /// From the packed form; `None` for another version, or if anything isn't as the table says.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut r = In(bytes);
        if bytes.len() > SIZE_MAX || r.bytes(MAGIC.len())? != MAGIC {
            return None;
        }
        let restart = match r.byte()? {
            0 => Restart::Always,
            1 => Restart::OnFailure,
            2 => Restart::Never,
            _ => return None,
        };
        let (jitter, factor, first, max) = (r.byte()?, r.short()?, r.word()?, r.word()?);
        let delay = match (first, max, factor, jitter) {
            (NO_DELAY, 0, 0, 0) => None,
            _ => Some(Delay { first, max, factor, jitter }),
        };
        let reset = r.word()?;
        let limit = match (r.short()?, r.word()?) {
            (0, 0) => None,
            (0, _) => return None,
            (count, window) => Some(Limit { count, window: (window != 0).then_some(window) }),
        };
        let (success, never_on) = (Ends::take(&mut r)?, Ends::take(&mut r)?);
        let kinds = [r.bytes(2)?, r.bytes(2)?];
        let lengths = [r.short()?, r.short()?];
        let mut words = [&[][..]; 2];
        for (words, length) in words.iter_mut().zip(lengths) {
            *words = r.bytes(length.into())?;
        }
        let [on_failure, on_success] = [0, 1].map(|n| Consequence::unpack(kinds[n], words[n]));
        let policy = Self {
            restart,
            delay,
            limit,
            reset,
            success,
            never_on,
            on_failure: on_failure?,
            on_success: on_success?,
        };
        (r.0.is_empty() && policy.is_sound()).then_some(policy)
    }

    /// Whether each value is within its bounds.
    fn is_sound(&self) -> bool {
        let is_delay = |d: Delay| {
            d.first <= d.max && d.max <= DELAY_MAX && FACTORS.contains(&d.factor) && d.jitter <= JITTER_MAX
        };
        let is_limit = |limit: Limit| match limit.window {
            Some(window) => {
                (1..=LIMIT_IN_WINDOW_MAX).contains(&limit.count) && (1..=WINDOW_MAX).contains(&window)
            }
            None => limit.count > 0,
        };
        self.delay.is_none_or(is_delay)
            && self.limit.is_none_or(is_limit)
            && self.on_failure.is_sound()
            && self.on_success.is_sound()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(words: &[&[u8]]) -> Consequence {
        Consequence::Run(words.iter().map(|word| word.to_vec()).collect())
    }

    fn full() -> RestartPolicy {
        let mut success = Ends::default();
        for code in [0, 143] {
            success.insert_code(code);
        }
        assert!(success.insert_signal(15));
        let mut never_on = Ends::default();
        never_on.insert_code(78);
        assert!(never_on.insert_signal(64));
        RestartPolicy {
            restart: Restart::OnFailure,
            delay: Some(Delay { first: 500, max: 30_000, factor: 150, jitter: 20 }),
            limit: Some(Limit { count: 5, window: Some(60) }),
            reset: 70_000,
            success,
            never_on,
            on_failure: words(&[b"/bin/tell", b"", b"a b"]),
            on_success: Consequence::Stop(Some(7)),
        }
    }

    #[test]
    fn layout_of_a_record() {
        let packed = full().pack().unwrap();
        let hex = |range: std::ops::Range<usize>| -> String {
            packed[range].iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(&packed[..8], b"s6rest\0\x01");
        assert_eq!(hex(8..30), "01140096000001f40000753000011170".to_owned() + "0005" + "0000003c");
        assert_eq!(hex(30..70), format!("01{}80{}{}", "00".repeat(16), "00".repeat(14), "0000000000004000"));
        assert_eq!(hex(70..110), format!("{}40{}{}", "00".repeat(9), "00".repeat(22), "8000000000000000"));
        assert_eq!(hex(110..118), "04000207000f0000");
        assert_eq!(&packed[118..], b"/bin/tell\0\0a b\0");
        assert_eq!(RestartPolicy::unpack(&packed), Some(full()));
    }

    #[test]
    fn defaults_are_the_rules_of_the_reference() {
        let policy = RestartPolicy::default();
        assert_eq!(
            (policy.restart, policy.delay, policy.limit, policy.reset),
            (Restart::Always, None, None, 60_000)
        );
        assert!(policy.success.has_code(0) && !policy.success.has_code(1) && !policy.success.has_signal(15));
        assert_eq!(policy.never_on, Ends::default());
        assert_eq!((&policy.on_failure, &policy.on_success), (&Consequence::Nothing, &Consequence::Nothing));
        let packed = policy.pack().unwrap();
        assert_eq!((packed.len(), RestartPolicy::unpack(&packed)), (118, Some(policy)));
        assert_eq!(Delay::new(1000, 1000), Delay { first: 1000, max: 1000, factor: 200, jitter: 0 });
        assert_eq!(Delay::new(1000, 1001), Delay { first: 1000, max: 1001, factor: 200, jitter: 10 });
        assert_eq!((DELAY, DELAY_MAX, FACTORS, JITTER_MAX), (1000, 0xffff_fffe, 100..=1000, 100));
        assert_eq!((LIMIT_IN_WINDOW_MAX, WINDOW_MAX, SIGNAL_MAX, SIZE_MAX), (32, 4_294_967, 64, 4096));
        assert_eq!((FILE, MAGIC), ("restart-policy", *b"s6rest\0\x01"));
    }

    #[test]
    fn each_kind_of_value_comes_back() {
        let base = RestartPolicy::default();
        for restart in [Restart::Always, Restart::OnFailure, Restart::Never] {
            for on_failure in [Consequence::Nothing, Consequence::Stop(None), Consequence::StopDependents] {
                for limit in [None, Some(Limit { count: 65535, window: None })] {
                    let on_success = words(&[b"/x"]);
                    let on_failure = on_failure.clone();
                    let policy = RestartPolicy { restart, limit, on_failure, on_success, ..base.clone() };
                    assert_eq!(RestartPolicy::unpack(&policy.pack().unwrap()), Some(policy));
                }
            }
        }
    }

    #[test]
    fn values_out_of_bounds_are_refused() {
        let base = full();
        let delay = |first, max, factor, jitter| RestartPolicy {
            delay: Some(Delay { first, max, factor, jitter }),
            ..base.clone()
        };
        let limit = |count, window| RestartPolicy { limit: Some(Limit { count, window }), ..base.clone() };
        let run = |on_failure| RestartPolicy { on_failure, ..base.clone() };
        let long = vec![b'x'; SIZE_MAX];
        for policy in [
            delay(2, 1, 100, 0),
            delay(NO_DELAY, NO_DELAY, 100, 0),
            delay(1, 1, 99, 0),
            delay(1, 1, 1001, 0),
            delay(1, 1, 100, 101),
            limit(0, None),
            limit(33, Some(1)),
            limit(1, Some(0)),
            limit(1, Some(WINDOW_MAX + 1)),
            run(words(&[])),
            run(words(&[b""])),
            run(words(&[b"a\0b"])),
            run(words(&[&long])),
        ] {
            assert_eq!(policy.pack(), None, "{policy:?}");
        }
        let mut ends = Ends::default();
        assert!(!ends.insert_signal(0) && !ends.insert_signal(65));
        assert_eq!(ends, Ends::default());
        let packed = base.pack().unwrap();
        let with = |at: usize, byte: u8| {
            let mut bytes = packed.clone();
            bytes[at] = byte;
            RestartPolicy::unpack(&bytes)
        };
        // The version, restart, jitter, factor, the longest delay, the count, the window, kinds, a path, a word's end.
        for (at, byte) in
            [(7, 2), (8, 3), (9, 101), (10, 4), (18, 0), (25, 33), (26, 0xff), (110, 5), (111, 1), (118, 0)]
        {
            assert_eq!(with(at, byte), None, "byte {at}");
        }
        assert_eq!(with(packed.len() - 1, 1), None);
        assert_eq!(RestartPolicy::unpack(&[&packed[..], b"x"].concat()), None);
    }

    #[test]
    fn a_record_of_the_greatest_length_is_read_and_a_longer_one_is_not() {
        let long = |length: usize| RestartPolicy {
            on_failure: words(&[&vec![b'x'; length]]),
            ..RestartPolicy::default()
        };
        // The path's end is a NUL byte.
        let room = SIZE_MAX - RestartPolicy::default().pack().unwrap().len() - 1;
        let mut packed = long(room).pack().unwrap();
        assert_eq!((packed.len(), RestartPolicy::unpack(&packed)), (SIZE_MAX, Some(long(room))));
        assert_eq!(long(room + 1).pack(), None);
        // The length of the words, and one byte more of them.
        packed[115] += 1;
        packed.insert(118, b'x');
        assert_eq!(RestartPolicy::unpack(&packed), None);
    }

    proptest! {
        #[test]
        fn damage_is_refused_or_read(at in 0_usize..133, byte in any::<u8>(), junk in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = RestartPolicy::unpack(&junk);
            let mut packed = full().pack().unwrap();
            prop_assert_eq!(RestartPolicy::unpack(&packed[..at]), None, "a record that is cut short is refused");
            packed[at] = byte;
            if let Some(policy) = RestartPolicy::unpack(&packed) {
                prop_assert_eq!(policy.pack(), Some(packed), "what is read is what is written");
            }
        }

        #[test]
        fn sets_hold_what_was_put_into_them(codes in prop::collection::btree_set(any::<u8>(), 0..20), signals in prop::collection::btree_set(1_u8..=64, 0..20)) {
            let mut ends = Ends::default();
            for code in &codes {
                ends.insert_code(*code);
            }
            for signal in &signals {
                prop_assert!(ends.insert_signal(*signal));
            }
            for n in 0..=255 {
                prop_assert_eq!((ends.has_code(n), ends.has_signal(n)), (codes.contains(&n), signals.contains(&n)), "{}", n);
            }
        }
    }
}
