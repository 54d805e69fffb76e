//! Values of the overlay's variables.
//!
//! A variable is read from the container's environment whenever it is needed, since scripts may change it.  A value that
//! isn't a number counts as not set.

use crate::environment::contenv;
use crate::environment::listen::{self, Listen};
use crate::environment::variables::{
    Directives, ImagePath, Limit, Milliseconds, Number, S6_BEHAVIOUR_IF_STAGE2_FAILS, S6_HTTP,
    S6_RUNTIME_PROFILE, S6_VERBOSITY, Size, Switch, Text, Umask, User, Variable, Words,
};
use crate::layout::ETC;
use rustix::fs::Mode;
use std::sync::OnceLock;
use std::time::Duration;
use tool::path::join;
use tool::{Env, Fatal, diag};
use wire::number;

/// The profiles of S6_RUNTIME_PROFILE.
const PROFILES: &[u8] = b"/etc/cont-profile.d/";

/// The sizes that [`Settings::size`] takes, in bytes.
const SIZES: std::ops::RangeInclusive<u32> = 16 << 10..=64 << 20;

/// What a text file of the overlay says of the messages of the program that does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Messages {
    /// The verbosity where S6_VERBOSITY isn't set.
    pub default: u32,
    /// Whether there are any.
    pub wanted: bool,
}

impl Messages {
    /// The messages of a program without such a file.
    pub const DEFAULT: Self = Self { default: S6_VERBOSITY.kind.0, wanted: true };

    /// Makes them those of this process, unless they were set before.
    pub fn set(self) {
        let _ = MESSAGES.set(self);
    }
}

/// The messages of this process.
static MESSAGES: OnceLock<Messages> = OnceLock::new();

/// A process's view of the overlay's variables.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    env: &'a Env,
    of_container: bool,
}

impl<'a> Settings<'a> {
    /// `env` is the process's own environment, which counts under S6_KEEP_ENV.
    #[must_use]
    pub fn new(env: &'a Env) -> Self {
        Self { env, of_container: false }
    }

    /// `env` is the container's environment itself.
    #[must_use]
    pub fn of_container(env: &'a Env) -> Self {
        Self { env, of_container: true }
    }

    /// All variables of the container.
    ///
    /// # Errors
    /// They can't be read: 111.
    pub fn all(&self) -> Result<Env, Fatal> {
        if self.of_container || contenv::is_kept(self.env) {
            return Ok(self.env.clone());
        }
        let mut env = Env::new();
        contenv::load(&mut env)?;
        Ok(env)
    }

