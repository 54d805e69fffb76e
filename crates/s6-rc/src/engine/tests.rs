//! The engine on paper: each test is the transcript of a change, in which services start, stop, fail and hang as told.

use super::Engine;
use crate::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use crate::changed::Changed;
use crate::database::{Body, Database, ESSENTIAL, Entity, Id, Service};
use crate::direction::Direction;
use crate::dry_run;
use crate::effects::{Begun, Effects, Event, StaleDownFile};
use crate::failure::Failure;
use crate::plan::Plan;
use crate::report::{Level, Line};
use crate::reporter::Reporter;
use crate::work::Work;
use insta::assert_snapshot;
use rustix::io::Errno;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::time::Duration;
use tool::clock::Moment;
use tool::{Env, Fatal};

/// How the transition of a service goes.
#[derive(Debug, Clone, Copy)]
enum Course {
    /// It is done as soon as it begins.
    AtOnce,
    /// It is done after so many seconds.
    Takes(u64),
    /// Its script exits 1 after so many seconds.
    Fails(u64),
    /// It never ends.
    Hangs,
    /// It can't begin.
    Impossible,
    /// There is no room for it before this second, counted from the start.
    NoRoomBefore(u64),
    /// Its script can't be started before this second, counted from the start, which is reported a second later.
    RefusedBefore(u64),
    /// It is done after so many seconds, of which no event tells: it has to be asked.
    Silent(u64),
    /// As that, and its events can't be subscribed to.
    Unheard(u64),
    /// It never ends, and when it is asked at this second or later, it has failed.
    FoundFailed(u64),
    /// It never ends, and has put off the end of its time to so many seconds from the start.
    PutsOff(u64),
}

/// A service and its course.
#[derive(Debug, Clone)]
struct Made {
    service: Service,
    needs: &'static [&'static str],
    course: Course,
}

fn longrun(name: &str) -> Made {
    let service = Service { name: name.into(), ..Service::default() };
    Made { service, needs: &[], course: Course::AtOnce }
}

fn oneshot(name: &str) -> Made {
    let mut made = longrun(name);
    made.service.body = Body::Oneshot { up: vec![], down: vec![], reload: vec![] };
    made
}

impl Made {
    fn needs(self, needs: &'static [&'static str]) -> Self {
        Self { needs, ..self }
    }

    fn course(self, course: Course) -> Self {
        Self { course, ..self }
    }

    fn timeouts(mut self, up: u32, down: u32) -> Self {
        (self.service.timeout_up, self.service.timeout_down) = (up, down);
        self
    }

    fn essential(mut self) -> Self {
        self.service.flags = ESSENTIAL;
        self
    }
}

/// What a transition comes to.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Done,
    Fails,
    NoRoom,
}

/// A lack of room.
fn short() -> Failure {
    Failure::Unable("no descriptors or processes are left".into())
}

/// The paper that effects are written on.
struct Paper<'a> {
    database: &'a Database,
    courses: HashMap<Id, Course>,
    work: Work,
    /// In milliseconds.
    now: u64,
    interrupt: Option<u64>,
    room: usize,
    /// Ends of transitions in progress: milliseconds and the event.
    ends: BTreeMap<(u64, Id), Happens>,
    /// Transitions in progress that no event tells the end of: when they end, and whether well.
    silent: BTreeMap<Id, (u64, bool)>,
    down_files_fail: bool,
    /// The live state can't be written before this second.
    state_fails_before: u64,
    asks_are_noted: bool,
    transcript: RefCell<String>,
}

impl Paper<'_> {
    fn note(&self, text: &str) {
        let time = match self.now % 1000 {
            0 => format!("{:>3} s", self.now / 1000),
            ms => format!("{:>3}.{ms:03} s", self.now / 1000),
        };
        writeln!(self.transcript.borrow_mut(), "{time}  {text}").unwrap();
    }

    fn name(&self, id: Id) -> String {
        String::from_utf8_lossy(self.database.name(id)).into_owned()
    }
}

