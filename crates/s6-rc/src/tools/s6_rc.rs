//! `s6-rc`: lists services, and brings them up and down.
//!
//! Exit codes: 0 done, 1 a transition failed or a difference was found, 2 out of time, 3 an unknown name, 4 an invalid
//! database, 100 wrong usage, 111 a system call failed.

use crate::change::{change, prune, reload};
use crate::change_options::ChangeOptions;
use crate::changed::End;
use crate::common_options::{
    BLOCK, CHANGE_VERBOSITY, LIVE, LIVE_DIR, TIMEOUT, deadline, live_dir, verbosity,
};
use crate::database::{Id, Service};
use crate::direction::Direction;
use crate::interrupts::Interrupts;
use crate::live::{Live, Lock};
use supervision::by_hand;
use tool::{
    Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool,
    diag::{show, shown},
};

/// The command.
pub static TOOL: Tool = Tool {
    name: "s6-rc",
    summary: "list services, and bring them up and down",
    operands: "help|list|listall|diff|start|stop|reload|change [ servicenames... ]",
    options: &[
        Opt::flag('u', "up: start what is selected (the default)").long("up"),
        Opt::flag('d', "down: stop what is selected").long("down"),
        Opt::flag('D', "down, essential services too").long("all-down"),
        Opt::flag('p', "prune: stop everything but the selection").long("prune"),
        Opt::flag('a', "select all services that are up, too").long("add"),
        BLOCK,
        Opt::flag('E', "essential services are treated like others").long("with-essentials"),
        Opt::flag('e', "essential services are not listed, and may be stopped").long("without-essentials"),
        Opt::flag('\u{1}', "take no lock").long("no-lock"),
        CHANGE_VERBOSITY,
        Opt::value('n', "ms", "only print what would be run; each takes this long").long("dry-run"),
        TIMEOUT,
        LIVE_DIR,
    ],
    role: Role::Stay,
    main,
};

const HELP: &str = "\
s6-rc help                                  print this
s6-rc [ -a ] [ -d ] list [ names... ]       print the selection; with -d everything else
s6-rc [ -a ] [ -u | -d ] listall [ names... ]
                                            print the selection and all that it needs; with -d all that needs it
s6-rc diff                                  print the longruns whose supervisors disagree with the live state
s6-rc start names...                        start services and what they need
s6-rc stop names...                         stop services and what needs them
s6-rc reload names...                       make running services read their configuration again
s6-rc [ -a ] [ -u | -d | -D ] [ -p ] [ -t ms ] [ -n ms ] change [ names... ]
                                            start or stop the selection; with -p bring everything else the other way
all: [ -l live ] [ -b ] [ -v verbosity ]; list, listall: -e leaves essential services out
";

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let verbosity = verbosity(&options)?;
    let dry_run = options.number::<u32>('n')?;
    let deadline = deadline(&options)?;
    let command = call.shift()?;
    let names = call.take_args();
    let mut down = options.last_of("udD").is_some_and(|c| c != 'u');
    // Lists leave essential services out then; changes stop them, too.
    let force = options.last_of("EeD").is_some_and(|c| c != 'E');
    let mut pruning = options.has('p');
    let lock = match command.as_slice() {
        b"help" => {
            let mut out = Out::new();
            out.put(HELP.as_bytes())?;
            return out.finish();
        }
        b"list" | b"listall" | b"diff" => Lock::Shared,
        b"start" | b"stop" | b"change" | b"reload" => Lock::Exclusive,
        _ => return Err(unknown_command(&command, &names, live_dir(&options))),
    };
    if command == b"start" || command == b"stop" {
        down = command == b"stop";
        pruning = false;
    }
    let lock = if options.has('\u{1}') { Lock::None } else { lock };
    let mut live = Live::open(live_dir(&options), lock, options.has('b'))?;
    let mut selected = live.select(if command == b"diff" { &[] } else { &names })?;
    if names.is_empty() && (command == b"start" || command == b"stop") && !options.has('a') && verbosity > 0 {
        call.warn(without_names(&command));
    }
    if options.has('a') {
        selected.iter_mut().zip(live.up()).for_each(|(s, up)| *s |= up);
    }
    let direction = if down { Direction::Down } else { Direction::Up };
    if command == b"diff" || command.starts_with(b"list") {
        match command.as_slice() {
            b"diff" => return diff(&live),
            b"list" => selected.iter_mut().for_each(|s| *s ^= down),
            // With -d everything that needs the selection, else everything that it needs.
            _ => live.database().close(&mut selected, direction),
        }
        return print(&live, &selected, force);
    }
    if (down || pruning) && command != b"reload" && dry_run.is_none() && live_dir(&options) == LIVE {
        note_stop(if down { "stop" } else { "stop all but" }, &names);
    }
    let interrupts = Interrupts::trap()?;
    let how = ChangeOptions { force, deadline, dry_run, ..interrupts.change_options(call, verbosity) };
    let changed = match (command.as_slice(), pruning) {
        (b"reload", _) => reload(&mut live, &selected, &how)?,
        (_, true) => prune(&mut live, direction, selected, &how)?,
        (_, false) => change(&mut live, direction, selected, &how)?,
    };
    if changed.end == End::TimedOut {
        return Err(Fatal::new(2, "timed out"));
    }
    Ok(Next::Exit(changed.code()))
}

