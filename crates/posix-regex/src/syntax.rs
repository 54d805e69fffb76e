//! The two syntaxes of POSIX.

/// Which of POSIX's two syntaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Operators are escaped: `\(a\)\{2\}`.
    Basic,
    /// Operators are bare: `(a){2}`.
    Extended,
}
