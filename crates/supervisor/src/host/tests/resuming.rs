//! Resuming from the bytes of a journal, good and damaged, with events in flight.

use super::*;
use crate::host::resume::{Inherited, PolicyState, Predecessor};
use crate::journal::{Journal, record_place};
use wire::control::Command;
use wire::host_journal::{FAULT, HEADER};

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
        let mut inherited = Inherited::default();
        let journal = Journal::open(inherited.take(Some(number)).unwrap());
        let predecessor = Predecessor::read(journal, &mut inherited)?;
        let config = Config::new("s6-svscan", vec![b"S6_SUPERVISE_PROCESSES=0".to_vec()]);
        let (host, state) = Host::succeed(predecessor, config, launch(system), open(tmp.path()))?;
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

#[test]
fn a_letter_in_flight_is_handled_unless_it_faulted_before() {
    for (is_repeated, expected) in [(false, vec!["SIGTERM to 1001", "SIGCONT to 1001"]), (true, vec![])] {
        let mut s = Scandir::journaled(&["a"]);
        s.host.launch.journal.enter(s.number("a"));
        s.host.launch.journal.handle_command(Command::Down);
        if is_repeated {
            // The next host faults over it, too.
            s = s.reexecute().unwrap().0;
            let (event, _) = s.host.in_flight.take().unwrap();
            s.host.launch.journal.repeat(event);
        }
        let s = s.resumed();
        assert_eq!(s.done(), expected);
    }
}

#[test]
fn readiness_in_flight_is_handled() {
    let s = Scandir::journaled(&["a"]);
    s.host.launch.journal.enter(s.number("a"));
    s.host.launch.journal.handle_readiness();
    let s = s.resumed();
    assert!(s.slot("a").service.as_ref().unwrap().machine().status().ready);
}

#[test]
fn a_process_that_was_being_started_is_adopted() {
    let mut s = Scandir::journaled(&["a"]);
    s.command("a", b"d");
    s.end(1001, Ended::Killed(15));
    s.host.launch.journal.enter(s.number("a"));
    s.host.launch.journal.handle_command(Command::Up);
    s.host.launch.journal.starting(None);
    s.system.stray.set(Some(pid(4242)));
    let s = s.resumed();
    assert_eq!(s.done(), [""; 0], "nothing is started beside it");
    let machine = s.slot("a").service.as_ref().unwrap().machine();
    assert_eq!((machine.pid(), machine.status().want_up), (Some(4242), true));
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
    let s = s.reexecute().unwrap().0;
    assert_eq!(s.done(), ["s6-svscan: warning: faulted (SIGSEGV); the services are found again and go on"]);
    assert_eq!((s.host.scan_at, s.host.faults[0]), (Some(Moment::ZERO), Some(Duration::from_secs(1))));
    assert_eq!(s.host.launch.journal.read(FAULT.into(), 1), Ok(vec![0]));
}

#[test]
fn the_fifth_fault_within_a_minute_is_the_last() {
    for (first, expected) in [(1000, None), (1001, Some(Leave::Failed(Errno::NOTRECOVERABLE)))] {
        let mut s = Scandir::journaled(&[]);
        let faults = [60_000, 50_000, 40_000, first];
        for (slot, at) in s.host.faults.iter_mut().zip(faults) {
            *slot = Some(Duration::from_millis(at));
        }
        s.host.write_journal(&Plain);
        s.patch(FAULT.into(), &[11]);
        s.system.set(61_000);
        let s = s.reexecute().unwrap().0;
        assert_eq!(s.host.leave, expected);
    }
}

#[test]
fn damage_is_refused() {
    let s = Scandir::journaled(&["a"]);
    s.patch(0, b"s6host\0\x01");
    s.refused();
    let s = Scandir::journaled(&["a"]);
    s.patch(HEADER.0, &1_u32.to_be_bytes());
    s.refused();
    let s = Scandir::journaled(&["a"]);
    s.patch(record_place(0), &[2]);
    s.refused();
    let s = Scandir::journaled(&["a"]);
    s.patch(HEADER.0 + 4, &1_000_000_u32.to_be_bytes());
    s.refused();
}

#[test]
fn descriptors_must_be_open_and_are_taken_once() {
    let unable = "unable to take the descriptors of the former host: ";
    let mut s = Scandir::journaled(&[]);
    let lock = s.host.lock.as_raw_fd();
    s.patch(HEADER.0 + 8, &lock.to_be_bytes());
    let fatal = s.reexecute().err().unwrap();
    assert!(fatal.message().starts_with(unable), "{}", fatal.message());
    s = Scandir::journaled(&[]);
    s.patch(HEADER.0 + 12, &1_000_000_000_u32.to_be_bytes());
    let fatal = s.reexecute().err().unwrap();
    assert!(fatal.message().starts_with(unable), "{}", fatal.message());
    s = Scandir::journaled(&[]);
    s.patch(HEADER.0 + 8, &2_u32.to_be_bytes());
    let fatal = s.reexecute().err().unwrap();
    assert!(fatal.message().starts_with(unable), "a standard descriptor is none of the host's");
}
