//! The letters that are written into control FIFOs.

/// Letters for `supervise/control`, one service's supervisor.
///
/// The documentation of s6-svc names them; a letter that isn't listed is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Send a signal to the service's process.
    Signal(ProcessSignal),
    /// `p`: stop the process.
    Pause,
    /// `c`: continue the process.
    Continue,
    /// `P`: stop the process group.
    PauseGroup,
    /// `C`: continue the process group.
    ContinueGroup,
    /// `K`: kill the process group.
    KillGroup,
    /// `r`: send the down signal (and let the service restart).
    Restart,
    /// `l`: send the reload signal.
    Reload,
    /// `o`: start if down, don't restart.
    Once,
    /// `O`: don't restart, don't start.
    OnceAtMost,
    /// `u`: start and keep up.
    Up,
    /// `U`: the same, and remove the `down` file.
    UpForGood,
    /// `d`: stop and keep down.
    Down,
    /// `D`: the same, and make the `down` file.
    DownForGood,
    /// `Q`: don't restart, and make the `down` file.
    OnceForGood,
    /// `x`: leave when the service stops.
    Exit,
}

/// The signals that have a letter of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessSignal {
    /// `a`
    Alarm,
    /// `b`
    Abort,
    /// `q`
    Quit,
    /// `h`
    Hangup,
    /// `k`
    Kill,
    /// `t`
    Terminate,
    /// `i`
    Interrupt,
    /// `1`
    User1,
    /// `2`
    User2,
    /// `y`
    Window,
}

const LETTERS: &[(u8, Command)] = &[
    (b'a', Command::Signal(ProcessSignal::Alarm)),
    (b'b', Command::Signal(ProcessSignal::Abort)),
    (b'q', Command::Signal(ProcessSignal::Quit)),
    (b'h', Command::Signal(ProcessSignal::Hangup)),
    (b'k', Command::Signal(ProcessSignal::Kill)),
    (b't', Command::Signal(ProcessSignal::Terminate)),
    (b'i', Command::Signal(ProcessSignal::Interrupt)),
    (b'1', Command::Signal(ProcessSignal::User1)),
    (b'2', Command::Signal(ProcessSignal::User2)),
    (b'y', Command::Signal(ProcessSignal::Window)),
    (b'p', Command::Pause),
    (b'c', Command::Continue),
    (b'P', Command::PauseGroup),
    (b'C', Command::ContinueGroup),
    (b'K', Command::KillGroup),
    (b'r', Command::Restart),
    (b'l', Command::Reload),
    (b'o', Command::Once),
    (b'O', Command::OnceAtMost),
    (b'u', Command::Up),
    (b'U', Command::UpForGood),
    (b'd', Command::Down),
    (b'D', Command::DownForGood),
    (b'Q', Command::OnceForGood),
    (b'x', Command::Exit),
];

impl Command {
    /// The command of a letter.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        LETTERS.iter().find(|(l, _)| *l == letter).map(|(_, c)| *c)
    }

    /// The letter of a command.
    #[must_use]
    pub fn letter(self) -> Option<u8> {
        LETTERS.iter().find(|(_, c)| *c == self).map(|(l, _)| *l)
    }
}

/// Letters for `.s6-svscan/control`, the scan directory's host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanCommand {
    /// `z`: reap dead children.
    Reap,
    /// `a`: scan.
    Scan,
    /// `b`: leave at once, without waiting for services.
    Abort,
    /// `h`: scan and prune.
    Hangup,
    /// `t` or `i`: stop all services; loggers end when their producers have; then leave.
    Terminate,
    /// `q`: stop all services and loggers, then leave.
    Quit,
    /// `n`: stop the services that the last scan didn't see; loggers end when their producers have.
    Prune,
    /// `N`: the same, loggers are stopped too.
    PruneWithLoggers,
    /// `R`: execute the host's program anew, in the same process, and go on.
    Reexecute,
}

impl ScanCommand {
    /// The command of a letter.
    #[must_use]
    pub fn from_letter(letter: u8) -> Option<Self> {
        Some(match letter {
            b'z' => Self::Reap,
            b'a' => Self::Scan,
            b'b' => Self::Abort,
            b'h' => Self::Hangup,
            b'i' | b't' => Self::Terminate,
            b'q' => Self::Quit,
            b'n' => Self::Prune,
            b'N' => Self::PruneWithLoggers,
            b'R' => Self::Reexecute,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_commands_are_one_to_one() {
        for (letter, command) in LETTERS {
            assert_eq!(Command::from_letter(*letter), Some(*command));
            assert_eq!(command.letter(), Some(*letter));
        }
        assert_eq!(LETTERS.len(), 25);
        assert_eq!(Command::from_letter(b'z'), None);
    }

    #[test]
    fn scan_letters() {
        assert_eq!(ScanCommand::from_letter(b'i'), Some(ScanCommand::Terminate));
        assert_eq!(ScanCommand::from_letter(b's'), None);
    }
}
