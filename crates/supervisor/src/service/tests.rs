//! A service against a real service directory, with processes and a clock that the tests answer for.

#![allow(clippy::arithmetic_side_effects)]

use super::*;
use crate::system::fake::{Fake, Started};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use supervision::fifodir::{Listener, make};
use supervision::status::{read_deaths, read_status};
use tool::clock::Moment;
use wire::death_tally::Death;
use wire::tai::Tai64n;

/// A service directory with its supervisor.
struct Case {
    tmp: tempfile::TempDir,
    system: &'static Fake,
    launch: Launch,
    service: Service,
    events: Listener,
}

impl Case {
    /// With these files, a name and a content each.
    fn new(files: &[(&str, &str)]) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(tmp.path().join(name), text).unwrap();
            std::fs::set_permissions(tmp.path().join(name), PermissionsExt::from_mode(0o755)).unwrap();
        }
        let event = tmp.path().join("event");
        make(event.as_os_str().as_bytes(), None, false).unwrap();
        let events = Listener::new(event.as_os_str().as_bytes()).unwrap();
        let system = Fake::new();
        let mut launch = Launch::new(&[]).unwrap();
        launch.system = system;
        let fd = std::fs::File::open(tmp.path()).unwrap().into();
        let service = Service::begin(fd, b"web", Stdio::default(), &launch).unwrap();
        Self { tmp, system, launch, service, events }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }

    /// The events since the last call.
    fn events(&self) -> String {
        String::from_utf8(self.events.read().unwrap()).unwrap()
    }

    fn status(&self) -> Status {
        read_status(self.tmp.path().as_os_str().as_bytes()).unwrap()
    }

    fn letters(&mut self, letters: &[u8]) {
        rustix::io::write(self.service.control().unwrap(), letters).unwrap();
        self.service.read_control(&self.launch);
    }

    fn feed(&mut self, event: Event) {
        self.service.feed(event, &self.launch);
    }

    /// The processes that were started: the name of the file of each, and the numbers of the descriptors that it was given.
    fn started(&self) -> Vec<(String, Vec<RawFd>)> {
        let what = |s: &Started| {
            let name = s.file.rsplit('/').next().unwrap().to_owned();
            (name, s.fds.iter().map(|(n, _)| *n).collect())
        };
        self.system.started.borrow().iter().map(what).collect()
    }
}

#[test]
fn the_status_and_the_events_follow_a_life() {
    let mut case = Case::new(&[("finish", "")]);
    assert_eq!(case.events(), "su");
    assert_eq!((case.status().pid, case.status().want_up, case.status().paused), (1001, true, false));
    case.feed(Event::Ended(Ended::Killed(9)));
    assert_eq!(case.events(), "d");
    assert_eq!(
        (case.status().pid, case.status().finishing, case.status().term_signal()),
        (1002, true, Some(9))
    );
    case.feed(Event::Ended(Ended::Exited(0)));
    assert_eq!(case.events(), "D");
    assert_eq!((case.status().pid, case.status().ready), (0, true));
    let deaths = read_deaths(case.tmp.path().as_os_str().as_bytes()).unwrap();
    assert_eq!(deaths.iter().map(|d| (d.exit_code, d.signal)).collect::<Vec<_>>(), [(137, 9)]);
    assert_eq!(case.started(), [("run".to_owned(), vec![]), ("finish".to_owned(), vec![])]);
}

#[test]
fn a_kill_is_explained_and_a_loop_is_reported() {
    let mut case = Case::new(&[]);
    let mut die = |ms: u64, how, kills, ms_after: u64| {
        case.system.set(ms);
        case.system.kills.set(kills);
        case.service.ended(how, Some(60 << 20), &case.launch);
        if let Some(report) = case.service.take_report() {
            case.service.report_crashes(&report, |_| false, &case.launch);
        }
        case.system.set(ms + ms_after);
        case.feed(Event::Timeout);
        case.system.done().into_iter().filter(|line| line.contains("warning")).collect::<Vec<_>>().join("\n")
    };
    let killed = Ended::Killed(9);
    let mut lines = vec![die(2000, killed, 5, 1000), die(4000, killed, 6, 1000), die(6000, killed, 6, 1000)];
    lines.extend((8..200).map(|n| die(n * 1000, Ended::Exited(3), 6, 999)).filter(|line| !line.is_empty()));
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(case.service.cause(), Cause::Own);
}

