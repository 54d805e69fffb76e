//! One change to the source, as `cargo mutants` lists it.

use std::ops::Range;

use serde_json::Value;

/// What is done at the place of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The body of a function becomes a value.
    Body,
    /// An operator between two operands becomes another one.
    Binary,
    /// An operator before an operand goes away.
    Unary,
    /// An arm of a match goes away.
    Arm,
    /// The condition of an arm becomes `true` or `false`.
    Guard,
    /// Anything else: what stands there is replaced.
    Other,
}

/// A change.
#[derive(Debug, Clone)]
pub struct Change {
    /// Below the top of the workspace.
    pub file: String,
    /// `FILE:LINE:COLUMN: WHAT`.
    pub name: String,
    pub kind: Kind,
    /// The bytes of the file that change.
    pub place: Range<usize>,
    pub replacement: String,
}

impl Change {
    /// Reads an entry of `cargo mutants --list --json`; `source` gives the text of a file.
    pub fn parse(entry: &Value, source: impl FnOnce(&str) -> Option<String>) -> Option<Self> {
        let text = |key: &str| Some(entry.get(key)?.as_str()?.to_owned());
        let file = text("file")?;
        let source = source(&file)?;
        let offset = |end: &str| {
            let position = entry.get("span")?.get(end)?;
            let number = |key: &str| usize::try_from(position.get(key)?.as_u64()?).ok();
            byte_offset(&source, number("line")?, number("column")?)
        };
        let kind = match entry.get("genre")?.as_str()? {
            "FnValue" => Kind::Body,
            "BinaryOperator" => Kind::Binary,
            "UnaryOperator" => Kind::Unary,
            "MatchArm" => Kind::Arm,
            "MatchArmGuard" => Kind::Guard,
            _ => Kind::Other,
        };
        Some(Self {
            name: text("name")?,
            kind,
            place: offset("start")?..offset("end")?,
            replacement: text("replacement")?,
            file,
        })
    }

    /// The source with this change alone.
    pub fn apply(&self, source: &str) -> String {
        let (before, after) = (&source[..self.place.start], &source[self.place.end..]);
        // The comma after an arm or a field goes with it.
        let after = match self.replacement.is_empty() {
            true => after.strip_prefix(',').unwrap_or(after),
            false => after,
        };
        format!("{before}{}{after}", self.replacement)
    }
}

/// Where a line (from 1) and a column in characters (from 1) are.
fn byte_offset(source: &str, line: usize, column: usize) -> Option<usize> {
    let start: usize = source.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let rest = source.get(start..)?;
    let mut chars = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    Some(start + chars.nth(column.checked_sub(1)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_becomes_a_change_of_bytes() {
        let entry = json!({
            "file": "f.rs", "genre": "BinaryOperator", "name": "f.rs:2:5: replace < with == in f", "replacement": "==",
            "span": { "start": { "line": 2, "column": 5 }, "end": { "line": 2, "column": 6 } },
        });
        let source = "fn f() {\n  é < b\n}\n";
        let change = Change::parse(&entry, |_| Some(source.to_owned())).unwrap();
        assert_eq!((change.kind, &source[change.place.clone()]), (Kind::Binary, "<"));
        assert_eq!(change.apply(source), "fn f() {\n  é == b\n}\n");
        assert!(Change::parse(&entry, |_| None).is_none());
        assert!(Change::parse(&entry, |_| Some("one line".to_owned())).is_none());
    }

    #[test]
    fn what_goes_away_takes_its_comma_along() {
        let source = "match x { A => 1, _ => 2 }";
        let change = Change {
            file: String::new(),
            name: String::new(),
            kind: Kind::Arm,
            place: 10..16,
            replacement: String::new(),
        };
        assert_eq!(change.apply(source), "match x {  _ => 2 }");
    }
}
