//! The machine against sequences of events, written out and generated.

#![allow(clippy::arithmetic_side_effects)]

use super::*;
use proptest::prelude::*;
use wire::control::COMMANDS;

/// A service directory with fixed answers.
#[derive(Default)]
pub(super) struct Fixed {
    pub(super) kill_timeout: Option<Duration>,
    kills_group: bool,
    kills_session: bool,
    pub(super) policy: Option<RestartPolicy>,
    notifies_readiness: bool,
    /// Nothing can be read for lack of descriptors.
    pub(super) is_short: bool,
    finish_timeout: Option<Duration>,
    down_signal: Option<Signal>,
}

impl Fixed {
    fn read<T>(&self, value: T) -> Result<T, Errno> {
        if self.is_short { Err(Errno::MFILE) } else { Ok(value) }
    }
}

impl Settings for Fixed {
    fn down_signal(&mut self) -> Result<Signal, Errno> {
        self.read(self.down_signal.unwrap_or(signal::TERM))
    }
    fn reload_signal(&mut self) -> Result<Signal, Errno> {
        self.read(signal::HUP)
    }
    fn kill_timeout(&mut self) -> Result<Option<Duration>, Errno> {
        self.read(self.kill_timeout)
    }
    fn kills_group(&mut self) -> bool {
        self.kills_group
    }
    fn finish_timeout(&mut self) -> Result<Option<Duration>, Errno> {
        self.read(self.finish_timeout.or(Some(Duration::from_secs(5))).filter(|time| !time.is_zero()))
    }
    fn kills_session(&mut self) -> bool {
        self.kills_session
    }
    fn policy(&mut self) -> Result<Option<RestartPolicy>, Errno> {
        self.read(self.policy.clone())
    }
    fn notifies_readiness(&mut self) -> bool {
        self.notifies_readiness
    }
    fn random(&mut self) -> u64 {
        7
    }
}

fn at(ms: u64) -> Now {
    let seconds = i64::try_from(ms / 1000).unwrap();
    Now { moment: Duration::from_millis(ms), wall: Tai64n::from_unix(seconds, 0) }
}

/// A machine with a service directory; `step` gives the actions without the status files.
pub(super) struct Case {
    pub(super) machine: Machine,
    pub(super) settings: Fixed,
}

impl Case {
    fn new(want_up: bool) -> Self {
        Self { machine: Machine::new(want_up, at(0)), settings: Fixed::default() }
    }

    pub(super) fn up() -> Self {
        let mut case = Self::new(true);
        case.step(Event::Started(100), 0);
        case
    }

    pub(super) fn step(&mut self, event: Event, ms: u64) -> Vec<Action> {
        let mut out = Vec::new();
        self.machine.step(event, at(ms), &mut self.settings, &mut out);
        out.retain(|a| !matches!(a, Action::Publish(_)));
        out
    }

    pub(super) fn deadline(&self) -> Option<u64> {
        self.machine.deadline().map(|d| u64::try_from(d.as_millis()).unwrap())
    }
}

const EXIT_1: Ended = Ended::Exited(1);

#[test]
fn a_wanted_service_starts_at_once() {
    let mut out = Vec::new();
    Case::new(true).machine.begin(&mut out);
    assert!(
        matches!(out.as_slice(), [Action::Publish(s), Action::Announce([ServiceEvent::Supervised]), Action::Start] if s.paused)
    );
    out.clear();
    Case::new(false).machine.begin(&mut out);
    assert!(matches!(out.as_slice(), [Action::Publish(_), Action::Announce([ServiceEvent::Supervised])]));
}

#[test]
fn a_death_runs_finish_and_then_a_pause() {
    let mut case = Case::up();
    let actions = case.step(Event::Ended(Ended::Killed(9)), 500);
    assert_eq!(actions[2], Action::Finish(Ended::Killed(9), 100, None));
    assert!(matches!(actions[1], Action::Record(Death { exit_code: 137, signal: 9, .. })));
    assert_eq!(case.step(Event::FinishStarted(101), 500), [Action::Announce(&[ServiceEvent::Down])]);
    assert_eq!(case.deadline(), Some(5500));
    assert_eq!(
        case.step(Event::Ended(Ended::Exited(0)), 700),
        [Action::Announce(&[ServiceEvent::DownReady])]
    );
    assert_eq!(case.deadline(), Some(1700));
    assert_eq!(case.step(Event::Timeout, 1700), [Action::Start]);
    assert_eq!(case.machine.status().term_signal(), Some(9));
}

