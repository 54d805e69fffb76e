//! The start of all services: compiles the definitions and brings the bundle `top` up.

use crate::boot::omissions;
use crate::boot::sources::Sources;
use crate::environment::settings::{Behaviour, Settings};
use crate::environment::variables::{PATH, S6_BEHAVIOUR_IF_STAGE2_FAILS, S6_CMD_WAIT_FOR_SERVICES_MAXTIME};
use crate::layout::{DATABASE, LIVE, SCANDIR};
use crate::limits::START_REMINDER;
use crate::pid1::NAME;
use crate::stop::stage3::ENGINE;
use ipc::relay::Relay;
use rustix::event::{PollFd, PollFlags, Timespec};
use s6_rc::change::change;
use s6_rc::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use s6_rc::changed::{Changed, End};
use s6_rc::compile::{compile_with_bundles, print_report};
use s6_rc::direction::Direction;
use s6_rc::init::{self, Initialized};
use s6_rc::live::Live;
use s6_rc::reporter::Reporter;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;
use tool::{Env, Fatal, clock, diag};

/// The bundle of everything that a container starts.
const TOP: &[u8] = b"top";

/// The name under which definitions are reported.
const COMPILER: &str = "s6-rc-compile";

/// How the start ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    /// As far as it could: the CMD is next.
    Done,
    /// By a stop.
    Interrupted,
}

/// What starts the services.
pub(crate) struct Services<'a> {
    /// The environment that everything in the container gets.
    pub(crate) env: &'a Env,
    /// Readable once a stop was asked for.
    pub(crate) interrupt: BorrowedFd<'a>,
    /// Takes the output of oneshots, if there is a relay.
    pub(crate) relay: Option<Rc<Relay>>,
}

impl Services<'_> {
    /// Brings them up.
    ///
    /// # Errors
    /// The definitions are invalid: 1.  Something failed, and the container is to stop then: 1, or 2 for the deadline.
    pub(crate) fn bring_up(&self) -> Result<Started, Fatal> {
        let settings = Settings::new(self.env);
        let verbosity = settings.verbosity();
        compile(&settings, verbosity)?;
        let Some(mut live) = self.make_live()? else { return Ok(Started::Interrupted) };
        let limit = settings.limit(S6_CMD_WAIT_FOR_SERVICES_MAXTIME);
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
                    starter: Starter::ThisProcess(self.relay.clone()),
                    env: self.env,
                    path: self.env.get(PATH.bytes()),
                },
                interrupt: Some(self.interrupt),
                on_interrupt: OnInterrupt::FinishOneshots,
                remind: Some(START_REMINDER),
            },
        )?;
        if changed.end == End::Interrupted {
            return Ok(Started::Interrupted);
        }
        judge(&changed, limit, &settings, verbosity)?;
        Ok(Started::Done)
    }

    /// The live directory; `None` if a stop came meanwhile.
    fn make_live(&self) -> Result<Option<Live>, Fatal> {
        let options = init::Options {
            scandir: SCANDIR.as_bytes().to_vec(),
            compiled: DATABASE.as_bytes().to_vec(),
            live: LIVE.as_bytes().to_vec(),
            prefix: Vec::new(),
            timeout: None,
            block: false,
        };
        match init::init(&options, Some(self.interrupt)) {
            Err(_) if is_interrupted(self.interrupt) => Ok(None),
            Err(why) => Err(why),
            Ok(Initialized::New(live)) => Ok(Some(live)),
            Ok(_) => Err(Fatal::new(111, "another s6-rc manages the services of this container already")),
        }
    }
}

/// Compiles the definitions, and names what they seem to have left out.
fn compile(settings: &Settings<'_>, verbosity: u32) -> Result<(), Fatal> {
    let sources = Sources::find(settings);
    let report = compile_with_bundles(DATABASE.as_bytes(), &sources.directories, sources.implied)?;
    print_report(COMPILER, verbosity.saturating_sub(1), &report.diagnostics);
    let Some(database) = report.database else {
        return Err(Fatal::new(1, "the service definitions are invalid, so the container stops"));
    };
    if verbosity >= 2 {
        for line in omissions::find(&database, TOP, &settings.etc()) {
            diag::info(COMPILER, &line);
        }
    }
    Ok(())
}

/// What the result of the start means to the container.
fn judge(
    changed: &Changed,
    limit: Option<Duration>,
    settings: &Settings<'_>,
    verbosity: u32,
) -> Result<(), Fatal> {
    let (code, behaviour) = (changed.code(), settings.behaviour());
    if code == 0 {
        return Ok(());
    }
    let is_late = changed.end == End::TimedOut;
    let what = match limit.filter(|_| is_late) {
        Some(limit) => format!(
            "not all services were up when {S6_CMD_WAIT_FOR_SERVICES_MAXTIME} ({} ms) was over",
            limit.as_millis()
        ),
        None => "not all services could be started".to_owned(),
    };
    match behaviour {
        Behaviour::Stop => {
            let value = settings.number(S6_BEHAVIOUR_IF_STAGE2_FAILS);
            let text = format!("{what}, so the container stops: {S6_BEHAVIOUR_IF_STAGE2_FAILS} is {value}");
            return Err(Fatal::new(code, text));
        }
        Behaviour::Warn => diag::warn(NAME, &what),
        Behaviour::GoOn if is_late && verbosity >= 1 => diag::warn(NAME, &what),
        Behaviour::GoOn => {}
    }
    Ok(())
}

/// Whether SIGTERM has come.
pub(crate) fn is_interrupted(fd: BorrowedFd<'_>) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&now)) == Ok(1)
}