#[test]
fn what_somebody_has_asked_for_is_no_crash() {
    let mut case = Case::new(&[]);
    let mut second = 2;
    for letters in [&b"t"[..], b"k", b"r", b"d", b"t", b"d"] {
        case.letters(letters);
        case.service.ended(Ended::Killed(9), None, &case.launch);
        assert_eq!((case.service.cause(), case.service.take_report()), (Cause::Own, None), "{letters:?}");
        second += 2;
        case.system.set(second * 1000);
        case.letters(b"u");
    }
    case.letters(b"h");
    case.service.ended(Ended::Killed(9), None, &case.launch);
    assert_eq!(case.service.cause(), Cause::Foreign, "a reload doesn't end a program");
}

#[test]
fn without_finish_one_write_tells_both_events() {
    let mut case = Case::new(&[]);
    case.events();
    case.feed(Event::Ended(Ended::Exited(3)));
    assert_eq!(case.events(), "dD");
}

#[test]
fn a_newline_notifies_readiness() {
    let mut case = Case::new(&[("notification-fd", "3\n")]);
    case.events();
    assert_eq!(case.started(), [("run".to_owned(), vec![3])]);
    assert!(case.service.notification().is_some() && !case.status().ready);
    // The test has no end of the service's: the pipe is replaced by one of its own.
    let (reader, writer) = notification_pipe().unwrap();
    case.service.notification = Some(reader);
    rustix::io::write(&writer, b"not yet").unwrap();
    case.service.read_notification(&case.launch);
    assert_eq!(case.events(), "");
    rustix::io::write(&writer, b"\n").unwrap();
    case.service.read_notification(&case.launch);
    assert_eq!((case.events().as_str(), case.status().ready), ("U", true));
    assert!(case.service.notification().is_none());
}

#[test]
fn a_notification_pipe_that_is_closed_is_forgotten() {
    let mut case = Case::new(&[("notification-fd", "3")]);
    let (reader, writer) = notification_pipe().unwrap();
    case.service.notification = Some(reader);
    drop(writer);
    case.service.read_notification(&case.launch);
    assert!(case.service.notification().is_none() && !case.status().ready);
}

#[test]
fn a_down_file_keeps_a_service_down() {
    let mut case = Case::new(&[("down", "")]);
    assert_eq!((case.events().as_str(), case.started().len()), ("s", 0));
    assert!(case.status().paused, "the mark of a service that hasn't been started");
    case.letters(b"U");
    assert!(!case.path("down").exists() && case.status().want_up);
    assert_eq!(case.system.done(), ["start ".to_owned() + &case.started_file() + ": 1001"]);
    case.letters(b"D");
    assert!(case.path("down").exists() && !case.status().want_up);
    assert_eq!(case.system.done(), ["SIGTERM to 1001", "SIGCONT to 1001"]);
}

impl Case {
    fn started_file(&self) -> String {
        self.system.started.borrow()[0].file.clone()
    }
}

#[test]
fn letters_that_are_none_are_skipped() {
    let mut case = Case::new(&[]);
    case.system.done();
    case.letters(b"z?1\n2");
    assert_eq!(case.system.done(), ["SIGUSR1 to 1001", "SIGUSR2 to 1001"]);
}

