//! Resuming from the bytes of a journal, good and damaged, with events in flight.

use super::*;
use crate::host::resume::{Head, Inherited, PolicyState, Predecessor};
use crate::journal::{Journal, record_place};
use crate::system::System;
use std::sync::atomic::Ordering;
use wire::host_journal::{FAULT, FAULT_ADDRESS, HEADER};

/// A policy with a state to save.
struct Saving(OwnedFd);

impl Policy for Saving {
    fn save(&self) -> Vec<u8> {
        b"state".to_vec()
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.0.as_fd()]
    }
}

fn dup(fd: i32) -> OwnedFd {
    sys::fd::duplicate(fd, 3).unwrap()
}

impl Scandir {
    /// A scan directory with services, and a journal.
    fn journaled(services: &[&str]) -> Self {
        Self::new().with_journal(services)
    }

    pub(super) fn with_journal(self, services: &[&str]) -> Self {
        let mut s = self;
        s.make(services);
        s.host.keep_journal(&Plain).unwrap();
        s.scan();
        s.host.write_journal(&Plain);
        s
    }

    fn patch(&self, at: u64, bytes: &[u8]) {
        let number = self.host.launch.journal.as_raw().unwrap();
        sys::fd::with(number, |fd| rustix::io::pwrite(fd, bytes, at)).unwrap();
    }

    /// Replaces the host by one that reads its journal, as an exec would.
    fn reexecute(self) -> Result<(Self, PolicyState), Fatal> {
        let Self { tmp, system, host } = self;
        let number = host.launch.journal.as_raw().unwrap();
        // Its descriptors stay open and become those of the next host.
        std::mem::forget(host);
        let mut inherited = Inherited::new(system);
        let journal = Journal::open(inherited.take(Some(number)).unwrap());
        let dir = open(tmp.path());
        let head = Head::read(journal, system.now())?;
        let predecessor = Predecessor::read(head, &mut inherited, dir.as_fd())?;
        let config = Config::new("s6-svscan", vec![b"S6_SUPERVISE_PROCESSES=0".to_vec()]);
        let (host, state) = Host::succeed(predecessor, config, launch(system), dir)?;
        Ok((Self { tmp, system, host }, state))
    }

    /// The next host, when it has completed what was in flight.
    pub(super) fn resumed(self) -> Self {
        let mut s = self.reexecute().unwrap().0;
        s.host.complete_in_flight(&mut Plain);
        s
    }

    /// The journal's bytes are refused.
    fn refused(self) {
        let fatal = self.reexecute().err().unwrap();
        assert_eq!((fatal.code(), fatal.message()), (111, "the journal of the former host is damaged"));
    }
}

#[test]
fn a_host_continues_with_the_same_services() {
    let mut s = Scandir::new();
    s.make(&["a", "a/log", "b", "gone"]);
    std::fs::write(s.path("b/pipe-out"), "x").unwrap();
    s.host.keep_journal(&Plain).unwrap();
    s.scan();
    let gone = s.system.last("gone/run").pid;
    std::fs::rename(s.path("gone"), s.path(".gone")).unwrap();
    s.letters(b"an");
    s.end(gone, Ended::Killed(15));
    let file = open(s.tmp.path());
    let policy = Saving(file);
    s.host.write_journal(&policy);
    std::mem::forget(policy);
    let before: Vec<_> = ["a", "a/log", "b"].map(|n| s.slot(n).service.as_ref().unwrap().save()).to_vec();
    let numbers = ["a", "a/log", "b"].map(|n| s.number(n));
    let pairs = ["a", "a/log", "b"].map(|n| s.slot(n).pair);
    let (mut s, state) = s.reexecute().unwrap();
    assert_eq!((state.bytes.as_slice(), state.fds.len()), (&b"state"[..], 1));
    assert_eq!(s.names(), ["a", "a/log", "b"]);
    let after: Vec<_> = ["a", "a/log", "b"].map(|n| s.slot(n).service.as_ref().unwrap().save()).to_vec();
    assert_eq!(before, after);
    assert_eq!(
        (numbers, pairs),
        (["a", "a/log", "b"].map(|n| s.number(n)), ["a", "a/log", "b"].map(|n| s.slot(n).pair))
    );
    assert!(s.slot("b").named_output.is_some());
    s.host.complete_in_flight(&mut Plain);
    assert_eq!(s.done(), [""; 0]);
    let a = s.system.last("a/run").pid;
    assert_eq!(s.command("a", b"t"), [format!("SIGTERM to {a}")]);
    s.end(a, Ended::Killed(15));
    assert_eq!(s.at(2000), ["start a/run: 1005"]);
}

