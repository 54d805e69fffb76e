//! The overlay's own lines, where services' lines have a form: they have the same one, under a name of their own.
//!
//! Process 1 and its children write them themselves, so these lines come also while the relay is busy or gone.

use super::format::Format;
use super::lines::Lines;
use ipc::relay::Stream;
use tool::{clock, diag};

/// The name before them.
const NAME: &[u8] = b"s6-overlay";

/// From now on, diagnostics of this process have this form, until it goes on to another program.
pub(crate) fn speak(format: Option<Format>) {
    let form: Option<diag::Form> = format.map(|format| match format {
        Format::Prefix => prefixed as diag::Form,
        Format::Json => object,
    });
    diag::set_form(form);
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
    fn each_line_has_the_name() {
        assert_eq!(prefixed("init: info: a\nb"), b"s6-overlay: init: info: a\ns6-overlay: b\n");
        let text = String::from_utf8(object("a \"b\"\nc")).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains(r#""service":"s6-overlay","stream":"stderr","message":"a \"b\"""#), "{text}");
    }
}
