//! `cargo xtask bench boot`: how long a container takes to its command and from there to its end, and what it costs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sandbox::{Container, Sandbox, Streams};

use super::figures::{Memory, median, milliseconds, processes_of};
use crate::dist;
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
A container with so many s6-rc longruns, each an s6-pause, is booted on an otherwise empty root, with supervisor
processes (the default) and without (S6_SUPERVISE_PROCESSES=0). Columns, the times being medians over the rounds:

  to CMD        from the execution of /init to the first line of a command that says `up` and exits
  bare          the same from a pid 1 that only starts the daemons, directly, and then executes the command: no
                init can be faster. Both boot in turns, so that a change of the machine's mood meets both
  ratio         to CMD by bare
  to gone       from that line to the end of the container's last process
  processes     beside the daemons and the command, while the command runs
  private, PSS  memory of these processes after a second: private dirty pages, proportional set size
  each          private pages of a supervisor process, dirty and clean, on average; at most 20 KiB are dirty

A budget of the design stands in parentheses.";

/// The options of `cargo xtask bench boot`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// How often to boot each
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many services
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [0, 100, 500])]
    services: Vec<u32>,
}

/// After a second without events a supervisor process gives back the memory that it doesn't use.
const SETTLED: Duration = Duration::from_millis(1200);

