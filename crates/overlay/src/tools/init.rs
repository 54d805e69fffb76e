//! `init`: the container's first program, `/init CMD`.
//!
//! It prepares /run, saves the container's environment, starts a child for stage 2, and is then the host of the root
//! scandir: process 1 and the supervisor are the same process.  Where it isn't process 1, it plays that role for its
//! descendants.

use crate::boot::catch_all;
use crate::boot::closing_fd::wait_for_closing_fd;
use crate::boot::inherited::Inherited;
use crate::boot::prepare::{Owner, make_folders, needs_root, prepare, why_no_help};
use crate::boot::replaced;
use crate::boot::saved::{children_env, make_fifo, save, with_space};
use crate::boot::search_path;
use crate::boot::stage2::SCRIPT;
use crate::boot::stand_in::stand_in;
use crate::boot::status_board;
use crate::environment::settings::Settings;
use crate::environment::variables::{
    PATH, S6_CMD_RECEIVE_SIGNALS, S6_KILL_GRACETIME, S6_LOG_CMD, S6_LOG_KEEP, S6_SERVICES_GRACETIME,
    S6_SUPERVISE_PROCESSES, S6_SYNC_DISKS, S6_UMASK, meaningless, meant_by,
};
use crate::layout::{PREINIT, SCANDIR, STAGE0, SUEXEC};
use crate::limits::MESSAGE_LIMIT;
use crate::pid1::attendant_process::Attendant;
use crate::pid1::container::Container;
use crate::pid1::finish::finish;
use crate::pid1::init::{Boot, Init, Output};
use crate::pid1::lifecycle::{Config, Lifecycle, SIGNALS};
use crate::pid1::manager::{self, Manager};
use crate::relay::{Handling, set_format};
use crate::termination_log;
use crate::texts::is_replaced;
use rustix::fs::{Mode, OFlags};
use s6_linux_init::request::How;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use supervisor::host::{self, Host, Leave, Reexec, take_journal};
use sys::signal;
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "init",
    summary: "boot the container and run its CMD",
    operands: "cmd...",
    options: &[],
    role: Role::Stay,
    main: |call| main(call, true),
};

/// The command line of process 1 in ps.
const TITLE: &[u8] = b"/package/admin/s6/command/s6-svscan -d4 -- /run/service";

/// The limit of supervised services.
const SERVICES_MAX: usize = 100_000;

/// Boots; `may_ask` says whether s6-overlay-suexec may be asked for root's help first.
pub(super) fn main(call: &mut Call, may_ask: bool) -> Outcome {
    boot(call, may_ask).map_err(|fatal| termination_log::noted(&Settings::of_container(&call.env), fatal))
}

