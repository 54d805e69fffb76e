//! `cargo xtask bench execline`: what a chain of commands costs, beside Debian's execline.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use super::figures::{median, microseconds};
use crate::dist;
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
A script is run from its first exec to its end, with ours and with Debian's commands in turns, so that a change of
the machine's mood meets both. Debian's are from its package: apt-get install execline.

  true          /bin/true alone, which no script can be faster than
  empty         a script of nothing but that
  chain         ten different commands that change the state of the process, and /bin/true
  ... each      a command by itself: a script with twenty of it, less the empty script, by twenty; from
                minimums

The times are medians over the rounds and, behind a slash, minimums; the ratio is the median of the ratios.
A budget of the design stands in parentheses.";

/// The options of `cargo xtask bench execline`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// How often to run each script
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Where Debian has the commands.
const THEIRS: &str = "/usr/lib/execline/bin";

/// The commands of the chain.
const COMMANDS: &[&str] = &[
    "export V value",
    "unexport W",
    "umask 022",
    "cd /",
    "redirfd -r 0 /dev/null",
    "fdmove -c 3 0",
    "fdclose 3",
    "importas -D none K V",
    "define -s L \"a b\"",
    "multisubstitute { define M m importas -D none N V }",
];

/// How often a command stands in the script that measures it alone.
const REPEATS: u32 = 20;

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    if !Path::new(THEIRS).join("execlineb").exists() {
        return Err(Failure(format!("{THEIRS}/execlineb is missing: apt-get install execline")));
    }
    let ours = dist::root()?.join("command");
    measure(&ours, args.rounds).map_err(|why| Failure(format!("unable to measure: {why}")))?;
    Ok(ExitCode::SUCCESS)
}

fn measure(ours: &Path, rounds: u32) -> std::io::Result<()> {
    println!("{:<28} {:>17} {:>17} {:>6}", "", "ours", "Debian's", "ratio");
    let directory = tempfile::tempdir()?;
    let bench = |name: &str, commands: &str| {
        let script = directory.path().join(name);
        fs::write(&script, format!("{commands} /bin/true\n"))?;
        Times::of(&script, [ours, Path::new(THEIRS)], rounds)
    };
    let bare = (0..rounds).map(|_| time(&mut Command::new("/bin/true"))).collect::<Result<Vec<_>, _>>()?;
    println!("{:<28} {:>17}", "true", spread(&bare));
    let empty = bench("empty", "")?;
    println!("{:<28} {empty}", "empty");
    let chain = bench("chain", &COMMANDS.join(" "))?;
    println!("{:<28} {chain}  (600 µs, 3000 µs)", "chain");
    for command in COMMANDS {
        let name = command.split(' ').next().unwrap_or_default();
        let times = bench("each", &format!("{command} ").repeat(usize::try_from(REPEATS).unwrap_or(1)))?;
        let [ours, theirs] = times.beyond(&empty, f64::from(REPEATS));
        println!(
            "{:<28} {:>14} µs {:>14} µs {:>6.3}",
            format!("{name} each"),
            microseconds(ours),
            microseconds(theirs),
            ours / theirs
        );
    }
    Ok(())
}

/// Seconds of each round, ours and theirs.
struct Times {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Times {
    fn of(script: &Path, commands: [&Path; 2], rounds: u32) -> std::io::Result<Self> {
        let mut times = commands.map(|_| Vec::new());
        for _ in 0..rounds {
            for (directory, times) in commands.iter().zip(&mut times) {
                let mut command = Command::new(directory.join("execlineb"));
                command.arg("-P").arg(script).env_clear();
                times.push(time(command.env("PATH", format!("{}:/usr/bin:/bin", directory.display())))?);
            }
        }
        let [ours, theirs] = times;
        Ok(Self { ours, theirs })
    }

    /// Seconds that go beyond `base`, by `count`, ours and theirs: of the minimums, since a command costs less than
    /// the rounds differ.
    fn beyond(&self, base: &Self, count: f64) -> [f64; 2] {
        let less = |times: &[f64], base: &[f64]| (least(times) - least(base)) / count;
        [less(&self.ours, &base.ours), less(&self.theirs, &base.theirs)]
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ratios = self.ours.iter().zip(&self.theirs).map(|(a, b)| a / b).collect();
        write!(f, "{:>17} {:>17} {:>6.2}", spread(&self.ours), spread(&self.theirs), median(ratios))
    }
}

fn spread(times: &[f64]) -> String {
    format!("{} / {} µs", microseconds(median(times.to_vec())), microseconds(least(times)))
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The seconds from start to end.
fn time(command: &mut Command) -> std::io::Result<f64> {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).status()?;
    let took = start.elapsed().as_secs_f64();
    if status.success() { Ok(took) } else { Err(std::io::Error::other(format!("{command:?}: {status}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_a_command_is_what_goes_beyond_the_empty_script() {
        let times = Times { ours: vec![3.0, 5.0], theirs: vec![9.0, 9.5] };
        let base = Times { ours: vec![2.0, 1.0], theirs: vec![1.0, 3.0] };
        assert_eq!(times.beyond(&base, 2.0), [1.0, 4.0]);
    }

    #[test]
    fn medians_and_minimums() {
        assert_eq!(spread(&[0.003, 0.001, 0.002]), "2000.0 / 1000.0 µs");
    }
}
