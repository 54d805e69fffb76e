//! What a host reads: into the journal, item by item.
//!
//! An item is a letter of a service, the letters of one request to the host, a signal, what a service said for its
//! readiness, or what the policy says.  It is handled, all that it changed is written, and only then it leaves the
//! journal: nothing that was read is lost over a re-execution.

use super::Host;
use super::policy::Policy;
use super::poller::Source;
use super::requests::REQUEST;
use crate::service::machine::Event;
use crate::service::{LETTERS_AT_ONCE, SAID_AT_ONCE};
use crate::system::Effect;
use rustix::io::Errno;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use sys::signal::{self, RECORD};
use tool::diag::show;
use wire::control::Command;
use wire::host_journal::INPUT;

/// A message has at most so many bytes of an item.
const DESCRIBED_AT_MOST: usize = 32;

impl Host {
    /// The descriptor of a source, and the length of an item and of all that is read at once.
    fn input<'a>(&'a self, source: Source, policy: &'a dyn Policy) -> Option<(BorrowedFd<'a>, usize, usize)> {
        let service = |number: usize| self.roster.get(number)?.service.as_ref();
        Some(match source {
            Source::Signals => (self.signals.as_fd(), RECORD, INPUT.1),
            Source::ScanControl => (self.control.as_fd(), REQUEST, REQUEST),
            Source::Control(number) => (service(number)?.control()?, 1, LETTERS_AT_ONCE),
            Source::Notification(number) => (service(number)?.notification()?, SAID_AT_ONCE, SAID_AT_ONCE),
            Source::Policy(key) => {
                let input = policy.input(key)?;
                (input.fd, input.size, input.size)
            }
            Source::Oneshot | Source::Supervisors | Source::Kills => return None,
        })
    }

    /// The sources of a host, and those of its services and its policy.
    pub(super) fn all_sources(&self, policy: &dyn Policy) -> Vec<Source> {
        let mut sources = vec![Source::Signals, Source::ScanControl, Source::Oneshot, Source::Supervisors];
        sources.extend(policy.inputs().into_iter().map(Source::Policy));
        for number in 0..self.roster.slot_count() {
            sources.extend([Source::Notification(number), Source::Control(number)]);
        }
        sources
    }

    /// Tries again to wait for what is missing; gives that, to be read in any case.
    pub(super) fn watch_missing(&mut self, policy: &dyn Policy) -> Vec<Source> {
        let missing = self.poller.take_missing();
        for source in &missing {
            let fd = match source {
                Source::Oneshot => self.oneshot.as_ref().map(|fd| fd.as_raw_fd()),
                Source::Supervisors => self.processes.as_ref().map(|p| p.ours.as_raw_fd()),
                _ => self.input(*source, policy).map(|(fd, ..)| fd.as_raw_fd()),
            };
            if let Some(fd) = fd {
                // One that fails is missing again.
                let _ = sys::fd::with(fd, |fd| self.poller.add(*source, fd));
            }
        }
        missing
    }

    /// Reads from a source and handles the items.
    pub(super) fn take_in(&mut self, source: Source, policy: &mut dyn Policy) {
        let Some((fd, size, room)) = self.input(source, policy) else { return };
        let ready = self.launch.system.before(Effect::Read);
        match ready.and_then(|()| self.launch.journal.read_input(source.token(), fd, room)) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(e) => self.input_failed(source, e, policy),
            Ok(count) => {
                self.troubled.remove(&source);
                if count > 0 {
                    self.handle_input(source, size, policy);
                } else {
                    self.input_ended(source, policy);
                }
            }
        }
    }

    /// Handles all items of the input.
    fn handle_input(&mut self, source: Source, size: usize, policy: &mut dyn Policy) {
        while let Some(item) = self.launch.journal.next_item(size) {
            self.handle_item(source, &item, policy);
            self.write_journal(policy);
            self.launch.journal.item_done(size);
        }
        // Children's ends come after what was read with their signal.
        if std::mem::take(&mut self.has_unreaped) {
            self.reap(policy);
        }
    }

    fn handle_item(&mut self, source: Source, item: &[u8], policy: &mut dyn Policy) {
        match source {
            Source::Signals => self.read_signal(item, policy),
            Source::ScanControl => self.read_request(item, policy),
            Source::Control(number) => {
                for command in item.iter().filter_map(|letter| Command::from_letter(*letter)) {
                    self.feed(number, Event::Command(command));
                }
            }
            Source::Notification(number) if item.contains(&b'\n') => self.feed(number, Event::Ready),
            Source::Policy(key) => policy.item(self, key, item),
            Source::Notification(_) | Source::Oneshot | Source::Supervisors | Source::Kills => {}
        }
    }

    /// Nothing comes from a source any more.
    fn input_ended(&mut self, source: Source, policy: &mut dyn Policy) {
        match source {
            Source::Policy(key) => policy.ended(self, key),
            Source::Notification(number) => {
                self.with(number, |service, launch| service.forget_notification(launch));
            }
            _ => {}
        }
    }

    /// A source can't be read: it is read again once in a while.
    fn input_failed(&mut self, source: Source, e: Errno, policy: &mut dyn Policy) {
        if let Some(fd) = self.input(source, policy).map(|(fd, ..)| fd.as_raw_fd()) {
            let _ = sys::fd::with(fd, |fd| self.poller.pause(source, fd));
        }
        if self.troubled.insert(source) {
            self.warn(format_args!("unable to read {}: {}", self.name_of(source), sys::strerror(e)));
        }
    }

    /// An item of an input, for a message.
    fn describe(&self, source: Source, item: &[u8]) -> String {
        match (source, signal::decode(item)) {
            (Source::Signals, Some((signal, _))) => signal::show(signal),
            (Source::Signals | Source::Notification(_), _) => self.name_of(source),
            _ => {
                let end = item.iter().rposition(|b| *b != 0).map_or(0, |last| last.saturating_add(1));
                let text = item.get(..end.min(DESCRIBED_AT_MOST)).unwrap_or_default();
                format!("\"{}\" from {}", show(text), self.name_of(source))
            }
        }
    }

    /// What a source is, for a message.
    fn name_of(&self, source: Source) -> String {
        let of_service = |what: &str, number: usize| {
            let name = self.roster.get(number).map(|slot| show(&slot.name)).unwrap_or_default();
            format!("{what} of service {name}")
        };
        match source {
            Source::Signals => "signals".to_owned(),
            Source::ScanControl => ".s6-svscan/control".to_owned(),
            Source::Control(number) => of_service("supervise/control", number),
            Source::Notification(number) => of_service("the readiness", number),
            Source::Oneshot | Source::Supervisors | Source::Kills | Source::Policy(_) => {
                "requests".to_owned()
            }
        }
    }

    /// Handles what a former host has read and not handled; without the first item if hosts have faulted over it three times.
    pub(super) fn finish_input(&mut self, skips_first: bool, policy: &mut dyn Policy) {
        let source = self.launch.journal.source_left().and_then(Source::from_token);
        let Some(source) = source else { return };
        let Some((_, size, _)) = self.input(source, policy) else { return self.drop_input() };
        if skips_first && let Some(item) = self.launch.journal.next_item(size) {
            self.launch.journal.item_done(size);
            self.warn(format_args!(
                "faulted again and again over {}, which is skipped",
                self.describe(source, &item)
            ));
        }
        self.handle_input(source, size, policy);
    }

    /// Drops what is left of an input whose source is gone.
    fn drop_input(&mut self) {
        while self.launch.journal.next_item(INPUT.1).is_some() {
            self.launch.journal.item_done(INPUT.1);
        }
    }
}
