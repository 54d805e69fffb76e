//! `export-array`: encodes several values into one variable.

use crate::blocks::Blocks;
use crate::variable::check_no_equals;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};
use wire::netstring;

pub static TOOL: Tool = Tool {
    name: "export-array",
    summary: "encode several values into one environment variable",
    operands: "var { values... } prog...",
    options: &[Opt::value(
        'd',
        "delim",
        "end each value with the first character of delim, rather than encode it as a netstring",
    )],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let name = call.shift()?;
    check_no_equals(&name)?;
    let values = Blocks::new(call).take(&mut call.args, "")?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let encoded = encode(&values, options.get('d').and_then(|d| d.first().copied()));
    call.env.set(&name, &encoded);
    Next::run(call.take_args(), call.take_env())
}

fn encode(values: &[Vec<u8>], delimiter: Option<u8>) -> Vec<u8> {
    let mut all = Vec::new();
    for value in values {
        match delimiter {
            None => netstring::encode(value, &mut all),
            Some(delimiter) => {
                all.extend_from_slice(value);
                all.push(delimiter);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings() {
        let values = [b"a".to_vec(), Vec::new()];
        assert_eq!(encode(&values, None), b"1:a,0:,");
        assert_eq!(encode(&values, Some(b':')), b"a::");
    }
}
