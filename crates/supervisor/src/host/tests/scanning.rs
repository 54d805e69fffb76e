//! Scanning: new services, those that are gone, loggers, limits, and supervision that can't begin.

use super::*;
use supervision::control::REFUSED;

#[test]
fn a_scan_starts_new_services_once() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    std::fs::write(s.path("file"), "").unwrap();
    std::fs::create_dir(s.path(".hidden")).unwrap();
    assert_eq!(s.scan(), ["start a/run: 1001"]);
    assert_eq!(s.scan(), [""; 0]);
    s.make(&["b"]);
    assert_eq!(s.scan(), ["start b/run: 1002"]);
    assert_eq!(s.names(), ["a", "b"]);
}

#[test]
fn two_names_of_a_directory_are_one_service() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    s.scan();
    std::os::unix::fs::symlink("a", s.path("b")).unwrap();
    s.scan();
    assert_eq!(s.host.roster.len(), 1);
}

#[test]
fn a_service_that_is_gone_runs_until_it_is_pruned() {
    let mut s = Scandir::new();
    s.make(&["a", "b"]);
    s.scan();
    let b = s.system.last("b/run").pid;
    std::fs::rename(s.path("b"), s.path(".b")).unwrap();
    assert_eq!(s.scan(), [""; 0]);
    assert!(s.slot("a").active && !s.slot("b").active);
    assert_eq!(s.letters(b"n"), [format!("SIGTERM to {b}"), format!("SIGCONT to {b}")]);
    s.end(b, Ended::Killed(15));
    assert_eq!(s.names(), ["a"]);
}

#[test]
fn a_service_that_comes_back_in_time_is_kept() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    s.scan();
    std::fs::rename(s.path("a"), s.path(".a")).unwrap();
    s.scan();
    std::fs::rename(s.path(".a"), s.path("b")).unwrap();
    assert_eq!(s.scan(), [""; 0]);
    assert_eq!(s.letters(b"n"), [""; 0]);
    assert_eq!(s.names(), ["b"]);
}

#[test]
fn a_logger_begins_first_and_reads_what_its_producer_writes() {
    let mut s = Scandir::new();
    s.make(&["a", "a/log"]);
    assert_eq!(s.scan(), ["start a/log/run: 1001", "start a/run: 1002"]);
    assert_eq!(s.slot("a").pair, Pair::Producer(s.number("a/log")));
    assert_eq!(s.slot("a/log").pair, Pair::Logger(s.number("a")));
    // Both start before the pipe is there, and get it with their next starts.
    s.end(1001, Ended::Exited(0));
    s.end(1002, Ended::Exited(0));
    s.at(2000);
    let (logger, producer) = (s.system.last("a/log/run"), s.system.last("a/run"));
    let ((input, read), (output, written)) = (logger.fds[0], producer.fds[0]);
    assert_eq!((input, output), (0, 1));
    assert_eq!(read, written, "both ends are of one pipe");
}

#[test]
fn a_logger_has_one_producer() {
    let mut s = Scandir::new();
    s.make(&["a", "a/log", "b"]);
    s.scan();
    std::os::unix::fs::symlink("../a/log", s.path("b/log")).unwrap();
    assert_eq!(s.scan(), ["s6-svscan: warning: b/log is already the logger of another service"]);
    assert_eq!(s.slot("b").pair, Pair::None);
    std::fs::rename(s.path("a/log"), s.path("a/old")).unwrap();
    assert_eq!(s.scan(), ["s6-svscan: warning: the logger of service a has been moved"]);
}

#[test]
fn a_name_can_be_too_long() {
    let mut s = Scandir::with(|config| config.name_max = 3);
    s.make(&["abc", "abcd"]);
    let expected = ["s6-svscan: warning: name too long, not supervised: abcd", "start abc/run: 1001"];
    assert_eq!(sorted(s.scan()), expected);
    let refused = |name: &str| s.path(name).join(REFUSED).exists();
    assert!(refused("abcd") && !refused("abc"));
}

