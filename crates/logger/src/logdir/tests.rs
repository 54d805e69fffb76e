//! Log directories on a system that fails where a test wants it, whose time is a number, and whose processors are the
//! test itself.  The transcripts list what was done to files, in order.

use super::system::{Linux, ProcessorFiles, Status, System};
use super::*;
use crate::script::{Processor, Script, Target, parse};
use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::Duration;
use sys::spawn::Strings;
use tempfile::TempDir;
use wire::tai::Tai64n;

/// Fails in some operations.
struct Fake {
    linux: Linux,
    now: Cell<Duration>,
    wall: Cell<i64>,
    /// Operations that fail: each once.
    faults: RefCell<Vec<(&'static str, Errno)>>,
    /// How many bytes `write` takes at most.
    room: Cell<usize>,
    done: RefCell<String>,
    processors: Cell<i32>,
}

impl Fake {
    /// Notes an operation, unless it is to fail.
    fn act(&self, what: &str) -> Result<(), Errno> {
        let mut faults = self.faults.borrow_mut();
        let fault = faults.iter().position(|(name, _)| *name == what).map(|at| faults.remove(at).1);
        let mut done = self.done.borrow_mut();
        match fault {
            None => writeln!(done, "{what}").unwrap(),
            Some(e) => writeln!(done, "{what}: {}", sys::strerror(e)).unwrap(),
        }
        fault.map_or(Ok(()), Err)
    }
}

impl System for Fake {
    type File = OwnedFd;

    fn now(&self) -> Moment {
        self.now.get()
    }
    fn wall(&self) -> Tai64n {
        Tai64n::from_unix(self.wall.get(), 0)
    }
    fn make_dir(&self, path: &[u8], mode: Mode) -> Result<(), Errno> {
        self.act(&format!("mkdir {:o}", mode.as_raw_mode()))?;
        self.linux.make_dir(path, mode)
    }
    fn open_dir(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        self.act("open directory")?;
        self.linux.open_dir(path)
    }
    fn open(&self, dir: &OwnedFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.act(&format!("open {name}"))?;
        self.linux.open(dir, name, flags)
    }
    fn lock(&self, file: &OwnedFd) -> Result<(), Errno> {
        self.act("lock")?;
        self.linux.lock(file)
    }
    fn write(&self, file: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
        let bytes = &bytes[..bytes.len().min(self.room.get())];
        self.act(&format!("write {}", bytes.len()))?;
        self.linux.write(file, bytes)
    }
    fn write_all(&self, file: &OwnedFd, bytes: &[u8]) -> Result<(), Errno> {
        self.act(&format!("copy {}", bytes.len()))?;
        self.linux.write_all(file, bytes)
    }
    fn read_at(&self, file: &OwnedFd, buf: &mut [u8], offset: u64) -> Result<usize, Errno> {
        self.act("read")?;
        self.linux.read_at(file, buf, offset)
    }
    fn truncate(&self, file: &OwnedFd, size: u64) -> Result<(), Errno> {
        self.act(&format!("truncate {size}"))?;
        self.linux.truncate(file, size)
    }
    fn sync(&self, _: &OwnedFd) -> Result<(), Errno> {
        self.act("sync")
    }
    fn set_append(&self, file: &OwnedFd) -> Result<(), Errno> {
        self.linux.set_append(file)
    }
    fn set_mode(&self, file: &OwnedFd, mode: Mode) -> Result<(), Errno> {
        self.act(&format!("chmod {:o}", mode.as_raw_mode()))?;
        self.linux.set_mode(file, mode)
    }
    fn set_mode_of(&self, dir: &OwnedFd, name: &str, mode: Mode) -> Result<(), Errno> {
        self.act(&format!("chmod {name} {:o}", mode.as_raw_mode()))?;
        self.linux.set_mode_of(dir, name, mode)
    }
    fn status(&self, file: &OwnedFd) -> Result<Status, Errno> {
        self.linux.status(file)
    }
    fn identity(&self, file: &OwnedFd) -> Option<(u64, u64)> {
        self.linux.identity(file)
    }
    fn status_of(&self, dir: &OwnedFd, name: &str) -> Result<Status, Errno> {
        self.linux.status_of(dir, name)
    }
    fn size_of(&self, dir: &OwnedFd, name: &[u8]) -> Result<u64, Errno> {
        self.linux.size_of(dir, name)
    }
    fn rename(&self, dir: &OwnedFd, from: &str, to: &str) -> Result<(), Errno> {
        self.act(&format!("rename {from} {to}"))?;
        self.linux.rename(dir, from, to)
    }
    fn rename_to_free(&self, dir: &OwnedFd, from: &str, to: &[u8]) -> Result<(), Errno> {
        self.act(&format!("archive {from} {}", String::from_utf8_lossy(to)))?;
        self.linux.rename_to_free(dir, from, to)
    }
    fn remove(&self, dir: &OwnedFd, name: &[u8]) -> Result<(), Errno> {
        self.act(&format!("remove {}", String::from_utf8_lossy(name)))?;
        self.linux.remove(dir, name)
    }
    fn each_name(&self, dir: &OwnedFd, act: &mut dyn FnMut(&[u8])) -> Result<(), Errno> {
        self.act("list")?;
        self.linux.each_name(dir, act)
    }
    fn start(
        &self,
        processor: &Processor,
        _: &OwnedFd,
        _: &ProcessorFiles<'_, OwnedFd>,
    ) -> Result<Pid, Errno> {
        let what = match processor {
            Processor::Execline(text) => format!("start execline {}", String::from_utf8_lossy(text)),
            Processor::Shell(text) => format!("start shell {}", String::from_utf8_lossy(text)),
        };
        self.act(&what)?;
        self.processors.set(self.processors.get() + 1);
        Ok(Pid::from_raw(self.processors.get()).unwrap())
    }
}

/// A log directory, the system below it, and the place where it is.
struct Place {
    fake: Fake,
    place: TempDir,
    log: Option<LogDir<Fake>>,
}

impl Place {
    /// With these directives.
    fn new(directives: &[&str]) -> Self {
        let mut place = Self::closed();
        place.open(directives).unwrap();
        place.fake.done.borrow_mut().clear();
        place
    }

