//! Chain loading: the loop that runs a tool and then the next program, in the same process if possible.
//!
//! The next word is looked up as exec would: as it is if it has a slash, else in the PATH that the running tool
//! was called with.  If the file that is found is this same binary (same device and inode), or a text file whose
//! interpreter is this binary ([`script`]), and the tool is a [`Role::Chain`], the tool is entered directly; otherwise the
//! file is executed.

use crate::binary::{Identity, look, own_identity};
use crate::fatal::{NOT_FOUND, NOT_RUNNABLE, WRONG_USAGE, What};
use crate::{Call, Env, Fatal, Next, Outcome, Program, Role, Tool, diag, help, script};
use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;
use std::sync::{Mutex, PoisonError};

/// Finds a tool by its exact name.
type Table = fn(&[u8]) -> Option<&'static Tool>;

static TABLE: Mutex<Option<Table>> = Mutex::new(None);

/// Where programs are looked up if PATH isn't set.
pub const DEFAULT_PATH: &[u8] = b"/command:/usr/bin:/bin";

/// Sets the function that finds tools; called once, at the start of the process.
pub fn set_table(table: Table) {
    *TABLE.lock().unwrap_or_else(PoisonError::into_inner) = Some(table);
}

/// The tool of that exact name.
#[must_use]
pub fn lookup(name: &[u8]) -> Option<&'static Tool> {
    let table = *TABLE.lock().unwrap_or_else(PoisonError::into_inner);
    table.and_then(|find| find(name))
}

