//! `cargo xtask bench s6-rc`: what compiling and changing many services costs.
#![expect(clippy::disallowed_methods, reason = "never ships, so any kernel of today will do")]

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::figures::{median, milliseconds};
use crate::dist;
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
  compile   s6-rc-compile of so many longruns in one bundle, every tenth needing the tenth before it
  init      s6-rc-init of the longruns that are changed, under an s6-svscan on the machine itself
  up, down  s6-rc -u change and s6-rc -d change of them all, each an s6-pause behind an execlineb
  bare      starting the same run scripts one after the other: no manager can be faster

Times are from start to end, the median over the rounds and, behind a slash, the minimum. The CPU columns are the
minima of what the command itself and what s6-svscan used, their children apart, so that a busy machine changes
them little. Memory is the command's largest resident set. Everything is in /dev/shm. A budget of the design stands
in parentheses.";

/// The options of `cargo xtask bench s6-rc`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// How often to measure each
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many services to compile
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [100, 1000, 5000])]
    compile: Vec<u32>,
    /// How many longruns to change
    #[arg(long, value_name = "N", default_value_t = 500)]
    change: u32,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let commands = dist::root()?.join("command");
    measure(&commands, &args).map_err(|why| Failure(format!("unable to measure: {why}")))?;
    Ok(ExitCode::SUCCESS)
}

fn measure(commands: &Path, args: &Args) -> std::io::Result<()> {
    println!("{:<14} {:>21} {:>7} {:>10} {:>13} {:>11}", "", "time", "", "CPU", "s6-svscan CPU", "memory");
    for count in &args.compile {
        let bench = Bench::new(commands, *count)?;
        let mut costs = Vec::new();
        for _ in 0..args.rounds {
            costs.push(bench.compile()?);
        }
        // What is seen last may have been before the end.
        let peaks = (0..args.rounds).map(|_| bench.peak_of_compile()).collect::<std::io::Result<Vec<_>>>()?;
        let memory = peaks.into_iter().max();
        let budget = if *count == 5000 { "(300)" } else { "" };
        print(&format!("compile {count}"), budget, &costs, memory);
    }
    let bench = Bench::new(commands, args.change)?;
    bench.compile()?;
    let mut rounds = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..args.rounds {
        for (all, cost) in rounds.iter_mut().zip(bench.change()?) {
            all.push(cost);
        }
    }
    for (what, costs) in ["bare", "init", "up", "down"].iter().zip(rounds) {
        print(&format!("{what} {}", args.change), "", &costs, None);
    }
    Ok(())
}

/// What one run of a command cost, in seconds.
#[derive(Clone, Copy)]
struct Cost {
    time: f64,
    /// Of the command itself.
    cpu: Option<f64>,
    /// Of s6-svscan meanwhile.
    host: Option<f64>,
}

fn print(what: &str, budget: &str, costs: &[Cost], memory: Option<u64>) {
    let least = |of: &dyn Fn(&Cost) -> Option<f64>| costs.iter().filter_map(of).reduce(f64::min);
    let shown = |least: Option<f64>| least.map(milliseconds).unwrap_or_default();
    let time = median(costs.iter().map(|c| c.time).collect());
    println!(
        "{what:<14} {:>21} {budget:>7} {:>10} {:>13} {:>11}",
        format!("{} / {}", milliseconds(time), shown(least(&|c| Some(c.time)))),
        shown(least(&|c| c.cpu)),
        shown(least(&|c| c.host)),
        memory.map(|kib| format!("{kib} KiB")).unwrap_or_default(),
    );
}

/// Definitions of longruns in a bundle `all`, and the place to use them.
struct Bench {
    commands: PathBuf,
    directory: tempfile::TempDir,
    count: u32,
}

impl Bench {
    fn new(commands: &Path, count: u32) -> std::io::Result<Self> {
        let directory = tempfile::tempdir_in("/dev/shm")?;
        let all = directory.path().join("source/all");
        fs::create_dir_all(all.join("contents.d"))?;
        fs::write(all.join("type"), "bundle\n")?;
        let shown = commands.display();
        for number in 0..count {
            let definition = directory.path().join(format!("source/daemon-{number}"));
            fs::create_dir_all(definition.join("dependencies.d"))?;
            fs::write(definition.join("type"), "longrun\n")?;
            fs::write(definition.join("run"), format!("#!{shown}/execlineb -P\n{shown}/s6-pause\n"))?;
            if number >= 10 && number % 10 == 0 {
                fs::write(definition.join(format!("dependencies.d/daemon-{}", number - 10)), "")?;
            }
            fs::write(all.join(format!("contents.d/daemon-{number}")), "")?;
        }
        Ok(Self { commands: commands.to_owned(), directory, count })
    }