impl Effects for Paper<'_> {
    fn now(&self) -> Moment {
        Moment::from_millis(1_000_000 + self.now)
    }

    fn room(&self) -> usize {
        self.room
    }

    fn begin(&mut self, id: Id) -> Begun {
        let script = if self.database.service(id).unwrap().is_longrun() {
            format!("send {} to", char::from(self.work.command().letter()))
        } else {
            format!("run {} of", self.work.script().word())
        };
        let name = self.name(id);
        match self.courses[&id] {
            Course::NoRoomBefore(second) if self.now < second * 1000 => {
                self.note(&format!("# no room to {script} {name}"));
                return Begun::NoRoom(short());
            }
            Course::RefusedBefore(second) if self.now < second * 1000 => {
                self.ends.insert((self.now + 1000, id), Happens::NoRoom);
            }
            Course::Unheard(seconds) => {
                self.note(&format!("# {script} {name}, without events"));
                self.silent.insert(id, (self.now + seconds * 1000, true));
                return Begun::Unheard(Errno::NOSPC);
            }
            Course::Impossible => {
                self.note(&format!("# unable to {script} {name}"));
                return Begun::Failed(Failure::Unable("no supervisor runs on its service directory".into()));
            }
            Course::AtOnce | Course::NoRoomBefore(_) | Course::RefusedBefore(_) => {
                self.note(&format!("# {script} {name}: done"));
                return Begun::Done;
            }
            Course::Takes(seconds) => {
                self.ends.insert((self.now + seconds * 1000, id), Happens::Done);
            }
            Course::Fails(seconds) => {
                self.ends.insert((self.now + seconds * 1000, id), Happens::Fails);
            }
            Course::Silent(seconds) => {
                self.silent.insert(id, (self.now + seconds * 1000, true));
            }
            Course::FoundFailed(second) => {
                self.silent.insert(id, (second * 1000, false));
            }
            Course::Hangs | Course::PutsOff(_) => {}
        }
        self.note(&format!("# {script} {name}"));
        Begun::InProgress
    }

    fn ask(&mut self, id: Id) -> Option<Event> {
        if self.asks_are_noted {
            self.note(&format!("# ask {}", self.name(id)));
        }
        let (end, is_well) = self.silent.get(&id).copied().filter(|(end, _)| *end <= self.now)?;
        assert!(end <= self.now);
        self.silent.remove(&id);
        Some(if is_well { Event::Done(id) } else { Event::Failed(id, Failure::Permanent) })
    }

    fn forget(&mut self, id: Id) {
        self.ends.retain(|(_, other), _| *other != id);
        self.silent.remove(&id);
    }

    fn terminate(&mut self, id: Id) {
        self.note(&format!("# terminate {}", self.name(id)));
    }

    fn send_down(&mut self, id: Id) {
        self.note(&format!("# send d to {}", self.name(id)));
    }

    fn set_down_file(&mut self, id: Id, exists: bool) -> Result<(), StaleDownFile> {
        let name = self.name(id);
        self.note(&format!("# {} {name}/down", if exists { "make" } else { "remove" }));
        if self.down_files_fail {
            let file = format!("/live/servicedirs/{name}/down").into_bytes();
            return Err(StaleDownFile { file, reason: Errno::ROFS });
        }
        Ok(())
    }

    fn set_up(&mut self, id: Id, up: bool) -> Result<(), Errno> {
        self.note(&format!("# {} is {}", self.name(id), if up { "up" } else { "down" }));
        if self.now < self.state_fails_before * 1000 { Err(Errno::NOSPC) } else { Ok(()) }
    }

    fn settle(&mut self) -> Result<(), Fatal> {
        if self.now < self.state_fails_before * 1000 {
            return Err(Fatal::unable("write /live/state", Errno::NOSPC));
        }
        Ok(())
    }

    fn wait(&mut self, until: Option<Moment>) -> Result<Vec<Event>, Fatal> {
        let until = until.map(|at| (at.as_millis() as u64).saturating_sub(1_000_000));
        let end = self.ends.keys().next().map(|(at, _)| *at);
        let next = [until, end, self.interrupt].into_iter().flatten().min();
        self.now = self.now.max(next.expect("it waits for something that never happens"));
        let mut events = Vec::new();
        while let Some(((at, id), happens)) = self.ends.pop_first() {
            if at > self.now {
                self.ends.insert((at, id), happens);
                break;
            }
            events.push(match happens {
                Happens::Done => Event::Done(id),
                Happens::Fails => Event::Failed(id, Failure::Exited(1)),
                Happens::NoRoom => Event::NoRoom(id, short()),
            });
        }
        if self.interrupt == Some(self.now) {
            self.interrupt = None;
            self.note("# interruption");
            events.push(Event::Interrupted);
        }
        Ok(events)
    }

    fn put_off(&self, id: Id) -> Option<Moment> {
        let Some(Course::PutsOff(seconds)) = self.courses.get(&id) else { return None };
        self.note(&format!("{} has asked for time until {seconds} s", self.name(id)));
        Some(Moment::from_secs(1000 + seconds))
    }

    fn waits_for(&self, id: Id) -> String {
        format!("the end of {}", self.name(id))
    }

    fn explain(&self, id: Id) -> String {
        format!("{} hasn't ended", self.name(id))
    }

    fn equivalent(&self, id: Id) -> Vec<u8> {
        let name = self.database.name(id);
        if self.database.service(id).unwrap().is_longrun() {
            return dry_run::longrun(self.work, &[b"/live/servicedirs/", name].concat(), false);
        }
        dry_run::oneshot(self.work, b"/live", id, name)
    }

    fn print(&self, line: &Line) {
        let level = if line.level == Level::Warning { "warning" } else { "info" };
        self.note(&format!("s6-rc: {level}: {}", line.text));
    }

    fn output(&self, line: &[u8]) -> Result<(), Fatal> {
        self.note(&String::from_utf8_lossy(line));
        Ok(())
    }
}

