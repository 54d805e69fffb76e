//! The TLS commands, one file each, named after the command with `-` as `_`.

mod s6_tlsc;
mod s6_tlsc_io;
mod s6_tlsclient;
mod s6_tlsd;
mod s6_tlsd_io;
mod s6_tlsserver;
mod s6_ucspitlsc;
mod s6_ucspitlsd;

use tool::{Opt, Options, Tool};

/// The program's tools, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_tlsc::TOOL,
    &s6_tlsc_io::TOOL,
    &s6_tlsclient::TOOL,
    &s6_tlsd::TOOL,
    &s6_tlsd_io::TOOL,
    &s6_tlsserver::TOOL,
    &s6_ucspitlsc::TOOL,
    &s6_ucspitlsd::TOOL,
];

/// Words of a command line that is put together.
struct Words(Vec<Vec<u8>>);

impl Words {
    fn push(&mut self, word: impl Into<Vec<u8>>) {
        self.0.push(word.into());
    }

    /// Those of the options that have these letters, as they were given; `defined` tells which have values.
    fn pass(&mut self, options: &Options, letters: &str, defined: &[Opt]) {
        for (letter, value) in options.iter().filter(|(letter, _)| letters.contains(*letter)) {
            self.push(format!("-{letter}"));
            if defined.iter().any(|o| o.short == letter && o.value.is_some()) {
                self.push(value);
            }
        }
    }
}
