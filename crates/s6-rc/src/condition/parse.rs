//! Conditions from the text of a file: one on each line, with ` | ` between alternatives and `!` before what isn't to be.

use super::words::{About, ROWS, Row, capability, machine, meant, similar, size, version};
use super::{Condition, FILE, Test};
use crate::diagnostic::{Code, Diagnostic};
use crate::directory::Directory;
use crate::folder::Folder;
use crate::restart_policy::word::{Mistake, Word, check_count, words, wrong};
use tool::Fatal;
use tool::diag::show;

/// The conditions of a definition; none without the file.  What is wrong in it is added to the findings.
///
/// # Errors
/// The file can't be read: code 111.
pub(crate) fn read<D: Directory>(
    folder: &Folder<D>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Vec<Condition>, Fatal> {
    let Some(text) = folder.text(FILE.as_bytes())? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    if let Err(mistake) = conditions(&text, &mut found) {
        findings.push(mistake.diagnostic(Code::CONDITION, folder.path_of(FILE.as_bytes())));
    }
    Ok(found)
}

/// Adds the conditions in a text.
///
/// # Errors
/// The first mistake in it.
pub(crate) fn conditions(text: &[u8], found: &mut Vec<Condition>) -> Result<(), Mistake> {
    let words = words(text)?;
    let mut condition: Option<(u32, Condition)> = None;
    let mut start = 0;
    for (at, word) in words.iter().enumerate() {
        let (_, condition) = match &mut condition {
            Some(one) if one.0 == word.line => one,
            slot => {
                found.extend(slot.take().map(|(_, condition)| condition));
                slot.insert((word.line, Condition { text: Vec::new(), tests: Vec::new() }))
            }
        };
        if !condition.text.is_empty() {
            condition.text.push(b' ');
        }
        condition.text.extend_from_slice(word.text);
        let next = words.get(at.saturating_add(1)).filter(|next| next.line == word.line);
        if word.text == b"|" || next.is_none() {
            // A line's last word belongs to its test.
            let end = if word.text == b"|" { at } else { at.saturating_add(1) };
            condition.tests.push(test(word, words.get(start..end).unwrap_or_default())?);
            start = at.saturating_add(1);
            if word.text == b"|" && next.is_none() {
                return Err(missing(word));
            }
        }
    }
    match condition {
        Some((_, condition)) => found.push(condition),
        None => {
            let advice = "write one on a line, such as env NAME";
            return Err(Mistake::whole("there is no condition in it", advice));
        }
    }
    Ok(())
}

fn missing(place: &Word<'_>) -> Mistake {
    Mistake::at(place, "a condition is missing", "write such as env A | ! file /B")
}

/// One of the alternatives of a line; `place` is where it ends.
fn test(place: &Word<'_>, words: &[Word<'_>]) -> Result<Test, Mistake> {
    let (first, rest) = words.split_first().ok_or_else(|| missing(place))?;
    let (negated, word, rest) = match first.text.strip_prefix(b"!") {
        None => (false, *first, rest),
        Some(b"") => {
            let (word, rest) = rest.split_first().ok_or_else(|| missing(first))?;
            (true, *word, rest)
        }
        Some(text) => (true, Word { text, column: first.column.saturating_add(1), ..*first }, rest),
    };
    let Some(row) = ROWS.iter().find(|row| row.name.as_bytes() == word.text) else {
        return Err(unknown(&word));
    };
    check_count(&word, rest, row.counts, &format!("write {}", row.usage))?;
    let mut arguments = Vec::new();
    for word in rest {
        check(row, arguments.len(), word)?;
        arguments.push(word.text.to_vec());
    }
    Ok(Test { row, negated, arguments })
}

/// A word that begins no condition.
fn unknown(word: &Word<'_>) -> Mistake {
    let advice = match similar(word.text, &mut ROWS.iter().map(|row| row.name.as_bytes())) {
        Some(name) => format!("did you mean {}?", show(name)),
        None => {
            let mut text = "a condition begins with ".to_owned();
            for row in &ROWS {
                text.push_str(row.name);
                text.push_str(if row.about == About::Answer { "" } else { ", " });
            }
            text
        }
    };
    Mistake::at(word, format!("\"{}\" is no condition", show(word.text)), advice)
}

/// Checks a word that follows.
fn check(row: &Row, place: usize, word: &Word<'_>) -> Result<(), Mistake> {
    let text = word.text;
    let is_right = match row.about {
        About::Variable => {
            let (name, values) = variable(text);
            !name.is_empty() && values.is_none_or(|values| !values.is_empty())
        }
        About::IsSet => !text.contains(&b'='),
        About::File | About::Directory | About::Socket => text.starts_with(b"/"),
        About::Answer => place > 0 || text.starts_with(b"/"),
        About::Machine => machine(text).is_some(),
        About::User => wire::number::decimal::<u32>(text).is_some(),
        About::Capability => capability(text).is_some(),
        About::Memory | About::Kernel if place == 0 => text == b">=",
        About::Memory => size(text).is_some(),
        About::Kernel => !version(text).is_empty() && text.iter().all(|b| b.is_ascii_digit() || *b == b'.'),
        About::Program | About::First | About::Terminal | About::Profile => true,
    };
    if is_right && !text.contains(&0) {
        return Ok(());
    }
    let advice = match meant(row.about, text) {
        Some(name) => format!("did you mean {}?", show(name)),
        None => format!("write {}", row.usage),
    };
    Err(wrong(word, row.name, advice))
}

/// The name of a variable, and the values that it may have, if these are given.
pub(super) fn variable(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    (parts.next().unwrap_or_default(), parts.next())
}
