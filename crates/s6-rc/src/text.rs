//! The small text formats of definition files: lists of names, numbers, the type word.

/// A name that a file mentions, and the line that it stands on (0: a directory entry).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) name: Vec<u8>,
    pub(crate) line: u32,
}

/// Names, one per line: blanks before a name, empty lines and `#` lines are ignored.  A carriage return
/// at the end of a line isn't part of the name.
pub(crate) fn names(text: &[u8]) -> Vec<Reference> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(text.split(|b| *b == b'\n')) {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let name = text.trim_ascii_start();
        if !name.is_empty() && !name.starts_with(b"#") {
            found.push(Reference { name: name.to_vec(), line });
        }
    }
    found
}

/// A decimal number of 32 bits that is the whole first line, and whether there is text after that line.
pub(crate) fn number(text: &[u8]) -> Option<(u32, bool)> {
    let (text, more) = match text.iter().position(|b| *b == b'\n').and_then(|end| text.split_at_checked(end))
    {
        Some((line, rest)) => (line.strip_suffix(b"\r").unwrap_or(line), !rest.trim_ascii().is_empty()),
        None => (text, false),
    };
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((wire::number::decimal(text)?, more))
}

/// The three types of services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Longrun,
    Oneshot,
    Bundle,
}

/// The word of a `type` file; one final newline is allowed.
pub(crate) fn service_type(text: &[u8]) -> Option<Type> {
    match text.strip_suffix(b"\n").unwrap_or(text) {
        b"longrun" => Some(Type::Longrun),
        b"oneshot" => Some(Type::Oneshot),
        b"bundle" => Some(Type::Bundle),
        _ => None,
    }
}

/// The first line that ends in a carriage return, 0 if there is none.
pub(crate) fn first_cr_line(text: &[u8]) -> u32 {
    (1..).zip(text.split(|b| *b == b'\n')).find(|(_, l)| l.ends_with(b"\r")).map_or(0, |(n, _)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_name_on_each_line() {
        let text = b"# first\n\n  a\n\tb c \n   # comment\n \t \ne\r\nf";
        let found: Vec<_> =
            names(text).into_iter().map(|r| (r.line, String::from_utf8(r.name).unwrap())).collect();
        assert_eq!(found, [(3, "a".into()), (4, "b c ".into()), (7, "e".into()), (8, "f".into())]);
    }

    #[test]
    fn a_number_is_the_whole_first_line() {
        for (text, value) in [("5", 5), ("77\n\n", 77), ("0\r\n", 0), ("4294967295", u32::MAX)] {
            assert_eq!(number(text.as_bytes()), Some((value, false)));
        }
        assert_eq!(number(b"5\n# seconds\n"), Some((5, true)));
        for bad in ["", "\n", "x", "-1", "5 ", " 5", "1.5", "0x10", "5s", "99999999999", "5\r", "+5", "\n5"] {
            assert_eq!(number(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_type_is_one_of_three_words() {
        assert_eq!(service_type(b"oneshot\n"), Some(Type::Oneshot));
        assert_eq!(service_type(b"bundle"), Some(Type::Bundle));
        for bad in [&b"longrun\r\n"[..], b"bundle\n\n", b"oneshot\njunk", b"", b" oneshot"] {
            assert_eq!(service_type(bad), None);
        }
    }

    #[test]
    fn carriage_returns_are_found() {
        assert_eq!(first_cr_line(b"a\nb\r\n"), 2);
        assert_eq!(first_cr_line(b"a\nb\n"), 0);
    }
}
