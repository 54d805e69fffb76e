//! What `finish` does when a daemon has ended.

use crate::finding::{Edit, Finding, Span};
use crate::image::{Definition, Image, Language, Script, Target};
use crate::shell::{Ending, span_of};
use crate::text;
use s6_rc::diagnostic::Severity;
use std::ops::Range;

/// What ends the container.
const HALTS: [&str; 4] = [
    "/run/s6/basedir/bin/halt",
    "/run/s6/basedir/bin/poweroff",
    "/run/s6/basedir/bin/shutdown",
    "s6-linux-init-hpr",
];

/// The file that says with which code a container ends.
const EXIT_CODE: &str = "/run/s6-linux-init-container-results/exitcode";

/// A text that was found in a script.
struct Found {
    start: usize,
    span: Span,
}

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    for (_, script) in image.finishes() {
        if matches!(script.language, Language::Shell | Language::Execline) && !image.is_version_2() {
            consequences(image, script, found);
        }
        if let Some(definition) = image.definition_of(script) {
            always_last(definition, script, found);
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

fn find(script: &Script, word: &str) -> Option<Found> {
    lines(&script.text).find_map(|(start, line)| {
        let at = text::find(line, word.as_bytes())?;
        let start = start + at;
        Some(Found { start, span: span_of(&script.text, start..start + word.len()) })
    })
}

/// SO310 to SO312.
fn consequences(image: &Image<'_>, script: &Script, found: &mut Vec<Finding>) {
    if let Some(place) = find(script, "s6-svscanctl -t") {
        let text = "this ends the scanner: services aren't stopped in their order, and the exit code is lost";
        let advice = match image.target {
            Target::Rs => "let on-failure: stop do it, or exec /run/s6/basedir/bin/halt",
            Target::S6Overlay => "exec /run/s6/basedir/bin/halt",
        };
        let finding = Finding::new(312, &script.path, text).at(place.span).advice(advice);
        found.push(match scanner(script, place.start) {
            Some(range) => {
                let edit = Edit::Replace(script.path.clone(), range, HALTS[0].as_bytes().to_vec());
                finding.safe_fix(format!("write {}", HALTS[0]), vec![edit])
            }
            None => finding,
        });
        return;
    }
    let says_code = find(script, "exitcode").is_some();
    let halt = HALTS.iter().find_map(|halt| find(script, halt));
    if let Some(place) = halt.filter(|_| !says_code) {
        let text = "the container ends with 0, whatever the daemon's code was";
        let stop = match image.target {
            Target::Rs => "write stop into a file on-failure instead, or ",
            Target::S6Overlay => "write ",
        };
        let advice = format!("{stop}the code into {EXIT_CODE} first");
        let finding = Finding::new(310, &script.path, text).at(place.span).advice(advice);
        found.push(match code_before(script, place.start) {
            Some(edit) => finding.safe_fix("write the code first", vec![edit]),
            None => finding,
        });
    }
    let handles_signals = ["256", "128", "$2", "${2"].iter().any(|word| find(script, word).is_some());
    let first = ["$1", "${1"].iter().find_map(|word| find(script, word));
    if let Some(place) = first.filter(|_| says_code && !handles_signals) {
        let text = "after a signal the first argument is 256, which is no exit code";
        let advice = match image.target {
            Target::Rs => "write 128 + $2 if $1 is 256, or use a file on-failure instead",
            Target::S6Overlay => "write 128 + $2 if $1 is 256",
        };
        let finding = Finding::new(311, &script.path, text).at(place.span).advice(advice);
        found.push(match signals_first(script) {
            Some(edit) => finding.safe_fix("count a signal as 128 and its number", vec![edit]),
            None => finding,
        });
    }
}

/// The whole command that ends the scanner, if it is only that: `s6-svscanctl -t DIRECTORY`.
fn scanner(script: &Script, at: usize) -> Option<Range<usize>> {
    let line = script.text.get(at..)?.split(|byte| *byte == b'\n').next()?;
    let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let directory = words.get(2).filter(|word| word.starts_with(b"/"))?;
    let end = text::find(line, directory)? + directory.len();
    let before = script.text.get(..at)?.iter().rev().take_while(|b| !b.is_ascii_whitespace()).count();
    (directory.iter().all(|b| b.is_ascii_alphanumeric() || b"/-_.".contains(b)))
        .then(|| at - before..at + end)
}

/// The line that writes the container's code, in front of the one that stops it; only in a shell script without functions, whose
/// arguments would be others.
fn code_before(script: &Script, at: usize) -> Option<Edit> {
    let shell = script.shell().filter(|shell| shell.functions.is_empty())?;
    let line = script.text.get(..at)?.iter().rposition(|byte| *byte == b'\n')? + 1;
    let before = String::from_utf8(script.text.get(line..at)?.to_vec()).ok()?;
    let indent: String = before.chars().take_while(|c| c.is_whitespace()).collect();
    let begins = matches!(before.trim(), "" | "exec");
    // The line before may go on here.
    let is_whole = !script.text.get(..line)?.ends_with(b"\\\n");
    let shifts = shell.commands.iter().any(|command| matches!(command.name(), "shift" | "set" | "."));
    let text = format!(
        "{indent}if [ \"$1\" -eq 256 ]; then echo $((128 + $2)); else echo \"$1\"; fi >{EXIT_CODE}\n"
    );
    (begins && is_whole && !shifts).then(|| Edit::Replace(script.path.clone(), line..line, text.into_bytes()))
}

/// A line at the beginning of a shell script that makes an exit code of a signal.
fn signals_first(script: &Script) -> Option<Edit> {
    script.shell()?;
    let end = script.text.iter().position(|byte| *byte == b'\n')? + 1;
    let text = b"if [ \"$1\" -eq 256 ]; then set -- $((128 + $2)) \"$2\"; fi\n";
    Some(Edit::Replace(script.path.clone(), end..end, text.to_vec()))
}

/// SO315: `finish` ends each time with the code that means that the failure is the last one.
fn always_last(definition: &Definition, script: &Script, found: &mut Vec<Finding>) {
    let Some(limit) = ["restart-limit", "restart-delay"].into_iter().find(|file| definition.has(file)) else {
        return;
    };
    let Some(last) = script.shell().and_then(|shell| shell.commands.last()) else { return };
    let words = last.program();
    let is_125 = last.name() == "exit" && words.get(1).is_some_and(|word| word.text == "125");
    // Another way out may be before it.
    let exits = script
        .shell()
        .into_iter()
        .flat_map(|shell| &shell.commands)
        .filter(|c| matches!(c.name(), "exit" | "exec"));
    if !is_125 || last.depth > 0 || last.ending != Ending::Plain || exits.count() > 1 {
        return;
    }
    // After `a && exit 125` it goes on.
    let before = script.shell().and_then(|shell| shell.commands.iter().rev().nth(1));
    if before.is_some_and(|command| command.ending != Ending::Plain) {
        return;
    }
    let place = words.first().map_or(Span::line(1), |word| span_of(&script.text, word.start..word.end));
    let text = format!("125 each time: the first end is the last one, and {limit} has no effect");
    let mut finding = Finding::new(315, &script.path, text).at(place);
    finding.severity = Severity::Warning;
    found
        .push(finding.advice(format!("exit 125 only if the service has failed for good, or remove {limit}")));
}
