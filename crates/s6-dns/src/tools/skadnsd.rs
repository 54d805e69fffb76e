//! `skadnsd`: answers a client's questions as the answers come, over standard input and output (see [`crate::skadns`]).
//!
//! Answers have a channel of their own: a descriptor that SKALIBS_CHILD_SPAWN_FDS names, or else a pipe that is sent
//! to the client over standard output, which is a socket then.  While much waits to be read by the client, no request
//! is read.

use crate::exchange::{Exchange, Pool, room};
use crate::query::Query;
use crate::resolv_conf::{FILE, ResolvConf};
use crate::skadns::{CLIENT, DAEMON, Inbox, Request, answer, frame};
use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, IoSlice};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::stdio::{stdin, stdout};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;
use tool::clock::{self, Moment, now, poll_until};
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Role, Tool};
use wire::number;
use wire::tai::Tai64n;

pub static TOOL: Tool = Tool {
    name: "skadnsd",
    summary: "look up names for a client of the skadns library, many at once",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

/// What tells the number of the channel.
const CHANNEL: &[u8] = b"SKALIBS_CHILD_SPAWN_FDS";
/// How long the client may take to say what it is.
const GREETING: Duration = Duration::from_secs(2);
/// How many bytes may wait for the client.
const MOST_WAITING: usize = 1 << 20;

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    sys::signal::set_ignored(sys::signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
    let conf = ResolvConf::read(&call.env)?;
    if conf.named.is_empty() {
        return Err(Fatal::new(
            111,
            format!("no DNS server: {FILE} has no nameserver, and DNSCACHEIP isn't set"),
        ));
    }
    let mut inbox = Inbox::default();
    let channel = greet(&mut inbox, &call.env)?;
    let most = room();
    let mut pool = Pool::new();
    let mut waiting = Vec::new();
    loop {
        while waiting.len() <= MOST_WAITING
            && let Some(message) = inbox.message().map_err(|_| invalid())?
        {
            let status = match Request::parse(&message).ok_or_else(invalid)? {
                Request::Cancel(number) if pool.cancel(|key| *key == number) == 0 => Some(Errno::NOENT),
                Request::Cancel(_) => None,
                Request::Ask(..) if pool.len() >= most => Some(Errno::MFILE),
                Request::Ask(number, question, limit) => {
                    // The answer goes to the client as it is.
                    let query = Query::new(question, &conf.named, false);
                    pool.push(number, Exchange::new(query, limit.map(moment), &mut |_| {}));
                    None
                }
            };
            let status = status.and_then(|e| u8::try_from(e.raw_os_error()).ok()).unwrap_or(0);
            acknowledge(&[status])?;
        }
        let requests =
            (waiting.len() <= MOST_WAITING).then(|| PollFd::from_borrowed_fd(stdin(), PollFlags::IN));
        let answers = (!waiting.is_empty()).then(|| PollFd::new(&channel, PollFlags::OUT));
        let ([is_readable, is_writable], done) = pool.wait([requests, answers], None).or_unable(|| "poll")?;
        for (number, _, end) in done {
            waiting.extend(answer(number, &end));
        }
        if is_writable {
            match rustix::io::write(&channel, &waiting) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                written => drop(waiting.drain(..written.or_unable(|| "send an answer")?)),
            }
        }
        if is_readable && !receive(&mut inbox)? {
            return Ok(Next::SUCCESS);
        }
    }
}

fn invalid() -> Fatal {
    Fatal::user("invalid client request")
}

/// Reads what is there; `false` at the end.
fn receive(inbox: &mut Inbox) -> Result<bool, Fatal> {
    let mut buf = [0; 4096];
    match rustix::io::read(stdin(), &mut buf[..]) {
        Err(Errno::AGAIN | Errno::INTR) => Ok(true),
        got => {
            let count = got.or_unable(|| "read from the client")?;
            inbox.put(buf.get(..count).unwrap_or_default());
            Ok(count != 0)
        }
    }
}

/// Sends a message to the client itself.
fn acknowledge(message: &[u8]) -> Result<(), Fatal> {
    files::write_all(stdout(), &frame(message)).or_unable(|| "write to the client")
}

/// Waits until the client has said what it is, and gives the channel for answers.
fn greet(inbox: &mut Inbox, env: &Env) -> Result<OwnedFd, Fatal> {
    let unable = |e| Fatal::unable("meet the client", e);
    let deadline = now().saturating_add(GREETING);
    let greeting = loop {
        if let Some(message) = inbox.message().map_err(|_| unable(Errno::PROTO))? {
            break message;
        }
        let mut fds = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN)];
        if poll_until(&mut fds, Some(deadline)).map_err(unable)? == 0 {
            return Err(unable(Errno::TIMEDOUT));
        }
        if !receive(inbox)? {
            return Err(unable(Errno::PIPE));
        }
    };
    if greeting != CLIENT {
        return Err(unable(Errno::PROTO));
    }
    let channel = match env.get(CHANNEL) {
        Some(word) => {
            let number = number::decimal(word).filter(|number| *number > 1);
            sys::fd::own(number.ok_or_else(|| unable(Errno::PROTO))?).map_err(unable)?
        }
        None => send_channel().map_err(unable)?,
    };
    files::write_all(&channel, &frame(DAEMON)).map_err(unable)?;
    sys::fd::set_blocking(channel.as_raw_fd(), false).map_err(unable)?;
    acknowledge(DAEMON)?;
    Ok(channel)
}

/// A pipe whose reading end goes to the client, with one byte, `|`.
fn send_channel() -> Result<OwnedFd, Errno> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let descriptors = [reader.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    loop {
        match sendmsg(stdout(), &[IoSlice::new(b"|")], &mut control, SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            done => return done.map(|_| writer),
        }
    }
}

/// The moment that a time of day is; never later than a year from now.
fn moment(limit: Tai64n) -> Moment {
    const YEAR: u64 = 366 * 86_400;
    let wall = clock::wall();
    let nanoseconds = |t: Tai64n| u64::from(t.nanos);
    let seconds = limit.seconds.saturating_sub(wall.seconds).min(YEAR);
    let left = Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds(limit));
    let left = left.saturating_sub(Duration::from_nanos(nanoseconds(wall)));
    now().saturating_add(if limit < wall { Duration::ZERO } else { left })
}
