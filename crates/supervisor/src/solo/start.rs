//! What a supervisor process that a host has forked does first.

use super::{Inheritance, Supervisor};
use crate::board::Board;
use crate::launch::{Launch, flags_of};
use crate::part::{FIRST, Start};
use crate::service::hold::refuse;
use crate::slot::OwnSlot;
use ipc::relay::Relay;
use rustix::io::Errno;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use sys::signal::{Set, set_mask};
use tool::diag;
use tool::{Fatal, OrUnable};

/// It stays while the supervisor waits.
const _: () = assert!(size_of::<Supervisor>() < sys::child::RESIDENT_MAX);

/// Runs in the child that a host has forked; gives its exit code.
pub(crate) fn run(start: &Start, command_line: Vec<Vec<u8>>) -> u8 {
    let name = command_line.into_iter().nth(1).unwrap_or_default();
    // The exit closes its descriptors.
    let ended = begin(start, name.clone()).and_then(|supervisor| ManuallyDrop::new(supervisor).run());
    match ended {
        Ok(()) => 0,
        Err(fatal) => {
            diag::fatal(&format!("s6-supervise {}", diag::show(&name)), fatal.message());
            fatal.code()
        }
    }
}

/// Out of line: while the supervisor waits, as little as can be is on its stack.
#[inline(never)]
fn begin(start: &Start, name: Vec<u8>) -> Result<Box<Supervisor>, Fatal> {
    let damaged = || Fatal::unable("take the descriptors of the host", Errno::BADF);
    let fds = sys::fd::take_all(start.moves(), FIRST).or_unable(|| "take the descriptors of the host")?;
    let mut fds = fds.into_iter();
    let mut next = || fds.next().ok_or_else(damaged);
    let (dir, slots, socket) = (next()?, next()?, next()?);
    let relay = start.has_relay.then(&mut next).transpose()?;
    let notification = start.has_notification.then(&mut next).transpose()?;
    let [board, record] = start.has_board.map(|has| has.then(&mut next).transpose());
    let board = Board::of_supervisor(board?, record?);
    rustix::process::fchdir(&dir).or_unable(|| "chdir to the service directory")?;
    let begun = begin_here(start, name, Given { dir, slots, socket, relay, notification, board });
    if begun.is_err() && start.may_refuse {
        refuse(rustix::fs::CWD);
    }
    begun
}

/// The descriptors that a host gives.
struct Given {
    dir: OwnedFd,
    slots: OwnedFd,
    socket: OwnedFd,
    relay: Option<OwnedFd>,
    notification: Option<OwnedFd>,
    board: Board,
}

/// Begins in the service directory, which is the working directory.
fn begin_here(start: &Start, name: Vec<u8>, given: Given) -> Result<Box<Supervisor>, Fatal> {
    let Given { dir, slots, socket, relay, notification, board } = given;
    set_mask(&Set::of(&super::CAUGHT));
    let mut launch = Launch::of_supervisor(start.env, start.open_files)?;
    launch.reports = start.reports;
    launch.relay = relay.map(|socket| Rc::new(Relay::from(socket)));
    launch.board = board;
    let has = |number| start.moves().iter().any(|(_, to)| *to == number);
    launch.given = flags_of(has(0), has(1));
    // A logger's pipe is a standard stream of this process.
    launch.relayed_streams.retain(|stream| !start.moves().iter().any(|(_, to)| *to == stream.number()));
    let slot = OwnSlot::open(slots.as_fd(), start.number, socket, notification.is_some())
        .or_unable(|| "map its part of the host's memory")?;
    drop(slots);
    let inheritance = Inheritance { name, dir, started: start.started, notification };
    Supervisor::take_over(launch, slot, start.resumes, inheritance).map(Box::new)
}
