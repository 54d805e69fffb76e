//! Generated expressions and texts: the same answers as the C library's regcomp and regexec.
//!
//! `PROPTEST_CASES=100000 cargo test -p posix-regex` looks longer.

use crate::regex::{Matcher, Regex};
use crate::{AnyOf, Syntax};
use proptest::prelude::*;
use proptest::test_runner::Config;
use std::ops::Range;
use sys::pattern;

fn expression(syntax: Syntax) -> impl Strategy<Value = String> {
    let basic = syntax == Syntax::Basic;
    let escaped = move |operator: &str| if basic { format!("\\{operator}") } else { operator.to_owned() };
    let (open, close, bar) = (escaped("("), escaped(")"), escaped("|"));
    let braces = move |inside: &str| format!("{}{inside}{}", escaped("{"), escaped("}"));
    let counts = ["2", "1,2", "2,", "0,2", "0", "1", "0,1"].map(braces).to_vec();
    let (plus, maybe) = (escaped("+"), escaped("?"));
    let atom = prop_oneof![
        6 => "[abc]",
        1 => prop::sample::select(vec![
            ".", "[ab]", "[^a]", "[b-c]", "[[:alpha:]]", "[]x]", "\\.", "\\w", "\\W", "\\s", "\\S", "-", "[a-]",
        ])
        .prop_map(str::to_owned),
        1 => prop::sample::select(vec!["^", "$", "\\<", "\\>", "\\b", "\\B"]).prop_map(str::to_owned),
    ];
    atom.prop_recursive(4, 24, 4, move |inner| {
        let (open, close, bar) = (open.clone(), close.clone(), bar.clone());
        let group = move |inside: String| format!("{open}{inside}{close}");
        let repeat = prop::sample::select(
            [vec!["*".to_owned(), plus.clone(), maybe.clone()], counts.clone()].concat(),
        );
        let repeatable = prop_oneof![inner.clone().prop_map(group.clone()), "[abc.]"];
        prop_oneof![
            inner.clone().prop_map(group),
            (repeatable, repeat).prop_map(|(what, how)| what + &how),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| all.concat()),
            prop::collection::vec(inner, 2..3).prop_map(move |all| all.join(&bar)),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[abc]{0,8}", 1 => "[abcx. -]{0,12}"]
}

/// Expressions as people write them for logs: literals, alternatives, classes, anchors.
fn wordy() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "error",
        "err",
        "warn",
        "abcabd",
        "bcab",
        "a",
        "[Ee]rr",
        "w[[:lower:]]r",
        "[0-9]{3}",
        "[^a]bc",
        "x+y",
        "ab*c",
        ".",
        "b.d",
        "(ab){2}",
        "(a|b)c",
        "(warn|err)",
        "c?",
        "(bc|)",
        "r{2,4}o",
        "(e+r)+o",
        "(abc$|^wa)",
        "[a-e]{5,}",
    ]);
    let branch =
        (any::<bool>(), prop::collection::vec(word, 1..4), any::<bool>()).prop_map(|(start, words, end)| {
            [if start { "^" } else { "" }, &words.concat(), if end { "$" } else { "" }].concat()
        });
    // Mostly one branch with as many anchors as any: those that nothing precedes are the interesting ones.
    prop_oneof![
        3 => branch.clone(),
        2 => prop::collection::vec(branch, 2..5).prop_map(|all| all.join("|")),
    ]
}

/// Lines that such expressions often match, at any place of blocks of eight bytes.
fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof!["[a-e]{0,3}", "error|err|Err|warn|abcabd|bcab|abc|xxy|123|rrro", "[.`bd ]{0,20}"];
    prop::collection::vec(piece, 0..5).prop_map(|all| all.concat())
}

