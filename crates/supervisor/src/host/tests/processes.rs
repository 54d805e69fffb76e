//! Supervision by processes: who is replaced, what the next one gets, and what is left to it.

use super::*;
use crate::slot::OwnSlot;
use rustix::fs::{CWD, FileType};
use wire::host_journal::{InFlight, Supervised};
use wire::svstatus::Status;
use wire::tai::Tai64n;

impl Scandir {
    fn by_processes(services: &[&str]) -> Self {
        let mut s = Self::with(|config| config.processes = true);
        s.make(services);
        s.scan();
        s
    }

    /// The slot of a service, as its supervisor has it.
    fn own(&self, name: &str) -> OwnSlot {
        let processes = self.host.processes.as_ref().unwrap();
        let socket = rustix::io::dup(&processes.theirs).unwrap();
        let own = OwnSlot::open(processes.slots.as_fd(), self.number(name), socket, false).unwrap();
        own.inherit();
        own
    }

    /// Its supervisor has this process running.
    fn runs(&self, name: &str, process: u32) -> OwnSlot {
        let own = self.own(name);
        own.note().unwrap().store(process, std::sync::atomic::Ordering::Relaxed);
        own.save(Some(supervised(process)));
        own
    }
}

fn supervised(pid: u32) -> Supervised {
    let stamp = Tai64n::from_unix(1, 0);
    let (wstat, want_up, ready) = (0, true, false);
    let (paused, finishing) = (false, false);
    Supervised {
        dir: None,
        control: None,
        lock: None,
        notification: None,
        detached: false,
        status: Status { stamp, ready_stamp: stamp, pid, wstat, paused, finishing, want_up, ready },
        deadline: None,
        next_start: None,
        dying: false,
        leaving: false,
        down_file: false,
        deaths: Vec::new(),
        restarts: wire::restarts::Restarts::default(),
    }
}

const REPLACED: &str = "s6-supervise a: warning: was killed by SIGKILL: another one takes the service over";

#[test]
fn supervisors_get_signals() {
    let mut s = Scandir::by_processes(&["a", "a/log"]);
    assert_eq!(sorted(s.letters(b"t")), ["SIGHUP to 1001", "SIGTERM to 1002"]);
    assert_eq!(sorted(s.letters(b"q")), ["SIGTERM to 1001", "SIGTERM to 1002"]);
}

#[test]
fn one_that_is_killed_is_replaced_at_once_and_later_with_pauses() {
    let mut s = Scandir::by_processes(&["a"]);
    s.runs("a", 77);
    let mut now = 1000;
    let mut pauses = Vec::new();
    for n in 1001..1006 {
        assert_eq!(s.end(n, Ended::Killed(9)), [REPLACED]);
        let due = u64::try_from(s.slot("a").begin_at.unwrap().as_millis()).unwrap();
        pauses.push((due - now) / 1000);
        now = due;
        assert_eq!(s.at(now), [format!("replace a: {}", n + 1)]);
    }
    assert_eq!(pauses, [0, 1, 2, 4, 8]);
    s.system.set(now + 1000);
    s.end(1006, Ended::Killed(9));
    assert_eq!(s.slot("a").begin_at, Some(Duration::from_millis(now + 1000)), "it has lived");
}

#[test]
fn a_replacement_keeps_the_directory_that_the_journal_names() {
    let mut s = Scandir::by_processes(&["a"]);
    s.runs("a", 77);
    let dir = |s: &Scandir| s.slot("a").dir.as_ref().unwrap().as_raw_fd();
    let first = dir(&s);
    s.end(1001, Ended::Killed(9));
    s.at(1000);
    assert_eq!(dir(&s), first);
}

#[test]
fn one_that_has_nothing_to_leave_is_followed_by_a_new_one() {
    for (how, pauses) in [(Ended::Exited(0), [1000, 1000, 1000]), (Ended::Exited(111), [1000, 2000, 4000])] {
        let mut s = Scandir::by_processes(&["a"]);
        let mut now = 1000;
        for (n, pause) in (1001..).zip(pauses) {
            assert_eq!(s.end(n, how), [""; 0]);
            now += pause;
            assert_eq!(s.at(now - 1), [""; 0]);
            assert_eq!(s.at(now), [format!("supervise a: {}", n + 1)]);
        }
    }
}

