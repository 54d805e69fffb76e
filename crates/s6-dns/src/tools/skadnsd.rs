//! `skadnsd`: asks the DNS for a client, over standard input and output (see [`crate::skadns`]).
//!
//! Answers have their own channel: the descriptor that SKALIBS_CHILD_SPAWN_FDS names, or else a pipe, which is sent to
//! the client over standard output, then a socket.  While too many bytes wait for the client, no request is read.

use crate::exchange::{Exchange, Pool, concurrency_limit};
use crate::query::Query;
use crate::resolv_conf::{FILE, ResolvConf};
use crate::skadns::{CLIENT_GREETING, DAEMON_GREETING, Inbox, Request, answer, frame};
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

/// The variable that has the number of the channel's descriptor.
const CHANNEL: &[u8] = b"SKALIBS_CHILD_SPAWN_FDS";
/// How long the client may take to send its greeting.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
/// How many bytes may wait for the client before requests are left unread: 1 MiB.
const UNREAD_LIMIT: usize = 1 << 20;

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    sys::signal::set_ignored(sys::signal::PIPE).or_unable(|| "ignore SIGPIPE")?;
    let conf = ResolvConf::read(&call.env, &|text| call.warn(text))?;
    if conf.named.is_empty() {
        return Err(Fatal::new(
            111,
            format_args!("no DNS server: {FILE} has no nameserver, and DNSCACHEIP isn't set"),
        ));
    }
    let mut inbox = Inbox::default();
    let channel = greet(&mut inbox, &call.env)?;
    let limit = concurrency_limit();
    let mut pool = Pool::new();
    let mut waiting = Vec::new();
    loop {
        while waiting.len() <= UNREAD_LIMIT
            && let Some(message) = inbox.message().map_err(|_| invalid())?
        {
            let status = match Request::parse(&message).ok_or_else(invalid)? {
                Request::Cancel(number) if pool.cancel(|key| *key == number) == 0 => Some(Errno::NOENT),
                Request::Cancel(_) => None,
                Request::Ask(..) if pool.len() >= limit => Some(Errno::MFILE),
                Request::Ask(number, question, deadline) => {
                    // Without EDNS: the client gets the answer unchanged.
                    let query = Query::new(question, &conf.named, false).with_schedule(conf.schedule);
                    pool.push(number, Exchange::new(query, deadline.map(moment), &mut |_| {}));
                    None
                }
            };
            let status = status.and_then(|e| u8::try_from(e.raw_os_error()).ok()).unwrap_or(0);
            acknowledge(&[status])?;
        }
        let requests =
            (waiting.len() <= UNREAD_LIMIT).then(|| PollFd::from_borrowed_fd(stdin(), PollFlags::IN));
        let answers = (!waiting.is_empty()).then(|| PollFd::new(&channel, PollFlags::OUT));
        let ([is_readable, is_writable], done) = pool.wait([requests, answers], None).or_unable(|| "poll")?;
        for (number, _, outcome) in done {
            waiting.extend(answer(number, &outcome));
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

/// Reads what is available; `false` at the end.
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

/// Sends a message to the client on standard output.
fn acknowledge(message: &[u8]) -> Result<(), Fatal> {
    files::write_all(stdout(), &frame(message)).or_unable(|| "write to the client")
}

/// Waits for the client's greeting, and returns the channel for answers.
fn greet(inbox: &mut Inbox, env: &Env) -> Result<OwnedFd, Fatal> {
    let unable = |e| Fatal::unable("meet the client", e);
    let deadline = now().saturating_add(GREETING_TIMEOUT);
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
    if greeting != CLIENT_GREETING {
        return Err(unable(Errno::PROTO));
    }
    let channel = match env.get(CHANNEL) {
        Some(word) => {
            let number = number::decimal(word).filter(|number| *number > 1);
            sys::fd::adopt(number.ok_or_else(|| unable(Errno::PROTO))?).map_err(unable)?
        }
        None => send_channel().map_err(unable)?,
    };
    files::write_all(&channel, &frame(DAEMON_GREETING)).map_err(unable)?;
    sys::fd::set_blocking(channel.as_raw_fd(), false).map_err(unable)?;
    acknowledge(DAEMON_GREETING)?;
    Ok(channel)
}

/// Creates a pipe and sends its reading end to the client, with one byte, `|`.
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

/// Converts a time of day to a moment, at most a year from now.
fn moment(deadline: Tai64n) -> Moment {
    /// In seconds.
    const YEAR: u64 = 366 * 86_400;
    let wall = clock::wall();
    let nanoseconds = |t: Tai64n| u64::from(t.nanos);
    let seconds = deadline.seconds.saturating_sub(wall.seconds).min(YEAR);
    let left = Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds(deadline));
    let left = left.saturating_sub(Duration::from_nanos(nanoseconds(wall)));
    now().saturating_add(if deadline < wall { Duration::ZERO } else { left })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!((GREETING_TIMEOUT, UNREAD_LIMIT), (Duration::from_secs(2), 1024 * 1024));
        assert_eq!(CHANNEL, b"SKALIBS_CHILD_SPAWN_FDS");
    }

    #[test]
    fn a_deadline_is_at_most_a_year_away_and_never_past() {
        let wall = clock::wall();
        let away =
            |seconds: u64| moment(Tai64n { seconds, ..wall }).saturating_sub(now()).as_secs_f64().round();
        assert_eq!(away(wall.seconds + 100), 100.0);
        assert_eq!(away(wall.seconds + (1 << 40)), 366.0 * 86_400.0);
        assert_eq!(away(wall.seconds - 100), 0.0);
    }
}