#[test]
fn without_finish_down_and_done_are_one() {
    let mut case = Case::up();
    case.step(Event::Ended(EXIT_1), 500);
    assert_eq!(
        case.step(Event::NoFinish, 500),
        [Action::Announce(&[ServiceEvent::Down, ServiceEvent::DownReady])]
    );
    assert!(case.machine.status().ready);
}

#[test]
fn a_service_that_was_ready_for_long_restarts_at_once() {
    let mut case = Case::up();
    assert_eq!(
        case.step(Event::Ready, 100),
        [Action::ForgetNotification, Action::Announce(&[ServiceEvent::Ready])]
    );
    case.step(Event::Ended(EXIT_1), 5000);
    case.step(Event::NoFinish, 5000);
    assert_eq!(case.deadline(), Some(1100));
}

#[test]
fn finish_can_fail_the_service_for_good() {
    let mut case = Case::up();
    case.step(Event::Ended(EXIT_1), 500);
    case.step(Event::FinishStarted(101), 500);
    assert_eq!(
        case.step(Event::Ended(Ended::Exited(125)), 600),
        [Action::Announce(&[ServiceEvent::PermanentFailure, ServiceEvent::DownReady])]
    );
    assert_eq!((case.deadline(), case.machine.status().want_up), (None, false));
}

#[test]
fn a_stop_kills_when_its_time_is_over() {
    let mut case = Case::up();
    case.settings.kill_timeout = Some(Duration::from_millis(300));
    let stop = [Action::Signal(100, signal::TERM), Action::Signal(100, signal::CONT)];
    assert_eq!(case.step(Event::Command(Command::Down), 1000), stop);
    assert_eq!(case.deadline(), Some(1300));
    let kill = [Action::Signal(100, signal::KILL), Action::Signal(100, signal::CONT)];
    assert_eq!(case.step(Event::Timeout, 1300), kill);
    case.settings.kills_group = true;
    let kill = [Action::SignalGroup(100, signal::KILL), Action::SignalGroup(100, signal::CONT)];
    assert_eq!(case.step(Event::Timeout, 6300), kill);
}

#[test]
fn a_stop_that_cannot_be_read_is_tried_again() {
    for (short_until, sent) in [(800, vec![1000, 1100, 1300, 1700]), (99_000, vec![])] {
        let mut case = Case::up();
        case.settings.down_signal = Some(signal::INT);
        case.settings.kill_timeout = Some(Duration::from_millis(300));
        case.settings.is_short = true;
        let first = case.step(Event::Command(Command::Down), 1000);
        assert!(matches!(first.as_slice(), [Action::Warn(_)]), "{first:?}");
        assert!(!case.machine.status().want_up);
        let (mut attempts, mut last) = (vec![1000], Vec::new());
        while last.is_empty() {
            // A successor knows that much.
            case.machine = Machine { unread: case.machine.unread, ..Machine::resume(&case.machine.save()) };
            let at = case.deadline().unwrap();
            case.settings.is_short = at - 1000 < short_until - 200;
            last = case.step(Event::Timeout, at);
            attempts.push(at);
        }
        if sent.is_empty() {
            assert_eq!(attempts, [1000, 1100, 1300, 1700, 2500, 4100, 7300]);
            assert!(matches!(last[0], Action::Warn(_)), "{last:?}");
            assert_eq!(last[1..], [Action::Signal(100, signal::TERM), Action::Signal(100, signal::CONT)]);
        } else {
            assert_eq!(attempts, sent);
            assert_eq!(last, [Action::Signal(100, signal::INT), Action::Signal(100, signal::CONT)]);
            assert_eq!(case.deadline(), Some(2000));
        }
    }
}

#[test]
fn a_restart_that_cannot_be_read_is_tried_again() {
    let mut case = Case::up();
    case.settings.is_short = true;
    assert!(matches!(case.step(Event::Command(Command::Restart), 1000).as_slice(), [Action::Warn(_)]));
    let reload = case.step(Event::Command(Command::Reload), 1000);
    assert!(matches!(reload.as_slice(), [Action::Warn(_)]), "no other signal is sent: {reload:?}");
    case.settings.is_short = false;
    assert_eq!(case.step(Event::Timeout, 1100), [Action::Signal(100, signal::TERM)]);
    assert_eq!((case.deadline(), case.machine.status().want_up), (None, true));
}