fn boot(call: &mut Call, may_ask: bool) -> Outcome {
    let first = rustix::process::getpid().is_init();
    set_format(Handling::wanted(&Settings::of_container(&call.env), |_| ()));
    if let Some(journal) = take_journal(&mut call.env) {
        return resume(call, journal, first);
    }
    // No stop signal is lost from here on: it stays pending until the host reads it.
    signal::block(&signal::Set::of(&SIGNALS));
    if !first {
        stand_in(call)?;
    }
    // The engine may not have set PATH or opened descriptors 0 to 2.
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    let path = search_path::complete(call.env.get(PATH.bytes()).unwrap_or_default());
    call.env.set(PATH.bytes(), &path);
    rustix::process::umask(Mode::from(0o022));
    wait_for_closing_fd(&call.env);
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let owner = Owner { uid, gid, privileged: rustix::process::geteuid().is_root() };
    if let Some(next) = prepare_run(call, owner, may_ask, first)? {
        return Ok(next);
    }
    let inherited = Inherited::take(&call.env);
    let workdir = rustix::process::getcwd(Vec::new()).map_or_else(|_| b"/".to_vec(), |d| d.into_bytes());
    let env = save(&manager::without_socket(&call.env), &workdir).map_err(with_space)?;
    let settings = Settings::of_container(&call.env);
    // It counts for what is started; what process 1 and its own children make is for everybody to read.
    sys::spawn::set_umask(settings.umask(S6_UMASK)?);
    settings.size(S6_LOG_KEEP)?;
    let outside = (Attendant::wanted(&call.env)?, Manager::of(&call.env));
    if settings.verbosity() > 0 {
        warn_of_mistakes(&call.env);
        warn_of_set_id();
    }
    let requests = make_fifo()?;
    // A script of the image's own runs the CMD itself.
    let runs_command = !call.args.is_empty() && !replaced::has_script(SCRIPT);
    let config = config(&settings, runs_command, first);
    let sync = settings.switch(S6_SYNC_DISKS);
    let output = output(&settings, |text| diag::warn(TOOL.name, text));
    let boot = take_terminal(call.args.clone(), inherited, settings.switch(S6_LOG_CMD))?;
    let console = catch_all::set_up(&settings, uid, |text| {
        if settings.verbosity() > 0 {
            diag::warn(TOOL.name, text);
        }
    })?;
    let mut host_config = host_config(&env, &settings);
    host_config.console = console.map(Rc::new);
    host_config.board = status_board::make(&settings)?;
    let mut host = Host::open(SCANDIR.as_bytes(), host_config)?;
    if let Some(number) = boot.terminal {
        // The terminal is for the boot session.
        let _ = sys::fd::with(number, |fd| sys::tty::give_up(fd));
    }
    sys::args::set_title(TITLE);
    let container = Container::new(Lifecycle::new(config), settings.verbosity());
    let mut policy = Init::new(container, env, requests, output, outside, Some(boot));
    policy.begin(&mut host);
    live(call, &mut host, &mut policy, first, sync)
}

/// Prepares /run; gives the program that does the rest of the boot, if that is another one.
fn prepare_run(call: &mut Call, owner: Owner, may_ask: bool, first: bool) -> Result<Option<Next>, Fatal> {
    if !may_ask {
        // s6-overlay-suexec was asked already, and preinit has prepared everything, unless it is the image's own.
        if is_replaced(PREINIT) {
            make_folders(call, owner)?;
        }
        return Ok(None);
    }
    let helpless = why_no_help();
    if !owner.privileged && helpless.is_none() && (needs_root(call, owner) || is_replaced(PREINIT)) {
        replaced::release_signals();
        return ask_for_root(call).map(Some);
    }
    if !replaced::preinit(call, owner)? {
        prepare(call, owner, helpless.unwrap_or("there are no rights to change that")).map_err(with_space)?;
    }
    replaced::stage0(call, first).transpose()
}

/// Warns of variables without effect: misspelt names, and values that mean nothing.
fn warn_of_mistakes(container: &Env) {
    for (name, value) in container.iter() {
        if let Some(meant) = meant_by(name) {
            let name = diag::show(name);
            diag::warn(TOOL.name, format_args!("the variable {name} has no effect: did you mean {meant}?"));
        } else if let Some(text) = meaningless(name, value) {
            diag::warn(TOOL.name, &text);
        }
    }
}

/// Warns of a set-id bit that somebody gave to one command, and that the file of all of them has.
fn warn_of_set_id() {
    let this = sys::fs::stat("/proc/self/exe");
    if this.is_ok_and(|st| st.st_mode & 0o6000 != 0) {
        let text = "a command was made setuid or setgid (chmod), which has no effect: all commands are one file; \
                    s6-svperms lets users control a service";
        diag::warn(TOOL.name, text);
    }
}

/// The configuration of the host; `env` is the environment of everything that it starts.
fn host_config(env: &Env, settings: &Settings<'_>) -> host::Config {
    let mut config = host::Config::new("s6-svscan", env.vars().to_vec());
    config.services_max = SERVICES_MAX;
    config.signals = SIGNALS.to_vec();
    config.others = &["s6-linux-init-shutdownd"];
    config.reports = settings.verbosity() >= 1;
    config.watches_kills = config.reports;
    // This is read from the container's environment, not from that of its services.
    config.processes = settings.switch(S6_SUPERVISE_PROCESSES);
    config
}

