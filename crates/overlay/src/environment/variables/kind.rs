//! How a variable's value is read, and what counts where it isn't set.

/// On with any number but 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch(pub(crate) bool);

/// A decimal number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub(crate) u32);

/// A time in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Milliseconds(pub(crate) u32);

/// A time in milliseconds; 0 means that there is no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub(crate) u32);

/// Any text.  What is here is the page's word for what counts without one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text(#[allow(dead_code, reason = "for the page")] pub(crate) &'static str);

/// Words, split as a shell splits an unquoted variable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words(pub(crate) &'static str);

/// The directives of a logger, split at blanks and line ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directives(pub(crate) &'static str);

/// Directories, separated by colons.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchPath(pub(crate) &'static str);

/// One of these kinds, with the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On with any number but 0.
    Switch(bool),
    /// A decimal number.
    Number(u32),
    /// A time in milliseconds.
    Milliseconds(u32),
    /// A time in milliseconds; 0 means that there is no limit.
    Limit(u32),
    /// Any text.
    Text(&'static str),
    /// Words, split as a shell splits an unquoted variable.
    Words(&'static str),
    /// The directives of a logger.
    Directives(&'static str),
    /// Directories, separated by colons.
    SearchPath(&'static str),
}

impl Kind {
    /// The default as the page shows it, in Markdown; empty if there is none.
    #[must_use]
    pub fn default_shown(&self) -> String {
        match self {
            Self::Switch(on) => u8::from(*on).to_string(),
            Self::Number(n) | Self::Milliseconds(n) | Self::Limit(n) => n.to_string(),
            Self::Text("") | Self::Words("") | Self::Directives("") | Self::SearchPath("") => String::new(),
            Self::Text(text) | Self::Words(text) | Self::Directives(text) | Self::SearchPath(text) => {
                format!("`{text}`")
            }
        }
    }
}
