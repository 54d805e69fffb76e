//! The letters that are written into control FIFOs: one table per FIFO, from which everything else follows.
//!
//! [`COMMANDS`] lists the letters of `supervise/control` with the signal that each one makes the supervisor send,
//! [`SCAN_COMMANDS`] those of `.s6-svscan/control`.  The reference's pages for s6-svc and s6-svscanctl name them.  A
//! letter that isn't listed is ignored.

/// A command to a service's supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Send a signal to `run`.
    Signal(ProcessSignal),
    /// Stop the process.
    Pause,
    /// Continue the process.
    Continue,
    /// Stop the process group.
    PauseGroup,
    /// Continue the process group.
    ContinueGroup,
    /// Kill the process group.
    KillGroup,
    /// Send the down signal and let the service restart.
    Restart,
    /// Send the reload signal.
    Reload,
    /// Start if down, don't restart.
    Once,
    /// Don't restart, don't start.
    OnceAtMost,
    /// Start and keep up.
    Up,
    /// The same, and remove the `down` file.
    UpForGood,
    /// Stop and keep down.
    Down,
    /// The same, and make the `down` file.
    DownForGood,
    /// Don't restart, and make the `down` file.
    OnceForGood,
    /// Exit when the service is down.
    Exit,
    /// Forget the failures that its restart policy counts.
    Forget,
    /// It was found unhealthy: end it, which is a failure, and let it restart.
    Unhealthy,
    /// It was found unhealthy: its next end is a failure.
    UnhealthyMark,
    /// It was found unhealthy: end it, and then the container.
    UnhealthyStop,
}

/// The signals that a letter stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessSignal {
    /// SIGALRM
    Alarm,
    /// SIGABRT
    Abort,
    /// SIGQUIT
    Quit,
    /// SIGHUP
    Hangup,
    /// SIGKILL
    Kill,
    /// SIGTERM
    Terminate,
    /// SIGINT
    Interrupt,
    /// SIGUSR1
    User1,
    /// SIGUSR2
    User2,
    /// SIGWINCH
    Window,
    /// SIGSTOP
    Stop,
    /// SIGCONT
    Continue,
}

/// Which processes a letter's signal is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The process of `run`.
    Process,
    /// The process group that `run` leads.
    Group,
}

/// A letter of `supervise/control`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letter {
    /// The byte.
    pub letter: u8,
    /// What it asks for.
    pub command: Command,
    /// The signal that it names and its target; `None` if the service directory names the signal, or none is sent.
    pub sends: Option<(ProcessSignal, Target)>,
}

const fn signal(letter: u8, signal: ProcessSignal) -> Letter {
    Letter { letter, command: Command::Signal(signal), sends: Some((signal, Target::Process)) }
}

const fn sending(letter: u8, command: Command, signal: ProcessSignal, target: Target) -> Letter {
    Letter { letter, command, sends: Some((signal, target)) }
}

const fn plain(letter: u8, command: Command) -> Letter {
    Letter { letter, command, sends: None }
}

/// All letters of `supervise/control`.
pub const COMMANDS: &[Letter] = &[
    signal(b'a', ProcessSignal::Alarm),
    signal(b'b', ProcessSignal::Abort),
    signal(b'q', ProcessSignal::Quit),
    signal(b'h', ProcessSignal::Hangup),
    signal(b'k', ProcessSignal::Kill),
    signal(b't', ProcessSignal::Terminate),
    signal(b'i', ProcessSignal::Interrupt),
    signal(b'1', ProcessSignal::User1),
    signal(b'2', ProcessSignal::User2),
    signal(b'y', ProcessSignal::Window),
    sending(b'p', Command::Pause, ProcessSignal::Stop, Target::Process),
    sending(b'c', Command::Continue, ProcessSignal::Continue, Target::Process),
    sending(b'P', Command::PauseGroup, ProcessSignal::Stop, Target::Group),
    sending(b'C', Command::ContinueGroup, ProcessSignal::Continue, Target::Group),
    sending(b'K', Command::KillGroup, ProcessSignal::Kill, Target::Group),
    plain(b'r', Command::Restart),
    plain(b'l', Command::Reload),
    plain(b'o', Command::Once),
    plain(b'O', Command::OnceAtMost),
    plain(b'u', Command::Up),
    plain(b'U', Command::UpForGood),
    plain(b'd', Command::Down),
    plain(b'D', Command::DownForGood),
    plain(b'Q', Command::OnceForGood),
    plain(b'x', Command::Exit),
    plain(b'f', Command::Forget),
    plain(b'!', Command::Unhealthy),
    plain(b'?', Command::UnhealthyMark),
    plain(b'Z', Command::UnhealthyStop),
];

