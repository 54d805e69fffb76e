//! Super-servers with as many clients as they take, without descriptors, and told to let their clients go.  They run
//! outside of a container, on sockets in a directory of their own.
#![expect(clippy::disallowed_methods, reason = "an ordinary test program")]

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit, setrlimit};
use tempfile::TempDir;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("servers::a_thousand_clients_are_served_and_more_wait", thousand),
    ("servers::of_a_thousand_clients_of_one_user_four_hundred_are_refused", refused),
    ("servers::who_waits_is_not_lost_when_the_others_are_let_go", let_go),
    ("servers::connections_wait_while_there_are_no_descriptors", no_descriptors),
];

/// How long a step may take; far more than any needs.
const LIMIT: Duration = Duration::from_secs(60);

/// `s6-ipcserver` with a program that gives back what it gets.
struct Server {
    child: Child,
    /// What it prints, a line for each connection; a thread reads it, so that a full pipe doesn't hold the server up.
    log: Receiver<String>,
    place: TempDir,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "an ordinary test program")]
    fn start(images: &Images, options: &[&str]) -> Result<Self, String> {
        room_for_clients()?;
        let place = tempfile::tempdir().map_err(|why| why.to_string())?;
        let commands = images.distribution.join("command");
        let run = || -> std::io::Result<_> {
            let mut child = Command::new(commands.join("s6-ipcserver"))
                .args(["-1", "-v"])
                .args(options)
                .arg(place.path().join("socket"))
                .arg(commands.join("s6-cat"))
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            let mut ready = [0];
            child.stdout.as_mut().ok_or(ErrorKind::NotFound)?.read_exact(&mut ready)?;
            let lines = BufReader::new(child.stderr.take().ok_or(ErrorKind::NotFound)?).lines();
            let (put, log) = channel();
            thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| put.send(line)));
            Ok((child, log))
        };
        let (child, log) = run().map_err(|why| format!("unable to start s6-ipcserver: {why}"))?;
        Ok(Self { child, log, place })
    }

    fn pid(&self) -> Result<Pid, String> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| "no process id".into())
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        kill_process(self.pid()?, signal).map_err(|why| why.to_string())
    }

    fn connect(&self) -> Result<Client, String> {
        let connect = || -> std::io::Result<_> {
            let mut stream = UnixStream::connect(self.place.path().join("socket"))?;
            stream.set_read_timeout(Some(LIMIT))?;
            // A client that is refused may hear so before.
            let _ = stream.write(b"x");
            Ok(Client(stream))
        };
        connect().map_err(|why| format!("unable to connect: {why}"))
    }

    /// Waits until it has printed a line with this text.
    fn wait_for(&self, text: &str) -> Result<(), String> {
        let mut said = String::new();
        while let Ok(line) = self.log.recv_timeout(LIMIT) {
            if line.contains(text) {
                return Ok(());
            }
            said += &line;
            said.push('\n');
        }
        Err(format!("the server didn't say {text:?} but\n{said}"))
    }

    /// Ends it and all programs.
    fn stop(mut self) -> Outcome {
        self.signal(Signal::ABORT)?;
        let code = self.child.wait().map_err(|why| why.to_string())?;
        same(code.code(), Some(0), "s6-ipcserverd after SIGABRT")
    }
}

struct Client(UnixStream);

impl Client {
    /// Waits for the byte back; `false` if the connection is closed instead.
    fn is_served(&mut self) -> Result<bool, String> {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(n) => Ok(n == 1),
            Err(why) if why.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(why) => Err(format!("neither served nor refused: {why}")),
        }
    }

    /// Whether nothing has come yet.
    fn waits(&mut self) -> Result<bool, String> {
        self.0.set_nonblocking(true).map_err(|why| why.to_string())?;
        let got = self.0.read(&mut [0]);
        self.0.set_nonblocking(false).map_err(|why| why.to_string())?;
        Ok(matches!(got, Err(why) if why.kind() == ErrorKind::WouldBlock))
    }
}

/// So many clients, one after the other; how many are served and how many refused.
fn crowd(server: &Server, count: usize) -> Result<(Vec<Client>, usize), String> {
    let (mut served, mut refused) = (Vec::new(), 0);
    for _ in 0..count {
        let mut client = server.connect()?;
        if client.is_served()? {
            served.push(client);
        } else {
            refused += 1;
        }
    }
    Ok((served, refused))
}

/// This process holds the clients' ends.
pub fn room_for_clients() -> Result<(), String> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|n| n >= 4096) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(4096), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised)
        .map_err(|_| "these tests need 4096 open files: raise the hard limit (ulimit -Hn)".into())
}

fn thousand(images: &Images) -> Outcome {
    let server = Server::start(images, &["-c", "1000", "-C", "1000"])?;
    let (mut held, refused) = crowd(&server, 1000)?;
    same((held.len(), refused), (1000, 0), "served and refused")?;
    server.wait_for("status: 1000/1000")?;
    let mut more = (0..20).map(|_| server.connect()).collect::<Result<Vec<_>, _>>()?;
    for client in &mut more {
        same(client.waits()?, true, "one more than the server takes")?;
    }
    held.truncate(980);
    for client in &mut more {
        same(client.is_served()?, true, "one that waited, when there is room")?;
    }
    drop((held, more));
    server.wait_for("status: 0/1000")?;
    same(crowd(&server, 1)?.0.len(), 1, "served after the crowd")?;
    server.stop()
}

fn refused(images: &Images) -> Outcome {
    let server = Server::start(images, &["-c", "1000", "-C", "600"])?;
    let (held, refused) = crowd(&server, 1000)?;
    same((held.len(), refused), (600, 400), "served and refused")?;
    server.wait_for("deny uid 0 count 600/600")?;
    drop(held);
    server.wait_for("status: 0/1000")?;
    same(crowd(&server, 1)?.0.len(), 1, "served after the crowd")?;
    server.stop()
}

fn let_go(images: &Images) -> Outcome {
    let server = Server::start(images, &["-c", "10"])?;
    let (mut held, _) = crowd(&server, 10)?;
    let mut more = (0..10).map(|_| server.connect()).collect::<Result<Vec<_>, _>>()?;
    server.signal(Signal::HUP)?;
    for client in &mut held {
        same(client.is_served()?, false, "its program was told to end")?;
    }
    for client in &mut more {
        same(client.is_served()?, true, "it waited meanwhile")?;
    }
    server.stop()
}

fn no_descriptors(images: &Images) -> Outcome {
    let server = Server::start(images, &[])?;
    let open = fs::read_dir(Path::new("/proc").join(server.child.id().to_string()).join("fd"))
        .map_err(|why| why.to_string())?;
    // What it uses stays open; no further descriptor can be opened.
    let used: Vec<u64> = open.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
    let none = (0..).find(|n| !used.contains(n)).unwrap_or(0);
    let limit = |n| Rlimit { current: Some(n), maximum: getrlimit(Resource::Nofile).maximum };
    let before =
        prlimit(Some(server.pid()?), Resource::Nofile, limit(none)).map_err(|why| why.to_string())?;
    let mut client = server.connect()?;
    server.wait_for("connections wait")?;
    same(client.waits()?, true, "nobody accepts")?;
    prlimit(Some(server.pid()?), Resource::Nofile, before).map_err(|why| why.to_string())?;
    same(client.is_served()?, true, "it waited until there were descriptors again")?;
    server.stop()
}
