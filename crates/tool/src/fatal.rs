//! Fatal errors as values.

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
pub trait OrUnable<T> {
    /// `unable to DO: REASON`, code 111; the text is only made if there is an error.
    fn or_unable<S: AsRef<str>>(self, to_do: impl FnOnce() -> S) -> Result<T, Fatal>;
}

impl<T> OrUnable<T> for Result<T, Errno> {
    fn or_unable<S: AsRef<str>>(self, to_do: impl FnOnce() -> S) -> Result<T, Fatal> {
        self.map_err(|e| Fatal::unable(to_do().as_ref(), e))
    }
}

impl<T> OrUnable<T> for std::io::Result<T> {
    fn or_unable<S: AsRef<str>>(self, to_do: impl FnOnce() -> S) -> Result<T, Fatal> {
        self.map_err(|e| match Errno::from_io_error(&e) {
            Some(errno) => Fatal::unable(to_do().as_ref(), errno),
            None => Fatal::new(111, format!("unable to {}: {e}", to_do().as_ref())),
        })
    }
}