const DAEMON: &str = "/command/s6-pause";
const ECHO: &str = "/command/s6-echo";

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let distribution = dist::root()?;
    let unable = |why: std::io::Error| Failure(format!("unable to measure: {why}"));
    println!(
        "{:>8}  {:<10} {:>17} {:>9} {:>6}  {:>16}  {:>13}  {:>16} {:>9}  {:>12}",
        "services", "layout", "to CMD", "bare", "ratio", "to gone", "processes", "private", "PSS", "each"
    );
    for count in &args.services {
        let mut bench = Bench::new(*count, distribution.clone()).map_err(unable)?;
        for (layout, name) in [("1", "processes"), ("0", "one")] {
            bench.layout = layout;
            println!("{count:>8}  {name:<10} {}", bench.measure(args.rounds).map_err(unable)?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Containers with the same services.
struct Bench {
    count: u32,
    distribution: PathBuf,
    root: tempfile::TempDir,
    /// The value of S6_SUPERVISE_PROCESSES.
    layout: &'static str,
}

/// Time to the command, and from there to the end.
struct Times {
    up: Duration,
    gone: Duration,
}

/// What stands beside the daemons and the command; sizes in KiB.
#[derive(Default)]
struct Cost {
    processes: u32,
    private: u64,
    proportional: u64,
    supervisors: u32,
    /// Of all supervisors, dirty and clean.
    of_supervisors: (u64, u64),
}

impl Bench {
    fn new(count: u32, distribution: PathBuf) -> std::io::Result<Self> {
        let root = tempfile::tempdir()?;
        let overlay = root.path().join("etc/s6-overlay");
        let contents = overlay.join("user-bundles.d/user/contents.d");
        fs::create_dir_all(&contents)?;
        for number in 0..count {
            let name = format!("daemon-{number}");
            let definition = overlay.join("s6-rc.d").join(&name);
            fs::create_dir_all(definition.join("dependencies.d"))?;
            fs::write(definition.join("dependencies.d/base"), "")?;
            fs::write(definition.join("type"), "longrun\n")?;
            fs::write(definition.join("run"), format!("#!/command/execlineb -P\n{DAEMON}\n"))?;
            fs::write(contents.join(name), "")?;
        }
        Ok(Self { count, distribution, root, layout: "1" })
    }

    fn measure(&self, rounds: u32) -> std::io::Result<String> {
        let (mut ups, mut bares, mut ratios, mut ends) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let up = self.sandbox(&["/init", ECHO, "up"]);
        let bare = self.sandbox(&[ECHO, "up"]).bare_daemons(self.count, DAEMON);
        for _ in 0..rounds {
            let (ours, plain) = (time(&up)?, time(&bare)?);
            ups.push(ours.up.as_secs_f64());
            bares.push(plain.up.as_secs_f64());
            ratios.push(ours.up.as_secs_f64() / plain.up.as_secs_f64());
            ends.push(ours.gone.as_secs_f64());
        }
        let cost = self.cost()?;
        let budget = match self.count {
            0 => "(6)",
            100 => "(30)",
            500 => "(150)",
            _ => "",
        };
        Ok(format!(
            "{:>11} {budget:<5} {:>9} {:>6.1}  {:>11} (30)  {:>9} {:<3}  {:>9} (2048) {:>5} KiB  {:>12}",
            milliseconds(median(ups)),
            milliseconds(median(bares)),
            median(ratios),
            milliseconds(median(ends)),
            cost.processes,
            if self.layout == "0" { "(1)" } else { "" },
            format!("{} KiB", cost.private),
            cost.proportional,
            cost.of_each(),
        ))
    }

    fn sandbox(&self, command: &[&str]) -> Sandbox {
        Sandbox::new(self.root.path(), command)
            .layer(&self.distribution)
            .env("PATH", "/usr/bin:/bin")
            .env("S6_SUPERVISE_PROCESSES", self.layout)
            .streams(Streams::Together)
    }

    fn cost(&self) -> std::io::Result<Cost> {
        let command = ["/init", "/command/foreground", " /command/s6-echo", " up", "", DAEMON];
        let (container, _lines, _) = started(&self.sandbox(&command))?;
        std::thread::sleep(SETTLED);
        // The command has spoken, but may not be in its last form yet: looks until two agree.
        let mut last = Cost::of(&container)?;
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let cost = Cost::of(&container)?;
            if cost.processes == last.processes {
                return Ok(cost);
            }
            last = cost;
        }
    }
}

impl Cost {
    /// Private memory of a supervisor process.
    fn of_each(&self) -> String {
        let count = u64::from(self.supervisors);
        let (dirty, clean) = self.of_supervisors;
        let mean = |all: u64| all.checked_div(count);
        mean(dirty).zip(mean(clean)).map_or(String::new(), |(dirty, clean)| format!("{dirty} + {clean} KiB"))
    }

    fn of(container: &Container) -> std::io::Result<Self> {
        let mut cost = Cost::default();
        for pid in processes_of(container)? {
            let directory = Path::new("/proc").join(pid.to_string());
            // A process may end meanwhile; then it costs nothing.
            let (Ok(line), Some(memory)) = (fs::read(directory.join("cmdline")), Memory::of(pid)) else {
                continue;
            };
            // Daemons and the command, some of them on the last steps of their way.
            if [DAEMON, ECHO, "./run"]
                .iter()
                .any(|word| line.split(|b| *b == 0).any(|w| w == word.as_bytes()))
            {
                continue;
            }
            if line.starts_with(b"s6-supervise\0") {
                cost.supervisors += 1;
                cost.of_supervisors.0 += memory.private;
                cost.of_supervisors.1 += memory.clean;
            }
            cost.processes += 1;
            cost.private += memory.private;
            cost.proportional += memory.proportional;
        }
        Ok(cost)
    }
}

/// The output of a container.
type Lines = BufReader<fs::File>;

/// Starts a container and waits for its line `up`; gives the time that took.
fn started(sandbox: &Sandbox) -> std::io::Result<(Container, Lines, Duration)> {
    let mut container = sandbox.start()?;
    let mut lines =
        BufReader::new(fs::File::from(container.take_stdout().ok_or(std::io::ErrorKind::BrokenPipe)?));
    let mut said = String::new();
    loop {
        let before = said.len();
        if lines.read_line(&mut said)? == 0 {
            return Err(std::io::Error::other(format!("the container ended early:\n{said}")));
        }
        if said.get(before..) == Some("up\n") {
            let took = container.age();
            return Ok((container, lines, took));
        }
    }
}

fn time(sandbox: &Sandbox) -> std::io::Result<Times> {
    let (mut container, mut lines, up) = started(sandbox)?;
    let start = Instant::now();
    // A full pipe would hold the stop up.
    std::io::copy(&mut lines, &mut std::io::sink())?;
    container.wait()?;
    Ok(Times { up, gone: start.elapsed() })
}
