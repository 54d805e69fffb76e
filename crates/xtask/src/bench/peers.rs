//! `cargo xtask bench peers`: the same daemons under runit, supervisord, tini, Debian's s6 and this.

use std::fs;
use std::io::{BufRead, BufReader, Error, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sandbox::{Container, Sandbox, Streams};

use super::figures::{Memory, median, milliseconds, processes_of};
use crate::dist;
use crate::failure::{Failure, Outcome};

const HELP: &str = "\
A container with so many daemons is booted on the machine's own root by each init. A daemon is a shell script that
writes a line and becomes `sleep`, the same for all of them. Columns, the times being medians:

  start      from the execution of the init to the line of the last daemon
  restart    from SIGKILL to a daemon that has run for more than a second to the next line; s6 waits a second before
             the next start of a daemon that doesn't notify readiness
  stop       from the signal that asks the init to stop to the end of the container's last process
  processes  of the init: all but the daemons
  memory     of these processes, files apart: what each has for itself

tini runs one program: here a shell that starts the daemons and waits. Nothing restarts them, and its end is theirs.
supervisord captures no output, as nothing else does. runsvdir is asked to stop by HUP, the others by TERM.
From Debian: apt-get install runit supervisor tini s6. What isn't there is left out.";

/// The options of `cargo xtask bench peers`.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// How often to boot each
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How many daemons
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_values_t = [10, 100],
          value_parser = clap::value_parser!(u32).range(1..))]
    daemons: Vec<u32>,
}

/// After that time a daemon counts as started, and a supervisor process has given back its memory.
const SETTLED: Duration = Duration::from_millis(1500);
const RESTARTS: u32 = 10;

/// Where the definitions are in the container.
const PLACE: &str = "/bench";
const DAEMON: &str = "#!/bin/sh\nexec 9>/proc/1/fd/1\necho daemon $$ >&9\nexec sleep 1000000\n";

/// An init.
struct Peer {
    name: &'static str,
    /// The program without which it can't be measured; none of our own.
    program: Option<&'static str>,
    command: &'static [&'static str],
    /// S6_SUPERVISE_PROCESSES.
    layout: &'static str,
    stop: Signal,
    restarts: bool,
    define: fn(&Path, u32) -> Result<()>,
}

