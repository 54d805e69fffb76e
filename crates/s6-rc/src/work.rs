//! What a change does to services: the facts about starting, stopping and reloading, each in one place.

use crate::database::Service;
use crate::direction::Direction;
use crate::oneshot::Script;
use wire::control::Command;

/// What is being done to services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Start,
    Stop,
    Reload,
}

/// How messages call the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    /// What is to be done.
    pub(crate) verb: &'static str,
    /// What is happening.
    pub(crate) present: &'static str,
    /// What has happened.
    pub(crate) past: &'static str,
}

impl Work {
    /// The work of a change in this direction.
    pub(crate) fn of(direction: Direction) -> Self {
        match direction {
            Direction::Up => Self::Start,
            Direction::Down => Self::Stop,
        }
    }

    /// How messages call it.
    pub(crate) fn words(self) -> Words {
        let (verb, present, past) = match self {
            Self::Start => ("start", "starting", "started"),
            Self::Stop => ("stop", "stopping", "stopped"),
            Self::Reload => ("reload", "reloading", "reloaded"),
        };
        Words { verb, present, past }
    }

    /// The script of a oneshot that does it.
    pub(crate) fn script(self) -> Script {
        match self {
            Self::Start => Script::Up,
            Self::Stop => Script::Down,
            Self::Reload => Script::Reload,
        }
    }

    /// The command that makes a longrun's supervisor do it.
    pub(crate) fn command(self) -> Command {
        match self {
            Self::Start => Command::Up,
            Self::Stop => Command::Down,
            Self::Reload => Command::Reload,
        }
    }

    /// How long it may take, in milliseconds; 0 for no limit.
    pub(crate) fn timeout(self, service: &Service) -> u32 {
        match self {
            Self::Start => service.timeout_up,
            Self::Stop => service.timeout_down,
            Self::Reload => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Words, Work};
    use crate::database::Service;
    use crate::direction::Direction;
    use crate::oneshot::Script;

    #[test]
    fn each_work_has_its_words_script_command_and_time_out() {
        let service = Service { timeout_up: 11, timeout_down: 22, ..Service::default() };
        let row = |work: Work| {
            let Words { verb, present, past } = work.words();
            (verb, present, past, work.script(), char::from(work.command().letter()), work.timeout(&service))
        };
        assert_eq!(row(Work::Start), ("start", "starting", "started", Script::Up, 'u', 11));
        assert_eq!(row(Work::Stop), ("stop", "stopping", "stopped", Script::Down, 'd', 22));
        assert_eq!(row(Work::Reload), ("reload", "reloading", "reloaded", Script::Reload, 'l', 0));
        assert_eq!([Direction::Up, Direction::Down].map(Work::of), [Work::Start, Work::Stop]);
    }
}
