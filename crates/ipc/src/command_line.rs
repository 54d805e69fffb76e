//! Command lines of servers and clients that are put together from parts, each a program with options of its own.

use crate::identity;
use tool::{Fatal, Opt, Options};

/// A command line in the making: parts, each with its options and operands and ended by `--`, and then a program.
pub struct CommandLine {
    words: Vec<Vec<u8>>,
    file: fn(&str) -> Vec<u8>,
}

impl CommandLine {
    /// An empty one; `file` tells which file a part is, [`tool::own_file`] but in tests.
    #[must_use]
    pub fn new(file: fn(&str) -> Vec<u8>) -> Self {
        Self { words: Vec::new(), file }
    }

    /// The words so far.
    #[must_use]
    pub fn into_words(self) -> Vec<Vec<u8>> {
        self.words
    }

    /// A word as it is.
    pub fn push(&mut self, word: impl Into<Vec<u8>>) {
        self.words.push(word.into());
    }

    /// The part of this name begins.
    pub fn begin(&mut self, part: &str) {
        self.words.push((self.file)(part));
    }

    /// The options of a part end.
    pub fn end(&mut self) {
        self.push("--");
    }

    /// Those of the options that have these letters, as they were given; `defined` tells which have values.
    pub fn pass(&mut self, options: &Options, letters: &str, defined: &[Opt]) {
        for (letter, value) in options.iter().filter(|(letter, _)| letters.contains(*letter)) {
            self.push(format!("-{letter}"));
            if defined.iter().any(|o| o.short == letter && o.value.is_some()) {
                self.push(value);
            }
        }
    }

    /// The options of these letters, in this order, with their numbers, each at least `least`.
    ///
    /// # Errors
    /// A value is no number: a usage error.
    pub fn numbers(&mut self, options: &Options, letters: &str, least: u32) -> Result<(), Fatal> {
        for letter in letters.chars() {
            if let Some(number) = options.number::<u32>(letter)? {
                self.push(format!("-{letter}"));
                self.push(number.max(least).to_string());
            }
        }
        Ok(())
    }

    /// The part that makes a socket begins, with what `-d`, `-D` and `-b` say to it.
    ///
    /// # Errors
    /// The backlog is no number: a usage error.
    pub fn begin_binder(&mut self, part: &str, options: &Options) -> Result<(), Fatal> {
        self.begin(part);
        if options.last_of("dD") == Some('D') {
            self.push("-D");
        }
        // A backlog of 0 would be a socket that doesn't listen.
        self.numbers(options, "b", 1)
    }

    /// The part that changes the identity, if [`identity::OPTIONS`] ask for it.
    ///
    /// # Errors
    /// See [`identity::words`].
    pub fn identity(&mut self, options: &Options) -> Result<(), Fatal> {
        let mut words = identity::words(options)?;
        if !words.is_empty() {
            self.begin("s6-applyuidgid");
            self.words.append(&mut words);
            self.end();
        }
        Ok(())
    }

    /// What `-q`, `-Q` and `-v` come to for a part that has `-v` with a number.
    pub fn verbosity(&mut self, options: &Options) {
        match options.last_of("qQv") {
            Some('q') => self.push("-v0"),
            Some('v') => self.push("-v2"),
            _ => {}
        }
    }
}
