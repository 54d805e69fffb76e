//! Every state of the machine with every event, as a transcript: the machine's documentation.

#![allow(clippy::arithmetic_side_effects)]

use super::*;
use wire::control::COMMANDS;

/// The settings that the transcript assumes: the defaults, and a `timeout-kill` of 300 ms.
struct Defined {
    kills_group: bool,
    kills_session: bool,
    policy: Option<RestartPolicy>,
}

impl Settings for Defined {
    fn down_signal(&mut self) -> Result<Signal, Errno> {
        Ok(signal::TERM)
    }
    fn reload_signal(&mut self) -> Result<Signal, Errno> {
        Ok(signal::HUP)
    }
    fn kill_timeout(&mut self) -> Result<Option<Duration>, Errno> {
        Ok(Some(Duration::from_millis(300)))
    }
    fn kills_group(&mut self) -> bool {
        self.kills_group
    }
    fn finish_timeout(&mut self) -> Result<Option<Duration>, Errno> {
        Ok(Some(Duration::from_secs(5)))
    }
    fn kills_session(&mut self) -> bool {
        self.kills_session
    }
    fn policy(&mut self) -> Result<Option<RestartPolicy>, Errno> {
        Ok(self.policy.clone())
    }
    fn notifies_readiness(&mut self) -> bool {
        false
    }
    fn random(&mut self) -> u64 {
        7
    }
}

/// Milliseconds of the clock.
fn at(ms: u64) -> Now {
    Now { moment: Duration::from_millis(ms), wall: Tai64n::from_unix(i64::try_from(ms / 1000).unwrap(), 0) }
}

const UP: &[Event] = &[Event::Started(100)];
const DIED: Event = Event::Ended(Ended::Exited(1));

/// The states: a name, whether the service is wanted up at first, and the events that lead to the state at time 0.
const STATES: &[(&str, bool, &[Event])] = &[
    ("down, not wanted up", false, &[]),
    ("down, wanted up, waiting", true, &[UP[0], DIED, Event::NoFinish]),
    (
        "down, stopped on command a moment ago",
        true,
        &[UP[0], Event::Command(Command::Down), DIED, Event::NoFinish],
    ),
    ("up", true, UP),
    ("up, ready", true, &[UP[0], Event::Ready]),
    ("up, paused", true, &[UP[0], Event::Command(Command::Pause)]),
    ("up, stopping", true, &[UP[0], Event::Command(Command::Down)]),
    ("up, unhealthy, ending", true, &[UP[0], Event::Command(Command::Unhealthy)]),
    ("up, exiting when down", true, &[UP[0], Event::Command(Command::Exit)]),
    ("dead, finish not started yet", true, &[UP[0], DIED]),
    ("finishing, wanted up", true, &[UP[0], DIED, Event::FinishStarted(101)]),
    ("finishing, wanted up, was ready", true, &[UP[0], Event::Ready, DIED, Event::FinishStarted(101)]),
    (
        "finishing, not wanted up",
        true,
        &[UP[0], Event::Command(Command::Once), DIED, Event::FinishStarted(101)],
    ),
    (
        "finishing, exiting when down",
        true,
        &[UP[0], Event::Command(Command::Exit), DIED, Event::FinishStarted(101)],
    ),
    ("exited", false, &[Event::Quit]),
];

fn events() -> Vec<(String, Event)> {
    let mut all: Vec<_> = COMMANDS
        .iter()
        .map(|row| (char::from(row.letter).to_string(), Event::Command(row.command)))
        .collect();
    let named = [
        ("timeout", Event::Timeout),
        ("exit 0", Event::Ended(Ended::Exited(0))),
        ("exit 125", Event::Ended(Ended::Exited(125))),
        ("killed by 9", Event::Ended(Ended::Killed(9))),
        ("ready", Event::Ready),
        ("started", Event::Started(200)),
        ("not started: soon", Event::NotStarted(Retry::Soon)),
        ("not started: late", Event::NotStarted(Retry::Late)),
        ("not started: never", Event::NotStarted(Retry::Never)),
        ("finish started", Event::FinishStarted(201)),
        ("no finish", Event::NoFinish),
        ("SIGTERM", Event::Terminate),
        ("SIGHUP", Event::Hangup),
        ("SIGQUIT", Event::Quit),
        ("SIGINT", Event::Interrupt),
    ];
    all.extend(named.map(|(name, event)| (name.to_owned(), event)));
    all
}