    /// A value unchanged, even if it is empty.
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        let name = name.as_bytes();
        if self.of_container {
            self.env.get(name).map(<[u8]>::to_vec)
        } else {
            contenv::lookup(self.env, name)
        }
    }

    fn number_or(&self, name: &str, default: u32) -> u32 {
        self.given_value(name).and_then(|v| number::decimal(v.trim_ascii_end())).unwrap_or(default)
    }

    fn given_value(&self, name: &str) -> Option<Vec<u8>> {
        self.value(name).filter(|v| !v.is_empty())
    }

    /// The value of a variable of any kind, if it isn't empty.
    #[must_use]
    pub fn given<K>(&self, variable: Variable<K>) -> Option<Vec<u8>> {
        self.given_value(variable.name)
    }

    /// A text, if it isn't empty.
    #[must_use]
    pub fn text(&self, variable: Variable<Text>) -> Option<Vec<u8>> {
        let text = self.given_value(variable.name).unwrap_or_else(|| variable.kind.0.into());
        (!text.is_empty()).then_some(text)
    }

    /// A path; `etc` is the folder of the image's files.
    #[must_use]
    pub fn path(&self, variable: Variable<ImagePath>, etc: &[u8]) -> Vec<u8> {
        self.given_value(variable.name).unwrap_or_else(|| join(etc, variable.kind.0.as_bytes()))
    }

    /// The name of a user; `None` for the default user.
    #[must_use]
    pub fn user(&self, variable: Variable<User>) -> Option<Vec<u8>> {
        self.given_value(variable.name)
    }

    /// Words, split as a shell splits an unquoted variable.
    #[must_use]
    pub fn words(&self, variable: Variable<Words>) -> Vec<Vec<u8>> {
        split_words(&self.given_value(variable.name).unwrap_or_else(|| variable.kind.0.into()))
    }

    /// The directives of a logger; none if the variable is set and empty.
    #[must_use]
    pub fn directives(&self, variable: Variable<Directives>) -> Vec<Vec<u8>> {
        let script = self.value(variable.name).unwrap_or_else(|| variable.kind.0.into());
        split_at(&script, b" \t\n\r")
    }

    /// A number.
    #[must_use]
    pub fn number(&self, variable: Variable<Number>) -> u32 {
        self.number_or(variable.name, variable.kind.0)
    }

    /// A file creation mask.
    ///
    /// # Errors
    /// The value is none: code 100.
    pub fn umask(&self, variable: Variable<Umask>) -> Result<Mode, Fatal> {
        let Some(value) = self.given_value(variable.name) else { return Ok(Mode::from(variable.kind.0)) };
        let mask = number::octal(value.trim_ascii_end()).filter(|mask| *mask <= 0o777).ok_or_else(|| {
            let shown = diag::show(&value);
            Fatal::user(format_args!(
                "{variable} is {shown}, which is no mask: write an octal number up to 777, such as 027"
            ))
        })?;
        Ok(Mode::from(mask))
    }

    /// A number of bytes of [`SIZES`], or 0.
    ///
    /// # Errors
    /// The value is none: code 100.
    pub fn size(&self, variable: Variable<Size>) -> Result<u32, Fatal> {
        let Some(value) = self.given_value(variable.name) else { return Ok(variable.kind.0) };
        number::bytes(value.trim_ascii_end()).filter(|size| *size == 0 || SIZES.contains(size)).ok_or_else(
            || {
                let shown = diag::show(&value);
                Fatal::user(format_args!(
                    "{variable} is {shown}, which is no size from 16k to 64M: write a number, such as 256k"
                ))
            },
        )
    }

    /// Where the attendant answers over HTTP: S6_HTTP.
    ///
    /// # Errors
    /// The value is no such place: code 100.
    pub fn http(&self) -> Result<Option<Listen>, Fatal> {
        let Some(value) = self.given(S6_HTTP) else { return Ok(None) };
        listen::parse(value.trim_ascii_end()).map(Some).ok_or_else(|| {
            let shown = diag::show(&value);
            Fatal::user(format!(
                "{S6_HTTP} is {shown}, which is no place to listen at: write an address with a port, such as \
                 127.0.0.1:9010, [::1]:9010 or :9010, or unix: and a path, such as unix:/run/http.sock"
            ))
        })
    }

    /// A time.
    #[must_use]
    pub fn time(&self, variable: Variable<Milliseconds>) -> Duration {
        Duration::from_millis(self.number_or(variable.name, variable.kind.0).into())
    }

    /// A time limit; `None` if there is none.
    #[must_use]
    pub fn limit(&self, variable: Variable<Limit>) -> Option<Duration> {
        let limit = self.number_or(variable.name, variable.kind.0);
        (limit > 0).then(|| Duration::from_millis(limit.into()))
    }

    /// A switch: on with any number except 0.
    #[must_use]
    pub fn switch(&self, variable: Variable<Switch>) -> bool {
        self.given_value(variable.name).map_or(variable.kind.0, |v| contenv::is_nonzero(&v))
    }

    /// What is printed: 0 errors, 1 also warnings, 2 also what is started and stopped.
    #[must_use]
    pub fn verbosity(&self) -> u32 {
        let messages = MESSAGES.get().copied().unwrap_or(Messages::DEFAULT);
        if messages.wanted { self.number_or(S6_VERBOSITY.name, messages.default) } else { 0 }
    }

    /// What a failure of the start means.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        Behaviour::from(self.number(S6_BEHAVIOUR_IF_STAGE2_FAILS))
    }

    /// The folder of the image's files: /etc, or the folder of S6_RUNTIME_PROFILE.
    #[must_use]
    pub fn etc(&self) -> Vec<u8> {
        match self.text(S6_RUNTIME_PROFILE) {
            Some(profile) => [PROFILES, profile.trim_ascii_end()].concat(),
            None => ETC.into(),
        }
    }
}

/// What a failure of the start means: S6_BEHAVIOUR_IF_STAGE2_FAILS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// 0: the start goes on.
    GoOn,
    /// 1: the start goes on after a warning.
    Warn,
    /// 2 or more: the container stops.
    Stop,
}

impl From<u32> for Behaviour {
    fn from(number: u32) -> Self {
        match number {
            0 => Self::GoOn,
            1 => Self::Warn,
            _ => Self::Stop,
        }
    }
}

/// Splits at blanks and newlines, as a shell splits an unquoted variable.
#[must_use]
pub fn split_words(text: &[u8]) -> Vec<Vec<u8>> {
    split_at(text, b" \t\n")
}

fn split_at(text: &[u8], separators: &[u8]) -> Vec<Vec<u8>> {
    text.split(|b| separators.contains(b)).filter(|w| !w.is_empty()).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests;
