//! Tests of the rules of a container's life, one each; `table` has every step.

use super::*;

const CONFIG: Config = Config {
    command: true,
    receive_signals: false,
    kill_grace: Duration::from_secs(3),
    interrupt_grace: Duration::from_secs(3),
    first: true,
};

fn ms(n: u64) -> Moment {
    Duration::from_millis(n)
}

fn machine(config: Config) -> Lifecycle {
    Lifecycle::new(config)
}

fn up(config: Config) -> Lifecycle {
    let mut m = machine(config);
    let event = if config.command { Event::CommandStarts } else { Event::BootEnded(Ended::Exited(0)) };
    assert_eq!(m.step(event, ms(0)), []);
    assert_eq!(m.phase(), Phase::Up);
    m
}

/// The actions of an event, and of the keeper's end if that is waited for then, without those about the keeper.
fn to_the_end(m: &mut Lifecycle, event: Event, now: Moment) -> Vec<Action> {
    let mut actions = m.step(event, now);
    if m.phase() == Phase::Draining {
        actions.extend(m.step(Event::Drained, now));
    }
    actions.retain(|action| !matches!(action, Action::FinishOutput(_) | Action::AwaitKeeper));
    actions
}

#[test]
fn a_commands_end_stops_the_container_with_its_code() {
    let mut m = up(CONFIG);
    let actions = m.step(Event::BootEnded(Ended::Exited(7)), ms(1));
    assert_eq!(actions, [Action::KeepCode(7), Action::StartStop]);
    assert_eq!(m.step(Event::StopEnded(Ended::Exited(0)), ms(2)), [Action::Terminate]);
    assert_eq!(to_the_end(&mut m, Event::Empty, ms(3)), [Action::End(How::Halt)]);
    assert_eq!(m.step(Event::Empty, ms(4)), []);
}

#[test]
fn processes_get_at_most_the_grace_time() {
    let mut m = up(CONFIG);
    m.step(Event::Signal(TERM), ms(0));
    m.step(Event::StopEnded(Ended::Exited(0)), ms(10));
    assert_eq!(m.deadline(), Some(ms(2010)));
    assert_eq!(m.step(Event::Time, ms(2010)), [Action::NameRemaining]);
    assert_eq!(m.deadline(), Some(ms(3010)));
    assert_eq!(m.step(Event::Time, ms(3009)), []);
    assert_eq!(to_the_end(&mut m, Event::Time, ms(3010)), [Action::Kill, Action::End(How::Halt)]);
}

#[test]
fn remaining_processes_are_named_after_2_4_8_seconds_and_so_on() {
    let mut m = up(Config { kill_grace: Duration::from_secs(60), ..CONFIG });
    m.step(Event::Signal(TERM), ms(0));
    m.step(Event::StopEnded(Ended::Exited(0)), ms(0));
    let mut named = Vec::new();
    while m.phase() == Phase::Terminating {
        let now = m.deadline().unwrap();
        if m.step(Event::Time, now) == [Action::NameRemaining] {
            named.push(now.as_secs());
        }
    }
    assert_eq!(named, [2, 4, 8, 16, 32]);
    assert_eq!(m.deadline(), Some(Duration::from_secs(63)), "only the last output is waited for");
}

#[test]
fn no_grace_kills_at_once() {
    let mut m = up(Config { kill_grace: Duration::ZERO, ..CONFIG });
    m.step(Event::Signal(TERM), ms(0));
    let actions = to_the_end(&mut m, Event::StopEnded(Ended::Exited(0)), ms(1));
    assert_eq!(actions, [Action::Terminate, Action::Kill, Action::End(How::Halt)]);
}

#[test]
fn a_stop_interrupts_the_boot() {
    let mut m = machine(CONFIG);
    assert_eq!(m.step(Event::Signal(TERM), ms(0)), [Action::InterruptBoot]);
    assert_eq!(m.step(Event::Signal(TERM), ms(1)), []);
    assert_eq!(m.step(Event::Time, ms(3000)), [Action::KillBoot]);
    assert_eq!(m.step(Event::BootEnded(Ended::Killed(9)), ms(3001)), [Action::StartStop]);
    assert_eq!(m.phase(), Phase::Stopping);
    assert_eq!(m.deadline(), None);
}

