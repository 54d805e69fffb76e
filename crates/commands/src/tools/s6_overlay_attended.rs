//! `s6-overlay-attended`: what stands before a daemon with `ready` or `live`.
//!
//! It is the `run` of the service directory, and becomes the image's in the same process.  Before that it makes what the
//! probes need, and hands it to the attendant in one message: the attendant is a process of its own.  If that can't be reached
//! within [`LIMIT`], nothing is started, and the supervisor tries again.

use ipc::notify_socket::NOTIFY_SOCKET;
use ipc::registration::{NOTIFY, Registration, SOCKET};
use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, getpid, pidfd_open};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;
use supervisor::noexec;
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Role, Tool, clock, diag::show};
use wire::number;
use wire::probes::{self, Kind, Probes};

pub static TOOL: Tool = Tool {
    name: "s6-overlay-attended",
    summary: "let the attendant probe a daemon that is started",
    operands: "service",
    options: &[],
    role: Role::Chain,
    main,
};

/// What it becomes: the image's `run`.
const RUN: &str = "run.user";

/// How long the attendant may take to receive the message.
const LIMIT: Duration = Duration::from_secs(5);

/// Descriptors that aren't the daemon's are at least this, and above those that are.
const ABOVE: RawFd = 10;

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let name = call.shift()?;
    let record = files::read_file(CWD, probes::FILE.as_bytes(), probes::SIZE_MAX)
        .or_unable_to("read", probes::FILE.as_bytes())?;
    let probes = probes::decode(&record).ok_or_else(|| Fatal::new(111, "./probes is damaged"))?;
    let mut env = call.take_env();
    register(&name, &record, &probes, &mut env)?;
    let dir = files::open_dir(CWD, b".").or_unable(|| "open the current directory")?;
    let argv = vec![format!("./{RUN}").into_bytes(), name.clone()];
    Next::run(noexec::around(dir.as_fd(), RUN, &[&name]).unwrap_or(argv), env)
}

/// Makes what the probes need, tells the attendant, and leaves the daemon what is the daemon's.
fn register(name: &[u8], record: &[u8], probes: &Probes, env: &mut Env) -> Result<(), Fatal> {
    let ready = probes.ready.as_ref().map(|ready| ready.probes.as_slice()).unwrap_or_default();
    let has = |wanted: fn(&Kind) -> bool| ready.iter().any(|probe| wanted(&probe.kind));
    let watchdog = probes.live.as_ref().and_then(|live| live.watchdog);
    for probe in ready {
        if let Kind::File(path) = &probe.kind {
            match sys::fs::unlink(path.as_slice()) {
                Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(e) => return Err(Fatal::unable(format_args!("remove {}", show(path)), e)),
            }
        }
    }
    let number = ready.iter().find_map(|probe| match probe.kind {
        Kind::Fd(number) => RawFd::try_from(number).ok(),
        _ => None,
    });
    let above = number.map_or(ABOVE, |number| number.saturating_add(1).max(ABOVE));
    let notification = if ready.is_empty() { None } else { Some(take_notification(above)?) };
    let notify = if watchdog.is_some() || has(|kind| *kind == Kind::Notify) {
        Some(notify_socket(env, watchdog, above).or_unable(|| format!("make a socket in {NOTIFY}"))?)
    } else {
        None
    };
    let fd = number.map(|_| pipe(above)).transpose().or_unable(|| "make a pipe")?;
    let streams = if has(|kind| matches!(kind, Kind::Log(_))) {
        streams(above).or_unable(|| "make pipes for the output")?
    } else {
        [None, None]
    };
    let pidfd = pidfd_open(getpid(), PidfdFlags::empty()).and_then(|fd| raise(fd, above)).ok();
    let message = Registration {
        pid: 0,
        name,
        record,
        pidfd: pidfd.as_ref().map(AsFd::as_fd),
        notification: notification.as_ref().map(AsFd::as_fd),
        notify: notify.as_ref().map(AsFd::as_fd),
        fd: fd.as_ref().map(|(reader, _)| reader.as_fd()),
        streams: streams
            .each_ref()
            .map(|one| one.as_ref().map(|one| (one.reader.as_fd(), one.target.as_fd()))),
    };
    message
        .send(clock::now().saturating_add(LIMIT))
        .or_unable(|| format!("register with the attendant at {SOCKET}, which probes this service"))?;
    place(streams, fd.map(|(_, writer)| writer).zip(number)).or_unable(|| "give the daemon its descriptors")
}

