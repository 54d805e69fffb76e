//! The way from a name to its tool: all names in one text, in order, with the tools beside it.
//!
//! The suites' own tables lead to a tool, and on to its name, for each name that is compared: all over the program's read-only
//! data, of which the kernel would then map one piece after another at every start.

use crate::SUITES;
use tool::Tool;

/// How many tools there are.
const COUNT: usize = {
    let (mut suite, mut count) = (0, 0);
    while suite < SUITES.len() {
        count += SUITES[suite].len();
        suite += 1;
    }
    count
};

/// All tools, sorted by name; each suite's are sorted.
const SORTED: [&Tool; COUNT] = {
    let mut next = [0; SUITES.len()];
    let mut sorted = [SUITES[0][0]; COUNT];
    let mut count = 0;
    while count < COUNT {
        let mut least: Option<usize> = None;
        let mut suite = 0;
        while suite < SUITES.len() {
            if next[suite] < SUITES[suite].len() {
                least = match least {
                    Some(other)
                        if !precedes(SUITES[suite][next[suite]].name, SUITES[other][next[other]].name) =>
                    {
                        least
                    }
                    _ => Some(suite),
                };
            }
            suite += 1;
        }
        if let Some(suite) = least {
            sorted[count] = SUITES[suite][next[suite]];
            next[suite] += 1;
        }
        count += 1;
    }
    sorted
};

/// The length of all names together.
const LENGTH: usize = {
    let (mut length, mut n) = (0, 0);
    while n < COUNT {
        length += SORTED[n].name.len();
        n += 1;
    }
    length
};

struct Index {
    /// The names, one after the other.
    text: [u8; LENGTH],
    /// Where each of them ends.
    ends: [u16; COUNT],
    tools: [&'static Tool; COUNT],
}

static INDEX: Index = {
    let mut index = Index { text: [0; LENGTH], ends: [0; COUNT], tools: SORTED };
    let (mut length, mut n) = (0, 0);
    while n < COUNT {
        let name = SORTED[n].name.as_bytes();
        let mut at = 0;
        while at < name.len() {
            index.text[length] = name[at];
            (length, at) = (length + 1, at + 1);
        }
        assert!(length <= u16::MAX as usize);
        index.ends[n] = length as u16;
        n += 1;
    }
    index
};

/// Whether `one` comes before `other`.
const fn precedes(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() {
        if one[at] != other[at] {
            return one[at] < other[at];
        }
        at += 1;
    }
    one.len() < other.len()
}

/// The name of the tool with this number.
fn name(n: usize) -> &'static [u8] {
    let end = |n: usize| INDEX.ends.get(n).map_or(0, |end| usize::from(*end));
    let start = n.checked_sub(1).map_or(0, end);
    INDEX.text.get(start..end(n)).unwrap_or_default()
}

/// The tool of exactly that name.
pub(crate) fn find(wanted: &[u8]) -> Option<&'static Tool> {
    let (mut low, mut high) = (0, COUNT);
    while low < high {
        let middle = low.midpoint(high);
        match name(middle).cmp(wanted) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Equal => return INDEX.tools.get(middle).copied(),
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}

/// All names, sorted.
pub(crate) fn all() -> impl Iterator<Item = &'static [u8]> {
    (0..COUNT).map(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_found_by_its_name_and_by_no_other() {
        for tool in SUITES.iter().copied().flatten() {
            assert!(
                find(tool.name.as_bytes()).is_some_and(|found| std::ptr::eq(found, *tool)),
                "{}",
                tool.name
            );
            assert!(find(&tool.name.as_bytes()[1..]).is_none_or(|found| found.name == &tool.name[1..]));
        }
        assert!(all().is_sorted() && all().count() == COUNT);
        for other in [&b""[..], b"\0", b"xs6-true", b"s6-tru", b"s6-truee", b"\xff"] {
            assert!(find(other).is_none());
        }
    }
}
