//! Supervision by processes: each service has a supervisor process, forked from this one, that is the parent of its daemon.
//!
//! A supervisor that ends without having left its service is replaced: the next one takes the state from the slot
//! ([`crate::slot`]) and the daemon with it.  The daemon is a child of the host from then on, which reaps it and leaves the
//! supervisor how it ended.  Notification pipes are kept here while a supervisor waits for readiness, and control FIFOs, so that
//! commands wait for the next supervisor: these only as long as nothing else needs the descriptors.

use super::Host;
use super::poller::Source;
use crate::launch::Stdio;
use crate::part::Part;
use crate::service::hold;
use crate::slot::{self, MESSAGE, Slots};
use crate::solo::start;
use crate::system::raw;
use rustix::io::{Errno, IoSliceMut};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType,
};
use rustix::process::Pid;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;
use sys::process::Ended;
use sys::signal::{self, Signal};
use tool::{Fatal, OrUnable};
use wire::record::{Event, Kind, Name};
use wire::supervisor_slot::State;

/// What all supervisor processes share with the host.
#[derive(Debug)]
pub(super) struct Processes {
    pub(super) slots: Slots,
    /// The host's end of the socket for notification pipes.
    pub(super) ours: OwnedFd,
    /// The supervisors' end.
    pub(super) theirs: OwnedFd,
}

impl Processes {
    /// Without supervisors.
    pub(super) fn create() -> Result<Self, Errno> {
        let (kind, flags) = (SocketType::SEQPACKET, SocketFlags::CLOEXEC);
        let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None)?;
        Ok(Self { slots: Slots::create()?, ours, theirs })
    }

    /// The next message.
    fn receive(&self) -> Result<Message, Errno> {
        let mut bytes = [0; MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let message =
            rustix::net::recvmsg(&self.ours, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags)?;
        if message.bytes != MESSAGE {
            return Err(Errno::BADMSG);
        }
        let mut fd = None;
        for part in control.drain() {
            if let RecvAncillaryMessage::ScmRights(mut fds) = part {
                fd = fds.next();
            }
        }
        let (words, _) = bytes.as_chunks();
        let word = |n: usize| words.get(n).map_or(u32::MAX, |word| u32::from_be_bytes(*word));
        let number = usize::try_from(word(0)).map_err(|_| Errno::BADMSG)?;
        Ok(Message { number, start: word(1), what: word(2), fd })
    }
}

/// What a supervisor has sent.
#[derive(Debug)]
struct Message {
    /// The number of its slot.
    number: usize,
    /// The number of a start.
    start: u32,
    /// [`slot::NOTIFICATION`], [`slot::CONTROL`] or [`slot::OVER`].
    what: u32,
    fd: Option<OwnedFd>,
}

/// How long after the end of a supervisor the next one begins, after so many short lives in a row.
fn pause(short_lives: u32) -> Duration {
    match short_lives.checked_sub(2) {
        None => Duration::ZERO,
        Some(more) => super::scan::back_off(more),
    }
}

impl Host {
    /// Supervises by processes from now on, which take what `processes` has; `None` for none so far.
    pub(super) fn set_processes(&mut self, processes: Option<Processes>) -> Result<(), Fatal> {
        let processes = match processes {
            Some(processes) => processes,
            None => Processes::create().or_unable(|| "share memory with supervisors")?,
        };
        // If it can't be waited for, it is read once in a while.
        let _ = self.poller.add(Source::Supervisors, processes.ours.as_fd());
        sys::args::prepare_command_lines();
        hold::group();
        let own = rustix::process::getpid();
        if !own.is_init() {
            // Daemons of a supervisor that is killed come to this process.
            let _ = rustix::process::set_child_subreaper(Some(own));
        }
        self.processes = Some(processes);
        self.show(|header| header.has_processes = true);
        Ok(())
    }

    /// Forks a supervisor.
    pub(super) fn begin_process(&mut self, number: usize, stdio: &Stdio) {
        match self.fork_supervisor(number, stdio) {
            Ok(pid) => {
                let Some(slot) = self.roster.get_mut(number) else { return };
                slot.supervisor = Some(raw(pid));
                slot.resumes = false;
                self.roster.index(number);
            }
            Err(e) => self.begin_failed(number, &Fatal::unable("fork a supervisor", e)),
        }
    }