/// A change to make on paper.
struct Change {
    services: Vec<Made>,
    work: Work,
    /// Those that are up before it; `None`: all for a stop or reload, none for a start.
    up: Option<&'static [&'static str]>,
    /// Those to change; all if empty.
    selected: &'static [&'static str],
    force: bool,
    verbosity: u32,
    idle: &'static [&'static [u8]],
    deadline: Option<u64>,
    dry_run: Option<u32>,
    interrupt: Option<u64>,
    on_interrupt: OnInterrupt,
    remind: Option<u64>,
    room: usize,
    down_files_fail: bool,
    state_fails_before: u64,
    asks_are_noted: bool,
}

fn change(work: Work, services: Vec<Made>) -> Change {
    Change {
        services,
        work,
        up: None,
        selected: &[],
        force: false,
        verbosity: 3,
        idle: &[],
        deadline: None,
        dry_run: None,
        interrupt: None,
        on_interrupt: OnInterrupt::FinishOneshots,
        remind: None,
        room: 100,
        down_files_fail: false,
        state_fails_before: 0,
        asks_are_noted: false,
    }
}

impl Change {
    fn database(&self) -> (Database, HashMap<Id, Course>) {
        let mut sorted = self.services.clone();
        sorted.sort_by_key(|m| !m.service.is_longrun());
        let place = |name: &str| sorted.iter().position(|m| m.service.name == name.as_bytes()).unwrap() as Id;
        let services = sorted.iter().map(|made| {
            let mut dependencies: Vec<Id> = made.needs.iter().map(|n| place(n)).collect();
            dependencies.sort_unstable();
            Service { dependencies, ..made.service.clone() }
        });
        let database = Database::new(services.collect(), Vec::new()).unwrap();
        (database, (0..).zip(sorted.iter().map(|m| m.course)).collect())
    }

