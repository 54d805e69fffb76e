//! How the value of a variable is read, and its default.

use crate::layout::ETC;

/// On with any number except 0.
#[derive(Debug, Clone, Copy)]
pub struct Switch(pub bool);

/// A decimal number.
#[derive(Debug, Clone, Copy)]
pub struct Number(pub u32);

/// A file creation mask, in octal.
#[derive(Debug, Clone, Copy)]
pub struct Umask(pub u32);

/// A time in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Milliseconds(pub u32);

/// A time in milliseconds; 0 means that there is no limit.
#[derive(Debug, Clone, Copy)]
pub struct Limit(pub u32);

/// A number of bytes, also in units: `k` or `M`.
#[derive(Debug, Clone, Copy)]
pub struct Size(pub u32);

/// Any text; an empty default is none.
#[derive(Debug, Clone, Copy)]
pub struct Text(pub &'static str);

/// A path; the default is below /etc or the folder of S6_RUNTIME_PROFILE.
#[derive(Debug, Clone, Copy)]
pub struct ImagePath(pub &'static str);

/// The name of a user; the default is the user with this id, who needs no name.
#[derive(Debug, Clone, Copy)]
pub struct User(pub u32);

/// Words, split as a shell splits an unquoted variable.
#[derive(Debug, Clone, Copy)]
pub struct Words(pub &'static str);

/// The directives of a logger, split at blanks and line ends.
#[derive(Debug, Clone, Copy)]
pub struct Directives(pub &'static str);

/// Directories, separated by colons.
#[derive(Debug, Clone, Copy)]
pub struct SearchPath(pub &'static str);

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