    fn closed() -> Self {
        let fake = Fake {
            linux: Linux { execlineb: Vec::new(), env: Strings::new(&[] as &[&[u8]]).unwrap() },
            now: Cell::default(),
            wall: Cell::new(1000),
            faults: RefCell::default(),
            room: Cell::new(usize::MAX),
            done: RefCell::default(),
            processors: Cell::new(100),
        };
        Self { fake, place: tempfile::tempdir().unwrap(), log: None }
    }

    fn path(&self) -> PathBuf {
        self.place.path().join("d")
    }

    fn open(&mut self, directives: &[&str]) -> Result<(), Fatal> {
        let mut words: Vec<Vec<u8>> = directives.iter().map(|w| w.as_bytes().to_vec()).collect();
        words.push(self.path().as_os_str().as_bytes().to_vec());
        let Script { mut stages, .. } = parse(&words).unwrap();
        let Target::Dir(spec) = stages.remove(0).actions.remove(0).to else { panic!("no directory") };
        self.log = Some(LogDir::open(spec, Mode::from_raw_mode(0o644), &self.fake)?);
        Ok(())
    }

    fn log(&mut self) -> &mut LogDir<Fake> {
        self.log.as_mut().unwrap()
    }

    fn fail(&self, what: &'static str, e: Errno) {
        self.fake.faults.borrow_mut().push((what, e));
    }

    fn write(&mut self, bytes: &[u8]) -> usize {
        self.log.as_mut().unwrap().write(bytes, &self.fake)
    }

    fn rotate(&mut self) {
        self.log.as_mut().unwrap().rotate(&self.fake);
    }

    /// So many milliseconds pass.
    fn pass(&mut self, milliseconds: u64) {
        self.fake.now.set(self.fake.now.get() + Duration::from_millis(milliseconds));
        self.log.as_mut().unwrap().wake(self.fake.now.get(), &self.fake);
    }

