//! `cargo xtask smoke`: whether a release works at all, on an architecture that the tests don't run on.
//!
//! Three containers on nothing but the release, so that every program in them is ours: tools, the making of a
//! database of services, and a boot with a oneshot, daemons, a logger and an exit code.  Their scripts and services
//! are in `crates/xtask/smoke`.  Also how many page faults the shortest tool takes, which only the release shows: the
//! linker lays it out for that (`crates/multicall/start.ld`).  The packages for dpkg and apk are installed, booted and removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use sandbox::{Sandbox, Streams};

use crate::arch::{self, Arch};
use crate::emulation::{self, Argv0};
use crate::failure::{Failure, Outcome};
use crate::os_packages::attempt::{self, Tried};
use crate::{dist, workspace};

/// The options of `cargo xtask smoke`.
#[derive(clap::Args)]
pub struct Args {
    /// The architecture, instead of this machine's; one that doesn't run here is emulated by qemu-user-static
    #[arg(long, value_name = "NAME", value_parser = arch::named)]
    arch: Option<&'static Arch>,
    /// This tree of a release, as its tarballs unpack, instead of one that is built
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// A container and how it has to end.
struct Check {
    name: &'static str,
    command: &'static [&'static str],
    code: u8,
    /// What it writes to both outputs.
    says: &'static str,
}

const CHECKS: &[Check] = &[
    Check {
        name: "tools",
        command: &["/smoke/tools"],
        code: 0,
        says: "\
me <a> <b> <c>
9
8
11
10
number 3 of 3
number 4 of 4
exit 3
2040-01-01 03:27:01.000000000 after 2038
file
u
Max open files            77\u{20}
in time and locked
to a logger
",
    },
    Check {
        name: "database",
        command: &["/smoke/database"],
        code: 0,
        says: "\
counter
counter-log
counter-pipeline
keeper
prepare
s6rc-fdholder
s6rc-oneshot-runner
bundle
counter
counter-log
prepare
s6rc-fdholder
s6rc-oneshot-runner
",
    },
    BOOT,
];

/// A boot with a oneshot, daemons, a logger and an exit code.
const BOOT: Check = Check {
    name: "boot",
    command: &["/init", "/smoke/command"],
    code: 7,
    says: "\
by the oneshot
the server sees user 0
true true
counted in a pipeline
the oneshot is down
",
};

/// Far more than an emulator takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let is_built = args.root.is_none();
    let release = match args.root {
        Some(root) => root.canonicalize().map_err(Failure::unable("find", &root))?,
        None => dist::root_for(args.arch)?,
    };
    let arch = args.arch.map_or_else(Arch::host, Ok)?;
    if !arch.runs_here() {
        // The harder way: also the names of links have to do.
        emulation::begin(arch, Argv0::File)?;
    }
    let empty = tempfile::tempdir().map_err(|why| Failure(format!("unable to make a directory: {why}")))?;
    let mut tried: Vec<Tried> = Vec::new();
    for check in CHECKS {
        tried.push((check.name.to_owned(), check.run(empty.path(), &release)));
    }
    if arch.is_host() && is_built {
        tried.extend(packages(empty.path())?);
    }
    if arch.is_host() {
        let found = few_page_faults(&release);
        let name =
            found.as_ref().map_or("page faults".into(), |found| format!("{found} page faults of s6-true"));
        tried.push((name, found.map(drop)));
    }
    for (name, done) in &tried {
        match done {
            Ok(()) => println!("{}: {name}: ok", arch.name),
            Err(why) => println!("{}: {name}: FAILED: {why}", arch.name),
        }
    }
    let failed = tried.iter().filter(|(_, done)| done.is_err()).count();
    println!("{} passed, {failed} failed", tried.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Installs, boots and removes the packages for dpkg and apk.
fn packages(empty: &Path) -> Result<Vec<Tried>, Failure> {
    let top = tempfile::tempdir().map_err(|why| Failure(format!("unable to make a directory: {why}")))?;
    let made = dist::os_packages(top.path())?;
    Ok(attempt::all(&made.deb, &made.apk, top.path(), |root| BOOT.run(empty, root)))
}

/// What `s6-true` may take at most: the stack, the variables, the headers, the code, and a few for another kernel or file
/// system.  An empty static C program takes 6 or 7.
const PAGE_FAULTS_MAX: u64 = 10;

/// The page faults of `s6-true`; an error if they are too many.
fn few_page_faults(release: &Path) -> Result<u64, String> {
    let file = release.join("command/s6-true");
    let counts = (0..10).map(|_| page_faults(&file)).collect::<Result<Vec<_>, _>>();
    // The place of the stack is random, so it takes one page or two.
    let least = counts.map_err(|why| format!("{}: {why}", file.display()))?.into_iter().min().unwrap_or(0);
    if least > PAGE_FAULTS_MAX { Err(format!("{least}, {PAGE_FAULTS_MAX} at most")) } else { Ok(least) }
}

/// Runs a program; its page faults, which the kernel shows until the process is reaped.
#[expect(clippy::disallowed_methods, reason = "for development, not in the program")]
fn page_faults(file: &Path) -> io::Result<u64> {
    let mut child = Command::new(file).spawn()?;
    let pid = Pid::from_child(&child);
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    child.wait()?;
    // Field 10; the second one, the name, ends with a parenthesis.
    let stat = stat?;
    let count = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(7)?.parse().ok());
    count.ok_or_else(|| io::Error::other(format!("not a process's state: {stat}")))
}

impl Check {
    fn run(&self, empty: &Path, release: &Path) -> Result<(), String> {
        let container = Sandbox::new(empty, self.command.iter().copied())
            .layer(release)
            .layer(&workspace::top().join("crates/xtask/smoke"))
            .env("PATH", "/command")
            .env("WHO", "me")
            .env("TZ", "UTC")
            .env("S6_VERBOSITY", "1")
            .streams(Streams::Together)
            .start()
            .map_err(|why| format!("the container can't start: {why}"))?;
        let output = container.output(LIMIT).map_err(|why| format!("lost the container: {why}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        match output.code {
            None => Err(format!("still running after {} s; its output:\n{said}", LIMIT.as_secs())),
            Some(code) if code == self.code && said == self.says => Ok(()),
            Some(code) => Err(format!(
                "exit code {code}, expected {}; its output:\n{said}--- expected:\n{}",
                self.code, self.says
            )),
        }
    }
}
