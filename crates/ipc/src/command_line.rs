//! Command lines of servers and clients that consist of parts, each a program with its own options.

use crate::identity;
use tool::{Fatal, Opt, Options};

/// A command line that is being built: parts, each with its options, `--` and operands, and then a program.
pub struct CommandLine {
    words: Vec<Vec<u8>>,
    file: fn(&str) -> Vec<u8>,
}

impl CommandLine {
    /// An empty command line; `file` gives the file of a part: [`tool::tool_file`], except in tests.
    #[must_use]
    pub fn new(file: fn(&str) -> Vec<u8>) -> Self {
        Self { words: Vec::new(), file }
    }

    /// The words so far.
    #[must_use]
    pub fn into_words(self) -> Vec<Vec<u8>> {
        self.words
    }

    /// Appends a word.
    pub fn push(&mut self, word: impl Into<Vec<u8>>) {
        self.words.push(word.into());
    }

    /// Begins the part of this name.
    pub fn begin_part(&mut self, part: &str) {
        self.words.push((self.file)(part));
    }

    /// Ends the options of a part.
    pub fn end_options(&mut self) {
        self.push("--");
    }

    /// Appends the options with these letters as they were given; `defined` says which have values.
    pub fn pass(&mut self, options: &Options, letters: &str, defined: &[Opt]) {
        for (letter, value) in options.iter().filter(|(letter, _)| letters.contains(*letter)) {
            self.push(format!("-{letter}"));
            if defined.iter().any(|o| o.short == letter && o.value.is_some()) {
                self.push(value);
            }
        }
    }

    /// Appends the options with these letters, in this order, with their numbers, each at least `min`.
    ///
    /// # Errors
    /// A value is no number: a usage error.
    pub fn numbers(&mut self, options: &Options, letters: &str, min: u32) -> Result<(), Fatal> {
        for letter in letters.chars() {
            if let Some(number) = options.number::<u32>(letter)? {
                self.push(format!("-{letter}"));
                self.push(number.max(min).to_string());
            }
        }
        Ok(())
    }

    /// Begins the part that makes a socket, with its options for `-d`, `-D` and `-b`.
    ///
    /// # Errors
    /// The backlog is no number: a usage error.
    pub fn begin_binder(&mut self, part: &str, options: &Options) -> Result<(), Fatal> {
        self.begin_part(part);
        if options.last_of("dD") == Some('D') {
            self.push("-D");
        }
        // A backlog of 0 would be a socket that doesn't listen.
        self.numbers(options, "b", 1)
    }

    /// Appends the part that changes the identity, if [`identity::OPTIONS`] ask for it.
    ///
    /// # Errors
    /// See [`identity::words`].
    pub fn identity(&mut self, options: &Options) -> Result<(), Fatal> {
        let mut words = identity::words(options)?;
        if !words.is_empty() {
            self.begin_part("s6-applyuidgid");
            self.words.append(&mut words);
            self.end_options();
        }
        Ok(())
    }

    /// Appends `-v` with a number for `-q`, `-Q` and `-v`.
    pub fn verbosity(&mut self, options: &Options) {
        match options.last_of("qQv") {
            Some('q') => self.push("-v0"),
            Some('v') => self.push("-v2"),
            _ => {}
        }
    }
}
