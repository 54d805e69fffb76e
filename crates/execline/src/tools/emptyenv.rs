//! `emptyenv`: empties or cleans up the environment.

use crate::frame;
use tool::{Call, Env, Next, Opt, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "emptyenv",
    summary: "empty the environment, or clean it up",
    operands: "prog...",
    options: &[
        Opt::flag('p', "keep PATH").long("keep-path"),
        Opt::flag('l', "keep LD_LIBRARY_PATH").long("keep-ld-library-path"),
        Opt::flag('c', "only remove the variables that execline commands set").long("cleanup"),
        Opt::flag('o', "only pop the options of elgetopt").long("pop-elgetopt"),
        Opt::flag('P', "only pop the positional parameters").long("pop-execline"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let env = changed(call.take_env(), &options);
    Next::run(call.take_args(), env)
}

fn changed(mut env: Env, options: &Options) -> Env {
    if options.has('c') {
        env.retain(|name, _| !is_internal(name));
        return env;
    }
    if options.has('o') || options.has('P') {
        if options.has('P') {
            env = frame::pop(&env, |name| frame::is_positional(name) || name.starts_with(b"EXECLINE_"));
        }
        if options.has('o') {
            env = frame::pop(&env, frame::is_option);
        }
        return env;
    }
    env.retain(|name, _| {
        (name == b"PATH" && options.has('p')) || (name == b"LD_LIBRARY_PATH" && options.has('l'))
    });
    env
}

/// Whether this is a variable that execline commands set for each other.
fn is_internal(name: &[u8]) -> bool {
    let number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    matches!(name, b"!" | b"?" | b"#" | b"EXECLINE_STRICT")
        || frame::is_option(name)
        || number(name)
        || name.strip_prefix(b"FD").is_some_and(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_names() {
        for name in ["!", "?", "#", "0", "12", "FD0", "ELGETOPT_a", "EXECLINE_STRICT"] {
            assert!(is_internal(name.as_bytes()), "{name}");
        }
        for name in ["", "1a", "FD", "FDA", "PATH", "#:1"] {
            assert!(!is_internal(name.as_bytes()), "{name}");
        }
    }
}
