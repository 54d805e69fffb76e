//! The overlay's variables, as numbers and words.
//!
//! Each is looked up in the container's environment when it is needed, since scripts may change it meanwhile.  A
//! value that isn't a number counts as not set.

use crate::environment::contenv;
use std::time::Duration;
use tool::Env;
use wire::number;

/// A process's view of the overlay's variables.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    env: &'a Env,
    own: bool,
}

impl<'a> Settings<'a> {
    /// `env` is the process's own environment, which counts under S6_KEEP_ENV.
    #[must_use]
    pub fn new(env: &'a Env) -> Self {
        Self { env, own: false }
    }

    /// `env` is the container's environment itself.
    #[must_use]
    pub fn of_container(env: &'a Env) -> Self {
        Self { env, own: true }
    }

    /// A variable's value if it isn't empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Vec<u8>> {
        let name = name.as_bytes();
        let value =
            if self.own { self.env.get(name).map(<[u8]>::to_vec) } else { contenv::lookup(self.env, name) };
        value.filter(|v| !v.is_empty())
    }

    /// A variable's words, separated by blanks.
    #[must_use]
    pub fn words(&self, name: &str) -> Vec<Vec<u8>> {
        split_words(&self.text(name).unwrap_or_default())
    }

    /// A variable as a number.
    #[must_use]
    pub fn number(&self, name: &str, default: u32) -> u32 {
        self.text(name).and_then(|v| number::decimal(v.trim_ascii_end())).unwrap_or(default)
    }

    /// A variable as milliseconds; 0 is no limit.
    #[must_use]
    pub fn limit(&self, name: &str, default: u32) -> Option<Duration> {
        Some(self.number(name, default)).filter(|n| *n > 0).map(|n| Duration::from_millis(u64::from(n)))
    }

    /// A variable as a switch: on with any number but 0.
    #[must_use]
    pub fn switch(&self, name: &str) -> bool {
        self.text(name).is_some_and(|v| contenv::is_nonzero(&v))
    }

    /// S6_VERBOSITY: 0 errors, 1 warnings too, 2 what is started and stopped too.
    #[must_use]
    pub fn verbosity(&self) -> u32 {
        self.number("S6_VERBOSITY", 2)
    }

    /// S6_BEHAVIOUR_IF_STAGE2_FAILS: 0 go on, 1 warn, 2 stop the container.
    #[must_use]
    pub fn behaviour(&self) -> u32 {
        self.number("S6_BEHAVIOUR_IF_STAGE2_FAILS", 0)
    }

    /// Where the image's own files are: /etc, or the folder of S6_RUNTIME_PROFILE.
    #[must_use]
    pub fn etc(&self) -> Vec<u8> {
        match self.text("S6_RUNTIME_PROFILE") {
            Some(profile) => [b"/etc/cont-profile.d/", profile.trim_ascii_end()].concat(),
            None => b"/etc".to_vec(),
        }
    }
}

/// Splits at blanks and newlines, as an unquoted variable is split by a shell.
#[must_use]
pub fn split_words(text: &[u8]) -> Vec<Vec<u8>> {
    text.split(|b| b" \t\n".contains(b)).filter(|w| !w.is_empty()).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &[&str]) -> Env {
        Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect())
    }

    #[test]
    fn numbers_that_are_none_give_the_default() {
        let e = env(&["A=12", "B=x", "C=", "D=7\n", "E=-1"]);
        let s = Settings::of_container(&e);
        let all = ["A", "B", "C", "D", "E", "F"].map(|n| s.number(n, 3));
        assert_eq!(all, [12, 3, 3, 7, 3, 3]);
        assert_eq!(s.limit("F", 0), None);
        assert_eq!(s.limit("A", 0), Some(Duration::from_millis(12)));
    }

    #[test]
    fn words_are_split_at_blanks() {
        assert_eq!(split_words(b" /hook one\ttwo\n"), [&b"/hook"[..], b"one", b"two"]);
        assert!(split_words(b" \n").is_empty());
    }

    #[test]
    fn a_profile_moves_etc() {
        assert_eq!(
            Settings::of_container(&env(&["S6_RUNTIME_PROFILE=lite"])).etc(),
            b"/etc/cont-profile.d/lite"
        );
        assert_eq!(Settings::of_container(&env(&["S6_RUNTIME_PROFILE="])).etc(), b"/etc");
    }
}
