//! Starting a program in a child, for blocks of execline and for loops.
//!
//! The program is looked up as [`crate::run`] does.  A tool of this binary that may be entered is entered in a forked
//! child; anything else is executed.  If that fails, the caller gets the error, and no child is left.

use crate::chain::{self, Target};
use crate::{Call, Env, Fatal, Program, diag};
use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;
use rustix::process::Pid;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use sys::fs::accessat;
use sys::process::Fork;
use sys::signal::Set;
use sys::spawn::{Spawn, Strings, spawn_with_mask};

/// What a child gets besides its arguments and its environment.
#[derive(Default)]
pub struct Setup<'a> {
    /// Descriptors, and their numbers in the program.
    pub fds: &'a [(BorrowedFd<'a>, RawFd)],
    /// The caller's private descriptors, all close-on-exec, which the child must not see.
    pub private: &'a [BorrowedFd<'a>],
    /// The signal mask; the caller's if not given.
    pub mask: Option<Set>,
}

impl Setup<'_> {
    /// Sets up the child.
    fn apply(&self) -> Result<(), Errno> {
        let moves: Vec<_> = self.fds.iter().map(|(fd, to)| (fd.as_raw_fd(), *to)).collect();
        sys::fd::copy_all(&moves)?;
        for fd in self.private {
            if !moves.iter().any(|(_, to)| *to == fd.as_raw_fd()) {
                sys::fd::close(fd.as_raw_fd());
            }
        }
        if let Some(mask) = &self.mask {
            sys::signal::set_mask(mask);
        }
        Ok(())
    }
}

/// Starts `argv` in a child; the program is looked up in the call's PATH.
///
/// # Errors
/// `unable to spawn PROG: REASON`, code 111.  An empty `argv` is a usage error.
pub fn spawn(call: &Call, argv: Vec<Vec<u8>>, env: Env) -> Result<Pid, Fatal> {
    let name = argv.first().cloned().ok_or_else(Fatal::usage)?;
    try_spawn(call, argv, env, &Setup::default()).map_err(|e| unable_to_spawn(&name, e))
}

/// `unable to spawn PROG: REASON`, code 111.
#[must_use]
pub fn unable_to_spawn(name: &[u8], e: Errno) -> Fatal {
    let why = crate::exec_failure::explain_word(name, e);
    Fatal::new(111, format_args!("unable to spawn {}: {why}", diag::show(name)))
}

/// As [`spawn`], with a [`Setup`].
///
/// # Errors
/// The child could not be made, or could not run the program; `NOENT` for an empty `argv`.
pub fn try_spawn(call: &Call, argv: Vec<Vec<u8>>, env: Env, setup: &Setup<'_>) -> Result<Pid, Errno> {
    spawn_as(call.tool.name, call.path.as_deref(), argv, env, setup)
}

/// As [`try_spawn`], for a calling program named `name` that looks programs up in `path`.
///
/// # Errors
/// As of [`try_spawn`].
pub fn spawn_as(
    name: &str,
    path: Option<&[u8]>,
    argv: Vec<Vec<u8>>,
    env: Env,
    setup: &Setup<'_>,
) -> Result<Pid, Errno> {
    let program = Program { file: argv.first().cloned().ok_or(Errno::NOENT)?, argv, env };
    match chain::find(&program, path)? {
        Target::Tool(tool) => match sys::process::fork()? {
            Fork::Parent(pid) => Ok(pid),
            Fork::Child => {
                diag::set_form(None);
                diag::set_reader_limit(None);
                if let Err(e) = setup.apply() {
                    diag::fatal(name, Fatal::unable("set up descriptors", e).message());
                    sys::process::exit(111);
                }
                crate::run(tool, program.argv, program.env)
            }
        },
        Target::Files(files) => execute(&files, &program, setup),
    }
}

/// Executes the first of `files` that can be executed.
fn execute(files: &[Vec<u8>], program: &Program, setup: &Setup<'_>) -> Result<Pid, Errno> {
    let argv = Strings::new(&program.argv)?;
    let env = program.env.strings()?;
    let mask = setup.mask.unwrap_or_else(|| sys::signal::block(&Set::empty()));
    let mut denied = false;
    for file in files {
        let (dir, open_files) = (None, None);
        let what = Spawn {
            file,
            argv: &argv,
            env: &env,
            dir,
            fds: setup.fds,
            session: false,
            pid_namespace: false,
            open_files,
            reset: &[],
            window: None,
            note: None,
        };
        // If there is no such file, no child is made.
        let there = accessat(CWD, file.as_slice(), Access::EXEC_OK, AtFlags::EACCESS);
        match there.and_then(|()| spawn_with_mask(&what, &mask)) {
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(Errno::ACCESS) => denied = true,
            done => return done,
        }
    }
    Err(if denied { Errno::ACCESS } else { Errno::NOENT })
}
