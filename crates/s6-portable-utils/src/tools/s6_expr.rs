//! `s6-expr`: evaluates an expression of integers.
//!
//! Operators in ascending order of precedence: `|`, `&`, comparisons, `+ -`, `* / %`; all are left-associative.

use std::iter::Peekable;
use std::slice::Iter;
use tool::{Call, Fatal, Next, Out, Outcome, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-expr",
    summary: "evaluate an expression",
    operands: "expression...",
    options: &[],
    role: Role::Stay,
    main,
};

/// The limit of nested parentheses.
const MAX_DEPTH: u32 = 1000;

fn main(call: &mut Call) -> Outcome {
    // There are no options: a word such as -7 is a number.
    if call.args.is_empty() {
        return Err(Fatal::usage().with_code(2));
    }
    let value =
        evaluate(&call.args).map_err(|why| Fatal::new(2, format_args!("invalid expression: {why}")))?;
    let mut out = Out::new();
    out.line(value.to_string().as_bytes())?;
    out.flush()?;
    Ok(Next::Exit(u8::from(value == 0)))
}

struct Parser<'a> {
    words: Peekable<Iter<'a, Vec<u8>>>,
    depth: u32,
}

fn evaluate(words: &[Vec<u8>]) -> Result<i64, String> {
    let mut parser = Parser { words: words.iter().peekable(), depth: 0 };
    let value = parser.operation(0)?;
    match parser.words.next() {
        None => Ok(value),
        Some(word) => Err(format!("unexpected {}", diag::show(word))),
    }
}

/// The precedence of an operator, from 0.
fn precedence_of(operator: &[u8]) -> Option<u8> {
    Some(match operator {
        b"|" => 0,
        b"&" => 1,
        b"<" | b"<=" | b"=" | b"!=" | b">=" | b">" => 2,
        b"+" | b"-" => 3,
        b"*" | b"/" | b"%" => 4,
        _ => return None,
    })
}

fn apply(operator: &[u8], a: i64, b: i64) -> Result<i64, String> {
    let overflow = || String::from("a number is too big");
    Ok(match operator {
        b"|" => {
            if a == 0 {
                b
            } else {
                a
            }
        }
        b"&" => {
            if a == 0 || b == 0 {
                0
            } else {
                a
            }
        }
        b"<" => i64::from(a < b),
        b"<=" => i64::from(a <= b),
        b"=" => i64::from(a == b),
        b"!=" => i64::from(a != b),
        b">=" => i64::from(a >= b),
        b">" => i64::from(a > b),
        b"+" => a.checked_add(b).ok_or_else(overflow)?,
        b"-" => a.checked_sub(b).ok_or_else(overflow)?,
        b"*" => a.checked_mul(b).ok_or_else(overflow)?,
        _ if b == 0 => return Err(String::from("division by zero")),
        b"/" => a.checked_div(b).ok_or_else(overflow)?,
        _ => a.checked_rem(b).ok_or_else(overflow)?,
    })
}

impl Parser<'_> {
    /// Evaluates operands joined by operators of at least this precedence.
    fn operation(&mut self, minimum: u8) -> Result<i64, String> {
        let mut value = self.operand()?;
        while let Some(word) = self.words.peek().copied() {
            let Some(precedence) = precedence_of(word).filter(|p| *p >= minimum) else { break };
            self.words.next();
            let right = self.operation(precedence + 1)?;
            value = apply(word, value, right)?;
        }
        Ok(value)
    }

    fn operand(&mut self) -> Result<i64, String> {
        let word = self.words.next().ok_or("it ends too early")?;
        if word != b"(" {
            return number::decimal(word).ok_or_else(|| format!("{} is no number", diag::show(word)));
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(String::from("too many parentheses"));
        }
        let value = self.operation(0)?;
        self.depth -= 1;
        match self.words.next() {
            Some(word) if word == b")" => Ok(value),
            _ => Err(String::from("missing )")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<i64, String> {
        evaluate(&text.split(' ').map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn precedence() {
        for (text, expected) in [
            ("2 + 3 * 4", 14),
            ("( 2 + 3 ) * 4", 20),
            ("10 - 3 - 2", 5),
            ("100 / 5 / 2", 10),
            ("-7 + 2", -5),
            ("0 | 7", 7),
            ("4 & 7", 4),
            ("1 + 1 = 2 & 5", 1),
            ("1 < 2 = 1", 1),
        ] {
            assert_eq!(value(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn parentheses_nest_a_thousand_deep() {
        let nested = |depth: usize| format!("{}1{}", "( ".repeat(depth), " )".repeat(depth));
        assert_eq!(value(&nested(1000)), Ok(1));
        assert_eq!(value(&nested(1001)), Err("too many parentheses".into()));
    }

    /// Each operator with small numbers, and its precedence.
    #[test]
    fn the_operators() {
        let mut table = String::new();
        for operator in ["|", "&", "<", "<=", "=", "!=", ">=", ">", "+", "-", "*", "/", "%"] {
            let of = |a: i64, b: i64| {
                value(&format!("{a} {operator} {b}")).map_or("error".into(), |v| v.to_string())
            };
            let pairs =
                [(0, 3), (7, 2), (3, 3), (-7, 2), (5, 0)].map(|(a, b)| format!("{a},{b}:{}", of(a, b)));
            table.push_str(&format!(
                "{operator} {:?}  {}\n",
                precedence_of(operator.as_bytes()),
                pairs.join(" ")
            ));
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn errors() {
        for bad in [
            "1 +",
            "+ 1",
            "( 1",
            "1 )",
            "1 2",
            "a + b",
            "( )",
            "1 / 0",
            "1 % 0",
            "3abc",
            "9223372036854775807 + 1",
        ] {
            assert!(value(bad).is_err(), "{bad}");
        }
        assert!(value(&"( ".repeat(100_000)).is_err());
    }
}
