//! One check of one line: begun, waited for, and answered.

use super::http_client::{Answer, LINE_MAX, answer, request};
use super::processes::{Net, file, user};
use overlay::environment::contenv;
use overlay::environment::variables::PATH;
use overlay::layout::SCANDIR;
use rustix::event::PollFlags;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with, sockopt,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Resource, Rlimit};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use supervision::control::PROBES;
use sys::credential::{Identity, assume};
use sys::process::{Ended, Fork, fork, kill_group};
use sys::signal::{self, KILL, Set};
use tool::clock::Moment;
use tool::path::join;
use tool::{Env, Fatal, Next, OrUnable, Outcome};
use wire::probes::{Kind, Probe};

/// What a check is answered: nothing if the line holds, or why it doesn't.
pub(crate) type Answered = Result<(), Vec<u8>>;

/// The longest part of a program's output in an answer, in bytes.
const OUTPUT_MAX: usize = 200;

/// How much less a check of liveness gets of the processors.
const NICE: i32 = 10;

/// Whose check it is.
pub(crate) struct Subject<'a> {
    /// The service's name.
    pub(crate) name: &'a [u8],
    /// Its process.
    pub(crate) pid: u32,
    /// Whether it is one of liveness.
    pub(crate) is_live: bool,
}

/// What checks share.
pub(crate) struct Shared {
    /// The environment of this process.
    pub(crate) env: Env,
    /// The limit of open files that programs get.
    pub(crate) open_files: Rlimit,
    /// What was found out in this round.
    pub(crate) net: Net,
    /// How many programs run.
    pub(crate) programs: usize,
}

/// A check that is on its way.
pub(crate) struct Check {
    stage: Stage,
    /// When it is over, and after how long.
    pub(crate) until: Moment,
    limit: u32,
}

enum Stage {
    Connects(OwnedFd),
    /// The request that is to be sent, what has come of the response, and the status codes that are good.
    Http {
        socket: OwnedFd,
        request: Vec<u8>,
        heard: Vec<u8>,
        status: (u16, u16),
    },
    /// A program, its output and the last of that; whether its time was over.
    Runs(Pid, Option<OwnedFd>, Vec<u8>, bool),
}

/// What has begun.
pub(crate) enum Begun {
    Answered(Answered),
    Waits(Check),
}

fn reason(e: Errno) -> Vec<u8> {
    let mut text = sys::strerror(e).as_bytes().to_vec();
    if let Some(first) = text.first_mut() {
        first.make_ascii_lowercase();
    }
    text
}

/// Begins a check.
pub(crate) fn begin(probe: &Probe, whose: &Subject<'_>, limit: u32, now: Moment, all: &mut Shared) -> Begun {
    let until = now.saturating_add(Duration::from_millis(limit.into()));
    let stage = match &probe.kind {
        Kind::Listen(address, port) => {
            let found = all.net.listens(*address, *port, whose.pid);
            return Begun::Answered(found.map_err(String::into_bytes));
        }
        Kind::File(path) => {
            let found = sys::fs::statat(CWD, path.as_slice(), AtFlags::empty());
            return Begun::Answered(found.map(drop).map_err(reason));
        }
        Kind::Unix(path) => {
            // It doesn't wait: what isn't taken at once is refused.
            let done = socket(AddressFamily::UNIX)
                .and_then(|socket| connect(&socket, &ipc::unix_socket::address(path)?));
            return Begun::Answered(done.map_err(reason));
        }
        Kind::Tcp(address) => to(*address).map(Stage::Connects),
        Kind::Http(http) => to(http.address).map(|socket| Stage::Http {
            socket,
            request: request(http),
            heard: Vec::new(),
            status: http.status,
        }),
        Kind::Exec(words) => {
            return match start(words, whose, all) {
                Ok((pid, output)) => {
                    all.programs = all.programs.saturating_add(1);
                    let stage = Stage::Runs(pid, Some(output), Vec::new(), false);
                    Begun::Waits(Check { stage, until, limit })
                }
                Err(why) => Begun::Answered(Err(why.message().as_bytes().to_vec())),
            };
        }
        Kind::Log(_) | Kind::Notify | Kind::Fd(_) => return Begun::Answered(Ok(())),
    };
    match stage {
        Ok(stage) => Begun::Waits(Check { stage, until, limit }),
        Err(e) => Begun::Answered(Err(reason(e))),
    }
}