    fn fork_supervisor(&mut self, number: usize, stdio: &Stdio) -> Result<Pid, Errno> {
        let env = self.launch.freeze_env()?;
        let Some(processes) = &mut self.processes else { return Err(Errno::INVAL) };
        processes.slots.reserve(number)?;
        let Some(slot) = self.roster.get_mut(number) else { return Err(Errno::INVAL) };
        let state = if slot.resumes { processes.slots.state(number) } else { None };
        if state.is_none() {
            processes.slots.clear(number);
            self.launch.journal.close(slot.kept.take().map(|(_, fd)| fd));
        }
        let started = state.as_ref().and_then(|state| {
            let pid = processes.slots.started(number).filter(|_| state.in_flight.starting != 0)?;
            let lives = self.launch.system.is_child(pid);
            (lives || processes.slots.end(number) == Some(pid)).then_some(pid)
        });
        // What isn't of this start, or of no use any more, is closed.
        let old = slot.kept.take_if(|(start, _)| !state.as_ref().is_some_and(|state| waits(state, *start)));
        self.launch.journal.close(old.map(|(_, fd)| fd));
        let fds = stdio.descriptors();
        let Some(dir) = &slot.dir else { return Err(Errno::BADF) };
        let note = processes.slots.note(number).ok_or(Errno::NOMEM)?;
        let part = Part {
            name: &slot.name,
            stdio: &fds,
            dir: dir.as_fd(),
            slots: processes.slots.as_fd(),
            socket: processes.theirs.as_fd(),
            relay: self.launch.relay.as_ref().map(|relay| relay.as_fd()),
            notification: slot.kept.as_ref().map(|(_, fd)| fd.as_fd()),
            board: self.launch.board.files(),
            number,
            env,
            open_files: self.launch.open_files,
            resumes: state.is_some(),
            started,
            // What fails once may pass, as a lock that a former supervisor is about to give up.
            may_refuse: state.is_none() && slot.failures > 0,
            reports: self.launch.reports,
            note,
        };
        self.launch.system.supervise(&part, start::run)
    }

    /// A supervisor has ended: another one takes over what it had, or the supervision has ended.
    pub(super) fn supervisor_ended(&mut self, number: usize, how: Ended) {
        // What it sent comes before its end.
        self.read_supervisors();
        let now = self.launch.system.now();
        let Some(processes) = &self.processes else { return };
        processes.slots.forget_supervisor(number);
        let state = processes.slots.state(number).filter(|_| self.replaces);
        let Some(slot) = self.roster.get_mut(number) else { return };
        slot.supervisor = None;
        let is_young = now.saturating_sub(slot.begun) < super::SUPERVISION_PAUSE;
        slot.failures = if is_young { slot.failures.saturating_add(1).min(8) } else { 0 };
        if state.is_none() {
            self.launch.journal.close(slot.kept.take().map(|(_, fd)| fd));
            if how == Ended::Exited(0) {
                slot.failures = 0;
            }
            // One that ended by itself has read what was for it.
            let control = slot.control.take_if(|_| matches!(how, Ended::Exited(_)));
            self.launch.journal.close(control);
            return self.supervision_ended(number);
        }
        slot.resumes = true;
        slot.begin_at = Some(now.saturating_add(pause(slot.failures)));
        let text = match how {
            Ended::Exited(code) => format!("exited {code}"),
            Ended::Killed(signal) => {
                format!("was killed by {}", signal::name(signal.into()).unwrap_or_else(|| signal.to_string()))
            }
        };
        let label = format!("s6-supervise {}", tool::diag::show(&slot.name));
        self.launch.system.warn(&label, &format!("{text}: another one takes the service over"));
        let name = Name::new(&slot.name);
        self.roster.index(number);
        self.record(Event { kind: Kind::TakenOver, name, ..Event::default() });
        self.note_over(number);
    }

