//! Expressions against what POSIX says they match.

use crate::Regex;

fn ere(pattern: &str, text: &str) -> bool {
    Regex::extended(pattern.as_bytes()).unwrap_or_else(|e| panic!("{pattern}: {e}")).is_match(text.as_bytes())
}

fn bre(pattern: &str, text: &str) -> bool {
    Regex::basic(pattern.as_bytes()).unwrap_or_else(|e| panic!("{pattern}: {e}")).is_match(text.as_bytes())
}

/// Each line: the expression, texts that match, texts that don't.
fn check(table: &[(&str, &[&str], &[&str])], matches: fn(&str, &str) -> bool) {
    for (pattern, yes, no) in table {
        yes.iter().for_each(|t| assert!(matches(pattern, t), "{pattern} matches {t:?}"));
        no.iter().for_each(|t| assert!(!matches(pattern, t), "{pattern} doesn't match {t:?}"));
    }
}

#[test]
fn extended_syntax() {
    check(
        &[
            ("", &["", "a"], &[]),
            ("^(warn|err) [0-9]+$", &["warn 12", "err 7"], &["warn", "err seven", "xwarn 1"]),
            ("x\\.y", &["x.y"], &["xzy"]),
            ("^.{4}$", &["warn"], &["abc", "abcde"]),
            ("^a{2,3}$", &["aa", "aaa"], &["a", "aaaa"]),
            ("^a{2,}b{,2}$", &["aa", "aaaaabb"], &["a", "aabbb"]),
            ("n?e", &["err"], &["rr"]),
            ("(ab)*c", &["c", "ababc", "xc"], &["ab"]),
            ("^(ab|c(d|e)+)?$", &["", "ab", "cded"], &["c", "abab"]),
            ("a|^b$|c", &["xa", "b", "c"], &["bb", "d"]),
            ("a+)", &["a)"], &["a"]),
            ("()b", &["b"], &["a"]),
            ("^$", &[""], &["a", "\n"]),
            ("a**", &[""], &[]),
            ("x$y|z", &["z"], &["x$y", "xy"]),
        ],
        ere,
    );
}

#[test]
fn brackets() {
    check(
        &[
            ("[[:upper:]]{3}", &["ERR"], &["ERr"]),
            ("^[]a]$", &["]", "a"], &["b"]),
            ("^[^]a]$", &["b"], &["]", "a", ""]),
            ("^[a-c-]$", &["b", "-"], &["d"]),
            ("^[[.-.]x]$", &["-", "x"], &["."]),
            ("^[[=a=][:digit:]_]$", &["a", "7", "_"], &["b"]),
            ("^[\\n]$", &["\\", "n"], &["\n"]),
            ("[[:space:]][[:digit:]]{2}", &["warn 12", "\t00"], &["12"]),
        ],
        ere,
    );
}

#[test]
fn extensions() {
    check(
        &[
            ("\\<foo\\>", &["foo", "a foo b", "foo."], &["foobar", "afoo", "foo_"]),
            ("\\bfoo\\B", &["foobar"], &["foo", "afoob"]),
            ("^\\w+\\s\\d$", &["ab_1 2"], &["a- 2", "a b"]),
            ("^\\W\\S\\D$", &["-aa"], &["aaa", "- a", "-a1"]),
            ("\\x41\\t", &["A\t"], &["A"]),
            ("^\\x4\\x{41}\\x{0000004a}{2}$", &["\x04AJJ"], &["\x04A", "x{41}"]),
            ("^\\x{}\\x$", &["\0\0"], &[""]),
            ("\\x{20ac}|b", &["b"], &["\u{20ac}", "\u{ac}"]),
            ("\\$\\(", &["$("], &["("]),
        ],
        ere,
    );
}

#[test]
fn basic_syntax() {
    check(
        &[
            ("a+b", &["a+b"], &["aab"]),
            ("a\\+b", &["aab"], &["a+b", "b"]),
            ("^*a", &["*a"], &["a"]),
            ("*a", &["*a"], &["a"]),
            ("\\(*a\\)", &["*a"], &["a"]),
            ("a^b$c", &["a^b$c"], &["abc"]),
            ("\\(^a\\|b$\\)", &["ax", "xb"], &["xa", "bx"]),
            ("a\\{2\\}", &["aa"], &["a{2}", "a"]),
            ("a{2}", &["a{2}"], &["aa"]),
            ("\\(a\\)\\1", &["aab"], &["ab"]),
            ("^\\(.*\\)-\\1$", &["ab-ab", "-"], &["ab-a"]),
            ("\\(a*\\)*\\1b", &["b", "aab"], &["a"]),
            ("^\\(a\\|b\\)*\\1$", &["abb", "aa"], &["ab", "a"]),
        ],
        bre,
    );
}

