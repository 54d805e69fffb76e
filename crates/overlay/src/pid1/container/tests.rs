//! The effects of a container's life, call by call.

use super::*;
use crate::pid1::lifecycle::{Config, Limit};
use rustix::io::Errno;
use s6_linux_init::request::Request;
use std::cell::RefCell;
use std::time::Duration;
use sys::signal::{INT, USR1};

const CONFIG: Config = Config {
    command: true,
    receive_signals: false,
    kill_grace: Duration::from_secs(3),
    interrupt_grace: Duration::from_secs(3),
    first: true,
};

const BOOT: i32 = 20;
const STOP: i32 = 30;
const RELAY: i32 = 40;

fn pid(n: i32) -> Pid {
    Pid::from_raw(n).unwrap()
}

/// Writes down what would have been done.
struct Recorder {
    calls: RefCell<Vec<String>>,
    untouched: bool,
    can_fork: bool,
    has_keeper: bool,
    remaining: &'static str,
    told: Vec<Turn>,
}

impl Recorder {
    fn new() -> Self {
        Self {
            calls: RefCell::new(Vec::new()),
            untouched: true,
            can_fork: true,
            has_keeper: false,
            remaining: "77 (daemon)",
            told: Vec::new(),
        }
    }

    fn note(&self, call: String) {
        self.calls.borrow_mut().push(call);
    }

    fn take(&self) -> Vec<String> {
        self.calls.take()
    }
}

impl Effects for Recorder {
    fn signal(&mut self, pid: Pid, signal: Signal) {
        self.note(format!("kill -{signal} {}", pid.as_raw_nonzero()));
    }

    fn signal_all(&mut self, signal: Signal, spared: Option<Pid>) {
        self.note(format!("kill -{signal} all but {}", Pid::as_raw(spared)));
    }

    fn stop_supervising(&mut self) {
        self.note("stop supervising".to_owned());
    }

    fn stop_replacing(&mut self) {
        self.note("replace no supervisor".to_owned());
    }

    fn leave_host(&mut self) {
        self.note("leave the host".to_owned());
    }

    fn start_stop(&mut self) -> Result<Pid, Errno> {
        self.note("start the stop child".to_owned());
        if self.can_fork { Ok(pid(STOP)) } else { Err(Errno::AGAIN) }
    }

    fn write_code(&mut self, code: u8) -> Result<(), Errno> {
        self.note(format!("write the code {code}"));
        Ok(())
    }

    fn is_code_untouched(&self) -> bool {
        self.untouched
    }

    fn describe_below(&self, _: Pid) -> String {
        self.remaining.to_owned()
    }

    fn describe_remaining(&self, _: Option<Pid>) -> String {
        self.remaining.to_owned()
    }

    fn take_terminal_back(&mut self) {
        self.note("take the terminal back".to_owned());
    }

    fn services(&self) -> Vec<Pid> {
        vec![pid(50)]
    }

    fn signal_others(&mut self, signal: Signal, services: &[Pid]) {
        let services: Vec<_> = services.iter().map(|pid| pid.as_raw_nonzero()).collect();
        self.note(format!("kill -{signal} all but services {services:?}"));
    }

    fn keeper(&self) -> Option<Pid> {
        Some(pid(RELAY))
    }

    fn await_keeper(&mut self) -> bool {
        self.note("wait for the keeper".to_owned());
        self.has_keeper
    }

    fn finish_output(&mut self, limit: Limit) {
        self.note(format!("finish the output: {limit:?}"));
    }

    fn name_keeper(&mut self) {
        self.note("name the keeper".to_owned());
    }

    fn tell(&mut self, turn: Turn) {
        self.told.push(turn);
    }

    fn tell_end(&mut self) {
        self.told.push(Turn::Over(0));
    }

    fn kill_keeper(&mut self) {
        self.note("kill the keeper".to_owned());
    }

    fn tell_reason(&mut self, reason: &str) {
        self.note(format!("reason: {reason}"));
    }

