//! Sizes that a reader can keep in mind: of functions, files and crates.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::complaint::Complaint;
use super::source::Source;
use super::tokens::{after_item, tokens, without_tests};

/// The lines of a function that need no second look.
const FUNCTION: usize = 60;
/// How many functions are longer.  This number only gets smaller.
const LONG_FUNCTIONS: usize = 4;
/// The share of all lines, in percent, that a crate may have.
const PERCENT: usize = 15;

/// Complains about a crate that is too big, and when the number of long functions isn't the known one.
pub fn check(sources: &[Source]) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> = biggest(sources)
        .filter(|(_, percent)| *percent > PERCENT)
        .map(|(krate, percent)| {
            let what = format!("{percent} % of the lines of crates/, {PERCENT} % at most: split the crate");
            Complaint::new(&format!("crates/{krate}"), 0, what)
        })
        .into_iter()
        .collect();
    let long: Vec<Complaint> = sources.iter().filter(|s| is_code(s)).flat_map(long_functions).collect();
    match long.len().cmp(&LONG_FUNCTIONS) {
        Ordering::Greater => complaints.extend(long),
        Ordering::Less => {
            let what = format!("only {} functions are long now: lower LONG_FUNCTIONS", long.len());
            complaints.push(Complaint::new("crates/xtask/src/tidy/sizes.rs", 0, what));
        }
        Ordering::Equal => {}
    }
    complaints
}

/// The figures for people.
pub fn figures(sources: &[Source]) -> String {
    let mut lines: Vec<usize> =
        sources.iter().filter(|s| is_code(s)).map(|s| s.text.lines().count()).collect();
    lines.sort_unstable();
    let at = |percent: usize| lines.get(lines.len() * percent / 100).copied().unwrap_or_default();
    let (krate, percent) = biggest(sources).unwrap_or_default();
    format!(
        "{} files, half of them up to {} lines, 95 % up to {}; {LONG_FUNCTIONS} functions above {FUNCTION} lines; \
         the biggest crate is {krate} with {percent} % of the lines",
        lines.len(),
        at(50),
        at(95)
    )
}

/// Whether it is code of a crate, not a test of programs.
fn is_code(source: &Source) -> bool {
    let mut parts = source.path.split('/');
    parts.next() == Some("crates") && parts.nth(1) == Some("src") && source.path.ends_with(".rs")
}

/// The crate with the most lines, and its share of all lines in percent.
fn biggest(sources: &[Source]) -> Option<(&str, usize)> {
    let mut crates: BTreeMap<&str, usize> = BTreeMap::new();
    for source in sources.iter().filter(|s| s.path.starts_with("crates/") && s.path.ends_with(".rs")) {
        *crates.entry(source.path.split('/').nth(1).unwrap_or_default()).or_default() +=
            source.text.lines().count();
    }
    let all: usize = crates.values().sum();
    let (krate, lines) = crates.into_iter().max_by_key(|(_, lines)| *lines)?;
    Some((krate, lines * 100 / all.max(1)))
}

/// A complaint for each long function, tests apart.
fn long_functions(source: &Source) -> Vec<Complaint> {
    let tokens = without_tests(&tokens(&source.text));
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == "fn") {
        let end = after_item(&tokens, at + 1);
        let (Some(name), Some(last)) = (tokens.get(at + 1), tokens.get(end - 1)) else { continue };
        let lines = last.line - token.line + 1;
        // `fn(` is a type.
        if name.text != "(" && last.text == "}" && lines > FUNCTION {
            let what = format!("{} has {lines} lines, {FUNCTION} at most: split it", name.text);
            found.push(Complaint::new(&source.path, token.line, what));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, lines: usize) -> Source {
        Source { path: path.into(), text: "//! X.\n".repeat(lines) }
    }

    #[test]
    fn the_biggest_crate_is_named() {
        let sources =
            [source("crates/a/src/lib.rs", 20), source("crates/b/tests/x.rs", 80), source("tests/x.rs", 99)];
        assert_eq!(biggest(&sources), Some(("b", 80)));
    }

    #[test]
    fn long_functions_are_found() {
        let body = "    f();\n".repeat(58);
        let text = format!(
            "fn f(x: [u8; 2]) {{\n{body}}}\n\nfn g() {{\n\n{body}}}\n#[cfg(test)]\nmod tests {{\nfn h() {{\n\n{body}}}\n}}\n"
        );
        let found = long_functions(&Source { path: "a.rs".into(), text });
        let [complaint] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((complaint.line, complaint.what.as_str()), (62, "g has 61 lines, 60 at most: split it"));
    }
}
