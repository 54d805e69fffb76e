//! `cargo xtask bench log`: what s6-log costs, beside Debian's and beside cat, which only moves the bytes.
#![expect(clippy::disallowed_methods, reason = "never ships, so any kernel of today will do")]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::figures::{Memory, median};
use crate::dist;
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
Lines of 110 bytes from a file into a log directory that rotates (n20 s1000000), with ours and with Debian's s6-log in
turns, so that a change of the machine's mood meets both. Debian's is from its package: apt-get install s6.

  plain       no selection, no stamp
  t, T        stamps: TAI64N, ISO 8601
  one, ten    one or ten selections by regular expressions that match no line
  mixed       ten as people write them: literals, alternatives, classes, anchors; they match no line
  passing     two that take lines out, and match none: all lines are written
  cat         cat from the same file into another one

The times are CPU time, user and system, medians over the rounds, for all lines; the ratio is the median of the ratios.
A budget of the design, which is for 240 MB, stands in parentheses. At last, a thousand lines a second for some seconds:
CPU time a second, and private memory.";

/// The options of `cargo xtask bench log`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// How often to run each script
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many megabytes of lines
    #[arg(long, value_name = "MB", default_value_t = 240, value_parser = clap::value_parser!(u32).range(1..))]
    megabytes: u32,
    /// How long to write a thousand lines a second
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

const THEIRS: &str = "/usr/bin/s6-log";

/// The length of a line with its newline.
const LINE: usize = 110;

/// Name, script before the directory, budget in seconds.
const SCRIPTS: &[(&str, &str, Option<f64>)] = &[
    ("plain", "", Some(0.4)),
    ("t", "t", None),
    ("T", "T", None),
    ("one", "- +error.[0-9]+", Some(0.8)),
    ("ten", "- +e0x +e1+x +e2*x +e[3]x +e4.x +e5x$ +e6|f6 +(e7)x +e8{2} +^e9", None),
    (
        "mixed",
        "- +[Ee]rror +^(WARN|ERR) +[[:digit:]]{1,3}%.full +timeout$ +connection.(refused|reset) +segfault \
         +oom-killer +status=[45][0-9][0-9] +panic|abort +denied",
        None,
    ),
    ("passing", "-[Dd]ebug -^trace", None),
];

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    if !Path::new(THEIRS).exists() {
        return Err(Failure(format!("{THEIRS} is missing: apt-get install s6")));
    }
    let ours = dist::root()?.join("command/s6-log");
    measure(&[&ours, Path::new(THEIRS)], &args)
        .map_err(|why| Failure(format!("unable to measure: {why}")))?;
    Ok(ExitCode::SUCCESS)
}

fn measure(programs: &[&Path; 2], args: &Args) -> std::io::Result<()> {
    let directory = tempfile::tempdir()?;
    let input = directory.path().join("input");
    write_lines(&input, u64::from(args.megabytes) * 1_000_000)?;
    println!("{:<8} {:>10} {:>10} {:>6}", "", "ours", "Debian's", "ratio");
    for (name, script, budget) in SCRIPTS {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..args.rounds {
            for (program, times) in programs.iter().zip(&mut times) {
                let logs = directory.path().join("logs");
                let mut child = logger(program, script, &logs).stdin(File::open(&input)?).spawn()?;
                times.push(cpu_to_end(&mut child)?);
                fs::remove_dir_all(logs)?;
            }
        }
        let [ours, theirs] = times;
        let ratios = ours.iter().zip(&theirs).map(|(a, b)| a / b).collect();
        let budget = budget.map_or(String::new(), |b| format!("  ({b} s)"));
        let (ours, theirs) = (median(ours), median(theirs));
        println!("{name:<8} {ours:>8.3} s {theirs:>8.3} s {:>6.2}{budget}", median(ratios));
    }
    let copies = (0..args.rounds)
        .map(|_| {
            let output = File::create(directory.path().join("copy"))?;
            cpu_to_end(&mut Command::new("cat").stdin(File::open(&input)?).stdout(output).spawn()?)
        })
        .collect::<Result<_, _>>()?;
    println!("{:<8} {:>8.3} s", "cat", median(copies));
    for (name, program) in ["ours", "Debian's"].into_iter().zip(programs) {
        let (cpu, memory) = trickle(program, &directory.path().join(name), args.seconds)?;
        println!(
            "1,000 lines a second, {name}: {:.2} ms of CPU a second, {} KiB private",
            cpu * 1000.0,
            memory.private
        );
    }
    Ok(())
}

fn logger(program: &Path, script: &str, logs: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["n20", "s1000000"]).args(script.split_whitespace()).arg(logs);
    command
}

fn write_lines(file: &Path, bytes: u64) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    for number in 0..bytes / LINE as u64 {
        let start = format!("{number:08} host service[{}]: ", number % 997);
        writeln!(out, "{start:.<width$}", width = LINE - 1)?;
    }
    out.flush()
}

/// Waits for the end of a process: the seconds of CPU time that it took.
fn cpu_to_end(child: &mut std::process::Child) -> std::io::Result<f64> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(rustix::io::Errno::SRCH)?;
    // It stays a zombie until its time is read.
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let took = cpu(child.id())?;
    let status = child.wait()?;
    if status.success() { Ok(took) } else { Err(std::io::Error::other(format!("{status}"))) }
}

/// The seconds of CPU time that a process took so far.
fn cpu(pid: u32) -> std::io::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse::<f64>().ok());
    nanoseconds.map(|n| n / 1e9).ok_or_else(|| std::io::Error::other("no figures in schedstat"))
}

/// A line each millisecond: seconds of CPU time a second, and the memory at the end.
fn trickle(program: &Path, logs: &Path, seconds: u32) -> std::io::Result<(f64, Memory)> {
    let mut child = logger(program, "t", logs).stdin(Stdio::piped()).spawn()?;
    let line = [vec![b'x'; LINE - 1], vec![b'\n']].concat();
    let mut input = child.stdin.take().ok_or_else(|| std::io::Error::other("no pipe"))?;
    let start = Instant::now();
    for number in 0..seconds * 1000 {
        sleep((start + Duration::from_millis(number.into())).saturating_duration_since(Instant::now()));
        input.write_all(&line)?;
    }
    let took = cpu(child.id())? / start.elapsed().as_secs_f64();
    let memory = Memory::of(child.id()).unwrap_or_default();
    drop(input);
    child.wait()?;
    Ok((took, memory))
}
