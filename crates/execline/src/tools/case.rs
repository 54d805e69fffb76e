//! `case`: goes on to the block behind the first pattern that a value matches.

use crate::blocks::Blocks;
use crate::positional;
use sys::pattern::{Regex, Shell, Syntax, fnmatch};
use tool::{Call, Env, Fatal, Next, Opt, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "case",
    summary: "go on to the program behind the first pattern that a value matches",
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
            let how = Shell { no_escape: !extended, path: store, period: ignore_case };
            if fnmatch(&pattern, &value, how) {
                return Next::run_if_any(argv, call.take_env());
            }
        } else if let Some(groups) = matches(&pattern, &value, Syntax { extended, ignore_case })? {
            let mut env = call.take_env();
            if store {
                store_groups(&mut env, &pattern, &groups);
            }
            return Next::run_if_any(argv, env);
        }
    }
    Next::run_if_any(call.take_args(), call.take_env())
}

/// The subexpressions' parts of `value` if all of it matches; a subexpression that took no part is empty.
fn matches(pattern: &[u8], value: &[u8], syntax: Syntax) -> Result<Option<Vec<Vec<u8>>>, Fatal> {
    // Alternatives need parentheses for the anchors to hold for each of them; elsewhere the numbers of
    // back-references are left alone.
    let shift = syntax.extended && count(pattern, b'|', true) > 0;
    let (before, after): (&[u8], &[u8]) = if shift { (b"^(", b")$") } else { (b"^", b"$") };
    let anchored = [before, pattern, after].concat();
    let regex = Regex::new(&anchored, syntax).map_err(|bad| {
        Fatal::user(format!("unable to compile the regular expression {}: {}", diag::show(pattern), bad.0))
    })?;
    let skip = 1 + usize::from(shift);
    let mut places = vec![None; skip + count(pattern, b'(', syntax.extended)];
    if !regex.matches(value, &mut places) {
        return Ok(None);
    }
    let part = |place: &Option<(usize, usize)>| {
        place.and_then(|(from, to)| value.get(from..to)).unwrap_or_default().to_vec()
    };
    Ok(Some(places.iter().skip(skip).map(part).collect()))
}

/// How often the operator `wanted` occurs: bare in extended, behind a backslash in basic expressions.
fn count(pattern: &[u8], wanted: u8, extended: bool) -> usize {
    let mut n = 0;
    let mut rest = pattern;
    while let Some((b, tail)) = rest.split_first() {
        rest = tail;
        match *b {
            b'\\' => {
                n += usize::from(!extended && tail.first() == Some(&wanted));
                rest = tail.get(1..).unwrap_or_default();
            }
            b'[' => rest = after_bracket(tail),
            b if b == wanted => n += usize::from(extended),
            _ => {}
        }
    }
    n
}

/// What follows a bracket expression whose opening bracket is already behind.
fn after_bracket(inner: &[u8]) -> &[u8] {
    let mut rest = inner.strip_prefix(b"^").unwrap_or(inner);
    // Right at the start, a closing bracket is an element.
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
        let syntax = Syntax { extended, ignore_case: false };
        let found = matches(pattern.as_bytes(), value.as_bytes(), syntax).unwrap()?;
        Some(found.iter().map(|g| diag::show(g)).collect())
    }

    #[test]
    fn the_whole_value_matches() {
        assert!(groups("foo|bar", "bar", true).is_some());
        assert!(groups("foo|bar", "foox", true).is_none());
        assert!(groups("foo|bar", "xbar", true).is_none());
        assert!(groups("a+", "aab", true).is_none());
        assert!(groups("a+", "a+", false).is_some());
    }

    #[test]
    fn subexpressions() {
        assert_eq!(groups("([fo]+)bar(baz)", "foobarbaz", true).unwrap(), ["foo", "baz"]);
        assert_eq!(groups("(a)|(b)", "b", true).unwrap(), ["", "b"]);
        assert_eq!(groups("\\(ab\\)\\1", "abab", false).unwrap(), ["ab"]);
        assert_eq!(groups("x", "x", true).unwrap(), [""; 0]);
    }

    #[test]
    fn operators_are_counted() {
        assert_eq!(count(b"(a)[(]\\(([]()])([^](])", b'(', true), 3);
        assert_eq!(count(b"[[:alpha:][:digit:](]+(a)", b'(', true), 1);
        assert_eq!(count(b"[[:alpha", b'(', true), 0);
        assert_eq!(count(b"\\(a(\\)\\\\(", b'(', false), 1);
        assert_eq!(count(b"a\\|[|]", b'|', true), 0);
    }
}