#[test]
fn an_end_whose_policy_cannot_be_read_is_judged_later() {
    let limit = Some(wire::restart_policy::Limit { count: 1, window: None });
    for short_until in [100, 300, 99_000] {
        let mut case = Case::up();
        case.settings.policy = Some(RestartPolicy { limit, ..RestartPolicy::default() });
        case.settings.is_short = true;
        case.step(Event::Ended(EXIT_1), 0);
        case.step(Event::NoFinish, 0);
        assert!(case.machine.status().want_up && !case.machine.is_over());
        let (mut attempts, mut last) = (Vec::new(), Vec::new());
        while !case.machine.is_over() && !last.contains(&Action::Start) {
            let at = case.deadline().unwrap();
            case.settings.is_short = at < short_until;
            last = case.step(Event::Timeout, at);
            attempts.push(at);
        }
        let all = [0, 100, 300, 700, 1500, 3100, 6300, 7300];
        let number = if short_until == 100 {
            2
        } else if short_until == 300 {
            3
        } else {
            all.len()
        };
        assert_eq!(attempts, all[..number]);
        if number == all.len() {
            assert!(case.machine.status().want_up, "it is started as without a policy");
        } else {
            assert_eq!(last, [Action::Announce(&[ServiceEvent::PermanentFailure]), Action::Over]);
            assert!(!case.machine.status().want_up);
        }
    }
    // At once, if it can be read when `finish` has ended, and not at all if the service isn't wanted up.
    let mut case = Case::up();
    case.settings.policy = Some(RestartPolicy { limit, ..RestartPolicy::default() });
    case.settings.is_short = true;
    case.step(Event::Ended(EXIT_1), 0);
    case.step(Event::FinishStarted(101), 0);
    case.settings.is_short = false;
    let last = case.step(Event::Ended(Ended::Exited(0)), 10);
    assert!(last.contains(&Action::Over), "{last:?}");
}

#[test]
fn a_limit_of_finish_that_cannot_be_read_is_read_later() {
    for (limit, expected) in [(8000, Some(8000)), (3000, Some(10_000)), (0, None)] {
        let mut case = Case::up();
        case.step(Event::Ended(EXIT_1), 0);
        case.settings.is_short = true;
        case.step(Event::FinishStarted(101), 0);
        assert_eq!(case.deadline(), Some(5000));
        case.settings.is_short = false;
        case.settings.finish_timeout = Some(Duration::from_millis(limit));
        case.step(Event::Timeout, 5000);
        // The second is that of another SIGKILL.
        assert_eq!(case.deadline(), expected.filter(|_| limit != 0), "{limit}");
    }
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
    let pauses: Vec<_> = (0..12)
        .map(|_| {
            let due = case.machine.retry_pause(Retry::Soon).as_millis();
            case.step(Event::NotStarted(Retry::Soon), 0);
            assert_eq!(case.deadline().map(u128::from), Some(due));
            due
        })
        .collect();
    let doubled = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000];
    assert_eq!(pauses, doubled);
    case.step(Event::Started(7), 0);
    assert_eq!(case.machine.retry_pause(Retry::Soon), START_RETRY_PAUSE);
}

#[test]
fn a_start_that_can_not_succeed_is_announced() {
    let mut case = Case::new(true);
    let failed = [Action::Announce(&[ServiceEvent::PermanentFailure])];
    assert_eq!(case.step(Event::NotStarted(Retry::Late), 0), failed);
    assert_eq!((case.deadline(), case.machine.status().want_up), (Some(60_000), true));
    // A command doesn't wait.
    assert_eq!(case.step(Event::Command(Command::Up), 5), [Action::Start]);
    assert_eq!(case.step(Event::NotStarted(Retry::Never), 5), failed);
    assert_eq!(case.deadline(), None);
}

#[test]
fn leaving_waits_for_the_service() {
    let mut case = Case::up();
    assert_eq!(case.step(Event::Command(Command::Exit), 0), [Action::Detach]);
    case.step(Event::Ended(EXIT_1), 10);
    case.step(Event::FinishStarted(101), 10);
    let end = [
        Action::Announce(&[ServiceEvent::DownReady]),
        Action::Announce(&[ServiceEvent::Exit]),
        Action::Leave,
    ];
    assert_eq!(case.step(Event::Ended(Ended::Exited(0)), 20), end);
    assert_eq!(
        Case::new(false).step(Event::Terminate, 0),
        [Action::Announce(&[ServiceEvent::Exit]), Action::Leave]
    );
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
    prop_oneof![
        8 => (0..COMMANDS.len()).prop_map(|i| Event::Command(COMMANDS[i].command)),
        8 => any::<u8>().prop_map(|c| Event::Ended(Ended::Exited(c))),
        2 => Just(Event::Ended(Ended::Exited(125))),
        4 => (1u8..32).prop_map(|s| Event::Ended(Ended::Killed(s))),
        6 => Just(Event::Timeout),
        4 => Just(Event::Ready),
        1 => Just(Event::Terminate),
        1 => Just(Event::Hangup),
        1 => Just(Event::Quit),
        1 => Just(Event::Interrupt),
    ]
}

