//! Programs that the overlay starts and waits for: looked up in PATH, and given to the shell if the kernel can't execute them.

use crate::environment::variables::PATH;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags};
use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;
use sys::process::Ended;
use sys::signal::{CHLD, Set, Signal, SignalFd};
use sys::spawn::{Spawn, Strings, spawn};
use tool::Env;
use tool::clock::{self, Moment};

/// The interpreter of files without an interpreter line, as in shells and execvp(3).
const SHELL: &[u8] = b"/bin/sh";

/// Descriptors, each with the number that it has in the program.
type Descriptors<'a> = &'a [(BorrowedFd<'a>, RawFd)];

/// The exit code that a shell reports for a program that could not be run.
#[must_use]
pub(crate) fn failure_code(e: Errno) -> u8 {
    if e == Errno::NOENT { 127 } else { 126 }
}

/// Starts a file; gives it to the shell if it has no interpreter line.
fn start_file(file: &[u8], argv: &[Vec<u8>], env: &Env, fds: Descriptors<'_>) -> Result<Pid, Errno> {
    let env = env.strings()?;
    let attempt = |file: &[u8], argv: &[Vec<u8>]| {
        spawn(&Spawn {
            file,
            argv: &Strings::new(argv)?,
            env: &env,
            dir: None,
            fds,
            session: false,
            pid_namespace: false,
            open_files: None,
            reset: &[],
            window: None,
            note: None,
        })
    };
    match attempt(file, argv) {
        Err(Errno::NOEXEC) => {
            let mut words = vec![SHELL.to_vec(), file.to_vec()];
            words.extend(argv.iter().skip(1).cloned());
            attempt(SHELL, &words)
        }
        done => done,
    }
}

/// Puts the shell in front of a command line whose program is text without an interpreter line, which the kernel can't
/// execute.
#[must_use]
pub(crate) fn with_interpreter(argv: Vec<Vec<u8>>, env: &Env) -> Vec<Vec<u8>> {
    let Some(file) = argv.first().and_then(|name| find(name, env)).filter(|file| is_bare_script(file)) else {
        return argv;
    };
    let mut words = vec![SHELL.to_vec(), file];
    words.extend(argv.into_iter().skip(1));
    words
}

/// The file that is executed for a name.
pub(crate) fn find(name: &[u8], env: &Env) -> Option<Vec<u8>> {
    if name.contains(&b'/') {
        return Some(name.to_vec());
    }
    let mut files = candidates(name, env);
    files.find(|f| sys::fs::access(f.as_slice(), Access::EXEC_OK).is_ok())
}

/// The files that a name may mean, in the order of PATH.
fn candidates<'a>(name: &'a [u8], env: &'a Env) -> impl Iterator<Item = Vec<u8>> + 'a {
    let path = env.get(PATH.bytes()).unwrap_or(tool::DEFAULT_PATH);
    path.split(|b| *b == b':').map(
        move |dir| {
            if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
        },
    )
}

/// Whether a file is executable and begins neither as an ELF program nor with an interpreter line.
fn is_bare_script(file: &[u8]) -> bool {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(fd) = sys::fs::openat(CWD, file, flags, Mode::empty()) else { return false };
    let mut start = [0; 2];
    sys::fs::access(file, Access::EXEC_OK).is_ok()
        && rustix::io::read(&fd, &mut start).is_ok_and(|n| n > 0)
        && &start != b"#!"
        && &start != b"\x7fE"
}

/// Starts a program, looked up in the PATH of `env` if its name has no slash; `fds` are descriptors that it gets beside
/// those of this process.
///
/// # Errors
/// It isn't found or can't be executed; [`failure_code`] gives the exit code.
pub fn start(argv: &[Vec<u8>], env: &Env, fds: Descriptors<'_>) -> Result<Pid, Errno> {
    let name = argv.first().ok_or(Errno::NOENT)?;
    if name.contains(&b'/') {
        return start_file(name, argv, env, fds);
    }
    let mut reason = Errno::NOENT;
    for file in candidates(name, env) {
        // As chain loading looks it up: an emulator of processes doesn't tell that a first exec has failed.
        let there = sys::fs::accessat(CWD, &file, Access::EXEC_OK, AtFlags::EACCESS);
        match there.and_then(|()| start_file(&file, argv, env, fds)) {
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(Errno::ACCESS) => reason = Errno::ACCESS,
            done => return done,
        }
    }
    Err(reason)
}

/// Starts a program and waits for its end.
///
/// # Errors
/// It isn't found or can't be executed; [`failure_code`] gives the exit code.
pub(crate) fn run(argv: &[Vec<u8>], env: &Env, fds: Descriptors<'_>) -> Result<Ended, Errno> {
    let pid = start(argv, env, fds)?;
    Ok(sys::process::wait_for(pid).unwrap_or(Ended::Exited(111)))
}

/// Waits for a child; sends it the signal after `limit` and continues to wait.  The second value says whether it was sent.
pub fn wait_at_most(pid: Pid, limit: Option<Duration>, signal: Signal) -> Result<(Ended, bool), Errno> {
    let mut late = false;
    if let Some(limit) = limit {
        let deadline = clock::now().saturating_add(limit);
        let ended = match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => is_readable_before(&pidfd, deadline),
            Err(_) => match reap_before(pid, deadline)? {
                Some(ended) => return Ok((ended, false)),
                None => false,
            },
        };
        if !ended {
            late = true;
            let _ = sys::process::kill(pid, signal);
        }
    }
    Ok((sys::process::wait_for(pid)?, late))
}

/// Reaps the child if it ends before the deadline, told by SIGCHLD: for kernels before 5.3, which have no pidfds.
fn reap_before(pid: Pid, deadline: Moment) -> Result<Option<Ended>, Errno> {
    let mask = sys::signal::block(&Set::empty());
    let children = SignalFd::new(&Set::of(&[CHLD]))?;
    let ended = loop {
        match sys::process::reap_one(pid) {
            Ok(None) if is_readable_before(&children, deadline) => while children.read()?.is_some() {},
            done => break done,
        }
    };
    sys::signal::set_mask(&mask);
    ended
}

fn is_readable_before(fd: &impl std::os::fd::AsFd, deadline: Moment) -> bool {
    loop {
        let left = deadline.saturating_sub(clock::now());
        let timeout = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 });
        match rustix::event::poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(w: &[&str]) -> Vec<Vec<u8>> {
        w.iter().map(|w| w.as_bytes().to_vec()).collect()
    }

    #[test]
    fn codes_of_programs_and_of_failures() {
        let env = Env::from_vars(words(&["PATH=/nowhere:/bin:/usr/bin"]));
        assert_eq!(run(&words(&["sh", "-c", "exit 9"]), &env, &[]), Ok(Ended::Exited(9)));
        assert_eq!(run(&words(&["sh", "-c", "kill -KILL $$"]), &env, &[]), Ok(Ended::Killed(9)));
        assert_eq!(run(&words(&["no-such-program"]), &env, &[]).map_err(failure_code), Err(127));
        assert_eq!(run(&words(&["/etc"]), &env, &[]).map_err(failure_code), Err(126));
    }

    #[test]
    fn only_text_without_an_interpreter_line_gets_the_shell() {
        let env = Env::from_vars(words(&["PATH=/bin:/usr/bin"]));
        for unchanged in ["sh", "/bin/sh", "/etc/passwd", "/etc", "no-such-program"] {
            let argv = words(&[unchanged, "a"]);
            assert_eq!(with_interpreter(argv.clone(), &env), argv);
        }
    }

    #[test]
    fn a_child_that_takes_too_long_gets_the_signal() {
        let env = Env::from_vars(words(&["PATH=/bin:/usr/bin"]));
        let pid = start(&words(&["cat"]), &env, &[]).ok();
        // cat ends by itself if standard input is empty; then it wasn't late.
        let (ended, late) = wait_at_most(pid.unwrap(), Some(Duration::from_millis(50)), 9).unwrap();
        assert_eq!(late, ended == Ended::Killed(9));
    }

    #[test]
    fn a_childs_end_is_noticed_without_pidfds() {
        let env = Env::from_vars(words(&["PATH=/bin:/usr/bin"]));
        // In a process of its own: in this one another thread may get the signal.
        let in_child = || {
            let (soon, later) = (clock::now(), clock::now() + Duration::from_secs(3600));
            let pid = start(&words(&["sleep", "1000"]), &env, &[]).ok()?;
            let early = reap_before(pid, soon).ok()?;
            sys::process::kill(pid, 15).ok()?;
            (early.is_none() && reap_before(pid, later) == Ok(Some(Ended::Killed(15)))).then_some(())
        };
        match sys::process::fork().unwrap() {
            sys::process::Fork::Child => sys::process::exit(in_child().is_none().into()),
            sys::process::Fork::Parent(pid) => {
                assert_eq!(sys::process::wait_for(pid).unwrap(), Ended::Exited(0));
            }
        }
    }
}