#[test]
fn a_stop_goes_on() {
    let mut s = Scandir::journaled(&["a"]);
    s.letters(b"t");
    s.host.write_journal(&Plain);
    let mut s = s.resumed();
    assert!(s.host.is_stopping());
    s.end(1001, Ended::Killed(15));
    assert_eq!(s.host.run(&mut Plain), Leave::Stopped);
}

#[test]
fn the_end_of_a_child_is_handled_once() {
    let s = Scandir::journaled(&["a"]);
    s.host.launch.journal.handle_end(pid(1001), Ended::Exited(7));
    let s = s.resumed();
    let status = *s.slot("a").service.as_ref().unwrap().machine().status();
    assert_eq!((status.pid, status.exit_code()), (0, Some(7)));
    let mut s = s.resumed();
    assert_eq!(s.at(2000), ["start a/run: 1002"]);
}

/// Reads what a source has into the journal, as before a fault.
fn read_in(s: &Scandir, source: Source, from: BorrowedFd<'_>, room: usize) {
    s.host.launch.journal.read_input(source.token(), from, room).unwrap();
}

#[test]
fn a_letter_that_was_read_is_handled_unless_it_faulted_three_times() {
    for (faults, expected) in [
        (1, vec!["SIGTERM to 1001", "SIGCONT to 1001"]),
        (2, vec!["SIGTERM to 1001", "SIGCONT to 1001"]),
        (3, vec!["SIGTERM to 1001", "SIGCONT to 1001"]),
        (
            4,
            vec![
                "s6-svscan: warning: faulted again and again over \"d\" from supervise/control of service a, which is \
                 skipped",
            ],
        ),
    ] {
        let mut s = Scandir::journaled(&["a"]);
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"d").unwrap();
        read_in(&s, Source::Control(s.number("a")), reader.as_fd(), 256);
        for fault in 1..faults {
            s.host.launch.journal.next_item(1).unwrap();
            if fault > 1 {
                // The next host faults over it, too.
                s = s.reexecute().unwrap().0;
                let left = s.host.in_flight.take().unwrap();
                s.host.launch.journal.repeat(left.event);
                s.host.launch.journal.source_left();
                s.host.launch.journal.next_item(1).unwrap();
            }
        }
        let s = s.resumed();
        assert_eq!(s.done(), expected, "{faults}");
    }
}

#[test]
fn all_that_was_read_is_handled() {
    let mut s = Scandir::journaled(&["a", "b"]);
    let a = s.number("a");
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writer, b"du").unwrap();
    read_in(&s, Source::Control(a), reader.as_fd(), 256);
    s = s.resumed();
    assert_eq!(s.done().len(), 2, "a signal and its SIGCONT");
    assert!(s.slot("a").service.as_ref().unwrap().machine().status().want_up);
    rustix::io::write(&writer, b"ready\n").unwrap();
    let b = s.number("b");
    // The service has no notification descriptor any more.
    read_in(&s, Source::Notification(b), reader.as_fd(), 512);
    s = s.resumed();
    assert_eq!(s.host.launch.journal.next_item(1), None);
    rustix::io::write(&writer, b"t").unwrap();
    read_in(&s, Source::ScanControl, reader.as_fd(), 64);
    s = s.resumed();
    assert!(s.host.is_stopping());
}

