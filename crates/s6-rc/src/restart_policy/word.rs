//! Words of a file with their places, and what is wrong with one.

use crate::diagnostic::{Code, Diagnostic};
use tool::diag::show;

/// The most words that a file holds.
pub(crate) const WORDS_MAX: usize = 400;

/// A word and where it stands, both numbers from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) line: u32,
    /// In bytes.
    pub(crate) column: u32,
    pub(crate) text: &'a [u8],
}

/// What is wrong in a file, at a line and a column (0 for none), and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) text: String,
    pub(crate) advice: String,
}

impl Mistake {
    /// A mistake at a word.
    pub(crate) fn at(word: &Word<'_>, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { line: word.line, column: word.column, text: text.into(), advice: advice.into() }
    }

    /// The same as a finding about a file.
    pub(crate) fn diagnostic(self, code: Code, file: Vec<u8>) -> Diagnostic {
        Diagnostic::error(code, file, self.text).line(self.line).column(self.column).advice(self.advice)
    }

    /// A mistake of a whole file.
    pub(crate) fn whole(text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { line: 0, column: 0, text: text.into(), advice: advice.into() }
    }
}

/// The words of a text: blanks and line ends separate them, lines that begin with `#` are ignored.
///
/// # Errors
/// There are more than 400.
pub(crate) fn words(text: &[u8]) -> Result<Vec<Word<'_>>, Mistake> {
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.split(|b| *b == b'\n')) {
        if content.trim_ascii_start().starts_with(b"#") {
            continue;
        }
        add_words(line, content, &mut found)?;
    }
    Ok(found)
}

/// Adds the words of a line.
///
/// # Errors
/// There are more than 400 then.
pub(crate) fn add_words<'a>(line: u32, content: &'a [u8], found: &mut Vec<Word<'a>>) -> Result<(), Mistake> {
    let mut column = 1_u32;
    for text in content.split(u8::is_ascii_whitespace) {
        if !text.is_empty() {
            let word = Word { line, column, text };
            if found.len() == WORDS_MAX {
                return Err(Mistake::at(
                    &word,
                    format!("more than {WORDS_MAX} words"),
                    "write ranges, such as 1-255",
                ));
            }
            found.push(word);
        }
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        column = column.saturating_add(length).saturating_add(1);
    }
    Ok(())
}

/// The rest of the line `content` from a word on, without blanks at its end.
pub(crate) fn rest_of_line<'a>(word: &Word<'_>, content: &'a [u8]) -> &'a [u8] {
    let start = usize::try_from(word.column).ok().and_then(|column| column.checked_sub(1));
    start.and_then(|start| content.get(start..)).unwrap_or_default().trim_ascii_end()
}

/// A word that can't follow the one of this name.
pub(crate) fn wrong(word: &Word<'_>, name: &str, advice: impl Into<String>) -> Mistake {
    Mistake::at(word, format!("\"{}\" can't follow {name}", show(word.text)), advice)
}

/// Checks how many words follow one: at least, and at most.
///
/// # Errors
/// They are too few or too many.
pub(crate) fn check_count(
    first: &Word<'_>,
    rest: &[Word<'_>],
    (least, most): (usize, usize),
    usage: &str,
) -> Result<(), Mistake> {
    if rest.len() < least {
        let text = format!("something is missing after {}", show(first.text));
        return Err(Mistake::at(first, text, usage));
    }
    let Some(more) = rest.get(most) else { return Ok(()) };
    Err(Mistake::at(more, format!("\"{}\" is one word too many", show(more.text)), usage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_places() {
        let text = b"# codes\n 0  143\tSIGTERM\r\n\n  # more\n7";
        let found: Vec<_> = words(text).unwrap().iter().map(|w| (w.line, w.column, w.text)).collect();
        let expected: [(u32, u32, &[u8]); 4] =
            [(2, 2, b"0"), (2, 5, b"143"), (2, 9, b"SIGTERM"), (5, 1, b"7")];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_holds_400_words_at_most() {
        assert_eq!(words(&b"1 ".repeat(400)).unwrap().len(), 400);
        assert_eq!(words(&b"1 ".repeat(401)).unwrap_err().column, 801);
    }
}
