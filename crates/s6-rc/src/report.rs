//! What a change reports about itself, as values: the texts, and the verbosity from which each is printed.

use crate::direction::Direction;
use crate::failure::Failure;
use crate::shortage::SHORTAGE_LIMIT;
use crate::work::Work;
use std::time::Duration;
use tool::diag::{show, shown};

/// How many services one message or one round of reminders names.
pub(crate) const NAMED: usize = 8;

/// How serious a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Warning,
    Info,
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) text: String,
}

impl Line {
    pub(crate) fn warning(text: String) -> Self {
        Self { level: Level::Warning, text }
    }
}

/// One thing to report.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Report<'a> {
    /// The change begins.
    Bringing(Direction),
    /// A transition begins.
    Beginning { name: &'a [u8] },
    /// A transition has ended well.
    Succeeded { name: &'a [u8] },
    /// A transition has failed.
    Failed { name: &'a [u8], failure: &'a Failure },
    /// A service is where it should be, and nothing is done.
    Already { name: &'a [u8] },
    /// An essential service is not stopped.
    Essential { name: &'a [u8] },
    /// The time was over while a transition was in progress.
    OutOfTime { name: &'a [u8], waits_for: &'a str },
    /// Services that a failure keeps from their transition; not empty.
    KeptBack { names: &'a [&'a [u8]] },
    /// The caller interrupted the change.
    Interrupted,
    /// A transition is still in progress after a while without progress.
    StillWaiting { name: &'a [u8], quiet: Duration, why: &'a str, is_slow_normal: bool },
    /// So many more transitions are still in progress.
    StillWaitingForMore { count: usize },
    /// The file `down` of a service directory could not be brought up to date.
    StaleDownFile { file: &'a [u8], reason: &'a str },
    /// So many more of these files could not be, either.
    MoreStaleDownFiles { count: usize },
    /// The live state could not be written.
    StaleState { reason: &'a str },
    /// A transition can't begin now, and is tried again.
    NoRoom { name: &'a [u8], failure: &'a Failure },
    /// The events of a supervisor can't be subscribed to.
    Unheard { name: &'a [u8], reason: &'a str },
}

/// What the texts depend on beside the thing that is reported.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    pub(crate) verbosity: u32,
    pub(crate) work: Work,
    pub(crate) is_dry_run: bool,
}

impl Report<'_> {
    /// The verbosity from which it is printed.
    fn least_verbosity(&self) -> u32 {
        match self {
            Self::Failed { .. }
            | Self::Essential { .. }
            | Self::OutOfTime { .. }
            | Self::KeptBack { .. }
            | Self::StaleDownFile { .. }
            | Self::MoreStaleDownFiles { .. }
            | Self::StaleState { .. }
            | Self::NoRoom { .. }
            | Self::Unheard { .. } => 1,
            Self::Beginning { .. } | Self::Succeeded { .. } | Self::Interrupted => 2,
            Self::Bringing(_) | Self::Already { .. } => 3,
            Self::StillWaiting { is_slow_normal, .. } => reminder_verbosity(*is_slow_normal),
            // Comes after a `StillWaiting`.
            Self::StillWaitingForMore { .. } => 0,
        }
    }

    fn level(&self) -> Level {
        match self {
            Self::Failed { .. }
            | Self::Essential { .. }
            | Self::OutOfTime { .. }
            | Self::KeptBack { .. }
            | Self::StaleDownFile { .. }
            | Self::MoreStaleDownFiles { .. }
            | Self::StaleState { .. }
            | Self::NoRoom { .. }
            | Self::Unheard { .. }
            | Self::Interrupted
            | Self::StillWaiting { is_slow_normal: false, .. } => Level::Warning,
            Self::Beginning { .. }
            | Self::Succeeded { .. }
            | Self::Bringing(_)
            | Self::Already { .. }
            | Self::StillWaiting { is_slow_normal: true, .. }
            | Self::StillWaitingForMore { .. } => Level::Info,
        }
    }

    fn text(&self, context: Context) -> String {
        let words = context.work.words();
        let (verb, doing) = (words.verb, words.present);
        let dry = |text: &'static str| if context.is_dry_run { text } else { "" };
        match self {
            Self::Bringing(Direction::Up) => "bringing selected services up".to_owned(),
            Self::Bringing(Direction::Down) => "bringing selected services down".to_owned(),
            Self::Beginning { name } => format!("{}service {}: {doing}", dry("dry run: "), show(name)),
            Self::Succeeded { name } => {
                format!("{}service {} successfully {}", dry("dry run: "), show(name), words.past)
            }
            Self::Already { name } => {
                let state = if context.work == Work::Start { "up" } else { "down" };
                format!("{}service {}: already {state}", dry("dry run: "), show(name))
            }
            Self::Failed { name, failure } => {
                format!("unable to {}{verb} service {}: {failure}", dry("(dry run) "), show(name))
            }
            Self::Essential { name } => {
                format!("service {} is marked as essential, not stopping it", show(name))
            }
            Self::OutOfTime { name, waits_for } => {
                format!("out of time to {verb} service {}: it was waiting for {waits_for}", show(name))
            }
            Self::KeptBack { names } => kept_back(names, context.work),
            Self::Interrupted => "interrupted: beginning nothing more".to_owned(),
            Self::StillWaiting { name, quiet, why, .. } => {
                format!("still {doing} service {} after {} s: {why}", show(name), quiet.as_secs())
            }
            Self::StillWaitingForMore { count } => format!("still {doing} {count} more services"),
            Self::StaleDownFile { file, reason } => {
                let verb = if context.work == Work::Start { "unlink" } else { "touch" };
                format!("unable to {verb} {}: {reason}", show(file))
            }
            Self::MoreStaleDownFiles { count } => {
                let verb = if context.work == Work::Start { "unlink" } else { "touch" };
                format!("unable to {verb} more such files: {count}")
            }
            Self::StaleState { reason } => {
                format!("unable to write the state of the services, which is tried again: {reason}")
            }
            Self::NoRoom { name, failure } => {
                let limit = SHORTAGE_LIMIT.as_secs();
                format!("unable to {verb} service {} now, trying again for {limit} s: {failure}", show(name))
            }
            Self::Unheard { name, reason } => {
                let name = show(name);
                format!(
                    "unable to subscribe to the events of service {name}, reading its status instead: {reason}"
                )
            }
        }
    }

    /// The line to print; `None` if the verbosity is too low for it.
    pub(crate) fn line(&self, context: Context) -> Option<Line> {
        (context.verbosity >= self.least_verbosity())
            .then(|| Line { level: self.level(), text: self.text(context) })
    }
}

fn kept_back(names: &[&[u8]], work: Work) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMED).map(|name| shown(name)).collect();
    if names.len() > NAMED {
        shown.push(format!("and {} more", names.len() - NAMED));
    }
    let what = if work == Work::Start {
        "not started, because they need what failed"
    } else {
        "not stopped, because what failed to stop needs them"
    };
    format!("{what}: {}", shown.join(", "))
}

/// The verbosity from which reminders are printed.
///
/// Services may well take some time to start; a start that takes very long, a stop or an interruption is worth a warning.
pub(crate) fn reminder_verbosity(is_slow_normal: bool) -> u32 {
    if is_slow_normal { 2 } else { 1 }
}

#[cfg(test)]
mod tests;
