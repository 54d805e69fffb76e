//! `s6-log`: reads lines, selects them by a script, and puts them into log directories and other places.

use logger::{DEFAULT_LINE_END_LIMIT, DEFAULT_LINE_LIMIT, LEAST_LINE_LIMIT, Logger, Settings};
use std::os::fd::RawFd;
use std::time::Duration;
use tool::{Call, Fatal, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-log",
    summary: "sort lines into self-rotating log directories",
    operands: "logging script...",
    options: &[
        Opt::value('d', "notif", "write a newline to this descriptor when ready"),
        Opt::flag('q', "be quieter"),
        Opt::flag('v', "be more verbose"),
        Opt::flag('b', "don't read while something isn't written yet"),
        Opt::flag('p', "don't exit on SIGTERM"),
        Opt::value('l', "linelimit", "split longer lines; default 8192, 0 is never"),
        Opt::value('t', "ms", "when told to exit, wait for the end of a line; default 2000, 0 is for ever"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut verbosity = 1_u32;
    for (letter, _) in options.iter() {
        match letter {
            'q' => verbosity = verbosity.saturating_sub(1),
            'v' => verbosity = verbosity.saturating_add(1),
            _ => {}
        }
    }
    let line_limit = match options.number::<u32>('l')? {
        None => DEFAULT_LINE_LIMIT,
        Some(0) => 0,
        Some(n) => (n as usize).max(LEAST_LINE_LIMIT),
    };
    let line_end_limit = match options.number::<u32>('t')? {
        None => Some(DEFAULT_LINE_END_LIMIT),
        Some(0) => None,
        Some(ms) => Some(Duration::from_millis(ms.into())),
    };
    let notification = options.number::<RawFd>('d')?;
    if let Some(number) = notification
        && (number < 3 || !sys::fd::is_open(number))
    {
        return Err(Fatal::user(format!("invalid notification descriptor: {number}")));
    }
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let script = logger::parse(&call.args).map_err(Fatal::user)?;
    if script.has_trailing() && verbosity > 0 {
        call.warn("directives after the last action have no effect");
    }
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;

    let settings = Settings {
        is_quiet: verbosity == 0,
        is_blocking: options.has('b'),
        ignores_term: options.has('p'),
        line_end_limit,
        line_limit,
        notification,
        execlineb: execlineb(call),
    };
    Logger::open(script, settings, call)?.run()
}

/// Where execlineb is: beside this binary, else in PATH.
fn execlineb(call: &Call) -> Vec<u8> {
    let own = tool::own_file("execlineb");
    if own.contains(&b'/') {
        return own;
    }
    let in_path =
        call.path.iter().flat_map(|p| p.split(|b| *b == b':')).map(|dir| [dir, b"/", &own].concat());
    let mut found =
        in_path.filter(|file| sys::fs::access(file.as_slice(), rustix::fs::Access::EXEC_OK).is_ok());
    found.next().unwrap_or(own)
}