/// What follows the last slash.
pub(crate) fn basename(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// What a program's name stands for.
pub(crate) enum Target {
    /// A tool of this binary, to be entered.
    Tool(&'static Tool),
    /// Files to execute: the first one that can be.
    Files(Vec<Vec<u8>>),
}

/// The paths at which exec would look for `file`, in order.
fn candidates(file: &[u8], path: Option<&[u8]>) -> Vec<Vec<u8>> {
    if file.contains(&b'/') {
        return vec![file.to_vec()];
    }
    let in_directory = |dir: &[u8]| {
        let mut full = dir.to_vec();
        if !dir.is_empty() {
            full.push(b'/');
        }
        full.extend_from_slice(file);
        full
    };
    path.unwrap_or(DEFAULT_PATH).split(|b| *b == b':').map(in_directory).collect()
}

/// Looks `program` up in `path`.
///
/// # Errors
/// The error of exec, if it is known beforehand: there is no file, or none that may be executed.
pub(crate) fn find(program: &Program, path: Option<&[u8]>) -> Result<Target, Errno> {
    if program.file.is_empty() {
        return Err(Errno::NOENT);
    }
    let argv0 = program.argv.first().map_or(&[][..], Vec::as_slice);
    // Only for a tool that may be entered the lookup has to precede exec.
    let Some(tool) = lookup(basename(argv0)).filter(|t| t.role == Role::Chain) else {
        return Ok(Target::Files(candidates(&program.file, path)));
    };
    let mut files = Vec::new();
    let mut denied = false;
    for file in candidates(&program.file, path) {
        match look(&file) {
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(Errno::ACCESS) => denied = true,
            Err(_) => files.push(file),
            Ok((found, for_all)) => {
                // This process runs its own binary: nothing but the mode could keep it from doing so again.
                let is_known = for_all && found.is_some() && found == own_identity();
                if !is_known
                    && sys::fs::accessat(CWD, file.as_slice(), Access::EXEC_OK, AtFlags::EACCESS).is_err()
                {
                    denied = true;
                } else if files.is_empty()
                    && let Some(tool) = enterable(tool, &file, found)
                {
                    return Ok(Target::Tool(tool));
                } else {
                    // Also this binary, if another file that could be executed precedes it in PATH.
                    files.push(file);
                }
            }
        }
    }
    match files.is_empty() {
        false => Ok(Target::Files(files)),
        true => Err(if denied { Errno::ACCESS } else { Errno::NOENT }),
    }
}

/// The tool that executing `file` would run in this binary, if it may be entered; `tool` is the one that its name means.
fn enterable(tool: &'static Tool, file: &[u8], found: Option<Identity>) -> Option<&'static Tool> {
    match found? {
        identity if Some(identity) == own_identity() => Some(tool),
        _ => lookup(&script::tool_of(file)?).filter(|tool| tool.role == Role::Chain),
    }
}

/// Executes the first of `files` that can be executed; returns only if none can be, with the error.
pub(crate) fn execute(files: &[Vec<u8>], program: &Program) -> Errno {
    let mut denied = false;
    for file in files {
        match sys::process::execve(file, &program.argv, program.env.changed()) {
            Errno::NOENT | Errno::NOTDIR => {}
            Errno::ACCESS => denied = true,
            e => return e,
        }
    }
    if denied { Errno::ACCESS } else { Errno::NOENT }
}

/// The exit code for a program that could not be run: 127 if it doesn't exist, 126 otherwise.
pub(crate) fn exec_failure(file: &[u8], e: Errno) -> Fatal {
    let code = if e == Errno::NOENT { NOT_FOUND } else { NOT_RUNNABLE };
    let why = crate::exec_failure::explain_word(file, e);
    Fatal::new(code, format_args!("unable to exec {}: {why}", diag::show(file)))
}

fn report(name: &str, tool: Option<&Tool>, fatal: &Fatal) -> u8 {
    match fatal.what() {
        What::Usage => match tool {
            Some(tool) => diag::line(&format!("{}: usage: {}", tool.name, crate::usage_line(tool))),
            None => diag::fatal(name, "there is no program to run"),
        },
        What::Message(text) => diag::fatal(name, text),
        What::Silent => {}
    }
    fatal.code()
}

/// Executes `program`; returns the tool to enter, or the error.
fn attempt(program: &Program, path: Option<&[u8]>) -> Result<&'static Tool, Errno> {
    match find(program, path)? {
        Target::Tool(tool) => Ok(tool),
        Target::Files(files) => Err(execute(&files, program)),
    }
}

/// Carries out an outcome: ends the process, executes a program, or returns the tool to enter with its program.
///
/// # Errors
/// The error to report before the process ends.
fn advance(outcome: Outcome, path: Option<&[u8]>) -> Result<(&'static Tool, Box<Program>), Fatal> {
    let mut outcome = outcome;
    loop {
        let (program, otherwise) = match outcome? {
            Next::Exit(code) => sys::process::exit(code),
            Next::Run(program) => (program, None),
            Next::Try(program, otherwise) => (program, Some(otherwise)),
        };
        match (attempt(&program, path), otherwise) {
            (Ok(tool), _) => {
                diag::set_form(None);
                return Ok((tool, program));
            }
            (Err(_), Some(next)) => outcome = Ok(*next),
            (Err(e), None) => return Err(exec_failure(&program.file, e)),
        }
    }
}

/// Runs `tool` and every tool that follows it, and ends the process.
pub fn run(tool: &'static Tool, argv: Vec<Vec<u8>>, env: Env) -> ! {
    let (mut tool, mut argv, mut env) = (tool, argv, env);
    loop {
        let path = env.copy_of(b"PATH");
        let mut args = argv.into_iter();
        let argv0 = args.next().unwrap_or_default();
        let mut call = Call { tool, argv0, args: args.collect(), env, path };
        let asks = help::is_asked_for(&call.args);
        let outcome = match (tool.main)(&mut call) {
            Err(fatal) if asks && fatal.code() == WRONG_USAGE => help::print(tool),
            outcome => outcome,
        };
        match advance(outcome, call.path.as_deref()) {
            Ok((next, program)) => (tool, argv, env) = (next, program.argv, program.env),
            Err(fatal) => sys::process::exit(report(tool.name, Some(tool), &fatal)),
        }
    }
}

/// Ends a process that is no tool, such as a forked child, as [`run`] ends a tool's: `name` is what reports begin with,
/// `path` where the next program is looked up.
pub fn conclude(name: &str, outcome: Outcome, path: Option<&[u8]>) -> ! {
    match advance(outcome, path) {
        Ok((tool, program)) => run(tool, program.argv, program.env),
        Err(fatal) => sys::process::exit(report(name, None, &fatal)),
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
    fn where_a_program_is_looked_for() {
        let files = |file: &[u8], path: Option<&[u8]>| {
            candidates(file, path).iter().map(|f| diag::shown(f)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(files(b"x", Some(b"/a:/b")), "/a/x /b/x");
        assert_eq!(files(b"x", Some(b"/a::b")), "/a/x x b/x", "an empty element is the current directory");
        assert_eq!(files(b"./x", Some(b"/a")), "./x");
        assert_eq!(files(b"x", None), "/command/x /usr/bin/x /bin/x");
    }

    static CHAINED: Tool = Tool {
        name: "chained",
        summary: "",
        operands: "",
        options: &[],
        role: Role::Chain,
        main: |_| Ok(Next::SUCCESS),
    };

    fn found(argv0: &str, path: &str) -> String {
        let argv = vec![argv0.as_bytes().to_vec()];
        let program = Program { file: b"chained".to_vec(), argv, env: Env::new() };
        match find(&program, Some(path.as_bytes())) {
            Ok(Target::Tool(tool)) => format!("tool {}", tool.name),
            Ok(Target::Files(files)) => files.iter().map(|f| diag::shown(f)).collect::<Vec<_>>().join(" "),
            Err(e) => sys::strerror(e).to_owned(),
        }
    }

    #[test]
    fn only_what_exec_would_start_is_entered() {
        set_table(|name| (name == b"chained").then_some(&CHAINED));
        let top = tempfile::tempdir().unwrap();
        let dir = |name: &str| {
            let dir = top.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            dir.join("chained")
        };
        let (own, other, plain) = (dir("own"), dir("other"), dir("plain"));
        std::os::unix::fs::symlink(std::fs::read_link("/proc/self/exe").unwrap(), &own).unwrap();
        std::os::unix::fs::symlink("/bin/sh", &other).unwrap();
        std::fs::write(&plain, "no program").unwrap();
        let t = top.path().display();
        assert_eq!(found("chained", &format!("{t}/none:{t}/own:{t}/other")), "tool chained");
        assert_eq!(
            found("chained", &format!("{t}/plain:{t}/own")),
            "tool chained",
            "what can't be executed is passed"
        );
        assert_eq!(
            found("chained", &format!("{t}/other:{t}/own")),
            format!("{t}/other/chained {t}/own/chained")
        );
        assert_eq!(
            found("unknown", &format!("{t}/own")),
            format!("{t}/own/chained"),
            "argv[0] names the tool"
        );
        assert_eq!(found("chained", &format!("{t}/none")), sys::strerror(Errno::NOENT));
        assert_eq!(found("chained", &format!("{t}/plain")), sys::strerror(Errno::ACCESS));
    }

    #[test]
    fn programs_are_looked_for_in_the_default_path() {
        assert_eq!(DEFAULT_PATH, b"/command:/usr/bin:/bin");
    }

    #[test]
    fn what_cannot_be_run_has_its_code() {
        assert_eq!(exec_failure(b"x", Errno::NOENT).code(), 127);
        assert_eq!(exec_failure(b"x", Errno::ACCESS).code(), 126);
        assert_eq!(exec_failure(b"x", Errno::NOEXEC).code(), 126);
        let reason = sys::strerror(Errno::NOENT);
        assert_eq!(
            exec_failure(b"no\nwhere", Errno::NOENT).message(),
            format!("unable to exec no\\nwhere: {reason}")
        );
    }
}