#[test]
fn an_exit_frees_the_directory_and_drops_the_letters_behind_it() {
    let mut case = Case::new(&[("down", "")]);
    case.events();
    case.letters(b"xu");
    assert!(case.service.has_left() && case.service.control().is_none());
    assert_eq!((case.events().as_str(), case.started().len()), ("x", 0));
    let fd = std::fs::File::open(case.tmp.path()).unwrap().into();
    let mut next = Service::begin(fd, b"web", Stdio::default(), &case.launch).unwrap();
    next.read_control(&case.launch);
    assert_eq!((case.events().as_str(), case.started().len()), ("s", 0));
}

#[test]
fn a_directory_has_one_supervisor() {
    let case = Case::new(&[]);
    let fd = std::fs::File::open(case.tmp.path()).unwrap().into();
    let fatal = Service::begin(fd, b"web", Stdio::default(), &case.launch).unwrap_err();
    assert_eq!((fatal.code(), fatal.message()), (100, "another supervisor runs on this directory"));
}

#[test]
fn a_lock_fd_starts_run_through_s6_setlock() {
    let case = Case::new(&[("lock-fd", "7"), ("run", "")]);
    assert!(case.path("supervise/service-lock").exists());
    let file = case.started_file();
    assert!(file.ends_with("/exe") || file.ends_with("/s6-setlock"), "{file}");
}

#[test]
fn a_run_that_s6_setlock_could_not_execute_is_announced() {
    let mut case = Case::new(&[("lock-fd", "7"), ("run", "#!/no/such/interpreter\n"), ("down", "")]);
    case.events();
    case.letters(b"u");
    assert_eq!((case.events().as_str(), case.started().len()), ("O", 0));
}

#[test]
fn one_descriptor_cannot_be_both() {
    let mut case = Case::new(&[("lock-fd", "7"), ("notification-fd", "7")]);
    assert_eq!((case.started().len(), case.service.machine().deadline()), (0, None));
    std::fs::remove_file(case.path("lock-fd")).unwrap();
    case.letters(b"u");
    assert_eq!(case.started(), [("run".to_owned(), vec![7])]);
}

#[test]
fn a_detached_service_gets_dev_null() {
    let mut case = Case::new(&[("finish", "")]);
    case.letters(b"x");
    assert!(case.service.is_detached());
    case.feed(Event::Ended(Ended::Exited(0)));
    assert_eq!(case.started().last(), Some(&("finish".to_owned(), vec![0, 1])));
}

#[test]
fn a_run_that_can_not_be_executed_is_announced() {
    let mut case = Case::new(&[("down", "")]);
    case.events();
    let at = |ms| Some(Moment::from_millis(ms));
    for (refused, events, next) in [
        (Errno::NOENT, "O", at(61_000)),
        (Errno::NOEXEC, "O", at(61_000)),
        (Errno::LOOP, "O", at(61_000)),
        (Errno::AGAIN, "", at(1100)),
        (Errno::NOMEM, "", at(1200)),
        (Errno::MFILE, "", at(1400)),
        (Errno::TXTBSY, "", at(1800)),
        (Errno::ACCESS, "O", at(61_000)),
        (Errno::NFILE, "", at(1100)),
    ] {
        case.system.refuses.set(Some(refused));
        case.letters(b"u");
        let deadline = case.service.machine().deadline();
        assert_eq!((case.events().as_str(), deadline), (events, next), "{refused}");
    }
    case.system.refuses.set(None);
    case.letters(b"u");
    assert_eq!((case.events().as_str(), case.status().want_up), ("u", true));
}

#[test]
fn what_is_left_of_a_stopped_service_is_named_or_ended() {
    for (mode, texts) in [
        (&[][..], &["look for session 1001"][..]),
        (&[("kill-mode", "session")], &["look for session 1001", "SIGKILL to 77", "SIGCONT to 77"]),
    ] {
        let files = [&[("run", "")], mode].concat();
        let mut case = Case::new(&files);
        case.system.session.replace(vec![crate::system::fake::pid(77)]);
        case.letters(b"d");
        case.system.done();
        case.feed(Event::Ended(Ended::Killed(15)));
        let wanted: &[&str] =
            if mode.is_empty() { &[] } else { &["look for session 1001", "SIGTERM to 77", "SIGCONT to 77"] };
        assert_eq!(case.system.done(), wanted);
        case.system.set(3000);
        case.feed(Event::Timeout);
        let done = case.system.done();
        assert!(
            done.len() == texts.len() && done.iter().zip(texts).all(|(d, t)| d.starts_with(t)),
            "{done:?}"
        );
    }
}

