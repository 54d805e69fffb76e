//! How the value of a variable is read, and its default.

use crate::layout::ETC;

/// On with any number except 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch(pub(crate) bool);

/// A decimal number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number(pub(crate) u32);

/// A file creation mask, in octal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Umask(pub(crate) u32);

/// A time in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Milliseconds(pub(crate) u32);

/// A time in milliseconds; 0 means that there is no limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub(crate) u32);

/// A number of bytes, also in units: `k` or `M`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size(pub(crate) u32);

/// Any text; an empty default is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text(pub(crate) &'static str);

/// A path; the default is below /etc or the folder of S6_RUNTIME_PROFILE.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImagePath(pub(crate) &'static str);

/// The name of a user; the default is the user with this id, who needs no name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User(pub(crate) u32);

/// Words, split as a shell splits an unquoted variable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words(pub(crate) &'static str);

/// The directives of a logger, split at blanks and line ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directives(pub(crate) &'static str);

/// Directories, separated by colons.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchPath(pub(crate) &'static str);

/// A kind with the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On with any number except 0.
    Switch(bool),
    /// A decimal number.
    Number(u32),
    /// A file creation mask, in octal.
    Umask(u32),
    /// A time in milliseconds.
    Milliseconds(u32),
    /// A time in milliseconds; 0 means that there is no limit.
    Limit(u32),
    /// A number of bytes.
    Size(u32),
    /// Any text.
    Text(&'static str),
    /// A path; the default is below /etc or the folder of S6_RUNTIME_PROFILE.
    ImagePath(&'static str),
    /// The name of a user; the default is the user with this id.
    User(u32),
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
            Self::Number(n) | Self::Milliseconds(n) | Self::Limit(n) | Self::Size(n) => n.to_string(),
            Self::Umask(mask) => format!("{mask:03o}"),
            Self::User(0) => "`root`".to_owned(),
            Self::User(id) => id.to_string(),
            Self::ImagePath(path) => format!("`{ETC}/{path}`"),
            Self::Text("") | Self::Words("") | Self::Directives("") | Self::SearchPath("") => String::new(),
            Self::Text(text) | Self::Words(text) | Self::Directives(text) | Self::SearchPath(text) => {
                format!("`{text}`")
            }
        }
    }
}