    fn fatal(&mut self, text: &str) {
        self.note(format!("fatal: {text}"));
    }

    fn warn(&mut self, text: &str) {
        self.note(format!("warn: {text}"));
    }

    fn info(&mut self, text: &str) {
        self.note(format!("info: {text}"));
    }
}

/// The last calls of a container without a keeper: nobody has asked for a stop, or somebody has.
const UNASKED: [&str; 3] = ["finish the output: None", "wait for the keeper", "leave the host"];
const ASKED: [&str; 3] = ["finish the output: Output", "wait for the keeper", "leave the host"];

/// A container with a CMD, and what it does.
struct Play {
    container: Container,
    effects: Recorder,
    now: Moment,
}

impl Play {
    fn new(config: Config) -> Self {
        let mut container = Container::new(Lifecycle::new(config), 1);
        container.set_boot(pid(BOOT));
        Self { container, effects: Recorder::new(), now: Duration::from_secs(1) }
    }

    fn up(config: Config) -> Self {
        let mut play = Self::new(config);
        assert!(play.step(Event::CommandStarts).is_empty());
        play
    }

    fn step(&mut self, event: Event) -> Vec<String> {
        self.container.step(event, None, self.now, &mut self.effects);
        self.effects.take()
    }

    fn ended(&mut self, child: i32, ended: Ended) -> (bool, Vec<String>) {
        let known =
            self.container.child_ended(pid(child), ended, memory::Cause::Own, self.now, &mut self.effects);
        (known, self.effects.take())
    }

    fn due(&mut self) -> Vec<String> {
        self.now = self.container.deadline().unwrap();
        self.step(Event::Time)
    }
}

#[test]
fn from_the_commands_end_to_the_containers() {
    let mut play = Play::up(CONFIG);
    assert_eq!(play.ended(99, Ended::Exited(1)), (false, vec![]));
    let calls = ["take the terminal back", "write the code 7", "start the stop child"];
    assert_eq!(play.ended(BOOT, Ended::Exited(7)), (true, calls.map(String::from).to_vec()));
    let calls = ["stop supervising", "kill -15 all but 0", "kill -18 all but 0"];
    assert_eq!(play.ended(STOP, Ended::Exited(0)), (true, calls.map(String::from).to_vec()));
    assert_eq!(play.due(), ["warn: still running after TERM: 77 (daemon)"]);
    assert_eq!(
        play.due(),
        [
            "warn: killed, because TERM didn't end them within S6_KILL_GRACETIME: 77 (daemon)",
            "replace no supervisor",
            "kill -9 all but 40",
            UNASKED[0],
            UNASKED[1],
            UNASKED[2]
        ]
    );
    assert_eq!(play.container.end(), Some(How::Halt));
}

#[test]
fn an_interrupted_boot_is_killed_when_its_time_is_over() {
    let mut play = Play::new(CONFIG);
    assert_eq!(play.step(Event::Signal(TERM)), ["kill -15 20"]);
    let text = "warn: what the start was doing hasn't ended S6_SERVICES_GRACETIME after the stop was asked: \
                77 (daemon); the stop goes on without it";
    assert_eq!(play.due(), [text, "kill -9 20"]);
    let (known, calls) = play.ended(BOOT, Ended::Killed(9));
    assert!(known);
    assert_eq!(calls, ["take the terminal back", "start the stop child"]);
}

#[test]
fn a_signal_that_the_command_receives_goes_to_it() {
    let mut play = Play::up(Config { receive_signals: true, ..CONFIG });
    assert_eq!(play.step(Event::Signal(USR1)), ["kill -10 20"]);
    play.ended(BOOT, Ended::Exited(0));
    assert_eq!(play.step(Event::Signal(USR1)), Vec::<String>::new(), "it has ended");
}

