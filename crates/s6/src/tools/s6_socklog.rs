//! `s6-socklog`: reads syslog datagrams from a socket and prints them as lines.

use files::Queue;
use ipc::identity::{self, id, id_list};
use ipc::unix_socket;
use logger::syslog;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recvfrom, socket_with};
use rustix::stdio::stdout;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{OwnedFd, RawFd};
use std::time::Duration;
use sys::credential::Identity;
use sys::signal::{self, Set, SignalFd};
use tool::clock;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-socklog",
    summary: "print syslog datagrams as lines",
    operands: "",
    options: &[
        Opt::flag('r', "leave syslog codes as they are"),
        Opt::value('d', "notif", "write a newline to this descriptor when ready"),
        Opt::value('l', "linelen", "cut longer messages; default 1024, 76 to 1048576"),
        Opt::value(
            't',
            "ms",
            "at the end, wait at most this long until everything is written; default 0, no limit",
        ),
        Opt::value('u', "uid", "then run as this user"),
        Opt::value('g', "gid", "then run as this group"),
        Opt::value('G', "gidlist", "then have these supplementary groups"),
        Opt::flag('U', "take user and groups from UID, GID and GIDLIST"),
        Opt::value('x', "path", "read from this Unix socket; default /dev/log"),
        Opt::value('i', "ip[_port]", "read from this UDP address; default port 514"),
    ],
    role: Role::Stay,
    main,
};

/// Where datagrams come from.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Unix(Vec<u8>),
    Udp(SocketAddr),
}

/// Reading pauses while at least this many messages of the longest size wait to be written.
const PENDING_LIMIT: usize = 4;

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut target_identity = Identity::default();
    let mut source = Source::Unix(b"/dev/log".to_vec());
    for (letter, value) in options.iter() {
        match letter {
            'u' => target_identity.uid = Some(id(value).ok_or_else(Fatal::usage)?),
            'g' => target_identity.gid = Some(id(value).ok_or_else(Fatal::usage)?),
            'G' => target_identity.groups = Some(id_list(value).ok_or_else(Fatal::usage)?),
            'U' => target_identity = identity::from_env(&call.env)?,
            'x' => source = Source::Unix(value.to_vec()),
            'i' => source = Source::Udp(address(value).ok_or_else(Fatal::usage)?),
            _ => {}
        }
    }
    let limit = options.number::<u32>('l')?.unwrap_or(1024).clamp(76, 1 << 20) as usize;
    let exit_timeout =
        options.number::<u32>('t')?.filter(|ms| *ms > 0).map(|ms| Duration::from_millis(ms.into()));
    let notification = options.number::<RawFd>('d')?;
    if let Some(number) = notification
        && (number < 3 || !sys::fd::is_open(number))
    {
        return Err(Fatal::user(format_args!("invalid notification descriptor: {number}")));
    }
    // Messages that go to /dev/null would be lost unnoticed.
    for (number, name) in [(1, "output"), (2, "error")] {
        if !sys::fd::is_open(number) {
            return Err(Fatal::user(format_args!("standard {name} is closed")));
        }
    }
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    let socket = open(&source)?;
    identity::assume(&target_identity)?;
    signal::set_ignored(signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
    let signals = SignalFd::new(&Set::of(&[signal::TERM])).or_unable(|| "make a signal descriptor")?;
    if let Some(number) = notification {
        sys::fd::with(number, |fd| rustix::io::write(fd, b"\n")).or_unable(|| "notify")?;
        sys::fd::close(number);
    }
    let names = !options.has('r');
    let mut queue = Queue::default();
    let mut buf = vec![0; limit + 1];
    let mut ending = false;
    let mut deadline = None;
    while !ending || !queue.is_empty() {
        let mut fds = vec![PollFd::new(&signals, PollFlags::IN)];
        let reading = !ending && queue.len() < PENDING_LIMIT * limit;
        let writing = !queue.is_empty();
        if reading {
            fds.push(PollFd::new(&socket, PollFlags::IN));
        }
        if writing {
            fds.push(PollFd::from_borrowed_fd(stdout(), PollFlags::OUT));
        }
        let timeout = deadline.map(|d: clock::Moment| d.saturating_sub(clock::now()));
        match poll(&mut fds, timeout.and_then(|l| Timespec::try_from(l).ok()).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Fatal::unable("poll", e)),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut ready = ready.into_iter();
        if ready.next() == Some(true) && signals.read().or_unable(|| "read signals")?.is_some() {
            ending = true;
            deadline = exit_timeout.map(|p| clock::now() + p);
        }
        if reading && ready.next() == Some(true) {
            receive(&socket, &mut buf, names, &mut queue.bytes).or_unable(|| "receive")?;
        }
        if writing && ready.next() == Some(true) {
            queue.write_some(stdout()).or_unable(|| "write to standard output")?;
        }
        if deadline.is_some_and(|d| d <= clock::now()) && !queue.is_empty() {
            return Ok(Next::Exit(99));
        }
    }
    Ok(Next::SUCCESS)
}

