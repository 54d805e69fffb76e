//! `dollarat`: prints the positional parameters.

use crate::positional;
use tool::{Call, Opt, Out, Outcome, Role, Tool};
use wire::netstring;

pub static TOOL: Tool = Tool {
    name: "dollarat",
    summary: "print the positional parameters",
    operands: "",
    options: &[
        Opt::flag('n', "no delimiter after the last one"),
        Opt::flag('0', "end each with a null character"),
        Opt::value(
            'd',
            "delim",
            "end each with the first character of delim; if it is empty, print netstrings",
        ),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let delimiter = match options.last_of("0d") {
        Some('0') => Some(0),
        Some(_) => options.get('d').and_then(|d| d.first().copied()),
        None => Some(b'\n'),
    };
    let all = positional::range(&call.env, 1, positional::count(&call.env)?)?;
    let mut out = Out::new();
    for (i, value) in all.iter().enumerate() {
        match delimiter {
            Some(delimiter) => {
                out.put(value)?;
                if i + 1 < all.len() || !options.has('n') {
                    out.put(&[delimiter])?;
                }
            }
            None => {
                let mut encoded = Vec::new();
                netstring::encode(value, &mut encoded);
                out.put(&encoded)?;
            }
        }
    }
    out.finish()
}