fn name(signal: Signal) -> String {
    signal::name(signal).unwrap()
}

fn status(s: &Status) -> String {
    let flags = [(s.finishing, "finishing"), (s.want_up, "wanted"), (s.paused, "paused"), (s.ready, "ready")];
    let words = flags.into_iter().filter(|(is, _)| *is).map(|(_, word)| word);
    let pid = (s.pid != 0).then(|| s.pid.to_string());
    let words: Vec<_> = pid.iter().map(String::as_str).chain(words).collect();
    format!("status({})", words.join(" "))
}

fn action(action: Action) -> String {
    match action {
        Action::Start => "start run".to_owned(),
        Action::Finish(how, pid, None) => format!("start finish({how:?} {pid})"),
        Action::Finish(how, pid, Some(Outlook { failures, is_last })) => {
            format!(
                "start finish({how:?} {pid}, failures {failures}{})",
                if is_last { ", the last one" } else { "" }
            )
        }
        Action::Over => "see to its end".to_owned(),
        Action::Signal(pid, signal) => format!("{} to {pid}", name(signal)),
        Action::SignalGroup(pid, signal) => format!("{} to group {pid}", name(signal)),
        Action::SignalSession(pid, signal) => format!("{} to session {pid}", name(signal)),
        Action::NameSession(pid) => format!("name session {pid}"),
        Action::Publish(s) => status(&s),
        Action::Announce(events) => {
            let letters: String = events.iter().map(|event| char::from(event.letter())).collect();
            format!("event {letters}")
        }
        Action::Record(death) => format!("tally {} {}", death.exit_code, death.signal),
        Action::MakeDownFile => "make ./down".to_owned(),
        Action::RemoveDownFile => "remove ./down".to_owned(),
        Action::Detach => "detach".to_owned(),
        Action::ForgetNotification => "close notification".to_owned(),
        Action::Warn(_) => "warn".to_owned(),
        Action::Leave => "leave".to_owned(),
    }
}

/// What a machine waits for.
fn waits(machine: &Machine) -> String {
    let Saved { deadline, next_start, dying, leaving, restarts, .. } = machine.save();
    let mut text = deadline.map_or("no timer".to_owned(), |at| format!("timer at {} ms", at.as_millis()));
    if let Some(at) = next_start {
        text.push_str(&format!(", next start at {} ms", at.as_millis()));
    }
    text.push_str(if dying { ", SIGKILL is due" } else { "" });
    text.push_str(if leaving { ", exits when down" } else { "" });
    text.push_str(match restarts.mark {
        Mark::None => "",
        Mark::Unhealthy => ", unhealthy",
        Mark::Stop => ", unhealthy, the container stops",
    });
    if restarts.failures > 0 {
        text.push_str(&format!(", failures {}", restarts.failures));
    }
    text
}

/// The machine after some events at time 0.
fn machine(want_up: bool, history: &[Event], settings: &mut Defined) -> Machine {
    let mut machine = Machine::new(want_up, at(0));
    for event in history {
        machine.step(*event, at(0), settings, &mut Vec::new());
    }
    machine
}

/// The line of an event; `None` if it has no effect.
fn step(machine: &Machine, label: &str, event: Event, settings: &mut Defined) -> Option<String> {
    let mut after = machine.clone();
    let mut out = Vec::new();
    after.step(event, at(10_000), settings, &mut out);
    let mut effects: Vec<_> = out.into_iter().map(action).collect();
    if waits(machine) != waits(&after) {
        effects.push(format!("-> {}", waits(&after)));
    }
    (!effects.is_empty()).then(|| format!("{label:<18} {}\n", effects.join(", ")))
}

