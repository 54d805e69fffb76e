//! The cases that may still fail: a list that only gets shorter.
//!
//! A case that isn't listed has to pass, and one that is listed has to fail: when it passes, it leaves the list.
//! `RATCHET=tighten` rewrites the list after a run without those that passed, `RATCHET=accept` also takes new
//! failures in (a new case of ours that isn't served yet).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::{env, fs, io};

const HEAD: &str = "\
# Recorded cases of the reference that fail here.  A case that isn't listed has to pass; one that is listed and
# passes fails the run until it is removed from here, which `cargo xtask ratchet` does.
";

/// The list and what this run found.
#[derive(Debug)]
pub struct Ratchet {
    path: PathBuf,
    mode: Mode,
    /// The listed names, `true` once a run of them has passed.
    listed: Mutex<BTreeMap<String, bool>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Check,
    Tighten,
    Accept,
}

/// What the ratchet makes of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// Fails, as known.
    Known,
    /// Fails and isn't listed.
    Fail,
    /// Passes and is listed.
    Stale,
}

impl Ratchet {
    /// Reads the list.
    pub fn read(path: PathBuf) -> Result<Self, String> {
        let mode = match env::var("RATCHET").as_deref() {
            Err(_) | Ok("") => Mode::Check,
            Ok("tighten") => Mode::Tighten,
            Ok("accept") => Mode::Accept,
            Ok(other) => return Err(format!("RATCHET is tighten or accept, not {other}")),
        };
        let text = match fs::read_to_string(&path) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => String::new(),
            other => other.map_err(|why| format!("unable to read {}: {why}", path.display()))?,
        };
        Ok(Self::new(path, mode, &text))
    }

    fn new(path: PathBuf, mode: Mode, text: &str) -> Self {
        let names = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
        let listed = names.map(|name| (name.to_owned(), false)).collect();
        Self { path, mode, listed: Mutex::new(listed) }
    }

    /// Takes the result of a case.
    pub fn judge(&self, name: &str, passed: bool) -> Verdict {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        match (listed.get_mut(name), passed) {
            (None, true) => Verdict::Pass,
            (None, false) if self.mode == Mode::Accept => {
                listed.insert(name.to_owned(), false);
                Verdict::Known
            }
            (None, false) => Verdict::Fail,
            (Some(_), false) => Verdict::Known,
            (Some(seen), true) => {
                *seen = true;
                if self.mode == Mode::Check { Verdict::Stale } else { Verdict::Pass }
            }
        }
    }

    /// Listed names that no case has.
    #[must_use]
    pub fn strangers(&self, known: impl Fn(&str) -> bool) -> Vec<String> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.keys().filter(|name| !known(name)).cloned().collect()
    }

    /// Rewrites the list if that was asked for.
    pub fn save(&self) -> Result<(), String> {
        if self.mode == Mode::Check {
            return Ok(());
        }
        fs::write(&self.path, self.text())
            .map_err(|why| format!("unable to write {}: {why}", self.path.display()))
    }

    fn text(&self) -> String {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let names = listed.iter().filter(|(_, passed)| !**passed).map(|(name, _)| format!("{name}\n"));
        HEAD.to_owned() + &names.collect::<String>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratchet(mode: Mode) -> Ratchet {
        Ratchet::new(PathBuf::new(), mode, "# head\na::x\n\na::y\n")
    }

    #[test]
    fn what_is_not_listed_has_to_pass_and_what_is_listed_to_fail() {
        let r = ratchet(Mode::Check);
        assert_eq!(r.judge("a::new", true), Verdict::Pass);
        assert_eq!(r.judge("a::new", false), Verdict::Fail);
        assert_eq!(r.judge("a::x", false), Verdict::Known);
        assert_eq!(r.judge("a::y", true), Verdict::Stale);
        assert_eq!(r.strangers(|name| name == "a::x"), ["a::y"]);
    }

    #[test]
    fn tightening_only_removes() {
        let r = ratchet(Mode::Tighten);
        assert_eq!(r.judge("a::x", true), Verdict::Pass);
        assert_eq!(r.judge("a::new", false), Verdict::Fail);
        assert_eq!(r.text(), format!("{HEAD}a::y\n"));
    }

    #[test]
    fn accepting_adds() {
        let r = ratchet(Mode::Accept);
        assert_eq!(r.judge("a::new", false), Verdict::Known);
        assert_eq!(r.text(), format!("{HEAD}a::new\na::x\na::y\n"));
    }
}
