//! What an fd holder decides: what it waits for, which client makes room, and what a new client may do.
//!
//! Nothing here touches a socket or a clock.

use super::Rights;
use crate::access_rules::{Grant, Verdict};
use std::time::Duration;
use tool::clock::Moment;

/// How long a client may do nothing while others wait for its place.
pub(super) const IDLE_LIMIT: Duration = Duration::from_secs(1);

/// A server waits at most this long for an entry's limit, which is a time of day: the clock may be set meanwhile.
pub(super) const WAIT_LIMIT: Duration = Duration::from_secs(60);

/// What the decisions depend on of a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub uid: u32,
    /// When it last took or gave something.
    pub active: Moment,
    /// The client is amid an operation, or hasn't got an answer yet: its time is limited.
    pub is_timed: bool,
    /// Another request of the client may have been read already.
    pub has_more: bool,
}

/// The state of a server without its clients.
#[derive(Debug, Clone, Copy)]
pub(super) struct State {
    /// The limit of clients at once.
    pub client_limit: usize,
    /// How long a client may do nothing amid an operation.
    pub client_timeout: Option<Duration>,
    /// The end of a back-off: no client is accepted before it.
    pub back_off: Option<Moment>,
    /// SIGTERM was received: no more clients are accepted.
    pub is_ending: bool,
    /// The server exits at this moment, whether clients have finished or not.
    pub exit_deadline: Option<Moment>,
    /// The time left until the first entry expires.
    pub entry_end: Option<Duration>,
}

/// What a server waits for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Whether it waits for new clients as well.
    pub listens: bool,
    /// When the wait ends without an event.
    pub deadline: Option<Moment>,
}

/// The moment at which a client is disconnected if it does nothing.
pub(super) fn deadline(place: Place, client_timeout: Option<Duration>) -> Option<Moment> {
    let span = client_timeout.filter(|_| place.is_timed)?;
    place.active.checked_add(span)
}

/// What the server waits for.
pub(super) fn plan(state: &State, places: &[Place], now: Moment) -> Plan {
    let is_full = places.len() >= state.client_limit;
    // The moment from which on a client may have to make room.
    let room = places.iter().filter(|_| is_full).map(|p| p.active.saturating_add(IDLE_LIMIT)).min();
    let listens =
        !state.is_ending && state.back_off.is_none() && (!is_full || room.is_some_and(|at| at <= now));
    let clients = places.iter().filter_map(|p| deadline(*p, state.client_timeout)).min();
    let more = places.iter().any(|p| p.has_more).then_some(now);
    let room = room.filter(|at| *at > now && !state.is_ending);
    let entry = state.entry_end.map(|span| now.saturating_add(span.min(WAIT_LIMIT)));
    let moments = [clients, more, room, entry, state.back_off, state.exit_deadline];
    Plan { listens, deadline: moments.into_iter().flatten().min() }
}

/// The client that makes room for another one: among those that have been idle for [`IDLE_LIMIT`], one of the user with
/// the most clients; among these the one that has been idle for longest.
pub(super) fn makes_room(places: &[Place], now: Moment) -> Option<usize> {
    let of_user = |uid: u32| places.iter().filter(|p| p.uid == uid).count();
    let idle = |place: &Place| now.saturating_sub(place.active);
    let candidates = places.iter().enumerate().filter(|(_, p)| idle(p) >= IDLE_LIMIT);
    candidates.max_by_key(|(_, p)| (of_user(p.uid), idle(p))).map(|(at, _)| at)
}

/// Why a client is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// No rule allows it.
    NoRule,
    /// A rule is wrong; the text says how.
    Faulty(String),
}