#[test]
fn a_stop_child_that_cannot_be_started_is_tried_again_until_half_of_the_grace_time() {
    let mut play = Play::up(CONFIG);
    play.effects.can_fork = false;
    let calls = play.step(Event::Signal(INT));
    let text = "warn: unable to start what stops the services: Resource temporarily unavailable: what isn't a service \
                is told to end (TERM), and it is tried again for half of S6_KILL_GRACETIME";
    let others = ["kill -15 all but services [50]", "kill -18 all but services [50]"];
    assert_eq!(calls, [&["start the stop child", text], &others[..]].concat());
    for _ in 0..3 {
        assert_eq!(play.due(), ["start the stop child"]);
    }
    let calls = play.due();
    assert_eq!(play.now, Duration::from_millis(2500));
    assert!(calls[1].starts_with("warn: the services aren't stopped in order"), "{calls:?}");
    assert_eq!(calls[2..], ["stop supervising", "kill -15 all but 0", "kill -18 all but 0"]);
    assert_eq!(play.step(Event::Empty), ASKED);
    assert_eq!(play.container.end(), Some(How::Reboot));
    let mut play = Play::up(CONFIG);
    play.effects.can_fork = false;
    play.step(Event::Signal(INT));
    play.effects.can_fork = true;
    assert_eq!(play.due(), ["start the stop child"]);
    assert_eq!(play.container.deadline(), None, "it runs");
}

#[test]
fn the_keeper_is_waited_for() {
    let mut play = Play::up(CONFIG);
    play.effects.has_keeper = true;
    play.ended(BOOT, Ended::Exited(0));
    play.ended(STOP, Ended::Exited(0));
    assert_eq!(play.step(Event::Empty), UNASKED[..2]);
    assert_eq!((play.due(), play.container.deadline()), (vec!["name the keeper".to_owned()], None));
    assert_eq!(play.step(Event::Signal(TERM)), ["finish the output: Output"]);
    assert_eq!(play.due(), ["kill the keeper", "leave the host"]);
    let mut play = Play::up(CONFIG);
    play.effects.has_keeper = true;
    play.step(Event::Signal(TERM));
    play.ended(STOP, Ended::Exited(0));
    assert_eq!(play.step(Event::Empty), ASKED[..2]);
    assert_eq!(play.step(Event::Drained), ["leave the host"]);
}

#[test]
fn a_code_that_a_script_wrote_stays_when_the_command_ends_late() {
    for (untouched, expected) in
        [(true, &["take the terminal back", "write the code 5"][..]), (false, &["take the terminal back"])]
    {
        let mut play = Play::up(CONFIG);
        play.step(Event::Signal(TERM));
        play.ended(STOP, Ended::Exited(0));
        play.effects.untouched = untouched;
        assert_eq!(play.ended(BOOT, Ended::Exited(5)).1, expected);
    }
}

#[test]
fn warnings_that_are_not_wanted_are_not_printed() {
    let mut play = Play::up(CONFIG);
    play.container.verbosity = 0;
    play.step(Event::Signal(TERM));
    play.ended(STOP, Ended::Exited(0));
    assert_eq!(play.due(), Vec::<String>::new());
    assert_eq!(play.due(), [&["replace no supervisor", "kill -9 all but 40"], &ASKED[..]].concat());
}

#[test]
fn nothing_is_said_of_processes_that_are_not_there() {
    let mut play = Play::up(CONFIG);
    play.effects.remaining = "";
    play.step(Event::Signal(TERM));
    play.ended(STOP, Ended::Exited(0));
    assert_eq!(play.due(), Vec::<String>::new());
    assert_eq!(play.due(), [&["replace no supervisor", "kill -9 all but 40"], &ASKED[..]].concat());
}

