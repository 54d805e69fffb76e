//! The overlay's text files: what is a script in the reference is one here, and images edit and replace scripts.
//!
//! | an image | what happens |
//! |---|---|
//! | changes nothing | the program does the file's work, mostly without looking at it |
//! | replaces it, or its first line | what stands there is executed, wherever the reference would execute it |
//! | changes the lines at its end that say how much is printed | the program follows them |
//! | edits it in another way | nothing changes, and the start says so |

use crate::environment::settings::Messages;
use crate::layout::{SERVICE_SCRIPTS, SKELETON, STAGE_SCRIPTS};
use rustix::fs::{Access, CWD};
use tool::script::tool_name;

/// The limit of what is read of a file.
const TEXT_MAX: usize = 64 * 1024;

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is as it was installed, or it isn't there.
    AsInstalled,
    /// Only the lines at its end have changed, and the program follows them.
    Adjusted,
    /// It has changed in a way that the program doesn't follow.
    Edited,
    /// It is another program.
    Replaced,
}

/// What stands in the file at `path`, and what was installed as `installed` below the root; `None` if one isn't there.
fn look(path: &[u8], installed: &str) -> Option<(Vec<u8>, &'static [u8])> {
    let original = installation::shipped(installed.trim_start_matches('/'))?;
    Some((files::read_file(CWD, path, TEXT_MAX).ok()?, original))
}

/// The state of the file at `path`, which was installed as `installed` below the root.
#[must_use]
pub(crate) fn state(path: &str, installed: &str) -> State {
    look(path.as_bytes(), installed).map_or(State::AsInstalled, |(text, original)| compare(&text, original))
}

/// Whether the file at `path`, which was installed there, is another program now.
#[must_use]
pub(crate) fn is_replaced(path: &str) -> bool {
    state(path, path) == State::Replaced
}

/// Whether executing the file at `path`, which was installed there, starts this program.
#[must_use]
pub(crate) fn starts_the_program(path: &[u8]) -> bool {
    sys::fs::access(path, Access::EXEC_OK).is_ok()
        && look(path, &String::from_utf8_lossy(path))
            .is_some_and(|(text, original)| compare(&text, original) != State::Replaced)
}

/// What the file at `path`, which was installed as `installed`, says of the messages of the program that does its work.
#[must_use]
pub(crate) fn messages(path: &str, installed: &str) -> Messages {
    match look(path.as_bytes(), installed) {
        Some((text, original)) if tool_name(&text).is_some() => messages_in(&text, original),
        _ => Messages::DEFAULT,
    }
}

/// Makes the messages of this process those that the script of that name says.
pub(crate) fn follow(name: &str) {
    let path = format!("{SERVICE_SCRIPTS}/{name}");
    messages(&path, &path).set();
}

/// Makes the messages of this process those that the script of that name says, which carries out a stage.
pub(crate) fn follow_stage(name: &str) {
    messages(&format!("{STAGE_SCRIPTS}/{name}"), &format!("{SKELETON}/{name}")).set();
}

/// Compares a text with what was installed.
#[must_use]
pub fn compare(text: &[u8], original: &[u8]) -> State {
    if text == original {
        return State::AsInstalled;
    }
    if tool_name(text).is_none() || tool_name(text) != tool_name(original) {
        return State::Replaced;
    }
    let (head, tail) = split(text);
    if head == split(original).0 && lines(tail).all(is_understood) { State::Adjusted } else { State::Edited }
}

/// The lines up to the one that runs the program, and those that follow.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0_usize;
    for line in text.split_inclusive(|b| *b == b'\n') {
        end = end.saturating_add(line.len());
        if line.starts_with(b"exec ") {
            break;
        }
    }
    text.split_at_checked(end).unwrap_or((text, b""))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii)
}

/// The number of a line `v=N`.
fn level(line: &[u8]) -> Option<u32> {
    wire::number::decimal(line.strip_prefix(b"v=")?)
}

/// Whether a line makes the program print messages.
fn says(line: &[u8]) -> bool {
    line.starts_with(b"echo") || line.starts_with(b"s6-echo")
}

/// Whether the program follows a line at the end of a text.
fn is_understood(line: &[u8]) -> bool {
    let is_nothing = line.is_empty() || line.starts_with(b"#") || line.starts_with(b":");
    is_nothing || level(line).is_some() || says(line)
}

/// What the lines at the end of a text say.
fn messages_in(text: &[u8], original: &[u8]) -> Messages {
    let (tail, before) = (split(text).1, split(original).1);
    Messages {
        default: lines(tail).filter_map(level).last().unwrap_or(Messages::DEFAULT.default),
        wanted: lines(tail).any(says) || !lines(before).any(says),
    }
}

#[cfg(test)]
mod tests;
