//! A supervisor process that is killed, and the one that takes its service over.

#![allow(clippy::arithmetic_side_effects)]

use super::*;
use crate::slot::Slots;
use crate::system::fake::{Fake, pid};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::Ordering;
use supervision::status::{read_deaths, read_status};

/// A service directory, and the memory that its supervisors share with their host.
struct Case {
    tmp: tempfile::TempDir,
    system: &'static Fake,
    slots: Slots,
    socket: OwnedFd,
}

impl Case {
    fn new(files: &[(&str, &str)]) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(tmp.path().join(name), text).unwrap();
        }
        let mut slots = Slots::create().unwrap();
        slots.reserve(0).unwrap();
        let (_, socket) = ipc::relay::Relay::new().unwrap();
        Self { tmp, system: Fake::new(), slots, socket }
    }

    fn supervisor(&self, resumes: bool, started: Option<Pid>, pipe: Option<OwnedFd>) -> Supervisor {
        let mut launch = Launch::new(&[]).unwrap();
        launch.system = self.system;
        let socket = rustix::io::dup(&self.socket).unwrap();
        let slot = OwnSlot::open(self.slots.as_fd(), 0, socket, pipe.is_some()).unwrap();
        let dir = std::fs::File::open(self.tmp.path()).unwrap().into();
        let inheritance = Inheritance { name: b"web".to_vec(), dir, started, notification: pipe };
        Supervisor::take_over(launch, slot, resumes, inheritance).unwrap()
    }

    fn first(&self) -> Supervisor {
        let supervisor = self.supervisor(false, None, None);
        self.system.done();
        supervisor
    }

    /// Kills the supervisor, and lets another one take over; gives what that did.
    fn replace(&self, killed: Supervisor) -> (Supervisor, Vec<String>) {
        drop(killed);
        let next = self.supervisor(true, self.slots.started(0), None);
        (next, self.system.done())
    }

    fn letters(&self, supervisor: &mut Supervisor, letters: &[u8]) -> Vec<String> {
        rustix::io::write(supervisor.service.control().unwrap(), letters).unwrap();
        supervisor.service.read_control(&supervisor.launch);
        self.system.done()
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn memory_is_given_back_once_after_a_second_without_events() {
    let rows = [
        (None, false, (Some(1000), true)),
        (None, true, (None, false)),
        (Some(5000), false, (Some(1000), true)),
        (Some(4000), true, (Some(4000), false)),
        (Some(1000), false, (Some(1000), false)),
        (Some(0), false, (Some(0), false)),
    ];
    for (left, is_trimmed, (timeout, trims)) in rows {
        let milliseconds = |n: Option<u64>| n.map(Duration::from_millis);
        assert_eq!(
            pause(milliseconds(left), is_trimmed),
            (milliseconds(timeout), trims),
            "{left:?} {is_trimmed}"
        );
    }
}

#[test]
fn the_next_one_has_the_same_service() {
    let case = Case::new(&[("run", "")]);
    let mut one = case.first();
    assert_eq!(case.letters(&mut one, b"p"), ["SIGSTOP to 1001"]);
    let saved = one.service.save().unwrap();
    let (mut next, done) = case.replace(one);
    assert_eq!(done, NOTHING);
    let now = next.service.save().unwrap();
    assert_eq!((now.status, now.deadline, now.leaving), (saved.status, saved.deadline, saved.leaving));
    assert_eq!(case.letters(&mut next, b"d"), ["SIGTERM to 1001", "SIGCONT to 1001"]);
}

#[test]
fn an_end_that_the_host_has_seen_counts_once() {
    let case = Case::new(&[("run", ""), ("finish", "")]);
    let (mut next, _) = case.replace(case.first());
    case.slots.put_end(0, pid(4), Ended::Exited(1));
    next.read_end();
    assert_eq!((case.system.done(), case.slots.end(0)), (Vec::<String>::new(), None), "of another process");
    case.slots.put_end(0, pid(1001), Ended::Exited(7));
    let (mut next, done) = case.replace(next);
    assert_eq!(done.len(), 1, "{done:?}");
    assert!(done[0].ends_with("/finish: 1002"), "{done:?}");
    assert_eq!(case.slots.end(0), None);
    next.read_end();
    assert_eq!(case.system.done(), NOTHING);
    let path = case.tmp.path().as_os_str().as_bytes();
    let deaths = read_deaths(path).unwrap();
    assert_eq!(deaths.iter().map(|d| d.exit_code).collect::<Vec<_>>(), [7]);
    assert!(read_status(path).unwrap().finishing);
}

#[test]
fn an_end_in_flight_is_completed() {
    let case = Case::new(&[("run", "")]);
    let one = case.first();
    one.launch.journal.handle_end(pid(1001), Ended::Killed(15));
    // The host reaps it, too.
    case.slots.put_end(0, pid(1001), Ended::Killed(15));
    let (next, _) = case.replace(one);
    assert_eq!(next.service.machine().status().term_signal(), Some(15));
    assert_eq!(read_deaths(case.tmp.path().as_os_str().as_bytes()).unwrap().len(), 1);
}

#[test]
fn a_start_in_flight_is_not_repeated() {
    let case = Case::new(&[("run", ""), ("down", "")]);
    let one = case.first();
    one.launch.journal.handle_command(Command::Up);
    one.launch.journal.starting(None);
    one.launch.journal.with_note(|note| note.unwrap().store(4242, Ordering::Relaxed));
    let (next, done) = case.replace(one);
    assert_eq!((done, next.service.machine().pid()), (Vec::new(), Some(4242)));
    assert!(next.service.machine().status().want_up);
}

#[test]
fn the_first_start_in_flight_is_not_repeated() {
    let case = Case::new(&[("run", ""), ("notification-fd", "3")]);
    drop(case.first());
    case.slots.clear(0);
    let slot = OwnSlot::open(case.slots.as_fd(), 0, rustix::io::dup(&case.socket).unwrap(), false).unwrap();
    let journal = Journal::of_supervisor(slot);
    journal.starting(None);
    journal.with_note(|note| note.unwrap().store(4242, Ordering::Relaxed));
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writer, b"\n").unwrap();
    let next = case.supervisor(true, case.slots.started(0), Some(reader));
    assert_eq!((case.system.done(), next.service.machine().pid()), (Vec::new(), Some(4242)));
    assert!(next.service.machine().status().ready);
}

