//! `elgetopt`: parses a script's own options.

use crate::{frame, positional};
use tool::{Call, Env, Fatal, Next, Opt, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "elgetopt",
    summary: "parse options in the positional parameters into ELGETOPT_* variables",
    operands: "optstring prog...",
    options: &[Opt::value('D', "default", "the value of options without an argument (default: 1)")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let optstring = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let count = positional::count(&call.env)?;
    let script = diag::show(positional::get(&call.env, 0)?);
    let args = positional::range(&call.env, 1, count)?;
    let parsed = parse(&optstring, &args).map_err(|bad| {
        diag::line(&match bad {
            Bad::Unknown(c) => format!("{script}: illegal option -- {c}"),
            Bad::NoArgument(c) => format!("{script}: option requires an argument -- {c}"),
        });
        Fatal::silent(1)
    })?;
    let mut env: Env = frame::push(&call.env, frame::is_option);
    for (letter, value) in parsed.found {
        let name = [b"ELGETOPT_".as_slice(), &[letter]].concat();
        env.set(&name, value.unwrap_or(options.get('D').unwrap_or(b"1")));
    }
    positional::replace(&mut env, count, args.get(parsed.used..).unwrap_or_default());
    Next::run(call.take_args(), env)
}

#[derive(Debug, PartialEq, Eq)]
struct Parsed<'a> {
    found: Vec<(u8, Option<&'a [u8]>)>,
    /// How many arguments the options take up.
    used: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Bad {
    Unknown(String),
    NoArgument(String),
}

/// Parses `args` like getopt(3): stops at the first operand or after `--`.
fn parse<'a>(optstring: &[u8], args: &'a [Vec<u8>]) -> Result<Parsed<'a>, Bad> {
    let mut found = Vec::new();
    let mut used = 0;
    while let Some(word) = args.get(used) {
        let Some(mut letters) = word.strip_prefix(b"-").filter(|w| !w.is_empty()) else { break };
        used += 1;
        if letters == b"-" {
            break;
        }
        while let Some((letter, rest)) = letters.split_first() {
            letters = rest;
            let shown = || std::ascii::escape_default(*letter).to_string();
            let at = optstring
                .iter()
                .position(|c| c == letter && *c != b':')
                .ok_or_else(|| Bad::Unknown(shown()))?;
            if optstring.get(at + 1) != Some(&b':') {
                found.push((*letter, None));
                continue;
            }
            if rest.is_empty() {
                let value = args.get(used).ok_or_else(|| Bad::NoArgument(shown()))?;
                found.push((*letter, Some(value.as_slice())));
                used += 1;
            } else {
                found.push((*letter, Some(rest)));
            }
            letters = &[];
        }
    }
    Ok(Parsed { found, used })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(optstring: &str, args: &[&str]) -> Result<(String, usize), Bad> {
        let args: Vec<_> = args.iter().map(|a| a.as_bytes().to_vec()).collect();
        let p = parse(optstring.as_bytes(), &args)?;
        let one =
            |(c, v): &(u8, Option<&[u8]>)| format!("{}{}", char::from(*c), diag::show(v.unwrap_or(b"!")));
        Ok((p.found.iter().map(one).collect::<Vec<_>>().join(" "), p.used))
    }

    #[test]
    fn options_and_arguments() {
        assert_eq!(parsed("ab:c", &["-acbval", "--", "-c"]).unwrap(), ("a! c! bval".into(), 2));
        assert_eq!(parsed("ab:", &["-b", "-a", "x", "-a"]).unwrap(), ("b-a".into(), 2));
        assert_eq!(parsed("a", &["-", "-a"]).unwrap(), (String::new(), 0));
    }

    #[test]
    fn bad_options() {
        assert_eq!(parsed("a", &["-z"]).unwrap_err(), Bad::Unknown("z".into()));
        assert_eq!(parsed("a:", &["-:"]).unwrap_err(), Bad::Unknown(":".into()));
        assert_eq!(parsed("a:", &["-a"]).unwrap_err(), Bad::NoArgument("a".into()));
    }
}
