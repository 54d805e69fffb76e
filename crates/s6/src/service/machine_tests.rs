//! The machine against sequences of events, written out and made up.

#![allow(clippy::arithmetic_side_effects)]

use super::*;
use proptest::prelude::*;

/// A service directory with fixed answers.
#[derive(Default)]
struct Fixed {
    kill_timeout: Option<Duration>,
    kills_group: bool,
}

impl Definition for Fixed {
    fn down_signal(&mut self) -> Signal {
        signal::TERM
    }
    fn reload_signal(&mut self) -> Signal {
        signal::HUP
    }
    fn kill_timeout(&mut self) -> Option<Duration> {
        self.kill_timeout
    }
    fn kills_group(&mut self) -> bool {
        self.kills_group
    }
    fn finish_timeout(&mut self) -> Option<Duration> {
        Some(Duration::from_secs(5))
    }
}

fn at(ms: u64) -> Now {
    let seconds = i64::try_from(ms / 1000).unwrap();
    Now { moment: Duration::from_millis(ms), wall: Tai64n::from_unix(seconds, 0) }
}

/// A machine with a service directory; `step` gives the actions without the status files.
struct Case {
    machine: Machine,
    definition: Fixed,
}

impl Case {
    fn new(want_up: bool) -> Self {
        Self { machine: Machine::new(want_up, at(0)), definition: Fixed::default() }
    }

    fn up() -> Self {
        let mut case = Self::new(true);
        case.step(Event::Started(100), 0);
        case
    }

    fn step(&mut self, event: Event, ms: u64) -> Vec<Action> {
        let mut out = Vec::new();
        self.machine.step(event, at(ms), &mut self.definition, &mut out);
        out.retain(|a| !matches!(a, Action::Publish(_)));
        out
    }

    fn deadline(&self) -> Option<u64> {
        self.machine.deadline().map(|d| u64::try_from(d.as_millis()).unwrap())
    }
}

const EXIT_1: Ended = Ended::Exited(1);

#[test]
fn a_wanted_service_starts_at_once() {
    let mut out = Vec::new();
    Case::new(true).machine.begin(&mut out);
    assert!(
        matches!(out.as_slice(), [Action::Publish(s), Action::Announce(b"s"), Action::Start] if s.paused)
    );
    out.clear();
    Case::new(false).machine.begin(&mut out);
    assert!(matches!(out.as_slice(), [Action::Publish(_), Action::Announce(b"s")]));
}

#[test]
fn a_death_runs_finish_and_then_a_pause() {
    let mut case = Case::up();
    let actions = case.step(Event::Ended(Ended::Killed(9)), 500);
    assert_eq!(actions[2], Action::Finish(Ended::Killed(9), 100));
    assert!(matches!(actions[1], Action::Record(Death { exit_code: 137, signal: 9, .. })));
    assert_eq!(case.step(Event::FinishStarted(101), 500), [Action::Announce(b"d")]);
    assert_eq!(case.deadline(), Some(5500));
    assert_eq!(case.step(Event::Ended(Ended::Exited(0)), 700), [Action::Announce(b"D")]);
    assert_eq!(case.deadline(), Some(1700));
    assert_eq!(case.step(Event::Timeout, 1700), [Action::Start]);
    assert_eq!(case.machine.status().term_signal(), Some(9));
}

#[test]
fn without_finish_down_and_done_are_one() {
    let mut case = Case::up();
    case.step(Event::Ended(EXIT_1), 500);
    assert_eq!(case.step(Event::NoFinish, 500), [Action::Announce(b"dD")]);
    assert!(case.machine.status().ready);
}

#[test]
fn a_service_that_was_ready_for_long_restarts_at_once() {
    let mut case = Case::up();
    assert_eq!(case.step(Event::Ready, 100), [Action::ForgetNotification, Action::Announce(b"U")]);
    case.step(Event::Ended(EXIT_1), 5000);
    case.step(Event::NoFinish, 5000);
    assert_eq!(case.deadline(), Some(1100));
}

#[test]
fn finish_can_fail_the_service_for_good() {
    let mut case = Case::up();
    case.step(Event::Ended(EXIT_1), 500);
    case.step(Event::FinishStarted(101), 500);
    assert_eq!(case.step(Event::Ended(Ended::Exited(125)), 600), [Action::Announce(b"OD")]);
    assert_eq!((case.deadline(), case.machine.status().want_up), (None, false));
}

#[test]
fn a_stop_kills_when_its_time_is_over() {
    let mut case = Case::up();
    case.definition.kill_timeout = Some(Duration::from_millis(300));
    let stop = [Action::Signal(100, signal::TERM), Action::Signal(100, signal::CONT)];
    assert_eq!(case.step(Event::Command(Command::Down), 1000), stop);
    assert_eq!(case.deadline(), Some(1300));
    let kill = [Action::Signal(100, signal::KILL), Action::Signal(100, signal::CONT)];
    assert_eq!(case.step(Event::Timeout, 1300), kill);
    case.definition.kills_group = true;
    let kill = [Action::SignalGroup(100, signal::KILL), Action::SignalGroup(100, signal::CONT)];
    assert_eq!(case.step(Event::Timeout, 6300), kill);
}

