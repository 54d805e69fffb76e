//! Why there is no answer.

use rustix::io::Errno;
use std::borrow::Cow;
use tool::Fatal;

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The DNS says that there is no such name.
    NoSuchName,
    /// The servers can't read the question.
    FormatError,
    /// The servers have a problem.
    ServerFailure,
    /// The servers don't know such questions.
    NotImplemented,
    /// The servers don't want to answer.
    Refused,
    /// The servers answer with a code that nobody knows.
    UnknownCode,
    /// The answer can't be read.
    Malformed,
    /// No server could be reached, or none answered however often it was asked.
    NoServer,
    /// The deadline has passed.
    TimedOut,
    /// What was asked for is no domain name: a label of more than 63 bytes, or more than 255 in all.
    NameTooLong,
    /// The system failed.
    System(Errno),
}

impl Failure {
    /// What a response code other than 0 means.
    #[must_use]
    pub fn from_code(code: u8) -> Self {
        match code {
            1 => Self::FormatError,
            2 => Self::ServerFailure,
            3 => Self::NoSuchName,
            4 => Self::NotImplemented,
            5 => Self::Refused,
            _ => Self::UnknownCode,
        }
    }

    /// Whether a server answered; otherwise it never came to that.
    #[must_use]
    pub fn is_answer(self) -> bool {
        !matches!(self, Self::NoServer | Self::TimedOut | Self::NameTooLong | Self::System(_))
    }

    /// For people: the reason, a phrase.
    #[must_use]
    pub fn text(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::NoSuchName => "no such domain",
            Self::FormatError => "server did not understand query",
            Self::ServerFailure => "server failure",
            Self::NotImplemented => "not implemented in server",
            Self::Refused => "server refused",
            Self::UnknownCode => "unknown network error",
            Self::Malformed => "malformed packet",
            Self::NoServer => "no available DNS server",
            Self::TimedOut => "query timed out",
            Self::NameTooLong => return sys::strerror(Errno::NAMETOOLONG).into(),
            Self::System(e) => return sys::strerror(e).into(),
        })
    }

    /// The exit code of a tool that looks something up: 99 for a time-out, 2 if servers answered but have nothing to
    /// give, 111 if it never came to that.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::TimedOut => 99,
            other if other.is_answer() => 2,
            _ => 111,
        }
    }

    /// `unable to DO: REASON`, with the exit code of [`Failure::code`].
    #[must_use]
    pub fn fatal(self, to_do: &str) -> Fatal {
        Fatal::new(self.code(), format!("unable to {to_do}: {}", self.text()))
    }
}

impl From<Errno> for Failure {
    fn from(e: Errno) -> Self {
        Self::System(e)
    }
}
