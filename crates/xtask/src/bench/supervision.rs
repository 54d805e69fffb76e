//! `cargo xtask bench supervision`: a scan directory with many services, beside Debian's s6 where it is installed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::figures::{Memory, median, milliseconds};
use crate::dist;
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
An s6-svscan supervises so many services, each a shell script that writes a line to a FIFO, notifies readiness and
becomes `sleep`.
Columns, the times being medians:

  start         from the execution of s6-svscan to the line of the last service
  restart       from SIGKILL to a daemon that has been ready for more than a second to the next line
  queries       s6-svstat a second, one after the other, each a process
  processes     the supervisors
  private, PSS  their memory: private dirty pages, proportional set size
  wake-ups      voluntary context switches of them all in an idle second
  calls         system calls of the supervisors for one restart, if strace is there

The older s6 that Debian packages is measured in turns with ours; the third row is its figures by ours.";

/// The options of `cargo xtask bench supervision`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// How often to start each
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many services
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [10, 100, 1000],
          value_parser = clap::value_parser!(u32).range(1..))]
    services: Vec<u32>,
}

/// A service that became ready longer than a second ago is started again at once: the rule of s6.
const SETTLED: Duration = Duration::from_millis(1200);
const RESTARTS: u32 = 50;
const TRACED: u32 = 5;
const QUERIES: u32 = 300;
/// Where Debian's s6 is.
const THEIRS: &str = "/usr/bin";

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let ours = dist::root()?.join("command");
    let unable = |why: Error| Failure(format!("unable to measure: {why}"));
    let reference = Path::new(THEIRS).join("s6-svscan").exists();
    println!(
        "{:>8}  {:<6} {:>10} {:>9} {:>9} {:>9} {:>12} {:>12} {:>8} {:>7}",
        "services", "", "start", "restart", "queries", "processes", "private", "PSS", "wake-ups", "calls"
    );
    for count in &args.services {
        let mut bench = Bench::new(*count).map_err(unable)?;
        let (mut our_starts, mut their_starts) = (Vec::new(), Vec::new());
        for _ in 1..args.rounds {
            our_starts.push(bench.start(&ours).and_then(Scandir::end).map_err(unable)?);
            if reference {
                their_starts.push(bench.start(Path::new(THEIRS)).and_then(Scandir::end).map_err(unable)?);
            }
        }
        let own = bench.measure(&ours, our_starts).map_err(unable)?;
        own.print(*count, "ours");
        if reference {
            let other = bench.measure(Path::new(THEIRS), their_starts).map_err(unable)?;
            other.print(*count, "Debian");
            other.print_by(&own);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A scan directory to start supervisors on.
struct Bench {
    count: u32,
    place: tempfile::TempDir,
    told: BufReader<File>,
}

/// A supervised scan directory; killed when dropped.
struct Scandir<'a> {
    bench: &'a mut Bench,
    tools: PathBuf,
    host: Child,
    start: Duration,
}

/// What one side costs: seconds, counts, KiB.
struct Figures {
    start: f64,
    restart: f64,
    queries: f64,
    processes: f64,
    memory: Memory,
    wakes: f64,
    calls: f64,
}

impl Bench {
    fn new(count: u32) -> Result<Self> {
        let place = tempfile::tempdir()?;
        let fifo = place.path().join("told");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU)?;
        let script = place.path().join("run");
        fs::write(
            &script,
            format!("#!/bin/sh\necho >{}\necho >&3\nexec sleep 1000000 3>&-\n", fifo.display()),
        )?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        // Open for writing too: there is no end of file while no process writes.
        let told = BufReader::new(File::options().read(true).write(true).open(fifo)?);
        Ok(Self { count, place, told })
    }

    fn service(&self, number: u32) -> PathBuf {
        self.place.path().join(format!("sv/{number}"))
    }

    /// Waits until so many services have started.
    fn hear(&mut self, count: u32) -> Result<()> {
        let mut line = String::new();
        for _ in 0..count {
            self.told.read_line(&mut line)?;
        }
        Ok(())
    }

    /// Starts the supervisor of these tools on a new scan directory.
    fn start(&mut self, tools: &Path) -> Result<Scandir<'_>> {
        let scandir = self.place.path().join("sv");
        if scandir.exists() {
            fs::remove_dir_all(&scandir)?;
        }
        for number in 0..self.count {
            fs::create_dir_all(self.service(number))?;
            fs::write(self.service(number).join("notification-fd"), "3\n")?;
            fs::hard_link(self.place.path().join("run"), self.service(number).join("run"))?;
        }
        let start = Instant::now();
        // The option had another letter in Debian's version.
        let most = if tools == Path::new(THEIRS) { "-c" } else { "-C" };
        let host = Command::new(tools.join("s6-svscan"))
            .args([most, "2000"])
            .arg(&scandir)
            .env("PATH", format!("{}:/usr/bin:/bin", tools.display()))
            .stdin(Stdio::null())
            .spawn()?;
        self.hear(self.count)?;
        Ok(Scandir { tools: tools.to_owned(), host, start: start.elapsed(), bench: self })
    }

    fn measure(&mut self, tools: &Path, mut starts: Vec<f64>) -> Result<Figures> {
        let mut scandir = self.start(tools)?;
        starts.push(scandir.start.as_secs_f64());
        sleep(SETTLED);
        let restart = median(scandir.restarts()?);
        sleep(SETTLED);
        let supervisors = scandir.supervisors()?;
        let before = switches(&supervisors);
        sleep(Duration::from_secs(1));
        let wakes = switches(&supervisors) - before;
        let figures = Figures {
            start: median(starts),
            restart,
            queries: scandir.queries()?,
            processes: f64::from(u32::try_from(supervisors.len()).unwrap_or(u32::MAX)),
            memory: supervisors.iter().filter_map(|pid| Memory::of(*pid)).sum(),
            wakes,
            calls: scandir.calls(&supervisors).unwrap_or(f64::NAN),
        };
        scandir.end()?;
        Ok(figures)
    }
}

