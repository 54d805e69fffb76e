//! `s6-head`: prints the first lines or bytes of files.

use crate::line_options::{DEFAULT_LINES, DIGITS};
use rustix::io::Errno;
use rustix::stdio::stdin;
use tool::{Call, Fatal, Input, Opt, Options, OrUnable, Out, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-head",
    summary: "print the first lines of files",
    operands: "[ file... ]",
    options: &[
        Opt::flag('S', "of standard input, read no more than what is printed"),
        Opt::value('n', "lines", "print this many lines; default 10"),
        Opt::value('c', "chars", "print this many bytes"),
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

/// How much of each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    Lines(u64),
    Bytes(u64),
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let amount = amount(&options)?;
    let mut out = Out::new();
    let files = if call.args.is_empty() { vec![b"-".to_vec()] } else { call.take_args() };
    for (i, file) in files.iter().enumerate() {
        if files.len() > 1 {
            out.put(if i > 0 { b"\n==> " } else { b"==> " })?;
            out.put(file)?;
            out.put(b" <==\n")?;
        }
        if options.has('S') && file == b"-" {
            carefully(amount, &mut out)?;
            continue;
        }
        match Input::file(file) {
            Ok(input) => print(input, amount, &mut out)?,
            Err(fatal) => {
                out.flush()?;
                return Err(fatal);
            }
        }
    }
    out.finish()
}

fn amount(options: &Options) -> Result<Amount, Fatal> {
    let mut found = None;
    for (letter, value) in options.iter().filter(|(letter, _)| *letter != 'S') {
        let number = || number::decimal(value).ok_or_else(Fatal::usage);
        let this = match letter {
            'n' => Amount::Lines(number()?),
            'c' => Amount::Bytes(number()?),
            digit => Amount::Lines(digit.to_digit(10).ok_or_else(Fatal::usage)?.into()),
        };
        if found.replace(this).is_some() {
            return Err(Fatal::usage());
        }
    }
    Ok(found.unwrap_or(Amount::Lines(DEFAULT_LINES.into())))
}

fn print(mut input: Input, amount: Amount, out: &mut Out) -> Result<(), Fatal> {
    match amount {
        Amount::Lines(lines) => {
            for _ in 0..lines {
                let Some(line) = input.next(out)? else { break };
                out.put(line.text)?;
                if line.is_terminated {
                    out.put(b"\n")?;
                }
            }
        }
        Amount::Bytes(bytes) => {
            // May be more than a 32-bit machine can address.
            let mut left = bytes;
            while left > 0 {
                let Some(chunk) = input.chunk(out)? else { break };
                let part = usize::try_from(left).ok().and_then(|left| chunk.get(..left)).unwrap_or(chunk);
                left -= part.len() as u64;
                out.put(part)?;
            }
        }
    }
    Ok(())
}

/// Reads byte by byte, so that the rest of standard input is left to its next reader.
fn carefully(amount: Amount, out: &mut Out) -> Result<(), Fatal> {
    let mut left = match amount {
        Amount::Lines(n) | Amount::Bytes(n) => n,
    };
    let mut byte = [0; 1];
    while left > 0 {
        match rustix::io::read(stdin(), &mut byte) {
            Err(Errno::INTR) => continue,
            done if done.or_unable(|| "read standard input")? == 0 => break,
            _ => out.put(&byte)?,
        }
        if matches!(amount, Amount::Bytes(_)) || byte == *b"\n" {
            left -= 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Amount, u8> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        Options::take(TOOL.options, &mut args).and_then(|o| amount(&o)).map_err(|e| e.code())
    }

    #[test]
    fn amounts() {
        assert_eq!(parse(&["-S"]), Ok(Amount::Lines(10)));
        assert_eq!(parse(&["-3"]), Ok(Amount::Lines(3)));
        assert_eq!(parse(&["-c", "0"]), Ok(Amount::Bytes(0)));
        assert_eq!(parse(&["-n", "2", "-3"]), Err(100));
        assert_eq!(parse(&["-n", "-2"]), Err(100));
    }
}