#[test]
fn what_was_read_and_not_handled_is_handled() {
    let case = Case::new(&[("run", ""), ("down", "")]);
    let one = case.first();
    let slot = one.launch.journal.slot().unwrap();
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writer, b"u").unwrap();
    assert_eq!(slot.read_letter(reader.as_fd()), Ok(Some(b'u')));
    let (next, done) = case.replace(one);
    assert!(done[0].ends_with("/run: 1001"), "{done:?}");
    rustix::io::write(&writer, b"\n").unwrap();
    next.launch.journal.slot().unwrap().read_said(reader.as_fd()).unwrap();
    let (next, done) = case.replace(next);
    assert_eq!((done, next.service.machine().status().ready), (Vec::new(), true));
}

#[test]
fn letters_are_handled_one_by_one() {
    let case = Case::new(&[("run", "")]);
    let mut one = case.first();
    case.letters(&mut one, b"o");
    one.launch.journal.handle_command(Command::Restart);
    let (next, done) = case.replace(one);
    assert_eq!(done, ["SIGTERM to 1001"]);
    assert!(!next.service.machine().status().want_up, "the letter before it is done");
}

#[test]
fn what_is_skipped_is_named() {
    let case = Case::new(&[("run", "")]);
    for (event, what) in [
        (
            InFlight { kind: InFlight::LETTER, detail: b'r'.into(), ..InFlight::default() },
            "the command \"r\"",
        ),
        (InFlight { kind: InFlight::READY, ..InFlight::default() }, "the readiness of the service"),
    ] {
        let one = case.first();
        one.launch.journal.repeat(InFlight { repeats: InFlight::REPEATS_MAX, ..event });
        let (next, done) = case.replace(one);
        let text = format!("supervisors have ended again and again over {what}, which is skipped");
        assert_eq!(done, [format!("s6-supervise web: warning: {text}")]);
        drop(next);
        case.slots.clear(0);
    }
}

#[test]
fn what_a_supervisor_was_told_counts_for_the_next_one() {
    let case = Case::new(&[("run", "")]);
    case.slots.put_told(0, signal::TERM);
    let (next, done) = case.replace(case.first());
    assert_eq!(done, ["SIGTERM to 1001", "SIGCONT to 1001"]);
    let (next, done) = case.replace(next);
    assert_eq!(done, NOTHING, "it is leaving already");
    case.slots.put_end(0, pid(1001), Ended::Killed(15));
    let (next, _) = case.replace(next);
    assert!(next.service.has_left());
    assert_eq!(case.slots.state(0), None);
}