    fn paper<'a>(&self, database: &'a Database, courses: HashMap<Id, Course>) -> Paper<'a> {
        Paper {
            database,
            courses,
            work: self.work,
            now: 0,
            interrupt: self.interrupt.map(|s| s * 1000),
            room: self.room,
            ends: BTreeMap::new(),
            silent: BTreeMap::new(),
            down_files_fail: self.down_files_fail,
            state_fails_before: self.state_fails_before,
            asks_are_noted: self.asks_are_noted,
            transcript: RefCell::default(),
        }
    }

    /// What happened, as text.
    fn transcript(&self) -> String {
        let (database, courses) = self.database();
        let env = Env::new();
        let options = ChangeOptions {
            reporter: Reporter { name: "s6-rc", verbosity: self.verbosity, idle: self.idle },
            force: self.force,
            deadline: self.deadline.map(|s| Moment::from_secs(1000 + s)),
            dry_run: self.dry_run,
            oneshots: Oneshots::by_processes(Starter::Host, &env, None),
            interrupt: None,
            on_interrupt: self.on_interrupt,
            remind: self.remind.map(Duration::from_secs),
        };
        let mut paper = self.paper(&database, courses);
        let flags = |names: &[&str]| {
            let mut flags = vec![false; database.len()];
            for name in names {
                let Some(Entity::Atomic(id)) = database.find(name.as_bytes()) else { panic!("{name}") };
                flags[id as usize] = true;
            }
            flags
        };
        let mut selected =
            if self.selected.is_empty() { vec![true; database.len()] } else { flags(self.selected) };
        let up = self.up.map_or(vec![self.work != Work::Start; database.len()], flags);
        let changed = match self.work {
            Work::Reload => {
                let ids: Vec<Id> = (0..).zip(selected).filter(|(_, s)| *s).map(|(id, _)| id).collect();
                Engine::reload(&mut paper, &options, &database, &ids).run()
            }
            Work::Start | Work::Stop => {
                let is_start = self.work == Work::Start;
                let direction = if is_start { Direction::Up } else { Direction::Down };
                database.close(&mut selected, direction);
                let plan = Plan::new(&database, direction, up, selected, self.force);
                Engine::new(&mut paper, &options, &database, plan).run()
            }
        };
        let Changed { end, failures, unfinished } = match changed {
            Ok(changed) => changed,
            Err(fatal) => {
                paper.note(&format!("fatal: {}", fatal.message()));
                return paper.transcript.into_inner();
            }
        };
        paper.note(&format!("end: {end:?}"));
        for (id, failure) in failures {
            paper.note(&format!("failed: {}: {failure}", paper.name(id)));
        }
        for (id, waits_for) in unfinished {
            paper.note(&format!("unfinished: {}: {waits_for}", paper.name(id)));
        }
        paper.transcript.into_inner()
    }
}

/// A web server that needs a database and a cache, and a migration that needs the database.
fn site() -> Vec<Made> {
    vec![
        longrun("cache").course(Course::Takes(1)),
        longrun("db").course(Course::Takes(3)),
        oneshot("migrate").needs(&["db"]).course(Course::Takes(5)),
        longrun("web").needs(&["cache", "migrate"]).course(Course::Takes(2)),
    ]
}

#[test]
fn a_start_goes_from_dependencies_to_dependents_and_waits_for_nothing_else() {
    assert_snapshot!(change(Work::Start, site()).transcript());
}

#[test]
fn a_stop_goes_from_dependents_to_dependencies() {
    assert_snapshot!(change(Work::Stop, site()).transcript());
}

#[test]
fn a_reload_sends_the_reload_letter_and_changes_no_state() {
    let services = vec![
        longrun("web"),
        oneshot("routes").course(Course::Takes(1)),
        oneshot("rules").course(Course::Fails(2)),
    ];
    assert_snapshot!(change(Work::Reload, services).transcript());
}

#[test]
fn what_is_there_already_costs_nothing() {
    let up = Some(&["cache", "db"][..]);
    assert_snapshot!(Change { up, ..change(Work::Start, site()) }.transcript());
}

#[test]
fn verbosity_decides_what_is_reported() {
    let mut services = site();
    services[1].course = Course::Fails(3);
    let mut all = String::new();
    for verbosity in 0..=3 {
        let text =
            Change { verbosity, up: Some(&["cache"]), ..change(Work::Start, services.clone()) }.transcript();
        let printed = text.lines().filter(|line| line.contains("s6-rc: "));
        writeln!(all, "verbosity {verbosity}").unwrap();
        printed.for_each(|line| writeln!(all, "{line}").unwrap());
    }
    assert_snapshot!(all);
}

#[test]
fn internal_services_are_begun_and_never_mentioned() {
    let services = vec![
        longrun("s6rc-oneshot-runner").essential(),
        oneshot("init").needs(&["s6rc-oneshot-runner"]).course(Course::Takes(1)),
    ];
    assert_snapshot!(change(Work::Start, services.clone()).transcript());
    let up = Some(&["s6rc-oneshot-runner"][..]);
    let text = Change { up, ..change(Work::Start, services) }.transcript();
    assert!(!text.contains("s6rc"), "{text}");
}