#[test]
fn finish_is_killed_when_its_time_is_over() {
    let mut case = Case::up();
    case.step(Event::Ended(EXIT_1), 0);
    case.step(Event::FinishStarted(101), 0);
    assert_eq!(case.step(Event::Timeout, 5000)[1], Action::Signal(101, signal::KILL));
}

#[test]
fn a_start_that_fails_is_tried_again() {
    let mut case = Case::new(true);
    case.step(Event::NotStarted { retry: true }, 0);
    assert_eq!(case.deadline(), Some(60_000));
    case.step(Event::NotStarted { retry: false }, 0);
    assert_eq!(case.deadline(), None);
}

#[test]
fn leaving_waits_for_the_service() {
    let mut case = Case::up();
    assert_eq!(case.step(Event::Command(Command::Exit), 0), [Action::Detach]);
    case.step(Event::Ended(EXIT_1), 10);
    case.step(Event::FinishStarted(101), 10);
    let end = [Action::Announce(b"D"), Action::Announce(b"x"), Action::Leave];
    assert_eq!(case.step(Event::Ended(Ended::Exited(0)), 20), end);
    assert_eq!(Case::new(false).step(Event::Terminate, 0), [Action::Announce(b"x"), Action::Leave]);
}

#[test]
fn commands_keep_what_the_service_should_be() {
    let mut case = Case::new(false);
    assert_eq!(case.step(Event::Command(Command::Once), 0), [Action::Start]);
    assert!(!case.machine.status().want_up);
    case.step(Event::Started(5), 0);
    assert_eq!(case.step(Event::Command(Command::UpForGood), 0), [Action::RemoveDownFile]);
    assert!(case.machine.status().want_up);
    assert_eq!(case.step(Event::Command(Command::OnceForGood), 0), [Action::MakeDownFile]);
    assert!(!case.machine.status().want_up);
}

#[test]
fn signals_do_nothing_to_a_service_that_is_down() {
    for letter in *b"abqhkti12pcyrlPCK" {
        let command = Command::from_letter(letter).unwrap();
        assert_eq!(Case::new(false).step(Event::Command(command), 0), []);
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let letters = "abqhkti12pcyrlPCKoduDUxOQ";
    prop_oneof![
        8 => (0..letters.len()).prop_map(move |i| Event::Command(Command::from_letter(letters.as_bytes()[i]).unwrap())),
        8 => any::<u8>().prop_map(|c| Event::Ended(Ended::Exited(c))),
        2 => Just(Event::Ended(Ended::Exited(125))),
        4 => (1u8..32).prop_map(|s| Event::Ended(Ended::Killed(s))),
        4 => Just(Event::Timeout),
        4 => Just(Event::Ready),
        1 => Just(Event::Terminate),
        1 => Just(Event::Hangup),
        1 => Just(Event::Quit),
    ]
}

proptest! {
    /// A host that answers as a real one does: whatever happens, starts and finishes alternate, signals only go
    /// to the living process, and a machine that has left stays silent.
    #[test]
    fn any_history_is_sane(events in prop::collection::vec((any_event(), 0u64..3000), 0..60), fails in any::<u64>()) {
        let mut case = Case::new(fails & 1 == 0);
        case.definition.kill_timeout = (fails & 2 == 0).then_some(Duration::from_millis(700));
        let (mut pid, mut alive, mut ms, mut left, mut spawned) = (1000, None, 0, false, 0u32);
        let mut queue = Vec::new();
        case.machine.begin(&mut queue);
        // The actions of the beginning are carried out before any event.
        for step in std::iter::once(None).chain(events.into_iter().map(Some)) {
            let (event, delay) = step.unwrap_or((Event::NoFinish, 0));
            ms += delay;
            if !matches!(event, Event::Ended(_)) || alive.is_some() {
                if matches!(event, Event::Ended(_)) {
                    alive = None;
                }
                case.machine.step(event, at(ms), &mut case.definition, &mut queue);
            }
            while !queue.is_empty() {
                let action = queue.remove(0);
                prop_assert!(!left, "{action:?} after the end");
                let mut answer = |event| case.machine.step(event, at(ms), &mut case.definition, &mut queue);
                match action {
                    Action::Start | Action::Finish(..) => {
                        prop_assert_eq!(alive, None);
                        spawned += 1;
                        let fails = fails >> (spawned % 60) & 4 != 0;
                        let run = action == Action::Start;
                        if fails {
                            answer(if run { Event::NotStarted { retry: true } } else { Event::NoFinish });
                        } else {
                            pid += 1;
                            alive = Some(pid);
                            answer(if run { Event::Started(pid) } else { Event::FinishStarted(pid) });
                        }
                    }
                    Action::Signal(p, _) => prop_assert_eq!(alive, Some(p)),
                    Action::SignalGroup(p, _) => prop_assert_eq!(alive, Some(p)),
                    Action::Leave => left = true,
                    _ => {}
                }
            }
            if !left {
                prop_assert_eq!(case.machine.pid(), alive);
                let due = case.machine.status().want_up && alive.is_none();
                prop_assert!(!due || case.machine.deadline().is_some(), "wanted up, down and without a deadline");
            }
        }
    }
}