fn compare(expression: &str, text: &str, syntax: Syntax, ignore_case: bool) -> Result<(), TestCaseError> {
    let theirs = pattern::Regex::new(
        expression.as_bytes(),
        pattern::Syntax { extended: syntax == Syntax::Extended, ignore_case },
    );
    let ours = Regex::new(expression.as_bytes(), syntax, ignore_case);
    prop_assert_eq!(
        ours.is_ok(),
        theirs.is_ok(),
        "what the C library refuses is refused, and nothing else: {:?}",
        ours.err()
    );
    let (Ok(mut ours), Ok(theirs)) = (ours, theirs) else { return Ok(()) };
    // glibc lets conditions hold in the copies of a repetition where they don't: `(\<a){2}` matches `aa`.
    // And it reports other groups than POSIX wants where there are counts, conditions on words, or conditions in
    // alternatives: `([^a])$|c` leaves its group empty for `c`.
    let counted = expression.contains('{');
    let has = |conditions: &[&str]| conditions.iter().any(|c| expression.contains(c));
    let words = has(&["\\<", "\\>", "\\b", "\\B"]);
    let places_in_text = has(&["^", "$"]);
    if (words || places_in_text) && has(&["{", "+"]) {
        return Ok(());
    }
    let found = ours.find(text.as_bytes());
    let only_whole = counted || words || (places_in_text && has(&["|"]));
    let compared = if only_whole { 1 } else { found.as_ref().map_or(1, Vec::len) };
    let mut places = vec![None; compared];
    let matched = theirs.matches(text.as_bytes(), &mut places);
    prop_assert_eq!(ours.is_match(text.as_bytes()), matched, "is_match says what the C library says");
    // A group that takes no part can't be told from one that takes nothing by the text that it has.
    let part = |span: Range<usize>| text.get(span).unwrap_or_default();
    let their_parts: Vec<&str> = places.iter().map(|p| part(p.map_or(0..0, |(from, to)| from..to))).collect();
    prop_assert_eq!(found.is_some(), matched, "find finds where is_match says so");
    for (i, (span, theirs)) in found.into_iter().flatten().zip(their_parts).enumerate() {
        // Another one of glibc's: what an inner group took in an earlier repetition stays.
        let ours = part(span);
        prop_assert!(
            ours == theirs || (i > 1 && ours.is_empty()),
            "group {} takes what it takes in the C library, or nothing: {:?}, {:?}",
            i,
            ours,
            theirs
        );
    }
    Ok(())
}

/// How many cases a property is tried on, unless PROPTEST_CASES says another number.
const CASES: u32 = 1000;

/// The usual configuration but for the number of cases.
pub(crate) fn config() -> Config {
    let wanted = std::env::var("PROPTEST_CASES").ok().and_then(|number| number.parse().ok());
    Config { cases: wanted.unwrap_or(CASES), ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn extended(expression in expression(Syntax::Extended), text in text(), ignore_case: bool) {
        compare(&expression, &text, Syntax::Extended, ignore_case)?;
    }

    #[test]
    fn wordy_extended(expression in wordy(), lines in prop::collection::vec(line(), 1..6), ignore_case: bool) {
        for line in lines {
            compare(&expression, &line, Syntax::Extended, ignore_case)?;
        }
    }

    /// A filter may only refuse what the automaton refuses.
    #[test]
    fn filtered(
        expression in prop_oneof![expression(Syntax::Extended), wordy()],
        lines in prop::collection::vec(prop_oneof![text(), line()], 1..8),
        ignore_case: bool,
    ) {
        let Ok(mut regex) = Regex::new(expression.as_bytes(), Syntax::Extended, ignore_case) else { return Ok(()) };
        for line in lines {
            let matched = regex.is_match(line.as_bytes());
            let Matcher::Automaton(automaton) = &mut regex.matcher else { return Ok(()) };
            prop_assert_eq!(matched, automaton.is_match(line.as_bytes()), "a filter refuses only what the automaton refuses: {:?}", &line);
        }
    }

    #[test]
    fn any_of(
        expressions in prop::collection::vec(prop_oneof![expression(Syntax::Extended), wordy()], 1..6),
        lines in prop::collection::vec(prop_oneof![text(), line()], 1..8),
    ) {
        let compile = || expressions.iter().filter_map(|e| Regex::extended(e.as_bytes()).ok()).collect::<Vec<_>>();
        let (mut any, mut each) = (AnyOf::new(compile()), compile());
        for line in lines {
            let expected = each.iter_mut().any(|regex| regex.is_match(line.as_bytes()));
            prop_assert_eq!(any.is_match(line.as_bytes()), expected, "several expressions decide as one after the other: {:?}", &line);
        }
    }

    #[test]
    fn basic(expression in expression(Syntax::Basic), text in text(), ignore_case: bool) {
        compare(&expression, &text, Syntax::Basic, ignore_case)?;
    }
}