#[test]
fn idle_services_are_mentioned_from_verbosity_3_on() {
    let mentioned = |verbosity| {
        let services =
            vec![longrun("idle").course(Course::Takes(1)), longrun("busy").course(Course::Takes(1))];
        let text = Change { verbosity, idle: &[b"idle"], ..change(Work::Start, services) }.transcript();
        let printed: Vec<_> = text.lines().filter(|line| line.contains("s6-rc: ")).collect();
        ["idle", "busy"].map(|name| printed.iter().any(|line| line.contains(name)))
    };
    assert_eq!([1, 2, 3, 4].map(mentioned), [[false, false], [false, true], [true, true], [true, true]]);
}

#[test]
fn no_more_begin_than_there_is_room_for() {
    let services = ["a", "b", "c", "d", "e"].map(|name| oneshot(name).course(Course::Takes(1)));
    assert_snapshot!(Change { room: 2, ..change(Work::Start, services.to_vec()) }.transcript());
}

#[test]
fn what_finds_no_room_begins_when_something_has_ended() {
    let services = vec![
        oneshot("a").course(Course::Takes(2)),
        oneshot("b").course(Course::NoRoomBefore(2)),
        oneshot("c").course(Course::Takes(1)),
        oneshot("d").course(Course::Takes(1)),
    ];
    assert_snapshot!(change(Work::Start, services).transcript());
}

#[test]
fn without_room_for_a_single_transition_it_fails() {
    let services = vec![oneshot("a").course(Course::NoRoomBefore(60)), longrun("b").needs(&["a"])];
    assert_snapshot!(change(Work::Start, services).transcript());
}

#[test]
fn a_start_times_out_after_timeout_up() {
    let services = vec![
        longrun("daemon").course(Course::Hangs).timeouts(2000, 7000),
        oneshot("script").course(Course::Hangs).timeouts(3000, 8000),
        oneshot("patient").course(Course::Takes(20)),
    ];
    assert_snapshot!(change(Work::Start, services).transcript());
}

#[test]
fn a_stop_times_out_after_timeout_down() {
    let services = vec![
        longrun("daemon").course(Course::Hangs).timeouts(2000, 7000),
        oneshot("script").course(Course::Hangs).timeouts(3000, 8000),
    ];
    assert_snapshot!(change(Work::Stop, services).transcript());
}

#[test]
fn a_service_can_put_off_the_end_of_its_time() {
    let services = vec![
        longrun("daemon").course(Course::PutsOff(5)).timeouts(2000, 7000),
        longrun("too-late").course(Course::PutsOff(1)).timeouts(2000, 7000),
    ];
    assert_snapshot!(change(Work::Start, services).transcript());
}

#[test]
fn a_reload_knows_no_time_out() {
    let services = vec![oneshot("script").course(Course::Takes(60)).timeouts(1000, 1000)];
    assert_snapshot!(change(Work::Reload, services).transcript());
}

#[test]
fn a_failure_keeps_back_what_needs_it_and_nothing_else() {
    let mut services = site();
    services[1].course = Course::Fails(3);
    services.push(longrun("mail").needs(&["cache"]).course(Course::Impossible));
    assert_snapshot!(change(Work::Start, services).transcript());
}

#[test]
fn what_fails_to_stop_keeps_up_what_it_needs() {
    let mut services = site();
    services[2].course = Course::Fails(1);
    assert_snapshot!(change(Work::Stop, services).transcript());
}

#[test]
fn more_than_eight_services_that_are_kept_back_are_counted() {
    let mut services = vec![oneshot("base").course(Course::Fails(0))];
    for name in ["n1", "n2", "n3", "n4", "n5", "n6", "n7", "n8", "n9", "n91"] {
        services.push(oneshot(name).needs(&["base"]));
    }
    assert_snapshot!(change(Work::Start, services).transcript());
}