/// Runs the container from the start of the boot, or from the re-execution of this process, to its end.
fn live(call: &Call, host: &mut Host, policy: &mut Init, first: bool, sync: bool) -> ! {
    diag::set_reader_limit(Some(MESSAGE_LIMIT));
    if let Err(e) = host.allow_reexec(&reexec(call), policy) {
        call.warn(format_args!("unable to prepare for a fault: {}", sys::strerror(e)));
    }
    if host.run(policy) == Leave::Faulted {
        // It has faulted again and again, even while it ended.
        let _ = sys::process::kill_all(signal::KILL);
    }
    let code = finish(policy.end().unwrap_or(How::Halt), first, sync);
    // The host's descriptors stay open until then: a fault can still be recovered from.
    sys::process::exit(code)
}

/// What is executed again.
fn reexec(call: &Call) -> Reexec {
    let argv = std::iter::once(TOOL.name.as_bytes().to_vec()).chain(call.args.iter().cloned()).collect();
    Reexec { argv, env: call.env.vars().to_vec() }
}

/// Continues after a re-execution, with the state that the journal holds.
fn resume(call: &mut Call, journal: i32, first: bool) -> Outcome {
    let env = children_env(&manager::without_socket(&call.env));
    let settings = Settings::of_container(&call.env);
    sys::spawn::set_umask(settings.umask(S6_UMASK)?);
    let (sync, output) = (settings.switch(S6_SYNC_DISKS), output(&settings, |_| ()));
    let (mut host, saved) = Host::resume(journal, host_config(&env, &settings), &reexec(call))?;
    sys::args::set_title(TITLE);
    let boot = |stdin, inherited| Boot {
        terminal: terminal(&stdin),
        stdin,
        command: call.args.clone(),
        inherited: Inherited::again(inherited, &call.env),
        relays_command: settings.switch(S6_LOG_CMD),
    };
    // A value that is no place was refused at the start.
    let attendant = Attendant::wanted(&call.env).unwrap_or_default();
    let policy = Init::resume(saved, env, &mut host, (output, attendant, Manager::of(&call.env)), boot);
    let mut policy =
        policy.ok_or_else(|| Fatal::new(111, "the journal of the former host is damaged".to_owned()))?;
    live(call, &mut host, &mut policy, first, sync)
}

/// Through which process the container's output goes; `warn` receives what is wrong with the variables.
fn output(settings: &Settings<'_>, warn: impl Fn(&str)) -> Output {
    Output { relayed: Handling::wanted(settings, warn), shows_log: catch_all::shows(settings) }
}

/// Becomes the setuid program, which prepares /run as root and becomes `/init` again as this user.
fn ask_for_root(call: &mut Call) -> Outcome {
    let words = [SUEXEC, &format!(" {PREINIT}"), "", STAGE0].map(|w| w.as_bytes().to_vec());
    let argv = words.into_iter().chain(call.take_args()).collect();
    Next::run(argv, call.take_env())
}

fn config(settings: &Settings<'_>, command: bool, first: bool) -> Config {
    Config {
        command,
        receive_signals: settings.switch(S6_CMD_RECEIVE_SIGNALS),
        kill_grace: settings.time(S6_KILL_GRACETIME),
        interrupt_grace: settings.time(S6_SERVICES_GRACETIME),
        first,
    }
}

/// What the boot child gets: the container's standard input, and its terminal if there is one.  Services get an empty
/// standard input.
fn take_terminal(command: Vec<Vec<u8>>, inherited: Inherited, relays_command: bool) -> Result<Boot, Fatal> {
    let stdin = sys::fd::duplicate(0, 3).or_unable(|| "keep standard input")?;
    let null = sys::fs::open("/dev/null", OFlags::RDONLY, Mode::empty()).or_unable(|| "open /dev/null")?;
    sys::fd::place(null, 0).or_unable(|| "replace standard input")?;
    Ok(Boot { terminal: terminal(&stdin), stdin, command, inherited, relays_command })
}

/// The descriptor of the container's terminal, if it has one.
fn terminal(stdin: &OwnedFd) -> Option<i32> {
    let numbers = [stdin.as_raw_fd(), 1, 2];
    numbers.into_iter().find(|n| sys::fd::with(*n, |fd| Ok(rustix::termios::isatty(fd))) == Ok(true))
}
