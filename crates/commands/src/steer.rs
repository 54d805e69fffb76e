//! What `s6-overlay start`, `stop`, `restart` and `reload` do: services by name, with what they need and what needs them.
//!
//! s6-rc's engine, as a library, changes what it manages.  Services that it doesn't know, as those of services.d, and daemons
//! that are restarted alone are told through their control FIFOs.
//!
//! Circle: what all parts share, the live state, whose turn it is and where daemons are, stands here, above the command that uses
//! the parts.

mod access;
mod daemon;
pub(crate) mod definitions;
mod names;
mod outcome;
mod plan;
pub(crate) mod reload;
pub(crate) mod scale;

pub(crate) use plan::Deed;

use crate::status::TIMED_OUT;
use daemon::Daemon;
use names::{Selected, select};
use outcome::Outcomes;
use overlay::layout::{EXAMINED, LEGACY_SERVICES, LIVE, SCANDIR, SHUTDOWND};
use overlay::legacy::scripts;
use overlay::limits::START_REMINDER;
use plan::{Plan, Standing};
use rustix::fs::{Access, CWD};
use s6_rc::change::change;
use s6_rc::change_options::ChangeOptions;
use s6_rc::changed::End;
use s6_rc::condition::Examined;
use s6_rc::database::{Body, Database, Id};
use s6_rc::direction::Direction;
use s6_rc::interrupts::Interrupts;
use s6_rc::live::{Live, Lock};
use supervision::{board::BOARD, by_hand};
use sys::process::{Fork, fork};
use sys::signal::{self, Set};
use tool::clock::{self, Moment};
use tool::diag::shown;
use tool::path::join;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome};

/// `--timeout` of a command that waits.
pub(crate) const TIMEOUT: Opt =
    Opt::value('t', "ms", "give up after this many milliseconds, with code 99").long("timeout");

/// `--no-wait` of a command that waits.
pub(crate) const NO_WAIT: Opt =
    Opt::flag('n', "go on in the background, and say nothing of the result").long("no-wait");

/// `--dependents` of a command that stops services.
pub(crate) const DEPENDENTS: Opt = Opt::flag('d', "also what needs these services").long("dependents");

/// How a deed is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// What.
    pub(crate) deed: Deed,
    /// Also to what needs the services.
    pub(crate) with_dependents: bool,
    /// Without waiting for the result.
    pub(crate) in_background: bool,
    /// When to give up.
    pub(crate) deadline: Option<Moment>,
}

impl Wish {
    /// The wish of a command with these options.
    ///
    /// # Errors
    /// The time isn't a number of milliseconds: code 100.
    pub(crate) fn of(deed: Deed, options: &Options) -> Result<Self, Fatal> {
        Ok(Self {
            deed,
            with_dependents: options.has('d'),
            in_background: options.has('n'),
            deadline: clock::deadline(options.number('t')?),
        })
    }
}

