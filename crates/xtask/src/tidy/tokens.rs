//! The words and signs of Rust code, and where a bracket closes.

use super::lexer::code_only;

/// A word (`crate`, `foo`, `60`), a path's `::`, or another sign of one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its text, a raw identifier without its `r#`.
    pub text: String,
    /// The line it is on, from 1.
    pub line: usize,
}

/// The tokens of `source`; comments and literals have none.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (line, text) in (1..).zip(code_only(source).lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = rest.len() - rest.trim_start_matches(|c: char| c == '_' || c.is_alphanumeric()).len();
            let length = match word {
                0 if rest.starts_with("::") => 2,
                1 if rest.starts_with("r#") => 2,
                0 => first.len_utf8(),
                word => word,
            };
            let (token, after) = rest.split_at(length);
            if token != "r#" {
                tokens.push(Token { text: token.into(), line });
            }
            rest = after.trim_start();
        }
    }
    tokens
}

/// The index after the bracket that closes the one at `open`.
pub fn after_bracket(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The index after the item at `start`: after its `;` or its body.
pub fn after_item(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" => return at + 1,
            "{" => return after_bracket(tokens, at),
            "(" | "[" => at = after_bracket(tokens, at),
            _ => at += 1,
        }
    }
    tokens.len()
}

/// The tokens without the items that only tests have.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|t| t.text == text);
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if (0..).zip(["#", "[", "cfg", "(", "test"]).all(|(n, text)| is(at + n, text)) {
            at = after_bracket(tokens, at + 1);
            // Further attributes belong to the same item.
            while is(at, "#") {
                at = after_bracket(tokens, at + 1);
            }
            at = match tokens.get(at).map(|t| t.text.as_str()) {
                // A tree of names has braces and ends with a semicolon.
                Some("use") => {
                    tokens[at..].iter().position(|t| t.text == ";").map_or(tokens.len(), |n| at + n + 1)
                }
                _ => after_item(tokens, at),
            };
        } else {
            kept.extend(tokens.get(at).cloned());
            at += 1;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tokens: &[Token]) -> String {
        tokens.iter().map(|t| t.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_and_signs() {
        let found = tokens("use crate::r#if as x; // y\nlet a = r\"s\".f(1);");
        assert_eq!(texts(&found), "use crate :: if as x ; let a = . f ( 1 ) ;");
        assert_eq!((found[0].line, found[7].line), (1, 2));
    }

    #[test]
    fn items_of_tests_go() {
        let source = "use a::B;\n#[cfg(test)]\nuse c::{D, E};\n#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests;\n\
                      #[cfg(test)]\nfn f(x: [u8; 2]) -> u8 { g({ 1 }) }\nfn h() {}\n#[cfg(test)]\nmod tests { fn i() {} }\n";
        assert_eq!(texts(&without_tests(&tokens(source))), "use a :: B ; fn h ( ) { }");
    }
}
