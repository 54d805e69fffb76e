//! Why a service did not get where it should.

use crate::longrun::Trouble;
use crate::oneshot::Answer;
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
    /// The transition took longer than the service's time-out allows.
    TimedOut {
        /// The time-out in milliseconds.
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

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "command exited {code}"),
            Self::Killed(signal) => write!(f, "command crashed with signal {signal}"),
            Self::Unable(text) => f.write_str(text),
            Self::TimedOut { after, waited_for } => {
                write!(f, "timed out after {after} ms, waiting for {waited_for}")
            }
            Self::Permanent => f.write_str("permanent failure, its finish script exited 125"),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}