#[test]
fn essential_services_and_what_they_need_stay_up_without_force() {
    let mut services = site();
    services[2] = services[2].clone().essential();
    let stop = change(Work::Stop, services);
    let forced = Change { force: true, services: stop.services.clone(), ..change(Work::Stop, vec![]) };
    assert_snapshot!(format!("{}\nwith force\n{}", stop.transcript(), forced.transcript()));
}

#[test]
fn the_deadline_ends_a_change_and_names_what_was_unfinished() {
    assert_snapshot!(Change { deadline: Some(4), ..change(Work::Start, site()) }.transcript());
}

#[test]
fn a_failure_that_is_heard_of_after_the_deadline_counts_as_its_doing() {
    let services = vec![oneshot("script").course(Course::Fails(4))];
    assert_snapshot!(Change { deadline: Some(4), ..change(Work::Start, services) }.transcript());
}

#[test]
fn an_end_at_the_deadline_is_in_time() {
    let services = vec![oneshot("script").course(Course::Takes(4))];
    assert_snapshot!(Change { deadline: Some(4), ..change(Work::Start, services) }.transcript());
}

/// Two scripts and a daemon that take their time, and one more that has to wait for room.
fn interrupted(on_interrupt: OnInterrupt) -> Change {
    let services = vec![
        longrun("daemon").course(Course::Takes(9)),
        oneshot("fast").course(Course::Takes(4)),
        oneshot("slow").course(Course::Takes(6)),
        oneshot("waiting").course(Course::Takes(1)),
        oneshot("after").needs(&["fast"]),
    ];
    Change { on_interrupt, interrupt: Some(2), room: 3, ..change(Work::Start, services) }
}

#[test]
fn an_interruption_gives_up_longruns_and_finishes_oneshots() {
    assert_snapshot!(interrupted(OnInterrupt::FinishOneshots).transcript());
}

#[test]
fn an_interruption_can_abandon_oneshots() {
    assert_snapshot!(interrupted(OnInterrupt::Abandon).transcript());
}

#[test]
fn the_deadline_holds_after_an_interruption() {
    let change = Change { deadline: Some(5), ..interrupted(OnInterrupt::FinishOneshots) };
    assert_snapshot!(change.transcript());
}

#[test]
fn an_interrupted_stop_sends_nothing_down() {
    let services = vec![longrun("daemon").course(Course::Takes(9))];
    assert_snapshot!(Change { interrupt: Some(2), ..change(Work::Stop, services) }.transcript());
}

/// These services take so many seconds.
fn slow(work: Work, names: &[&str], seconds: u64) -> Change {
    let services = names.iter().map(|name| longrun(name).course(Course::Takes(seconds)));
    Change { remind: Some(10), verbosity: 2, ..change(work, services.collect()) }
}

#[test]
fn reminders_come_after_twice_the_time_up_to_a_minute() {
    assert_snapshot!(slow(Work::Start, &["a"], 210).transcript());
}

#[test]
fn progress_makes_reminders_begin_from_scratch() {
    let mut change = slow(Work::Start, &["a", "b", "c"], 60);
    change.services[0].course = Course::Takes(25);
    assert_snapshot!(change.transcript());
}

#[test]
fn reminders_name_eight_services_and_count_the_others() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    assert_snapshot!(slow(Work::Start, &names, 15).transcript());
}

#[test]
fn reminders_of_a_stop_are_warnings_even_at_verbosity_1() {
    let stop = Change { verbosity: 1, ..slow(Work::Stop, &["a"], 15) };
    let start = Change { verbosity: 1, ..slow(Work::Start, &["a"], 15) };
    assert_snapshot!(format!("{}\na start\n{}", stop.transcript(), start.transcript()));
}

#[test]
fn reminders_after_an_interruption_are_warnings() {
    let services = vec![oneshot("script").course(Course::Takes(30))];
    let change =
        Change { remind: Some(10), interrupt: Some(15), verbosity: 2, ..change(Work::Start, services) };
    assert_snapshot!(change.transcript());
}

#[test]
fn a_dry_run_prints_commands_and_changes_nothing() {
    let start = Change { dry_run: Some(1000), ..change(Work::Start, site()) };
    let stop = Change { dry_run: Some(0), verbosity: 1, ..change(Work::Stop, site()) };
    let silent = Change { dry_run: Some(0), verbosity: 0, ..change(Work::Start, site()) };
    assert_snapshot!([start, stop, silent].map(|change| change.transcript()).join("\n"));
}