    /// Reads what supervisors have sent.
    pub(super) fn read_supervisors(&mut self) {
        loop {
            let Some(processes) = &self.processes else { return };
            match processes.receive() {
                Ok(message) => self.keep(message),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR | Errno::BADMSG) => {}
                Err(e) => {
                    return self
                        .warn(format_args!("unable to read supervisors' messages: {}", sys::strerror(e)));
                }
            }
        }
        self.write_services();
    }

    /// Keeps what a supervisor has sent.
    fn keep(&mut self, Message { number, start, what, fd }: Message) {
        let limit = self.launch.open_files.maximum.unwrap_or(u64::MAX);
        if what == slot::OVER {
            return self.note_over(number);
        }
        let Some(slot) = self.roster.get_mut(number) else { return };
        let old = if what == slot::CONTROL {
            let is_cheap = |fd: &OwnedFd| u64::try_from(fd.as_raw_fd()).is_ok_and(|used| used < limit / 2);
            std::mem::replace(&mut slot.control, fd.filter(is_cheap))
        } else {
            std::mem::replace(&mut slot.kept, fd.map(|pipe| (start, pipe))).map(|(_, fd)| fd)
        };
        self.launch.journal.close(old);
    }

    /// Closes the control FIFOs that are kept, since something else needs their descriptors; `false` if there are none.
    pub(super) fn release_controls(&mut self) -> bool {
        let controls: Vec<OwnedFd> = self.roster.iter_mut().filter_map(|slot| slot.control.take()).collect();
        // No record names them any more when they are closed.
        self.write_services();
        !controls.is_empty()
    }

    /// Leaves the supervisor how a process of its service has ended that is about to be reaped here; gives its number.
    pub(super) fn leave_end(&mut self, pid: Pid, how: Ended) -> Option<usize> {
        let processes = self.processes.as_ref()?;
        if self.roster.of_pid(raw(pid)).is_some() {
            return None;
        }
        let number = processes.slots.find(pid, self.roster.slot_count())?;
        processes.slots.put_end(number, pid, how);
        Some(number)
    }

    /// Wakes the supervisor up, for what was left to it.
    pub(super) fn wake_supervisor(&self, number: usize) {
        if let Some(pid) = self.supervisor(number) {
            let _ = self.launch.system.kill(pid, signal::CHLD);
        }
    }

    /// A living supervisor, which has not been reaped, so that the process id is still its own.
    fn supervisor(&self, number: usize) -> Option<Pid> {
        Pid::from_raw(self.roster.get(number)?.supervisor?.cast_signed())
    }

    /// Tells a supervisor to end, and the ones after it; `false` if there are none.
    pub(super) fn tell_supervisor(&self, number: usize, signal: Signal) -> bool {
        let Some(processes) = &self.processes else { return false };
        let resumes = self.roster.get(number).is_some_and(|slot| slot.resumes);
        let supervisor = self.supervisor(number);
        if supervisor.is_none() && !resumes {
            return false;
        }
        processes.slots.put_told(number, signal);
        if let Some(pid) = supervisor {
            let _ = self.launch.system.kill(pid, signal);
        }
        true
    }

    /// Finds the supervisors that a former host started and couldn't note, and the services that have lost theirs.
    pub(super) fn find_supervisors(&mut self) {
        let now = self.launch.system.now();
        for number in 0..self.roster.slot_count() {
            self.note_over(number);
            let Some(processes) = &self.processes else { return };
            let noted = processes.slots.supervisor(number);
            let found = noted.filter(|pid| self.launch.system.is_child(*pid));
            let has_state = processes.slots.state(number).is_some();
            let Some(slot) = self.roster.get_mut(number).filter(|slot| slot.supervisor.is_none()) else {
                continue;
            };
            slot.supervisor = found.map(raw);
            slot.resumes = found.is_none() && has_state;
            if slot.resumes {
                // The fault may have struck when another one was about to begin.
                slot.begin_at.get_or_insert(now);
            }
            self.roster.index(number);
        }
    }

    /// From now on, a supervisor that ends isn't replaced: everything is being killed.
    pub fn stop_replacing(&mut self) {
        self.replaces = false;
        for number in 0..self.roster.slot_count() {
            if self.roster.get(number).is_some_and(|slot| slot.resumes) {
                self.roster.remove(number);
            }
        }
    }
}

/// Whether a supervisor in this state waits for the readiness of this start.
fn waits(state: &State, start: u32) -> bool {
    let waits = state.supervised.as_ref().is_some_and(|service| service.notification.is_some());
    state.start == start && (waits || state.in_flight.starting != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_short_life_costs_nothing() {
        let seconds: Vec<u64> = (0..10).map(|lives| pause(lives).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
