//! Values of the overlay's variables.
//!
//! Each is looked up in the container's environment when it is needed, since scripts may change it meanwhile.  A
//! value that isn't a number counts as not set.

use crate::environment::contenv;
use crate::environment::variables::{
    Directives, Limit, Milliseconds, Number, S6_BEHAVIOUR_IF_STAGE2_FAILS, S6_RUNTIME_PROFILE, S6_VERBOSITY,
    Switch, Text, Variable, Words,
};
use std::time::Duration;
use tool::Env;
use wire::number;

/// Where the image's own files are, without a profile.
const ETC: &[u8] = b"/etc";

/// Where the profiles of S6_RUNTIME_PROFILE are.
const PROFILES: &[u8] = b"/etc/cont-profile.d/";

/// A process's view of the overlay's variables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings<'a> {
    env: &'a Env,
    of_container: bool,
}

impl<'a> Settings<'a> {
    /// `env` is the process's own environment, which counts under S6_KEEP_ENV.
    #[must_use]
    pub(crate) fn new(env: &'a Env) -> Self {
        Self { env, of_container: false }
    }

    /// `env` is the container's environment itself.
    #[must_use]
    pub(crate) fn of_container(env: &'a Env) -> Self {
        Self { env, of_container: true }
    }

    /// A value as it is, also an empty one.
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

    /// Whatever a variable of any kind is set to, if it isn't empty.
    #[must_use]
    pub(crate) fn given<K>(&self, variable: Variable<K>) -> Option<Vec<u8>> {
        self.given_value(variable.name)
    }

    /// A text, if it isn't empty.
    #[must_use]
    pub(crate) fn text(&self, variable: Variable<Text>) -> Option<Vec<u8>> {
        self.given_value(variable.name)
    }

    /// Words, split as a shell does.
    #[must_use]
    pub(crate) fn words(&self, variable: Variable<Words>) -> Vec<Vec<u8>> {
        split_words(&self.given_value(variable.name).unwrap_or_else(|| variable.kind.0.into()))
    }

    /// A logger's directives; none where the variable is set and empty.
    #[must_use]
    pub(crate) fn directives(&self, variable: Variable<Directives>) -> Vec<Vec<u8>> {
        let script = self.value(variable.name).unwrap_or_else(|| variable.kind.0.into());
        split_at(&script, b" \t\n\r")
    }

    /// A number.
    #[must_use]
    pub(crate) fn number(&self, variable: Variable<Number>) -> u32 {
        self.number_or(variable.name, variable.kind.0)
    }

    /// A time.
    #[must_use]
    pub(crate) fn time(&self, variable: Variable<Milliseconds>) -> Duration {
        Duration::from_millis(self.number_or(variable.name, variable.kind.0).into())
    }

    /// A limit in time, if there is one.
    #[must_use]
    pub(crate) fn limit(&self, variable: Variable<Limit>) -> Option<Duration> {
        let limit = self.number_or(variable.name, variable.kind.0);
        (limit > 0).then(|| Duration::from_millis(limit.into()))
    }

    /// A switch: on with any number but 0.
    #[must_use]
    pub(crate) fn switch(&self, variable: Variable<Switch>) -> bool {
        self.given_value(variable.name).map_or(variable.kind.0, |v| contenv::is_nonzero(&v))
    }

    /// What is printed: 0 errors, 1 warnings too, 2 what is started and stopped too.
    #[must_use]
    pub(crate) fn verbosity(&self) -> u32 {
        self.number(S6_VERBOSITY)
    }

    /// What a failure of the start means.
    #[must_use]
    pub(crate) fn behaviour(&self) -> Behaviour {
        Behaviour::from(self.number(S6_BEHAVIOUR_IF_STAGE2_FAILS))
    }

    /// Where the image's own files are: /etc, or the folder of S6_RUNTIME_PROFILE.
    #[must_use]
    pub(crate) fn etc(&self) -> Vec<u8> {
        match self.text(S6_RUNTIME_PROFILE) {
            Some(profile) => [PROFILES, profile.trim_ascii_end()].concat(),
            None => ETC.to_vec(),
        }
    }
}

/// What a failure of the start means: S6_BEHAVIOUR_IF_STAGE2_FAILS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
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

/// Splits at blanks and newlines, as an unquoted variable is split by a shell.
#[must_use]
pub(crate) fn split_words(text: &[u8]) -> Vec<Vec<u8>> {
    split_at(text, b" \t\n")
}

fn split_at(text: &[u8], separators: &[u8]) -> Vec<Vec<u8>> {
    text.split(|b| separators.contains(b)).filter(|w| !w.is_empty()).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests;
