//! Parses the expressions of eltest.
//!
//! A word that is an operator is always read as one; a leading backslash makes any word an operand, and is removed.
//! `!` binds tighter than `-a`, which binds tighter than `-o`.

/// Tests of one operand.
pub(crate) const UNARY: &[&str] = &[
    "-n", "-z", "-f", "-h", "-L", "-e", "-k", "-b", "-c", "-d", "-g", "-p", "-r", "-s", "-t", "-u", "-w",
    "-x", "-O", "-U", "-G", "-S", "-N", "-v",
];

/// Tests of two operands.
pub(crate) const BINARY: &[&str] =
    &["=", "!=", "-eq", "-ne", "-gt", "-ge", "-lt", "-le", "-nt", "-ot", "-ef", "<", "<=", ">", ">=", "=~"];

/// The limit of nested parentheses.
const MAX_DEPTH: usize = 100;

/// An expression.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Expression<'a> {
    /// True if one is true; evaluated up to the first that is.
    Or(Vec<Self>),
    /// True if all are true; evaluated up to the first that isn't.
    And(Vec<Self>),
    /// True if the inner expression is false.
    Not(Box<Self>),
    /// True if the word isn't empty.
    Word(&'a [u8]),
    /// A test of one operand.
    Unary(&'static str, &'a [u8]),
    /// A test of two operands.
    Binary(&'static str, &'a [u8], &'a [u8]),
}

/// A syntax error: the index of the first word that doesn't fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadWord(pub(crate) usize);

/// A word, classified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Or,
    And,
    Not,
    Open,
    Close,
    Unary(&'static str),
    Binary(&'static str),
    Operand(&'a [u8]),
}

fn token(word: &[u8]) -> Token<'_> {
    let named = |list: &'static [&'static str]| list.iter().find(|o| o.as_bytes() == word).copied();
    match word {
        b"-o" => Token::Or,
        b"-a" => Token::And,
        b"!" => Token::Not,
        b"(" => Token::Open,
        b")" => Token::Close,
        _ => match (named(UNARY), named(BINARY)) {
            (Some(name), _) => Token::Unary(name),
            (_, Some(name)) => Token::Binary(name),
            _ => Token::Operand(word.strip_prefix(b"\\").unwrap_or(word)),
        },
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
}

/// Parses the words of an expression.
pub(crate) fn parse(words: &[Vec<u8>]) -> Result<Expression<'_>, BadWord> {
    let mut parser = Parser { tokens: words.iter().map(|w| token(w)).collect(), at: 0, depth: 0 };
    let expression = parser.or()?;
    if parser.at < parser.tokens.len() { Err(BadWord(parser.at)) } else { Ok(expression) }
}

impl<'a> Parser<'a> {
    /// Skips the next token if it is `expected`; whether it was.
    fn accept(&mut self, expected: Token<'_>) -> bool {
        let found = self.tokens.get(self.at) == Some(&expected);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Expression<'a>, BadWord> {
        let mut all = vec![self.and()?];
        while self.accept(Token::Or) {
            all.push(self.and()?);
        }
        Ok(one_or(all, Expression::Or))
    }

    fn and(&mut self) -> Result<Expression<'a>, BadWord> {
        let mut all = vec![self.not()?];
        while self.accept(Token::And) {
            all.push(self.not()?);
        }
        Ok(one_or(all, Expression::And))
    }

    fn not(&mut self) -> Result<Expression<'a>, BadWord> {
        let mut negated = false;
        while self.accept(Token::Not) {
            negated = !negated;
        }
        let atom = self.atom()?;
        Ok(if negated { Expression::Not(Box::new(atom)) } else { atom })
    }

    fn atom(&mut self) -> Result<Expression<'a>, BadWord> {
        let at = self.at;
        self.at += 1;
        match self.tokens.get(at) {
            Some(Token::Open) if self.depth < MAX_DEPTH => {
                self.depth += 1;
                let inner = self.or()?;
                self.depth -= 1;
                if self.accept(Token::Close) { Ok(inner) } else { Err(BadWord(self.at)) }
            }
            Some(Token::Unary(name)) => Ok(Expression::Unary(name, self.operand()?)),
            Some(Token::Operand(left)) => match self.tokens.get(self.at) {
                Some(Token::Binary(name)) => {
                    self.at += 1;
                    Ok(Expression::Binary(name, left, self.operand()?))
                }
                _ => Ok(Expression::Word(left)),
            },
            _ => Err(BadWord(at)),
        }
    }

    fn operand(&mut self) -> Result<&'a [u8], BadWord> {
        match self.tokens.get(self.at) {
            Some(Token::Operand(word)) => {
                self.at += 1;
                Ok(word)
            }
            _ => Err(BadWord(self.at)),
        }
    }
}