#[test]
fn a_process_that_was_being_started_is_adopted() {
    let mut s = Scandir::journaled(&["a"]);
    s.command("a", b"d");
    s.end(1001, Ended::Killed(15));
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::io::write(&writer, b"u").unwrap();
    read_in(&s, Source::Control(s.number("a")), reader.as_fd(), 256);
    s.host.launch.journal.next_item(1).unwrap();
    s.host.launch.journal.enter(s.number("a"));
    s.host.launch.journal.starting(None);
    s.host.launch.journal.with_note(|note| note.unwrap().store(4242, Ordering::Relaxed));
    let s = s.resumed();
    assert_eq!(s.done(), [""; 0], "nothing is started beside it");
    let machine = s.slot("a").service.as_ref().unwrap().machine();
    assert_eq!((machine.pid(), machine.status().want_up), (Some(4242), true));
}

#[test]
fn a_child_of_the_policy_is_given_instead_of_another_one() {
    let s = Scandir::journaled(&[]);
    s.host.launch.journal.starting_child(2);
    s.host.launch.journal.with_note(|note| note.unwrap().store(4242, Ordering::Relaxed));
    let mut s = s.resumed();
    let fork = |_: Option<&AtomicU32>| Err(Errno::AGAIN);
    assert_eq!(s.host.start_child(1, fork), Err(Errno::AGAIN));
    assert_eq!(s.host.start_child(2, fork), Ok(Fork::Parent(pid(4242))));
    assert_eq!(s.host.start_child(2, fork), Err(Errno::AGAIN), "once");
    s.host.settle(&Plain);
    let mut s = s.resumed();
    assert_eq!(s.host.take_child(2), None);
}

#[test]
fn a_descriptor_that_is_another_file_is_not_taken() {
    let mut s = Scandir::journaled(&["a"]);
    let service = s.slot("a").service.as_ref().unwrap().save().unwrap();
    // The number is another file's by now, as after a close that the journal doesn't know of.
    for number in [service.control, service.lock, service.dir] {
        sys::fd::copy(s.host.launch.null.as_raw_fd(), number.unwrap()).unwrap();
    }
    s = s.resumed();
    assert_eq!(s.done(), [""; 0], "the same process goes on");
    assert_eq!(s.slot("a").service.as_ref().unwrap().machine().pid(), Some(1001));
    assert_eq!(s.command("a", b"t"), ["SIGTERM to 1001"]);
}

#[test]
fn a_process_that_is_lost_counts_as_killed() {
    let s = Scandir::journaled(&["a"]);
    s.system.lost.borrow_mut().insert(pid(1001));
    let s = s.resumed();
    assert_eq!(s.done(), ["s6-svscan: warning: process 1001 has ended, nobody knows how"]);
    assert_eq!(s.slot("a").service.as_ref().unwrap().machine().status().term_signal(), Some(9));
}

#[test]
fn a_fault_is_noted_and_the_directory_scanned() {
    let mut s = Scandir::journaled(&["a"]);
    s.host.scan_at = None;
    s.host.write_journal(&Plain);
    s.patch(FAULT.into(), &[11]);
    s.patch(FAULT_ADDRESS.into(), &0x40_1234_u64.to_ne_bytes());
    let s = s.reexecute().unwrap().0;
    assert_eq!(
        s.done(),
        ["s6-svscan: warning: faulted (SIGSEGV at 0x401234); the services are found again and go on"]
    );
    assert_eq!((s.host.scan_at, s.host.faults[0]), (Some(Moment::ZERO), Some(Duration::from_secs(1))));
    assert_eq!(s.host.launch.journal.read(FAULT.into(), 1), Ok(vec![0]));
}

#[test]
fn a_start_in_flight_gets_no_descriptor_of_another_kind() {
    let s = Scandir::journaled(&["a"]);
    let file = open(s.tmp.path());
    s.host.launch.journal.enter(0);
    s.host.launch.journal.starting(Some(file.as_fd()));
    let s = s.resumed();
    assert!(sys::fs::fstat(&file).is_ok(), "it is still open");
    drop(s);
}

