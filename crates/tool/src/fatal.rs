//! Fatal errors as values.

use crate::diag;
use rustix::io::Errno;
use std::borrow::Cow;
use std::fmt;

/// The exit code for wrong usage and wrong input.
pub(crate) const WRONG_USAGE: u8 = 100;

/// The exit code for a failure of the system.
pub(crate) const SYSTEM_FAILED: u8 = 111;

/// The exit code for a program that exists and can't be run.
pub(crate) const NOT_RUNNABLE: u8 = 126;

/// The exit code for a program that doesn't exist.
pub(crate) const NOT_FOUND: u8 = 127;

/// Why a tool can't continue, and its exit code.
///
/// It has the size of one word and is made out of line, because nearly every function may return it.
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
    /// Nothing: it was reported already, or the tool fails silently by its documentation.
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
    pub fn new(code: u8, message: impl Text) -> Self {
        Self::boxed(code, What::Message(message.into_text()))
    }

    /// Wrong input from the user: `TOOL: fatal: MESSAGE`, code 100.
    pub fn user(message: impl Text) -> Self {
        Self::new(WRONG_USAGE, message)
    }

    /// The system failed: `TOOL: fatal: unable to DO: REASON`, code 111.  `to_do` is such as `open /etc/x`.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn unable(to_do: impl fmt::Display, e: Errno) -> Self {
        Self::new(SYSTEM_FAILED, format_args!("unable to {to_do}: {}", sys::strerror(e)))
    }

    /// The same for an operation on a file: `unable to DO FILE: REASON`.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn unable_to(to_do: &str, file: &[u8], e: Errno) -> Self {
        Self::unable(format_args!("{to_do} {}", diag::show(file)), e)
    }

    /// The same with an error of the standard library, which may be none of the system's.
    #[cold]
    #[inline(never)]
    fn io(to_do: &str, e: &std::io::Error) -> Self {
        match Errno::from_io_error(e) {
            Some(errno) => Self::unable(to_do, errno),
            None => Self::new(SYSTEM_FAILED, format_args!("unable to {to_do}: {e}")),
        }
    }

    /// Exits with this code, without a message.
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

    /// The same with more text at the end of the message, if it has one.
    #[must_use]
    pub fn and(mut self, more: &str) -> Self {
        if let What::Message(message) = &mut self.0.what {
            message.to_mut().push_str(more);
        }
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

/// What a message can be made of, by the function that takes it and not by each of its callers.
pub trait Text {
    /// The text.
    fn into_text(self) -> Cow<'static, str>;
}

impl Text for &'static str {
    fn into_text(self) -> Cow<'static, str> {
        Cow::Borrowed(self)
    }
}

impl Text for String {
    fn into_text(self) -> Cow<'static, str> {
        Cow::Owned(self)
    }
}

impl Text for fmt::Arguments<'_> {
    fn into_text(self) -> Cow<'static, str> {
        Cow::Owned(fmt::format(self))
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
    [to_do, " ", &diag::shown(file)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(fatal: &Fatal) -> (u8, &str) {
        (fatal.code(), fatal.message())
    }

    #[test]
    fn each_kind_has_its_code_and_text() {
        let reason = sys::strerror(Errno::NOENT);
        assert_eq!(shape(&Fatal::usage()), (100, ""));
        assert_eq!(shape(&Fatal::user("no")), (100, "no"));
        assert_eq!(shape(&Fatal::new(3, "no")), (3, "no"));
        assert_eq!(shape(&Fatal::silent(1)), (1, ""));
        assert_eq!(
            shape(&Fatal::unable("open x", Errno::NOENT)),
            (111, &*format!("unable to open x: {reason}"))
        );
        let hostile = Fatal::unable_to("open", b"a\nb", Errno::NOENT);
        assert_eq!(shape(&hostile), (111, &*format!("unable to open a\\nb: {reason}")));
        assert_eq!(shape(&Fatal::user("no").with_code(2)), (2, "no"));
        assert!(matches!(Fatal::usage().what(), What::Usage));
        assert!(matches!(Fatal::silent(1).what(), What::Silent));
    }

    #[test]
    fn errors_of_the_system_and_of_the_library_become_fatal() {
        let failed: Result<(), Errno> = Err(Errno::ACCESS);
        let expected = format!("unable to read x: {}", sys::strerror(Errno::ACCESS));
        assert_eq!(shape(&failed.or_unable(|| "read x").unwrap_err()), (111, &*expected));
        assert_eq!(shape(&failed.or_unable_to("read", b"x").unwrap_err()), (111, &*expected));
        let io: Result<(), std::io::Error> =
            Err(std::io::Error::from_raw_os_error(Errno::ACCESS.raw_os_error()));
        assert_eq!(shape(&io.or_unable(|| "read x").unwrap_err()), (111, &*expected));
        let other: Result<(), std::io::Error> = Err(std::io::Error::other("odd"));
        assert_eq!(shape(&other.or_unable(|| "read x").unwrap_err()), (111, "unable to read x: odd"));
    }
}
