//! `redirfd`: redirects a descriptor to a file.

use crate::descriptor::descriptor;
use crate::variable::{AUTOIMPORT, NO_AUTOIMPORT, autoimports, check_name, run_with};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use sys::fs::open;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "redirfd",
    summary: "redirect a descriptor to a file",
    operands: "fd file prog...",
    options: &[
        Opt::flag('r', "open for reading"),
        Opt::flag('w', "open for writing, create or truncate"),
        Opt::flag('u', "open for reading and writing"),
        Opt::flag('a', "open for appending, create if needed"),
        Opt::flag('x', "open for writing, fail if the file exists"),
        Opt::flag('N', "open in blocking mode (default)").long("block"),
        Opt::flag('n', "open in non-blocking mode").long("nonblock"),
        Opt::flag('b', "change the blocking mode after opening").long("switch-block"),
        Opt::flag('f', "fd is the name of a variable that stores the descriptor").long("open"),
        AUTOIMPORT.long("autoimport"),
        NO_AUTOIMPORT.long("no-autoimport"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mode = options.last_of("rwuax").ok_or_else(Fatal::usage)?;
    if call.args.len() < 3 {
        return Err(Fatal::usage());
    }
    let (target, file) = (call.shift()?, call.shift()?);
    let into_variable = options.has('f');
    let number = if into_variable {
        check_name(&target)?;
        None
    } else {
        Some(descriptor(&target)?)
    };
    let fd = open_file(&file, mode, &options)?;
    match number {
        Some(number) => {
            sys::fd::place(fd, number).or_unable(|| format!("make it descriptor {number}"))?;
            Next::run(call.take_args(), call.take_env())
        }
        None => {
            // Opened without close-on-exec: the next program inherits it.
            let number = fd.into_raw_fd().to_string();
            run_with(&target, number.as_bytes(), autoimports(&options), call.take_args(), call.take_env())
        }
    }
}

fn open_file(file: &[u8], mode: char, options: &Options) -> Result<OwnedFd, Fatal> {
    let nonblock = options.last_of("Nn") == Some('n');
    let mut flags = match mode {
        'r' => OFlags::RDONLY,
        'w' => OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC,
        'u' => OFlags::RDWR,
        'a' => OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND,
        _ => OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL,
    };
    if nonblock {
        flags |= OFlags::NONBLOCK;
    }
    let rights = Mode::from_bits_truncate(0o666);
    let opened = loop {
        match open(file, flags, rights) {
            Err(Errno::INTR) => {}
            // A FIFO without a reader: open it for reading meanwhile.
            Err(Errno::NXIO) if mode != 'r' => {
                let reader = open(file, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
                break reader.and_then(|_reader| open(file, flags, rights));
            }
            opened => break opened,
        }
    };
    let fd = opened.or_unable_to("open", file)?;
    if options.has('b') {
        sys::fd::set_blocking(fd.as_raw_fd(), nonblock).or_unable(|| "change the blocking mode")?;
    }
    Ok(fd)
}