/// Does a deed to the services that the operands of a command name, prints what has become of each, and gives the exit code.
///
/// # Errors
/// Code 1: services that weren't named would have to stop.  4: there is no such service.  99: the time was over before it could
/// begin.  100: no service is named.  111: the caller may not do it, or the system failed.
pub(crate) fn carry_out(call: &mut Call, wish: Wish) -> Outcome {
    let words = call.take_args();
    if words.is_empty() {
        return Err(Fatal::usage());
    }
    // Whoever may not do it is told before anything is waited for.
    let seen = look()?;
    let selected = select(seen.database(), &others(seen.database()), &absent, &words)?;
    access::check(&seen, &selected)?;
    drop(seen);

    let interrupts = Interrupts::trap()?;
    let mut live = take_turn(call, &interrupts, wish.deadline)?;
    // What was waited for may have been an update.
    let selected = select(live.database(), &others(live.database()), &absent, &words)?;
    let up = live.up();
    let there = Standing { database: live.database(), up: &up, legacy: &legacy() };
    let plan = Plan::new(wish.deed, there, &selected, wish.with_dependents);
    if !plan.dependents.is_empty() {
        let names = listed(&plan.dependents);
        if !wish.with_dependents {
            let (these, verb) = (listed(&words), if wish.deed == Deed::Stop { "stop" } else { "restart" });
            return Err(Fatal::new(
                1,
                format_args!(
                    "{these}: needed by {names}; nothing was changed (with --dependents they {verb}, too)"
                ),
            ));
        }
        call.info(format_args!("goes down, too, because it needs what is named: {names}"));
    }
    let deed = match wish.deed {
        Deed::Start => "start",
        Deed::Stop => "stop",
        Deed::Restart => "restart",
    };
    by_hand::note(&format!("{deed}: {}", listed(&words)));
    if wish.in_background && is_caller(call)? {
        // The lock is the other process's now.
        std::mem::forget(live);
        return Ok(Next::SUCCESS);
    }
    let work = Work { call, wish, interrupts: &interrupts };
    work.carry_out(&mut live, &plan, &selected, &up)
}

/// The live state as it is.
///
/// # Errors
/// There is none: code 111.
pub(crate) fn look() -> Result<Live, Fatal> {
    if sys::fs::access(LIVE, Access::EXISTS).is_err() {
        let text =
            format!("there is no {LIVE}: no container of s6-overlay has begun to start its services here");
        return Err(Fatal::new(111, text));
    }
    Live::open(LIVE.as_bytes(), Lock::Shared, false).map_err(|why| {
        // A board is there from the first moment on.
        let why = match sys::fs::access(BOARD, Access::EXISTS) {
            Ok(()) => why,
            Err(_) => why.and("; this container isn't ours, its own s6-svc and s6-rc steer it"),
        };
        why.with_code(111)
    })
}

/// Opens the live state for changes, when nothing else changes it.
///
/// # Errors
/// Code 99 when the time is over, 1 for an interruption; 111.
pub(crate) fn take_turn(
    call: &Call,
    interrupts: &Interrupts,
    deadline: Option<Moment>,
) -> Result<Live, Fatal> {
    let busy = || call.info("services are being started or stopped already: waiting for the end of that");
    let live = Live::open_within(LIVE.as_bytes(), deadline, interrupts.as_fd(), busy)?;
    live.ok_or_else(|| match deadline {
        Some(at) if at <= clock::now() => Fatal::new(TIMED_OUT, "timed out: nothing was changed"),
        _ => Fatal::new(1, "interrupted: nothing was changed"),
    })
}

/// Goes on in the background, in a process of its own; whether this is the one that was called, which is done.
fn is_caller(call: &Call) -> Result<bool, Fatal> {
    match fork().or_unable(|| "start a process")? {
        Fork::Parent(pid) => {
            call.info(format_args!("process {} does it", pid.as_raw_nonzero()));
            Ok(true)
        }
        Fork::Child => {
            leave_caller();
            Ok(false)
        }
    }
}

/// Leaves the terminal and the streams of the process that called.
fn leave_caller() {
    let _ = rustix::process::setsid();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    if let Ok(null) = sys::fs::open("/dev/null", flags, rustix::fs::Mode::empty()) {
        for number in 0..3 {
            let _ = sys::fd::copy(std::os::fd::AsRawFd::as_raw_fd(&null), number);
        }
    }
}

/// Names, for a message.
fn listed(names: &[Vec<u8>]) -> String {
    names.iter().map(|name| shown(name)).collect::<Vec<_>>().join(", ")
}

/// What was found out about the services that aren't in the container.
fn absent() -> Vec<Examined> {
    overlay::boot::conditions::read(EXAMINED.as_bytes())
}