const PEERS: [Peer; 6] = [
    Peer {
        name: "this, default",
        program: None,
        command: &["/init"],
        layout: "1",
        stop: Signal::TERM,
        restarts: true,
        define: longruns,
    },
    Peer {
        name: "this, one process",
        program: None,
        command: &["/init"],
        layout: "0",
        stop: Signal::TERM,
        restarts: true,
        define: longruns,
    },
    Peer {
        name: "s6 of Debian",
        program: Some("/usr/bin/s6-svscan"),
        command: &["/usr/bin/s6-svscan", "/bench"],
        layout: "",
        stop: Signal::TERM,
        restarts: true,
        define: directories,
    },
    Peer {
        name: "runit",
        program: Some("/usr/bin/runsvdir"),
        command: &["/usr/bin/runsvdir", "-P", "/bench"],
        layout: "",
        stop: Signal::HUP,
        restarts: true,
        define: directories,
    },
    Peer {
        name: "supervisord",
        program: Some("/usr/bin/supervisord"),
        command: &["/usr/bin/supervisord", "-c", "/bench/conf"],
        layout: "",
        stop: Signal::TERM,
        restarts: true,
        define: supervisord,
    },
    Peer {
        name: "tini",
        program: Some("/usr/bin/tini"),
        command: &["/usr/bin/tini", "/bench/all"],
        layout: "",
        stop: Signal::TERM,
        restarts: false,
        define: shell,
    },
];

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let distribution = dist::root()?;
    let unable = |why: Error| Failure(format!("unable to measure: {why}"));
    println!(
        "{:>7}  {:<18} {:>11} {:>11} {:>11} {:>9} {:>12}",
        "daemons", "", "start", "restart", "stop", "processes", "memory"
    );
    for count in &args.daemons {
        let there =
            PEERS.iter().filter(|peer| peer.program.is_none_or(|program| Path::new(program).exists()));
        let mut benches = Vec::new();
        for peer in there {
            benches.push(Bench::new(peer, *count, distribution.clone()).map_err(unable)?);
        }
        // In turns, so that a change of the machine's mood meets all of them.
        for _ in 0..args.rounds {
            for bench in &mut benches {
                bench.boot().map_err(|why| Failure(format!("{}: {why}", bench.peer.name)))?;
            }
        }
        for bench in &benches {
            println!("{count:>7}  {}", bench.shown());
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn script(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

/// s6-rc definitions of this.
fn longruns(layer: &Path, count: u32) -> Result<()> {
    let overlay = layer.join("etc/s6-overlay");
    let contents = overlay.join("user-bundles.d/user/contents.d");
    fs::create_dir_all(&contents)?;
    for number in 0..count {
        let definition = overlay.join(format!("s6-rc.d/d{number}"));
        fs::create_dir_all(definition.join("dependencies.d"))?;
        fs::write(definition.join("dependencies.d/base"), "")?;
        fs::write(definition.join("type"), "longrun\n")?;
        script(&definition.join("run"), DAEMON)?;
        fs::write(contents.join(format!("d{number}")), "")?;
    }
    Ok(())
}

/// Service directories of the daemontools family.
fn directories(layer: &Path, count: u32) -> Result<()> {
    for number in 0..count {
        let directory = layer.join(format!("bench/d{number}"));
        fs::create_dir_all(&directory)?;
        script(&directory.join("run"), DAEMON)?;
    }
    Ok(())
}

fn supervisord(layer: &Path, count: u32) -> Result<()> {
    fs::create_dir_all(layer.join("bench"))?;
    script(&layer.join("bench/daemon"), DAEMON)?;
    let text = format!(
        "[supervisord]\nnodaemon=true\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=/run/bench.pid\n\
         [program:d]\ncommand={PLACE}/daemon\nnumprocs={count}\nprocess_name=d%(process_num)d\nautorestart=true\n\
         stdout_logfile=NONE\nstderr_logfile=NONE\n"
    );
    fs::write(layer.join("bench/conf"), text)
}

/// A shell that starts the daemons and waits for them.
fn shell(layer: &Path, count: u32) -> Result<()> {
    fs::create_dir_all(layer.join("bench"))?;
    script(&layer.join("bench/daemon"), DAEMON)?;
    let starts = format!("{PLACE}/daemon &\n").repeat(usize::try_from(count).unwrap_or(0));
    script(&layer.join("bench/all"), &format!("#!/bin/sh\n{starts}wait\n"))
}

/// One init with its daemons, and what was measured so far.
struct Bench {
    peer: &'static Peer,
    count: u32,
    distribution: PathBuf,
    layer: tempfile::TempDir,
    starts: Vec<f64>,
    restarts: Vec<f64>,
    stops: Vec<f64>,
    processes: usize,
    memory: u64,
}

impl Bench {
    fn new(peer: &'static Peer, count: u32, distribution: PathBuf) -> Result<Self> {
        let layer = tempfile::tempdir()?;
        (peer.define)(layer.path(), count)?;
        let (starts, restarts, stops) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { peer, count, distribution, layer, starts, restarts, stops, processes: 0, memory: 0 })
    }

    /// Boots a container, measures it, and stops it.
    fn boot(&mut self) -> Result<()> {
        let sandbox = Sandbox::new(Path::new("/"), self.peer.command)
            .layer(&self.distribution)
            .layer(self.layer.path())
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("S6_SUPERVISE_PROCESSES", self.peer.layout)
            .streams(Streams::Together);
        let mut container = sandbox.start()?;
        let output = container.take_stdout().ok_or(std::io::ErrorKind::BrokenPipe)?;
        let mut lines = BufReader::new(fs::File::from(output));
        let mut daemons = Vec::new();
        for _ in 0..self.count {
            daemons.push(next_daemon(&mut lines)?);
        }
        self.starts.push(container.age().as_secs_f64());
        sleep(SETTLED);
        if self.peer.restarts {
            for pid in daemons.iter().take(usize::try_from(RESTARTS).unwrap_or(0)) {
                let outside = outside(&container, *pid)?;
                let start = Instant::now();
                kill_process(outside, Signal::KILL)?;
                next_daemon(&mut lines)?;
                self.restarts.push(start.elapsed().as_secs_f64());
            }
            sleep(SETTLED);
        }
        let all = processes_of(&container)?;
        let own = all.into_iter().filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name != "sleep\n")
        });
        let memory: Vec<_> = own.filter_map(Memory::of).collect();
        self.processes = memory.len();
        self.memory = memory.into_iter().sum::<Memory>().anonymous;
        let start = Instant::now();
        container.signal(self.peer.stop)?;
        // A full pipe would hold the stop up.
        std::io::copy(&mut lines, &mut std::io::sink())?;
        container.wait()?;
        self.stops.push(start.elapsed().as_secs_f64());
        Ok(())
    }

    fn shown(&self) -> String {
        let time = |times: &[f64]| match times {
            [] => "never".to_owned(),
            _ => milliseconds(median(times.to_vec())),
        };
        format!(
            "{:<18} {:>11} {:>11} {:>11} {:>9} {:>8} KiB",
            self.peer.name,
            time(&self.starts),
            time(&self.restarts),
            time(&self.stops),
            self.processes,
            self.memory
        )
    }
}

/// The process id in the container of the daemon that says next that it runs.
fn next_daemon(lines: &mut impl BufRead) -> Result<u32> {
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Err(Error::other("the container ended early"));
        }
        if let Some(pid) = line.strip_prefix("daemon ").and_then(|pid| pid.trim_end().parse().ok()) {
            return Ok(pid);
        }
    }
}

/// The process id outside of the container's process with this one inside.
fn outside(container: &Container, inside: u32) -> Result<Pid> {
    let is = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
        ids.and_then(|ids| ids.split_whitespace().next_back()?.parse().ok()) == Some(inside)
    };
    let pid = processes_of(container)?.into_iter().find(is);
    let pid = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    pid.ok_or_else(|| Error::other(format!("the daemon {inside} is gone")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lines_are_no_daemons() {
        let mut lines = &b"s6-rc: info: daemon 7\ndaemon 12\ndaemon x\ndaemon 3\n"[..];
        assert_eq!(next_daemon(&mut lines).unwrap(), 12);
        assert_eq!(next_daemon(&mut lines).unwrap(), 3);
        assert!(next_daemon(&mut lines).is_err());
    }

    #[test]
    fn each_init_gets_as_many_daemons() {
        for peer in &PEERS {
            let layer = tempfile::tempdir().unwrap();
            (peer.define)(layer.path(), 3).unwrap();
            let inits = fs::read_dir(layer.path()).unwrap().count();
            assert_eq!(inits, 1, "{}", peer.name);
        }
        let layer = tempfile::tempdir().unwrap();
        shell(layer.path(), 3).unwrap();
        let text = fs::read_to_string(layer.path().join("bench/all")).unwrap();
        assert_eq!(text.matches("/bench/daemon &").count(), 3);
    }
}