#[test]
fn an_interrupted_boot_that_became_the_command_anyway_goes_on_to_its_end() {
    let mut m = machine(CONFIG);
    m.step(Event::Signal(TERM), ms(0));
    m.step(Event::CommandStarts, ms(1));
    assert_eq!(m.phase(), Phase::Interrupted);
    assert_eq!(m.step(Event::BootEnded(Ended::Killed(15)), ms(2)), [Action::StartStop]);
}

#[test]
fn a_failed_boot_stops_with_its_code() {
    let mut m = machine(Config { command: false, ..CONFIG });
    let actions = m.step(Event::BootEnded(Ended::Exited(1)), ms(0));
    assert_eq!(actions, [Action::KeepCode(1), Action::StartStop]);
}

#[test]
fn signals_without_and_with_a_command() {
    let no_command = Config { command: false, ..CONFIG };
    for (signal, how) in [
        (TERM, How::Halt),
        (INT, How::Reboot),
        (USR1, How::PowerOff),
        (PWR, How::PowerOff),
        (QUIT, How::Halt),
        (WINCH, How::Halt),
        (ABRT, How::Halt),
        (HALT, How::Halt),
    ] {
        let mut m = up(no_command);
        assert_eq!(m.step(Event::Signal(signal), ms(0)), [Action::StartStop]);
        m.step(Event::StopEnded(Ended::Exited(0)), ms(0));
        assert_eq!(to_the_end(&mut m, Event::Empty, ms(0)), [Action::End(how)], "{signal}");
    }
    let stops = |signal: &Signal| !up(CONFIG).step(Event::Signal(*signal), ms(0)).is_empty();
    assert_eq!(SIGNALS.into_iter().filter(stops).collect::<Vec<_>>(), STOP_SIGNALS);
    assert_eq!(up(CONFIG).step(Event::Signal(QUIT), ms(0)), []);
    assert_eq!(up(CONFIG).step(Event::Signal(WINCH), ms(0)), []);
    assert_eq!(up(CONFIG).step(Event::Signal(HALT), ms(0)), [Action::StartStop]);
}

#[test]
fn a_command_that_receives_signals() {
    let config = Config { receive_signals: true, ..CONFIG };
    let mut m = up(config);
    assert_eq!(m.step(Event::Signal(TERM), ms(0)), [Action::PassOn(TERM)]);
    assert_eq!(m.phase(), Phase::Up);
    assert_eq!(up(config).step(Event::Signal(HALT), ms(0)), [Action::StartStop]);
    m.step(Event::BootEnded(Ended::Exited(0)), ms(1));
    assert_eq!(m.step(Event::Signal(TERM), ms(2)), []);
    assert_eq!(machine(config).step(Event::Signal(TERM), ms(0)), [Action::InterruptBoot]);
}

#[test]
fn the_commands_code_while_stopping() {
    let mut m = up(CONFIG);
    m.step(Event::Signal(TERM), ms(0));
    assert_eq!(m.step(Event::BootEnded(Ended::Exited(5)), ms(1)), [Action::KeepCode(5)]);
    let mut m = up(CONFIG);
    m.step(Event::Signal(TERM), ms(0));
    m.step(Event::StopEnded(Ended::Exited(0)), ms(1));
    assert_eq!(m.step(Event::BootEnded(Ended::Exited(5)), ms(2)), [Action::KeepCodeIfNone(5)]);
    let mut m = up(CONFIG);
    m.step(Event::Signal(TERM), ms(0));
    m.step(Event::StopEnded(Ended::Exited(0)), ms(1));
    assert_eq!(m.step(Event::BootEnded(Ended::Killed(15)), ms(2)), []);
}

#[test]
fn planned_and_cancelled() {
    let mut m = up(CONFIG);
    let later = Request::Stop { how: How::Reboot, now: false, delay: 500, grace: 40 };
    assert_eq!(m.step(Event::Asked(later), ms(100)), []);
    assert_eq!(m.deadline(), Some(ms(600)));
    m.step(Event::Asked(Request::Cancel), ms(200));
    assert_eq!(m.deadline(), None);
    m.step(Event::Asked(later), ms(300));
    assert_eq!(m.step(Event::Time, ms(800)), [Action::StartStop]);
    m.step(Event::StopEnded(Ended::Exited(0)), ms(900));
    assert_eq!(m.deadline(), Some(ms(940)));
    assert_eq!(to_the_end(&mut m, Event::Empty, ms(901)), [Action::End(How::Reboot)]);
}

