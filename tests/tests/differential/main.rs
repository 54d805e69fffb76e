//! Generated scripts run with Debian's execline and with ours: what they print and their exit codes are the same.
//!
//! Script N is made from the seed and N alone, so it comes out the same everywhere; a failure prints it.  Needs
//! Debian's package: `apt-get install execline`.
#![expect(clippy::print_stderr, reason = "an ordinary test program")]

mod generator;
mod random;
mod words;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use tests::{case, image};

/// How many scripts are made, unless `EXECLINE_SCRIPTS` sets another number.
const SCRIPTS: u64 = 500;

/// Where Debian has the commands; only the launcher is in /usr/bin.
const THEIRS: &str = "/usr/lib/execline/bin";

fn main() {
    let arguments = Arguments::from_args();
    let ours = if arguments.list { Ok(PathBuf::new()) } else { ours() };
    let ours = ours.unwrap_or_else(|why| {
        eprintln!("differential: {why}");
        std::process::exit(2)
    });
    let count = std::env::var("EXECLINE_SCRIPTS").ok().and_then(|n| n.parse().ok()).unwrap_or(SCRIPTS);
    let trials = (1..=count)
        .map(|number| {
            let ours = ours.clone();
            Trial::test(format!("script::{number:03}"), move || check(number, &ours))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// The directory of our commands, if everything is there.
fn ours() -> Result<PathBuf, String> {
    if !Path::new(THEIRS).join("execlineb").exists() {
        return Err(format!("{THEIRS}/execlineb is missing: apt-get install execline"));
    }
    Ok(image::distribution()?.join("command"))
}

fn check(number: u64, ours: &Path) -> Result<(), Failed> {
    let script = generator::script(number);
    let top = tempfile::tempdir()?;
    let directory = top.path().join("work");
    let expected = run(&script, Path::new(THEIRS), &directory)?;
    let got = run(&script, ours, &directory)?;
    if got.stdout == expected.stdout && got.status.code() == expected.status.code() {
        return Ok(());
    }
    let show = |who: &str, output: &Output| {
        format!(
            "--- {who}: {}\n{}\n--- its standard error\n{}\n",
            output.status,
            case::printable(&output.stdout),
            case::printable(&output.stderr)
        )
    };
    Err(format!(
        "--- script {number}, arguments {:?}\n{}\n{}{}",
        script.arguments,
        script.text,
        show("Debian's", &expected),
        show("ours", &got)
    )
    .into())
}

/// Runs a script in a directory that is the same for both programs; `timeout` ends one that hangs.
fn run(script: &generator::Script, commands: &Path, directory: &Path) -> std::io::Result<Output> {
    fs::create_dir(directory)?;
    fs::write(directory.join("script"), &script.text)?;
    fs::write(directory.join("lines"), generator::LINES)?;
    fs::write(directory.join("assignments"), generator::ASSIGNMENTS)?;
    let output = Command::new("timeout")
        .arg("60")
        .arg(commands.join("execlineb"))
        .args(&script.options)
        .arg("script")
        .args(&script.arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", commands.display()))
        .envs(generator::ENVIRONMENT.iter().copied())
        .stdin(Stdio::null())
        .output();
    fs::remove_dir_all(directory)?;
    output
}
