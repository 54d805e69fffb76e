//! `execlineb`: the launcher; turns a script into one command line and executes it.

use crate::binding::Bindings;
use crate::blocks::strictness;
use crate::positional::{bind_all, too_few};
use crate::{frame, input, parse, positional};
use rustix::fs::{Mode, OFlags};
use std::os::fd::AsFd;
use sys::fs::open;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "execlineb",
    summary: "run an execline script",
    operands: "script args...",
    options: &[
        Opt::value('c', "script", "run this text rather than a file"),
        Opt::flag('e', "ignored, for programs that run `$SHELL -ec`"),
        Opt::flag('q', "unset EXECLINE_STRICT"),
        Opt::flag('w', "set EXECLINE_STRICT to 1: warn about unquoted words in blocks"),
        Opt::flag('W', "set EXECLINE_STRICT to 2: refuse unquoted words in blocks"),
        Opt::flag('p', "overwrite the positional parameters of an outer script"),
        Opt::flag('P', "leave positional parameters alone"),
        Opt::value(
            'S',
            "nmin",
            "substitute positional parameters, at least nmin, and leave the environment alone",
        ),
        Opt::value('s', "nmin", "like -S, but $@ begins after the first nmin"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (all, rest) = (options.number::<u16>('S')?, options.number::<u16>('s')?);
    let (name, argv) = script(call, &options)?;
    if argv.is_empty() {
        return Ok(Next::SUCCESS);
    }
    match options.last_of("qwW") {
        Some('q') => call.env.unset(b"EXECLINE_STRICT"),
        Some('w') => call.env.set(b"EXECLINE_STRICT", b"1"),
        Some(_) => call.env.set(b"EXECLINE_STRICT", b"2"),
        None => {
            if call.env.get(b"EXECLINE_STRICT").is_some() && strictness(&call.env).is_none() {
                call.warn("invalid EXECLINE_STRICT value, unsetting it");
                call.env.unset(b"EXECLINE_STRICT");
            }
        }
    }
    match options.last_of("pPSs") {
        Some('P') => {}
        Some('S') => return substitute(call, &options, &name, argv, all.unwrap_or(0), false),
        Some('s') => return substitute(call, &options, &name, argv, rest.unwrap_or(0), true),
        mode => {
            if mode.is_none() {
                call.env = frame::push(&call.env, frame::is_positional);
            }
            call.env.set(b"0", &name);
            let args = call.take_args();
            positional::replace(&mut call.env, 0, &args);
        }
    }
    Next::run(argv, call.take_env())
}

/// The script's name and its command line; the rest of the call's arguments are the script's.
fn script(call: &mut Call, options: &Options) -> Result<(Vec<u8>, Vec<Vec<u8>>), Fatal> {
    if let Some(text) = options.get('c') {
        let argv = parse(text).map_err(|e| Fatal::user(format_args!("-c: {}", e.explain(text))))?;
        return Ok((call.argv0.clone(), argv));
    }
    let name = call.shift()?;
    let shown = diag::show(&name);
    let fd = open(name.as_slice(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .or_unable(|| format!("open {shown}"))?;
    let text = input::read_all(fd.as_fd()).or_unable(|| format!("read {shown}"))?;
    let argv = parse(&text).map_err(|e| Fatal::user(format_args!("{shown}: {}", e.explain(&text))))?;
    Ok((name, argv))
}

fn substitute(
    call: &mut Call,
    options: &Options,
    name: &[u8],
    argv: Vec<Vec<u8>>,
    minimum: u16,
    skip_first: bool,
) -> Outcome {
    let args = call.take_args();
    let strict = if options.last_of("qwW") == Some('q') { Some(0) } else { strictness(&call.env) };
    if strict != Some(0) && args.len() < usize::from(minimum) {
        let text = too_few(minimum, args.len());
        if strict.is_some_and(|s| s > 1) {
            return Err(Fatal::user(text));
        }
        call.warn(&text);
    }
    let minimum = usize::from(minimum);
    let mut bindings = Bindings::new(111);
    bind_all(&mut bindings, name, &args, minimum, if skip_first { minimum } else { 0 })?;
    let (argv, env) = bindings.apply(argv, call.take_env())?;
    Next::run_if_any(argv, env)
}
