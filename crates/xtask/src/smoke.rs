//! `cargo xtask smoke`: whether a release works at all, on an architecture that the tests don't run on.
//!
//! Three containers on nothing but the release, so that every program in them is ours: tools, the making of a
//! database of services, and a boot with a oneshot, daemons, a logger and an exit code.  Their scripts and services
//! are in `crates/xtask/smoke`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use sandbox::{Sandbox, Streams};

use crate::arch::{self, Arch};
use crate::emulation::{self, Argv0};
use crate::failure::{Failure, Outcome};
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
    Check {
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
    },
];

/// Far more than an emulator takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
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
    let mut failed = 0;
    for check in CHECKS {
        match check.run(empty.path(), &release) {
            Ok(()) => println!("{}: {}: ok", arch.name, check.name),
            Err(why) => {
                failed += 1;
                println!("{}: {}: FAILED: {why}", arch.name, check.name);
            }
        }
    }
    println!("{} passed, {failed} failed", CHECKS.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