#[test]
fn services_beyond_the_limit_wait_for_a_minute() {
    let mut s = Scandir::with(|config| config.services_max = 2);
    s.make(&["a", "a/log"]);
    s.scan();
    s.make(&["b"]);
    std::fs::rename(s.path("a"), s.path(".a")).unwrap();
    let full = "s6-svscan: warning: unable to supervise b: there are 2 services already";
    assert_eq!(s.scan(), [full]);
    assert!(s.path("b").join(REFUSED).exists());
    assert_eq!(s.host.scan_at, Some(Duration::from_secs(61)));
    assert!(s.slot("a").active, "a scan that isn't complete finds nothing gone");
}

#[test]
fn what_cannot_be_opened_is_tried_again_in_five_seconds() {
    let mut s = Scandir::new();
    s.make(&["a", "b"]);
    s.scan();
    std::os::unix::fs::symlink("loop", s.path("loop")).unwrap();
    std::os::unix::fs::symlink("log", s.path("a/log")).unwrap();
    std::fs::rename(s.path("b"), s.path(".b")).unwrap();
    let lines = sorted(s.scan());
    assert!(lines[0].starts_with("s6-svscan: warning: unable to open a/log: "), "{lines:?}");
    assert!(lines[1].starts_with("s6-svscan: warning: unable to open loop: "), "{lines:?}");
    assert_eq!(s.host.scan_at, Some(Duration::from_secs(6)));
    assert!(s.slot("b").active, "a scan that isn't complete finds nothing gone");
    std::fs::remove_file(s.path("loop")).unwrap();
    std::fs::remove_file(s.path("a/log")).unwrap();
    s.at(5999);
    assert!(s.slot("b").active);
    s.at(6000);
    assert!(!s.slot("b").active);
    assert_eq!(s.host.scan_at, None);
}

#[test]
fn a_scan_directory_that_cannot_be_read_is_tried_again() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    s.scan();
    let file = s.path("file");
    std::fs::write(&file, "").unwrap();
    s.host.dir = open(&file);
    let lines = s.scan();
    assert!(lines[0].starts_with("s6-svscan: warning: unable to read the scan directory: "), "{lines:?}");
    assert_eq!(s.host.scan_at, Some(Duration::from_secs(6)));
    assert!(s.slot("a").active);
}

#[test]
fn a_host_scans_by_itself_as_often_as_it_is_told() {
    let mut s = Scandir::with(|config| config.rescan = Some(Duration::from_secs(3)));
    assert_eq!(s.at(1000), [""; 0]);
    s.make(&["a"]);
    assert_eq!(s.at(3999), [""; 0]);
    assert_eq!(s.at(4000), ["start a/run: 1001"]);
}

#[test]
fn dangling_links_are_removed_at_the_beginning() {
    let s = Scandir::new();
    s.make(&["a"]);
    std::os::unix::fs::symlink("nowhere", s.path("gone")).unwrap();
    std::os::unix::fs::symlink("a", s.path("there")).unwrap();
    s.host.remove_dangling_links().unwrap();
    assert!(s.path("gone").symlink_metadata().is_err() && s.path("there").symlink_metadata().is_ok());
}

#[test]
fn supervision_that_cannot_begin_backs_off_up_to_a_minute() {
    let mut s = Scandir::with(|config| config.processes = true);
    s.make(&["a"]);
    s.system.refuses.set(Some(Errno::NOMEM));
    let refused = s.scan();
    assert_eq!(refused[0], "refused s6-supervise a");
    assert!(refused[1].starts_with("s6-supervise a: warning: unable to fork a supervisor: "), "{refused:?}");
    let (mut now, mut pauses) = (1000, Vec::new());
    for _ in 0..9 {
        let due = u64::try_from(s.slot("a").begin_at.unwrap().as_millis()).unwrap();
        pauses.push((due - now) / 1000);
        assert_eq!(s.at(due - 1), [""; 0]);
        now = due;
        assert_eq!(s.at(due).len(), 2);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    s.system.refuses.set(None);
    s.at(now + 60_000);
    assert_eq!(s.slot("a").supervisor, Some(1001));
}

#[test]
fn a_directory_that_cannot_be_supervised_backs_off() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    std::fs::write(s.path("a/supervise"), "").unwrap();
    assert_eq!(s.scan(), ["s6-supervise a: warning: supervise exists and is not a directory"]);
    assert_eq!((s.slot("a").begin_at, s.slot("a").failures), (Some(Duration::from_secs(2)), 1));
    std::fs::remove_file(s.path("a/supervise")).unwrap();
    assert_eq!(s.at(2000), ["start a/run: 1001"]);
}