fn socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

/// A socket that connects.
fn to(address: SocketAddr) -> Result<OwnedFd, Errno> {
    let socket = socket(if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 })?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(e) => Err(e),
    }
}

impl Check {
    /// What is waited for.
    pub(crate) fn wait(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match &self.stage {
            Stage::Connects(socket) => Some((socket.as_fd(), PollFlags::OUT)),
            Stage::Http { socket, request, .. } if request.is_empty() => {
                Some((socket.as_fd(), PollFlags::IN))
            }
            Stage::Http { socket, .. } => Some((socket.as_fd(), PollFlags::OUT)),
            Stage::Runs(_, output, ..) => output.as_ref().map(|output| (output.as_fd(), PollFlags::IN)),
        }
    }

    /// The program that it is.
    pub(crate) fn program(&self) -> Option<Pid> {
        match self.stage {
            Stage::Runs(pid, ..) => Some(pid),
            _ => None,
        }
    }

    /// Does what can be done now; the answer, once there is one.
    pub(crate) fn step(&mut self) -> Option<Answered> {
        match &mut self.stage {
            Stage::Connects(socket) => Some(connected(socket).map_err(reason)),
            Stage::Http { socket, heard, status, request } if request.is_empty() => {
                hear(socket, heard, *status)
            }
            Stage::Http { socket, request, .. } => {
                match connected(socket).and_then(|()| send(&*socket, request, SendFlags::NOSIGNAL)) {
                    Ok(count) => {
                        request.drain(..count.min(request.len()));
                        None
                    }
                    Err(Errno::AGAIN | Errno::INTR) => None,
                    Err(e) => Some(Err(reason(e))),
                }
            }
            Stage::Runs(_, output, tail, _) => {
                read(output, tail);
                None
            }
        }
    }

    /// Its time is over: the answer, or nothing for a program, which is killed and whose end is waited for.
    pub(crate) fn expire(&mut self) -> Option<Answered> {
        if let Stage::Runs(pid, _, _, is_late) = &mut self.stage {
            *is_late = true;
            kill(*pid);
            self.until = Moment::MAX;
            return None;
        }
        Some(Err(self.late()))
    }

    fn late(&self) -> Vec<u8> {
        format!("no answer within {} ms", self.limit).into_bytes()
    }

