//! The test programs of a crate: compiled in the copy, and run with a change switched on.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::command::cargo;
use crate::failure::Failure;
use crate::workspace;

/// How much memory a test program may map, in KiB: a change may make a loop endless.
const MEMORY_LIMIT: u32 = 2_000_000;

/// What compiling came to.
pub enum Compiled {
    Programs(Programs),
    /// Where the errors are: a file, and the bytes of it.
    Errors(HashSet<(String, Range<usize>)>),
}

/// The variable that names the change which is on.
const VARIABLE: &str = "XTASK_MUTANT";

/// The variable that names the file of what is reached.
const REACHED_VARIABLE: &str = "XTASK_MUTANTS_REACHED";

/// How the kernel ends a process beyond the limit of the processor's time.
const SIGXCPU: i32 = 24;
/// The same, if it goes on.
const SIGKILL: i32 = 9;

/// The thread of a test program that is none of its tests'.
const MAIN: &str = "main";

/// Test programs.
pub struct Programs {
    paths: Vec<PathBuf>,
    /// Of each of them, which changes are reached by which tests.
    reached: Vec<HashMap<usize, HashSet<String>>>,
    /// Where cargo runs them.
    folder: PathBuf,
    top: PathBuf,
}

/// How long tests may take.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Of the processor's time, which doesn't depend on what else the machine does.
    pub processor: Duration,
    pub elapsed: Duration,
}

/// What a run of the tests came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
    TimedOut,
}

impl Programs {
    /// Compiles the tests of a crate of the copy at `top`.
    pub fn compile(top: &Path, krate: &str) -> Result<Compiled, Failure> {
        let mut command = cargo();
        command.current_dir(top).args([
            "test",
            "--no-run",
            "--tests",
            "--message-format=json",
            "--quiet",
            "--package",
        ]);
        command.arg(krate).env("CARGO_TARGET_DIR", workspace::target().join("mutants/build"));
        // Nobody debugs a change, and nobody reads its warnings.
        command.env("CARGO_PROFILE_DEV_DEBUG", "none").env("RUSTFLAGS", "--cap-lints=allow");
        // They are compiled once and run for each change.
        command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
        let output = command.stderr(Stdio::null()).output();
        let output = output.map_err(|e| Failure(format!("unable to run cargo test: {e}")))?;
        let messages =
            output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok());
        let messages: Vec<Value> = messages.collect();
        if !output.status.success() {
            let errors: HashSet<_> = messages.iter().flat_map(error_places).collect();
            if errors.is_empty() {
                return Err(Failure(format!(
                    "the tests of {krate} don't compile, without a place of an error"
                )));
            }
            return Ok(Compiled::Errors(errors));
        }
        let paths =
            messages.iter().filter_map(|message| message.get("executable")?.as_str()).map(PathBuf::from);
        let folder = top.join("crates").join(krate);
        Ok(Compiled::Programs(Self {
            paths: paths.collect(),
            reached: Vec::new(),
            folder,
            top: top.to_owned(),
        }))
    }

    /// Runs the tests without a change, and finds out which changes each of them reaches.
    pub fn observe(&mut self, limit: Limit) -> Result<Verdict, Failure> {
        let file =
            tempfile::NamedTempFile::new().map_err(|e| Failure(format!("unable to make a file: {e}")))?;
        for path in self.paths.clone() {
            fs::write(file.path(), "").map_err(Failure::unable("write", file.path()))?;
            let mut command = self.command(&path, limit);
            // With one thread the tests would run in the main one.
            command.arg("--test-threads=2").env(REACHED_VARIABLE, file.path());
            let verdict = run(command, limit)?;
            if verdict != Verdict::Passed {
                return Ok(verdict);
            }
            let text = fs::read_to_string(file.path()).map_err(Failure::unable("read", file.path()))?;
            self.reached.push(reached(&text));
        }
        Ok(Verdict::Passed)
    }

    /// Runs the tests that reach a change, which is switched on, up to the first that fails.
    pub fn run_switched(&self, change: usize, limit: Limit) -> Result<Verdict, Failure> {
        for (path, reached) in self.paths.iter().zip(&self.reached) {
            let Some(tests) = reached.get(&change) else { continue };
            let mut command = self.command(path, limit);
            command.env(VARIABLE, change.to_string());
            if !tests.contains(MAIN) {
                command.arg("--exact").args(tests);
            }
            let verdict = run(command, limit)?;
            if verdict != Verdict::Passed {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Passed)
    }

    /// Runs all tests, up to the first that fails.
    pub fn run(&self, limit: Limit) -> Result<Verdict, Failure> {
        for path in &self.paths {
            let verdict = run(self.command(path, limit), limit)?;
            if verdict != Verdict::Passed {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Passed)
    }

    fn command(&self, path: &Path, limit: Limit) -> Command {
        let mut command = Command::new("sh");
        let seconds = limit.processor.as_secs();
        let script = format!("ulimit -v {MEMORY_LIMIT} -c 0 -t {seconds}; exec \"$0\" \"$@\"");
        command.arg("-c").arg(script).arg(path).current_dir(&self.folder).process_group(0);
        command.env("CARGO_MANIFEST_DIR", &self.folder);
        // Finding out where a test failed takes longer than the test.
        command.env("RUST_BACKTRACE", "0");
        // The same cases each time, and no more than other tests leave to do.
        command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_CASES", "256");
        command.env("INSTA_WORKSPACE_ROOT", &self.top).env("INSTA_UPDATE", "no");
        command
    }
}

/// Runs a test program.
fn run(mut command: Command, limit: Limit) -> Result<Verdict, Failure> {
    let deadline = Instant::now() + limit.elapsed;
    let unable = |e| Failure(format!("unable to run a test program: {e}"));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(unable)?;
    let seen = child.stdout.take().map(|out| watch(out, deadline));
    if seen != Some(Verdict::Passed) {
        end(&child);
    }
    let status = child.wait().map_err(unable)?;
    Ok(match seen {
        Some(Verdict::Passed) | None if status.success() => Verdict::Passed,
        Some(Verdict::TimedOut) => Verdict::TimedOut,
        // The limit of the processor's time.
        _ if matches!(status.signal(), Some(SIGKILL | SIGXCPU)) && seen == Some(Verdict::Passed) => {
            Verdict::TimedOut
        }
        _ => Verdict::Failed,
    })
}

/// The tests of each change, from lines of `CHANGE TEST`.
fn reached(text: &str) -> HashMap<usize, HashSet<String>> {
    let mut reached: HashMap<_, HashSet<_>> = HashMap::new();
    for (change, test) in text.lines().filter_map(|line| line.split_once(' ')) {
        if let Ok(change) = change.parse() {
            reached.entry(change).or_default().insert(test.to_owned());
        }
    }
    reached
}

/// Reads what the tests say until one fails, or they have all ended.
fn watch(mut out: ChildStdout, deadline: Instant) -> Verdict {
    let mut text = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return Verdict::TimedOut };
        match poll(&mut [PollFd::new(&out, PollFlags::IN)], Some(&left)) {
            Ok(0) => return Verdict::TimedOut,
            Ok(_) => {}
            Err(_) => continue,
        }
        match out.read(&mut bytes) {
            Ok(0) | Err(_) => return Verdict::Passed,
            Ok(count) => text.extend_from_slice(&bytes[..count]),
        }
        if text.windows(FAILED.len()).any(|window| window == FAILED) {
            return Verdict::Failed;
        }
    }
}

