//! `init`: the container's first program, `/init CMD`.
//!
//! It prepares /run, saves the container's environment, starts a child for stage 2, and is the host of the root
//! scandir from then on: process 1 and the supervisor are the same process.  Where it isn't process 1, it takes the
//! part of one for its own descendants.

use crate::boot::catch_all;
use crate::boot::prepare::{Owner, needs_root, prepare, why_no_help};
use crate::boot::search_path;
use crate::environment::contenv;
use crate::environment::settings::Settings;
use crate::environment::variables::{
    PATH, S6_CMD_RECEIVE_SIGNALS, S6_KILL_GRACETIME, S6_LOG_CMD, S6_SERVICES_GRACETIME,
    S6_SUPERVISE_PROCESSES, S6_SYNC_DISKS, S6_WAIT_FOR_CLOSING_FD, meant_by,
};
use crate::layout::{BASEDIR, BINARY, OLD_SCANDIR, PREINIT, SCANDIR, STAGE0, SUEXEC, WORKDIR};
use crate::limits::MESSAGE_LIMIT;
use crate::pid1::exit_code;
use crate::pid1::init::{Boot, Init};
use crate::pid1::lifecycle::{Config, SIGNALS};
use crate::pid1::remaining;
use crate::relay::{Format, speak};
use files::Permissions;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use s6_linux_init::request::{FIFO, How};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use supervision::control;
use supervisor::host::{self, Host, Leave, Reexec, take_journal};
use sys::signal::{self, HALT, HUP, INT, PWR, Signal, SignalFd, TERM, USR1, USR2};
use tool::clock;
use tool::{Call, Env, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "init",
    summary: "boot the container and run its CMD",
    operands: "cmd...",
    options: &[],
    role: Role::Stay,
    main: |call| main(call, true),
};

/// What process 1 looks like in ps: what it is.
const TITLE: &[u8] = b"/package/admin/s6/command/s6-svscan -d4 -- /run/service";

/// What always asks for a stop.
const STOPS: [Signal; 6] = [TERM, INT, USR1, USR2, PWR, HALT];

/// The services that are supervised at most.
const SERVICES_MAX: usize = 100_000;

/// Boots; `may_ask` is whether s6-overlay-suexec may be asked for root's help first.
pub(super) fn main(call: &mut Call, may_ask: bool) -> Outcome {
    let first = rustix::process::getpid().is_init();
    speak(Format::wanted(&Settings::of_container(&call.env), |_| ()));
    if let Some(journal) = take_journal(&mut call.env) {
        return go_on(call, journal, first);
    }
    // A stop that is asked from here on isn't lost: until the host reads it, it waits.
    signal::block(&signal::Set::of(&SIGNALS));
    if !first {
        stand_in(call)?;
    }
    // Nobody before has made sure of a PATH or of descriptors 0 to 2.
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    let path = search_path::complete(call.env.get(PATH.bytes()).unwrap_or_default());
    call.env.set(PATH.bytes(), &path);
    rustix::process::umask(Mode::from(0o022));
    wait_for_closing_fd(&call.env);
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let owner = Owner { uid, gid, privileged: rustix::process::geteuid().is_root() };
    // Where it may not, the helper was asked already, and has prepared everything.
    if may_ask {
        let helpless = why_no_help();
        if !owner.privileged && needs_root(call, owner) && helpless.is_none() {
            return ask_for_root(call);
        }
        prepare(call, owner, helpless.unwrap_or("there are no rights to change that"))?;
    }
    let workdir = rustix::process::getcwd(Vec::new()).map_or_else(|_| b"/".to_vec(), |d| d.into_bytes());
    let env = save(call, &workdir)?;
    warn_of_misspelt(&call.env);
    let requests = make_fifo()?;
    let config = config(&Settings::of_container(&call.env), !call.args.is_empty(), first);
    let settings = Settings::of_container(&call.env);
    let (sync, warns) =
        (settings.switch(S6_SYNC_DISKS), settings.verbosity() > 0 && !config.kill_grace.is_zero());
    let relays_command = settings.switch(S6_LOG_CMD);
    let format = Format::wanted(&settings, |text| diag::warn(TOOL.name, text));
    let boot = take_terminal(call, relays_command)?;
    let settings = Settings::of_container(&call.env);
    let console = catch_all::set_up(&settings, uid == 0, |text| {
        if settings.verbosity() > 0 {
            diag::warn(TOOL.name, text);
        }
    })?;
    let mut host_config = host_config(&env, &call.env);
    host_config.console = console.map(Rc::new);
    let mut host = Host::open(SCANDIR.as_bytes(), host_config)?;
    if let Some(number) = boot.terminal {
        // The boot session is to have it.
        let _ = sys::fd::with(number, |fd| sys::tty::give_up(fd));
    }
    sys::args::set_title(TITLE);
    let mut policy = Init::new(config, env, requests, warns, format);
    policy.begin(&mut host, boot).or_unable(|| "start the boot")?;
    Ok(Next::Exit(live(call, &mut host, &mut policy, first, sync)))
}