/// Makes writing into `supervise/` impossible, or possible again: nothing can be made in a file.
fn obstruct(case: &Case, yes: bool) {
    let (real, aside) = (case.path("supervise"), case.path("aside"));
    if yes {
        std::fs::rename(&real, aside).unwrap();
        std::fs::write(real, "").unwrap();
    } else {
        std::fs::remove_file(&real).unwrap();
        std::fs::rename(aside, real).unwrap();
    }
}

#[test]
fn what_could_not_be_written_is_written_when_the_timer_says_so() {
    let mut case = Case::new(&[("finish", "")]);
    case.events();
    let due = |case: &Case| case.service.deadline().map(|at| at.as_millis());
    assert_eq!(due(&case), None);
    obstruct(&case, true);
    case.feed(Event::Ended(Ended::Killed(9)));
    assert_eq!(case.events(), "d", "who listens hears of it all the same");
    // The test's clock stands at 1 s, and `finish` has 5 s.
    assert_eq!(
        (due(&case), case.service.machine().deadline().map(|at| at.as_millis())),
        (Some(2000), Some(6000))
    );
    case.system.set(2000);
    case.feed(Event::Timeout);
    assert_eq!(due(&case), Some(4000), "again after 2 s, and `finish` isn't killed");
    obstruct(&case, false);
    assert_eq!((case.status().pid, case.status().finishing), (1001, false), "the old one");
    case.system.set(4000);
    case.feed(Event::Timeout);
    assert_eq!((case.status().pid, case.status().finishing), (1002, true));
    assert_eq!(read_deaths(case.tmp.path().as_os_str().as_bytes()).unwrap().len(), 1);
    assert_eq!((due(&case), case.events().as_str()), (Some(6000), ""));
    assert!(!case.system.done().iter().any(|done| done.contains("SIGKILL")));
}

#[test]
fn what_is_owed_is_written_with_whatever_happens_next() {
    let mut case = Case::new(&[]);
    obstruct(&case, true);
    case.letters(b"D");
    case.feed(Event::Ended(Ended::Killed(15)));
    obstruct(&case, false);
    case.letters(b"1");
    assert_eq!((case.status().pid, case.status().want_up, case.status().term_signal()), (0, false, Some(15)));
    assert_eq!(read_deaths(case.tmp.path().as_os_str().as_bytes()).unwrap().len(), 1);
}

#[test]
fn a_status_that_can_not_be_replaced_is_overwritten() {
    let mut case = Case::new(&[]);
    // A directory that isn't empty is in the way of the new file.
    std::fs::create_dir_all(case.path("supervise/.status:new/full")).unwrap();
    case.letters(b"d");
    assert_eq!((case.status().want_up, case.service.deadline()), (false, None), "nothing is owed");
}

#[test]
fn a_down_file_that_the_former_host_owed_is_made() {
    let case = Case::new(&[("run", "")]);
    let saved = Supervised { down_file: true, ..case.service.save().unwrap() };
    let dir = std::fs::File::open(case.tmp.path()).unwrap().into();
    let (hold, stdio) = (hold::take_again(case.service.dir.as_fd()), Stdio::default());
    assert!(hold.is_err(), "the former one has it");
    let Case { tmp, launch, service, .. } = case;
    drop(service);
    let hold = hold::take_again(std::fs::File::open(tmp.path()).unwrap().as_fd()).unwrap();
    let mut service = Service::resume(&saved, dir, hold, None, b"web", stdio);
    assert!(service.save().unwrap().down_file && service.deadline() == Some(Moment::ZERO));
    service.feed(Event::Timeout, &launch);
    assert!(tmp.path().join("down").exists() && !service.save().unwrap().down_file);
}

