//! `s6-log` loses nothing: what goes in is counted, and what is in the log directory afterwards.
//!
//! Needs root, for small file systems of its own; and a shell, for processors.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, Stdio};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::UnshareFlags;
use tempfile::TempDir;
use tests::image;

type Outcome = Result<(), Failed>;
type Test = fn(&Path) -> Outcome;

const TESTS: &[(&str, Test)] = &[
    ("binary_data", binary_data),
    ("clock_steps", clock_steps),
    ("failing_processor", failing_processor),
    ("flood_of_rotations", flood_of_rotations),
    ("full_disk", full_disk),
    ("hanging_processor", hanging_processor),
    ("kill_at_any_byte", kill_at_any_byte),
    ("kill_between_the_steps_of_a_rotation", kill_between_steps),
    ("long_lines", long_lines),
    ("moved_directory", moved_directory),
    ("no_final_newline", no_final_newline),
    ("removed_current", removed_current),
    ("removed_directory", removed_directory),
    ("removed_parent", removed_parent),
    ("removing_processor", removing_processor),
    ("status_file_that_cannot_be_written", failing_status),
];

fn main() {
    let code = run().unwrap_or_else(|why| {
        #[expect(clippy::print_stderr, reason = "an ordinary test program")]
        {
            eprintln!("log: {why}");
        }
        2
    });
    std::process::exit(code)
}

