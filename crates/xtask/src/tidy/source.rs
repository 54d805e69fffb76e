//! What the rules read.

/// A file of the workspace.
pub struct Source {
    /// Its path from the top, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}