#[test]
fn a_saved_container_is_restored_with_its_children() {
    for (how, byte) in [(How::Halt, 0), (How::PowerOff, 1), (How::Reboot, 2)] {
        let mut play = Play::up(CONFIG);
        play.step(Event::Signal(TERM));
        let bytes = play.container.save(Some(pid(RELAY)));
        assert_eq!(&bytes[..14], [0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0, 40, 255, 1]);
        let (mut restored, relay) = Container::restore(&bytes).unwrap();
        assert_eq!(
            (restored.boot, restored.stop, relay),
            (Some(pid(BOOT)), Some(pid(STOP)), Some(pid(RELAY)))
        );
        assert_eq!(restored.save(relay), bytes);
        let at_once = Request::Stop { how, now: true, delay: 0, grace: 0 };
        restored.step(Event::Asked(at_once), None, play.now, &mut play.effects);
        assert_eq!(restored.save(None)[12], byte);
        let (restored, relay) = Container::restore(&restored.save(None)).unwrap();
        assert_eq!((restored.end(), relay), (Some(how), None));
    }
    let bytes = Play::up(CONFIG).container.save(None);
    for length in 0..bytes.len() {
        assert!(Container::restore(&bytes[..length]).is_none(), "{length}");
    }
}

#[test]
fn who_asked_for_a_stop_is_said_once_from_verbosity_2_on() {
    let cause = Cause::Signal(TERM, sys::signal::Sender::Outside);
    for (verbosity, said) in [(1, &[][..]), (2, &["info: the container stops: SIGTERM from outside of it"])] {
        let mut play = Play::up(CONFIG);
        play.container.verbosity = verbosity;
        for (round, extra) in [&["start the stop child"][..], &[]].into_iter().enumerate() {
            play.container.step(Event::Signal(TERM), Some(&cause), play.now, &mut play.effects);
            let before = if round == 0 { said } else { &[] };
            assert_eq!(play.effects.take(), [before, extra].concat());
        }
    }
    let mut play = Play::up(Config { receive_signals: true, ..CONFIG });
    play.container.verbosity = 2;
    play.container.step(Event::Signal(TERM), Some(&cause), play.now, &mut play.effects);
    assert_eq!(play.effects.take(), ["kill -15 20"], "the container doesn't stop yet");
}

#[test]
fn a_command_that_crashed_is_a_warning() {
    let text = "warn: the container stops: the command was killed by SIGSEGV";
    let calls = ["take the terminal back", text, "write the code 139", "start the stop child"];
    assert_eq!(Play::up(CONFIG).ended(BOOT, Ended::Killed(11)).1, calls);
}

#[test]
fn children_that_are_killed_are_reported() {
    let mut play = Play::new(CONFIG);
    play.container.verbosity = 0;
    let (_, calls) = play.ended(BOOT, Ended::Killed(9));
    assert!(calls[1].starts_with("fatal: what starts the services was killed by SIGKILL"), "{calls:?}");
    assert!(calls[2].starts_with("reason: what starts the services was killed by SIGKILL"), "{calls:?}");
    assert_eq!(calls[3..], ["write the code 137", "start the stop child"]);
    for _ in 0..2 {
        let (_, calls) = play.ended(STOP, Ended::Killed(9));
        assert_eq!(calls, ["start the stop child"]);
    }
    let (_, calls) = play.ended(STOP, Ended::Killed(9));
    assert!(calls[0].starts_with("warn: what stops the services was killed by SIGKILL"), "{calls:?}");
    assert_eq!(calls[1..3], ["write the code 137", "stop supervising"]);
}

#[test]
fn without_a_grace_time_what_is_killed_is_no_news_but_a_late_boot_is() {
    let mut play = Play::up(Config { kill_grace: Duration::ZERO, ..CONFIG });
    play.step(Event::Signal(TERM));
    let (_, calls) = play.ended(STOP, Ended::Exited(0));
    assert_eq!(calls[3..], [&["replace no supervisor", "kill -9 all but 40"], &ASKED[..]].concat());
    let mut play = Play::new(Config { kill_grace: Duration::ZERO, ..CONFIG });
    play.step(Event::Signal(TERM));
    let calls = play.due();
    assert!(calls[0].starts_with("warn: what the start was doing hasn't ended"), "{calls:?}");
}
