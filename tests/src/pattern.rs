//! Whether an output is what a page shows; `...` stands for anything.

/// Whether the lines match: a line `...` stands for any lines, also none.
#[must_use]
pub fn matches(expected: &[String], said: &[String]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((line, rest)) if line == "..." => {
            (0..=said.len()).any(|skip| said.get(skip..).is_some_and(|said| matches(rest, said)))
        }
        Some((line, rest)) => {
            said.split_first().is_some_and(|(first, said)| line_matches(line, first) && matches(rest, said))
        }
    }
}

/// Whether a line matches: `...` in it stands for any text, also none.
fn line_matches(expected: &str, said: &str) -> bool {
    let (expected, said) = (expected.trim_end(), said.trim_end());
    let Some((head, tail)) = expected.split_once("...") else {
        return expected == said;
    };
    let Some(said) = said.strip_prefix(head) else { return false };
    let ends = said.char_indices().map(|(at, _)| at).chain([said.len()]);
    ends.filter_map(|at| said.get(at..)).any(|rest| line_matches(tail, rest))
}