#[test]
fn an_interrupted_dry_run_sends_nothing() {
    let change = Change { dry_run: Some(9000), interrupt: Some(2), ..change(Work::Start, site()) };
    assert_snapshot!(change.transcript());
}

#[test]
fn a_down_file_that_cannot_be_changed_is_a_warning() {
    let start = Change { down_files_fail: true, verbosity: 1, ..change(Work::Start, vec![longrun("web")]) };
    let stop = Change { down_files_fail: true, verbosity: 1, ..change(Work::Stop, vec![longrun("web")]) };
    assert_snapshot!(format!("{}\n{}", start.transcript(), stop.transcript()));
}

#[test]
fn a_thousand_services_are_begun_in_one_go() {
    let names: Vec<String> = (0..1000).map(|n| format!("s{n:03}")).collect();
    let services = names.iter().map(|name| longrun(name).course(Course::Takes(1))).collect();
    let text = Change { verbosity: 0, room: 10_000, ..change(Work::Start, services) }.transcript();
    assert_eq!(text.lines().filter(|line| line.starts_with("  0 s  # send u to s")).count(), 1000);
    assert_eq!(
        text.lines().filter(|line| line.starts_with("  1 s  # s") && line.ends_with("is up")).count(),
        1000
    );
}

#[test]
fn a_longrun_in_progress_is_asked_ever_less_often() {
    let services =
        vec![longrun("daemon").course(Course::Takes(70)), oneshot("script").course(Course::Takes(9))];
    assert_snapshot!(Change { asks_are_noted: true, ..change(Work::Stop, services) }.transcript());
}

#[test]
fn an_event_that_is_lost_costs_time_and_nothing_else() {
    let mut services = site();
    services[1].course = Course::Silent(2);
    services[3].course = Course::Silent(0);
    assert_snapshot!(change(Work::Start, services).transcript());
}

#[test]
fn a_failure_that_no_event_told_is_found() {
    let services = vec![longrun("daemon").course(Course::FoundFailed(5)), longrun("web").needs(&["daemon"])];
    assert_snapshot!(change(Work::Start, services).transcript());
}

#[test]
fn without_events_the_status_has_to_do_and_one_line_says_so() {
    let services = vec![
        longrun("db").course(Course::Unheard(3)),
        longrun("web").needs(&["db"]).course(Course::Unheard(0)),
    ];
    assert_snapshot!(Change { asks_are_noted: true, ..change(Work::Stop, services) }.transcript());
}

#[test]
fn nothing_is_asked_after_the_end_of_a_transition() {
    let services = vec![longrun("daemon").course(Course::Hangs).timeouts(2000, 2000)];
    assert_snapshot!(Change { asks_are_noted: true, ..change(Work::Start, services) }.transcript());
}

#[test]
fn a_script_that_could_not_be_started_is_tried_again_and_that_is_said_once() {
    let services = vec![
        oneshot("a").course(Course::NoRoomBefore(2)),
        oneshot("b").needs(&["a"]).course(Course::RefusedBefore(7)),
    ];
    assert_snapshot!(change(Work::Stop, services).transcript());
}

#[test]
fn an_interruption_ends_the_attempts_to_start_a_script() {
    let services =
        vec![oneshot("a").course(Course::NoRoomBefore(9)), oneshot("b").course(Course::RefusedBefore(9))];
    assert_snapshot!(Change { interrupt: Some(1), ..change(Work::Start, services) }.transcript());
}

#[test]
fn a_state_that_can_not_be_written_is_said_once_and_ends_no_change() {
    let soon = Change { state_fails_before: 10, ..change(Work::Start, site()) };
    let never = Change { state_fails_before: 100, verbosity: 1, ..change(Work::Stop, site()) };
    assert_snapshot!(format!("{}\n{}", soon.transcript(), never.transcript()));
}

#[test]
fn of_many_down_files_that_can_not_be_changed_one_is_named() {
    let services = ["a", "b", "c"].map(longrun).to_vec();
    assert_snapshot!(
        Change { down_files_fail: true, verbosity: 1, ..change(Work::Stop, services) }.transcript()
    );
}