#[test]
fn services_can_be_brought_down_alone() {
    let down = Event::Asked(Request::ServicesDown { delay: 0 });
    let mut m = up(CONFIG);
    assert_eq!(m.step(down, ms(0)), [Action::StartStop]);
    assert_eq!(m.step(down, ms(1)), [], "the stop child runs");
    assert_eq!(m.step(Event::StopEnded(Ended::Exited(0)), ms(2)), [], "the container goes on");
    assert_eq!(m.step(down, ms(3)), [Action::StartStop]);
    assert_eq!(m.step(Event::Signal(TERM), ms(4)), [], "the same stop child serves the stop");
    assert_eq!(m.step(Event::StopEnded(Ended::Exited(0)), ms(5)), [Action::Terminate]);
}

#[test]
fn services_are_brought_down_after_the_boot() {
    let down = Event::Asked(Request::ServicesDown { delay: 0 });
    let mut m = machine(CONFIG);
    assert_eq!(m.step(down, ms(0)), []);
    let mut m = Lifecycle::restore(&m.save()).unwrap();
    assert_eq!(m.step(Event::CommandStarts, ms(1)), [Action::StartStop]);
    let mut m = machine(CONFIG);
    m.step(down, ms(0));
    assert_eq!(m.step(Event::Signal(TERM), ms(1)), [Action::InterruptBoot]);
    assert_eq!(m.step(Event::BootEnded(Ended::Exited(0)), ms(2)), [Action::StartStop]);
    assert_eq!(m.step(Event::StopEnded(Ended::Exited(0)), ms(3)), [Action::Terminate]);
    let mut m = up(CONFIG);
    m.step(Event::Asked(Request::ServicesDown { delay: 50 }), ms(0));
    assert_eq!(m.step(Event::Time, ms(50)), [Action::StartStop]);
}

#[test]
fn without_a_host_everything_is_terminated() {
    let mut m = up(CONFIG);
    assert_eq!(m.step(Event::HostLost, ms(0)), [Action::Terminate]);
    assert_eq!(m.step(Event::HostLost, ms(1)), []);
    assert_eq!(m.deadline(), Some(ms(2000)));
}

#[test]
fn a_saved_life_goes_on() {
    let mut m = up(Config { receive_signals: true, ..CONFIG });
    m.step(Event::Asked(Request::Stop { how: How::Reboot, now: false, delay: 500, grace: 40 }), ms(100));
    let mut restored = Lifecycle::restore(&m.save()).unwrap();
    assert_eq!(restored.save(), m.save());
    assert_eq!(restored.step(Event::Signal(TERM), ms(200)), [Action::PassOn(TERM)]);
    assert_eq!(restored.step(Event::Time, ms(600)), [Action::StartStop]);
    assert_eq!(restored.phase(), Phase::Stopping);
    let mut restored = Lifecycle::restore(&restored.save()).unwrap();
    restored.step(Event::StopEnded(Ended::Exited(0)), ms(700));
    assert_eq!(restored.deadline(), Some(ms(740)));
    for length in 0..m.save().len() {
        assert!(Lifecycle::restore(&m.save()[..length]).is_none());
    }
    assert!(Lifecycle::restore(&[0xff; 80]).is_none());
}

#[test]
fn now_means_now() {
    let mut m = machine(CONFIG);
    let now = Request::Stop { how: How::PowerOff, now: true, delay: 0, grace: 0 };
    assert_eq!(to_the_end(&mut m, Event::Asked(now), ms(0)), [Action::End(How::PowerOff)]);
}

#[test]
fn beside_other_processes_the_killed_ones_are_awaited() {
    let mut m = up(Config { first: false, kill_grace: ms(1), ..CONFIG });
    m.step(Event::Signal(TERM), ms(0));
    m.step(Event::StopEnded(Ended::Exited(0)), ms(0));
    assert_eq!(m.step(Event::Time, ms(1)), [Action::Kill]);
    assert_eq!(to_the_end(&mut m, Event::Empty, ms(2)), [Action::End(How::Halt)]);
}

#[test]
fn a_stop_child_that_is_killed_is_replaced_twice() {
    let mut m = up(CONFIG);
    m.step(Event::Signal(TERM), ms(0));
    let killed = Event::StopEnded(Ended::Killed(9));
    for now in [1, 2] {
        let next = [Action::ReportStopKilled(9, Successor::Next), Action::StartStop];
        m = Lifecycle::restore(&m.save()).unwrap();
        assert_eq!((m.step(killed, ms(now)), m.phase()), (next.to_vec(), Phase::Stopping));
    }
    let none = [Action::ReportStopKilled(9, Successor::None), Action::KeepCodeIfNone(137), Action::Terminate];
    assert_eq!(m.step(killed, ms(3)), none);
    assert_eq!(m.phase(), Phase::Terminating);
}