#[test]
fn the_last_descriptors_are_reserved_for_the_host() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    s.host.launch.open_files.maximum = Some(24);
    let refused = "s6-supervise a: warning: too few descriptors are left: the limit on open files is 24";
    assert_eq!(s.scan(), [refused]);
}

#[test]
fn a_supervision_that_was_ended_begins_again_a_second_after_it_began() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    s.scan();
    s.system.set(1300);
    assert_eq!(s.command("a", b"xd"), ["SIGTERM to 1001", "SIGCONT to 1001"]);
    s.end(1001, Ended::Killed(15));
    assert!(!s.slot("a").is_live());
    assert_eq!(s.at(1999), [""; 0]);
    assert_eq!(s.at(2000), ["start a/run: 1002"]);
}

#[test]
fn services_that_name_a_pipe_share_it() {
    let mut s = Scandir::new();
    s.make(&["a", "b"]);
    std::fs::write(s.path("a/pipe-out"), "x\n").unwrap();
    std::fs::write(s.path("b/pipe-in"), "x\n").unwrap();
    s.scan();
    let (from, to) = (s.system.last("a/run").fds, s.system.last("b/run").fds);
    assert_eq!((from.len(), from[0].0, to.len(), to[0].0), (1, 1, 1, 0));
    assert_eq!(from[0].1, to[0].1, "both ends are of one pipe");
}

#[test]
fn a_run_that_cannot_be_started_now_is_tried_again_soon() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    s.system.refuses.set(Some(Errno::NOMEM));
    assert_eq!(s.scan(), ["refused a/run"]);
    s.system.refuses.set(None);
    assert_eq!(s.at(1099), [""; 0]);
    assert_eq!(s.at(1100), ["start a/run: 1001"]);
}

#[test]
fn while_memory_is_short_nothing_new_is_supervised() {
    const REPORT: &str =
        "s6-svscan: warning: memory is short: no new services are supervised until there is enough of it";
    let mut s = Scandir::new();
    s.make(&["a"]);
    s.scan();
    s.make(&["b"]);
    s.system.is_short.set(true);
    assert_eq!(s.scan(), [REPORT]);
    assert_eq!(s.end(1001, Ended::Exited(0)), [""; 0]);
    // What it has is served, and the host looks again after 1, 2, 4 … seconds.
    let refused = s.path("b/supervise/refused");
    assert!(!refused.exists(), "it may be over in a moment");
    // Who waits for a new one goes on after the second look.
    let waits = "s6-svscan: warning: memory stays short: services that wait for it are refused for now: 1";
    assert_eq!(s.at(2000), [waits, "start a/run: 1002"]);
    assert!(refused.exists() && !s.path("a/supervise/refused").exists());
    assert_eq!((s.names(), s.host.scan_at), (vec!["a".to_owned()], Some(Duration::from_secs(4))));
    assert_eq!(s.at(4000), [""; 0]);
    assert_eq!(s.host.scan_at, Some(Duration::from_secs(8)));
    s.system.is_short.set(false);
    assert_eq!(s.at(8000), ["start b/run: 1003"]);
    assert!(!refused.exists());
    // The next shortage is another one.
    s.system.is_short.set(true);
    assert_eq!(s.scan(), [REPORT]);
}

#[test]
fn memory_may_run_short_while_services_begin() {
    let mut s = Scandir::new();
    s.make(&["a"]);
    s.scan();
    s.make(&["b"]);
    let st = sys::fs::statat(&s.host.dir, "b", AtFlags::empty()).unwrap();
    let number = s.host.roster.add(Slot::new(b"b", (st.st_dev, st.st_ino), Duration::ZERO));
    s.system.is_short.set(true);
    s.host.begin_again(number);
    assert_eq!(s.done().len(), 1);
    assert_eq!(s.host.roster.next_timer(), Some((Duration::from_secs(2), number)));
    s.system.is_short.set(false);
    assert_eq!(s.at(2000), ["start b/run: 1002"]);
}
