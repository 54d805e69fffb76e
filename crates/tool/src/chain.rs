//! From one program to the next: the loop that runs a tool, and goes on in the same process where it may.
//!
//! The next word is looked up as exec would: as it is if it has a slash, else in the PATH that the running tool
//! was called with.  If the file that is found is this same binary (same device and inode) and the tool
//! of that name is a [`Role::Chain`], the tool is entered directly; otherwise the file is executed.

use crate::fatal::What;
use crate::{Call, Env, Fatal, Next, Program, Role, Tool, diag};
use rustix::fs::{Access, AtFlags, CWD, StatxFlags};
use rustix::io::Errno;
use std::sync::OnceLock;

/// Finds a tool by its exact name.
type Table = fn(&[u8]) -> Option<&'static Tool>;

static TABLE: OnceLock<Table> = OnceLock::new();

/// What execvp(3) uses when there is no PATH.
const DEFAULT_PATH: &[u8] = b"/usr/bin:/bin";

/// Says where tools are found; once, at the start of the process.
pub fn set_table(table: Table) {
    let _ = TABLE.set(table);
}

/// The tool of that exact name.
#[must_use]
pub fn lookup(name: &[u8]) -> Option<&'static Tool> {
    TABLE.get().and_then(|t| t(name))
}

/// What follows the last slash.
pub(crate) fn basename(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// Device and inode of a regular file, links followed.
type Identity = (u32, u32, u64);

fn identity(file: &[u8]) -> Option<Identity> {
    let st = rustix::fs::statx(CWD, file, AtFlags::empty(), StatxFlags::INO | StatxFlags::TYPE).ok()?;
    let regular = u32::from(st.stx_mode) & 0o170_000 == 0o100_000;
    regular.then_some((st.stx_dev_major, st.stx_dev_minor, st.stx_ino))
}

/// This binary; `None` where /proc isn't there to tell, and then every program is executed.
fn own_identity() -> Option<Identity> {
    static OWN: OnceLock<Option<Identity>> = OnceLock::new();
    *OWN.get_or_init(|| identity(b"/proc/self/exe"))
}

/// The tool to enter directly if exec of `file` as `argv0` would start it.
fn enterable(file: &[u8], argv0: &[u8]) -> Option<&'static Tool> {
    let tool = lookup(basename(argv0)).filter(|t| t.role == Role::Chain)?;
    let own = own_identity()?;
    (identity(file)? == own && rustix::fs::access(file, Access::EXEC_OK).is_ok()).then_some(tool)
}

enum Step {
    Enter(&'static Tool),
    Failed(Errno),
}

/// Executes or enters `program`, looked up in `path`; returns a tool to enter, or why it failed.
fn step(program: &Program, path: Option<&[u8]>) -> Step {
    let argv0 = program.argv.first().map_or(&[][..], Vec::as_slice);
    let attempt = |file: &[u8]| match enterable(file, argv0) {
        Some(tool) => Step::Enter(tool),
        None => Step::Failed(sys::process::execve(file, &program.argv, program.env.vars())),
    };
    if program.file.is_empty() {
        return Step::Failed(Errno::NOENT);
    }
    if program.file.contains(&b'/') {
        return attempt(&program.file);
    }
    let mut denied = false;
    for dir in path.unwrap_or(DEFAULT_PATH).split(|b| *b == b':') {
        let mut file = dir.to_vec();
        if !dir.is_empty() {
            file.push(b'/');
        }
        file.extend_from_slice(&program.file);
        match attempt(&file) {
            Step::Failed(Errno::NOENT | Errno::NOTDIR) => {}
            Step::Failed(Errno::ACCESS) => denied = true,
            done => return done,
        }
    }
    Step::Failed(if denied { Errno::ACCESS } else { Errno::NOENT })
}

/// The exit code for a program that could not be run: 127 if it doesn't exist, 126 otherwise.
pub(crate) fn exec_failure(file: &[u8], e: Errno) -> Fatal {
    let code = if e == Errno::NOENT { 127 } else { 126 };
    Fatal::unable(&format!("exec {}", diag::show(file)), e).with_code(code)
}

fn report(tool: &Tool, fatal: &Fatal) -> u8 {
    match &fatal.what {
        What::Usage => diag::line(&format!("{}: usage: {}", tool.name, crate::usage_line(tool))),
        What::Message(text) => diag::fatal(tool.name, text),
        What::Silent => {}
    }
    fatal.code
}

/// Runs `tool`, and every tool that it goes on to, and ends the process.
pub fn run(tool: &'static Tool, argv: Vec<Vec<u8>>, env: Env) -> ! {
    let (mut tool, mut argv, mut env) = (tool, argv, env);
    loop {
        let path = env.get(b"PATH").map(<[u8]>::to_vec);
        let mut args = argv.into_iter();
        let argv0 = args.next().unwrap_or_default();
        let mut call = Call { tool, argv0, args: args.collect(), env, path };
        let fatal = match (tool.main)(&mut call) {
            Ok(Next::Exit(code)) => sys::process::exit(code),
            Ok(Next::Run(program)) => match step(&program, call.path.as_deref()) {
                Step::Enter(next) => {
                    (tool, argv, env) = (next, program.argv, program.env);
                    continue;
                }
                Step::Failed(e) => exec_failure(&program.file, e),
            },
            Err(fatal) => fatal,
        };
        sys::process::exit(report(tool, &fatal));
    }
}

/// Goes on to `program` from inside a tool's forked child, and ends the process.
pub(crate) fn run_program(tool: &'static Tool, program: Program, path: Option<&[u8]>) -> ! {
    match step(&program, path) {
        Step::Enter(next) => run(next, program.argv, program.env),
        Step::Failed(e) => sys::process::exit(report(tool, &exec_failure(&program.file, e))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basenames() {
        assert_eq!(basename(b"/command/if"), b"if");
        assert_eq!(basename(b"if"), b"if");
        assert_eq!(basename(b"/command/"), b"");
    }

    #[test]
    fn exec_failures_have_their_codes() {
        assert_eq!(exec_failure(b"x", Errno::NOENT).code(), 127);
        assert_eq!(exec_failure(b"x", Errno::ACCESS).code(), 126);
        assert_eq!(exec_failure(b"x", Errno::NOEXEC).code(), 126);
    }
}
