//! `case`: executes the block after the first pattern that a value matches.

use crate::blocks::Blocks;
use crate::positional;
use posix_regex::glob::{Shell, matches as shell_matches};
use posix_regex::{Regex, Syntax};
use std::ops::Range;
use tool::{Call, Env, Fatal, Next, Opt, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "case",
    summary: "execute the block after the first pattern that a value matches",
    operands: "value { [ regex { prog... } ]... } progdefault...",
    options: &[
        Opt::flag('s', "patterns are shell patterns"),
        Opt::flag('S', "patterns are regular expressions (default)"),
        Opt::flag('e', "basic regular expressions; with -s: a backslash is an ordinary character"),
        Opt::flag('E', "extended regular expressions; with -s: a backslash escapes (default)"),
        Opt::flag('i', "ignore case; with -s: a leading period must be matched by a period"),
        Opt::flag('N', "store the subexpressions in 1, 2, …; with -s: a slash must be matched by a slash"),
        Opt::flag('n', "don't store subexpressions (default)"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let value = call.shift()?;
    let mut blocks = Blocks::new(call);
    let mut directives = blocks.take(&mut call.args, "case")?;
    let extended = options.last_of("eE") != Some('e');
    let ignore_case = options.has('i');
    let store = options.last_of("nN") == Some('N');
    while !directives.is_empty() {
        let pattern = directives.remove(0);
        if directives.is_empty() {
            return Err(Fatal::user("malformed case block"));
        }
        let argv = blocks.take(&mut directives, "regex")?;
        if options.last_of("sS") == Some('s') {
            let rules = Shell { no_escape: !extended, path: store, period: ignore_case };
            if shell_matches(&pattern, &value, rules) {
                return Next::run_if_any(argv, call.take_env());
            }
        } else if let Some(groups) = matches(&pattern, &value, extended, ignore_case)? {
            let mut env = call.take_env();
            if store {
                store_groups(&mut env, &pattern, &groups);
            }
            return Next::run_if_any(argv, env);
        }
    }
    Next::run_if_any(call.take_args(), call.take_env())
}

/// The parts of `value` that the subexpressions match, if all of it matches; an unused subexpression is empty.
fn matches(
    pattern: &[u8],
    value: &[u8],
    extended: bool,
    ignore_case: bool,
) -> Result<Option<Vec<Vec<u8>>>, Fatal> {
    // Alternatives need parentheses so that the anchors apply to each of them; without alternatives none are added, so
    // that back-references keep their numbers.
    let shift = extended && has_alternatives(pattern);
    let (before, after): (&[u8], &[u8]) = if shift { (b"^(", b")$") } else { (b"^", b"$") };
    let syntax = if extended { Syntax::Extended } else { Syntax::Basic };
    let mut regex =
        Regex::new(&[before, pattern, after].concat(), syntax, ignore_case).map_err(|reason| {
            let pattern = diag::show(pattern);
            Fatal::user(format_args!("unable to compile the regular expression {pattern}: {reason}"))
        })?;
    let part = |span: Range<usize>| value.get(span).unwrap_or_default().to_vec();
    // An expression that begins with `*`, which POSIX leaves undefined, repeats the anchor and so cancels it.
    let spans = regex.find(value).filter(|spans| spans.first() == Some(&(0..value.len())));
    Ok(spans.map(|spans| spans.into_iter().skip(1 + usize::from(shift)).map(part).collect()))
}

/// Whether an extended expression has a bar outside brackets.
fn has_alternatives(mut pattern: &[u8]) -> bool {
    while let Some((b, tail)) = pattern.split_first() {
        pattern = match *b {
            b'|' => return true,
            b'\\' => tail.get(1..).unwrap_or_default(),
            b'[' => after_bracket(tail),
            _ => tail,
        };
    }
    false
}

/// What follows a bracket expression; `inner` begins after its opening bracket.
fn after_bracket(inner: &[u8]) -> &[u8] {
    let mut rest = inner.strip_prefix(b"^").unwrap_or(inner);
    // A closing bracket right at the start is an element.
    rest = rest.strip_prefix(b"]").unwrap_or(rest);
    loop {
        match rest {
            [b']', after @ ..] => return after,
            [b'[', kind @ (b':' | b'.' | b'='), class @ ..] => {
                let end = class.windows(2).position(|w| w == [*kind, b']']);
                rest = end.and_then(|at| class.get(at + 2..)).unwrap_or_default();
            }
            [_, after @ ..] => rest = after,
            [] => return rest,
        }
    }
}

fn store_groups(env: &mut Env, pattern: &[u8], groups: &[Vec<u8>]) {
    env.set(b"0", pattern);
    positional::replace(env, 0, groups);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(pattern: &str, value: &str, extended: bool) -> Option<Vec<String>> {
        let found = matches(pattern.as_bytes(), value.as_bytes(), extended, false).unwrap()?;
        Some(found.iter().map(|g| diag::shown(g)).collect())
    }

    #[test]
    fn the_whole_value_matches() {
        assert!(groups("foo|bar", "bar", true).is_some());
        assert!(groups("foo|bar", "foox", true).is_none());
        assert!(groups("foo|bar", "xbar", true).is_none());
        assert!(groups("a+", "aab", true).is_none());
        assert!(groups("a+", "a+", false).is_some());
        assert!(groups("*", "foo", true).is_none());
        assert!(groups("?h", "xh", true).is_none());
    }

    #[test]
    fn subexpressions() {
        assert_eq!(groups("([fo]+)bar(baz)", "foobarbaz", true).unwrap(), ["foo", "baz"]);
        assert_eq!(groups("(a)|(b)", "b", true).unwrap(), ["", "b"]);
        assert_eq!(groups("\\(ab\\)\\1", "abab", false).unwrap(), ["ab"]);
        assert_eq!(groups("x", "x", true).unwrap(), [""; 0]);
    }

    #[test]
    fn a_bar_in_brackets_is_no_alternative() {
        assert!(has_alternatives(b"[]|]|"));
        assert!(has_alternatives(b"(a[^]]|b)"));
        for without in [&b"[]|]"[..], b"[^]|]", b"[[:alpha:]|]", b"[[:alpha|", b"a\\|b", b"[|"] {
            assert!(!has_alternatives(without), "{}", diag::show(without));
        }
    }
}