#[test]
fn the_end_of_an_orphan_is_left_to_its_supervisor() {
    let mut s = Scandir::by_processes(&["a", "b"]);
    let (own, killed) = (s.runs("a", 77), s.slot("a").supervisor.unwrap());
    assert_eq!(s.end(77, Ended::Exited(3)), [format!("SIGCHLD to {killed}")]);
    assert_eq!(own.end(), Some((pid(77), Ended::Exited(3))));
    own.clear_end();
    // It may come before the end of the supervisor, and before the next one.
    s.end(killed, Ended::Killed(9));
    assert_eq!(s.end(77, Ended::Killed(11)), [""; 0]);
    assert_eq!(own.end(), Some((pid(77), Ended::Killed(11))));
    assert_eq!(s.at(1000).len(), 1);
    assert_eq!(own.end(), Some((pid(77), Ended::Killed(11))), "the next one finds it");
    // A process of nobody is the policy's.
    assert_eq!(s.end(78, Ended::Exited(0)), [""; 0]);
}

#[test]
fn a_process_that_was_started_and_not_noted_is_handed_over() {
    for (lost, ended, expected) in
        [(false, false, ", started 77"), (true, false, ""), (true, true, ", started 77")]
    {
        let mut s = Scandir::by_processes(&["a"]);
        let own = s.runs("a", 0);
        own.starting(None);
        own.set_in_flight(InFlight { starting: 1, ..InFlight::default() });
        own.note().unwrap().store(77, std::sync::atomic::Ordering::Relaxed);
        if ended {
            s.end(77, Ended::Exited(0));
        }
        if lost {
            s.system.lost.borrow_mut().insert(pid(77));
        }
        s.end(1001, Ended::Killed(9));
        assert_eq!(s.at(1000), [format!("replace a: 1002{expected}")], "{lost} {ended}");
    }
}

#[test]
fn a_notification_pipe_is_kept_until_it_is_of_no_use() {
    let mut s = Scandir::by_processes(&["a"]);
    let own = s.own("a");
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    own.starting(Some(reader.as_fd()));
    let waiting = Supervised { notification: Some(9), ..supervised(77) };
    own.save(Some(waiting.clone()));
    s.host.read(Source::Supervisors, &mut Plain);
    assert_eq!(s.slot("a").kept.as_ref().map(|(start, _)| *start), Some(1));
    s.end(1001, Ended::Killed(9));
    assert_eq!(s.at(1000), ["replace a: 1002, with a pipe"]);
    // Of a start that the state doesn't know.
    own.starting(Some(reader.as_fd()));
    s.end(1002, Ended::Killed(9));
    assert_eq!(s.at(2000), ["replace a: 1003"]);
    own.starting(Some(reader.as_fd()));
    own.save(Some(waiting));
    own.save(Some(supervised(77)));
    s.host.read(Source::Supervisors, &mut Plain);
    assert!(s.slot("a").kept.is_none(), "it is ready");
}

/// A supervisor's control FIFO as another process opens it, and whether somebody has it open.
fn lend(s: &mut Scandir, own: &OwnSlot, name: &str) -> PathBuf {
    let fifo = s.path(name).join("fifo");
    let mode = Mode::RWXU;
    let _ = sys::fs::mknodat(CWD, &fifo, FileType::Fifo, mode, 0);
    let both = std::fs::File::options().read(true).write(true).open(&fifo).unwrap();
    let writer = std::fs::File::options().write(true).open(&fifo).unwrap();
    rustix::io::write(&both, b"u").unwrap();
    own.lend_control(writer.as_fd());
    s.host.read(Source::Supervisors, &mut Plain);
    fifo
}

fn waiting(fifo: &std::path::Path) -> Vec<u8> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let reader = sys::fs::open(fifo, flags, Mode::empty()).unwrap();
    let mut letters = [0; 8];
    let count = rustix::io::read(&reader, &mut letters).unwrap_or(0);
    letters.into_iter().take(count).collect()
}

#[test]
fn commands_wait_for_the_next_supervisor_without_a_reader() {
    let mut s = Scandir::with(|config| config.processes = true).with_journal(&["a"]);
    let own = s.runs("a", 77);
    let fifo = lend(&mut s, &own, "a");
    let write = OFlags::WRONLY | OFlags::NONBLOCK;
    let opened = sys::fs::open(&fifo, write, Mode::empty());
    assert_eq!(opened.unwrap_err(), Errno::NXIO, "nobody listens");
    s.done();
    std::mem::forget(own);
    let mut s = s.resumed();
    s.end(1001, Ended::Killed(9));
    assert_eq!(s.at(1000), ["replace a: 1002"]);
    assert_eq!(waiting(&fifo), b"u", "also over a re-execution");
    s.own("a").save(None);
    s.end(1002, Ended::Exited(0));
    assert!(s.slot("a").control.is_none(), "it has left the service");
}