fn one_or<'a>(
    mut all: Vec<Expression<'a>>,
    several: fn(Vec<Expression<'a>>) -> Expression<'a>,
) -> Expression<'a> {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        last => {
            all.extend(last);
            several(all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split(' ').map(|w| w.as_bytes().to_vec()).collect()
    }

    fn shape(e: &Expression<'_>) -> String {
        let all = |v: &[Expression<'_>]| v.iter().map(shape).collect::<Vec<_>>().join(" ");
        match e {
            Expression::Or(v) => format!("or({})", all(v)),
            Expression::And(v) => format!("and({})", all(v)),
            Expression::Not(e) => format!("not({})", shape(e)),
            Expression::Word(w) => tool::diag::shown(w),
            Expression::Unary(name, w) => format!("{name}:{}", tool::diag::show(w)),
            Expression::Binary(name, a, b) => {
                format!("{}{name}{}", tool::diag::show(a), tool::diag::show(b))
            }
        }
    }

    fn parsed(text: &str) -> String {
        shape(&parse(&words(text)).unwrap())
    }

    #[test]
    fn precedence() {
        assert_eq!(parsed("a -o ! b -a c"), "or(a and(not(b) c))");
        assert_eq!(parsed("( a -o b ) -a -f c"), "and(or(a b) -f:c)");
        assert_eq!(parsed("! ! a = b"), "a=b");
    }

    #[test]
    fn backslashes_make_operands() {
        assert_eq!(parsed("\\-n = \\\\a"), "-n=\\a");
        assert_eq!(parsed("-n \\("), "-n:(");
    }

    #[test]
    fn malformed_expressions_are_refused() {
        for bad in [
            "a b",
            "( a",
            "a )",
            "-n",
            "a =",
            "= a",
            "!",
            "a -a",
            "-o a",
            "( )",
            "-eq",
            "a -a -o b",
            "-n = -n",
            "-z a = b",
            "",
        ] {
            let w = if bad.is_empty() { Vec::new() } else { words(bad) };
            assert!(parse(&w).is_err(), "{bad}");
        }
        assert_eq!(parse(&words("a b")), Err(BadWord(1)));
        assert!(parse(&words(&"( ".repeat(100_000))).is_err());
    }

    #[test]
    fn parentheses_nest_a_hundred_deep() {
        let nested = |depth: usize| words(&format!("{}a{}", "( ".repeat(depth), " )".repeat(depth)));
        assert!(parse(&nested(100)).is_ok());
        assert_eq!(parse(&nested(101)), Err(BadWord(100)));
    }

    #[test]
    fn any_number_of_parentheses_stand_side_by_side() {
        let beside = |count: usize| words(&vec!["( ( a ) )"; count].join(" -o "));
        assert!(parse(&beside(1000)).is_ok());
    }

    proptest! {
        #[test]
        fn any_words_parse_or_fail(words in prop::collection::vec("[!()a]|-[aon]|=", 0..30)) {
            let words: Vec<_> = words.into_iter().map(String::into_bytes).collect();
            if let Err(BadWord(at)) = parse(&words) {
                prop_assert!(at <= words.len(), "a fault is at a word, or after the last one");
            }
        }
    }
}