/// A host that answers as a real one does, with its own view of the service.
struct World {
    case: Case,
    /// Bit by bit, which starts fail.
    fails: u64,
    ms: u64,
    /// The process that is alive, and whether it is `run`.
    alive: Option<(u32, bool)>,
    spawned: u32,
    /// The last start of `run` failed.
    failed: bool,
    published: Option<Status>,
    /// The events since the machine was last at rest.
    announced: Vec<ServiceEvent>,
    left: bool,
}

impl World {
    fn new(fails: u64) -> Self {
        let mut case = Case::new(fails & 1 == 0);
        case.settings.kill_timeout = (fails & 2 == 0).then_some(Duration::from_millis(700));
        let (alive, failed, published, announced) = (None, false, None, Vec::new());
        Self { case, fails, ms: 0, alive, spawned: 0, failed, published, announced, left: false }
    }

    /// Carries out the machine's actions until it is at rest.
    fn perform(&mut self, mut queue: Vec<Action>) -> Result<(), TestCaseError> {
        let mut next = 0;
        while let Some(action) = queue.get(next).copied() {
            next += 1;
            prop_assert!(!self.left, "{action:?} after the end");
            let answer = match action {
                Action::Start | Action::Finish(..) => {
                    prop_assert_eq!(self.alive, None, "two processes at once");
                    let is_run = action == Action::Start;
                    self.spawned += 1;
                    let fails = self.fails >> (self.spawned % 60) & 4 != 0;
                    self.failed = is_run && fails;
                    if fails {
                        Some(if is_run { Event::NotStarted(Retry::Soon) } else { Event::NoFinish })
                    } else {
                        let pid = 1000 + self.spawned;
                        self.alive = Some((pid, is_run));
                        Some(if is_run { Event::Started(pid) } else { Event::FinishStarted(pid) })
                    }
                }
                Action::Signal(pid, _) | Action::SignalGroup(pid, _) => {
                    prop_assert_eq!(
                        self.alive.map(|(pid, _)| pid),
                        Some(pid),
                        "a signal to a process that is gone"
                    );
                    None
                }
                Action::Publish(status) => {
                    self.published = Some(status);
                    None
                }
                Action::Announce(events) => {
                    self.announced.extend_from_slice(events);
                    None
                }
                Action::Leave => {
                    self.left = true;
                    None
                }
                _ => None,
            };
            if let Some(event) = answer {
                self.case.machine.step(event, at(self.ms), &mut self.case.settings, &mut queue);
            }
        }
        Ok(())
    }

    /// What holds whenever the machine is at rest.
    fn check(&self, lived: Option<(u32, bool)>, event: Event) -> Result<(), TestCaseError> {
        let machine = &self.case.machine;
        let status = machine.status();
        // No event is lost: what has changed was announced.
        let changes = |event| self.announced.iter().filter(|e| **e == event).count();
        let began = self.alive.is_some_and(|(pid, is_run)| is_run && lived != Some((pid, true)));
        let ended = lived.is_some_and(|(_, is_run)| is_run) && self.alive != lived;
        prop_assert_eq!(
            (changes(ServiceEvent::Up), changes(ServiceEvent::Down)),
            (usize::from(began), usize::from(ended))
        );
        prop_assert_eq!(changes(ServiceEvent::Exit), usize::from(self.left));
        if event == Event::Ready && self.alive.is_some_and(|(_, is_run)| is_run) {
            prop_assert!(changes(ServiceEvent::Ready) == 1 && status.ready, "readiness is lost");
        }
        if self.left {
            return Ok(());
        }
        prop_assert_eq!(machine.pid(), self.alive.map(|(pid, _)| pid));
        prop_assert_eq!(status.is_up(), self.alive.is_some_and(|(_, is_run)| is_run));
        prop_assert_eq!(
            self.published.map(|s| Status { paused: false, ..s }),
            Some(Status { paused: false, ..*status })
        );
        match (self.alive, status.want_up) {
            // Wanted up: a start is due within a second, or within a minute after one that failed.
            (None, true) => {
                let most = if self.failed { START_RETRY_LIMIT } else { RESTART_PAUSE };
                let due = machine.deadline();
                let latest = at(self.ms).moment + most;
                prop_assert!(due.is_some_and(|due| due <= latest), "due {due:?}, at {} ms", self.ms);
            }
            // Down and to stay so: nothing is waited for.
            (None, false) => {
                let looks_at = machine.deadline().is_some();
                prop_assert!(!looks_at || machine.former.is_some(), "a timer without a reason");
            }
            // A timer that passes is set again or gone: the host never spins.
            _ if event == Event::Timeout => {
                prop_assert!(machine.deadline().is_none_or(|due| due > at(self.ms).moment));
            }
            _ => {}
        }
        let saved = machine.save();
        prop_assert_eq!(Machine::resume(&saved).save(), saved);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]