/// Takes the write end of the notification pipe.
fn take_notification(above: RawFd) -> Result<OwnedFd, Fatal> {
    let text = files::read_file(CWD, b"notification-fd", 64).or_unable(|| "read ./notification-fd")?;
    let number = number::decimal::<RawFd>(text.trim_ascii_end()).filter(|number| *number > 2);
    let number = number.ok_or_else(|| Fatal::user("./notification-fd is invalid"))?;
    let taken = sys::fd::duplicate(number, above).or_unable(|| "take the notification descriptor")?;
    sys::fd::close(number);
    Ok(taken)
}

/// A bound socket that anybody may write to, since the daemon may be another user's; who does is asked for each message.
fn notify_socket(env: &mut Env, watchdog: Option<u32>, above: RawFd) -> Result<OwnedFd, Errno> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let socket = raise(socket, above)?;
    sockopt::set_socket_passcred(&socket, true)?;
    let path = format!("{NOTIFY}/{}", sys::fs::fstat(&socket)?.st_ino).into_bytes();
    ipc::unix_socket::bind_to(&socket, &path, 0o666, true)?;
    env.set(NOTIFY_SOCKET, &path);
    if let Some(milliseconds) = watchdog {
        env.set(b"WATCHDOG_USEC", (u64::from(milliseconds).saturating_mul(1000)).to_string().as_bytes());
        env.set(b"WATCHDOG_PID", getpid().as_raw_nonzero().to_string().as_bytes());
    }
    Ok(socket)
}

/// A stream of the daemon.
struct Stream {
    reader: OwnedFd,
    writer: OwnedFd,
    /// Where it led.
    target: OwnedFd,
    /// It is standard error, too.
    is_both: bool,
}

/// Pipes for standard output and standard error; one for both if they lead to one place.
fn streams(above: RawFd) -> Result<[Option<Stream>; 2], Errno> {
    let place = |fd: BorrowedFd<'_>| sys::fs::fstat(fd).map(|st| (st.st_dev, st.st_ino));
    let [output, error] = [1, 2].map(|number| sys::fd::duplicate(number, above));
    let (output, error) = (output?, error?);
    let stream = |target: OwnedFd, is_both| {
        let (reader, writer) = pipe(above)?;
        // A daemon of another user may open /dev/stdout.
        rustix::fs::fchmod(&writer, Mode::from_raw_mode(0o622))?;
        Ok(Some(Stream { reader, writer, target, is_both }))
    };
    let is_both = place(output.as_fd())? == place(error.as_fd())?;
    Ok([stream(output, is_both)?, if is_both { None } else { stream(error, false)? }])
}

fn pipe(above: RawFd) -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((raise(reader, above)?, raise(writer, above)?))
}

/// The same descriptor above those of the daemon.
fn raise(fd: OwnedFd, above: RawFd) -> Result<OwnedFd, Errno> {
    rustix::io::fcntl_dupfd_cloexec(fd, above)
}

/// Gives the daemon its pipes.
fn place([output, error]: [Option<Stream>; 2], fd: Option<(OwnedFd, RawFd)>) -> Result<(), Errno> {
    if let Some(one) = output {
        if one.is_both {
            sys::fd::copy(std::os::fd::AsRawFd::as_raw_fd(&one.writer), 2)?;
        }
        sys::fd::place(one.writer, 1)?;
    }
    if let Some(one) = error {
        sys::fd::place(one.writer, 2)?;
    }
    if let Some((writer, number)) = fd {
        sys::fd::place(writer, number)?;
    }
    Ok(())
}