/// The services of the scan directory that the database doesn't have.
pub(crate) fn others(database: &Database) -> Vec<Vec<u8>> {
    let shutdownd = SHUTDOWND.rsplit('/').next().unwrap_or_default();
    let own = [shutdownd, supervision::control::CATCH_ALL, supervision::control::PROBES];
    let mut names = files::names_at(CWD, SCANDIR.as_bytes()).unwrap_or_default();
    names.retain(|name| {
        !name.starts_with(b".")
            && database.atomics(name).is_none()
            && !own.iter().any(|own| own.as_bytes() == name)
    });
    names.sort_unstable();
    names
}

/// The services of services.d that are there.
fn legacy() -> Vec<Vec<u8>> {
    let mut names = scripts::list(LEGACY_SERVICES.as_bytes()).unwrap_or_default();
    names.retain(|name| sys::fs::access(join(SCANDIR.as_bytes(), name), Access::EXISTS).is_ok());
    names
}

/// Whether there is a service of services.d at all, be it up or down.
fn has_legacy() -> bool {
    scripts::list(LEGACY_SERVICES.as_bytes()).is_ok_and(|names| !names.is_empty())
}

/// The daemon of a longrun.
pub(crate) fn daemon_of(live: &Live, id: Id) -> Daemon {
    let service = live.database().service(id);
    let logger = match service.map(|service| &service.body) {
        Some(Body::Longrun { consumer: Some(consumer), .. }) => Some(live.servicedir(*consumer)),
        _ => None,
    };
    let limit = service.map(|service| service.timeout_up).filter(|ms| *ms != 0);
    Daemon { name: live.database().name(id).to_vec(), dir: live.servicedir(id), logger, limit }
}

/// The daemon of a service that s6-rc doesn't know.
pub(crate) fn other_daemon(name: &[u8]) -> Daemon {
    let dir = join(SCANDIR.as_bytes(), name);
    Daemon { name: name.to_vec(), logger: Some(join(&dir, b"log")), dir, limit: None }
}

/// A deed that is being done.
struct Work<'a> {
    call: &'a Call,
    wish: Wish,
    interrupts: &'a Interrupts,
}

impl Work<'_> {
    fn carry_out(&self, live: &mut Live, plan: &Plan, selected: &Selected, before: &[bool]) -> Outcome {
        let mut outcomes = Outcomes::default();
        if plan.down.contains(&true) {
            self.change(live, Direction::Down, &plan.down, &mut outcomes)?;
        }
        if outcomes.code() == 0 {
            let daemons = plan.daemons.iter().map(|id| daemon_of(live, *id));
            for daemon in daemons.chain(selected.others.iter().map(|name| other_daemon(name))) {
                self.tell(&daemon, &mut outcomes)?;
            }
            if plan.up.contains(&true) {
                self.change(live, Direction::Up, &plan.up, &mut outcomes)?;
            }
        }
        outcomes.add_changes(live, plan, selected, before);
        outcomes.print()
    }

    /// Has s6-rc's engine bring services up or down.
    fn change(
        &self,
        live: &mut Live,
        direction: Direction,
        list: &[bool],
        outcomes: &mut Outcomes,
    ) -> Result<(), Fatal> {
        let options = ChangeOptions {
            deadline: self.wish.deadline,
            remind: Some(START_REMINDER),
            ..self.interrupts.change_options(self.call, 1)
        };
        let changed = change(live, direction, list.to_vec(), &options)?;
        outcomes.ended(if changed.end == End::TimedOut { TIMED_OUT } else { changed.code() });
        Ok(())
    }

    /// Starts, stops or restarts a daemon alone.
    fn tell(&self, daemon: &Daemon, outcomes: &mut Outcomes) -> Result<(), Fatal> {
        // Nothing of s6-rc is in progress now, so the signals end this process as usual.
        let trapped = Set::of(&[signal::TERM, signal::INT]);
        let mask = signal::unblock(&trapped);
        let done = daemon.carry_out(self.wish.deed, self.wish.deadline);
        signal::set_mask(&mask);
        outcomes.add(daemon, done?);
        Ok(())
    }
}
