//! `s6-sort`: sorts its input, by bytes.

use std::cmp::Ordering;
use tool::{Call, Input, Next, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-sort",
    summary: "sort lines",
    operands: "",
    options: &[
        Opt::flag('b', "ignore blanks at the start of lines"),
        Opt::flag('c', "print nothing, exit 1 if the input isn't sorted"),
        Opt::flag('f', "ignore case"),
        Opt::flag('r', "in reverse order"),
        Opt::flag('u', "skip lines that equal the one before"),
        Opt::flag('0', "lines end with NUL bytes"),
    ],
    role: Role::Stay,
    main,
};

/// How lines compare.
#[derive(Debug, Clone, Copy, Default)]
struct Rules {
    blanks: bool,
    case: bool,
    reverse: bool,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let rules = Rules { blanks: options.has('b'), case: options.has('f'), reverse: options.has('r') };
    let separator: &[u8] = if options.has('0') { b"\0" } else { b"\n" };
    let text = Input::lines().rest()?;
    let mut lines: Vec<&[u8]> = text.split(|b| separator.contains(b)).collect();
    if lines.last().is_some_and(|l| l.is_empty()) {
        lines.pop();
    }
    let unique = options.has('u');
    if options.has('c') {
        return Ok(Next::Exit(u8::from(!rules.is_sorted(&lines, unique))));
    }
    lines.sort_by(|a, b| rules.compare(a, b));
    if unique {
        lines.dedup_by(|b, a| rules.compare(a, b) == Ordering::Equal);
    }
    let mut out = Out::new();
    for line in lines {
        out.put(line)?;
        out.put(separator)?;
    }
    out.finish()
}

impl Rules {
    fn compare(self, a: &[u8], b: &[u8]) -> Ordering {
        let (a, b) = (self.key(a), self.key(b));
        let order = if self.case {
            a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase))
        } else {
            a.cmp(b)
        };
        if self.reverse { order.reverse() } else { order }
    }

    fn key(self, line: &[u8]) -> &[u8] {
        let blanks = line.iter().take_while(|b| self.blanks && matches!(b, b' ' | b'\t')).count();
        line.get(blanks..).unwrap_or_default()
    }

    fn is_sorted(self, lines: &[&[u8]], unique: bool) -> bool {
        lines.is_sorted_by(|a, b| match self.compare(a, b) {
            Ordering::Less => true,
            Ordering::Equal => !unique,
            Ordering::Greater => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules() {
        let plain = Rules::default();
        assert_eq!(plain.compare(b"a", b"B"), Ordering::Greater);
        assert_eq!(Rules { case: true, ..plain }.compare(b"a", b"B"), Ordering::Less);
        assert_eq!(Rules { blanks: true, ..plain }.compare(b" \tb", b"b"), Ordering::Equal);
        assert_eq!(Rules { reverse: true, ..plain }.compare(b"a", b"b"), Ordering::Greater);
        assert_eq!(Rules { blanks: true, ..plain }.compare(b"  ", b""), Ordering::Equal);
    }

    #[test]
    fn checking() {
        let plain = Rules::default();
        assert!(plain.is_sorted(&[b"a", b"a", b"b"], false));
        assert!(!plain.is_sorted(&[b"a", b"a"], true));
        assert!(!plain.is_sorted(&[b"b", b"a"], false));
    }
}