/// Names variables that nothing reads because their names are misspelt, as it seems.
fn warn_of_misspelt(container: &Env) {
    if Settings::of_container(container).verbosity() == 0 {
        return;
    }
    for (name, _) in container.iter() {
        if let Some(meant) = meant_by(name) {
            let name = diag::show(name);
            diag::warn(TOOL.name, &format!("the variable {name} has no effect: did you mean {meant}?"));
        }
    }
}

/// What the host is in every container.
fn host_config(env: &Env, container: &Env) -> host::Config {
    let mut config = host::Config::new("s6-svscan", env.vars().to_vec());
    config.services_max = SERVICES_MAX;
    config.signals = SIGNALS.to_vec();
    // The container says so, not the environment of its services.
    config.processes = Settings::of_container(container).switch(S6_SUPERVISE_PROCESSES);
    config
}

/// From the boot's start, or from where this process was re-executed, to the end; gives the exit code.
fn live(call: &Call, host: &mut Host, policy: &mut Init, first: bool, sync: bool) -> u8 {
    diag::set_reader_limit(Some(MESSAGE_LIMIT));
    // The CMD belongs to the boot child, which has its own copy.
    let own = Reexec { argv: vec![TOOL.name.as_bytes().to_vec()], env: call.env.vars().to_vec() };
    if let Err(e) = host.allow_reexec(&own, policy) {
        call.warn(&format!("unable to prepare for a fault: {}", sys::strerror(e)));
    }
    if let Leave::Failed(_) = host.run(policy)
        && exit_code::is_untouched()
    {
        let _ = exit_code::write(111);
    }
    policy.host_lost();
    policy.release_relay(host);
    remaining::wait(policy);
    policy.end_relay();
    finish(policy.end().unwrap_or(How::Halt), first, sync)
}

/// This process was re-executed: everything is there already.
fn go_on(call: &mut Call, journal: i32, first: bool) -> Outcome {
    let env = children_env(&call.env);
    let (mut host, left) = Host::resume(journal, host_config(&env, &call.env))?;
    sys::args::set_title(TITLE);
    let format = Format::wanted(&Settings::of_container(&call.env), |_| ());
    let policy = Init::resume(left, env, &mut host, format);
    let mut policy =
        policy.ok_or_else(|| Fatal::new(111, "the journal of the former host is damaged".to_owned()))?;
    let sync = Settings::of_container(&call.env).switch(S6_SYNC_DISKS);
    Ok(Next::Exit(live(call, &mut host, &mut policy, first, sync)))
}

/// The environment that everything in the container gets.
fn children_env(container: &Env) -> Env {
    if contenv::is_kept(container) {
        return container.clone();
    }
    let mut env = Env::new();
    env.set(PATH.bytes(), container.get(PATH.bytes()).unwrap_or_default());
    env
}

