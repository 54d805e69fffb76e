//! `s6-sudoc`: asks the `s6-sudod` on descriptors 6 and 7 to run a program with this process's arguments, environment
//! and standard streams, and exits as that program does.

use ipc::unix_message::{Sender, send_all, wait};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{Resource, Rlimit, getpid};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use sys::signal::{self, Set, Signal};
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};
use wire::sudo::{Request, SERVER_BANNER};

pub static TOOL: Tool = Tool {
    name: "s6-sudoc",
    summary: "ask the s6-sudod on descriptors 6 and 7 to run a program",
    operands: "[args...]",
    options: &[
        Opt::flag('e', "don't send the environment"),
        Opt::value('t', "timeoutconn", "give up if the program hasn't started after this many milliseconds"),
        Opt::value('T', "timeoutrun", "give up if it hasn't ended this many milliseconds later"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let deadline = clock::deadline(options.number('t')?);
    let run_span = options.number('T')?;
    sys::fd::ensure_standard().or_unable(|| "open standard descriptors")?;
    let adopt = |number| sys::fd::adopt(number).or_unable(|| format!("use descriptor {number}"));
    let (input, output) = (adopt(6)?, adopt(7)?);

    let mut banner = [0; SERVER_BANNER.len()];
    match read_exactly(&input, &mut banner, deadline) {
        Err(Errno::PIPE) => {
            let why =
                "the server closed the connection: its rules don't let this user in, or it is no s6-sudod";
            return Err(Fatal::new(111, why));
        }
        done => done.or_unable(|| "read the server's banner")?,
    }
    if banner != SERVER_BANNER {
        return Err(Fatal::user("wrong banner: the server is no s6-sudod"));
    }

    send_request(call, options.has('e'), output.as_fd(), deadline)?;
    let mut answer = [0];
    read_exactly(&input, &mut answer, deadline).or_unable(|| "get the server's confirmation")?;
    let [code] = answer;
    if code != 0 {
        return Err(Fatal::unable("have the program run", Errno::from_raw_os_error(code.into())));
    }

    let mut status = [0; 4];
    read_exactly(&input, &mut status, clock::deadline(run_span))
        .or_unable(|| "get the program's exit status")?;
    match Status::from_raw(u32::from_be_bytes(status)) {
        Some(Status::Exited(code)) => Ok(Next::Exit(code)),
        Some(Status::Killed(number)) => Ok(die_by(number)),
        None => Err(Fatal::new(111, "the server answered with an exit status that is none")),
    }
}

fn send_request(
    call: &mut Call,
    without_env: bool,
    socket: BorrowedFd<'_>,
    deadline: Option<Moment>,
) -> Result<(), Fatal> {
    let env = if without_env { Vec::new() } else { call.env.vars().to_vec() };
    // A string without `=` is no variable, and the server refuses it.
    let env = env.into_iter().filter(|var| var.contains(&b'=')).collect();
    let request = Request { argv: call.take_args(), env };
    let request =
        request.encode().ok_or_else(|| Fatal::user("the arguments and the environment are too long"))?;
    let standard: Result<Vec<_>, _> = (0..3).map(|n| sys::fd::duplicate(n, 3).map(Rc::new)).collect();
    let mut sender = Sender::default();
    standard.and_then(|fds| sender.put(&request, fds)).or_unable(|| "hand over the standard descriptors")?;
    send_all(socket, &mut sender, deadline).or_unable(|| "send the arguments")?;
    // Only the program keeps them, so the other end of a pipe sees when it ends.
    sys::fd::close(0);
    sys::fd::close(1);
    Ok(())
}

/// Fills the buffer; `PIPE` at the end of the connection, `TIMEDOUT` after the deadline.
fn read_exactly(socket: &OwnedFd, buffer: &mut [u8], deadline: Option<Moment>) -> Result<(), Errno> {
    let mut done = 0;
    while let Some(room) = buffer.get_mut(done..).filter(|room| !room.is_empty()) {
        match rustix::net::recv(socket, room, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err(Errno::PIPE),
            Ok((n, _)) => done += n,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => wait(socket.as_fd(), PollFlags::IN, deadline)?,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// How the program ended.
#[derive(Debug, PartialEq, Eq)]
enum Status {
    Exited(u8),
    Killed(Signal),
}

impl Status {
    /// From the status of wait(2), which the server sent.
    fn from_raw(raw: u32) -> Option<Self> {
        let [0, 0, code, signal] = raw.to_be_bytes() else { return None };
        match signal & 0x7f {
            0 if signal == 0 => Some(Self::Exited(code)),
            number @ 1..=64 if code == 0 => Some(Self::Killed(number.into())),
            _ => None,
        }
    }
}

/// Kills this process by the signal; the exit code is 128 + the signal's number if the process survives that.
fn die_by(number: Signal) -> Next {
    // The program has dumped its core already.
    let _ = sys::limit::set(Resource::Core, &Rlimit { current: Some(0), maximum: Some(0) });
    let _ = signal::set_default(number);
    let _ = sys::process::kill(getpid(), number);
    signal::unblock(&Set::of(&[number]));
    Next::Exit(u8::try_from(number).unwrap_or_default().wrapping_add(128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_is_checked() {
        assert_eq!(Status::from_raw(0x2a00), Some(Status::Exited(42)));
        assert_eq!(Status::from_raw(0xff00), Some(Status::Exited(255)));
        assert_eq!(Status::from_raw(15), Some(Status::Killed(15)));
        assert_eq!(Status::from_raw(0x8b), Some(Status::Killed(11)));
        for bad in [0x7f, 0x137f, 0x80, 0x1_0000, 65, u32::MAX] {
            assert_eq!(Status::from_raw(bad), None, "{bad:x}");
        }
    }
}
