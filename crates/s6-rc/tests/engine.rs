//! The engine on oneshots, whose scripts are real programs: order, failures, time-outs, interruption, state.
//!
//! Without the usual harness: the engine takes SIGCHLD from a descriptor, and with more threads than one the signal
//! could go to another one.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a test program

use rustix::fd::AsFd;
use s6_rc::change::{change, prune, reload};
use s6_rc::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use s6_rc::changed::{Changed, End};
use s6_rc::direction::Direction::{Down, Up};
use s6_rc::failure::Failure;
use s6_rc::init::{Initialized, init};
use s6_rc::live::{Live, Lock};
use s6_rc::reporter::Reporter;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use tool::Env;

struct Machine {
    dir: tempfile::TempDir,
    /// Holds the scan directory's control FIFO open, as a host would.
    _control: OwnedFd,
    env: Env,
    path: Option<Vec<u8>>,
}

impl Machine {
    /// A machine with these definition files, initialized.
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path();
        for (path, text) in files {
            let path = top.join("s").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text.replace("LOG", top.join("log").to_str().unwrap())).unwrap();
        }
        let control = top.join("scan/.s6-svscan");
        std::fs::create_dir_all(&control).unwrap();
        let fifo = control.join("control");
        sys::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .unwrap();
        let held = std::fs::File::options().read(true).write(true).open(fifo).unwrap();
        let path = std::env::var_os("PATH").map(|p| p.as_bytes().to_vec());
        let mut env = Env::new();
        env.set(b"PATH", path.as_deref().unwrap_or_default());
        let machine = Self { dir, _control: held.into(), env, path };
        let report = s6_rc::compile::compile(&machine.bytes("c"), &[machine.bytes("s")]).unwrap();
        assert!(report.database.is_some(), "{:?}", report.diagnostics);
        assert!(matches!(init(&machine.init_options(), None, None).unwrap(), Initialized::New(_)));
        machine
    }

    fn init_options(&self) -> s6_rc::init::LiveOptions {
        s6_rc::init::LiveOptions {
            scandir: self.bytes("scan"),
            compiled: self.bytes("c"),
            live: self.bytes("live"),
            prefix: Vec::new(),
            timeout: None,
            block: false,
        }
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.dir.path().join(name).as_os_str().as_bytes().to_vec()
    }

    fn options(&self) -> ChangeOptions<'_> {
        ChangeOptions {
            reporter: Reporter { name: "s6-rc", verbosity: 0, idle: &[] },
            force: false,
            deadline: None,
            dry_run: None,
            oneshots: Oneshots {
                carry_out: &|argv: &[Vec<u8>]| argv == [b"done here".to_vec()],
                ..Oneshots::by_processes(Starter::ThisProcess(None), &self.env, self.path.as_deref())
            },
            interrupt: None,
            on_interrupt: OnInterrupt::Abandon,
            remind: None,
        }
    }

    fn live(&self) -> Live {
        Live::open(&self.bytes("live"), Lock::Exclusive, false).unwrap()
    }

    fn select(&self, live: &Live, names: &[&str]) -> Vec<bool> {
        live.select(&names.iter().map(|n| n.as_bytes().to_vec()).collect::<Vec<_>>()).unwrap()
    }

    fn bring(&self, direction: s6_rc::direction::Direction, names: &[&str]) -> Changed {
        let mut live = self.live();
        let selected = self.select(&live, names);
        change(&mut live, direction, selected, &self.options()).unwrap()
    }

    /// The services that are up, by what the next command would find.
    fn up(&self) -> Vec<String> {
        let live = self.live();
        let services = live.database().services().iter().zip(live.up());
        services
            .filter(|(s, up)| *up && !s.is_internal())
            .map(|(s, _)| String::from_utf8(s.name.clone()).unwrap())
            .collect()
    }

    fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

const ECHO_UP: &str = "sh -c \"echo up $RC_NAME >>LOG\"";
const ECHO_DOWN: &str = "sh -c \"echo down $RC_NAME >>LOG\"";

