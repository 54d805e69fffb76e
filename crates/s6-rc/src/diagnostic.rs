//! What is wrong with a service definition: a value that knows the place, the fault and the way out.

use tool::diag::shown;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Legal, and often meant so: a file that is never read, a service that no bundle starts.
    Note,
    /// It compiles, and will not do what its author expects.
    Warning,
    /// There is no database.
    Error,
}

/// One finding about the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file or directory, as the source directory was given.
    pub file: Vec<u8>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column in bytes, from 1.
    pub column: Option<u32>,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Diagnostic {
    /// A finding about a whole file or directory.
    #[must_use]
    pub fn new(severity: Severity, file: Vec<u8>, text: impl Into<String>) -> Self {
        Self { severity, file, line: None, column: None, text: text.into(), advice: None }
    }

    /// An error about a whole file or directory.
    pub(crate) fn error(file: Vec<u8>, text: impl Into<String>) -> Self {
        Self::new(Severity::Error, file, text)
    }

    /// The same at a line; 0 means none in particular.
    pub(crate) fn line(mut self, line: u32) -> Self {
        self.line = (line != 0).then_some(line);
        self
    }

    /// The same at a column of its line.
    pub(crate) fn column(mut self, column: u32) -> Self {
        self.column = (column != 0).then_some(column);
        self
    }

    /// The same with advice.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl std::fmt::Display for Diagnostic {
    /// `FILE:LINE:COLUMN: TEXT (ADVICE)` on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(&self.file))?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.text)?;
        self.advice.as_ref().map_or(Ok(()), |advice| write!(f, " ({advice})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_one_line() {
        let d = Diagnostic::error(b"s/a\n/up".to_vec(), "unmatched {").line(2).column(7).advice("close it");
        assert_eq!(d.to_string(), "s/a\\n/up:2:7: unmatched { (close it)");
        assert_eq!(Diagnostic::error(b"s".to_vec(), "x").line(0).to_string(), "s: x");
    }
}