    fn command(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(self.commands.join(name));
        command.args(words).current_dir(self.directory.path()).stdin(Stdio::null());
        command
    }

    fn compile(&self) -> std::io::Result<Cost> {
        self.remove("compiled")?;
        run_one(&mut self.command("s6-rc-compile", &["-v", "0", "compiled", "source"]), None)
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        let path = self.directory.path().join(name);
        if path.exists() { fs::remove_dir_all(path) } else { Ok(()) }
    }

    /// Compiles again and looks all the while: a time would suffer from that. KiB.
    fn peak_of_compile(&self) -> std::io::Result<u64> {
        self.remove("compiled")?;
        let mut child = self.command("s6-rc-compile", &["compiled", "source"]).spawn()?;
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait()?.is_none() {
            let text = fs::read_to_string(&status).unwrap_or_default();
            let field = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            peak = peak.max(field.and_then(|f| f.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0));
        }
        Ok(peak)
    }

    /// Starts the run scripts directly, then makes a live state, brings all up and down.
    fn change(&self) -> std::io::Result<[Cost; 4]> {
        let bare = self.bare()?;
        let scandir = self.directory.path().join("scan");
        fs::create_dir(&scandir)?;
        let mut host = self.command("s6-svscan", &["scan"]).stderr(Stdio::null()).spawn()?;
        let changed = self.change_under(&host);
        rustix::process::kill_process(pid(&host)?, Signal::TERM)?;
        host.wait()?;
        self.remove("scan")?;
        let [init, up, down] = changed?;
        Ok([bare, init, up, down])
    }

    fn change_under(&self, host: &Child) -> std::io::Result<[Cost; 3]> {
        while !self.command("s6-svscanctl", &["-z", "scan"]).stderr(Stdio::null()).status()?.success() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        let (compiled, live, scan) = (path("compiled"), path("live"), path("scan"));
        let run = |name: &str, words: &[&str]| run_one(&mut self.command(name, words), Some(host));
        let init = run("s6-rc-init", &["-c", &compiled, "-l", &live, &scan])?;
        let up = run("s6-rc", &["-l", &live, "-u", "change", "all"])?;
        let down = run("s6-rc", &["-l", &live, "-d", "change", "all"])?;
        let directory = fs::canonicalize(&live)?;
        fs::remove_file(&live)?;
        fs::remove_dir_all(directory)?;
        Ok([init, up, down])
    }

    fn bare(&self) -> std::io::Result<Cost> {
        let start = Instant::now();
        let mut children = Vec::new();
        for number in 0..self.count {
            let place = self.directory.path().join(format!("compiled/servicedirs/daemon-{number}"));
            children.push(Command::new("./run").current_dir(place).process_group(0).spawn()?);
        }
        let time = start.elapsed().as_secs_f64();
        for child in &mut children {
            child.kill()?;
            child.wait()?;
        }
        Ok(Cost { time, cpu: None, host: None })
    }
}

fn pid(child: &Child) -> std::io::Result<Pid> {
    let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    number.ok_or_else(|| std::io::Error::other("a process without a number"))
}

/// Seconds that a process, also one that has just ended, has been on a CPU.
fn cpu(pid: Pid) -> std::io::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{}/schedstat", pid.as_raw_pid()))?;
    let nanoseconds: f64 = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(f64::NAN);
    Ok(nanoseconds / 1e9)
}

/// Runs a command to its end.
fn run_one(command: &mut Command, host: Option<&Child>) -> std::io::Result<Cost> {
    let of_host = || host.map(|h| cpu(pid(h)?)).transpose();
    let before = of_host()?;
    let start = Instant::now();
    let mut child = command.spawn()?;
    let pid = pid(&child)?;
    // Left as a zombie, so that what it used can still be read.
    rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let time = start.elapsed().as_secs_f64();
    let used = cpu(pid)?;
    let status = child.wait()?;
    if !status.success() {
        return Err(std::io::Error::other(format!("{command:?}: {status}")));
    }
    let host = before.zip(of_host()?).map(|(before, after)| after - before);
    Ok(Cost { time, cpu: Some(used), host })
}
