//! Why a service did not get where it should.

use crate::oneshot::Answer;
use crate::standing::Trouble;
use rustix::io::Errno;
use sys::process::Ended;
use tool::{diag::show, exec_failure};

/// Why a transition failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The service's script exited with this code, not 0.
    Exited(u8),
    /// The service's script was killed by this signal.
    Killed(u8),
    /// The service's script or supervisor could not be used.
    Unable(String),
    /// The transition took longer than the service's time-out allows, and what the service has put that off by.
    TimedOut {
        /// How long it took, in milliseconds.
        after: u32,
        /// What the transition was waiting for.
        waited_for: String,
    },
    /// The service failed for good: its `finish` exited 125.
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
            Trouble::NotStarted => Self::Unable(
                "its run script can't be started, for the reason that its supervisor printed".into(),
            ),
            Trouble::GivenUp => Self::Unable(
                "it is down and isn't wanted up any more: its finish script exited 125, or it was told to stop".into(),
            ),
            Trouble::NoDescriptors => Self::Unable("no descriptors are left".into()),
            Trouble::Failed(e) => Self::Unable(format!("its supervisor can't be used: {}", sys::strerror(e))),
        }
    }

    /// Why the end of a script with this command line is a failure; `None` if it isn't.
    pub(crate) fn of_answer(answer: Answer, argv: &[Vec<u8>]) -> Option<Self> {
        match answer {
            Answer::Ended(Ended::Exited(0)) => None,
            Answer::Ended(Ended::Exited(code)) => Some(Self::Exited(code)),
            Answer::Ended(Ended::Killed(signal)) => Some(Self::Killed(signal)),
            Answer::NotRun(e) => Some(Self::of_script_not_run(e, argv)),
        }
    }

    /// A script with this command line could not be run.
    pub(crate) fn of_script_not_run(e: Errno, argv: &[Vec<u8>]) -> Self {
        let program = argv.first().map_or(&[][..], Vec::as_slice);
        let why = exec_failure::explain_word(program, e);
        Self::Unable(format!("{} could not be run: {why}", show(program)))
    }
}

impl Failure {
    /// The exit code of the service's script, or 128 and the number of the signal that killed it; `None` if it failed
    /// otherwise.
    #[must_use]
    pub fn script_code(&self) -> Option<u8> {
        match self {
            Self::Exited(code) => Some(*code),
            Self::Killed(signal) => Some(Ended::Killed(*signal).code()),
            Self::Unable(_) | Self::TimedOut { .. } | Self::Permanent | Self::Interrupted => None,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "command exited {code}{}", exec_failure::explain_code(*code)),
            Self::Killed(signal) => {
                write!(f, "command crashed with signal {signal}{}", exec_failure::explain_signal(*signal))
            }
            Self::Unable(text) => f.write_str(text),
            Self::TimedOut { after, waited_for } => {
                write!(f, "timed out after {after} ms, waiting for {waited_for}")
            }
            Self::Permanent => f.write_str("permanent failure, its finish script exited 125"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;
    use crate::oneshot::Answer;
    use crate::standing::Trouble;
    use rustix::io::Errno;
    use sys::process::Ended;

    #[test]
    fn each_failure_has_its_text() {
        let waited_for = "rain".to_owned();
        let failures = [
            Failure::Exited(7),
            Failure::Exited(127),
            Failure::Killed(9),
            Failure::Killed(11),
            Failure::Unable("it is gone".into()),
            Failure::TimedOut { after: 1500, waited_for },
            Failure::Permanent,
            Failure::Interrupted,
        ];
        assert_eq!(
            failures.map(|f| f.to_string()),
            [
                "command exited 7",
                "command exited 127 (a command in it was not found)",
                "command crashed with signal 9 (the kernel sends it if memory runs out)",
                "command crashed with signal 11",
                "it is gone",
                "timed out after 1500 ms, waiting for rain",
                "permanent failure, its finish script exited 125",
                "interrupted",
            ]
        );
    }

    #[test]
    fn each_trouble_with_a_supervisor_has_its_text() {
        let troubles = [
            Trouble::NotSupervised,
            Trouble::Permanent,
            Trouble::NotStarted,
            Trouble::GivenUp,
            Trouble::NoDescriptors,
            Trouble::Failed(Errno::IO),
        ];
        assert_eq!(
            troubles.map(|t| Failure::of_trouble(t).to_string()),
            [
                "no supervisor runs on its service directory".to_owned(),
                "permanent failure, its finish script exited 125".to_owned(),
                "its run script can't be started, for the reason that its supervisor printed".to_owned(),
                "it is down and isn't wanted up any more: its finish script exited 125, or it was told to stop"
                    .to_owned(),
                "no descriptors are left".to_owned(),
                format!("its supervisor can't be used: {}", sys::strerror(Errno::IO)),
            ]
        );
    }

    #[test]
    fn a_script_that_ended_has_a_code() {
        let codes = [Failure::Exited(4), Failure::Killed(9), Failure::Permanent].map(|f| f.script_code());
        assert_eq!(codes, [Some(4), Some(137), None]);
    }

    #[test]
    fn a_script_fails_unless_it_exits_0() {
        let argv = [b"prog".to_vec(), b"arg".to_vec()];
        let of = |answer| Failure::of_answer(answer, &argv);
        assert_eq!(of(Answer::Ended(Ended::Exited(0))), None);
        assert_eq!(of(Answer::Ended(Ended::Exited(1))), Some(Failure::Exited(1)));
        assert_eq!(of(Answer::Ended(Ended::Killed(15))), Some(Failure::Killed(15)));
        let text = "prog could not be run: No such file or directory".to_owned();
        assert_eq!(of(Answer::NotRun(Errno::NOENT)), Some(Failure::Unable(text)));
    }
}
