//! `s6-rc-init`: makes the live state from a compiled database, everything down.
//!
//! Exit codes: 0 done, or done already; 4 an invalid database, 100 wrong usage or no host on the scan directory, 102
//! there is a live state for something else, 111 a system call failed.

use crate::common_options::{TIMEOUT, boot_database, live_dir, timeout};
use crate::init::{Initialized, LiveOptions, init};
use std::os::unix::ffi::OsStrExt;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag::show};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc-init",
    summary: "make the live state of a service database",
    operands: "scandir",
    options: &[
        Opt::flag('d', "resolve the links in the path of the database").long("dereference"),
        Opt::flag('\u{1}', "keep the path of the database as it is (the default)").long("no-dereference"),
        Opt::flag('b', "wait while another s6-rc-init is at work on scandir").long("block"),
        Opt::flag('\u{2}', "fail then (the default)").long("no-block"),
        Opt::value('c', "bootdb", "the compiled database").long("bootdb"),
        Opt::value('l', "live", "the live directory to make").long("livedir"),
        Opt::value('p', "prefix", "what stands before the services' names in the scan directory")
            .long("prefix"),
        TIMEOUT,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let scandir = call.shift()?;
    let timeout = timeout(&options)?;
    let live = live_dir(&options).to_vec();
    let mut compiled = boot_database(&options).to_vec();
    let prefix = options.get('p').unwrap_or_default().to_vec();
    if options.last_of("d\u{1}") == Some('d') {
        let real = std::fs::canonicalize(std::ffi::OsStr::from_bytes(&compiled));
        compiled = real.or_unable_to("resolve", &compiled)?.as_os_str().as_bytes().to_vec();
    }
    for (what, path) in [("scandir", &scandir), ("livedir", &live), ("bootdb", &compiled)] {
        if !path.starts_with(b"/") {
            return Err(Fatal::user(format_args!("{what} must be an absolute path: {}", show(path))));
        }
    }
    if prefix.contains(&b'/') || prefix.contains(&b'\n') {
        return Err(Fatal::user("prefix cannot contain a / or a newline"));
    }
    let block = options.last_of("b\u{2}") == Some('b');
    match init(&LiveOptions { scandir, compiled, live, prefix, timeout, block }, None, None)? {
        Initialized::New(_) => {}
        Initialized::Running(path) => call.info(format_args!("already running on {}", show(&path))),
        Initialized::Recovered(path) => {
            call.info(format_args!("already running on {}, linked again", show(&path)))
        }
    }
    Ok(Next::SUCCESS)
}
