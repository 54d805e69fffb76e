//! The requests to a host: signals, and letters in `.s6-svscan/control`.

use super::Host;
use super::policy::{Handled, Policy};
use rustix::fs::{Access, AtFlags};
use sys::signal::{self, Sender, Signal};
use tool::diag::show;
use wire::control::ScanCommand;

/// At most so many letters are one request to the host.
pub(super) const REQUEST: usize = 64;

/// A signal that `s6-svscan` catches.
#[derive(Debug)]
pub(super) struct SignalEffect {
    pub(super) signal: Signal,
    /// The usual effect.
    command: Option<ScanCommand>,
    /// A program `.s6-svscan/SIGNAME`, if there is one, runs instead.
    can_be_diverted: bool,
}

const fn fixed(signal: Signal, command: ScanCommand) -> SignalEffect {
    SignalEffect { signal, command: Some(command), can_be_diverted: false }
}

const fn usual(signal: Signal, command: ScanCommand) -> SignalEffect {
    SignalEffect { signal, command: Some(command), can_be_diverted: true }
}

const fn diverted(signal: Signal) -> SignalEffect {
    SignalEffect { signal, command: None, can_be_diverted: true }
}

/// The signals that `s6-svscan` catches.
pub(super) const SIGNALS: &[SignalEffect] = &[
    fixed(signal::CHLD, ScanCommand::Reap),
    fixed(signal::ALRM, ScanCommand::Scan),
    fixed(signal::ABRT, ScanCommand::Abort),
    usual(signal::HUP, ScanCommand::Hangup),
    usual(signal::INT, ScanCommand::Interrupt),
    usual(signal::TERM, ScanCommand::Terminate),
    usual(signal::QUIT, ScanCommand::Quit),
    diverted(signal::USR1),
    diverted(signal::USR2),
    diverted(signal::PWR),
    diverted(signal::WINCH),
];

impl Host {
    /// Handles a signal as it was read.
    pub(super) fn read_signal(&mut self, record: &[u8], policy: &mut dyn Policy) {
        match signal::decode(record) {
            Some((signal::CHLD, _)) => self.has_unreaped = true,
            // The kernel's SIGWINCH tells of a resized terminal and asks for nothing.
            Some((signal::WINCH, Sender::Kernel)) | None => {}
            Some((signal, sender)) => self.signal(signal, sender, policy),
        }
    }

    pub(super) fn signal(&mut self, signal: Signal, sender: Sender, policy: &mut dyn Policy) {
        if policy.signal(self, signal, sender) == Handled::Yes {
            return;
        }
        let effect = SIGNALS.iter().find(|effect| effect.signal == signal);
        if effect.is_none_or(|effect| effect.can_be_diverted) && self.run_signal_program(signal) {
            return;
        }
        if let Some(command) = effect.and_then(|effect| effect.command) {
            self.obey(command);
        }
    }

    /// Starts `.s6-svscan/SIGNAME` if there is such a program.
    fn run_signal_program(&mut self, signal: Signal) -> bool {
        let Some(name) = signal::name(signal) else { return false };
        let file = format!(".s6-svscan/{name}");
        if sys::fs::accessat(&self.dir, &file, Access::EXEC_OK, AtFlags::empty()).is_err() {
            return false;
        }
        match self.launch.spawn(None, file.as_bytes(), &[file.as_bytes()], &[]) {
            Ok(_) => true,
            Err(e) => {
                self.warn(format_args!("unable to spawn {file}: {}", sys::strerror(e)));
                false
            }
        }
    }

    /// Handles the letters of a request.
    pub(super) fn read_request(&mut self, letters: &[u8], policy: &mut dyn Policy) {
        let (mut scan, mut prune) = (false, None);
        let mut unknown = Vec::new();
        for letter in letters.iter().copied().filter(|letter| *letter != 0) {
            if policy.command(self, letter) == Handled::Yes {
                continue;
            }
            match ScanCommand::from_letter(letter) {
                Some(ScanCommand::Scan) => scan = true,
                Some(ScanCommand::Hangup) => {
                    scan = true;
                    prune = Some(prune.unwrap_or(false));
                }
                Some(ScanCommand::Prune) => prune = Some(prune.unwrap_or(false)),
                Some(ScanCommand::PruneWithLoggers) => prune = Some(true),
                Some(command) => self.obey(command),
                None => unknown.push(letter),
            }
        }
        self.report_unknown(&unknown, letters.len() == REQUEST);
        // Pruning comes last: it stops what the scan of the same request didn't see.
        if scan {
            self.scan();
        }
        if let Some(loggers) = prune {
            self.prune(loggers);
        }
    }

    /// Reports letters that mean nothing: once for what comes in one go, however much that is.
    fn report_unknown(&mut self, letters: &[u8], may_have_more: bool) {
        if !letters.is_empty() && !self.has_unknown_commands {
            let commands = if letters.len() == 1 { "command" } else { "commands" };
            self.warn(format_args!("received unknown {commands}: {}", show(letters)));
        }
        self.has_unknown_commands = may_have_more && (self.has_unknown_commands || !letters.is_empty());
    }

    fn obey(&mut self, command: ScanCommand) {
        match command {
            ScanCommand::Reap => self.has_unreaped = true,
            ScanCommand::Scan => self.scan(),
            ScanCommand::Abort => self.abort(),
            ScanCommand::Hangup => {
                self.scan();
                self.prune(false);
            }
            ScanCommand::Terminate | ScanCommand::Interrupt => self.stop(false),
            ScanCommand::Quit => self.stop(true),
            ScanCommand::Prune => self.prune(false),
            ScanCommand::PruneWithLoggers => self.prune(true),
            ScanCommand::Reexecute if self.launch.journal.as_raw().is_some() => self.reexec = true,
            ScanCommand::Reexecute => self.warn("this host can't be re-executed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_and_their_effects() {
        let rows = SIGNALS.iter().map(|effect| {
            let command = effect.command.map_or("-".to_owned(), |command| format!("{command:?}"));
            let diverted = if effect.can_be_diverted { ", or its program" } else { "" };
            format!("{} {command}{diverted}\n", signal::name(effect.signal).unwrap())
        });
        insta::assert_snapshot!(rows.collect::<String>());
    }
}