#[test]
fn a_fault_during_the_recovery_counts() {
    let s = Scandir::journaled(&["a"]);
    s.patch(FAULT.into(), &[11]);
    let journal = || Journal::open(dup(s.host.launch.journal.as_raw().unwrap()));
    // The first one got no further.
    Head::read(journal(), Duration::from_secs(7)).unwrap();
    s.patch(FAULT.into(), &[7]);
    let s = s.reexecute().unwrap().0;
    let seconds = s.host.faults.map(|at| at.map(|at| at.as_secs()));
    assert_eq!(seconds, [Some(1), Some(7), None, None, None]);
}

#[test]
fn a_child_of_the_policy_is_kept_over_faults_until_the_policy_takes_it() {
    let mut s = Scandir::journaled(&["a"]);
    s.host.launch.journal.starting_child(3);
    s.host.launch.journal.with_note(|note| note.unwrap().store(77, Ordering::Relaxed));
    for _ in 0..2 {
        s = s.resumed();
        // The next start takes the place of the child's.
        s.host.launch.journal.enter(0);
        s.host.launch.journal.starting(None);
        s.host.launch.journal.started();
    }
    assert_eq!((s.host.take_child(2), s.host.take_child(3)), (None, Some(pid(77))));
    s.host.write_journal(&Plain);
    assert_eq!(s.resumed().host.take_child(3), None);
}

#[test]
fn the_fifth_fault_within_a_minute_is_the_last() {
    for (first, expected) in [(1000, false), (1001, true)] {
        let mut s = Scandir::journaled(&[]);
        let faults = [60_000, 50_000, 40_000, first];
        for (slot, at) in s.host.faults.iter_mut().zip(faults) {
            *slot = Some(Duration::from_millis(at));
        }
        s.host.write_journal(&Plain);
        s.patch(FAULT.into(), &[11]);
        s.system.set(61_000);
        let s = s.reexecute().unwrap().0;
        assert_eq!(s.host.gives_up, expected);
    }
}

#[test]
fn a_damaged_header_is_refused() {
    let s = Scandir::journaled(&["a"]);
    s.patch(0, b"s6host\0\x01");
    s.refused();
    let s = Scandir::journaled(&["a"]);
    s.patch(HEADER.0, &1_u32.to_be_bytes());
    s.refused();
    let s = Scandir::journaled(&["a"]);
    s.patch(HEADER.0 + 4, &1_000_000_u32.to_be_bytes());
    s.refused();
}

#[test]
fn a_damaged_record_costs_the_record() {
    let s = Scandir::journaled(&["a", "b"]);
    let (a, lost) = (s.number("a"), s.slot("a").service.as_ref().unwrap().machine().pid().unwrap());
    s.patch(record_place(a), &[2]);
    // Nobody takes it over, so the next host closes it.
    sys::fd::close(s.slot("a").service.as_ref().unwrap().save().unwrap().lock.unwrap());
    let mut s = s.resumed();
    let text = "s6-svscan: warning: 1 records of the journal are damaged: their services are looked for";
    assert_eq!(s.done(), [text]);
    assert_eq!(s.names(), ["b"]);
    assert_eq!(s.at(1000), [""; 0], "its process is found");
    assert_eq!(s.names(), ["a", "b"]);
    assert_eq!(s.slot("a").service.as_ref().unwrap().machine().pid(), Some(lost));
    assert_eq!(s.command("a", b"t"), [format!("SIGTERM to {lost}")]);
}

#[test]
fn descriptors_of_the_host_are_made_again() {
    let mut s = Scandir::journaled(&["a"]);
    s.patch(HEADER.0 + 8, &1_000_000_000_u32.to_be_bytes());
    s.patch(HEADER.0 + 12, &2_u32.to_be_bytes());
    sys::fd::close(s.host.lock.as_raw_fd());
    sys::fd::close(s.host.control.as_raw_fd());
    s = s.resumed();
    assert_eq!(s.letters(b"t"), ["SIGTERM to 1001", "SIGCONT to 1001"]);
    assert!(s.host.is_stopping());
}
