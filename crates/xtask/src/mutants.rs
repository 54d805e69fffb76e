//! `cargo xtask mutants`: changes the pure modules one place at a time and runs their crate's tests on each change.
//!
//! A change that no test notices is a survivor.  The known ones are listed in `tests/mutants/SURVIVORS.txt`, which only
//! gets shorter: a new survivor fails the run, and so does a listed one that is noticed now.  This takes hours for all
//! crates, so it isn't part of the gate.

mod survivors;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::command::{self, cargo};
use crate::failure::{Failure, Outcome};
use crate::workspace;
use survivors::Survivors;

/// The options of `cargo xtask mutants`.
#[derive(clap::Args)]
pub struct Args {
    /// Only show what would be changed
    #[arg(long, conflicts_with = "accept")]
    list: bool,
    /// Rewrite the list of survivors from this run
    #[arg(long)]
    accept: bool,
    /// Only these crates
    crates: Vec<String>,
}

/// A crate's modules that decide and touch nothing.
struct Pure {
    krate: &'static str,
    /// Below the crate's `src`; `**/*.rs` for all of them.
    files: &'static [&'static str],
    /// How many seconds its tests may take before the change counts as noticed.
    limit: u32,
}

const PURE: &[Pure] = &[
    Pure { krate: "wire", files: &["**/*.rs"], limit: 15 },
    Pure { krate: "posix-regex", files: &["**/*.rs"], limit: 180 },
    Pure {
        krate: "logger",
        files: &["archive.rs", "feed.rs", "lines.rs", "script.rs", "stamp.rs", "syslog.rs"],
        limit: 60,
    },
    Pure { krate: "ipc", files: &["access_rules.rs", "fdholder/rights.rs", "fdholder/store.rs"], limit: 60 },
    Pure { krate: "supervisor", files: &["service/machine.rs"], limit: 60 },
    Pure {
        krate: "s6-rc",
        files: &[
            "changed.rs",
            "consistency.rs",
            "dry_run.rs",
            "engine.rs",
            "failure.rs",
            "format.rs",
            "graph.rs",
            "order.rs",
            "plan.rs",
            "reminder.rs",
            "report.rs",
            "resolve.rs",
            "work.rs",
        ],
        limit: 60,
    },
    Pure {
        krate: "overlay",
        files: &[
            "boot/run_verdict.rs",
            "environment/settings.rs",
            "install/decision.rs",
            "pid1/lifecycle.rs",
        ],
        limit: 60,
    },
    Pure {
        krate: "execline",
        files: &["lexer.rs", "substitute.rs", "syntax.rs", "test_expression.rs"],
        limit: 60,
    },
    Pure { krate: "s6-dns", files: &["message.rs", "name.rs", "query.rs", "record.rs"], limit: 60 },
];

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    if let Some(name) = args.crates.iter().find(|name| PURE.iter().all(|pure| pure.krate != **name)) {
        let known: Vec<_> = PURE.iter().map(|pure| pure.krate).collect();
        return Err(Failure(format!("no pure modules are listed for {name}: only for {}", known.join(", "))));
    }
    let is_wanted =
        |pure: &&Pure| args.crates.is_empty() || args.crates.iter().any(|name| name == pure.krate);
    let version = cargo().args(["mutants", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        return Err(Failure("cargo-mutants is missing: cargo install cargo-mutants --locked".into()));
    }
    let list = workspace::top().join("tests/mutants/SURVIVORS.txt");
    let text = fs::read_to_string(&list).map_err(Failure::unable("read", &list))?;
    let mut known = Survivors::parse(&text);
    let mut wrong = 0;
    for pure in PURE.iter().filter(is_wanted) {
        if args.list {
            command::run(pure.command().arg("--list"))?;
            continue;
        }
        if !args.accept && !known.has_accepted(pure.krate) {
            println!("{0}: no run is accepted yet: cargo xtask mutants --accept {0}", pure.krate);
            wrong += 1;
            continue;
        }
        let found = pure.survivors()?;
        let before = known.of_crate(pure.krate);
        if args.accept {
            known.replace(pure.krate, found);
            fs::write(&list, known.text()).map_err(Failure::unable("write", &list))?;
            continue;
        }
        for line in found.without(&before) {
            println!("survives, and isn't listed: {line}");
            wrong += 1;
        }
        for line in before.without(&found) {
            println!("is noticed now, or gone: remove it from the list (--accept does): {line}");
            wrong += 1;
        }
    }
    if wrong > 0 { Err(Failure(format!("mutants: {wrong} differences"))) } else { Ok(ExitCode::SUCCESS) }
}

impl Pure {
    /// `cargo mutants` for these modules.
    fn command(&self) -> Command {
        let mut command = cargo();
        command.args(["mutants", "--colors=never", "--package", self.krate]);
        for file in self.files {
            command.args(["--file", &format!("crates/{}/src/{file}", self.krate)]);
        }
        command
    }

    /// Tests all changes; what survives.
    fn survivors(&self) -> Result<Survivors, Failure> {
        let out = workspace::target().join("mutants").join(self.krate);
        fs::create_dir_all(&out).map_err(Failure::unable("create", &out))?;
        let mut command = self.command();
        command.args(["--jobs=1", "--timeout", &self.limit.to_string(), "--output"]).arg(&out);
        // Cargo mutants works in a copy: what other crates there are is compiled once for all runs.
        command.env("CARGO_TARGET_DIR", workspace::target().join("mutants/build"));
        // Nobody debugs a change, and without symbols it compiles in half the time.
        command.env("CARGO_PROFILE_DEV_DEBUG", "none");
        // Unit tests and the crate's own tests of programs, not the examples in comments.
        command.args(["--", "--tests"]);
        let status = command.status().map_err(|e| Failure(format!("unable to run cargo mutants: {e}")))?;
        // 2: something survived; 3: something ran into the limit.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            return Err(Failure(format!("cargo mutants: {status}: see {}", workspace::shown(&out))));
        }
        let results = out.join("mutants.out");
        let count = |name: &str| Ok::<_, Failure>(read(&results, name)?.lines().count());
        let missed = read(&results, "missed.txt")?;
        println!(
            "{}: {} changes noticed, {} of them by the time limit; {} survived; {} don't compile",
            self.krate,
            count("caught.txt")? + count("timeout.txt")?,
            count("timeout.txt")?,
            missed.lines().count(),
            count("unviable.txt")?
        );
        Ok(Survivors::of_run(&missed))
    }
}

fn read(results: &Path, name: &str) -> Result<String, Failure> {
    let path: PathBuf = results.join(name);
    fs::read_to_string(&path).map_err(Failure::unable("read", &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pure_modules_are_there() {
        for pure in PURE {
            let folder = workspace::top().join("crates").join(pure.krate).join("src");
            for file in pure.files.iter().filter(|file| !file.contains('*')) {
                assert!(folder.join(file).is_file(), "{}: no {file}", pure.krate);
            }
        }
    }

    #[test]
    fn the_list_is_in_order() {
        let text = read(&workspace::top().join("tests/mutants"), "SURVIVORS.txt").unwrap();
        assert_eq!(Survivors::parse(&text).text(), text);
    }
}
