//! What everybody may know of the container's life: its turns, on the status board and in the record of events.

use crate::pid1::cause::Cause;
use crate::pid1::lifecycle::{Event, Lifecycle};
use rustix::process::Pid;
use supervisor::host::Host;
use supervisor::memory;
use sys::process::Ended;
use sys::signal::{Sender, Signal};
use tool::{clock, diag};
use wire::board::{self, Phase, StopBy};
use wire::record::{self, Kind, Name};

/// A turn in the life of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It begins.
    Begins,
    /// Its start is over, with this exit code of what starts the services; the process that has become the CMD.
    Started(u8, Option<Pid>),
    /// The CMD has ended.
    CommandEnded(Ended, board::Cause),
    /// A stop was asked for.
    StopAsked(Asker),
    /// All services are down.
    Stopped,
    /// Its exit code is decided.
    Code(u8),
    /// Nothing follows.
    Over(u8),
}

/// Who asked for a stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asker {
    pub(crate) by: StopBy,
    pub(crate) signal: Signal,
    /// The process, and its user.
    pub(crate) process: Option<(u32, u32)>,
    /// The name of a service, or of a command; that of another process is looked up.
    pub(crate) name: String,
    /// The line of the log.
    pub(crate) why: String,
}

/// What is known of a step of the lifecycle.
pub(crate) struct Step<'a> {
    pub(crate) event: Event,
    pub(crate) cause: Option<&'a Cause>,
    pub(crate) boot: Option<Pid>,
    pub(crate) killed_by: memory::Cause,
    pub(crate) why: &'a str,
}

/// What counts of a state of the lifecycle.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    is_booting: bool,
    is_alive: bool,
    is_ending: bool,
    has_command: bool,
}

impl Stage {
    pub(crate) fn of(life: &Lifecycle) -> Self {
        Self {
            is_booting: life.is_booting(),
            is_alive: life.is_alive(),
            is_ending: life.is_ending(),
            has_command: life.has_command(),
        }
    }
}

/// Pure: the turns that a step has taken.
pub(crate) fn turns(was: Stage, is: Stage, step: &Step<'_>) -> Vec<Turn> {
    let mut turns = Vec::new();
    match step.event {
        Event::CommandStarts => turns.push(Turn::Started(0, step.boot)),
        Event::BootEnded(how) if was.has_command => {
            let cause = match step.killed_by {
                memory::Cause::Own | memory::Cause::Unhealthy => board::Cause::Own,
                memory::Cause::Foreign => board::Cause::Foreign,
                memory::Cause::Memory(_) => board::Cause::Memory,
            };
            turns.push(Turn::CommandEnded(how, cause));
        }
        Event::BootEnded(how) if was.is_booting => turns.push(Turn::Started(how.code(), None)),
        _ => {}
    }
    if was.is_alive && !is.is_alive {
        turns.push(Turn::StopAsked(asker(was, step)));
    }
    if !was.is_ending && is.is_ending {
        turns.push(Turn::Stopped);
    }
    turns
}

fn asker(was: Stage, step: &Step<'_>) -> Asker {
    let mut asker =
        Asker { by: StopBy::Other, signal: 0, process: None, name: String::new(), why: step.why.to_owned() };
    asker.by = match (step.event, step.cause) {
        (Event::Signal(_) | Event::Asked(_), Some(Cause::Signal(signal, sender))) => {
            asker.signal = *signal;
            asker.process = if let Sender::Process { pid, uid } = sender { Some((*pid, *uid)) } else { None };
            StopBy::Signal
        }
        (Event::Signal(_) | Event::Asked(_) | Event::Time, Some(Cause::Command(_, Some(by)))) => {
            asker.process = Some((by.pid, by.uid));
            asker.name = diag::shown(&by.name);
            StopBy::Command
        }
        (Event::Asked(_), _) => StopBy::Command,
        (Event::ServiceOver(_), Some(Cause::Service { name, .. })) => {
            asker.name.clone_from(name);
            StopBy::Service
        }
        (Event::BootEnded(_), _) if was.has_command => StopBy::Cmd,
        (Event::BootEnded(_), _) => StopBy::Boot,
        _ => StopBy::Other,
    };
    asker
}

/// The name of a process.
fn name_of(pid: u32) -> Vec<u8> {
    let name =
        files::read_file(rustix::fs::CWD, format!("/proc/{pid}/comm").as_bytes(), 64).unwrap_or_default();
    name.trim_ascii_end().to_vec()
}

fn event(kind: Kind, code: u16) -> record::Event {
    record::Event { kind, code, ..record::Event::default() }
}

