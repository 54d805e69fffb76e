//! The overlay's diagnostics in the format of services' lines, with the overlay's name.
//!
//! Process 1 and its children write them themselves, so they appear even while the relay is busy or gone.

use super::format::{Format, Handling};
use super::lines::Lines;
use ipc::relay::Stream;
use tool::{clock, diag};

/// The name before these lines.
const NAME: &[u8] = b"s6-overlay";

/// Sets the format of this process's diagnostics until it becomes another program; `None` is the plain format.
pub(crate) fn set_format(handling: Option<Handling>) {
    diag::set_form(match handling.map(|handling| handling.format) {
        Some(Format::Prefix) => Some(prefixed),
        Some(Format::Json) => Some(object),
        Some(Format::Plain | Format::Kept) | None => None,
    });
}

fn prefixed(text: &str) -> Vec<u8> {
    formed(Format::Prefix, text)
}

fn object(text: &str) -> Vec<u8> {
    formed(Format::Json, text)
}

fn formed(format: Format, text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut lines = Lines::new(format, NAME, Stream::Error);
    lines.feed(text.as_bytes(), clock::wall(), &mut out);
    lines.feed(b"\n", clock::wall(), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_diagnostic_has_the_name() {
        assert_eq!(prefixed("init: info: a\nb"), b"s6-overlay: init: info: a\ns6-overlay: b\n");
        let text = String::from_utf8(object("a \"b\"\nc")).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains(r#""service":"s6-overlay","stream":"stderr","message":"a \"b\"""#), "{text}");
    }
}