    fn end_processor(&mut self, pid: i32, how: Ended) -> bool {
        self.log.as_mut().unwrap().handle_end(Pid::from_raw(pid).unwrap(), how, &self.fake)
    }

    /// What was done since the last call, and the warnings, without the place.
    fn transcript(&mut self) -> String {
        let mut done = std::mem::take(&mut *self.fake.done.borrow_mut());
        let path = self.path().display().to_string();
        let warnings = self.log.as_mut().map(LogDir::take_warnings).unwrap_or_default();
        for warning in warnings {
            writeln!(done, "warning: {}", warning.replace(&path, "d")).unwrap();
        }
        done
    }

    /// Names, sizes and permissions of the files.
    fn files(&self) -> String {
        use std::os::unix::fs::PermissionsExt;
        let mut files: Vec<String> = std::fs::read_dir(self.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let (name, st) = (entry.file_name().into_string().unwrap(), entry.metadata().unwrap());
                format!("{name} {} {:o}", st.len(), st.permissions().mode() & 0o777)
            })
            .collect();
        files.retain(|line| !line.starts_with("lock ") && !line.starts_with("state 0 "));
        files.sort();
        files.join("\n")
    }

    fn make(&self, name: &str, content: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::create_dir(self.path());
        let file = self.path().join(name);
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn finish(mut self) -> (String, String) {
        let path = self.path().display().to_string();
        let warnings = self.log.take().unwrap().finish(&self.fake);
        (self.transcript() + &warnings.join("\n").replace(&path, "d"), self.files())
    }
}

/// A line of so many bytes.
fn line(length: usize) -> Vec<u8> {
    let mut line = vec![b'x'; length - 1];
    line.push(b'\n');
    line
}

#[test]
fn a_file_ends_with_the_line_that_reaches_its_size_less_the_tolerance() {
    let mut place = Place::new(&["s5000", "l1000"]);
    assert_eq!(place.write(&line(3999)), 3999);
    assert_eq!(place.files(), "current 3999 644");
    assert_eq!(place.write(&line(2)), 2);
    insta::assert_snapshot!(place.transcript(), @"
    write 3999
    write 2
    sync
    rename current previous
    open current
    chmod 644
    chmod previous 744
    list
    archive previous @40000000000003f200000000.s
    remove previous
    list
    ");
    assert_eq!(place.files(), "@40000000000003f200000000.s 4001 744\ncurrent 0 644");
    // At the limit to the byte; and lines of one write go to several files.
    assert_eq!(place.write(&line(1000).repeat(9)), 9000);
    assert_eq!(
        place.files(),
        "@40000000000003f200000000.s 4001 744\n@40000000000003f200000001.s 4000 744\n\
         @40000000000003f200000002.s 4000 744\ncurrent 1000 644"
    );
}

#[test]
fn a_full_disk_is_reported_once_and_retried_after_the_cooldown() {
    let mut place = Place::new(&["r3000"]);
    for _ in 0..2 {
        place.fail("write 5", Errno::NOSPC);
    }
    assert_eq!(place.write(&line(5)), 0);
    assert_eq!(place.log().deadline(), Some(Duration::from_millis(3000)));
    assert_eq!(place.write(&line(5)), 0, "before the cool-down is over nothing is tried");
    place.pass(2999);
    assert_eq!(place.write(&line(5)), 0);
    place.pass(1);
    assert_eq!(place.write(&line(5)), 0, "the second failure");
    assert_eq!(place.log().deadline(), Some(Duration::from_millis(6000)));
    place.pass(3000);
    assert_eq!(place.write(&line(5)), 5);
    assert_eq!(place.log().deadline(), None);
    place.fail("write 5", Errno::ROFS);
    place.write(&line(5));
    insta::assert_snapshot!(place.transcript(), @"
    write 5: No space left on device
    write 5: No space left on device
    write 5
    write 5: Read-only file system
    warning: unable to write to current in d: No space left on device
    warning: unable to write to current in d: Read-only file system
    ");
}

#[test]
fn a_part_that_was_written_counts() {
    let mut place = Place::new(&[]);
    place.fake.room.set(3);
    place.fail("write 3", Errno::INTR);
    assert_eq!(place.write(b"abcdefgh\n"), 9);
    assert_eq!(place.files(), "current 9 644");
}

#[test]
fn each_step_of_a_rotation_that_fails_is_repeated() {
    for fault in [
        "sync",
        "rename current previous",
        "open current",
        "chmod 644",
        "chmod previous 744",
        "archive previous @40000000000003f200000000.s",
        "remove previous",
    ] {
        let mut place = Place::new(&[]);
        place.write(b"a\n");
        place.fail(fault, Errno::IO);
        place.rotate();
        assert_eq!(place.log().deadline(), Some(Duration::from_secs(2)), "{fault}");
        assert!(!place.log().is_busy(), "{fault}");
        assert_eq!(place.log().take_warnings().len(), 1, "{fault}");
        place.pass(2000);
        assert_eq!(place.log().take_warnings(), [""; 0], "{fault}");
        assert_eq!(place.log().deadline(), None, "{fault}");
        assert_eq!(place.files(), "@40000000000003f200000000.s 2 744\ncurrent 0 644", "{fault}");
    }
}

#[test]
fn lines_wait_while_there_is_no_current() {
    let mut place = Place::new(&[]);
    place.write(b"a\n");
    place.fail("rename current previous", Errno::ROFS);
    place.fail("open current", Errno::ROFS);
    place.rotate();
    for _ in 0..2 {
        assert_eq!(place.write(b"b\n"), 0);
        place.pass(2000);
    }
    assert_eq!(place.write(b"b\n"), 2);
    assert_eq!(place.files(), "@40000000000003f200000000.s 2 744\ncurrent 2 644");
}

#[test]
fn a_processor_makes_the_archive() {
    let mut place = Place::new(&["!gzip"]);
    place.write(b"a\n");
    place.rotate();
    assert!(place.log().is_busy());
    assert_eq!(place.write(b"b\n"), 2, "lines go on into the new file");
    assert!(!place.end_processor(7, Ended::Exited(0)), "not its child");
    place.make("processed", "z", 0o644);
    assert!(place.end_processor(101, Ended::Exited(0)));
    assert!(!place.log().is_busy());
    insta::assert_snapshot!(place.transcript(), @"
    write 2
    sync
    rename current previous
    open current
    chmod 644
    chmod previous 744
    open previous
    open state
    open processed
    open newstate
    start execline gzip
    write 2
    open processed
    sync
    open newstate
    sync
    chmod 744
    remove previous
    rename newstate state
    list
    archive processed @40000000000003f200000000.s
    remove processed
    list
    ");
    assert_eq!(place.files(), "@40000000000003f200000000.s 1 744\ncurrent 2 644");
}

#[test]
fn a_processor_that_fails_is_started_again_after_the_cooldown() {
    let mut place = Place::new(&["?false", "r500"]);
    place.write(b"a\n");
    place.rotate();
    place.transcript();
    place.end_processor(101, Ended::Exited(3));
    assert_eq!(place.log().deadline(), Some(Duration::from_millis(500)));
    place.pass(500);
    place.end_processor(102, Ended::Killed(9));
    place.fail("start shell false", Errno::AGAIN);
    place.pass(500);
    place.pass(500);
    place.end_processor(103, Ended::Exited(0));
    insta::assert_snapshot!(place.transcript(), @"
    open previous
    open state
    open processed
    open newstate
    start shell false
    open previous
    open state
    open processed
    open newstate
    start shell false: Resource temporarily unavailable
    open previous
    open state
    open processed
    open newstate
    start shell false
    open processed
    sync
    open newstate
    sync
    chmod 744
    remove previous
    rename newstate state
    remove processed
    list
    warning: the processor of d exited with 3
    warning: the processor of d was killed by signal 9
    warning: unable to start the processor in d: Resource temporarily unavailable
    ");
}

#[test]
fn a_processor_that_hangs_holds_lines_up_when_the_next_file_is_full() {
    let mut place = Place::new(&["s4096", "l0", "!cat"]);
    assert_eq!(place.write(&line(4096)), 4096);
    assert_eq!(place.write(&[line(4000), line(200), line(10)].concat()), 4200);
    assert_eq!(place.write(&line(10)), 0);
    place.make("processed", "1", 0o644);
    place.end_processor(101, Ended::Exited(0));
    assert_eq!(place.write(&line(10)), 10, "the second file is being processed");
    assert_eq!(place.files().lines().next(), Some("@40000000000003f200000000.s 1 744"));
    assert!(place.log().is_busy());
}

#[test]
fn a_removed_current_is_recreated_with_what_was_in_it() {
    let mut place = Place::new(&[]);
    place.write(b"one\n");
    std::fs::remove_file(place.path().join("current")).unwrap();
    place.write(b"two\n");
    place.rotate();
    assert_eq!(place.files(), "@40000000000003f200000000.s 8 744\ncurrent 0 644");
    assert_eq!(
        place.log().take_warnings().concat().replace(&*place.path().to_string_lossy(), "d"),
        "current in d was removed: it is made anew, with what was in it"
    );
}

#[test]
fn a_removed_directory_is_recreated_or_waited_for() {
    let mut place = Place::new(&[]);
    place.write(b"one\n");
    std::fs::remove_dir_all(place.path()).unwrap();
    place.fail("mkdir 2700", Errno::ACCESS);
    place.rotate();
    assert_eq!(place.write(b"two\n"), 0);
    place.pass(2000);
    assert_eq!(place.write(b"two\n"), 4);
    assert_eq!(place.files(), "@40000000000003f200000000.s 4 744\ncurrent 4 644");
    let warnings = place.log().take_warnings().join("\n").replace(&*place.path().to_string_lossy(), "d");
    assert!(
        warnings.starts_with(
            "d was removed, making it anew: Permission denied; its lines wait until there is one for uid "
        ),
        "{warnings}"
    );
    assert!(
        warnings.ends_with("\nd was removed: it is made anew, and gets what was in current"),
        "{warnings}"
    );
}

#[test]
fn a_copy_that_fails_begins_again() {
    let mut place = Place::new(&[]);
    place.write(b"one\n");
    std::fs::remove_file(place.path().join("current")).unwrap();
    place.fail("copy 4", Errno::NOSPC);
    place.rotate();
    assert!(place.transcript().contains("copy 4: No space left on device\ntruncate 0\n"));
    place.pass(2000);
    assert_eq!(place.files(), "@40000000000003f200000000.s 4 744\ncurrent 0 644");
}

#[test]
fn a_period_rotates_in_any_case() {
    let mut place = Place::new(&["R10"]);
    place.write(b"a\n");
    assert_eq!(place.log().deadline(), Some(Duration::from_secs(10)));
    place.pass(9999);
    assert_eq!(place.files(), "current 2 644");
    place.pass(1);
    assert_eq!(place.files(), "@40000000000003f200000000.s 2 744\ncurrent 0 644");
    assert_eq!(place.log().deadline(), Some(Duration::from_secs(20)));
    place.pass(10_000);
    assert_eq!(place.files().lines().count(), 2, "what is empty is no archive");
}

#[test]
fn the_oldest_archives_go() {
    for (directives, left) in [
        // The default: 10.
        (&[][..], "5 6 7 8 9 10 11 12 13 14"),
        (&["n3"], "12 13 14"),
        (&["n0"], ""),
        // 14 bytes are lines of 2 bytes in seven archives.
        (&["S14"], "8 9 10 11 12 13 14"),
        (&["n5", "S7"], "12 13 14"),
    ] {
        let mut place = Place::new(directives);
        for n in 0..15 {
            place.fake.wall.set(n);
            place.write(b"a\n");
            place.rotate();
        }
        let seconds =
            |name: &str| Tai64n::from_label(name.as_bytes()).map(|time| time.unix_seconds().to_string());
        let kept: Vec<String> = place.files().lines().filter_map(seconds).collect();
        assert_eq!(kept.join(" "), left, "{directives:?}");
    }
}

#[test]
fn an_archive_that_stays_is_reported() {
    let mut place = Place::new(&["n0"]);
    place.write(b"a\n");
    place.fail("remove @40000000000003f200000000.s", Errno::PERM);
    place.rotate();
    assert!(
        place.transcript().ends_with("warning: unable to remove an archive in d: Operation not permitted\n")
    );
    assert_eq!(place.log().deadline(), None);
}

#[test]
fn a_clock_that_was_set_back_makes_no_archive_the_oldest() {
    let mut place = Place::new(&["n1"]);
    for wall in [1000, 5] {
        place.fake.wall.set(wall);
        place.write(b"a\n");
        place.rotate();
    }
    assert_eq!(place.files(), "@40000000000003f200000001.s 2 744\ncurrent 0 644");
}

#[test]
fn the_end_marks_current_as_finished() {
    let mut place = Place::new(&[]);
    place.write(b"a\n");
    place.transcript();
    let (done, files) = place.finish();
    assert_eq!((done.as_str(), files.as_str()), ("sync\nchmod 744\n", "current 2 744"));
    let mut place = Place::new(&[]);
    place.write(b"a\n");
    place.fail("sync", Errno::ROFS);
    let (done, files) = place.finish();
    assert_eq!(files, "current 2 644");
    assert!(done.ends_with("unable to sync current in d: Read-only file system"), "{done}");
}

#[test]
fn an_incomplete_rotation_leaves_no_mark_at_the_end() {
    let mut place = Place::new(&["!cat"]);
    place.write(b"a\n");
    place.rotate();
    place.write(b"b\n");
    let (_, files) = place.finish();
    assert_eq!(files, "current 2 644\nnewstate 0 644\nprevious 2 744\nprocessed 0 644");
}

#[test]
fn a_directory_that_is_gone_at_the_end_costs_its_bytes() {
    let mut place = Place::new(&[]);
    place.write(b"abc\n");
    std::fs::remove_dir_all(place.path()).unwrap();
    place.fail("mkdir 2700", Errno::NOENT);
    let warnings = place.log.take().unwrap().finish(&place.fake).concat();
    assert!(
        warnings.ends_with(
            " was removed, making it anew: No such file or directory; the 4 bytes of current are lost"
        ),
        "{warnings}"
    );
}

/// What a crash left → what is there when the directory is open again.
#[test]
fn what_a_crash_left_is_recovered() {
    let mut table = String::new();
    for left in [
        &[][..],
        &[("current", "a", 0o644)],
        &[("current", "a", 0o744)],
        &[("current", "", 0o644)],
        &[("current", "a", 0o644), ("previous", "bb", 0o744)],
        &[("current", "a", 0o744), ("previous", "bb", 0o644), ("processed", "ccc", 0o644)],
        &[
            ("current", "a", 0o744),
            ("previous", "bb", 0o744),
            ("processed", "ccc", 0o744),
            ("newstate", "s", 0o644),
        ],
    ] {
        let mut place = Place::closed();
        left.iter().for_each(|(name, content, mode)| place.make(name, content, *mode));
        let names: Vec<String> = left.iter().map(|(n, c, m)| format!("{n} {} {m:o}", c.len())).collect();
        place.open(&[]).unwrap();
        writeln!(table, "{}\n  → {}", names.join(", "), place.files().replace('\n', ", ")).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_directory_in_use_is_refused() {
    let mut place = Place::closed();
    place.fail("lock", Errno::AGAIN);
    let fatal = place.open(&[]).unwrap_err();
    let message = fatal.message().replace(&*place.path().to_string_lossy(), "d");
    assert_eq!(
        (fatal.code(), message.as_str()),
        (111, &*format!("unable to lock d/lock: {}", sys::strerror(Errno::BUSY)))
    );
}
