//! Waits until the letters in fifodirs match patterns.

use crate::watch::Watch;
use posix_regex::Regex;
use std::os::fd::BorrowedFd;
use tool::clock::Moment;
use tool::diag::show;
use tool::{Fatal, OrUnable};

/// At most this many letters are kept for a pattern, which must match within them.
const LETTERS_LIMIT: usize = 1 << 20;

/// One pattern, and the letters that its fifodir has got since.
struct Expectation {
    pattern: Regex,
    heard: Vec<u8>,
    met: bool,
}

impl Expectation {
    fn new(pattern: &[u8]) -> Result<Self, Fatal> {
        let regex = Regex::extended(pattern).map_err(|why| {
            Fatal::new(111, format_args!("invalid regular expression {}: {why}", show(pattern)))
        })?;
        Ok(Self { pattern: regex, heard: Vec::new(), met: false })
    }

    /// Takes letters up to the first one that makes the pattern match.
    fn hear(&mut self, letters: &[u8]) {
        for letter in letters {
            if self.met || self.heard.len() >= LETTERS_LIMIT {
                return;
            }
            self.heard.push(*letter);
            self.met = self.pattern.is_match(&self.heard);
        }
    }
}

/// Any number of patterns, each with the fifodir in which it is expected.
pub struct Expectations {
    watch: Watch,
    all: Vec<Expectation>,
}

impl Expectations {
    /// Subscribes: pairs of a fifodir and an extended regular expression.
    ///
    /// # Errors
    /// Code 111: a fifodir cannot be listened in, or an expression is invalid.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Result<Self, Fatal> {
        let mut new = Self { watch: Watch::new().or_unable(|| "make a poller")?, all: Vec::new() };
        for (fifodir, pattern) in pairs {
            new.all.push(Expectation::new(pattern)?);
            new.watch.add(fifodir).or_unable_to("subscribe to", fifodir)?;
        }
        Ok(new)
    }

    /// The descriptors that a child must not inherit.
    #[must_use]
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptors()
    }

    /// Waits until all of them, or `any`, have matched; gives the letters of the last one that did.
    ///
    /// # Errors
    /// Code `late`: the deadline has passed; 111: the system failed.
    pub fn wait(&mut self, any: bool, deadline: Option<Moment>, late: u8) -> Result<Vec<u8>, Fatal> {
        loop {
            let Some((index, letters)) = self.watch.next(deadline).or_unable(|| "wait for events")? else {
                return Err(Fatal::new(late, "unable to get the expected event: timed out"));
            };
            let Some(one) = self.all.get_mut(index) else { continue };
            one.hear(&letters);
            if !one.met {
                continue;
            }
            let heard = std::mem::take(&mut one.heard);
            self.watch.remove(index);
            if any || self.all.iter().all(|e| e.met) {
                return Ok(heard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_taken_up_to_the_match() {
        let mut e = Expectation::new(b"a+b").unwrap();
        e.hear(b"ba");
        assert!(!e.met);
        e.hear(b"abbb");
        assert_eq!((e.met, e.heard.as_slice()), (true, &b"baab"[..]));
        assert!(Expectation::new(b"(").is_err());
    }
}
