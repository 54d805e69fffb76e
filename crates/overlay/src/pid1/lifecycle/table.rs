//! Every phase × every event, as a transcript.

use super::*;
use std::fmt::Write;

/// When everything before the step of a transcript happens.
const BEFORE: Moment = Duration::from_secs(1000);
/// When the step happens.
const NOW: Moment = Duration::from_secs(1001);

const CONFIG: Config = Config {
    command: true,
    receive_signals: false,
    kill_grace: Duration::from_secs(4),
    interrupt_grace: Duration::from_secs(6),
    first: true,
};

const CONFIGS: [(&str, Config); 4] = [
    ("with a CMD", CONFIG),
    ("without a CMD", Config { command: false, ..CONFIG }),
    ("with a CMD that receives signals", Config { receive_signals: true, ..CONFIG }),
    ("with a CMD, not process 1", Config { first: false, ..CONFIG }),
];

/// The machine in a phase; `None` if it can't come there.
fn at(config: Config, phase: Phase) -> Option<Lifecycle> {
    let mut m = Lifecycle::new(config);
    let up = if config.command { Event::CommandStarts } else { Event::BootEnded(Ended::Exited(0)) };
    let stop = Event::Asked(Request::stop(How::Halt));
    let way: &[Event] = match phase {
        Phase::Booting => &[],
        Phase::Interrupted => &[stop],
        Phase::Up => &[up],
        Phase::Stopping => &[up, stop],
        Phase::Terminating => &[up, stop, Event::StopEnded(Ended::Exited(0))],
        Phase::Killing => &[up, stop, Event::StopEnded(Ended::Exited(0)), Event::Time],
        Phase::Draining => &[up, stop, Event::StopEnded(Ended::Exited(0)), Event::Empty],
        Phase::Ended => &[up, stop, Event::StopEnded(Ended::Exited(0)), Event::Empty, Event::Drained],
    };
    for event in way {
        let now = if matches!(event, Event::Time) { m.deadline.unwrap_or(BEFORE) } else { BEFORE };
        m.step(*event, now);
    }
    (m.phase == phase).then_some(m)
}

fn events() -> Vec<(String, Event)> {
    let signals = [
        (INT, "INT"),
        (QUIT, "QUIT"),
        (USR1, "USR1"),
        (USR2, "USR2"),
        (TERM, "TERM"),
        (WINCH, "WINCH"),
        (PWR, "PWR"),
        (ABRT, "ABRT"),
        (HALT, "RTMIN+3"),
    ];
    assert!(SIGNALS.iter().all(|s| signals.iter().any(|(known, _)| known == s)), "a signal has no name here");
    let mut events: Vec<_> =
        signals.iter().map(|(s, name)| ((*name).to_owned(), Event::Signal(*s))).collect();
    for how in [How::Halt, How::PowerOff, How::Reboot] {
        events.push((format!("asked: {how:?}"), Event::Asked(Request::stop(how))));
    }
    let asked = |now, delay, grace| Event::Asked(Request::Stop { how: How::Reboot, now, delay, grace });
    let others = [
        ("asked: Reboot, grace 500 ms", asked(false, 0, 500)),
        ("asked: Reboot, grace 301 s", asked(false, 0, 301_000)),
        ("asked: Reboot in 700 ms", asked(false, 700, 0)),
        ("asked: Reboot at once", asked(true, 0, 0)),
        ("asked: services down", Event::Asked(Request::ServicesDown { delay: 0 })),
        ("asked: services down in 700 ms", Event::Asked(Request::ServicesDown { delay: 700 })),
        ("asked: cancel", Event::Asked(Request::Cancel)),
        ("the CMD starts", Event::CommandStarts),
        ("boot child or CMD: exit 0", Event::BootEnded(Ended::Exited(0))),
        ("boot child or CMD: exit 7", Event::BootEnded(Ended::Exited(7))),
        ("boot child or CMD: signal 15", Event::BootEnded(Ended::Killed(15))),
        ("stop child: ended", Event::StopEnded(Ended::Exited(0))),
        ("stop child: killed", Event::StopEnded(Ended::Killed(9))),
        ("stop child: not started", Event::StopNotStarted),
        ("a service is over: 7", Event::ServiceOver(7)),
        ("host: lost", Event::HostLost),
        ("no process left", Event::Empty),
        ("no keeper left", Event::Drained),
        ("another keeper", Event::KeeperReplaced),
    ];
    events.extend(others.map(|(name, event)| (name.to_owned(), event)));
    events
}