impl Command {
    fn row(self) -> Option<&'static Letter> {
        COMMANDS.iter().find(|row| row.command == self)
    }

    /// The command of a letter.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        COMMANDS.iter().find(|row| row.letter == letter).map(|row| row.command)
    }

    /// The letter of a command.  Every command has one; a NUL byte, which no supervisor takes for a command, would stand
    /// for a row that is missing.
    #[must_use]
    pub fn letter(self) -> u8 {
        self.row().map_or(0, |row| row.letter)
    }

    /// The signal that the command names and its target.
    #[must_use]
    pub fn sends(self) -> Option<(ProcessSignal, Target)> {
        self.row()?.sends
    }
}

/// A command to the host of a scan directory; its value is its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ScanCommand {
    /// Reap dead children.
    Reap = b'z',
    /// Scan.
    Scan = b'a',
    /// Exit at once, without waiting for services.
    Abort = b'b',
    /// Scan and prune.
    Hangup = b'h',
    /// Stop all services; loggers end when their producers have; then exit.
    Terminate = b't',
    /// The same as [`ScanCommand::Terminate`].
    Interrupt = b'i',
    /// Stop all services and loggers, then exit.
    Quit = b'q',
    /// Stop the services that the last scan didn't see; loggers end when their producers have.
    Prune = b'n',
    /// The same, and stop the loggers too.
    PruneWithLoggers = b'N',
    /// Re-execute the host's program in the same process, and continue.
    Reexecute = b'R',
}

/// All commands of `.s6-svscan/control`.
pub const SCAN_COMMANDS: &[ScanCommand] = &[
    ScanCommand::Reap,
    ScanCommand::Scan,
    ScanCommand::Abort,
    ScanCommand::Hangup,
    ScanCommand::Terminate,
    ScanCommand::Interrupt,
    ScanCommand::Quit,
    ScanCommand::Prune,
    ScanCommand::PruneWithLoggers,
    ScanCommand::Reexecute,
];

impl ScanCommand {
    /// The command of a letter.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        SCAN_COMMANDS.iter().copied().find(|command| command.letter() == letter)
    }

    /// The letter of a command.
    #[must_use]
    pub fn letter(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_commands_are_one_to_one() {
        for row in COMMANDS {
            assert_eq!(Command::from_letter(row.letter), Some(row.command));
            assert_eq!((row.command.letter(), row.command.sends()), (row.letter, row.sends));
        }
        assert_eq!(Command::from_letter(b'z'), None);
        for command in SCAN_COMMANDS {
            assert_eq!(ScanCommand::from_letter(command.letter()), Some(*command));
        }
        assert_eq!(ScanCommand::from_letter(b's'), None);
    }

    #[test]
    fn letters_of_a_supervisor() {
        let rows = COMMANDS.iter().map(|row| {
            let sends = match row.sends {
                Some((signal, target)) => format!(" sends {signal:?} to {target:?}"),
                None => String::new(),
            };
            format!("{} {:?}{sends}\n", char::from(row.letter), row.command)
        });
        insta::assert_snapshot!(rows.collect::<String>());
    }

    #[test]
    fn letters_of_a_host() {
        let rows =
            SCAN_COMMANDS.iter().map(|command| format!("{} {command:?}\n", char::from(command.letter())));
        insta::assert_snapshot!(rows.collect::<String>());
    }
}