/// Not process 1: everything below is this process's to reap and to stop, and nothing else is.
fn stand_in(call: &Call) -> Result<(), Fatal> {
    if control::send_to_host(SCANDIR.as_bytes(), &[]).is_ok() {
        return Err(Fatal::user("another container's first process already runs on /run/service"));
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .or_unable(|| "become the reaper of all descendants")?;
    if Settings::of_container(&call.env).verbosity() > 0 {
        call.warn(&format!(
            "not process 1, which is {}: at the end, only the processes that began here are stopped",
            first_process()
        ));
    }
    Ok(())
}

/// Who is process 1, and why that may be.
fn first_process() -> String {
    const INITS: &[&str] = &["docker-init", "tini", "catatonit", "dumb-init", "podman-init", "init"];
    let name = std::fs::read("/proc/1/comm").unwrap_or_default();
    let name = diag::show(name.trim_ascii_end());
    match name.as_str() {
        "" => "of the container engine".to_owned(),
        "pause" => "pause (a pod with a shared pid namespace)".to_owned(),
        "systemd" => "systemd (the pid namespace of the machine)".to_owned(),
        name if INITS.contains(&name) => format!("{name} (the container engine's own init)"),
        name => name.to_owned(),
    }
}

/// S6_WAIT_FOR_CLOSING_FD: the engine closes that descriptor when the container may begin.
fn wait_for_closing_fd(env: &Env) {
    let number = Settings::of_container(env).number(S6_WAIT_FOR_CLOSING_FD);
    let Some(number) = i32::try_from(number).ok().filter(|n| *n >= 3 && sys::fd::is_open(*n)) else { return };
    // A container that is told to stop before it may begin has nothing to wait for.
    let stop = SignalFd::new(&signal::Set::of(&STOPS)).ok();
    let mut buffer = [0; 64];
    let closed = |fd: BorrowedFd<'_>| loop {
        let mut fds = vec![PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        fds.extend(stop.as_ref().map(|stop| PollFd::new(stop, PollFlags::IN)));
        clock::poll_until(&mut fds, None)?;
        if fds.get(1).is_some_and(|stop| !stop.revents().is_empty()) {
            return Ok(());
        }
        match rustix::io::read(fd, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::AGAIN | Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    };
    if let Err(e) = sys::fd::with(number, closed) {
        diag::warn(TOOL.name, &format!("unable to wait for descriptor {number}: {}", sys::strerror(e)));
    }
    sys::fd::close(number);
}

/// Goes on through the setuid program, which prepares /run as root and comes back as this user.
fn ask_for_root(call: &mut Call) -> Outcome {
    let words = [SUEXEC, &format!(" {PREINIT}"), "", STAGE0].map(|w| w.as_bytes().to_vec());
    let argv = words.into_iter().chain(call.take_args()).collect();
    Next::run(argv, call.take_env())
}

/// Saves what the container was started with; the environment that everything in it gets.
fn save(call: &Call, workdir: &[u8]) -> Result<Env, Fatal> {
    if !contenv::is_kept(&call.env) {
        for skipped in contenv::store(&call.env).or_unable(|| "save the container's environment")? {
            let (name, reason) = (diag::show(&skipped.name), sys::strerror(skipped.reason));
            call.warn(&format!(
                "the variable {name} can't be a file of the container's environment: {reason}"
            ));
        }
    }
    let env = children_env(&call.env);
    exit_code::reset().or_unable(|| "make the file for the exit code")?;
    let text = [workdir, b"\n"].concat();
    files::write_file(CWD, WORKDIR.as_bytes(), &text, Permissions::LessUmask(0o644))
        .or_unable(|| format!("write {WORKDIR}"))?;
    make_basedir()?;
    sys::fs::symlink(SCANDIR, OLD_SCANDIR).or_unable(|| format!("make {OLD_SCANDIR}"))?;
    Ok(env)
}

/// `halt` and its relatives, where everybody knows them.
fn make_basedir() -> Result<(), Fatal> {
    let bin = format!("{BASEDIR}/bin");
    for folder in [BASEDIR, &bin] {
        sys::fs::mkdir(folder, Mode::from(0o755)).or_unable(|| format!("make {folder}"))?;
    }
    let own =
        sys::fs::readlink("/proc/self/exe", Vec::new()).map_or_else(|_| BINARY.into(), |p| p.into_bytes());
    for name in ["halt", "poweroff", "reboot", "shutdown", "telinit"] {
        sys::fs::symlink(own.as_slice(), format!("{bin}/{name}"))
            .or_unable(|| format!("make {bin}/{name}"))?;
    }
    Ok(())
}

fn make_fifo() -> Result<OwnedFd, Fatal> {
    sys::fs::mknodat(CWD, FIFO, FileType::Fifo, Mode::from(0o600), 0).or_unable(|| format!("make {FIFO}"))?;
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    sys::fs::openat(CWD, FIFO, flags, Mode::empty()).or_unable(|| format!("open {FIFO}"))
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
/// standard input instead.
fn take_terminal(call: &mut Call, relays_command: bool) -> Result<Boot, Fatal> {
    let stdin = sys::fd::duplicate(0, 3).or_unable(|| "keep standard input")?;
    let terminal = (0..3).find(|n| sys::fd::with(*n, |fd| Ok(rustix::termios::isatty(fd))) == Ok(true));
    let null = sys::fs::open("/dev/null", OFlags::RDONLY, Mode::empty()).or_unable(|| "open /dev/null")?;
    sys::fd::place(null, 0).or_unable(|| "replace standard input")?;
    let terminal = terminal.map(|n| if n == 0 { stdin_number(&stdin) } else { n });
    Ok(Boot { stdin, command: call.take_args(), terminal, relays_command })
}

fn stdin_number(stdin: &OwnedFd) -> i32 {
    use std::os::fd::AsRawFd;
    stdin.as_raw_fd()
}

/// The end: by reboot(2) where it was asked for and may be, else with the code that stands for it.
fn finish(how: How, first: bool, sync: bool) -> u8 {
    if sync {
        rustix::fs::sync();
    }
    let signal = match how {
        How::Halt => {
            let text = exit_code::read();
            return exit_code::parse(&text).unwrap_or_else(|| {
                diag::warn("init", &format!("the exit code file holds no number: {}", diag::show(&text)));
                100
            });
        }
        How::PowerOff => INT,
        How::Reboot => HUP,
    };
    if first && how.reboot() != Err(Errno::PERM) {
        // Only a kernel that doesn't know the request gets here.
        diag::warn("init", "reboot(2) had no effect");
    }
    u8::try_from(signal.saturating_add(128)).unwrap_or(111)
}
