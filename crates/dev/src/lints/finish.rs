//! What `finish` does when a daemon has ended.

use crate::finding::{Finding, Span};
use crate::image::{Image, Language, Script};
use crate::shell::span_of;

/// What ends the container.
const HALTS: [&str; 4] = [
    "/run/s6/basedir/bin/halt",
    "/run/s6/basedir/bin/poweroff",
    "/run/s6/basedir/bin/shutdown",
    "s6-linux-init-hpr",
];

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    for (_, script) in image.finishes() {
        if matches!(script.language, Language::Shell | Language::Execline) {
            consequences(script, found);
        }
    }
}

/// The lines of a script without comments, each with where it begins.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    text.split_inclusive(|byte| *byte == b'\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        (!line.trim_ascii_start().starts_with(b"#")).then_some((start, line))
    })
}

fn find(script: &Script, word: &str) -> Option<Span> {
    lines(&script.text).find_map(|(start, line)| {
        let at = line.windows(word.len()).position(|part| part == word.as_bytes())?;
        Some(span_of(&script.text, start + at..start + at + word.len()))
    })
}

/// SO310 to SO312.
fn consequences(script: &Script, found: &mut Vec<Finding>) {
    if let Some(place) = find(script, "s6-svscanctl -t") {
        let text = "this ends the scanner: services aren't stopped in their order, and the exit code is lost";
        let advice = "let on-failure: stop do it, or exec /run/s6/basedir/bin/halt";
        found.push(Finding::new(312, &script.path, text).at(place).advice(advice));
        return;
    }
    let says_code = find(script, "exitcode").is_some();
    let halt = HALTS.iter().find_map(|halt| find(script, halt));
    if let Some(place) = halt.filter(|_| !says_code) {
        let text = "the container ends with 0, whatever the daemon's code was";
        let advice = "write stop into a file on-failure instead, or the code into /run/s6-linux-init-container-results/exitcode first";
        found.push(Finding::new(310, &script.path, text).at(place).advice(advice));
    }
    let handles_signals = ["256", "128", "$2", "${2"].iter().any(|word| find(script, word).is_some());
    let first = ["$1", "${1"].iter().find_map(|word| find(script, word));
    if let Some(place) = first.filter(|_| says_code && !handles_signals) {
        let text = "after a signal the first argument is 256, which is no exit code";
        let advice = "write 128 + $2 if $1 is 256, or use a file on-failure instead";
        found.push(Finding::new(311, &script.path, text).at(place).advice(advice));
    }
}
