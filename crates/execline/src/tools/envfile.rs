//! `envfile`: sets the variables that a file assigns.

use crate::assignments::{BadLine, parse};
use crate::input;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::AsFd;
use sys::fs::open;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "envfile",
    summary: "set the environment variables that a file assigns",
    operands: "file prog...",
    options: &[
        Opt::flag('i', "fail if the file doesn't exist (default)"),
        Opt::flag('I', "continue if the file doesn't exist"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let file = call.shift()?;
    let name = if file == b"-" { "standard input".into() } else { diag::shown(&file) };
    let text = match read(&file) {
        Err(Errno::NOENT) if options.last_of("iI") == Some('I') => Vec::new(),
        text => text.or_unable(|| format!("read {name}"))?,
    };
    let assignments =
        parse(&text).map_err(|BadLine(n)| Fatal::new(1, format_args!("in {name}: syntax error line {n}")))?;
    for (key, value) in assignments {
        call.env.set(&key, &value);
    }
    Next::run(call.take_args(), call.take_env())
}

fn read(file: &[u8]) -> Result<Vec<u8>, Errno> {
    if file == b"-" {
        return input::read_all(rustix::stdio::stdin());
    }
    let fd = open(file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    input::read_all(fd.as_fd())
}