/// `IP`, `IP_PORT`, or `IP:PORT` for IPv4.
fn address(word: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(word).ok()?;
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(ip, 514));
    }
    let (ip, port) =
        text.rsplit_once('_').or_else(|| text.rsplit_once(':').filter(|(ip, _)| !ip.contains(':')))?;
    Some(SocketAddr::new(ip.parse().ok()?, number::decimal(port.as_bytes())?))
}

fn open(source: &Source) -> Result<OwnedFd, Fatal> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let make = |family| socket_with(family, SocketType::DGRAM, flags, None).or_unable(|| "make a socket");
    match source {
        Source::Udp(address) => {
            let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
            let socket = make(family)?;
            rustix::net::sockopt::set_socket_reuseaddr(&socket, true).or_unable(|| "set up the socket")?;
            bind(&socket, address).or_unable(|| format!("bind to {address}"))?;
            Ok(socket)
        }
        Source::Unix(path) => {
            let socket = make(AddressFamily::UNIX)?;
            unix_socket::bind_to(&socket, path, 0o777, true).or_unable_to("bind to", path)?;
            Ok(socket)
        }
    }
}

fn receive(socket: &OwnedFd, buf: &mut [u8], names: bool, out: &mut Vec<u8>) -> Result<(), Errno> {
    let (length, from) = match recvfrom(socket, &mut *buf, RecvFlags::empty()) {
        Err(Errno::INTR | Errno::AGAIN) => return Ok(()),
        done => {
            let (n, _, from) = done?;
            (n, from)
        }
    };
    if length == 0 {
        return Ok(());
    }
    if let Some(from) = from.and_then(|f| SocketAddr::try_from(f).ok()) {
        out.extend(format!("{}_{}: ", from.ip(), from.port()).bytes());
    }
    let limit = buf.len() - 1;
    let message = buf.get(..length).unwrap_or_default();
    line(message.get(..limit).unwrap_or(message), length > limit, names, out);
    Ok(())
}

/// Prints a message as one line: line ends inside it become `~`, those at its end are dropped.
fn line(message: &[u8], cut: bool, names: bool, out: &mut Vec<u8>) {
    let is_end = |b: &u8| matches!(b, 0 | b'\n');
    let length = message.iter().rposition(|b| !is_end(b)).map_or(0, |i| i + 1);
    let message = message.get(..length).unwrap_or_default();
    let (words, text) = if names { syslog::split(message) } else { (String::new(), message) };
    out.extend(words.bytes());
    out.extend(text.iter().map(|b| if is_end(b) { b'~' } else { *b }));
    out.extend_from_slice(if cut { b"...\n" } else { b"\n" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parsed = |w: &str| address(w.as_bytes()).map(|a| a.to_string()).unwrap_or_default();
        assert_eq!(parsed("127.0.0.1"), "127.0.0.1:514");
        assert_eq!(parsed("127.0.0.1:99"), "127.0.0.1:99");
        assert_eq!(parsed("::1_99"), "[::1]:99");
        assert_eq!(parsed("::1"), "[::1]:514");
        for bad in ["nonsense", "127.0.0.1_", "127.0.0.1_70000", "_1"] {
            assert_eq!(parsed(bad), "", "{bad}");
        }
    }

    #[test]
    fn messages_are_lines() {
        let made = |message: &[u8], cut, names| {
            let mut out = Vec::new();
            line(message, cut, names, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(made(b"<13>a\nb\n\n\0", false, true), "user.notice: a~b\n");
        assert_eq!(made(b"<13>abc", true, false), "<13>abc...\n");
        assert_eq!(made(b"\n", false, true), "\n");
    }
}