    /// The answer of a program that has ended.
    pub(crate) fn ended(&mut self, ended: Ended) -> Answered {
        let Stage::Runs(pid, output, tail, is_late) = &mut self.stage else { return Ok(()) };
        // What it has left behind goes, too.
        let _ = kill_group(*pid, KILL);
        read(output, tail);
        if *is_late {
            return Err(self.late());
        }
        let what = match ended {
            Ended::Exited(0) => return Ok(()),
            Ended::Exited(code) => format!("exited {code}"),
            Ended::Killed(signal) => format!("was killed by {}", signal::show(signal.into())),
        };
        let mut text = what.into_bytes();
        let lines = tail.split(|byte| *byte == b'\n');
        if let Some(last) = lines.rev().map(<[u8]>::trim_ascii).find(|line| !line.is_empty()) {
            text.extend_from_slice(b": ");
            text.extend_from_slice(last.get(..OUTPUT_MAX).unwrap_or(last));
        }
        Err(text)
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn abandon(&self) {
        if let Some(pid) = self.program() {
            kill(pid);
        }
    }
}

fn kill(pid: Pid) {
    let _ = kill_group(pid, KILL);
    let _ = sys::process::kill(pid, KILL);
}

fn connected(socket: &OwnedFd) -> Result<(), Errno> {
    sockopt::socket_error(socket)?
}

/// Takes what has come of a response.
fn hear(socket: &OwnedFd, bytes: &mut Vec<u8>, (least, most): (u16, u16)) -> Option<Answered> {
    let mut buffer = [0; LINE_MAX];
    match recv(socket, &mut buffer, RecvFlags::empty()) {
        Ok((count @ 1.., _)) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        Ok(_) => return Some(Err(b"it closes the connection without an answer".to_vec())),
        Err(Errno::AGAIN | Errno::INTR) => return None,
        Err(e) => return Some(Err(reason(e))),
    }
    match answer(bytes) {
        Answer::Partial if bytes.len() < LINE_MAX => None,
        Answer::Status(code) if (least..=most).contains(&code) => Some(Ok(())),
        Answer::Status(code) => Some(Err(format!("answered {code}").into_bytes())),
        _ => Some(Err(b"the answer isn't HTTP".to_vec())),
    }
}

/// Reads what there is of a program's output, of which the end is kept.
fn read(output: &mut Option<OwnedFd>, tail: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    // A program that writes without end is read further in the next round.
    for _ in 0..16 {
        let Some(fd) = output else { return };
        match rustix::io::read(fd, &mut buffer) {
            Ok(count @ 1..) => {
                tail.extend_from_slice(buffer.get(..count).unwrap_or_default());
                let surplus = tail.len().saturating_sub(2 * OUTPUT_MAX);
                tail.drain(..surplus);
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return,
            Ok(_) | Err(_) => *output = None,
        }
    }
}

/// Starts a program as the service's user, in its directory, with the container's variables, in a session of its own.
fn start(words: &[Vec<u8>], whose: &Subject<'_>, all: &Shared) -> Result<(Pid, OwnedFd), Fatal> {
    let mut env = Env::new();
    if contenv::is_kept(&all.env) {
        env = all.env.clone();
    } else {
        if let Some(path) = all.env.get(PATH.bytes()) {
            env.set(PATH.bytes(), path);
        }
        contenv::load(&mut env)?;
    }
    let identity = file(whose.pid.into(), "status").as_deref().and_then(user);
    let identity = identity.ok_or_else(|| Fatal::new(111, "the service's user isn't known"))?;
    let dir =
        files::open_dir(CWD, &join(SCANDIR.as_bytes(), whose.name)).or_unable(|| "open its directory")?;
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "make a pipe")?;
    rustix::fs::fcntl_setfl(&reader, OFlags::NONBLOCK).or_unable(|| "make a pipe")?;
    match fork().or_unable(|| "fork")? {
        Fork::Parent(pid) => Ok((pid, reader)),
        Fork::Child => {
            let identity =
                Identity { uid: Some(identity.uid), gid: Some(identity.gid), groups: Some(identity.groups) };
            let path = env.get(PATH.bytes()).map(<[u8]>::to_vec);
            let outcome =
                become_program(words, env, &identity, (&dir, &writer), whose.is_live, all.open_files);
            tool::conclude(PROBES, outcome, path.as_deref())
        }
    }
}

fn become_program(
    words: &[Vec<u8>],
    env: Env,
    identity: &Identity,
    (dir, output): (&OwnedFd, &OwnedFd),
    is_live: bool,
    open_files: Rlimit,
) -> Outcome {
    let null = sys::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let null = null.or_unable(|| "open /dev/null")?;
    for (fd, number) in [(&null, 0), (output, 1), (output, 2)] {
        sys::fd::copy(fd.as_raw_fd(), number).or_unable(|| "set up descriptors")?;
    }
    let _ = rustix::process::setsid();
    let _ = signal::set_default(signal::PIPE);
    signal::set_mask(&Set::empty());
    let _ = sys::limit::set(Resource::Nofile, &open_files);
    if is_live {
        let _ = rustix::process::nice(NICE);
    }
    rustix::process::fchdir(dir).or_unable(|| "enter the service's directory")?;
    assume(identity).map_err(|(_, e)| Fatal::unable("become the service's user", e))?;
    Next::run(words.to_vec(), env)
}