/// What distinguishes a state, times from [`NOW`] on.
fn state(m: &Lifecycle) -> String {
    let mut text = format!("{:?}, {:?}", m.phase, m.how);
    let times = [
        ("until", m.deadline),
        ("reminder", m.reminder.map(|(at, _)| at)),
        ("planned", m.planned.map(|(at, _)| at)),
        ("stop child", m.retry.and_then(|retry| retry.at)),
    ];
    for (name, at) in times {
        if let Some(at) = at {
            let _ = write!(text, ", {name} {} ms", at.saturating_sub(NOW).as_millis());
        }
    }
    if m.kill_grace != CONFIG.kill_grace {
        let _ = write!(text, ", grace {} ms", m.kill_grace.as_millis());
    }
    if m.services_down != ServicesDown::No {
        let _ = write!(text, ", services down: {:?}", m.services_down);
    }
    if m.command {
        text.push_str(", CMD runs");
    }
    if m.decided {
        text.push_str(", the code is decided");
    }
    text
}

fn step(m: &mut Lifecycle, event: Event, now: Moment) -> String {
    let actions: Vec<String> = m.step(event, now).iter().map(|a| format!("{a:?}")).collect();
    let actions = if actions.is_empty() { "-".to_owned() } else { actions.join(" ") };
    format!("{actions} => {}", state(m))
}

/// All steps of a phase; those that change nothing in one line.
fn transcript(config: Config, phase: Phase) -> String {
    let Some(m) = at(config, phase) else { return format!("  {phase:?}: is never reached\n") };
    let before = state(&m);
    let mut text = format!("  {before}\n");
    let mut ignored = Vec::new();
    for (name, event) in events() {
        let mut m = at(config, phase).unwrap();
        let line = step(&mut m, event, NOW);
        if line == format!("- => {before}") {
            ignored.push(name);
        } else {
            let _ = writeln!(text, "    {name}: {line}");
        }
    }
    let mut m = at(config, phase).unwrap();
    // Every deadline in turn, at most a few.
    for _ in 0..5 {
        let Some(due) = m.deadline() else { break };
        let line = step(&mut m, Event::Time, due);
        let _ = writeln!(text, "    time {:+} ms: {line}", due.as_millis() as i128 - NOW.as_millis() as i128);
    }
    let _ = writeln!(text, "    ignored: {}", ignored.join(", "));
    text
}

#[test]
fn every_phase_and_every_event() {
    let mut text = String::new();
    for (name, config) in CONFIGS {
        let _ = writeln!(text, "{name}");
        for phase in PHASES {
            text.push_str(&transcript(config, phase));
        }
    }
    insta::assert_snapshot!(text);
}

/// What each signal means to a container that is up.
#[test]
fn signals_and_how_the_container_ends() {
    let mut text = String::new();
    for (name, config) in CONFIGS {
        let _ = writeln!(text, "{name}");
        for (signal, event) in events().into_iter().take(SIGNALS.len()) {
            let mut m = at(config, Phase::Up).unwrap();
            let actions = m.step(event, NOW);
            let end = if m.phase == Phase::Stopping {
                format!("stops, {:?}", m.how)
            } else {
                format!("{actions:?}")
            };
            let _ = writeln!(text, "  {signal}: {end}");
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn each_state_survives_being_saved() {
    for (name, config) in CONFIGS {
        for phase in PHASES {
            if at(config, phase).is_none() {
                continue;
            }
            for (event_name, event) in events() {
                let mut m = at(config, phase).unwrap();
                m.step(event, NOW);
                let restored = Lifecycle::restore(&m.save()).unwrap();
                // Reminders aren't saved.
                m.reminder = None;
                assert_eq!(format!("{restored:?}"), format!("{m:?}"), "{name}, {phase:?}, {event_name}");
            }
        }
    }
}