/// The rights of a client, by the rule for it.
pub(super) fn admit(verdict: Result<Verdict, String>) -> Result<Rights, Refusal> {
    let grant: Grant = match verdict {
        Ok(Verdict::Allow(grant)) => grant,
        Ok(Verdict::Deny | Verdict::Unknown) => return Err(Refusal::NoRule),
        Err(why) => return Err(Refusal::Faulty(why)),
    };
    Rights::of(&grant).map_err(Refusal::Faulty)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Duration::from_secs(1000);

    fn idle(uid: u32, milliseconds: u64) -> Place {
        let active = NOW - Duration::from_millis(milliseconds);
        Place { uid, active, is_timed: false, has_more: false }
    }

    fn state() -> State {
        State {
            client_limit: 2,
            client_timeout: None,
            back_off: None,
            is_ending: false,
            exit_deadline: None,
            entry_end: None,
        }
    }

    /// Whether it listens, and how many milliseconds it waits.
    fn planned(state: &State, places: &[Place]) -> (bool, Option<u128>) {
        let Plan { listens, deadline } = plan(state, places, NOW);
        (listens, deadline.map(|at| at.saturating_sub(NOW).as_millis()))
    }

    #[test]
    fn limits() {
        assert_eq!((IDLE_LIMIT, WAIT_LIMIT), (Duration::from_millis(1000), Duration::from_secs(60)));
    }

    #[test]
    fn an_idle_server_waits_without_end() {
        assert_eq!(planned(&state(), &[]), (true, None));
        assert_eq!(planned(&state(), &[idle(1, 5000)]), (true, None));
    }

    #[test]
    fn a_full_server_listens_when_a_client_was_idle_for_a_second() {
        assert_eq!(planned(&state(), &[idle(1, 0), idle(2, 400)]), (false, Some(600)));
        assert_eq!(planned(&state(), &[idle(1, 0), idle(2, 999)]), (false, Some(1)));
        assert_eq!(planned(&state(), &[idle(1, 0), idle(2, 1000)]), (true, None));
    }

    #[test]
    fn a_client_has_time_only_amid_an_operation() {
        let state = State { client_timeout: Some(Duration::from_millis(300)), ..state() };
        let timed = Place { is_timed: true, ..idle(1, 100) };
        assert_eq!(planned(&state, &[idle(1, 100)]), (true, None));
        assert_eq!(planned(&state, &[timed]), (true, Some(200)));
        assert_eq!(deadline(timed, state.client_timeout), Some(NOW + Duration::from_millis(200)));
        assert_eq!(deadline(timed, None), None);
        assert_eq!(deadline(idle(1, 0), state.client_timeout), None);
    }

    #[test]
    fn a_request_that_is_there_is_not_waited_for() {
        assert_eq!(planned(&state(), &[Place { has_more: true, ..idle(1, 0) }]), (true, Some(0)));
    }

    #[test]
    fn entries_end_by_the_time_of_day_which_is_looked_at_each_minute() {
        let ends = |entry_end| planned(&State { entry_end, ..state() }, &[]).1;
        assert_eq!(ends(Some(Duration::from_secs(7))), Some(7000));
        assert_eq!(ends(Some(Duration::from_secs(3600))), Some(60_000));
        assert_eq!(ends(Some(Duration::ZERO)), Some(0));
    }

    #[test]
    fn no_client_is_accepted_during_a_back_off_or_after_sigterm() {
        let back_off = State { back_off: Some(NOW + Duration::from_millis(10)), ..state() };
        assert_eq!(planned(&back_off, &[]), (false, Some(10)));
        let ending = State { is_ending: true, exit_deadline: Some(NOW + Duration::from_secs(3)), ..state() };
        assert_eq!(planned(&ending, &[idle(1, 0), idle(2, 0)]), (false, Some(3000)));
        assert_eq!(planned(&State { exit_deadline: None, ..ending }, &[idle(1, 0)]), (false, None));
    }

    #[test]
    fn a_client_that_makes_room_is_of_the_user_with_most_and_idle_for_longest() {
        assert_eq!(makes_room(&[idle(1, 999), idle(2, 0)], NOW), None);
        assert_eq!(makes_room(&[idle(1, 0), idle(2, 1000)], NOW), Some(1));
        // The one that has been idle for longest …
        assert_eq!(makes_room(&[idle(1, 2000), idle(2, 3000), idle(3, 1000)], NOW), Some(1));
        // … but first one of the user with the most clients, even if the others of these are busy.
        assert_eq!(makes_room(&[idle(1, 9000), idle(2, 1500), idle(2, 0)], NOW), Some(1));
    }

    fn admitted(verdict: Result<Verdict, String>) -> String {
        match admit(verdict) {
            Err(Refusal::NoRule) => String::from("denied"),
            Err(Refusal::Faulty(why)) => why,
            Ok(rights) => format!("list {}, dump {}", rights.list, rights.get_dump),
        }
    }

    #[test]
    fn a_client_gets_the_rights_of_its_rule() {
        let grant = |name: &str| {
            let env = vec![(name.as_bytes().to_vec(), Some(b"(".to_vec()))];
            Ok(Verdict::Allow(Grant { env, exec: Vec::new() }))
        };
        assert_eq!(admitted(Ok(Verdict::Deny)), "denied");
        assert_eq!(admitted(Ok(Verdict::Unknown)), "denied", "without a rule");
        assert_eq!(admitted(Err(String::from("why"))), "why");
        assert_eq!(admitted(grant("S6_FDHOLDER_LIST")), "list true, dump false");
        assert_eq!(admitted(grant("S6_FDHOLDER_GETDUMP")), "list false, dump true");
        assert_eq!(admitted(grant("OTHER")), "list false, dump false");
        assert!(admitted(grant("S6_FDHOLDER_STORE_REGEX")).starts_with("invalid S6_FDHOLDER_STORE_REGEX"));
    }
}
