//! `s6-overlay stop`: stops services; with `--container` the container, as `halt` does.

use crate::steer::{DEPENDENTS, Deed, NO_WAIT, TIMEOUT, Wish, carry_out};
use rustix::io::Errno;
use s6_linux_init::request::{self, How, Request};
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay stop",
    summary: "stop services, or the container",
    operands: "name... | --container",
    options: &[
        DEPENDENTS,
        NO_WAIT,
        TIMEOUT,
        Opt::flag('c', "stop the container, as halt does").long("container"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    match (call.args.is_empty(), options.has('c')) {
        (true, true) => stop_container(),
        (true, false) => Err(Fatal::user("name services, or write --container to stop the container")),
        (false, true) => Err(Fatal::user("--container stops everything: no service can be named with it")),
        (false, false) => carry_out(call, Wish::of(Deed::Stop, &options)?),
    }
}

fn stop_container() -> Outcome {
    match request::send(Request::stop(How::Halt)) {
        Ok(()) => Ok(Next::SUCCESS),
        Err(Errno::ACCESS) => Err(Fatal::new(
            111,
            "the container belongs to another user: use `docker stop`, or `docker exec -u 0`",
        )),
        Err(Errno::NOENT | Errno::NXIO) => Err(Fatal::new(111, "no container of s6-overlay runs here")),
        Err(e) => Err(Fatal::unable("stop the container", e)),
    }
}