#[test]
fn a_stop_child_that_is_not_started_is_tried_again_for_half_of_the_grace_time() {
    let mut m = up(CONFIG);
    assert_eq!(m.step(Event::Signal(TERM), ms(0)), [Action::StartStop]);
    assert_eq!(m.step(Event::StopNotStarted, ms(0)), [Action::FreeProcesses]);
    let mut times = Vec::new();
    while m.phase() == Phase::Stopping {
        m = Lifecycle::restore(&m.save()).unwrap();
        let now = m.deadline().unwrap();
        times.push(now.as_millis());
        assert_eq!(m.step(Event::Time, now), [Action::StartStop]);
        let actions = m.step(Event::StopNotStarted, now);
        assert!(actions.is_empty() || actions == [Action::ReportUnordered, Action::Terminate], "{actions:?}");
    }
    assert_eq!(times, [100, 300, 700, 1500]);
    // What is left is reported later than that.
    assert_eq!(m.deadline(), Some(ms(3000)));
    let mut m = up(Config { kill_grace: Duration::ZERO, ..CONFIG });
    m.step(Event::Signal(TERM), ms(0));
    assert_eq!(m.step(Event::StopNotStarted, ms(0))[..2], [Action::ReportUnordered, Action::Terminate]);
    let mut m = up(CONFIG);
    m.step(Event::Asked(Request::ServicesDown { delay: 0 }), ms(0));
    assert_eq!((m.step(Event::StopNotStarted, ms(0)), m.phase()), (vec![], Phase::Up));
    assert_eq!(m.step(Event::Asked(Request::ServicesDown { delay: 0 }), ms(1)), [Action::StartStop]);
}

#[test]
fn the_last_output_has_no_limit_while_nobody_asks_for_a_stop() {
    let mut m = up(CONFIG);
    m.step(Event::BootEnded(Ended::Exited(0)), ms(0));
    m.step(Event::StopEnded(Ended::Exited(0)), ms(0));
    let unlimited = [Action::FinishOutput(Limit::None), Action::AwaitKeeper];
    assert_eq!(m.step(Event::Empty, ms(0)), unlimited);
    assert_eq!(m.deadline(), Some(ms(2000)));
    assert_eq!(m.step(Event::Time, ms(2000)), [Action::NameKeeper]);
    assert_eq!(m.deadline(), None);
    m = Lifecycle::restore(&m.save()).unwrap();
    assert_eq!(m.step(Event::Signal(TERM), ms(1_000_000)), [Action::FinishOutput(Limit::Output)]);
    assert_eq!(m.step(Event::Signal(TERM), ms(1_000_001)), []);
    assert_eq!(m.deadline(), Some(ms(1_003_000)));
    assert_eq!(m.step(Event::Time, ms(1_002_999)), []);
    assert_eq!(m.step(Event::Time, ms(1_003_000)), [Action::KillKeeper, Action::End(How::Halt)]);
    assert_eq!(m.step(Event::Drained, ms(1_003_001)), []);
}

#[test]
fn after_a_request_the_last_output_has_a_limit_from_the_beginning() {
    let mut m = up(CONFIG);
    m.step(Event::Signal(TERM), ms(0));
    m.step(Event::StopEnded(Ended::Exited(0)), ms(0));
    let limited = [Action::FinishOutput(Limit::Output), Action::AwaitKeeper];
    assert_eq!(m.step(Event::Empty, ms(7)), limited);
    assert_eq!(m.deadline(), Some(ms(3007)));
    let at_once = Request::Stop { how: How::Reboot, now: true, delay: 0, grace: 0 };
    assert_eq!(m.step(Event::Asked(at_once), ms(8)), [], "it is on its way");
    assert_eq!(m.step(Event::Drained, ms(9)), [Action::End(How::Halt)]);
}

