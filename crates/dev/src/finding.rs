//! What a check has found: the place, the fault, the way out, and how a program may fix it.

use s6_rc::diagnostic::{Code, Severity};

/// A part of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The line, from 1.
    pub line: u32,
    /// The first column in bytes, from 1; 0: the whole line.
    pub column: u32,
    /// The column behind it.
    pub end: u32,
}

impl Span {
    /// A whole line.
    #[must_use]
    pub fn line(line: u32) -> Self {
        Self { line, column: 0, end: 0 }
    }
}

/// A change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Other permissions.
    Mode(Vec<u8>, u32),
    /// Other bytes in the place of a range of the file's.
    Replace(Vec<u8>, std::ops::Range<usize>, Vec<u8>),
    /// Another name.
    Rename(Vec<u8>, Vec<u8>),
    /// A new file with these permissions and contents, and the directories above it.
    Create(Vec<u8>, u32, Vec<u8>),
    /// No file any more.
    Remove(Vec<u8>),
}

impl Edit {
    /// The file that is changed.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        match self {
            Self::Mode(path, _)
            | Self::Replace(path, ..)
            | Self::Rename(path, _)
            | Self::Create(path, ..)
            | Self::Remove(path) => path,
        }
    }
}

/// What fixes a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Whether the result is what the author meant in all likelihood.
    pub safe: bool,
    /// What it does, for people: "chmod 755".
    pub what: String,
    /// The changes.
    pub edits: Vec<Edit>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which lint it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The file or directory, as the container has it, or a name as [`crate::tree::DOCKERFILE`]; empty for a finding about the
    /// whole.
    pub path: Vec<u8>,
    /// Where in the file.
    pub span: Option<Span>,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub advice: Option<String>,
    /// How a program fixes it.
    pub fix: Option<Fix>,
}

impl Finding {
    /// A finding of the lint's usual severity about a whole file.
    #[must_use]
    pub fn new(code: u16, path: &[u8], text: impl Into<String>) -> Self {
        Self {
            code: Code(code),
            severity: crate::registry::severity(Code(code)),
            path: path.to_vec(),
            span: None,
            text: text.into(),
            advice: None,
            fix: None,
        }
    }

    /// The same at a place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// The same with a fix that needs no second look.
    #[must_use]
    pub fn safe_fix(self, what: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self { fix: Some(Fix { safe: true, what: what.into(), edits }), ..self }
    }

    /// The same with other permissions for its file as the way out.
    #[must_use]
    pub fn chmod(self, mode: u32) -> Self {
        let edit = Edit::Mode(self.path.clone(), mode);
        self.advice(format!("chmod {mode:o} it")).safe_fix(format!("chmod {mode:o}"), vec![edit])
    }

    /// The same with a fix that needs one.
    #[must_use]
    pub fn unsafe_fix(self, what: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self { fix: Some(Fix { safe: false, what: what.into(), edits }), ..self }
    }

    /// What findings are sorted by: file, line, column, code.
    #[must_use]
    pub fn order(&self) -> (&[u8], Option<Span>, Code, &str) {
        (&self.path, self.span, self.code, &self.text)
    }
}