    /// The rules of [`World::perform`] and [`World::check`] hold in any history.  Whenever the machine is at rest, the one
    /// that a new host restores may take its place.
    #[test]
    fn any_history_is_sane(
        events in prop::collection::vec((any_event(), 0u64..3000, any::<bool>()), 0..24),
        fails in any::<u64>(),
    ) {
        let mut world = World::new(fails);
        let mut queue = Vec::new();
        world.case.machine.begin(&mut queue);
        world.perform(queue)?;
        for (event, delay, resumed) in events {
            if matches!(event, Event::Ended(_)) && world.alive.is_none() {
                continue;
            }
            world.ms += delay;
            let lived = world.alive;
            if matches!(event, Event::Ended(_)) {
                world.alive = None;
            }
            world.announced.clear();
            let (mut queue, left) = (Vec::new(), world.left);
            world.case.machine.step(event, at(world.ms), &mut world.case.settings, &mut queue);
            world.perform(queue)?;
            if left {
                continue;
            }
            world.check(lived, event)?;
            if resumed && !world.left {
                world.case.machine = Machine::resume(&world.case.machine.save());
            }
        }
    }
}

fn looks(actions: &[Action]) -> Vec<Action> {
    let looks = |action: &&Action| matches!(action, Action::SignalSession(..) | Action::NameSession(_));
    actions.iter().filter(looks).copied().collect()
}

#[test]
fn what_is_left_of_a_stopped_service_is_named_a_second_later() {
    let mut case = Case::up();
    case.step(Event::Command(Command::Down), 10);
    assert_eq!(looks(&case.step(Event::Ended(Ended::Killed(15)), 20)), []);
    case.step(Event::NoFinish, 20);
    assert_eq!(case.deadline(), Some(1020));
    assert_eq!(case.step(Event::Timeout, 1020), [Action::NameSession(100)]);
    assert_eq!((case.deadline(), case.step(Event::Timeout, 2020)), (None, vec![]));
}

#[test]
fn what_is_left_is_named_before_the_next_start() {
    for command in [Command::Restart, Command::Down] {
        let mut case = Case::up();
        case.step(Event::Command(command), 10);
        case.step(Event::Ended(Ended::Killed(15)), 20);
        case.step(Event::NoFinish, 20);
        let actions = if command == Command::Down {
            case.step(Event::Command(Command::Up), 30)
        } else {
            case.step(Event::Timeout, 1020)
        };
        assert_eq!(actions, [Action::NameSession(100), Action::Start]);
    }
}

#[test]
fn nothing_is_looked_for_after_a_death() {
    let mut case = Case::up();
    for (n, died) in (0..5).map(|n| (n, n * 2000)) {
        assert_eq!(looks(&case.step(Event::Ended(EXIT_1), died)), []);
        case.step(Event::NoFinish, died);
        assert_eq!(case.step(Event::Timeout, died + 1000), [Action::Start], "{n}");
        case.step(Event::Started(200), died + 1000);
    }
}

#[test]
fn a_kill_mode_ends_the_session() {
    let mut case = Case::up();
    case.settings =
        Fixed { kills_session: true, kill_timeout: Some(Duration::from_millis(300)), ..Fixed::default() };
    case.step(Event::Command(Command::Down), 10);
    let actions = case.step(Event::Ended(Ended::Killed(15)), 20);
    assert_eq!(looks(&actions), [Action::SignalSession(100, signal::TERM)]);
    case.step(Event::NoFinish, 20);
    assert_eq!(case.deadline(), Some(320));
    assert_eq!(case.step(Event::Timeout, 320), [Action::SignalSession(100, signal::KILL)]);
    // A service that died, too, starts without what is left of its last run.
    case.step(Event::Command(Command::Up), 400);
    case.step(Event::Started(101), 400);
    let actions = case.step(Event::Ended(EXIT_1), 500);
    assert_eq!(looks(&actions), [Action::SignalSession(101, signal::TERM)]);
    case.step(Event::NoFinish, 500);
    assert_eq!(case.step(Event::Timeout, 1500), [Action::SignalSession(101, signal::KILL), Action::Start]);
}
