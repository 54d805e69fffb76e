//! Stage 2, in a child of the first process: brings the services up, and becomes the CMD.
//!
//! The child is called with the number of a descriptor, the one of the relay's socket or a negative number, 1 if the
//! CMD's output is relayed, too, or 0, and the CMD.  Just before it becomes the CMD it writes a byte to the first.
//! SIGTERM before that moment means: start nothing more, let what runs finish, exit.

use crate::boot::omissions;
use crate::child;
use crate::environment::settings::{Settings, split_words};
use crate::layout::{DATABASE, LIVE, SCANDIR, SOURCES, WORKDIR};
use crate::relay;
use ipc::relay::{Relay, STREAMS};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};
use rustix::io::Errno;
use s6_rc::change::change;
use s6_rc::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use s6_rc::changed::End;
use s6_rc::compile::{compile_with_bundles, print_report};
use s6_rc::direction::Direction;
use s6_rc::init::{self, Initialized};
use s6_rc::reporter::Reporter;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Duration;
use sys::signal::{Set, SignalFd, TERM, set_mask};
use tool::clock;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool, diag, exec_failure};
use wire::number;

/// The bundle of everything that a container starts.
const TOP: &[u8] = b"top";

/// How long a start may stand still before it says what it waits for; preparing data may well take long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bundles that images fill.  In their old place, beside the services, they often lack a `type`, and the second one is
/// often missing: there they are bundles all the same.
const USER_BUNDLES: &[&[u8]] = &[b"user", b"user2"];

/// Not in the table: nobody calls it by name.
pub static TOOL: Tool = Tool {
    name: "init",
    summary: "bring the services up and become the CMD",
    operands: "fd fd relayed cmd...",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let notice = number::decimal::<i32>(&call.shift()?).ok_or_else(Fatal::usage)?;
    let relay = inherited(&call.shift()?)?;
    let relayed = call.shift()? == b"1";
    let interrupt = SignalFd::new(&Set::of(&[TERM])).or_unable(|| "make a signal descriptor")?;
    if is_interrupted(interrupt.as_fd()) {
        return Ok(Next::SUCCESS);
    }
    run_hook(call, relay.as_deref())?;
    if is_interrupted(interrupt.as_fd()) || !bring_up(call, interrupt.as_fd(), relay.clone())? {
        return Ok(Next::SUCCESS);
    }
    become_command(call, notice, relay.filter(|_| relayed))
}

/// The relay behind the socket of this number; none if it is negative.
pub(crate) fn inherited(number: &[u8]) -> Result<Option<Rc<Relay>>, Fatal> {
    let Some(number) = number::decimal::<i32>(number).filter(|number| *number >= 0) else { return Ok(None) };
    let socket = sys::fd::own(number).or_unable(|| "find the relay's socket")?;
    Ok(Some(Rc::new(Relay::from(socket))))
}

fn is_interrupted(fd: BorrowedFd<'_>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&now)) == Ok(1)
}

/// Runs S6_STAGE2_HOOK, split into words.
fn run_hook(call: &Call, relay: Option<&Relay>) -> Result<(), Fatal> {
    let settings = Settings::new(&call.env);
    let Some(hook) = settings.text("S6_STAGE2_HOOK") else { return Ok(()) };
    let words = split_words(&hook);
    if words.is_empty() {
        return Ok(());
    }
    let shown = diag::show(&hook);
    let pipes = relay.and_then(|relay| relay.pipes(relay::HOOK, &STREAMS).ok()).unwrap_or_default();
    let fds: Vec<_> = pipes.iter().map(|(fd, number)| (fd.as_fd(), *number)).collect();
    let code = child::run(&words, &call.env, &fds).unwrap_or_else(|e| {
        let why = exec_failure::explain_word(words.first().map_or(&[], Vec::as_slice), e);
        call.warn(&format!("unable to run the hook {shown}: {why}"));
        child::failure_code(e)
    });
    drop(pipes);
    let verbosity = settings.verbosity();
    if code != 0 && settings.behaviour() >= 2 {
        return Err(Fatal::new(code, format!("the hook {shown} exited {code}, so the container stops")));
    }
    if code != 0 && verbosity >= 1 {
        call.warn(&format!("the hook {shown} exited {code}"));
    } else if verbosity >= 2 {
        call.info(&format!("the hook {shown} exited {code}"));
    }
    Ok(())
}