fn dependencies_come_first_and_leave_last() {
    let m = Machine::new(&[
        ("a/type", "oneshot"),
        ("a/up", ECHO_UP),
        ("a/down", ECHO_DOWN),
        ("b/type", "oneshot"),
        ("b/up", ECHO_UP),
        ("b/down", ECHO_DOWN),
        ("b/dependencies", "a"),
    ]);
    assert_eq!(m.bring(Up, &["b"]).code(), 0);
    assert_eq!((m.up(), m.log()), (vec!["a".into(), "b".into()], vec!["up a".into(), "up b".into()]));
    assert_eq!(m.bring(Up, &["b"]).code(), 0);
    assert_eq!(m.log().len(), 2, "what is up isn't started again");
    assert_eq!(m.bring(Down, &["a"]).code(), 0);
    assert_eq!(m.up().len(), 0);
    assert_eq!(m.log()[2..], ["down b", "down a"]);
}

fn a_failure_stops_its_dependents_only() {
    let m = Machine::new(&[
        ("bad/type", "oneshot"),
        ("bad/up", "sh -c \"exit 7\""),
        ("after/type", "oneshot"),
        ("after/up", ECHO_UP),
        ("after/dependencies", "bad"),
        ("missing/type", "oneshot"),
        ("missing/up", "/no/such/program"),
        ("other/type", "oneshot"),
        ("other/up", ECHO_UP),
    ]);
    let changed = m.bring(Up, &["after", "missing", "other"]);
    assert_eq!((changed.code(), changed.end), (1, End::Done));
    let mut failures: Vec<_> = changed.failures.into_iter().map(|(_, f)| f.to_string()).collect();
    failures.sort();
    assert_eq!(
        failures,
        ["/no/such/program could not be run: No such file or directory", "command exited 7"]
    );
    assert_eq!((m.up(), m.log()), (vec!["other".into()], vec!["up other".into()]));
}

fn a_time_out_says_what_was_waited_for_and_ends_the_script() {
    let m = Machine::new(&[("slow/type", "oneshot"), ("slow/up", "sleep 1000"), ("slow/timeout-up", "1")]);
    let changed = m.bring(Up, &["slow"]);
    let failures: Vec<_> = changed.failures.into_iter().map(|(_, f)| f).collect();
    // Which process that is depends on how far the script has come.
    assert!(
        matches!(&failures[..], [Failure::TimedOut { after: 1, waited_for }] if waited_for.starts_with("its script to end")),
        "{failures:?}"
    );
    assert!(m.up().is_empty());
}

fn the_deadline_leaves_the_rest_undone() {
    let m = Machine::new(&[
        ("slow/type", "oneshot"),
        ("slow/up", "sleep 0.2"),
        ("after/type", "oneshot"),
        ("after/up", ECHO_UP),
        ("after/dependencies", "slow"),
    ]);
    let mut live = m.live();
    let selected = m.select(&live, &["after"]);
    let options = ChangeOptions { deadline: Some(tool::clock::now()), ..m.options() };
    let changed = change(&mut live, Up, selected, &options).unwrap();
    assert_eq!((changed.code(), changed.end), (2, End::TimedOut));
    assert_eq!(changed.unfinished.len(), 1);
    drop(live);
    assert!(m.up().is_empty() && m.log().is_empty());
}

fn an_interruption_pre_empts_everything() {
    let m = Machine::new(&[
        ("slow/type", "oneshot"),
        ("slow/up", "sleep 1000"),
        ("after/type", "oneshot"),
        ("after/up", ECHO_UP),
        ("after/dependencies", "slow"),
    ]);
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writer, b"x").unwrap();
    let mut live = m.live();
    let selected = m.select(&live, &["after"]);
    let options = ChangeOptions { interrupt: Some(reader.as_fd()), ..m.options() };
    let changed = change(&mut live, Up, selected, &options).unwrap();
    assert_eq!((changed.code(), changed.end), (1, End::Interrupted));
    drop(live);
    assert!(m.log().is_empty());
}

fn an_interruption_can_wait_for_running_scripts() {
    let m = Machine::new(&[
        ("first/type", "oneshot"),
        ("first/up", ECHO_UP),
        ("after/type", "oneshot"),
        ("after/up", ECHO_UP),
        ("after/dependencies", "first"),
    ]);
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writer, b"x").unwrap();
    let mut live = m.live();
    let selected = m.select(&live, &["after"]);
    let on_interrupt = OnInterrupt::FinishOneshots;
    let options = ChangeOptions { interrupt: Some(reader.as_fd()), on_interrupt, ..m.options() };
    assert_eq!(change(&mut live, Up, selected, &options).unwrap().end, End::Interrupted);
    drop(live);
    assert_eq!((m.up(), m.log()), (vec!["first".into()], vec!["up first".into()]));
}

