//! Words of the language, in all the ways that it has of writing them.

use crate::random::Random;

/// Keys that substitutions define.
pub const KEYS: &[&str] = &["K", "L", "KK", "a.b", "1"];

/// What stands between words: blanks, now and then a comment, a joined line or several lines.
///
/// Avoided: other control characters, which separate words in the reference.
pub fn gap(r: &mut Random) -> &'static str {
    match r.below(24) {
        0 => "  ",
        1 => "\t",
        2 => "\n",
        3 => " \\\n",
        4 => " # \"comment\" { \\\n ",
        5 => "\r\n",
        6 => "\n\n#} c\n  ",
        _ => " ",
    }
}

/// A word that may contain anything, references to keys above all.
///
/// Avoided: a backslash at the end of a word before a newline or the script's end, and a numeric escape as the
/// last thing of a script: both are read differently.
pub fn word(r: &mut Random) -> String {
    let mut text = String::new();
    let quoted = !r.once_in(4);
    for _ in 0..=r.below(4) {
        text += &if quoted { format!("\"{}\"", inside_quotes(r)) } else { outside_quotes(r) };
        if r.once_in(6) {
            text += &outside_quotes(r);
        }
    }
    // A `#` at the start begins a comment, and a lone brace is none of the words.
    match text.as_bytes().first() {
        Some(b'#') => text.insert(0, 'x'),
        Some(_) if text == "{" || text == "}" => text.push('x'),
        _ => {}
    }
    text
}

fn reference(r: &mut Random) -> String {
    let slashes = r.one(&["", "", "", "", "\\", "\\\\", "\\\\\\"]);
    let key = if r.once_in(4) { r.one(&["", "@", "#", "0", "2", "3", "none"]) } else { r.one(KEYS) };
    // A word that begins with a reference may begin with what a value begins with; that is no option here.
    if r.once_in(3) { format!("{slashes}${key}") } else { format!("{slashes}${{{key}}}") }
}

fn inside_quotes(r: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..r.below(5) {
        match r.below(12) {
            0 | 1 => {
                // Each backslash of the reference needs one more in front to get through the quotes.
                text += &reference(r).replace('\\', "\\\\");
            }
            2 => {
                text +=
                    r.one(&["\\n", "\\t", "\\r", "\\a", "\\v", "\\f", "\\b", "\\\\", "\\\"", "\\q", "\\{"])
            }
            3 => {
                text += r.one(&[
                    "\\0x41", "\\0x7", "\\0x7eg", "\\0101", "\\012", "\\65", "\\9x", "\\255", "\\0377",
                ])
            }
            4 => text += r.one(&[" ", "  ", "\t", "\\\n", "\n"]),
            5 => text += r.one(&["{", "}", "#", "$", "{ }", "$$", "${", "''"]),
            6 => text += r.one(&["\u{e4}", "\u{20ac}"]),
            _ => text += r.one(&["a", "b", "foo", "x:y", "::", "-n", "1", "*", "A=1", ",", "%", "."]),
        }
    }
    text
}

fn outside_quotes(r: &mut Random) -> String {
    match r.below(6) {
        0 | 1 => reference(r).replace('\\', "\\\\"),
        2 => r.one(&["\\ ", "\\\"", "\\\\", "\\#", "\\{", "\\n", "\\$", "\\a"]).to_owned(),
        3 => r.one(&["{a", "b}", "{}", "x#", "'", "$", "=", ":"]).to_owned(),
        _ => r.one(&["a", "foo", "b:c", "1", "-x", "*", "word"]).to_owned(),
    }
}
