//! The list of changes that no test notices.
//!
//! `accepted CRATE` says that all changes of that crate were tried once, so its list is whole.  Any other line is
//! `FILE: CHANGE in FUNCTION`, as `cargo mutants` words it but without the place in the file, so that it stays
//! when other lines come and go.  The same change at two places of a function is there twice.

use std::fmt::Write;

/// What a line begins with that says whose list is whole.
const ACCEPTED: &str = "accepted ";

/// What the list begins with.
const HEAD: &str = "\
# Changes to pure modules that no test notices, as `cargo xtask mutants` finds them.  This list only gets shorter: a
# survivor that isn't listed fails the run, and one that is noticed now is removed (`cargo xtask mutants --accept CRATE`).
";

/// Changes that survived, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Survivors {
    lines: Vec<String>,
}

impl Survivors {
    /// Reads the list.
    pub fn parse(text: &str) -> Self {
        Self::sorted(
            text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned),
        )
    }

    /// Reads lines of `FILE:LINE:COLUMN: CHANGE`.
    pub fn of_run(missed: &str) -> Self {
        Self::sorted(missed.lines().map(without_place))
    }

    /// Whether `FILE:LINE:COLUMN: CHANGE` is among them, at whatever place.
    pub fn has(&self, change: &str) -> bool {
        self.lines.contains(&without_place(change))
    }

    fn sorted(lines: impl Iterator<Item = String>) -> Self {
        let mut lines: Vec<_> = lines.collect();
        lines.sort();
        Self { lines }
    }

    /// Whether a run of all changes of the crate was accepted.
    pub fn has_accepted(&self, krate: &str) -> bool {
        self.lines.iter().any(|line| line.strip_prefix(ACCEPTED) == Some(krate))
    }

    /// Those in a crate.
    pub fn of_crate(&self, krate: &str) -> Self {
        Self { lines: self.lines.iter().filter(|line| is_in(line, krate)).cloned().collect() }
    }

    /// Puts other ones in the place of a crate's, whose list is whole now.
    pub fn replace(&mut self, krate: &str, found: Self) {
        let others = self.lines.drain(..).filter(|line| !is_in(line, krate));
        let accepted = format!("{ACCEPTED}{krate}");
        let others = others.filter(|line| *line != accepted).chain(found.lines).collect::<Vec<_>>();
        *self = Self::sorted(others.into_iter().chain([accepted]));
    }

    /// Those that `others` doesn't have, or not as often.
    pub fn without(&self, others: &Self) -> Vec<&str> {
        let mut left: Vec<&str> = others.lines.iter().map(String::as_str).collect();
        let mut more = Vec::new();
        for line in &self.lines {
            match left.iter().position(|other| other == line) {
                Some(at) => drop(left.swap_remove(at)),
                None => more.push(line.as_str()),
            }
        }
        more
    }

    /// The list as a file.
    pub fn text(&self) -> String {
        let mut text = HEAD.to_owned();
        for line in &self.lines {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// `FILE: CHANGE` of `FILE:LINE:COLUMN: CHANGE`.
fn without_place(change: &str) -> String {
    let mut parts = change.splitn(4, ':');
    let (file, change) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    format!("{file}:{change}")
}

fn is_in(line: &str, krate: &str) -> bool {
    line.strip_prefix("crates/")
        .and_then(|rest| rest.strip_prefix(krate))
        .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: &str = "crates/a/src/x.rs:9:5: replace f -> bool with true\n\
        crates/a/src/x.rs:3:17: replace < with <= in X::g\ncrates/a/src/x.rs:4:1: replace < with <= in X::g\n";

    #[test]
    fn places_in_a_file_do_not_count() {
        let found = Survivors::of_run(MISSED);
        assert_eq!(
            found.lines,
            [
                "crates/a/src/x.rs: replace < with <= in X::g",
                "crates/a/src/x.rs: replace < with <= in X::g",
                "crates/a/src/x.rs: replace f -> bool with true"
            ]
        );
        assert_eq!(Survivors::parse(&found.text()), found);
        assert_eq!(Survivors::of_run(&MISSED.replace("3:17", "8:1")), found);
        assert!(found.has("crates/a/src/x.rs:30:1: replace < with <= in X::g"));
        assert!(!found.has("crates/a/src/x.rs:3:17: replace < with > in X::g"));
    }

    #[test]
    fn what_is_more_is_named() {
        let found = Survivors::of_run(MISSED);
        let known = Survivors::parse("crates/a/src/x.rs: replace < with <= in X::g\ncrates/a/src/y.rs: z\n");
        assert_eq!(
            found.without(&known),
            [
                "crates/a/src/x.rs: replace < with <= in X::g",
                "crates/a/src/x.rs: replace f -> bool with true"
            ]
        );
        assert_eq!(known.without(&found), ["crates/a/src/y.rs: z"]);
    }

    #[test]
    fn a_crate_is_replaced_alone() {
        let mut known = Survivors::parse("crates/a/src/x.rs: p\ncrates/a-b/src/x.rs: q\n");
        assert_eq!(known.of_crate("a").lines, ["crates/a/src/x.rs: p"]);
        known.replace("a", Survivors::parse("crates/a/src/y.rs: r\n"));
        assert_eq!(known.lines, ["accepted a", "crates/a-b/src/x.rs: q", "crates/a/src/y.rs: r"]);
        assert!(known.has_accepted("a") && !known.has_accepted("a-b"));
        known.replace("a", Survivors::default());
        assert_eq!(known.lines, ["accepted a", "crates/a-b/src/x.rs: q"]);
    }
}
