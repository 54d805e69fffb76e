//! `cargo xtask ci`: everything that is checked before a change is taken, in tiers.
//!
//! Every step runs, even if another failed; what failed is said once more at the end.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use clap::ValueEnum;

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::test::{run_tests, shown_again};
use crate::{debian, musl, workflows, workspace};

/// The options of `cargo xtask ci`.
#[derive(clap::Args)]
pub struct Args {
    /// Only these
    #[arg(value_enum)]
    tiers: Vec<Tier>,
}

/// A part of the checks, by what it needs.  They run in this order: tests take the release that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Tier {
    /// Formatting, lints, layout, documentation, workflows: needs Rust only
    Check,
    /// The release of this machine's architecture, built twice, and its smoke test: needs root, or rustup's target for musl
    Release,
    /// The crates' own tests: need Rust only
    Unit,
    /// The program in containers, beside the reference's recorded cases and Debian's programs: needs root and Debian
    Conformance,
    /// Images under docker, podman and runc: needs root and Debian
    Engines,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let mut tiers = if args.tiers.is_empty() { Tier::value_variants().to_vec() } else { args.tiers };
    tiers.sort_unstable();
    tiers.dedup();
    let mut report = Report::new();
    let packages: Vec<_> = tiers.iter().flat_map(|tier| tier.packages()).collect();
    if !packages.is_empty() {
        report.step("packages", || debian::install(&packages));
    }
    for tier in tiers {
        tier.run(&mut report)?;
    }
    Ok(report.end())
}

impl Tier {
    /// Debian's packages that it needs.
    fn packages(self) -> Vec<&'static str> {
        match self {
            Self::Check | Self::Unit => Vec::new(),
            Self::Release => [musl::packages(), debian::TLS].concat(),
            Self::Conformance => [musl::packages(), debian::TLS, debian::CONTAINERS].concat(),
            Self::Engines => [musl::packages(), debian::TLS, debian::ENGINES].concat(),
        }
    }

    fn run(self, report: &mut Report) -> Result<(), Failure> {
        match self {
            Self::Check => {
                report.cargo("formatting", &["fmt", "--check"]);
                let lints = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
                report.cargo("lints", &lints);
                report.cargo("layout", &["xtask", "tidy"]);
                report.step("documentation", documentation);
                report.step("workflows", workflows::check);
            }
            Self::Release => {
                report.cargo("release", &["xtask", "dist", "--strict", "--reproduce"]);
                report.cargo("smoke", &["xtask", "smoke"]);
            }
            Self::Unit => report.tests("unit tests", &test_words(self)?),
            Self::Conformance => report.tests("conformance", &test_words(self)?),
            Self::Engines => report.tests("engines", &test_words(self)?),
        }
        Ok(())
    }
}

/// The test programs of the crates that need privileges or Debian's programs: curl, openssl, xz.
const BESIDE_DEBIAN: &[&str] = &["action", "connections", "inputs", "sandbox"];
/// The test program of the tier that has its name.
const ENGINES: &str = "engines";

/// The tier of a test program; `is_of_crate`, or else of the package `tests`.
fn tier_of(name: &str, is_of_crate: bool) -> Tier {
    match name {
        ENGINES => Tier::Engines,
        _ if is_of_crate && !BESIDE_DEBIAN.contains(&name) => Tier::Unit,
        _ => Tier::Conformance,
    }
}

/// What chooses the tests of a tier.  Of the whole workspace: for some of its packages, cargo would compile libraries again, with
/// fewer features.
fn test_words(tier: Tier) -> Result<Vec<String>, Failure> {
    let mut words = vec!["--workspace".to_owned()];
    if tier == Tier::Unit {
        words.extend(["--lib", "--bins"].map(str::to_owned));
    }
    let programs = test_programs()?.into_iter();
    let chosen = programs.filter(|(name, is_of_crate)| tier_of(name, *is_of_crate) == tier);
    words.extend(chosen.flat_map(|(name, _)| ["--test".to_owned(), name]));
    Ok(words)
}