fn run() -> Result<i32, String> {
    let arguments = Arguments::from_args();
    let program = if arguments.list { PathBuf::new() } else { image::distribution()?.join("command/s6-log") };
    if !arguments.list {
        sys::namespace::unshare(UnshareFlags::NEWNS).map_err(|e| format!("these tests need root: {e}"))?;
        let private =
            rustix::mount::MountPropagationFlags::PRIVATE | rustix::mount::MountPropagationFlags::REC;
        rustix::mount::mount_change("/", private).map_err(|e| format!("unable to make / private: {e}"))?;
    }
    let program = Arc::new(program);
    let trials = TESTS
        .iter()
        .map(|(name, test)| {
            let program = Arc::clone(&program);
            Trial::test(*name, move || test(&program))
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    Ok(if conclusion.has_failed() { 101 } else { 0 })
}

/// A running s6-log in a directory of its own, which has the log directory `d`.
struct Logger {
    child: Child,
    input: ChildStdin,
    complaints: BufReader<ChildStderr>,
}

impl Logger {
    fn start(program: &Path, at: &Path, arguments: &[&str]) -> Result<Self, Failed> {
        let mut child = Command::new(program)
            .args(arguments)
            .current_dir(at)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|why| format!("unable to run {}: {why}", program.display()))?;
        let input = child.stdin.take().ok_or("no stdin")?;
        let complaints = BufReader::new(child.stderr.take().ok_or("no stderr")?);
        Ok(Self { child, input, complaints })
    }

    /// Waits until it complains so.
    fn complains(&mut self, about: &str) -> Outcome {
        let mut line = String::new();
        while self.complaints.read_line(&mut line)? > 0 {
            if line.contains(about) {
                return Ok(());
            }
        }
        Err(format!("it ended without a word about {about:?}: {line}").into())
    }

    fn signal(&self, signal: Signal) -> Outcome {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Ends its input, and waits for its end.
    fn end(self) -> Outcome {
        self.end_and_tell().map(drop)
    }

    /// As [`Logger::end`]; gives the messages that no call has waited for.
    fn end_and_tell(mut self) -> Result<String, Failed> {
        drop(self.input);
        let mut rest = String::new();
        self.complaints.read_to_string(&mut rest)?;
        let status = self.child.wait()?;
        if status.success() { Ok(rest) } else { Err(format!("{status}: {rest}").into()) }
    }

    /// Kills it and waits until it is gone.
    fn kill(mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

fn directory() -> Result<TempDir, Failed> {
    Ok(tempfile::tempdir()?)
}

/// Everything that a log directory has, the oldest first.
fn logged(directory: &Path) -> Result<Vec<u8>, Failed> {
    let mut names: Vec<_> =
        fs::read_dir(directory)?.map(|entry| entry.map(|e| e.file_name())).collect::<Result<_, _>>()?;
    names.retain(|name| name.to_string_lossy().starts_with('@'));
    names.sort();
    let mut all = Vec::new();
    for name in names.into_iter().chain(["previous", "current"].map(Into::into)) {
        match File::open(directory.join(name)) {
            Ok(mut file) => drop(file.read_to_end(&mut all)?),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => {}
            Err(why) => return Err(why.into()),
        }
    }
    Ok(all)
}

/// So many lines, each with its number.
fn numbered(count: u32) -> Vec<u8> {
    (0..count).flat_map(|i| format!("{i:06} {}\n", "x".repeat((i % 97) as usize)).into_bytes()).collect()
}

/// Fails unless both are the same; reports how many lines each has and where they part.
fn same(got: &[u8], want: &[u8]) -> Outcome {
    let lines = |text: &[u8]| text.iter().filter(|b| **b == b'\n').count();
    if got == want {
        return Ok(());
    }
    let at = got.iter().zip(want).take_while(|(a, b)| a == b).count();
    let (out, input) = (lines(got), lines(want));
    Err(format!("{input} lines in, {out} lines out; they part at byte {at}").into())
}

fn full_disk(program: &Path) -> Outcome {
    let at = directory()?;
    rustix::mount::mount(
        "tmpfs",
        at.path(),
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        Some(c"size=512k"),
    )?;
    let ballast = at.path().join("ballast");
    fs::write(&ballast, vec![0; 400 * 1024])?;
    let lines = numbered(5000);
    let mut log = Logger::start(program, at.path(), &["r50", "n100", "s20000", "./d"])?;
    log.input.write_all(&lines)?;
    log.complains("No space left on device")?;
    fs::remove_file(ballast)?;
    log.end()?;
    let all = logged(&at.path().join("d"));
    rustix::mount::unmount(at.path(), rustix::mount::UnmountFlags::DETACH)?;
    same(&all?, &lines)
}

/// The directory moves away and another one takes its place: lines go on into the one that was opened.
fn moved_directory(program: &Path) -> Outcome {
    let at = directory()?;
    let lines = numbered(2000);
    let (first, rest) = lines.split_at(lines.len() / 2);
    // The alert shows that it has begun.
    let mut log = Logger::start(program, at.path(), &["-", "+^000000", "2", "+", "n1000", "s4096", "./d"])?;
    log.input.write_all(first)?;
    log.complains("alert: 000000")?;
    fs::rename(at.path().join("d"), at.path().join("moved"))?;
    fs::create_dir(at.path().join("d"))?;
    log.input.write_all(rest)?;
    log.end()?;
    same(&logged(&at.path().join("moved"))?, &lines)
}

/// Writes the first lines and waits until they are in `current`.
fn begin(log: &mut Logger, d: &Path, lines: &[u8]) -> Outcome {
    log.input.write_all(lines)?;
    while fs::metadata(d.join("current")).map_or(0, |m| m.len()) < lines.len() as u64 {
        std::thread::yield_now();
    }
    Ok(())
}

/// Somebody removes the file that is written, or moves it away: what was in the removed file is there again.
fn removed_current(program: &Path) -> Outcome {
    let at = directory()?;
    let d = at.path().join("d");
    let mut log = Logger::start(program, at.path(), &["n1000", "s4096", "./d"])?;
    begin(&mut log, &d, b"before\n")?;
    fs::remove_file(d.join("current"))?;
    let lines = numbered(500);
    log.input.write_all(&lines)?;
    log.complains("current in ./d was removed")?;
    log.end()?;
    same(&logged(&d)?, &[b"before\n".as_slice(), &lines].concat())?;

    let mut log = Logger::start(program, at.path(), &["n1000", "s4096", "./e"])?;
    let e = at.path().join("e");
    begin(&mut log, &e, b"before\n")?;
    fs::rename(e.join("current"), e.join("@0"))?;
    log.input.write_all(&lines)?;
    log.complains("current in ./e was moved away")?;
    log.end()?;
    same(&logged(&e)?, &[b"before\n".as_slice(), &lines].concat())
}

/// Somebody removes the whole directory: it is there again at the next rotation, or at the end, and nothing is lost of
/// what `current` had and of what came after.
fn removed_directory(program: &Path) -> Outcome {
    for count in [0, 10, 3000] {
        let at = directory()?;
        let d = at.path().join("d");
        let mut log = Logger::start(program, at.path(), &["n1000", "s4096", "./d"])?;
        begin(&mut log, &d, b"before\n")?;
        fs::remove_dir_all(&d)?;
        let lines = numbered(count);
        log.input.write_all(&lines)?;
        let complaints = log.end_and_tell()?;
        same(&logged(&d)?, &[b"before\n".as_slice(), &lines].concat())?;
        let wanted = "s6-log: warning: ./d was removed: it is made anew, and gets what was in current\n";
        if complaints != wanted {
            return Err(complaints.into());
        }
    }
    Ok(())
}

/// The directory is gone, and can't be recreated yet: the lines wait, one message says for what.
fn removed_parent(program: &Path) -> Outcome {
    let at = directory()?;
    let (p, d) = (at.path().join("p"), at.path().join("p/d"));
    fs::create_dir(&p)?;
    let mut log = Logger::start(program, at.path(), &["r1", "n100000", "s4096", "./p/d"])?;
    begin(&mut log, &d, b"before\n")?;
    fs::remove_dir_all(&p)?;
    // So much that it is read in many pieces, each a chance to complain again.
    let lines = numbered(30_000);
    log.input.write_all(&lines)?;
    log.complains("./p/d was removed, making it anew: No such file or directory; its lines wait")?;
    fs::create_dir(&p)?;
    let complaints = log.end_and_tell()?;
    same(&logged(&d)?, &[b"before\n".as_slice(), &lines].concat())?;
    let wanted = "s6-log: warning: ./p/d was removed: it is made anew, and gets what was in current\n";
    if complaints == wanted { Ok(()) } else { Err(complaints.into()) }
}

/// A processor that removes what it shall archive, or the directory, doesn't stop the logger.
fn removing_processor(program: &Path) -> Outcome {
    let lines = numbered(1000);
    for (processor, complaint) in [
        ("rm previous processed", "unable to open processed"),
        ("test -e ../gone || { : >../gone; rm -r ../d; exit 1; }; exec cat", "previous in ./d was removed"),
    ] {
        let at = directory()?;
        let mut log =
            Logger::start(program, at.path(), &["r1", "n1000", "s4096", &format!("?{processor}"), "./d"])?;
        log.input.write_all(&lines)?;
        log.complains(complaint)?;
        log.end()?;
        // The last lines are there at least.
        let all = logged(&at.path().join("d"))?;
        if !lines.ends_with(&all) || !all.ends_with(b"\n") {
            return Err(format!("{processor}: {} bytes left", all.len()).into());
        }
    }
    Ok(())
}

/// What was in the files when the logger was killed is there once after the next one's start.
fn kill_at_any_byte(program: &Path) -> Outcome {
    let lines = numbered(3000);
    for round in 0..40 {
        let at = directory()?;
        let d = at.path().join("d");
        let mut log = Logger::start(program, at.path(), &["n1000", "s4096", "./d"])?;
        let (first, _) = lines.split_at(lines.len() * (round + 1) / 41);
        log.input.write_all(first)?;
        log.kill()?;
        let left = if d.join("lock").exists() { logged(&d)? } else { Vec::new() };
        same(&left, lines.get(..left.len()).ok_or("more came out than went in")?)?;
        let mut log = Logger::start(program, at.path(), &["n1000", "s4096", "./d"])?;
        log.input.write_all(b"after\n")?;
        log.end()?;
        same(&logged(&d)?, &[&left[..], b"after\n"].concat())?;
    }
    Ok(())
}

/// A file of a log directory: its name, its content, whether it is marked as finished.
type Left = (&'static str, &'static str, bool);

/// What a kill can leave between two steps of a rotation, with and without a processor.
const LEFT: &[(&[Left], &str)] = &[
    (&[("previous", "one\n", false)], "one\n"),
    (&[("previous", "one\n", false), ("current", "", false)], "one\n"),
    (&[("previous", "one\n", true), ("current", "two\n", false)], "one\ntwo\n"),
    (&[("previous", "one\n", true), ("current", "two\n", true)], "one\ntwo\n"),
    (&[("previous", "one\n", true), ("processed", "", false), ("newstate", "", false)], "one\n"),
    (&[("previous", "one\n", true), ("processed", "on", false), ("current", "two\n", false)], "one\ntwo\n"),
    (&[("previous", "one\n", true), ("processed", "ONE\n", true), ("newstate", "s", false)], "ONE\n"),
    (&[("processed", "ONE\n", true), ("newstate", "s", false), ("current", "two\n", false)], "ONE\ntwo\n"),
    (&[("processed", "ONE\n", true), ("state", "s", false), ("current", "two\n", true)], "ONE\ntwo\n"),
    (&[("processed", "ONE\n", true), ("current", "", true)], "ONE\n"),
];

fn kill_between_steps(program: &Path) -> Outcome {
    for (files, expected) in LEFT {
        let at = directory()?;
        let d = at.path().join("d");
        fs::create_dir(&d)?;
        for (name, content, finished) in *files {
            fs::write(d.join(name), content)?;
            let mode = if *finished { 0o744 } else { 0o644 };
            fs::set_permissions(d.join(name), fs::Permissions::from_mode(mode))?;
        }
        let mut log = Logger::start(program, at.path(), &["n1000", "./d"])?;
        log.input.write_all(b"after\n")?;
        log.end()?;
        same(&logged(&d)?, format!("{expected}after\n").as_bytes())
            .map_err(|why| format!("{files:?}: {}", why.message().unwrap_or_default()))?;
    }
    // An archive has its name already, and the old name isn't gone yet.
    let at = directory()?;
    let d = at.path().join("d");
    fs::create_dir(&d)?;
    fs::write(d.join("previous"), "one\n")?;
    fs::hard_link(d.join("previous"), d.join("@400000006000000000000000.s"))?;
    Logger::start(program, at.path(), &["./d"])?.end()?;
    same(&logged(&d)?, b"one\n")
}

fn failing_processor(program: &Path) -> Outcome {
    let at = directory()?;
    let lines = numbered(2000);
    // Every second run fails, after part of its work.
    fs::write(
        at.path().join("p"),
        "if rm ../failed 2>&-; then exec cat; fi; : >../failed; head -c 1000; exit 1\n",
    )?;
    let mut log = Logger::start(program, at.path(), &["r20", "n1000", "s8192", "?. ../p", "./d"])?;
    log.input.write_all(&lines)?;
    log.complains("exited with 1")?;
    log.end()?;
    same(&logged(&at.path().join("d"))?, &lines)
}

/// While a processor hangs, lines go to `current`, then wait; they continue when it does.
fn hanging_processor(program: &Path) -> Outcome {
    let at = directory()?;
    let lines = numbered(3000);
    for fifo in ["begun", "go"] {
        sys::fs::mknodat(
            rustix::fs::CWD,
            at.path().join(fifo),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )?;
    }
    fs::write(
        at.path().join("p"),
        "test -e ../let || { : >../let; echo >../begun; read x <../go; }; exec cat\n",
    )?;
    let mut log = Logger::start(program, at.path(), &["n1000", "s8192", "?. ../p", "./d"])?;
    log.input.write_all(&lines)?;
    File::open(at.path().join("begun"))?.read_to_end(&mut Vec::new())?;
    let before = logged(&at.path().join("d"))?;
    same(&before, lines.get(..before.len()).ok_or("more came out than went in")?)?;
    fs::write(at.path().join("go"), "\n")?;
    log.end()?;
    same(&logged(&at.path().join("d"))?, &lines)
}

/// A status file that can't be written is reported once, and again after a success.
fn failing_status(program: &Path) -> Outcome {
    let at = directory()?;
    let p = at.path().join("p");
    // Files are written in their order, then the complaints, then the alert of the next line.
    let mut log = Logger::start(program, at.path(), &["=p/status", "^0", "=tried", "2"])?;
    let mut counts = Vec::new();
    for is_there in [false, false, true, false, false] {
        if is_there {
            fs::create_dir(&p)?;
        } else if p.exists() {
            fs::remove_dir_all(&p)?;
        }
        let mut said = String::new();
        for line in ["one\n", "two\n"] {
            log.input.write_all(line.as_bytes())?;
            while fs::read(at.path().join("tried")).unwrap_or_default() != line.as_bytes() {
                std::thread::yield_now();
            }
        }
        while log.complaints.read_line(&mut said)? > 0 && !said.ends_with("alert: two\n") {}
        counts.push(said.matches("unable to write p/status: No such file or directory\n").count());
    }
    let rest = log.end_and_tell()?;
    if counts == [1, 0, 0, 1, 0] && rest.is_empty() {
        Ok(())
    } else {
        Err(format!("{counts:?} {rest}").into())
    }
}

fn long_lines(program: &Path) -> Outcome {
    let at = directory()?;
    let long = [vec![b'y'; 3_000_000], b"\n".to_vec()].concat();
    let lines = [&long[..], b"short\n", &long, &numbered(10)].concat();
    let mut log = Logger::start(program, at.path(), &["-l", "0", "n1000", "s4096", "./d"])?;
    log.input.write_all(&lines)?;
    log.end()?;
    same(&logged(&at.path().join("d"))?, &lines)?;
    // In pieces of at most this many bytes, each a line.
    let mut log = Logger::start(program, at.path(), &["-l", "1000", "n5000", "s100000", "./pieces"])?;
    log.input.write_all(&lines)?;
    log.end()?;
    let pieces: Vec<u8> = lines
        .split_inclusive(|b| *b == b'\n')
        .flat_map(|line| {
            line.strip_suffix(b"\n").unwrap_or(line).chunks(1000).flat_map(|c| [c, b"\n"].concat())
        })
        .collect();
    same(&logged(&at.path().join("pieces"))?, &pieces)
}

fn no_final_newline(program: &Path) -> Outcome {
    let at = directory()?;
    for input in [&b"one\ntwo"[..], b"x", b"one\n\n", b""] {
        let d = at.path().join("d");
        let mut log = Logger::start(program, at.path(), &["./d"])?;
        log.input.write_all(input)?;
        log.end()?;
        let end: &[u8] = if input.is_empty() || input.ends_with(b"\n") { b"" } else { b"\n" };
        same(&logged(&d)?, &[input, end].concat())?;
        fs::remove_dir_all(d)?;
    }
    Ok(())
}

fn binary_data(program: &Path) -> Outcome {
    let at = directory()?;
    let mut state = 1_u32;
    let lines: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(1_000_000)
    .chain([b'\n'])
    .collect();
    let mut log = Logger::start(program, at.path(), &["-l", "0", "n1000", "s100000", "./d"])?;
    log.input.write_all(&lines)?;
    log.end()?;
    // A NUL byte ends a line as a newline does.
    let wanted: Vec<u8> = lines.into_iter().map(|b| if b == 0 { b'\n' } else { b }).collect();
    same(&logged(&at.path().join("d"))?, &wanted)
}

/// Archives from before the clock was set back have later names: the new ones follow them, and aren't thrown away
/// in their stead.
fn clock_steps(program: &Path) -> Outcome {
    let at = directory()?;
    let d = at.path().join("d");
    fs::create_dir(&d)?;
    for i in 0..3 {
        fs::write(d.join(format!("@4000000080000000{i:08x}.s")), format!("old {i}\n"))?;
    }
    let lines = numbered(100);
    let mut log = Logger::start(program, at.path(), &["n3", "s4096", "./d"])?;
    log.input.write_all(&lines)?;
    log.end()?;
    let all = logged(&d)?;
    // There were two rotations.
    same(&all, &[b"old 2\n", &lines[..]].concat())
}

fn flood_of_rotations(program: &Path) -> Outcome {
    let at = directory()?;
    let lines = numbered(30_000);
    let mut log = Logger::start(program, at.path(), &["-", "+^000000", "2", "+", "n100000", "s4096", "./d"])?;
    let (first, rest) = lines.split_at(3000);
    log.input.write_all(first)?;
    // It takes signals now.
    log.complains("alert: 000000")?;
    for part in rest.chunks(3000) {
        log.input.write_all(part)?;
        log.signal(Signal::ALARM)?;
    }
    log.end()?;
    same(&logged(&at.path().join("d"))?, &lines)
}