impl Scandir<'_> {
    /// The process id of a daemon, from bytes 24 to 31 of its status.
    fn daemon(&self, number: u32) -> Result<Pid> {
        let status = fs::read(self.bench.service(number).join("supervise/status"))?;
        let field = status.get(24..32).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let pid = field.and_then(|n| i32::try_from(n).ok()).and_then(Pid::from_raw);
        pid.ok_or_else(|| Error::other(format!("service {number} has no daemon")))
    }

    /// Kills a daemon and waits until its service has started again.
    fn restart(&mut self, number: u32) -> Result<f64> {
        let pid = self.daemon(number)?;
        let start = Instant::now();
        kill_process(pid, Signal::KILL)?;
        self.bench.hear(1)?;
        Ok(start.elapsed().as_secs_f64())
    }

    fn restarts(&mut self) -> Result<Vec<f64>> {
        (0..self.bench.count.min(RESTARTS)).map(|number| self.restart(number)).collect()
    }

    fn queries(&self) -> Result<f64> {
        let start = Instant::now();
        for number in (0..self.bench.count).cycle().zip(0..QUERIES).map(|(number, _)| number) {
            let output = Command::new(self.tools.join("s6-svstat"))
                .args(["-o", "up"])
                .arg(self.bench.service(number))
                .output()?;
            if output.stdout != b"true\n" {
                return Err(Error::other(format!("service {number} is not up")));
            }
        }
        Ok(f64::from(QUERIES) / start.elapsed().as_secs_f64())
    }

    /// The host, and its children that are supervisors.
    fn supervisors(&self) -> Result<Vec<u32>> {
        let host = self.host.id();
        let children = fs::read_to_string(format!("/proc/{host}/task/{host}/children"))?;
        let children = children.split_whitespace().filter_map(|word| word.parse().ok());
        let named = |pid: &u32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "s6-supervise\n")
        };
        Ok([host].into_iter().chain(children.filter(named)).collect())
    }

    /// System calls of the supervisors for one restart: of the host, and of a service's own supervisor where there is
    /// one.
    fn calls(&mut self, supervisors: &[u32]) -> Result<f64> {
        let traced = TRACED.min(self.bench.count);
        let log = self.bench.place.path().join("calls");
        let mut command = Command::new("strace");
        command.arg("-o").arg(&log).stderr(Stdio::piped());
        supervisors.iter().for_each(|pid| {
            command.arg("-p").arg(pid.to_string());
        });
        let mut strace = command.spawn()?;
        // It reports each process that it has taken over.
        let mut said = BufReader::new(strace.stderr.take().ok_or(ErrorKind::BrokenPipe)?);
        for _ in supervisors {
            said.read_line(&mut String::new())?;
        }
        for number in 0..traced {
            self.restart(number)?;
        }
        // The books are written after the start.
        sleep(Duration::from_millis(100));
        let id = i32::try_from(strace.id()).ok().and_then(Pid::from_raw).ok_or(ErrorKind::InvalidData)?;
        kill_process(id, Signal::INT)?;
        said.read_to_string(&mut String::new())?;
        strace.wait()?;
        let log = fs::read_to_string(log)?;
        let calls = log.lines().filter(|line| line.contains('(') && !line.contains("<unfinished")).count();
        Ok(f64::from(u32::try_from(calls).unwrap_or(u32::MAX)) / f64::from(traced))
    }

    /// Stops everything and waits; gives the time that the start took, in seconds.
    fn end(mut self) -> Result<f64> {
        let id = i32::try_from(self.host.id()).ok().and_then(Pid::from_raw).ok_or(ErrorKind::InvalidData)?;
        kill_process(id, Signal::TERM)?;
        self.host.wait()?;
        Ok(self.start.as_secs_f64())
    }
}

/// Voluntary context switches so far.
fn switches(pids: &[u32]) -> f64 {
    let of = |pid: &u32| -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?.trim().parse().ok()
    };
    pids.iter().filter_map(of).map(f64::from).sum()
}

impl Figures {
    fn print(&self, count: u32, who: &str) {
        println!(
            "{count:>8}  {who:<6} {:>10} {:>9} {:>9.0} {:>9} {:>8} KiB {:>8} KiB {:>8} {:>7.0}",
            milliseconds(self.start),
            milliseconds(self.restart),
            self.queries,
            self.processes,
            self.memory.private,
            self.memory.proportional,
            self.wakes,
            self.calls,
        );
    }

    fn print_by(&self, own: &Self) {
        let memory = |kib: u64| kib as f64;
        println!(
            "{:>8}  {:<6} {:>10.2} {:>9.2} {:>9.2} {:>9.0} {:>12.1} {:>12.1} {:>8} {:>7.2}",
            "",
            "ratio",
            self.start / own.start,
            self.restart / own.restart,
            self.queries / own.queries,
            self.processes / own.processes,
            memory(self.memory.private) / memory(own.memory.private),
            memory(self.memory.proportional) / memory(own.memory.proportional),
            "",
            self.calls / own.calls,
        );
    }
}