#[test]
fn the_first_command_waits_too() {
    let mut s = Scandir::by_processes(&["a"]);
    let own = s.own("a");
    let fifo = lend(&mut s, &own, "a");
    s.end(1001, Ended::Killed(9));
    assert_eq!(waiting(&fifo), b"u");
}

#[test]
fn control_fifos_take_no_descriptor_that_something_else_needs() {
    let mut s = Scandir::by_processes(&["a", "b"]);
    let (a, b) = (s.own("a"), s.own("b"));
    let fifo = lend(&mut s, &a, "a");
    let used = s.slot("a").control.as_ref().unwrap().as_raw_fd();
    s.host.launch.open_files.maximum = Some(u64::from(used.unsigned_abs()));
    lend(&mut s, &b, "b");
    assert!(s.slot("b").control.is_none(), "half of the descriptors are used");
    assert!(s.host.release_controls());
    assert!(!s.host.release_controls());
    assert_eq!(waiting(&fifo), b"");
}

#[test]
fn a_daemon_keeps_a_supervisor_while_all_stops_or_its_directory_is_gone() {
    let mut s = Scandir::by_processes(&["a", "b"]);
    let number = |s: &Scandir, name: &str| s.slot(name).supervisor.unwrap();
    let (own, b) = (s.runs("b", 88), number(&s, "b"));
    std::fs::rename(s.path("b"), s.path(".b")).unwrap();
    s.letters(b"a");
    s.end(b, Ended::Killed(9));
    s.scan();
    assert_eq!(s.at(1000), ["replace b: 1003"]);
    s.letters(b"t");
    assert_eq!(own.told(), Some(signal::TERM));
    s.end(1003, Ended::Killed(9));
    assert_eq!(own.told(), Some(signal::TERM));
    // While the next one is due, it is told as well.
    s.letters(b"t");
    assert_eq!(s.at(2000), ["replace b: 1004"]);
    own.save(None);
    s.end(1004, Ended::Exited(0));
    s.end(number(&s, "a"), Ended::Exited(0));
    assert_eq!(s.host.run(&mut Plain), Leave::Stopped);
}

#[test]
fn a_supervisor_that_was_about_to_begin_begins() {
    let mut s = Scandir::with(|config| config.processes = true).with_journal(&["a"]);
    let own = s.runs("a", 77);
    s.end(1001, Ended::Killed(9));
    let number = s.number("a");
    s.host.roster.get_mut(number).unwrap().begin_at = None;
    s.host.write_journal(&Plain);
    s.done();
    std::mem::forget(own);
    let mut s = s.resumed();
    assert_eq!(s.at(1000), ["replace a: 1002"]);
}

#[test]
fn nobody_is_replaced_while_everything_is_killed() {
    let mut s = Scandir::by_processes(&["a", "b"]);
    let (a, b) = (s.slot("a").supervisor.unwrap(), s.slot("b").supervisor.unwrap());
    s.runs("a", 77);
    s.runs("b", 88);
    s.letters(b"t");
    s.end(a, Ended::Killed(9));
    s.host.stop_replacing();
    s.end(b, Ended::Killed(9));
    assert_eq!(s.host.run(&mut Plain), Leave::Stopped);
}

#[test]
fn a_host_continues_with_its_supervisors() {
    let mut s = Scandir::with(|config| config.processes = true).with_journal(&["a", "b", "c"]);
    let own = s.own("a");
    let (reader, _writer) = rustix::pipe::pipe().unwrap();
    own.starting(Some(reader.as_fd()));
    own.save(Some(Supervised { notification: Some(9), ..supervised(77) }));
    s.host.read(Source::Supervisors, &mut Plain);
    let [a, b, c] = ["a", "b", "c"].map(|name| s.slot(name).supervisor.unwrap());
    s.runs("b", 88);
    s.done();
    // The first was killed meanwhile, the second's start isn't noted.
    s.system.lost.borrow_mut().insert(pid(a));
    let number = s.number("b");
    s.host.roster.get_mut(number).unwrap().supervisor = None;
    s.host.write_journal(&Plain);
    std::mem::forget(own);
    let mut s = s.resumed();
    assert_eq!((s.slot("b").supervisor, s.slot("c").supervisor), (Some(b), Some(c)));
    let done = s.done();
    assert!(done.contains(&REPLACED.to_owned()), "{done:?}");
    let done = s.at(1000);
    assert_eq!(done, ["replace a: 1004, with a pipe"]);
    assert_eq!(s.letters(b"t").len(), 3);
}