#[test]
fn deaths_that_the_former_host_owed_are_recorded_once() {
    let mut case = Case::new(&[("run", "")]);
    case.feed(Event::Ended(Ended::Exited(1)));
    let path = case.tmp.path().as_os_str().as_bytes().to_vec();
    let recorded = read_deaths(&path).unwrap()[0];
    let owed = |code| Death { stamp: Tai64n::from_unix(7, 0), exit_code: code, signal: 0 };
    let deaths = vec![recorded, owed(2), owed(3)];
    let saved = Supervised { deaths, ..case.service.save().unwrap() };
    let Case { tmp, launch, service, .. } = case;
    drop(service);
    let dir = std::fs::File::open(tmp.path()).unwrap();
    let hold = hold::take_again(dir.as_fd()).unwrap();
    let mut service = Service::resume(&saved, dir.into(), hold, None, b"web", Stdio::default());
    assert_eq!((service.save().unwrap().deaths.len(), service.deadline()), (2, Some(Moment::ZERO)));
    service.feed(Event::Timeout, &launch);
    assert_eq!(service.save().unwrap().deaths, []);
    let codes = read_deaths(&path).unwrap().iter().map(|d| d.exit_code).collect::<Vec<_>>();
    assert_eq!(codes, [1, 2, 3]);
    service.owed.deaths = (0..9).map(owed).collect();
    let kept: Vec<_> = service.save().unwrap().deaths.iter().map(|d| d.exit_code).collect();
    assert_eq!(kept, [5, 6, 7, 8], "the latest ones");
}

#[test]
fn events_that_could_not_be_sent_are_sent_when_the_timer_says_so() {
    let mut case = Case::new(&[("run", "")]);
    let (event, away) = (case.path("event"), case.path("away"));
    // It has listened for longer than the test's clock runs.
    let name = wire::fifodir::listener_name(Tai64n::from_unix(0, 0), [0; 6]);
    let name = event.join(std::ffi::OsStr::from_bytes(&name));
    sys::fs::mknodat(rustix::fs::CWD, &name, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
    sys::fs::chmod(&name, Mode::from_raw_mode(0o622)).unwrap();
    let listener = std::fs::File::options().read(true).write(true).open(&name).unwrap();
    std::fs::rename(&event, &away).unwrap();
    case.feed(Event::Ended(Ended::Exited(0)));
    std::fs::rename(&away, &event).unwrap();
    let due = case.service.deadline().unwrap();
    case.system.set(u64::try_from(due.as_millis()).unwrap());
    case.service.feed(Event::Timeout, &case.launch);
    let mut heard = [0; 8];
    let count = rustix::io::read(&listener, &mut heard).unwrap();
    assert_eq!((&heard[..count], case.service.owed.events.is_empty()), (&b"dDu"[..], true));
}

#[test]
fn a_status_that_the_former_host_owed_is_written() {
    let case = Case::new(&[]);
    let saved = case.service.save().unwrap();
    let resume = || {
        let own = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().unwrap();
        let held = case.service.hold.as_ref().unwrap();
        let hold = Hold { control: own(held.control.as_fd()), lock: own(held.lock.as_fd()) };
        Service::resume(&saved, own(case.service.dir.as_fd()), hold, None, b"web", Stdio::default())
    };
    assert_eq!(resume().deadline(), None, "it is up to date");
    let stale = Status { pid: 7, ..case.status() };
    std::fs::write(case.path("supervise/status"), stale.pack()).unwrap();
    let mut next = resume();
    assert_eq!(next.deadline(), Some(Moment::ZERO));
    next.feed(Event::Timeout, &case.launch);
    assert_eq!((case.status().pid, next.deadline()), (1001, None));
}