/// Writes a turn where everybody can read it.
pub(crate) fn tell(turn: Turn, host: &Host) {
    let now = Some(clock::now());
    match turn {
        Turn::Begins => {
            host.show(|header| (header.phase, header.begun) = (Phase::Starting, now));
            host.record(event(Kind::BootBegan, 0));
        }
        Turn::Started(code, command) => {
            let pid = command.map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
            host.show(|header| {
                (header.phase, header.started, header.command) = (Phase::Running, now, pid);
                header.boot_code = code.into();
            });
            host.record(event(Kind::BootOver, code.into()));
            if command.is_some() {
                host.record(record::Event { pid, ..event(Kind::CmdStarted, 0) });
            }
        }
        Turn::CommandEnded(how, cause) => {
            host.show(|header| header.command = 0);
            host.record(record::Event { how: cause as u8, ..event(Kind::CmdEnded, how.wstat()) });
        }
        Turn::StopAsked(Asker { by, signal, process, name, why }) => {
            let (pid, user) = process.unzip();
            let name = match pid {
                Some(pid) if name.is_empty() => name_of(pid),
                _ => name.into_bytes(),
            };
            let signal = u8::try_from(signal).unwrap_or_default();
            host.show(|header| {
                (header.phase, header.stop_asked) = (Phase::Stopping, now);
                (header.stop_by, header.stop_signal, header.stop_uid) = (by, signal, user);
                (header.stop_pid, header.why) = (pid.unwrap_or(0), why.into_bytes());
            });
            host.record(record::Event {
                how: by as u8,
                pid: pid.unwrap_or(0),
                value: user.map(u64::from),
                name: Name::new(&name),
                ..event(Kind::StopAsked, signal.into())
            });
        }
        Turn::Stopped => host.show(|header| (header.phase, header.stopped) = (Phase::Ending, now)),
        Turn::Code(code) => host.show(|header| header.exit_code = code.into()),
        Turn::Over(code) => {
            host.show(|header| header.exit_code = code.into());
            host.record(event(Kind::StopOver, code.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use s6_linux_init::request::{How, Request};
    use supervision::by_hand;
    use sys::signal::TERM;

    const UP: Stage = Stage { is_booting: false, is_alive: true, is_ending: false, has_command: true };

    fn turned(was: Stage, is: Stage, event: Event, cause: Option<&Cause>) -> Vec<Turn> {
        turns(
            was,
            is,
            &Step { event, cause, boot: Pid::from_raw(9), killed_by: memory::Cause::Own, why: "why" },
        )
    }

    #[test]
    fn a_start_is_over_when_the_command_begins_or_its_child_ends() {
        let booting = Stage { is_booting: true, has_command: false, ..UP };
        assert_eq!(turned(booting, UP, Event::CommandStarts, None), [Turn::Started(0, Pid::from_raw(9))]);
        let up = Stage { has_command: false, ..UP };
        assert_eq!(turned(booting, up, Event::BootEnded(Ended::Exited(0)), None), [Turn::Started(0, None)]);
        let stopping = Stage { is_alive: false, ..up };
        let failed = turned(booting, stopping, Event::BootEnded(Ended::Exited(3)), None);
        assert!(
            matches!(&failed[..], [Turn::Started(3, None), Turn::StopAsked(asker)] if asker.by == StopBy::Boot)
        );
    }

    #[test]
    fn who_asks_for_a_stop_is_told() {
        let stopping = Stage { is_alive: false, ..UP };
        let by = |event, cause: Option<Cause>| {
            let turns = turned(UP, stopping, event, cause.as_ref());
            turns
                .into_iter()
                .find_map(|turn| if let Turn::StopAsked(asker) = turn { Some(asker) } else { None })
        };
        let asker =
            by(Event::Signal(TERM), Some(Cause::Signal(TERM, Sender::Process { pid: 7, uid: 0 }))).unwrap();
        assert_eq!(
            (asker.by, asker.signal, asker.process, &*asker.why),
            (StopBy::Signal, TERM, Some((7, 0)), "why")
        );
        let halt = by_hand::Sender { pid: 8, uid: 1000, name: b"halt".to_vec() };
        let asked = Event::Asked(Request::stop(How::Halt));
        for event in [asked, Event::Time] {
            let asker = by(event, Some(Cause::Command("text".to_owned(), Some(halt.clone())))).unwrap();
            assert_eq!((asker.by, asker.process, &*asker.name), (StopBy::Command, Some((8, 1000)), "halt"));
        }
        let asker = by(asked, Some(Cause::Command("text".to_owned(), None))).unwrap();
        assert_eq!((asker.by, asker.process, &*asker.name), (StopBy::Command, None, ""));
        let service = Cause::Service { name: "web".to_owned(), failure: None };
        let asker = by(Event::ServiceOver(1), Some(service)).unwrap();
        assert_eq!((asker.by, &*asker.name), (StopBy::Service, "web"));
        assert_eq!(by(Event::BootEnded(Ended::Exited(1)), None).unwrap().by, StopBy::Cmd);
        assert_eq!(by(Event::Time, None).unwrap().by, StopBy::Other);
        let ended = turned(UP, stopping, Event::BootEnded(Ended::Exited(1)), None);
        assert_eq!(ended[0], Turn::CommandEnded(Ended::Exited(1), board::Cause::Own));
        let ending = Stage { is_ending: true, ..stopping };
        assert_eq!(turned(stopping, ending, Event::Time, None), [Turn::Stopped]);
    }
}
