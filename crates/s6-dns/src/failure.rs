//! Why a question has no answer.

use rustix::io::Errno;
use std::borrow::Cow;
use tool::Fatal;

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The DNS says that there is no such name.
    NoSuchName,
    /// The servers can't parse the question.
    FormatError,
    /// The servers have a problem.
    ServerFailure,
    /// The servers don't support such questions.
    NotImplemented,
    /// The servers refuse to answer.
    Refused,
    /// The servers answer with an unknown response code.
    UnknownCode,
    /// The answer can't be parsed.
    Malformed,
    /// The name is an alias at the start of a chain that is too long.
    TooManyAliases,
    /// No server could be reached, or none answered in any round.
    NoServer,
    /// The deadline has passed.
    TimedOut,
    /// Not a domain name: a label exceeds 63 bytes, or all of it 255.
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

    /// Whether a server answered, even if with an error.
    #[must_use]
    pub fn is_answer(self) -> bool {
        !matches!(self, Self::NoServer | Self::TimedOut | Self::NameTooLong | Self::System(_))
    }

    /// The reason as a phrase, for messages.
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
            Self::TooManyAliases => "chain of more than 16 aliases",
            Self::NoServer => "no available DNS server",
            Self::TimedOut => "query timed out",
            Self::NameTooLong => return sys::strerror(Errno::NAMETOOLONG).into(),
            Self::System(e) => return sys::strerror(e).into(),
        })
    }

    /// The exit code of a tool that looks something up: 99 for a time-out, 2 if servers answered with an error, 111 if
    /// no server answered.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::TimedOut => 99,
            other if other.is_answer() => 2,
            _ => 111,
        }
    }

    /// The error `unable to DO: REASON`, with the exit code of [`Failure::code`].
    #[must_use]
    pub fn fatal(self, to_do: &str) -> Fatal {
        Fatal::new(self.code(), format_args!("unable to {to_do}: {}", self.text()))
    }
}

impl From<Errno> for Failure {
    fn from(e: Errno) -> Self {
        Self::System(e)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_a_text_and_an_exit_code() {
        let system = [Failure::NoServer, Failure::TimedOut, Failure::NameTooLong, Failure::System(Errno::IO)];
        let mut table = String::new();
        for failure in (0..=6).map(Failure::from_code).chain([Failure::Malformed]).chain(system) {
            let text = failure.text();
            table.push_str(&format!(
                "{failure:?}: {} {text}, {}\n",
                failure.code(),
                crate::skadns::error_number(failure)
            ));
        }
        insta::assert_snapshot!(table);
    }
}
