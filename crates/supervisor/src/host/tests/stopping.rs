//! Pruning and stopping, loggers last.

use super::*;

/// A service with a logger: the logger's process is 1001, the service's 1002.
fn logged() -> Scandir {
    let mut s = Scandir::new();
    s.make(&["a", "a/log"]);
    assert_eq!(s.scan(), ["start a/log/run: 1001", "start a/run: 1002"]);
    s
}

const STOP_SERVICE: [&str; 2] = ["SIGTERM to 1002", "SIGCONT to 1002"];
const STOP_BOTH: [&str; 4] = ["SIGCONT to 1001", "SIGCONT to 1002", "SIGTERM to 1001", "SIGTERM to 1002"];

#[test]
fn pruning_leaves_a_logger_to_its_end() {
    let mut s = logged();
    std::fs::rename(s.path("a"), s.path(".a")).unwrap();
    assert_eq!(s.letters(b"an"), STOP_SERVICE);
    assert_eq!(s.end(1002, Ended::Killed(15)), [""; 0]);
    assert_eq!((s.names(), s.slot("a/log").pair), (vec!["a/log".to_owned()], Pair::Widowed));
    assert_eq!(s.end(1001, Ended::Exited(0)), [""; 0]);
    assert_eq!(s.host.roster.len(), 0);
}

#[test]
fn pruning_can_include_loggers() {
    let mut s = logged();
    std::fs::rename(s.path("a"), s.path(".a")).unwrap();
    assert_eq!(sorted(s.letters(b"aN")), STOP_BOTH);
}

#[test]
fn pruning_in_the_same_request_follows_the_scan() {
    let mut s = logged();
    std::fs::rename(s.path("a"), s.path(".a")).unwrap();
    assert_eq!(s.letters(b"na"), STOP_SERVICE);
}

#[test]
fn a_hangup_scans_and_prunes_without_loggers() {
    let mut s = logged();
    std::fs::rename(s.path("a"), s.path(".a")).unwrap();
    assert_eq!(s.letters(b"h"), STOP_SERVICE);
}

#[test]
fn a_stop_leaves_loggers_to_their_end() {
    for letter in [b"t", b"i"] {
        let mut s = logged();
        assert_eq!(s.letters(letter), STOP_SERVICE);
        assert!(s.host.is_stopping() && s.host.scan_at.is_none());
        assert!(s.slot("a").log_pipe.is_none() && s.slot("a/log").log_pipe.is_none());
        s.end(1002, Ended::Killed(15));
        assert_eq!(s.names(), ["a/log"]);
        s.end(1001, Ended::Exited(0));
        assert_eq!(s.host.run(&mut Plain), Leave::Stopped);
    }
}

#[test]
fn a_quit_stops_loggers_too() {
    let mut s = logged();
    assert_eq!(sorted(s.letters(b"q")), STOP_BOTH);
    s.end(1001, Ended::Killed(15));
    s.end(1002, Ended::Killed(15));
    assert_eq!(s.host.run(&mut Plain), Leave::Stopped);
}

#[test]
fn an_abort_leaves_services_running() {
    let mut s = logged();
    assert_eq!(s.letters(b"b"), [""; 0]);
    assert_eq!(s.host.run(&mut Plain), Leave::Aborted);
}

#[test]
fn a_stopping_host_starts_nothing() {
    let mut s = logged();
    s.letters(b"t");
    s.make(&["b"]);
    assert_eq!(s.scan(), [""; 0]);
    s.end(1001, Ended::Exited(0));
    assert_eq!(s.at(100_000), [""; 0]);
    assert_eq!(s.names(), ["a"]);
}

#[test]
fn letters_that_ask_for_nothing() {
    let mut s = logged();
    assert_eq!(s.letters(b"s"), ["s6-svscan: warning: received unknown command: s"]);
    assert_eq!(s.letters(b"R"), ["s6-svscan: warning: this host can't be re-executed"]);
    s.host.keep_journal(&Plain).unwrap();
    assert_eq!((s.letters(b"R"), s.host.reexec), (Vec::new(), true));
}

#[test]
fn junk_is_reported_once() {
    let mut s = logged();
    let (first, more) = (["x"; 64].concat(), ["x"; 10].concat());
    assert_eq!(
        s.letters(first.as_bytes()),
        [format!("s6-svscan: warning: received unknown commands: {first}")]
    );
    assert_eq!(s.letters(["x"; 64].concat().as_bytes()), [""; 0]);
    assert_eq!(s.letters(more.as_bytes()), [""; 0]);
    assert_eq!(s.letters(b"x"), ["s6-svscan: warning: received unknown command: x"]);
}

#[test]
fn the_letter_z_reaps() {
    let mut s = logged();
    s.system.ended.borrow_mut().push_back((pid(1002), Ended::Exited(0)));
    s.letters(b"z");
    assert!(s.system.ended.borrow().is_empty());
    assert_eq!(s.at(2000), ["start a/run: 1003"]);
}
