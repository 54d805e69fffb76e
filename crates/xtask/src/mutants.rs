//! `cargo xtask mutants`: changes the pure modules one place at a time and runs their crate's tests on each change.
//!
//! `cargo mutants` lists the changes.  Most of them stand behind switches in one build ([`schema`]), so a change costs
//! a run of the tests, not a compilation.  What was found out is kept until the crate changes: an interrupted run
//! goes on where it was.
//!
//! A change that no test notices is a survivor.  The known ones are listed in `tests/mutants/SURVIVORS.txt`, which only
//! gets shorter: a new survivor fails the run, and so does a listed one that is noticed now.

mod change;
mod copy;
mod programs;
mod schema;
mod survivors;
mod trial;

use std::fs;
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

use crate::command::{self, cargo};
use crate::failure::{Failure, Outcome};
use crate::workspace;
use change::Change;
use survivors::Survivors;
use trial::Trial;

/// The options of `cargo xtask mutants`.
#[derive(clap::Args)]
pub struct Args {
    /// Only show what would be changed
    #[arg(long, conflicts_with = "accept")]
    list: bool,
    /// Rewrite the list of survivors from this run
    #[arg(long)]
    accept: bool,
    /// Only try the listed survivors, after tests were added
    #[arg(long)]
    listed: bool,
    /// Only these crates
    crates: Vec<String>,
}

/// A crate's modules that decide and touch nothing.
struct Pure {
    krate: &'static str,
    /// Below the crate's `src`; `**/*.rs` for all of them.
    files: &'static [&'static str],
}

const PURE: &[Pure] = &[
    Pure { krate: "wire", files: &["**/*.rs"] },
    Pure { krate: "posix-regex", files: &["**/*.rs"] },
    Pure {
        krate: "logger",
        files: &["archive.rs", "feed.rs", "lines.rs", "script.rs", "stamp.rs", "syslog.rs"],
    },
    Pure { krate: "ipc", files: &["access_rules.rs", "fdholder/rights.rs", "fdholder/store.rs"] },
    Pure { krate: "supervisor", files: &["service/machine.rs"] },
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
    },
    Pure {
        krate: "overlay",
        files: &["boot/run_verdict.rs", "environment/settings.rs", "pid1/lifecycle.rs"],
    },
    Pure { krate: "commands", files: &["install/decision.rs"] },
    Pure { krate: "execline", files: &["lexer.rs", "substitute.rs", "syntax.rs", "test_expression.rs"] },
    Pure { krate: "s6-dns", files: &["message.rs", "name.rs", "query.rs", "record.rs"] },
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
        let before = known.of_crate(pure.krate);
        let mut changes = pure.changes()?;
        if args.listed {
            changes.retain(|change| before.has(&change.name));
        }
        let found = Survivors::of_run(&Trial::new(pure.krate, changes)?.run()?);
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

    /// All changes to these modules.
    fn changes(&self) -> Result<Vec<Change>, Failure> {
        let text = command::capture(self.command().args(["--list", "--json"]))?;
        let entries: Vec<Value> =
            serde_json::from_str(&text).map_err(|e| Failure(format!("cargo mutants --list: {e}")))?;
        let source = |file: &str| fs::read_to_string(workspace::top().join(file)).ok();
        let changes = entries.iter().map(|entry| {
            Change::parse(entry, source).ok_or_else(|| Failure(format!("not an entry of a list: {entry}")))
        });
        changes.collect()
    }
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
        let text = fs::read_to_string(workspace::top().join("tests/mutants/SURVIVORS.txt")).unwrap();
        assert_eq!(Survivors::parse(&text).text(), text);
    }
}
