//! What is remembered of a service's ends, for its restart policy: a part of [`crate::host_journal`]'s records and of
//! [`crate::supervisor_slot`]'s states.
//!
//! | bytes | what |
//! |---|---|
//! | 0–1 | failures in a row |
//! | 2 | what the process of `run` was told: 0 nothing, a signal, [`Restarts::TO_END`] |
//! | 3 | bits 0 and 1: [`Verdict`]; bit 2: its consequence is pending; bit 3: the kernel has killed `run` for lack of memory; bits 4 and 5: [`Mark`] |
//! | 4–7 | the delay before the next start in milliseconds, all ones for the reference's rule |
//! | 8–15 | the moment from which on the life of `run` counts |
//! | 16–23 | the state of the random numbers, 0 for none so far |
//! | 24 | how many failures are remembered for a limit with a window, at most 32 |
//! | 25–32 | of these, if there are any: milliseconds of CLOCK_MONOTONIC at the last one |
//! | 33– | for each of them, the last one first: how many milliseconds before the last one it was, 32 bits |

use crate::packing::{In, Out};
use crate::restart_policy::LIMIT_IN_WINDOW_MAX;
use std::time::Duration;

/// The longest packed form.
pub const SIZE_MAX: usize = 33 + 4 * LIMIT_IN_WINDOW_MAX as usize;

/// Of a delay: the reference's rule.
const NO_DELAY: u32 = u32::MAX;

/// What follows the end of `run`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// What the reference does: there is no policy, or the service isn't wanted up.
    #[default]
    None,
    /// Another start.
    Again,
    /// The service has failed for good.
    Failed,
    /// It has ended with success and isn't started again.
    Ended,
}

/// Whether the process of `run`, or the last one, was found unhealthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub enum Mark {
    /// It wasn't, or its end was asked for.
    #[default]
    None,
    /// Its end is a failure.
    Unhealthy,
    /// The container stops when it has ended.
    Stop,
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restarts {
    /// Failures in a row.
    pub failures: u16,
    /// What the process of `run` was told: 0 nothing, a signal, [`Restarts::TO_END`].
    pub told: u8,
    /// What follows the last end.
    pub verdict: Verdict,
    /// What the policy has for that is to be done.
    pub is_pending: bool,
    /// The kernel has killed `run` for lack of memory.
    pub is_memory: bool,
    /// Whether `run` was found unhealthy.
    pub mark: Mark,
    /// Before the next start, in milliseconds; `None`: the reference's rule.
    pub delay: Option<u32>,
    /// From here on, the life of `run` counts.
    pub since: Option<Duration>,
    /// The state of the random numbers, 0 for none so far.
    pub random: u64,
    /// The last failure of [`Restarts::ages`], in milliseconds of CLOCK_MONOTONIC.
    pub last: u64,
    /// Failures within the window of a limit, the last one first: how many milliseconds before the last one.
    pub ages: Vec<u32>,
}

impl Restarts {
    /// Of what `run` was told: to end.
    pub const TO_END: u8 = u8::MAX;

    pub(crate) fn put(&self, out: &mut Out<'_>) {
        out.short(self.failures);
        out.byte(self.told);
        let verdict = match self.verdict {
            Verdict::None => 0,
            Verdict::Again => 1,
            Verdict::Failed => 2,
            Verdict::Ended => 3,
        };
        let mark = match self.mark {
            Mark::None => 0,
            Mark::Unhealthy => 1,
            Mark::Stop => 2,
        };
        out.byte(verdict | u8::from(self.is_pending) << 2 | u8::from(self.is_memory) << 3 | mark << 4);
        out.word(self.delay.unwrap_or(NO_DELAY));
        out.moment(self.since);
        out.long(self.random);
        let ages = self.ages.get(..usize::from(LIMIT_IN_WINDOW_MAX)).unwrap_or(&self.ages);
        out.byte(u8::try_from(ages.len()).unwrap_or_default());
        if !ages.is_empty() {
            out.long(self.last);
            ages.iter().for_each(|age| out.word(*age));
        }
    }

    pub(crate) fn take(r: &mut In<'_>) -> Option<Self> {
        let (failures, told, flags) = (r.short()?, r.byte()?, r.byte()?);
        let mut restarts = Self {
            failures,
            told,
            verdict: match flags & 3 {
                0 => Verdict::None,
                1 => Verdict::Again,
                2 => Verdict::Failed,
                _ => Verdict::Ended,
            },
            is_pending: flags & 4 != 0,
            is_memory: flags & 8 != 0,
            mark: match flags >> 4 {
                0 => Mark::None,
                1 => Mark::Unhealthy,
                2 => Mark::Stop,
                _ => return None,
            },
            delay: Some(r.word()?).filter(|ms| *ms != NO_DELAY),
            since: r.moment()?,
            random: r.long()?,
            ..Self::default()
        };
        let count = r.byte()?;
        if u16::from(count) > LIMIT_IN_WINDOW_MAX {
            return None;
        }
        if count > 0 {
            restarts.last = r.long()?;
            for _ in 0..count {
                restarts.ages.push(r.word()?);
            }
        }
        Some(restarts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(restarts: &Restarts) -> Vec<u8> {
        let mut room = [0; 256];
        let mut out = Out::new(&mut room);
        restarts.put(&mut out);
        out.packed().unwrap().to_vec()
    }

    fn full() -> Restarts {
        Restarts {
            failures: 0x0102,
            told: Restarts::TO_END,
            verdict: Verdict::Failed,
            is_pending: true,
            is_memory: true,
            mark: Mark::Stop,
            delay: Some(0x0304_0506),
            since: Some(Duration::from_nanos(7)),
            random: 8,
            last: 9,
            ages: (0..32).collect(),
        }
    }

    #[test]
    fn layout() {
        let hex: String = packed(&full()).iter().take(37).map(|byte| format!("{byte:02x}")).collect();
        let start = "0102ff2e03040506".to_owned() + "0000000000000007" + "0000000000000008";
        assert_eq!(hex, start + "20" + "0000000000000009" + "00000000");
        assert_eq!((packed(&full()).len(), SIZE_MAX), (161, 161));
        assert_eq!(packed(&Restarts::default()).len(), 25, "without a window there are no failures");
    }

    #[test]
    fn what_is_packed_comes_back() {
        for verdict in [Verdict::None, Verdict::Again, Verdict::Failed, Verdict::Ended] {
            for (restarts, mark) in
                [(full(), Mark::Unhealthy), (full(), Mark::Stop), (Restarts::default(), Mark::None)]
            {
                let restarts = Restarts { verdict, mark, ..restarts };
                assert_eq!(Restarts::take(&mut In(&packed(&restarts))), Some(restarts));
            }
        }
        let many = Restarts { ages: vec![1; 40], ..full() };
        let back = Restarts::take(&mut In(&packed(&many))).unwrap();
        assert_eq!(back.ages.len(), 32, "it has room for no more");
    }

    proptest! {
        #[test]
        fn damage_is_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0_usize..161) {
            if let Some(restarts) = Restarts::take(&mut In(&bytes)) {
                prop_assert!(restarts.ages.len() <= 32, "no more than there is room for");
            }
            prop_assert_eq!(Restarts::take(&mut In(&packed(&full())[..cut])), None, "what is cut short is refused");
        }
    }
}
