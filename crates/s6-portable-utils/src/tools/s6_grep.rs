//! `s6-grep`: prints the lines that match a pattern.

use posix_regex::Regex;
use tool::{Call, Fatal, Input, Next, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-grep",
    summary: "print the lines that match a pattern",
    operands: "pattern",
    options: &[
        Opt::flag('E', "the pattern is an extended regular expression, not a basic one"),
        Opt::flag('F', "the pattern is a fixed string"),
        Opt::flag('i', "ignore case"),
        Opt::flag('c', "print only how many lines match"),
        Opt::flag('n', "print the number of each line before it"),
        Opt::flag('q', "print nothing, exit at the first match"),
        Opt::flag('v', "select the lines that don't match"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let pattern = call.shift()?;
    let compile = match (options.has('F') || options.has('E'), options.has('i')) {
        (false, false) => Regex::basic,
        (false, true) => Regex::basic_ignoring_case,
        (true, false) => Regex::extended,
        (true, true) => Regex::extended_ignoring_case,
    };
    let expression = if options.has('F') { escaped(&pattern) } else { pattern };
    let mut regex =
        compile(&expression).map_err(|why| Fatal::new(111, format_args!("invalid pattern: {why}")))?;
    let (mut input, mut out) = (Input::lines(), Out::new());
    let (mut number, mut matches) = (0_u64, 0_u64);
    while let Some(line) = input.next(&mut out)? {
        number += 1;
        if regex.is_match(line.text) == options.has('v') {
            continue;
        }
        matches += 1;
        if options.has('q') {
            return Ok(Next::SUCCESS);
        }
        if !options.has('c') {
            if options.has('n') {
                out.put(format!("{number}:").as_bytes())?;
            }
            out.line(line.text)?;
        }
    }
    if options.has('c') && !options.has('q') {
        out.line(matches.to_string().as_bytes())?;
    }
    out.flush()?;
    Ok(Next::Exit(u8::from(matches == 0)))
}

/// An extended expression that matches exactly this text.
fn escaped(text: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_punctuation() && *byte != b'<' && *byte != b'>' {
            pattern.push(b'\\');
        }
        pattern.push(*byte);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_strings_have_no_special_characters() {
        let text: Vec<u8> = (1..=127).collect();
        let mut regex = Regex::extended(&escaped(&text)).unwrap();
        assert!(regex.is_match(&text));
        assert!(!Regex::extended(&escaped(b"a.c")).unwrap().is_match(b"abc"));
    }
}
