//! What an engine does to the system, and what it hears of it.
//!
//! [`Engine`](crate::engine::Engine) decides and knows nothing of processes, files and clocks;
//! [`Runner`](crate::runner::Runner) performs its decisions and contains none.  Tests of the engine perform them on paper.

use crate::database::Id;
use crate::failure::Failure;
use crate::report::Line;
use rustix::io::Errno;
use tool::Fatal;
use tool::clock::Moment;

/// How a transition began.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It is done already.
    Done,
    /// It is in progress; an [`Event`] will report its end.
    InProgress,
    /// It is in progress, but its supervisor's events can't be subscribed to, for this reason: only [`Effects::ask`]
    /// tells its end.
    Unheard(Errno),
    /// It can't begin now: descriptors or processes are short.  What it fails with if that doesn't change.
    NoRoom(Failure),
    /// It failed.
    Failed(Failure),
}

/// What happened while the engine waited.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The service is where it should be.
    Done(Id),
    /// The transition failed.
    Failed(Id, Failure),
    /// The script was not run: descriptors or processes are short.  What the transition fails with if that doesn't change.
    NoRoom(Id, Failure),
    /// The caller interrupted the change; comes at most once, and last.
    Interrupted,
}

/// The file `down` of a service directory could not be made or removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StaleDownFile {
    pub(crate) file: Vec<u8>,
    pub(crate) reason: Errno,
}

/// The effects of an engine.
pub(crate) trait Effects {
    /// The current moment.
    fn now(&self) -> Moment;

    /// How many transitions may be in progress at once: each takes a descriptor.
    fn room(&self) -> usize;

    /// Begins the transition of a service that is not internal.
    fn begin(&mut self, id: Id) -> Begun;

    /// Looks how the transition of a longrun stands, and sends its command again if the supervisor hasn't got it; its end,
    /// if it has ended.  A transition that has ended or failed is forgotten.
    fn ask(&mut self, id: Id) -> Option<Event>;

    /// Stops waiting for a transition, which no event reports any more.
    fn forget(&mut self, id: Id);

    /// Asks the script of a oneshot in progress to end.
    fn terminate(&mut self, id: Id);

    /// Tells the supervisor of a longrun, whose start failed, to bring it down.
    fn send_down(&mut self, id: Id);

    /// Makes the file `down` in the service directory of a longrun, or removes it.
    fn set_down_file(&mut self, id: Id, exists: bool) -> Result<(), StaleDownFile>;

    /// Writes into the live state that a service is up or down.  What can't be written is tried again the next time.
    fn set_up(&mut self, id: Id, up: bool) -> Result<(), Errno>;

    /// Writes what of the live state couldn't be written.
    fn settle(&mut self) -> Result<(), Fatal>;

    /// Waits for events, at most until this moment; may return none earlier.
    fn wait(&mut self, until: Option<Moment>) -> Result<Vec<Event>, Fatal>;

    /// How far the service of a transition in progress, whose time is over, has put off its end.
    fn put_off(&self, id: Id) -> Option<Moment>;

    /// What a transition in progress waits for.
    fn waits_for(&self, id: Id) -> String;

    /// What a transition in progress waits for, with the process that this depends on.
    fn explain(&self, id: Id) -> String;

    /// The command that does the same as the transition of a service, for a dry run.
    fn equivalent(&self, id: Id) -> Vec<u8>;

    /// Prints a line of the report.
    fn print(&self, line: &Line);

    /// Prints a line on standard output.
    fn output(&self, line: &[u8]) -> Result<(), Fatal>;
}
