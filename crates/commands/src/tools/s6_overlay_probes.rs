//! `s6-overlay-probes`: finds out whether services are ready, and whether they do their work, as their definitions ask.
//!
//! It is the `run` of a service directory whose host keeps a pair of sockets for it: standard input and output.

use crate::probing::Attendant;
use crate::probing::check::Shared;
use crate::probing::processes::Net;
use ipc::registration::{NOTIFY, shelf};
use rustix::fs::{CWD, Mode};
use rustix::process::{Resource, Rlimit};
use sys::signal::{self, Set, SignalFd};
use tool::{Call, Fatal, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay-probes",
    summary: "find out whether services are ready, and whether they do their work",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

/// The descriptor that says that services may start.
const NOTIFICATION: i32 = 3;

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let end = |number| sys::fd::duplicate(number, NOTIFICATION).or_unable(|| "take the pair of sockets");
    let (put, take) = (end(1)?, end(0)?);
    let _ = signal::set_ignored(signal::PIPE);
    let signals = SignalFd::new(&Set::of(&[signal::CHLD])).or_unable(|| "make a signal descriptor")?;
    // The limit is on what many services hand over.
    let open_files = sys::limit::get(Resource::Nofile);
    let _ = sys::limit::set(Resource::Nofile, &Rlimit { current: open_files.maximum, ..open_files });
    for folder in [wire::attended::FOLDER, NOTIFY] {
        files::own_dir(CWD, folder.as_bytes(), Mode::from(0o755)).or_unable_to("make", folder.as_bytes())?;
    }
    let shared = Shared { env: call.take_env(), open_files, net: Net::default(), programs: 0 };
    let attendant = Attendant::new(shelf(put, take), signals, shared);
    let mut attendant = attendant.or_unable(|| "make a socket for services")?;
    sys::fd::with(NOTIFICATION, |fd| rustix::io::write(fd, b"\n")).or_unable(|| "say that it is ready")?;
    sys::fd::close(NOTIFICATION);
    Err(Fatal::unable("wait for services", attendant.attend()))
}