/// What the harness writes behind the name of a test that failed.
const FAILED: &[u8] = b" ... FAILED\n";

/// Ends a program and what it started.
fn end(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// The places that an error of the compiler names first.
fn error_places(message: &Value) -> Vec<(String, Range<usize>)> {
    let place = |span: &Value| {
        let number = |key: &str| usize::try_from(span.get(key)?.as_u64()?).ok();
        if !span.get("is_primary")?.as_bool()? {
            return None;
        }
        Some((span.get("file_name")?.as_str()?.to_owned(), number("byte_start")?..number("byte_end")?))
    };
    let Some(message) =
        message.get("message").filter(|inner| inner.get("level").is_some_and(|l| l == "error"))
    else {
        return Vec::new();
    };
    message.get("spans").and_then(Value::as_array).into_iter().flatten().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_have_places_and_warnings_have_none() {
        let span = json!({ "is_primary": true, "file_name": "f.rs", "byte_start": 3, "byte_end": 7 });
        let other = json!({ "is_primary": false, "file_name": "g.rs", "byte_start": 1, "byte_end": 2 });
        let message = |level: &str| json!({ "message": { "level": level, "spans": [span, other] } });
        assert_eq!(error_places(&message("error")), [("f.rs".to_owned(), 3..7)]);
        assert_eq!(error_places(&message("warning")), []);
    }

    #[test]
    fn each_change_has_the_tests_that_reach_it() {
        let got = reached("3 a::b\n4 main\n3 a::c\n3 a::b\n");
        let tests = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(got, HashMap::from([(3, tests(&["a::b", "a::c"])), (4, tests(&[MAIN]))]));
    }

    #[test]
    fn a_run_ends_at_the_first_failure_and_at_the_limit() {
        let run = |script: &str, limit: u64| {
            let mut child = Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap();
            let verdict = watch(child.stdout.take().unwrap(), Instant::now() + Duration::from_millis(limit));
            let _ = child.kill();
            let _ = child.wait();
            verdict
        };
        let enough = 60_000;
        assert_eq!(run("echo test a ... ok", enough), Verdict::Passed);
        assert_eq!(run("echo 'test a ... FAILED'; exec sleep 1000", enough), Verdict::Failed);
        assert_eq!(run("exec sleep 1000", 1), Verdict::TimedOut);
    }
}
