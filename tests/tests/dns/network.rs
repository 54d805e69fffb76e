//! A network and an /etc for the running thread and the programs that it starts.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use libtest_mimic::Failed;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::UnshareFlags;

use crate::server::{Asked, Server};

/// What a test runs in.
pub struct Network {
    commands: PathBuf,
    /// The server at 127.0.0.1, which answers from [`crate::zone`].
    pub server: Server,
}

impl Network {
    /// Leaves the machine's network and /etc; resolv.conf names 127.0.0.1.
    pub fn enter(commands: &Path) -> Result<Self, Failed> {
        sys::namespace::unshare(UnshareFlags::NEWNET | UnshareFlags::NEWNS | UnshareFlags::FS)?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        mount("etc", "/etc", "tmpfs", MountFlags::empty(), None)?;
        sandbox::loopback::up()?;
        let network = Self {
            commands: commands.to_owned(),
            server: Server::start([127, 0, 0, 1], crate::zone::answer)?,
        };
        network.etc("resolv.conf", "nameserver 127.0.0.1\n")?;
        Ok(network)
    }

    /// Writes a file of /etc.
    pub fn etc(&self, name: &str, text: &str) -> Result<(), Failed> {
        Ok(fs::write(Path::new("/etc").join(name), text)?)
    }

    /// One of our commands.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.commands.join(name));
        command.env_clear().stdin(Stdio::null());
        command
    }

    /// Runs a command line, words between single blanks: what it prints, and its code at the end if it isn't 0.
    pub fn run(&self, line: &str) -> Result<String, Failed> {
        self.run_with(line, &[], "")
    }

    /// The same with an environment and an input.
    pub fn run_with(&self, line: &str, env: &[(&str, &str)], input: &str) -> Result<String, Failed> {
        let mut words = line.split(' ');
        let mut command = self.command(words.next().unwrap_or_default());
        command.args(words).envs(env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        // What doesn't read its input may be gone already.
        let _ = child.stdin.take().ok_or("no standard input")?.write_all(input.as_bytes());
        Ok(told(&child.wait_with_output()?))
    }

    /// What the server at 127.0.0.1 was asked since the last time, as `NAME/TYPE`, sorted.
    pub fn asked(&self) -> Vec<String> {
        let mut asked: Vec<_> = self.server.take_asked().iter().map(Asked::what).collect();
        asked.sort();
        asked
    }
}

/// Standard output, then standard error, then the code if it isn't 0.
pub fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = match output.status.code() {
        Some(0) => String::new(),
        Some(code) => format!("{code}\n"),
        None => format!("{}\n", output.status),
    };
    text(&output.stdout) + &text(&output.stderr) + &code
}

/// Fails with both texts if they differ.
pub fn same(got: &str, expected: &str) -> Result<(), Failed> {
    if got == expected {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(expected, got);
    Err(diff.unified_diff().header("expected", "got").to_string().into())
}
