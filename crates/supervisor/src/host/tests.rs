//! The host against a real scan directory, with processes and a clock that the tests answer for.

#![allow(clippy::arithmetic_side_effects)]

mod board;
mod consequences;
mod hooks;
mod kills;
mod processes;
mod resuming;
mod scanning;
mod stopping;
mod torture;

use super::roster::{Pair, Slot};
use super::*;
use crate::memory::Cause;
use crate::system::fake::{Fake, pid};
use std::path::PathBuf;
use sys::process::Ended;

/// A scan directory and its host.
struct Scandir {
    tmp: tempfile::TempDir,
    system: &'static Fake,
    host: Host,
}

fn open(path: &std::path::Path) -> OwnedFd {
    std::fs::File::open(path).unwrap().into()
}

fn launch(system: &'static Fake) -> Launch {
    let mut launch = Launch::new(&[]).unwrap();
    launch.system = system;
    launch
}

impl Scandir {
    fn new() -> Self {
        Self::with(|_| ())
    }

    /// With a changed configuration.
    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let tmp = tempfile::tempdir().unwrap();
        let system = Fake::new();
        let mut config = Config::new("s6-svscan", vec![b"S6_SUPERVISE_PROCESSES=0".to_vec()]);
        change(&mut config);
        let dir = open(tmp.path());
        let (lock, control) = take_scandir(dir.as_fd()).unwrap();
        let mut host = Host::assemble(config, launch(system), dir, lock, control).unwrap();
        if host.config.processes {
            host.set_processes(None).unwrap();
        }
        Self { tmp, system, host }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }

    /// Makes service directories.
    fn make(&self, names: &[&str]) {
        for name in names {
            std::fs::create_dir_all(self.path(name)).unwrap();
            std::fs::write(self.path(name).join("run"), "").unwrap();
        }
    }

    /// Scans; gives what was done.
    fn scan(&mut self) -> Vec<String> {
        self.host.scan();
        self.done()
    }

    /// Sets the clock and serves the deadlines; gives what was done.
    fn at(&mut self, ms: u64) -> Vec<String> {
        self.system.set(ms);
        self.host.catch_up(&mut Plain);
        self.done()
    }

    fn done(&self) -> Vec<String> {
        self.system.done()
    }

    /// Sends letters to the host; gives what was done.
    fn letters(&mut self, letters: &[u8]) -> Vec<String> {
        rustix::io::write(&self.host.control, letters).unwrap();
        self.host.read(Source::ScanControl, &mut Plain);
        self.done()
    }

    /// Sends letters to a service; gives what was done.
    fn command(&mut self, name: &str, letters: &[u8]) -> Vec<String> {
        let number = self.number(name);
        let service = self.host.roster.get(number).unwrap().service.as_ref().unwrap();
        rustix::io::write(service.control().unwrap(), letters).unwrap();
        self.host.read(Source::Control(number), &mut Plain);
        self.done()
    }

    /// Ends a process; gives what was done.
    fn end(&mut self, process: u32, how: Ended) -> Vec<String> {
        self.system.ended.borrow_mut().push_back((pid(process), how));
        self.host.reap(&mut Plain);
        self.done()
    }

    fn number(&self, name: &str) -> usize {
        let slots = 0..self.host.roster.slot_count();
        slots
            .into_iter()
            .find(|n| self.host.roster.get(*n).is_some_and(|s| s.name == name.as_bytes()))
            .unwrap()
    }

    fn slot(&self, name: &str) -> &Slot {
        self.host.roster.get(self.number(name)).unwrap()
    }

    /// The services, in the order of their names.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            self.host.roster.iter().map(|slot| String::from_utf8(slot.name.clone()).unwrap()).collect();
        names.sort();
        names
    }
}

/// Lines in the order of the alphabet, for what follows the order of a directory.
fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}
