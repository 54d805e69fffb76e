//! Turns the text of a script into one command line.
//!
//! A command line has no braces: each word is prefixed with one space for each block around it, and a block ends with
//! an empty word, prefixed with one space for each block still open around it.

use crate::lexer::{Lexer, Piece};
use crate::syntax_error::{Fault, SyntaxError};

/// The limit in bytes, terminators included, of what a script or a substitution expands to: 16 MiB.  Linux accepts no
/// command line above 6 MiB, and without a limit a short text can grow exponentially (deep blocks, several split
/// values in one word).
pub const MAX_SIZE: usize = 16 << 20;

/// The command line of a script; empty if the script is empty or only comments.
///
/// # Errors
/// The first fault; no part of a script with a fault may be run.
pub fn parse(script: &[u8]) -> Result<Vec<Vec<u8>>, SyntaxError> {
    let mut argv = Vec::new();
    let mut size = 0;
    let mut open = Vec::new();
    for token in Lexer::new(script) {
        let token = token?;
        let word = match token.piece {
            Piece::Word(word) => word,
            Piece::Open => {
                open.push(token.at);
                continue;
            }
            Piece::Close => {
                open.pop().ok_or(SyntaxError { fault: Fault::UnmatchedClose, at: token.at })?;
                Vec::new()
            }
        };
        size += open.len() + word.len() + 1;
        if size > MAX_SIZE {
            return Err(SyntaxError { fault: Fault::TooBig, at: token.at });
        }
        let mut spaced = vec![b' '; open.len()];
        spaced.extend_from_slice(&word);
        argv.push(spaced);
    }
    match open.pop() {
        Some(at) => Err(SyntaxError { fault: Fault::UnmatchedOpen, at }),
        None => Ok(argv),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block;
    use proptest::prelude::*;

    fn argv(script: &str) -> Vec<String> {
        parse(script.as_bytes()).unwrap().into_iter().map(|w| String::from_utf8(w).unwrap()).collect()
    }

    #[test]
    fn blocks_are_spaces_and_empty_words() {
        assert_eq!(
            argv("show { a { b \"c d\" { } } } e { }"),
            ["show", " a", "  b", "  c d", "  ", " ", "", "e", ""]
        );
        assert_eq!(argv("# nothing"), [""; 0]);
        assert_eq!(argv("a \"\" { \"\" }"), ["a", "", " ", ""]);
    }

    #[test]
    fn an_unmatched_brace_is_located() {
        let e = |s: &str| parse(s.as_bytes()).unwrap_err().to_string();
        assert!(e("a {\n { b }\n").starts_with("line 1, column 3: unmatched {"), "{}", e("a {"));
        assert!(e("a\n  }").starts_with("line 2, column 3: unmatched }"));
        assert!(e("} {").starts_with("line 1, column 1: unmatched }"));
    }

    #[test]
    fn faults_are_shown_in_their_line() {
        let explain = |s: &[u8]| parse(s).unwrap_err().explain(s);
        assert_eq!(
            explain(b"foo\r\n\tif { bar\r\nend"),
            "line 2, column 5: unmatched {: expected a } on its own before the end\n   if { bar\n      ^"
        );
        assert_eq!(
            explain("\u{e4} }".as_bytes()),
            "line 1, column 4: unmatched }: no block is open here\n  \u{e4} }\n    ^"
        );
        assert_eq!(
            explain(b"\\t \"b\nc"),
            "line 1, column 4: unterminated string: expected a closing \" before the end\n  \\t \"b\n     ^"
        );
        assert_eq!(
            explain(b"a \"\\0y\""),
            "line 1, column 4: bad escape: expected an octal digit after \\0, or x and a hexadecimal digit\n  \
             a \"\\0y\"\n     ^"
        );
        assert_eq!(
            explain(b"\"\\256\""),
            "line 1, column 2: bad escape: expected a value from 1 to 255\n  \"\\256\"\n   ^"
        );
        assert_eq!(
            explain(b"\x1ba\0b"),
            "line 1, column 3: null character: a script can't contain one\n  \\u{1b}a\\u{0}b\n         ^"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_fault() {
        let script = format!("{} }} {}", "x".repeat(500), "y".repeat(500));
        let text = parse(script.as_bytes()).unwrap_err().explain(script.as_bytes());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], format!("  …{} }} {}…", "x".repeat(59), "y".repeat(58)));
        assert_eq!(lines[2].len(), 2 + 61 + 1);
    }

    #[test]
    fn a_command_line_has_at_most_16_mebibytes() {
        assert_eq!(MAX_SIZE, 16 * 1024 * 1024);
        assert_eq!(crate::input::MAX_VALUE, MAX_SIZE);
        let longest = vec![b'a'; MAX_SIZE - 1];
        assert!(parse(&longest).is_ok());
        assert_eq!(parse(&[longest, vec![b'a']].concat()).unwrap_err().fault, Fault::TooBig);
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = "{ ".repeat(50_000) + &"} ".repeat(50_000);
        assert_eq!(parse(deep.as_bytes()).unwrap_err().fault, Fault::TooBig);
    }

    /// A script as a tree.
    #[derive(Debug, Clone)]
    enum Node {
        Word(Vec<u8>, u8),
        Block(Vec<Node>),
    }

    fn nodes() -> impl Strategy<Value = Vec<Node>> {
        let word = (prop::collection::vec(1..=255u8, 0..6), any::<u8>()).prop_map(|(w, s)| Node::Word(w, s));
        let node = word.prop_recursive(4, 40, 5, |n| prop::collection::vec(n, 0..5).prop_map(Node::Block));
        prop::collection::vec(node, 0..8)
    }

    /// Writes a word in one of the ways that the language offers.
    fn print_word(word: &[u8], style: u8, out: &mut Vec<u8>) {
        if style.is_multiple_of(2) && !word.is_empty() && !word.contains(&b'\n') {
            for b in word {
                out.extend([b'\\', *b]);
            }
            return;
        }
        out.push(b'"');
        for b in word {
            match (style / 2) % 4 {
                0 => out.extend(format!("\\0x{b:02x}").bytes()),
                1 => out.extend(format!("\\0{b:03o}").bytes()),
                2 if *b >= 100 => out.extend(format!("\\{b}").bytes()),
                _ if matches!(b, b'"' | b'\\') => out.extend([b'\\', *b]),
                _ => out.push(*b),
            }
        }
        out.push(b'"');
    }

    fn print(nodes: &[Node], out: &mut Vec<u8>) {
        for node in nodes {
            match node {
                Node::Word(w, style) => print_word(w, *style, out),
                Node::Block(inner) => {
                    out.extend(b"{ # {\n");
                    print(inner, out);
                    out.push(b'}');
                }
            }
            out.push(b' ');
        }
    }

    fn encode(nodes: &[Node], level: usize, argv: &mut Vec<Vec<u8>>) {
        for node in nodes {
            let mut word = vec![b' '; level];
            match node {
                Node::Word(w, _) => word.extend(w),
                Node::Block(inner) => encode(inner, level + 1, argv),
            }
            argv.push(word);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed(tree in nodes()) {
            let (mut script, mut argv) = (Vec::new(), Vec::new());
            print(&tree, &mut script);
            encode(&tree, 0, &mut argv);
            prop_assert_eq!(parse(&script).unwrap(), argv, "what is printed is parsed to the same command line");
        }

        #[test]
        fn a_block_is_taken_as_it_was_encoded(tree in nodes(), tail in nodes()) {
            let (mut inner, mut args, mut rest) = (Vec::new(), Vec::new(), Vec::new());
            encode(&tree, 0, &mut inner);
            encode(&tail, 0, &mut rest);
            encode(&[Node::Block(tree)], 0, &mut args);
            args.extend(rest.iter().cloned());
            let taken = block::take(&mut args).unwrap();
            prop_assert_eq!(taken.words, inner, "a block's words lose one leading space each");
            prop_assert_eq!(taken.unquoted, Vec::<usize>::new(), "no word of a block that was parsed is unquoted");
            prop_assert_eq!(args, rest, "what follows a block stays");
        }

        #[test]
        fn any_bytes_parse_or_fail(script in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&script);
        }
    }
}