#[test]
fn what_is_wrong() {
    for bad in [
        "+a",
        "a|*",
        "(",
        "(a",
        "[",
        "[a",
        "[[:nope:]]",
        "[[:alpha:]",
        "[b-a]",
        "a{2,1}",
        "a{",
        "a{x}",
        "a{256}",
        "a{,}",
        "\\",
        "({",
        "\\x{41",
        "\\x{4g}",
        "\\x{000000041}",
    ] {
        assert!(Regex::extended(bad.as_bytes()).is_err(), "{bad}");
    }
    for bad in ["\\(a", "a\\)", "\\1", "\\(a\\1\\)", "a\\{1", "[a"] {
        assert!(Regex::basic(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn hostile_expressions_are_refused_or_cheap() {
    assert!(Regex::extended(b"((((a{255}){255}){255}){255})").is_err());
    assert!(Regex::extended("(".repeat(100_000).as_bytes()).is_err());
    assert!(Regex::extended(&[b"a".as_slice(), "?".repeat(100_000).as_bytes()].concat()).is_err());
    assert!(Regex::extended(&[b"a".as_slice(), "*".repeat(100_000).as_bytes()].concat()).is_ok());
    assert!(Regex::extended("a?b*".repeat(1000).as_bytes()).is_ok());
    // Exponential for a search, and with more states than are kept.
    let mut regex = Regex::extended(b"(a|b)*a(a|b){14}c|(a*)*d").unwrap();
    let text: Vec<u8> = (0_u32..200_000)
        .map(|i| if i.wrapping_mul(2_654_435_761) >> 20 & 1 == 1 { b'a' } else { b'b' })
        .collect();
    assert!(!regex.is_match(&text));
    assert!(regex.is_match(&[&text[..], b"aabababababababac"].concat()));
}

/// The largest expression of each kind that is taken; the next one is refused, and the message says why.
#[test]
fn limits() {
    let nested = |depth: usize| "(".repeat(depth) + "a" + &")".repeat(depth);
    let stacked = |count: usize| String::from("a") + &"?".repeat(count);
    for (largest, larger, why) in [
        (String::from("a{255}"), String::from("a{256}"), "a number in braces is above 255"),
        (nested(200), nested(201), "too deeply nested"),
        (stacked(5), stacked(6), "too many repetitions of one thing"),
    ] {
        assert!(Regex::extended(largest.as_bytes()).is_ok(), "{largest}");
        assert_eq!(Regex::extended(larger.as_bytes()).err().as_deref(), Some(why), "{larger}");
    }
    // A step for each byte, and one for the match.
    assert!(Regex::extended("a".repeat(20_000).as_bytes()).is_ok());
    assert_eq!(Regex::extended("a".repeat(20_001).as_bytes()).err().as_deref(), Some("too big"));
}

#[test]
fn bytes_are_bytes() {
    let mut regex = Regex::extended(b"^\xff.[^a]$").unwrap();
    assert!(regex.is_match(b"\xff\xfe\x00"));
    assert!(!regex.is_match(b"\xff\xfea"));
    assert!(Regex::extended(b"\xc3\xbc{2}").unwrap().is_match(b"\xc3\xbc\xbc"));
}

#[test]
fn cases_are_ignored() {
    assert!(Regex::extended_ignoring_case(b"^h[A-C]l\\x6f$").unwrap().is_match(b"HbLO"));
    assert!(Regex::basic_ignoring_case(b"\\(a\\)\\1").unwrap().is_match(b"xaA"));
    assert!(!Regex::extended_ignoring_case(b"[^a]").unwrap().is_match(b"Aa"));
}

/// What each group takes of the text.
fn groups(mut regex: Regex, text: &str) -> Vec<&str> {
    regex.find(text.as_bytes()).unwrap().into_iter().map(|span| &text[span]).collect()
}

#[test]
fn groups_take_the_most_from_left_to_right() {
    for (pattern, text, expected) in [
        ("(a|ab)(c|bcd)(d*)", "xabcd", &["abcd", "ab", "c", "d"][..]),
        ("(a+)(a*)", "baaa", &["aaa", "aaa", ""]),
        ("(a|b)*", "abx", &["ab", "b"]),
        ("((a)|b)*", "ab", &["ab", "b", ""]),
        ("(a{1,2}){2}", "aaa", &["aaa", "a"]),
        ("(a*)(b|abc)", "abc", &["abc", "", "abc"]),
        ("x(y)?z|(w)", "xz", &["xz", "", ""]),
        ("(\\w+) (\\d+)$", "as 12 cd 34", &["cd 34", "cd", "34"]),
        ("(()|.)(b)", "ab", &["ab", "a", "", "b"]),
        // What takes no part in the last repetition is empty.
        ("((..)|(.)){2}", "aaa", &["aaa", "a", "", "a"]),
        ("((..)|(.))*", "aaa", &["aaa", "a", "", "a"]),
        ("((a)|(b)){2,}", "abab", &["abab", "b", "", "b"]),
        ("(a|(b)|c){1,3}", "abc", &["abc", "c", ""]),
        ("(a(b)?)+", "aba", &["aba", "a", ""]),
        ("(((a)|b){2}){2}", "abba", &["abba", "ba", "a", "a"]),
        ("((a)?b){2}", "abb", &["abb", "b", ""]),
    ] {
        assert_eq!(groups(Regex::extended(pattern.as_bytes()).unwrap(), text), expected, "{pattern}");
    }
    assert_eq!(groups(Regex::basic(b"\\(a*\\)-\\1\\(.\\)").unwrap(), "aa-ab"), ["a-ab", "a", "b"]);
    assert_eq!(
        groups(Regex::basic(b"\\(\\(a\\)\\|\\(b\\)\\)\\{2\\}\\2-\\1").unwrap(), "ab-b"),
        ["ab-b", "b", "", "b"]
    );
}