/// The warning of a command that needs names.
fn without_names(command: &[u8]) -> String {
    let command = show(command);
    format!("no service is named, so there is nothing to {command}: write s6-rc {command} NAME")
}

/// Tells the container's log who stops services.
fn note_stop(what: &str, names: &[Vec<u8>]) {
    let shown: Vec<_> = names.iter().map(|name| shown(name)).collect();
    by_hand::note(&format!("{what}: {}", shown.join(" ")));
}

/// The commands of a tool whose operands begin with all of them.
fn commands(tool: &Tool) -> impl Iterator<Item = &'static [u8]> + use<> {
    tool.operands.split(' ').next().unwrap_or_default().split('|').map(str::as_bytes)
}

/// What people write and s6-rc doesn't know, and what to write instead, before the names.
const MEANT: [(&str, &str); 5] = [
    ("restart", "s6-overlay restart"),
    ("status", "s6-overlay status"),
    ("up", "s6-rc start"),
    ("down", "s6-rc stop"),
    ("ls", "s6-rc list"),
];

/// The error for a command that a tool doesn't have, with the one that was probably meant.
pub(super) fn misspelt_command(tool: &Tool, command: &[u8]) -> Fatal {
    let meant = tool::similar(command, commands(tool));
    let meant = meant.map_or(String::new(), |near| format!(": did you mean {}?", show(near)));
    Fatal::user(format_args!("unknown command: {}{meant}", show(command)))
}

/// The error for a command that there isn't; with what was probably meant.
fn unknown_command(command: &[u8], names: &[Vec<u8>], live: &[u8]) -> Fatal {
    let is_service = || {
        let live = Live::open(live, Lock::Shared, false).ok()?;
        live.database().atomics(command)
    };
    let words = |first: &str| names.iter().fold(first.to_owned(), |text, name| text + " " + &shown(name));
    let meant = match MEANT.iter().find(|(word, _)| word.as_bytes() == command) {
        Some((_, instead)) => format!(": write {}", words(instead)),
        None => match tool::similar(command, commands(&TOOL)) {
            Some(near) => format!(": did you mean {}?", show(near)),
            None if is_service().is_some() => {
                format!(
                    ": it is the name of a service, so write s6-rc -u change {0} or s6-rc -d change {0}",
                    show(command)
                )
            }
            None => String::new(),
        },
    };
    Fatal::user(format_args!("unknown command: {}{meant}", show(command)))
}

fn print(live: &Live, selected: &[bool], hide: bool) -> Outcome {
    let mut out = Out::new();
    for (service, _) in live.database().services().iter().zip(selected).filter(|(_, s)| **s) {
        if !(hide && service.is_essential()) {
            out.line(&service.name)?;
        }
    }
    out.finish()
}

fn diff(live: &Live) -> Outcome {
    let mut out = Out::new();
    let mut code = 0;
    for (id, service) in (0..).zip(live.database().services()).filter(|(_, s)| is_supervised(s)) {
        let servicedir = live.servicedir(id);
        let status =
            supervision::status::read_status(&servicedir).or_unable_to("read the status of", &servicedir)?;
        if status.want_up != live.is_up(id as Id) {
            let sign: &[u8] = if status.want_up { b"+" } else { b"-" };
            out.line(&[sign, &service.name].concat())?;
            code = 1;
        }
    }
    out.flush()?;
    Ok(Next::Exit(code))
}

fn is_supervised(service: &Service) -> bool {
    service.is_longrun() && !service.is_internal()
}
