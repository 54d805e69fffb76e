//! Where a change prints what it does.

use crate::report::{Level, Line};
use tool::{Fatal, Out, diag};

/// The name that messages begin with, and how many of them are printed.
#[derive(Debug, Clone, Copy)]
pub struct Reporter<'a> {
    /// The name of the program that reports.
    pub name: &'a str,
    /// 0: nothing; 1: failures; 2: transitions too; 3: services that are already where they should be, too.
    pub verbosity: u32,
    /// Services whose transitions are printed with those that are where they should be already, from 3 on: they have
    /// nothing to do.
    pub idle: &'a [&'a [u8]],
}

impl Reporter<'_> {
    /// Prints a line on standard error.
    pub(crate) fn print(&self, line: &Line) {
        match line.level {
            Level::Warning => diag::warn(self.name, &line.text),
            Level::Info => diag::info(self.name, &line.text),
        }
    }

    /// Prints a line on standard output.
    ///
    /// # Errors
    /// Standard output can't be written: code 111.
    pub(crate) fn output(&self, line: &[u8]) -> Result<(), Fatal> {
        let mut out = Out::new();
        out.line(line)?;
        out.flush()
    }
}
