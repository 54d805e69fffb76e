//! `cargo xtask fuzz`: runs the fuzz targets, each as a process of its own.
//!
//! A target is built with the workspace's toolchain and the compiler's own options for watching which code is reached, so
//! libFuzzer finds its way without a nightly compiler.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::command::{cargo, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::workspace;

/// What makes the program count which code an input reaches, and what comparisons would have liked to see.
const COVERAGE: [&str; 8] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// An input that takes longer is a finding, in seconds.
const INPUT_LIMIT: u32 = 10;

/// The options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub struct Args {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// The targets, or all
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let top = workspace::top().join("fuzz");
    let known = targets(&top)?;
    if let Some(unknown) = args.targets.iter().find(|name| !known.contains(*name)) {
        let known: Vec<_> = known.iter().map(String::as_str).collect();
        return Err(Failure(format!("there is no target {unknown}: the targets are {}", known.join(", "))));
    }
    let wanted = if args.targets.is_empty() { known.into_iter().collect() } else { args.targets };
    let programs = build(&top, &wanted)?;
    let mut failed = Vec::new();
    for target in &wanted {
        match fuzz(&top, &programs.join(target), target, args.seconds)? {
            Run { inputs, ended_well: true } => println!("{target}: {inputs} inputs, no finding"),
            Run { inputs, ended_well: false } => {
                println!("{target}: a finding after {inputs} inputs: see fuzz/artifacts/{target}");
                failed.push(target.as_str());
            }
        }
    }
    if failed.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure(format!("failed: {}", failed.join(", "))))
    }
}

/// The names of the files in `fuzz_targets`.
fn targets(top: &Path) -> Result<BTreeSet<String>, Failure> {
    let folder = top.join("fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(Failure::unable("read", &folder))?;
    let names = entries.flatten().filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()));
    Ok(names.collect())
}

/// Builds the targets; gives the folder with the programs.
fn build(top: &Path, wanted: &[String]) -> Result<PathBuf, Failure> {
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let folder = workspace::target().join("fuzz");
    let mut cargo = cargo();
    // With a target named, the options don't reach build scripts and macros.
    cargo.current_dir(top).args(["build", "--quiet", "--locked", "--release", "--target", &target]);
    cargo.arg("--target-dir").arg(&folder);
    for name in wanted {
        cargo.args(["--bin", name]);
    }
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"));
    run_command(&mut cargo)?;
    Ok(folder.join(target).join("release"))
}

/// How the run of a target ended.
struct Run {
    inputs: u64,
    ended_well: bool,
}

fn fuzz(top: &Path, program: &Path, target: &str, seconds: u32) -> Result<Run, Failure> {
    let place = |kind: &str| {
        let folder = top.join(kind).join(target);
        fs::create_dir_all(&folder).map_err(Failure::unable("create", &folder)).map(|()| folder)
    };
    let (corpus, artifacts) = (place("corpus")?, place("artifacts")?);
    let output = Command::new(program)
        .arg(&corpus)
        .args([
            format!("-artifact_prefix={}/", artifacts.display()),
            format!("-max_total_time={seconds}"),
            format!("-timeout={INPUT_LIMIT}"),
            "-print_final_stats=1".to_owned(),
        ])
        .stdin(Stdio::null())
        .output()
        .map_err(Failure::unable("run", program))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let ended_well = output.status.success();
    if !ended_well {
        eprintln!("{said}");
    }
    Ok(Run { inputs: executed(&said).unwrap_or(0), ended_well })
}

/// How many inputs libFuzzer says that it has tried.
fn executed(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_known_to_cargo() {
        let top = workspace::top().join("fuzz");
        let manifest = fs::read_to_string(top.join("Cargo.toml")).unwrap();
        let named: BTreeSet<String> = manifest
            .lines()
            .filter_map(|l| Some(l.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\"")?.to_owned()))
            .collect();
        assert_eq!(targets(&top).unwrap(), named);
    }

    #[test]
    fn the_number_of_inputs_is_read() {
        assert_eq!(executed("INFO: x\nstat::number_of_executed_units: 4711\nstat::y: 3\n"), Some(4711));
        assert_eq!(executed("nothing"), None);
    }
}
