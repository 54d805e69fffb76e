//! What a rule reports.

/// Where a rule is broken, and how to fix it.
#[derive(Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The file, or the folder.
    pub path: String,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
    /// What is wrong, and what to do about it.
    pub what: String,
}

impl Complaint {
    /// A complaint about a line of a file.
    pub fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into() }
    }
}
