//! The terminal that a command writes to.

use rustix::stdio::stdout;
use rustix::termios::{isatty, tcgetwinsize};
use tool::Call;

/// A variable that isn't empty.
fn variable<'a>(call: &'a Call, name: &[u8]) -> Option<&'a [u8]> {
    call.env.get(name).filter(|value| !value.is_empty())
}

/// The width of the output in columns: COLUMNS, or that of the terminal; `None` without either.
pub(super) fn columns(call: &Call) -> Option<usize> {
    let size = || tcgetwinsize(stdout()).ok().map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
    variable(call, b"COLUMNS").and_then(wire::number::decimal).or_else(size)
}

/// Whether the output may be in colour: it goes to a terminal that has some, and NO_COLOR isn't set.
pub(super) fn has_colour(call: &Call) -> bool {
    isatty(stdout())
        && variable(call, b"NO_COLOR").is_none()
        && call.env.get(b"TERM").is_none_or(|term| term != b"dumb")
}
