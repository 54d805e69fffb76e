//! The machine of a service that is found unhealthy.

use super::tests::Case;
use super::*;
use wire::restart_policy::{Ends, Limit, Restart};

const END: [Action; 2] = [Action::Signal(100, signal::TERM), Action::Signal(100, signal::CONT)];
const EXIT_0: Ended = Ended::Exited(0);

/// A service that is up, whose exit code 0 is a success, and 7 final; it fails for good at so many failures.
fn case(limit: u16) -> Case {
    let mut case = Case::up();
    let mut never_on = Ends::default();
    never_on.insert_code(7);
    let (restart, limit) = (Restart::OnFailure, Some(Limit { count: limit, window: None }));
    case.settings.policy = Some(RestartPolicy { restart, limit, never_on, ..RestartPolicy::default() });
    case
}

fn tell(case: &mut Case, commands: &[Command]) -> Vec<Action> {
    commands.iter().flat_map(|command| case.step(Event::Command(*command), 1000)).collect()
}

/// What follows such an end: the verdict and the failures in a row.
fn end(case: &mut Case, how: Ended) -> (Verdict, u16) {
    // What supervises it may have been replaced.
    case.machine = Machine::resume(&case.machine.save());
    assert!(case.machine.is_unhealthy() || !case.machine.is_end_wanted(Ended::Killed(99)));
    case.step(Event::Ended(how), 2000);
    case.step(Event::NoFinish, 2000);
    (case.machine.restarts.verdict, case.machine.restarts.failures)
}

#[test]
fn it_is_ended_and_has_failed_whatever_its_end() {
    for how in [EXIT_0, Ended::Exited(7), Ended::Exited(1), Ended::Killed(15), Ended::Killed(9)] {
        let mut case = case(2);
        assert_eq!(tell(&mut case, &[Command::Unhealthy]), END);
        assert!(case.machine.is_wanted_up() && !case.machine.is_end_wanted(how), "nobody asked for its end");
        assert_eq!(end(&mut case, how), (Verdict::Again, 1), "{how:?}");
        case.step(Event::Started(100), 3000);
        assert!(!case.machine.is_unhealthy(), "the next process is another one");
        tell(&mut case, &[Command::UnhealthyMark]);
        assert_eq!(end(&mut case, how), (Verdict::Failed, 2), "{how:?}");
        assert!(case.machine.is_over() && case.machine.is_unhealthy(), "its cause is still known");
    }
}

#[test]
fn it_is_killed_when_its_time_is_over() {
    for (timeout, killed_at) in [(None, 11_000), (Some(300), 1300)] {
        let mut case = case(2);
        case.settings.kill_timeout = timeout.map(Duration::from_millis);
        tell(&mut case, &[Command::Unhealthy]);
        assert_eq!(case.deadline(), Some(killed_at));
        case.machine = Machine::resume(&case.machine.save());
        let kill = [Action::Signal(100, signal::KILL), Action::Signal(100, signal::CONT)];
        assert_eq!(case.step(Event::Timeout, killed_at), kill);
    }
    let mut case = case(2);
    assert_eq!(tell(&mut case, &[Command::UnhealthyMark]), [], "a mark is no signal");
    assert_eq!(case.deadline(), None);
}

#[test]
fn its_signals_are_read_again_if_they_cannot_be_read() {
    let mut case = case(2);
    case.settings.is_short = true;
    assert!(matches!(tell(&mut case, &[Command::Unhealthy])[..], [Action::Warn(_)]));
    case.settings.is_short = false;
    assert_eq!(case.step(Event::Timeout, 1100), END);
    assert_eq!(end(&mut case, EXIT_0), (Verdict::Again, 1), "it is no stop");
}

#[test]
fn signals_to_it_are_a_part_of_that() {
    use wire::control::ProcessSignal::{Abort, Hangup, Kill};
    for (sent, how) in [(Abort, 6), (Hangup, 1), (Kill, 9)] {
        let mut case = case(2);
        tell(&mut case, &[Command::UnhealthyMark, Command::Signal(sent)]);
        assert_eq!(end(&mut case, Ended::Killed(how)), (Verdict::Again, 1), "{sent:?}");
    }
    let mut case = case(2);
    tell(&mut case, &[Command::Signal(Hangup), Command::UnhealthyMark]);
    assert_eq!(end(&mut case, Ended::Killed(1)), (Verdict::Again, 1));
}

#[test]
fn an_end_that_is_asked_for_is_one() {
    use Command::{Down, Exit, Once, Restart, Unhealthy, UnhealthyStop};
    for commands in [
        &[Unhealthy, Down][..],
        &[Down, Unhealthy],
        &[UnhealthyStop, Down],
        &[UnhealthyStop, Restart],
        &[Restart, Unhealthy],
        &[Unhealthy, Exit],
    ] {
        let mut case = case(1);
        tell(&mut case, commands);
        assert!(case.machine.is_end_wanted(EXIT_0), "{commands:?}");
        let verdict = end(&mut case, EXIT_0);
        assert_eq!(verdict.1, 0, "{commands:?}");
        assert!(!case.machine.is_over() && !case.machine.is_unhealthy(), "{commands:?}");
    }
    // What is to run once isn't started again.
    let mut case = case(1);
    tell(&mut case, &[Once, UnhealthyStop]);
    assert_eq!(end(&mut case, EXIT_0), (Verdict::None, 0));
}

#[test]
fn the_container_can_stop_with_it() {
    for policy in [Some(RestartPolicy::default()), None] {
        let mut case = case(2);
        case.settings.policy = policy;
        assert_eq!(tell(&mut case, &[Command::UnhealthyStop]), END);
        tell(&mut case, &[Command::UnhealthyMark]);
        assert_eq!(end(&mut case, EXIT_0), (Verdict::Failed, 1));
        assert!(case.machine.is_over() && !case.machine.is_wanted_up());
    }
}

#[test]
fn without_a_process_nothing_is_unhealthy() {
    let mut case = case(1);
    case.step(Event::Ended(EXIT_0), 0);
    for command in [Command::Unhealthy, Command::UnhealthyMark, Command::UnhealthyStop] {
        assert_eq!(tell(&mut case, &[command]), []);
    }
    case.step(Event::FinishStarted(101), 0);
    for command in [Command::Unhealthy, Command::UnhealthyMark, Command::UnhealthyStop] {
        assert_eq!(tell(&mut case, &[command]), []);
    }
    assert!(!case.machine.is_unhealthy());
}