/// Compiles the definitions and brings the bundle `top` up; `false` if that was interrupted.
fn bring_up(call: &Call, interrupt: BorrowedFd<'_>, relay: Option<Rc<Relay>>) -> Result<bool, Fatal> {
    let settings = Settings::new(&call.env);
    let verbosity = settings.verbosity();
    let (sources, implied) = sources(call, &settings);
    let report = compile_with_bundles(DATABASE.as_bytes(), &sources, implied)?;
    print_report("s6-rc-compile", verbosity.saturating_sub(1), &report.diagnostics);
    let Some(database) = report.database else {
        return Err(Fatal::new(1, "the service definitions are invalid, so the container stops"));
    };
    if verbosity >= 2 {
        for line in omissions::find(&database, TOP, &settings.etc()) {
            diag::info("s6-rc-compile", &line);
        }
    }
    let options = init::Options {
        scandir: SCANDIR.as_bytes().to_vec(),
        compiled: DATABASE.as_bytes().to_vec(),
        live: LIVE.as_bytes().to_vec(),
        prefix: Vec::new(),
        timeout: None,
        block: false,
    };
    let live = match init::init(&options, Some(interrupt)) {
        Err(_) if is_interrupted(interrupt) => return Ok(false),
        done => done?,
    };
    let Initialized::New(mut live) = live else {
        return Err(Fatal::new(111, "another s6-rc manages the services of this container already"));
    };
    let limit = settings.limit("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", 0);
    let selected = live.select(&[TOP.to_vec()])?;
    let changed = change(
        &mut live,
        Direction::Up,
        selected,
        &ChangeOptions {
            reporter: Reporter { name: ENGINE, verbosity },
            force: false,
            deadline: limit.map(|l| clock::now().saturating_add(l)),
            dry_run: None,
            oneshots: Oneshots {
                starter: Starter::ThisProcess(relay),
                env: &call.env,
                path: call.path.as_deref(),
            },
            interrupt: Some(interrupt),
            on_interrupt: OnInterrupt::FinishOneshots,
            remind: Some(PATIENCE),
        },
    )?;
    if changed.end == End::Interrupted {
        return Ok(false);
    }
    let (code, behaviour) = (changed.code(), settings.behaviour());
    let is_late = changed.end == End::TimedOut;
    let what = match limit.filter(|_| is_late) {
        Some(limit) => format!(
            "not all services were up when S6_CMD_WAIT_FOR_SERVICES_MAXTIME ({} ms) was over",
            limit.as_millis()
        ),
        None => "not all services could be started".to_owned(),
    };
    if code != 0 && behaviour >= 2 {
        let text = format!("{what}, so the container stops: S6_BEHAVIOUR_IF_STAGE2_FAILS is {behaviour}");
        return Err(Fatal::new(code, text));
    }
    if code != 0 && (behaviour > 0 || is_late && verbosity >= 1) {
        call.warn(&what);
    }
    Ok(true)
}

/// The name under which changes of services are reported.
pub(crate) const ENGINE: &str = "s6-rc";

fn is_folder(path: &[u8]) -> bool {
    let stat = sys::fs::statat(CWD, path, AtFlags::empty());
    stat.is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory)
}

/// The source directories: the image's services, its user bundles, and the overlay's own; and the bundles that need not
/// be whole.
fn sources(call: &Call, settings: &Settings<'_>) -> (Vec<Vec<u8>>, &'static [&'static [u8]]) {
    let image = [&settings.etc()[..], b"/s6-overlay"].concat();
    let services = [&image[..], b"/s6-rc.d"].concat();
    let bundles = [&image[..], b"/user-bundles.d"].concat();
    if is_folder(&[&services[..], b"/user"].concat()) {
        if settings.verbosity() >= 1 {
            let shown = diag::show(&image);
            call.warn(&format!(
                "user bundles in {shown}/s6-rc.d are deprecated, put them into {shown}/user-bundles.d"
            ));
        }
        let mut all = vec![services, SOURCES.as_bytes().to_vec()];
        // A package may have brought its services into the new place.
        if is_folder(&bundles) {
            all.push(bundles);
        }
        return (all, USER_BUNDLES);
    }
    let bundles = settings.text("S6_RUNTIME_BUNDLEDIR").unwrap_or(bundles);
    (vec![services, bundles, SOURCES.as_bytes().to_vec()], &[])
}

/// S6_CMD_USE_TERMINAL: the CMD's output goes to the terminal that its input comes from, not to a log.
fn use_terminal() {
    if !rustix::termios::isatty(rustix::stdio::stdin()) {
        return;
    }
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    let opened = sys::fs::openat(CWD, "/proc/self/fd/0", flags, Mode::empty());
    let _ = opened.and_then(|tty| sys::fd::place(tty, 1)).and_then(|()| sys::fd::copy(1, 2));
}

/// S6_LOG_CMD: sends this process's output, which becomes the CMD's, to the relay.
fn relay_output(relay: &Relay) -> Result<(), Errno> {
    for (pipe, number) in relay.pipes(relay::COMMAND, &STREAMS)? {
        sys::fd::place(pipe, number)?;
    }
    // The relay gives this process's own lines their form, too.
    relay::speak(None);
    Ok(())
}

/// Goes on to the CMD, in the container's working directory; without one this child has done its work.
fn become_command(call: &mut Call, notice: i32, relay: Option<Rc<Relay>>) -> Outcome {
    let mut argv = Settings::new(&call.env).words("S6_CMD_ARG0");
    let command = call.take_args();
    if command.is_empty() {
        return Ok(Next::SUCCESS);
    }
    argv.extend(command);
    let workdir = std::fs::read(WORKDIR).or_unable(|| format!("read {WORKDIR}"))?;
    let workdir = workdir.strip_suffix(b"\n").unwrap_or(&workdir);
    rustix::process::chdir(workdir).or_unable_to("change to the working directory", workdir)?;
    if Settings::new(&call.env).switch("S6_CMD_USE_TERMINAL") {
        use_terminal();
    }
    if let Some(relay) = relay {
        relay_output(&relay).or_unable(|| "relay the command's output")?;
    }
    let _ = sys::fd::with(notice, |fd| rustix::io::write(fd, b"C"));
    set_mask(&Set::empty());
    let env = call.take_env();
    Next::run(child::with_interpreter(argv, &env), env)
}
