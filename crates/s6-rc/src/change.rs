//! Changing the live state: services up, down, exactly so, or reloaded.
//!
//! Failures of services are values in the result; the caller decides what they mean to it.

use crate::database::Id;
use crate::engine::Engine;
use crate::live::Live;
use crate::longrun::Trouble;
use crate::oneshot::Answer;
use crate::plan::{Direction, Plan};
use ipc::relay::Relay;
use rustix::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;
use sys::process::Ended;
use tool::clock::Moment;
use tool::{Call, Env, Fatal, diag::show, exec_failure};

/// Where oneshots' scripts run.
#[derive(Debug, Clone)]
pub enum Oneshots {
    /// As children of this process, in this environment.  Their output goes to the relay, if there is one; else they
    /// have this process's standard streams.  Whatever other children it has are reaped, too, while a change is on its
    /// way.
    Direct(Env, Option<Rc<Relay>>),
    /// By the host of the scan directory, in its environment and with this process's standard streams; as children
    /// where no host offers that.
    Host,
}

/// What an interruption does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInterrupt {
    /// Waits for the oneshots that are on their way, so that their state is known.
    FinishOneshots,
    /// Sends SIGTERM to the oneshots that are on their way, and returns.
    Abandon,
}

/// How a change is to be made.
#[derive(Clone)]
pub struct Options<'a> {
    /// In whose name messages are printed, and whose PATH scripts are looked up in.
    pub call: &'a Call,
    /// Stops essential services too.
    pub force: bool,
    /// When to give up.
    pub deadline: Option<Moment>,
    /// 0: silent; 1: failures; 2: transitions; 3: services that are where they should be.
    pub verbosity: u32,
    /// Only prints what would be run; each transition takes this many milliseconds.
    pub dry_run: Option<u32>,
    /// Where scripts run.
    pub oneshots: Oneshots,
    /// Ends the change early when this can be read.
    pub interrupt: Option<BorrowedFd<'a>>,
    /// What that does.
    pub on_interrupt: OnInterrupt,
    /// After so long without progress, and from then on ever less often, it says what it waits for; `None`: never.
    pub remind: Option<Duration>,
}

/// Why a service did not get where it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Its script exited with this code, not 0.
    Exited(u8),
    /// Its script died of this signal.
    Killed(u8),
    /// Its script or its supervisor could not be used.
    Unable(String),
    /// It took longer than its time-out allows.
    TimedOut {
        /// The time-out in milliseconds.
        after: u32,
        /// What it was waiting for.
        waited_for: String,
    },
    /// It failed for good: `finish` exited 125.
    Permanent,
    /// The change was interrupted.
    Interrupted,
}

impl Failure {
    /// Why a longrun's transition failed.
    pub(crate) fn of_trouble(trouble: Trouble) -> Self {
        match trouble {
            Trouble::NotSupervised => Self::Unable("no supervisor runs on its service directory".into()),
            Trouble::Permanent => Self::Permanent,
            Trouble::NoDescriptors => Self::Unable("no descriptors are left".into()),
            Trouble::Failed(e) => Self::Unable(format!("its supervisor can't be used: {}", sys::strerror(e))),
        }
    }

    /// Why the end of a script, of this command line, is a failure; `None` if it isn't.
    pub(crate) fn of_answer(answer: Answer, argv: &[Vec<u8>]) -> Option<Self> {
        match answer {
            Answer::Ended(Ended::Exited(0)) => None,
            Answer::Ended(Ended::Exited(code)) => Some(Self::Exited(code)),
            Answer::Ended(Ended::Killed(signal)) => Some(Self::Killed(signal)),
            Answer::NotRun(e) => {
                let program = argv.first().map_or(&[][..], Vec::as_slice);
                let why = exec_failure::explain_word(program, e);
                Some(Self::Unable(format!("{} could not be run: {why}", show(program))))
            }
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "command exited {code}"),
            Self::Killed(signal) => write!(f, "command crashed with signal {signal}"),
            Self::Unable(text) => f.write_str(text),
            Self::TimedOut { after, waited_for } => {
                write!(f, "timed out after {after} ms, waiting for {waited_for}")
            }
            Self::Permanent => f.write_str("permanent failure, its finish script exited 125"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// How a change came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing is left to do, or nothing that could be done.
    Done,
    /// The deadline passed.
    TimedOut,
    /// The caller interrupted it.
    Interrupted,
}

/// What a change did.
#[derive(Debug)]
pub struct Changed {
    /// How it ended.
    pub end: End,
    /// Transitions that failed.
    pub failures: Vec<(Id, Failure)>,
    /// Transitions that were on their way at the end, and what they were waiting for.
    pub unfinished: Vec<(Id, String)>,
}

impl Changed {
    /// The exit code of a command that made this change: 0, 1 for failures, 2 for the deadline.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self.end {
            End::TimedOut => 2,
            End::Interrupted => 1,
            End::Done => u8::from(!self.failures.is_empty()),
        }
    }
}

/// Brings the selected services, with all that they need or that needs them, up or down.
///
/// # Errors
/// The engine itself can't go on: code 111.  Failures of services are in the result.
pub fn change(
    live: &mut Live,
    direction: Direction,
    mut selected: Vec<bool>,
    options: &Options<'_>,
) -> Result<Changed, Fatal> {
    live.database().close(&mut selected, direction == Direction::Up);
    if options.verbosity >= 3 {
        let word = if direction == Direction::Up { "up" } else { "down" };
        options.call.info(&format!("bringing selected services {word}"));
    }
    let database = live.database_handle();
    let plan = Plan::new(&database, direction, live.up(), selected, options.force);
    Engine::new(live, options, plan)?.run()
}

/// Brings exactly the selected services and what they need up, and everything else down; downwards, stops the selected
/// ones and what needs them, and starts all others.
///
/// # Errors
/// As [`change`].
pub fn prune(
    live: &mut Live,
    direction: Direction,
    mut selected: Vec<bool>,
    options: &Options<'_>,
) -> Result<Changed, Fatal> {
    live.database().close(&mut selected, direction == Direction::Up);
    let invert = |list: &[bool]| list.iter().map(|s| !s).collect::<Vec<_>>();
    let (down, up) = match direction {
        Direction::Up => (invert(&selected), selected),
        Direction::Down => (selected.clone(), invert(&selected)),
    };
    let changed = change(live, Direction::Down, down, options)?;
    if changed.code() != 0 {
        return Ok(changed);
    }
    change(live, Direction::Up, up, options)
}

/// Reloads services: a longrun gets its reload signal, a oneshot's reload script is run.
///
/// # Errors
/// Code 1 if one of them isn't up; as [`change`].
pub fn reload(live: &mut Live, selected: &[bool], options: &Options<'_>) -> Result<Changed, Fatal> {
    let ids: Vec<Id> = (0..).zip(selected).filter(|(_, s)| **s).map(|(id, _)| id).collect();
    if let Some(down) = ids.iter().find(|id| !live.is_up(**id)) {
        let name = show(live.database().name(*down));
        return Err(Fatal::new(1, format!("unable to reload service {name}: it is not up")));
    }
    let database = live.database_handle();
    let none = vec![false; database.len()];
    let plan = Plan::new(&database, Direction::Up, live.up(), none, false);
    let mut engine = Engine::new(live, options, plan)?;
    engine.reload(&ids);
    engine.run()
}
