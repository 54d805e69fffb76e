//! `s6-tail`: prints the end of a file, or a file from some place on.

use crate::line_options::{DEFAULT_LINES, DIGITS};
use std::collections::VecDeque;
use tool::{Call, Fatal, Input, Opt, Options, Out, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-tail",
    summary: "print the last lines of a file",
    operands: "[ file ]",
    options: &[
        Opt::value('n', "lines", "print this many lines; +N: from line N on; default 10"),
        Opt::value('c', "chars", "print this many bytes; +N: from byte N on"),
        DIGITS[0],
        DIGITS[1],
        DIGITS[2],
        DIGITS[3],
        DIGITS[4],
        DIGITS[5],
        DIGITS[6],
        DIGITS[7],
        DIGITS[8],
    ],
    role: Role::Stay,
    main,
};

/// Which part of the file.  What has to be kept counts in `usize`, what is only passed over in `u64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    LastLines(usize),
    FromLine(u64),
    LastBytes(usize),
    FromByte(u64),
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let part = part(&options)?;
    let mut input = Input::file(call.args.first().map_or(b"-", Vec::as_slice))?;
    let mut out = Out::new();
    match part {
        Part::LastLines(count) => {
            let mut lines = VecDeque::new();
            while let Some(line) = input.next(&mut out)? {
                let end: &[u8] = if line.is_terminated { b"\n" } else { b"" };
                lines.push_back([line.text, end].concat());
                if lines.len() > count {
                    lines.pop_front();
                }
            }
            lines.iter().try_for_each(|line| out.put(line))?;
        }
        Part::FromLine(first) => {
            let mut number = 1;
            while number < first && input.next(&mut out)?.is_some() {
                number += 1;
            }
            while let Some(chunk) = input.chunk(&mut out)? {
                out.put(chunk)?;
            }
        }
        Part::LastBytes(count) => {
            let mut kept = Vec::new();
            while let Some(chunk) = input.chunk(&mut out)? {
                kept.extend_from_slice(chunk);
                // Cutting only now and then keeps the copying linear.
                if kept.len() / 2 > count {
                    kept.drain(..kept.len() - count);
                }
            }
            out.put(kept.get(kept.len().saturating_sub(count)..).unwrap_or_default())?;
        }
        Part::FromByte(first) => {
            let mut skip = first.saturating_sub(1);
            while let Some(chunk) = input.chunk(&mut out)? {
                let rest = usize::try_from(skip).ok().and_then(|skip| chunk.get(skip..));
                out.put(rest.unwrap_or_default())?;
                skip = skip.saturating_sub(chunk.len() as u64);
            }
        }
    }
    out.finish()
}

fn part(options: &Options) -> Result<Part, Fatal> {
    let mut found = None;
    for (letter, value) in options.iter() {
        let (from_start, digits) = match value.split_first() {
            Some((b'+', digits)) => (true, digits),
            Some((b'-', digits)) => (false, digits),
            _ => (false, value),
        };
        let number = || number::decimal::<u64>(digits).ok_or_else(Fatal::usage);
        let kept = || number().map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let this = match (letter, from_start) {
            ('n', false) => Part::LastLines(kept()?),
            ('n', true) => Part::FromLine(number()?),
            ('c', false) => Part::LastBytes(kept()?),
            ('c', true) => Part::FromByte(number()?),
            (digit, _) => Part::LastLines(digit.to_digit(10).ok_or_else(Fatal::usage)? as usize),
        };
        if found.replace(this).is_some() {
            return Err(Fatal::usage());
        }
    }
    Ok(found.unwrap_or(Part::LastLines(DEFAULT_LINES.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Part, u8> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        Options::take(TOOL.options, &mut args).and_then(|o| part(&o)).map_err(|e| e.code())
    }

    #[test]
    fn parts() {
        assert_eq!(parse(&[]), Ok(Part::LastLines(10)));
        assert_eq!(parse(&["-n", "-1"]), Ok(Part::LastLines(1)));
        assert_eq!(parse(&["-n+3"]), Ok(Part::FromLine(3)));
        assert_eq!(parse(&["-c", "+3"]), Ok(Part::FromByte(3)));
        assert_eq!(parse(&["-c", "+5000000000"]), Ok(Part::FromByte(5_000_000_000)));
        assert_eq!(parse(&["-7"]), Ok(Part::LastLines(7)));
        assert_eq!(parse(&["-n", "1", "-c", "1"]), Err(100));
        assert_eq!(parse(&["-n", "--1"]), Err(100));
    }
}
