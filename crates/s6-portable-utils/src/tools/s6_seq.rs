//! `s6-seq`: prints unsigned numbers in sequence.

use tool::{Call, Fatal, Opt, Out, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-seq",
    summary: "print a sequence of numbers",
    operands: "[ first [ increment ] ] last",
    options: &[
        Opt::flag('w', "pad with zeroes to the same width"),
        Opt::value('s', "sep", "print sep after each number; the empty sep is a NUL byte; default newline"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let limits: Option<Vec<u32>> = call.args.iter().map(|w| number::decimal(w)).collect();
    let (first, increment, last) = match limits.ok_or_else(Fatal::usage)?.as_slice() {
        [last] => (1, 1, *last),
        [first, last] => (*first, 1, *last),
        [first, increment, last] => (*first, *increment, *last),
        _ => return Err(Fatal::usage()),
    };
    if increment == 0 {
        return Err(Fatal::user("the increment is zero"));
    }
    let separator = match options.get('s') {
        None => b"\n",
        Some(b"") => b"\0",
        Some(text) => text,
    };
    let width = if options.has('w') { width(first, increment, last) } else { 0 };
    let mut out = Out::new();
    let mut next = Some(first).filter(|n| *n <= last);
    while let Some(n) = next {
        out.put(format!("{n:0width$}").as_bytes())?;
        out.put(separator)?;
        next = n.checked_add(increment).filter(|n| *n <= last);
    }
    out.finish()
}

/// The width of the last number of the sequence.
fn width(first: u32, increment: u32, last: u32) -> usize {
    let span = last.saturating_sub(first);
    (first + span / increment * increment).to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        assert_eq!(width(8, 5, 21), 2);
        assert_eq!(width(0, 50, 100), 3);
        assert_eq!(width(8, 5, 101), 2);
        assert_eq!(width(9, 1, 5), 1);
        assert_eq!(width(1, 1, u32::MAX), 10);
    }
}
