//! A container whose pid 1, or the supervisor process of one service in it, runs under strace from its first call on.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use sandbox::{Container, Streams};
use tests::image;
use tests::services::Services;

use crate::scenario::{self, Layout};

/// Far more than the scenario takes on a busy machine, and more than everything in it that has a limit of its own.
const LIMIT: Duration = Duration::from_secs(40);

/// What the containers are made of.
pub struct Images {
    distribution: PathBuf,
    busybox: tempfile::TempDir,
    services: Services,
}

/// A container that has ended.
pub struct Ended {
    /// `None` if its time was over.
    pub code: Option<u8>,
    pub said: String,
    /// The calls, as strace writes them.
    pub record: String,
    pub marks: tempfile::TempDir,
}

impl Images {
    /// Makes them.
    pub fn new() -> Result<Self, String> {
        let unable = |why: io::Error| format!("unable to make a directory: {why}");
        let busybox = tempfile::tempdir().map_err(unable)?;
        image::busybox(busybox.path())?;
        let services = scenario::services().map_err(unable)?;
        Ok(Self { distribution: image::distribution()?, busybox, services })
    }

    /// Runs the scenario to its end under strace with these options.
    pub fn run(&self, layout: Layout, options: &[String]) -> io::Result<Ended> {
        let marks = tempfile::tempdir()?;
        scenario::prepare(marks.path(), layout)?;
        let sandbox = layout.sandbox(self.busybox.path(), &self.distribution, &self.services, marks.path());
        let container = sandbox.streams(Streams::Together).start()?;
        let record = tempfile::NamedTempFile::new()?;
        // Kept open until the end: what reads it would else find it closed.
        let mut go = None;
        let pid = if layout == Layout::Supervisor {
            container.release()?;
            hear(&marks.path().join("held"))?;
            supervisor(&container, "ready")?
        } else {
            container.pid()
        };
        let mut strace = attach(pid, record.path(), options)?;
        if layout == Layout::Supervisor {
            let fifo = fs::OpenOptions::new().read(true).write(true).open(marks.path().join("go"))?;
            rustix::io::write(&fifo, b"\n")?;
            go = Some(fifo);
        } else {
            container.release()?;
        }
        let output = container.output(LIMIT);
        drop(go);
        // It ends with the process, unless that has been left behind.
        strace.kill()?;
        strace.wait()?;
        let output = output?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let record = String::from_utf8_lossy(&fs::read(record.path())?).into_owned();
        Ok(Ended { code: output.code, said, record, marks })
    }
}

/// Attaches strace to a process; returns when it is attached.
fn attach(pid: u32, record: &Path, options: &[String]) -> io::Result<Child> {
    let mut strace = Command::new("strace")
        .arg("-o")
        .arg(record)
        .args(options)
        .args(["-p", &pid.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| io::Error::other(format!("strace: {why}; apt-get install strace")))?;
    let mut stderr =
        BufReader::new(strace.stderr.take().ok_or_else(|| io::Error::other("no standard error"))?);
    let mut line = String::new();
    stderr.read_line(&mut line)?;
    if !line.contains("attached") {
        stderr.read_to_string(&mut line)?;
        let _ = strace.wait();
        return Err(io::Error::other(line));
    }
    Ok(strace)
}

/// Waits for a line in a FIFO.
fn hear(fifo: &Path) -> io::Result<()> {
    let fifo = fs::OpenOptions::new().read(true).write(true).open(fifo)?;
    let limit = Timespec::try_from(LIMIT).map_err(io::Error::other)?;
    match rustix::event::poll(&mut [PollFd::from_borrowed_fd(fifo.as_fd(), PollFlags::IN)], Some(&limit))? {
        0 => Err(io::Error::other("the command didn't begin")),
        _ => Ok(()),
    }
}

/// The process id of the supervisor process of a service.
fn supervisor(container: &Container, service: &str) -> io::Result<u32> {
    let pid = container.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let title = format!("s6-supervise\0{service}\0");
    let found = children
        .split_whitespace()
        .find(|child| fs::read_to_string(format!("/proc/{child}/cmdline")).is_ok_and(|words| words == title));
    let found = found.ok_or_else(|| io::Error::other(format!("{service} has no supervisor process")))?;
    found.parse().map_err(io::Error::other)
}
