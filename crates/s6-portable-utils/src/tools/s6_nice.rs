//! `s6-nice`: runs a program with another nice value.

use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-nice",
    summary: "run a program with another nice value",
    operands: "prog...",
    options: &[
        Opt::flag('I', "only warn if the value can't be set (default)"),
        Opt::flag('i', "fail with code 111 if the value can't be set"),
        Opt::value('n', "value", "add this to the nice value; default 10"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let increment = increment(&options)?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    if let Err(e) = rustix::process::nice(increment) {
        let fatal = Fatal::unable("set the nice value", e);
        if options.last_of("iI") == Some('i') {
            return Err(fatal);
        }
        call.warn(fatal.message());
    }
    let env = call.take_env();
    Next::run_if_any(call.take_args(), env)
}

/// What is added to the nice value: 10, unless `-n` sets it.
fn increment(options: &Options) -> Result<i32, Fatal> {
    match options.get('n') {
        None => Ok(10),
        Some(word) => number::decimal(word.strip_prefix(b"+").unwrap_or(word)).ok_or_else(Fatal::usage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_is_added_by_default() {
        let increment = |words: &[&str]| {
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            increment(&Options::take(TOOL.options, &mut args).unwrap()).map_err(|e| e.code())
        };
        assert_eq!(
            [increment(&[]), increment(&["-n", "+3"]), increment(&["-n", "-5"])],
            [Ok(10), Ok(3), Ok(-5)]
        );
        assert_eq!(increment(&["-n", "x"]), Err(100));
    }
}
