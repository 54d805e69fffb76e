//! Fatal errors as values.

use crate::diag;
use rustix::io::Errno;
use std::borrow::Cow;

/// The exit code for wrong usage and wrong input.
pub(crate) const WRONG_USAGE: u8 = 100;

/// Why a tool can't go on, and the code that it exits with.
///
/// One word, and made out of line: it is on the way out of nearly every function.
#[derive(Debug)]
pub struct Fatal(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: u8,
    what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// Wrong usage: the usage line of the tool is printed.
    Usage,
    /// A message.
    Message(Cow<'static, str>),
    /// Nothing more to say: it was said already, or the tool fails silently by its documentation.
    Silent,
}

impl Fatal {
    /// Wrong usage: prints the usage line, code 100.
    #[must_use]
    pub fn usage() -> Self {
        Self::boxed(WRONG_USAGE, What::Usage)
    }

    #[cold]
    #[inline(never)]
    fn boxed(code: u8, what: What) -> Self {
        Self(Box::new(Inner { code, what }))
    }

    pub(crate) fn what(&self) -> &What {
        &self.0.what
    }

    /// `TOOL: fatal: MESSAGE` with this code.
    pub fn new(code: u8, message: impl Into<Cow<'static, str>>) -> Self {
        Self::boxed(code, What::Message(message.into()))
    }

    /// Wrong input from the user: `TOOL: fatal: MESSAGE`, code 100.
    pub fn user(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(WRONG_USAGE, message)
    }

    /// The system failed: `TOOL: fatal: unable to DO: REASON`, code 111.  `to_do` is such as `open /etc/x`.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn unable(to_do: &str, e: Errno) -> Self {
        Self::new(111, format!("unable to {to_do}: {}", sys::strerror(e)))
    }

    /// The same, done to a file: `unable to DO FILE: REASON`.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn unable_to(to_do: &str, file: &[u8], e: Errno) -> Self {
        Self::unable(&with_file(to_do, file), e)
    }

    /// The same with an error of the standard library, which may be none of the system's.
    #[cold]
    #[inline(never)]
    fn io(to_do: &str, e: &std::io::Error) -> Self {
        match Errno::from_io_error(e) {
            Some(errno) => Self::unable(to_do, errno),
            None => Self::new(111, format!("unable to {to_do}: {e}")),
        }
    }

    /// A silent end with this code.
    #[must_use]
    pub fn silent(code: u8) -> Self {
        Self::boxed(code, What::Silent)
    }

    /// The same with another exit code.
    #[must_use]
    pub fn with_code(mut self, code: u8) -> Self {
        self.0.code = code;
        self
    }

    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.0.code
    }

    /// The message, for callers that report it themselves; empty for a usage error.
    #[must_use]
    pub fn message(&self) -> &str {
        if let What::Message(m) = &self.0.what { m } else { "" }
    }
}

/// Turns the error of a system call into a [`Fatal`].
pub trait OrUnable<T>: Sized {
    /// `unable to DO: REASON`, code 111; the text is only made if there is an error.
    fn or_unable<S: AsRef<str>>(self, to_do: impl FnOnce() -> S) -> Result<T, Fatal>;

    /// `unable to DO FILE: REASON`, code 111.  `to_do` is such as `open`.
    fn or_unable_to(self, to_do: &'static str, file: &[u8]) -> Result<T, Fatal>;
}

impl<T> OrUnable<T> for Result<T, Errno> {
    fn or_unable<S: AsRef<str>>(self, to_do: impl FnOnce() -> S) -> Result<T, Fatal> {
        self.map_err(|e| Fatal::unable(to_do().as_ref(), e))
    }

    fn or_unable_to(self, to_do: &'static str, file: &[u8]) -> Result<T, Fatal> {
        self.map_err(|e| Fatal::unable_to(to_do, file, e))
    }
}

impl<T> OrUnable<T> for std::io::Result<T> {
    fn or_unable<S: AsRef<str>>(self, to_do: impl FnOnce() -> S) -> Result<T, Fatal> {
        self.map_err(|e| Fatal::io(to_do().as_ref(), &e))
    }

    fn or_unable_to(self, to_do: &'static str, file: &[u8]) -> Result<T, Fatal> {
        self.map_err(|e| Fatal::io(&with_file(to_do, file), &e))
    }
}

fn with_file(to_do: &str, file: &[u8]) -> String {
    [to_do, " ", &diag::show(file)].concat()
}
