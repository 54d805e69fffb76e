//! `cargo xtask bench checker`: what the checker takes for images with many services.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use super::figures::{median, milliseconds};
use crate::arch::Arch;
use crate::build;
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
Times are those of the whole program, from start to end: the median over the rounds and, behind a slash, the minimum. The
definitions are in /dev/shm: every fourth one is a oneshot, most need one or two that are up to forty before them, and two of
three are in the bundle user. Beside each stands how many times what find and cat take that read the same files.";

/// The options of `cargo xtask bench checker`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// How often to measure each
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many services to check
    #[arg(long, value_name = "N", default_value_t = 1000)]
    check: usize,
    /// How many services to draw
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=500))]
    draw: u16,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let program = build::checker(Arch::host()?)?;
    measure(&program, &args).map_err(|why| Failure(format!("unable to measure: {why}")))?;
    Ok(ExitCode::SUCCESS)
}

fn measure(program: &Path, args: &Args) -> std::io::Result<()> {
    let draw = usize::from(args.draw);
    let cases: [(&str, usize, &[&str]); 3] = [
        ("check", args.check, &["check"]),
        ("graph", draw, &["graph"]),
        ("graph --format svg", draw, &["graph", "--format", "svg"]),
    ];
    for (name, count, words) in cases {
        let dir = tempfile::tempdir_in("/dev/shm")?;
        define(dir.path(), count)?;
        let mut reading = Command::new("find");
        reading.arg(dir.path()).args(["-type", "f", "-exec", "cat", "{}", "+"]);
        let (_, reading) = time(&mut reading, args.rounds)?;
        let (middle, least) = time(Command::new(program).args(words).arg(dir.path()), args.rounds)?;
        let ratio = format!("{:.1} times reading", least / reading);
        println!("{name:<20} {count:>5} {:>10} / {:<9} {ratio}", milliseconds(middle), milliseconds(least));
    }
    Ok(())
}

/// The median and the minimum of what a command takes, in seconds.
fn time(command: &mut Command, rounds: u32) -> std::io::Result<(f64, f64)> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        command.stdout(Stdio::null()).status()?;
        times.push(start.elapsed().as_secs_f64());
    }
    let least = times.iter().copied().fold(f64::INFINITY, f64::min);
    Ok((median(times), least))
}

/// Writes the definitions of so many services.
fn define(root: &Path, count: usize) -> std::io::Result<()> {
    let bundle = root.join("etc/s6-overlay/user-bundles.d/user/contents.d");
    fs::create_dir_all(&bundle)?;
    for at in 0..count {
        let name = format!("service-{at:03}");
        let dir = root.join("etc/s6-overlay/s6-rc.d").join(&name);
        fs::create_dir_all(dir.join("dependencies.d"))?;
        let (kind, file, text) = match at % 4 {
            0 => ("oneshot\n", "up", "true\n"),
            _ => ("longrun\n", "run", "#!/bin/sh\nexec daemon\n"),
        };
        fs::write(dir.join("type"), kind)?;
        fs::write(dir.join(file), text)?;
        let near = |factor: usize| at.checked_sub(1 + at * factor % 40);
        let needs = [(at % 3 > 0).then(|| near(7)).flatten(), (at % 5 == 0).then(|| near(11)).flatten()];
        for need in needs.into_iter().flatten() {
            fs::write(dir.join(format!("dependencies.d/service-{need:03}")), "")?;
        }
        if at % 3 > 0 {
            fs::write(bundle.join(&name), "")?;
        }
    }
    Ok(())
}