/// The test programs of the workspace, each with whether it is a crate's.
fn test_programs() -> Result<BTreeSet<(String, bool)>, Failure> {
    let list =
        |folder: &Path| fs::read_dir(folder).map_err(Failure::unable("read", folder)).map(Iterator::flatten);
    let top = workspace::top();
    let crates = list(&top.join("crates"))?.map(|krate| (krate.path().join("tests"), true));
    let mut programs = BTreeSet::new();
    for (folder, is_of_crate) in
        crates.filter(|(folder, _)| folder.is_dir()).chain([(top.join("tests/tests"), false)])
    {
        let paths = list(&folder)?.map(|entry| entry.path());
        let paths = paths
            .filter(|path| path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists());
        programs.extend(paths.filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), is_of_crate))));
    }
    Ok(programs)
}

/// The pages of the code, private items included: a link that leads nowhere is an error.
fn documentation() -> Result<(), Failure> {
    let words = ["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"];
    run_command(cargo().args(words).env("RUSTDOCFLAGS", "-D warnings"))
}

/// What has been run.
struct Report {
    start: Instant,
    failed: Vec<&'static str>,
    /// What tests said of their failures.
    failures: Vec<String>,
}

impl Report {
    fn new() -> Self {
        Self { start: Instant::now(), failed: Vec::new(), failures: Vec::new() }
    }

    /// Runs a step, and says how it ended and how long it took.
    fn step(&mut self, name: &'static str, step: impl FnOnce() -> Result<(), Failure>) {
        println!("== {name}");
        let start = Instant::now();
        let done = step();
        let seconds = start.elapsed().as_secs();
        match done {
            Ok(()) => println!("== {name}: ok, {seconds} s"),
            Err(why) => {
                println!("{why}\n== {name}: FAILED, {seconds} s");
                self.failed.push(name);
            }
        }
    }

    fn cargo(&mut self, name: &'static str, words: &[&str]) {
        let mut command: Command = cargo();
        self.step(name, || run_command(command.args(words)));
    }

    fn tests(&mut self, name: &'static str, words: &[String]) {
        let mut failures = Vec::new();
        self.step(name, || {
            let ran = run_tests(words)?;
            failures = ran.failures;
            if ran.passed { Ok(()) } else { Err(Failure(format!("cargo test {}: failed", words.join(" ")))) }
        });
        self.failures.append(&mut failures);
    }

    /// Says how all ended.
    fn end(self) -> ExitCode {
        let seconds = self.start.elapsed().as_secs();
        if !self.failures.is_empty() {
            print!("{}", shown_again(&self.failures));
        }
        if self.failed.is_empty() {
            println!("all checks passed in {seconds} s");
            return ExitCode::SUCCESS;
        }
        println!("FAILED after {seconds} s: {}", self.failed.join(", "));
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_program_is_in_one_tier() {
        let of = |tier| {
            test_words(tier).unwrap().into_iter().filter(|word| !word.starts_with('-')).collect::<Vec<_>>()
        };
        let [unit, conformance, engines] = [Tier::Unit, Tier::Conformance, Tier::Engines].map(of);
        assert_eq!(engines, [ENGINES]);
        for (list, names) in [(&unit, ["hostile", "compile"]), (&conformance, ["container", "sandbox"])] {
            assert!(names.iter().all(|name| list.iter().any(|listed| listed == name)), "{list:?}");
        }
        assert!(unit.iter().all(|name| !conformance.contains(name)), "{unit:?} {conformance:?}");
        let mut all = [unit, conformance, engines].concat();
        all.sort();
        assert_eq!(all, test_programs().unwrap().into_iter().map(|(name, _)| name).collect::<Vec<_>>());
    }

    #[test]
    fn check_and_unit_need_no_package() {
        assert!(Tier::Check.packages().is_empty() && Tier::Unit.packages().is_empty());
        assert!(Tier::Engines.packages().contains(&"podman"));
    }

    #[test]
    fn one_failed_step_fails_all_and_the_others_run() {
        let mut report = Report::new();
        report.step("one", || Err(Failure("why".into())));
        let mut ran = false;
        report.step("two", || {
            ran = true;
            Ok(())
        });
        assert!(ran && report.failed == ["one"]);
        assert_eq!(report.end(), ExitCode::FAILURE);
        assert_eq!(Report::new().end(), ExitCode::SUCCESS);
    }
}
