//! What a policy is asked, and the usual effects of signals.

use super::*;
use sys::signal::{Sender, Signal};

/// Notes what it is asked, and handles the signals and letters that it is told to.
#[derive(Default)]
struct Noting {
    lines: Vec<String>,
    handled: Vec<Signal>,
    letters: Vec<u8>,
    deadline: Option<Moment>,
}

impl Policy for Noting {
    fn signal(&mut self, _host: &mut Host, signal: Signal, _sender: Sender) -> Handled {
        self.lines.push(signal::name(signal).unwrap());
        if self.handled.contains(&signal) { Handled::Yes } else { Handled::No }
    }

    fn command(&mut self, _host: &mut Host, letter: u8) -> Handled {
        self.lines.push(format!("letter {}", char::from(letter)));
        if self.letters.contains(&letter) { Handled::Yes } else { Handled::No }
    }

    fn child(&mut self, _host: &mut Host, pid: Pid, how: Ended, _cause: Cause) {
        self.lines.push(format!("child {} {how:?}", pid.as_raw_nonzero()));
    }

    fn readable(&mut self, _host: &mut Host, key: u32) {
        self.lines.push(format!("readable {key}"));
    }

    fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    fn timeout(&mut self, _host: &mut Host) {
        self.lines.push("timeout".to_owned());
        self.deadline = None;
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn settled(&mut self, host: &mut Host) {
        self.lines.push("settled".to_owned());
        host.abort();
    }
}

#[test]
fn a_policy_comes_before_the_usual_effect() {
    let mut s = Scandir::new();
    let mut policy = Noting { handled: vec![signal::TERM], letters: vec![b't'], ..Noting::default() };
    s.host.signal(signal::TERM, Sender::Outside, &mut policy);
    rustix::io::write(&s.host.control, b"tb").unwrap();
    s.host.read(Source::ScanControl, &mut policy);
    assert!(!s.host.is_stopping());
    assert_eq!(s.host.leave, Some(Leave::Aborted));
    s.host.signal(signal::INT, Sender::Outside, &mut policy);
    assert!(s.host.is_stopping());
    assert_eq!(policy.lines, ["SIGTERM", "letter t", "letter b", "SIGINT"]);
}

#[test]
fn a_policy_gets_children_that_are_no_services() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    s.scan();
    let mut policy = Noting::default();
    s.system.ended.borrow_mut().extend([(pid(77), Ended::Exited(3)), (pid(1001), Ended::Exited(0))]);
    s.host.reap(&mut policy);
    assert_eq!(policy.lines, ["child 77 Exited(3)"]);
    assert!(s.system.ended.borrow().is_empty());
}

#[test]
fn a_policy_has_a_deadline_and_descriptors() {
    let mut s = Scandir::new();
    s.host.scan_at = None;
    let (reader, writer) = std::io::pipe().unwrap();
    s.host.watch(reader.as_fd(), 7).unwrap();
    rustix::io::write(&writer, b"x").unwrap();
    let mut policy = Noting { deadline: Some(Duration::from_secs(2)), ..Noting::default() };
    s.host.catch_up(&mut policy);
    s.host.wait(None, &mut policy);
    s.system.set(2000);
    s.host.catch_up(&mut policy);
    s.host.unwatch(reader.as_fd()).unwrap();
    s.host.wait(Some(Moment::ZERO), &mut policy);
    assert_eq!(policy.lines, ["readable 7", "timeout"]);
}

#[test]
fn a_policy_is_asked_before_each_wait() {
    let mut s = Scandir::new();
    let mut policy = Noting::default();
    assert_eq!(s.host.run(&mut policy), Leave::Aborted);
    assert_eq!(policy.lines, ["settled"]);
}

#[test]
fn signals_have_their_usual_effects() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    let signal = |s: &mut Scandir, signal| {
        s.host.signal(signal, Sender::Outside, &mut Plain);
        s.done()
    };
    assert_eq!(signal(&mut s, signal::ALRM), ["start a/run: 1001"]);
    std::fs::rename(s.path("a"), s.path(".a")).unwrap();
    assert_eq!(signal(&mut s, signal::HUP), ["SIGTERM to 1001", "SIGCONT to 1001"]);
    for ignored in [signal::USR1, signal::USR2, signal::PWR, signal::WINCH, signal::HALT] {
        assert_eq!(signal(&mut s, ignored), [""; 0]);
    }
    assert_eq!((s.host.leave, s.host.is_stopping()), (None, false));
    signal(&mut s, signal::ABRT);
    assert_eq!(s.host.leave, Some(Leave::Aborted));
    for ending in [signal::TERM, signal::INT, signal::QUIT] {
        let mut s = Scandir::new();
        s.host.signal(ending, Sender::Outside, &mut Plain);
        assert!(s.host.is_stopping());
    }
}

#[test]
fn a_program_takes_the_place_of_a_signals_effect() {
    let mut s = Scandir::new();
    for name in ["SIGTERM", "SIGALRM", "SIGUSR1", "SIGHUP"] {
        std::fs::write(s.path(".s6-svscan").join(name), "").unwrap();
    }
    for name in ["SIGTERM", "SIGALRM", "SIGUSR1"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(s.path(".s6-svscan").join(name), mode).unwrap();
    }
    for name in [signal::TERM, signal::USR1] {
        s.host.signal(name, Sender::Outside, &mut Plain);
    }
    assert_eq!(s.done(), ["start .s6-svscan/SIGTERM: 1001", "start .s6-svscan/SIGUSR1: 1002"]);
    assert!(!s.host.is_stopping());
    // One that is not executable, and one of a signal that always scans, don't run.
    s.make(&["a"]);
    s.host.signal(signal::ALRM, Sender::Outside, &mut Plain);
    s.host.signal(signal::HUP, Sender::Outside, &mut Plain);
    assert_eq!(s.done(), ["start a/run: 1003"]);
    s.system.refuses.set(Some(Errno::NOMEM));
    s.host.signal(signal::TERM, Sender::Outside, &mut Plain);
    assert!(s.host.is_stopping(), "without its program the signal has its usual effect");
}