fn pruning_leaves_exactly_the_selection() {
    let file = |n: &'static str, d: &'static str| [(n, "oneshot"), (d, ECHO_DOWN)];
    let mut files = Vec::new();
    for (t, d) in [("a/type", "a/down"), ("b/type", "b/down"), ("e/type", "e/down")] {
        files.extend(file(t, d));
    }
    files.extend([("a/up", ""), ("b/up", ""), ("e/up", ""), ("e/flag-essential", "")]);
    let m = Machine::new(&files);
    assert_eq!(m.bring(Up, &["a", "e"]).code(), 0);
    let mut live = m.live();
    let selected = m.select(&live, &["b"]);
    assert_eq!(prune(&mut live, Up, selected, &m.options()).unwrap().code(), 0);
    drop(live);
    assert_eq!((m.up(), m.log()), (vec!["b".into(), "e".into()], vec!["down a".into()]));
}

fn only_what_is_up_is_reloaded() {
    let m = Machine::new(&[
        ("a/type", "oneshot"),
        ("a/up", ""),
        ("a/reload", "sh -c \"echo $RC_RELOAD $RC_NAME >>LOG\""),
    ]);
    let mut live = m.live();
    let selected = m.select(&live, &["a"]);
    assert_eq!(reload(&mut live, &selected, &m.options()).unwrap_err().code(), 1);
    drop(live);
    assert_eq!(m.bring(Up, &["a"]).code(), 0);
    let mut live = m.live();
    assert_eq!(reload(&mut live, &selected, &m.options()).unwrap().code(), 0);
    assert_eq!(m.log(), ["1 a"]);
}

fn a_command_line_may_be_carried_out_without_a_process() {
    let file = |name, up| [(name, "oneshot"), up];
    let definitions =
        [file("a/type", ("a/up", "\"done here\"")), file("b/type", ("b/up", "\"not done here\""))];
    let m = Machine::new(&definitions.concat());
    assert_eq!(m.bring(Up, &["a"]).code(), 0);
    assert_eq!(m.bring(Up, &["b"]).code(), 1);
}

fn the_live_state_is_locked_and_made_once() {
    let m = Machine::new(&[("a/type", "oneshot"), ("a/up", "")]);
    let live = m.live();
    assert_eq!(Live::open(&m.bytes("live"), Lock::Exclusive, false).unwrap_err().code(), 111);
    // What doesn't change it needs no lock.
    assert_eq!(Live::open(&m.bytes("live"), Lock::Shared, false).unwrap().up(), [false; 3]);
    drop(live);
    let state = m.dir.path().join("live/state");
    std::fs::write(state, "\0").unwrap();
    assert_eq!(Live::open(&m.bytes("live"), Lock::Shared, false).unwrap_err().code(), 4);
}

fn main() {
    let tests: [(&str, fn()); 10] = [
        ("dependencies_come_first_and_leave_last", dependencies_come_first_and_leave_last),
        ("a_failure_stops_its_dependents_only", a_failure_stops_its_dependents_only),
        (
            "a_time_out_says_what_was_waited_for_and_ends_the_script",
            a_time_out_says_what_was_waited_for_and_ends_the_script,
        ),
        ("the_deadline_leaves_the_rest_undone", the_deadline_leaves_the_rest_undone),
        ("an_interruption_pre_empts_everything", an_interruption_pre_empts_everything),
        ("an_interruption_can_wait_for_running_scripts", an_interruption_can_wait_for_running_scripts),
        ("pruning_leaves_exactly_the_selection", pruning_leaves_exactly_the_selection),
        ("only_what_is_up_is_reloaded", only_what_is_up_is_reloaded),
        (
            "a_command_line_may_be_carried_out_without_a_process",
            a_command_line_may_be_carried_out_without_a_process,
        ),
        ("the_live_state_is_locked_and_made_once", the_live_state_is_locked_and_made_once),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (name, test) in tests {
        if wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str())) {
            test();
            tool::diag::line(&format!("test {name} ... ok"));
        }
    }
}