#[test]
fn every_state_with_every_event() {
    let mut text =
        String::from("Each state comes about at 0 ms, each event at 10000 ms.  timeout-kill is 300 ms.\n");
    let mut settings = Defined { kills_group: false, kills_session: false, policy: None };
    for (name, want_up, history) in STATES {
        let machine = machine(*want_up, history, &mut settings);
        text.push_str(&format!("\n{name}: {}, {}\n", status(machine.status()), waits(&machine)));
        let mut ignored = Vec::new();
        for (label, event) in events() {
            match step(&machine, &label, event, &mut settings) {
                Some(line) => text.push_str(&format!("  {line}")),
                None => ignored.push(label),
            }
        }
        if !ignored.is_empty() {
            text.push_str(&format!("  no effect: {}\n", ignored.join("; ")));
        }
    }
    insta::assert_snapshot!(text);
}

/// States of a service that may fail twice in a row, 5 s apart.
const FAILING: &[(&str, bool, &[Event])] = &[
    ("up", true, UP),
    ("up, told to end", true, &[UP[0], Event::Command(Command::Restart)]),
    ("up, found unhealthy", true, &[UP[0], Event::Command(Command::UnhealthyMark)]),
    ("up, found unhealthy, to stop the container", true, &[UP[0], Event::Command(Command::UnhealthyStop)]),
    ("down, waiting after its first failure", true, &[UP[0], DIED, Event::NoFinish]),
    ("finishing after its first failure", true, &[UP[0], DIED, Event::FinishStarted(101)]),
    ("up again", true, &[UP[0], DIED, Event::NoFinish, UP[0]]),
    ("dead again, finish not started yet", true, &[UP[0], DIED, Event::NoFinish, UP[0], DIED]),
    (
        "finishing after its last failure",
        true,
        &[UP[0], DIED, Event::NoFinish, UP[0], DIED, Event::FinishStarted(101)],
    ),
    ("failed for good", true, &[UP[0], DIED, Event::NoFinish, UP[0], DIED, Event::NoFinish]),
];

#[test]
fn what_a_restart_policy_changes() {
    let policy = RestartPolicy {
        delay: Some(wire::restart_policy::Delay::new(5000, 5000)),
        limit: Some(wire::restart_policy::Limit { count: 2, window: None }),
        ..RestartPolicy::default()
    };
    let mut settings = Defined { kills_group: false, kills_session: false, policy: Some(policy) };
    let mut text =
        String::from("restart-limit is 2, restart-delay 5000 ms; otherwise as without a policy.\n");
    for (name, want_up, history) in FAILING {
        let machine = machine(*want_up, history, &mut settings);
        text.push_str(&format!("\n{name}: {}, {}\n", status(machine.status()), waits(&machine)));
        let named = ["u", "d", "f", "o", "timeout", "exit 0", "exit 125", "started", "no finish"];
        for (label, event) in events().into_iter().filter(|(label, _)| named.contains(&label.as_str())) {
            if let Some(line) = step(&machine, &label, event, &mut settings) {
                text.push_str(&format!("  {line}"));
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_end_of_a_stop_can_kill_the_group() {
    let mut settings = Defined { kills_group: true, kills_session: false, policy: None };
    let machine = machine(true, &[UP[0], Event::Command(Command::Down)], &mut settings);
    insta::assert_snapshot!(step(&machine, "timeout", Event::Timeout, &mut settings).unwrap());
}

#[test]
fn constants() {
    assert_eq!(RESTART_PAUSE, Duration::from_secs(1));
    assert_eq!(KILL_INTERVAL, Duration::from_secs(5));
    assert_eq!(UNHEALTHY_KILL, Duration::from_secs(10));
    assert_eq!(START_RETRY_PAUSE, Duration::from_millis(100));
    assert_eq!(START_RETRY_LIMIT, Duration::from_secs(60));
    assert_eq!(PERMANENT_FAILURE, 125);
}
