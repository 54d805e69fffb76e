//! `s6-unquote-filter`: unquotes lines; a line that isn't quoted is printed unchanged.

use tool::{Call, Fatal, Input, Opt, Out, Outcome, Role, Tool, diag};
use wire::quoting;

pub static TOOL: Tool = Tool {
    name: "s6-unquote-filter",
    summary: "unquote lines",
    operands: "",
    options: &[
        Opt::flag('q', "don't warn about malformed lines"),
        Opt::flag('Q', "warn about malformed lines (default)"),
        Opt::flag('v', "warn about malformed lines, and show them"),
        Opt::flag('w', "fail with code 100 at the first malformed line"),
        Opt::value('d', "delim", "the quote characters; empty: only resolve escapes"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let strictness = options.last_of("qQvw").unwrap_or('Q');
    let delimiters = options.get('d').unwrap_or(b"\"");
    let (mut input, mut out) = (Input::lines(), Out::new());
    let mut number = 0_u64;
    while let Some(line) = input.next(&mut out)? {
        number += 1;
        let unquoted = quoting::unquote(line.text, delimiters);
        let flaw = match &unquoted {
            Err(flaw) => Some(flaw.text()),
            Ok((_, used)) if *used < line.text.len() => Some(format!("it ends at character {used}")),
            Ok(_) => None,
        };
        if let Some(flaw) = flaw {
            match strictness {
                'q' => {}
                'w' if unquoted.is_err() => {
                    out.flush()?;
                    return Err(Fatal::user(format_args!("unable to unquote line {number}: {flaw}")));
                }
                'v' | 'w' => {
                    let text = diag::show(line.text);
                    call.warn(format_args!("line {number} isn't quoted well: {flaw}: {text}"));
                }
                _ => call.warn(format_args!("line {number} isn't quoted well: {flaw}")),
            }
        }
        out.put(unquoted.as_ref().map_or(line.text, |(text, _)| text))?;
        if line.is_terminated {
            out.put(b"\n")?;
        }
    }
    out.finish()
}