#[test]
fn a_boot_child_that_is_killed_is_reported_but_a_command_is_not() {
    let mut m = machine(CONFIG);
    let actions = m.step(Event::BootEnded(Ended::Killed(9)), ms(0));
    assert_eq!(actions, [Action::ReportBootKilled(9), Action::KeepCode(137), Action::StartStop]);
    let actions = up(CONFIG).step(Event::BootEnded(Ended::Killed(9)), ms(0));
    assert_eq!(actions, [Action::KeepCode(137), Action::StartStop]);
}

#[test]
fn a_stop_was_asked_for_by_signals_and_requests_only() {
    let asked = |event: Event, config: Config| {
        let mut m = up(config);
        m.step(event, ms(0));
        let restored = Lifecycle::restore(&m.save()).unwrap();
        assert_eq!(restored.is_asked_to_stop(), m.is_asked_to_stop());
        m.is_asked_to_stop()
    };
    assert!(!asked(Event::BootEnded(Ended::Exited(1)), CONFIG));
    assert!(!asked(Event::HostLost, CONFIG));
    assert!(!asked(Event::Asked(Request::Cancel), CONFIG));
    assert!(!asked(Event::Signal(WINCH), CONFIG));
    assert!(asked(Event::Signal(TERM), CONFIG));
    assert!(asked(Event::Asked(Request::stop(How::Halt)), CONFIG));
    // One that the CMD gets may be a request to stop, too.
    let receives = Config { receive_signals: true, ..CONFIG };
    assert!(asked(Event::Signal(TERM), receives) && !asked(Event::Signal(USR1), receives));
    // While it stops already, a request still counts.
    let mut m = up(CONFIG);
    m.step(Event::BootEnded(Ended::Exited(0)), ms(0));
    m.step(Event::StopEnded(Ended::Exited(0)), ms(0));
    to_the_end(&mut m, Event::Empty, ms(0));
    assert_eq!((m.phase(), m.is_asked_to_stop()), (Phase::Ended, false));
    assert_eq!(m.step(Event::Signal(TERM), ms(1)), []);
    assert!(m.is_asked_to_stop());
}

#[test]
fn questions_about_a_phase_are_answered_by_it_alone() {
    let asked = |m: &Lifecycle| [m.is_booting(), m.has_command(), m.awaits_processes(), m.is_draining()];
    let mut m = machine(CONFIG);
    assert_eq!(asked(&m), [true, false, false, false]);
    m.step(Event::CommandStarts, ms(0));
    assert_eq!(asked(&m), [false, true, false, false]);
    m.step(Event::BootEnded(Ended::Exited(0)), ms(1));
    assert_eq!((m.phase(), asked(&m)), (Phase::Stopping, [false; 4]));
    m.step(Event::StopEnded(Ended::Exited(0)), ms(2));
    assert_eq!((m.phase(), asked(&m)), (Phase::Terminating, [false, false, true, false]));
    m.step(Event::Empty, ms(3));
    assert_eq!((m.phase(), asked(&m)), (Phase::Draining, [false, false, false, true]));
    // A container without a command has none.
    assert_eq!(asked(&up(Config { command: false, ..CONFIG })), [false; 4]);
}

#[test]
fn a_services_end_stops_the_container_with_its_code() {
    let mut m = up(CONFIG);
    assert_eq!(m.step(Event::ServiceOver(7), ms(1)), [Action::KeepCodeIfNone(7), Action::StartStop]);
    assert!(!m.is_asked_to_stop(), "its last output is waited for");
    assert_eq!(m.step(Event::ServiceOver(8), ms(2)), [], "the first one decides");
    let mut saved = Lifecycle::restore(&m.save()).unwrap();
    for m in [&mut m, &mut saved] {
        assert_eq!(
            m.step(Event::BootEnded(Ended::Exited(3)), ms(3)),
            [],
            "the CMD's code doesn't count any more"
        );
        assert_eq!(m.step(Event::StopEnded(Ended::Exited(0)), ms(4)), [Action::Terminate]);
    }
    let mut m = up(CONFIG);
    m.step(Event::BootEnded(Ended::Exited(3)), ms(1));
    assert_eq!(m.step(Event::ServiceOver(7), ms(2)), [], "the CMD was first");
}

#[test]
fn a_service_that_fails_during_the_boot_stops_it() {
    let mut m = machine(CONFIG);
    assert_eq!(m.step(Event::ServiceOver(7), ms(1)), [Action::KeepCodeIfNone(7), Action::InterruptBoot]);
    assert_eq!(m.step(Event::BootEnded(Ended::Exited(1)), ms(2)), [Action::StartStop]);
}
