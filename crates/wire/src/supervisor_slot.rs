//! The slot of a supervisor process: what it leaves its successor, in memory that it shares with its host.
//!
//! A supervisor may be killed at any moment, so the state is there twice, and a word says which copy counts.  Words are
//! 32 bits in the machine's own order, so that they change at once and the kernel can store a process id; other
//! numbers are big-endian.
//!
//! The file begins with what all share: three words from [`KILLS`] on, about processes that the kernel has killed for lack of
//! memory, and [`EVENTS`].  The slot with number n begins at [`ROOM`] · (n + 1):
//!
//! | offset | written by | what |
//! |---|---|---|
//! | 0 | kernel | the supervisor's process id; [`SUPERVISOR`] |
//! | 4 | kernel | the process of the start in flight; [`STARTED`] |
//! | 8, 12 | host | how a process of the service ended that the supervisor isn't the parent of: [`END_STATUS`] as wait(2) gives it, then [`END_PROCESS`] |
//! | 16 | supervisor | the copy that counts: 0 for none, 1, 2; [`WHICH`] |
//! | 20 | host | what the supervisor was told: 0 nothing, else the signal; [`TOLD`] |
//! | 24 | kernel | the letter that was read last from supervise/control, 0 if it is in the state; [`LETTER`] |
//! | 28 | host | the number of the last start whose consequence it has seen to; [`SEEN`] |
//! | 32–95 | kernel | what was read last from the notification pipe, zeros if it is in the state; [`SAID`] |
//! | 128–463, 464–799 | supervisor | the copies of the state: [`State`]; [`COPIES`] |

use crate::host_journal::{IN_FLIGHT, InFlight, Supervised};
use crate::packing::{In, Out};

/// The room of a slot, and of what all share.
pub const ROOM: usize = 800;

/// Offset, in the file, of what is known of kills: 1 more than how many were seen, 0 for unknown; how many of these weren't
/// told of a process; and the second of the monotonic clock until which they may be.
pub const KILLS: [usize; 3] = [0, 4, 8];

/// Offset, in the file, of the number of the last event of [`crate::record::Ring::Services`].
pub const EVENTS: usize = 12;

/// Where the slot with this number begins.
#[must_use]
pub fn place(number: usize) -> Option<usize> {
    number.checked_add(1)?.checked_mul(ROOM)
}

/// Offset of the supervisor's process id.
pub const SUPERVISOR: usize = 0;

/// Offset of the process id of the start in flight.
pub const STARTED: usize = 4;

/// Offset of the status of an orphan that has ended.
pub const END_STATUS: usize = 8;

/// Offset of that orphan's process id.
pub const END_PROCESS: usize = 12;

/// Offset of the number of the copy that counts.
pub const WHICH: usize = 16;

/// Offset of what the supervisor was told.
pub const TOLD: usize = 20;

/// Offset of the last letter.
pub const LETTER: usize = 24;

/// Offset of the number of the last start whose consequence the host has seen to.
pub const SEEN: usize = 28;

/// Offset and room of what the notification pipe said.
pub const SAID: (usize, usize) = (32, 64);

/// Offsets of the copies, and the room of each one.
pub const COPIES: ([usize; 2], usize) = ([128, 464], 336);

/// The state of a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// How many processes it has started, the one in flight included.
    pub start: u32,
    /// The event that it is handling.
    pub in_flight: InFlight,
    /// The service; `None` before its first event is handled.  The descriptors mean nothing to a successor.
    pub supervised: Option<Supervised>,
}

impl State {
    /// The packed form.
    #[must_use]
    pub fn pack<'a>(&self, room: &'a mut [u8; COPIES.1]) -> &'a [u8] {
        let mut out = Out::new(room);
        out.word(self.start);
        out.put(self.in_flight.pack());
        out.byte(self.supervised.is_some());
        if let Some(supervised) = &self.supervised {
            supervised.put(&mut out);
        }
        out.packed().unwrap_or_default()
    }

    /// From the packed form; `None` for damage.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut r = In(bytes);
        let start = r.word()?;
        let in_flight = InFlight::unpack(r.bytes(IN_FLIGHT.1)?)?;
        let supervised = if r.flag()? { Some(Supervised::take(&mut r)?) } else { None };
        Some(Self { start, in_flight, supervised })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::death_tally::Death;
    use crate::host_journal::OWED_DEATHS_MAX;
    use crate::restarts::Restarts;
    use crate::svstatus::Status;
    use crate::tai::Tai64n;
    use proptest::prelude::*;
    use std::time::Duration;

    fn state() -> State {
        let stamp = Tai64n::from_unix(1_700_000_000, 7);
        let status = Status {
            stamp,
            ready_stamp: stamp,
            pid: 1234,
            wstat: 15,
            want_up: true,
            paused: false,
            finishing: false,
            ready: true,
        };
        State {
            start: 3,
            in_flight: InFlight { kind: InFlight::ENDED, about: 1234, ..InFlight::default() },
            supervised: Some(Supervised {
                dir: Some(3),
                control: Some(9),
                lock: None,
                notification: Some(12),
                detached: true,
                status,
                deadline: Some(Duration::from_secs(3)),
                next_start: None,
                dying: true,
                leaving: false,
                down_file: false,
                deaths: vec![Death { stamp, exit_code: 1, signal: 0 }; OWED_DEATHS_MAX],
                restarts: Restarts { last: 1, ages: vec![2; 32], ..Restarts::default() },
            }),
        }
    }

    #[test]
    fn what_is_packed_fits_and_comes_back() {
        let mut room = [0; COPIES.1];
        let packed = state().pack(&mut room);
        assert!(packed.len() < COPIES.1, "{}", packed.len());
        assert_eq!(State::unpack(packed), Some(state()));
        assert_eq!(State::unpack(State::default().pack(&mut [0; COPIES.1])), Some(State::default()));
    }

    #[test]
    fn places_in_a_slot() {
        assert_eq!((SUPERVISOR, STARTED, END_STATUS, END_PROCESS, WHICH, TOLD), (0, 4, 8, 12, 16, 20));
        assert_eq!((LETTER, SEEN, SAID), (24, 28, (32, 64)));
        assert_eq!((COPIES, ROOM), (([128, 464], 336), 800));
        assert_eq!((KILLS, EVENTS), ([0, 4, 8], 12));
        assert_eq!((place(0), place(9), place(usize::MAX)), (Some(800), Some(8000), None));
    }

    proptest! {
        #[test]
        fn damage_is_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..340), cut in 0_usize..300) {
            let _ = State::unpack(&bytes);
            let mut room = [0; COPIES.1];
            let packed = state().pack(&mut room);
            let cut = cut.min(packed.len() - 1);
            prop_assert_eq!(State::unpack(&packed[..cut]), None, "a state that is cut short is refused");
        }
    }
}
