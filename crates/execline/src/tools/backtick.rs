//! `backtick`: stores a block's output in a variable.

use crate::blocks::Blocks;
use crate::variable::{AUTOIMPORT, NO_AUTOIMPORT, autoimports, check_name, deliver};
use crate::{child, input};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::AsFd;
use sys::process::{Ended, wait_for};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Setup, Tool, unable_to_spawn};

pub static TOOL: Tool = Tool {
    name: "backtick",
    summary: "store a block's output in a variable",
    operands: "var { prog1... } prog2...",
    options: &[
        Opt::flag('i', "exit if prog1 fails or writes a null character (default)"),
        Opt::flag('I', "store the output anyway, up to the first null character"),
        Opt::flag('x', "remove the variable if prog1 fails or writes a null character"),
        Opt::value('D', "default", "the value if prog1 fails or writes a null character"),
        Opt::flag('N', "keep a newline at the end of the output"),
        Opt::flag('n', "drop a newline at the end of the output (default)"),
        AUTOIMPORT,
        NO_AUTOIMPORT,
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let on_failure = match options.last_of("iIxD") {
        Some('I') => OnFailure::Truncate,
        Some('x') => OnFailure::Value(None),
        Some('D') => OnFailure::Value(options.get('D').map(<[u8]>::to_vec)),
        _ => OnFailure::Exit,
    };
    let chomp = options.last_of("Nn") != Some('N');
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let name = call.shift()?;
    check_name(&name)?;
    let block = Blocks::new(call).take_filled(&mut call.args)?;
    if call.args.is_empty() {
        return Err(Fatal::user("the command line after the block must not be empty"));
    }
    let (output, ended) = capture(call, block)?;
    let continues = on_failure != OnFailure::Exit;
    let value = value_of(output, ended, on_failure, chomp)?;
    let status = child::status(ended).to_string();
    let mut results = vec![(name.as_slice(), value.as_deref())];
    if continues {
        results.push((b"?", Some(status.as_bytes())));
    }
    let (argv, env) = deliver(&results, autoimports(&options), call.take_args(), call.take_env())?;
    Next::run_if_any(argv, env)
}

/// What to do if the block fails or its output contains a null character.
#[derive(Debug, PartialEq, Eq)]
enum OnFailure {
    Exit,
    Truncate,
    Value(Option<Vec<u8>>),
}

/// Runs the block; returns its whole output, and how it ended.
fn capture(call: &Call, block: Vec<Vec<u8>>) -> Result<(Vec<u8>, Ended), Fatal> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).or_unable(|| "create a pipe")?;
    let name = block.first().cloned().unwrap_or_default();
    let setup = Setup { fds: &[(writer.as_fd(), 1)], private: &[reader.as_fd(), writer.as_fd()], mask: None };
    let pid =
        tool::try_spawn(call, block, call.env.clone(), &setup).map_err(|e| unable_to_spawn(&name, e))?;
    drop(writer);
    let output = input::read_all(reader.as_fd()).or_unable(|| "read the output of the block")?;
    drop(reader);
    Ok((output, wait_for(pid).or_unable(|| "wait for a child")?))
}

/// The variable's value; `None` removes it.
fn value_of(
    mut output: Vec<u8>,
    ended: Ended,
    on_failure: OnFailure,
    chomp: bool,
) -> Result<Option<Vec<u8>>, Fatal> {
    let null = output.iter().position(|b| *b == 0);
    match on_failure {
        OnFailure::Exit if ended != Ended::Exited(0) => {
            let what = if matches!(ended, Ended::Killed(_)) { "crashed" } else { "exited non-zero" };
            return Err(Fatal::new(child::approximate(ended), format_args!("child process {what}")));
        }
        OnFailure::Exit if null.is_some() => {
            return Err(Fatal::new(124, "child process output contained a null character"));
        }
        OnFailure::Value(value) if null.is_some() || ended != Ended::Exited(0) => return Ok(value),
        _ => output.truncate(null.unwrap_or(output.len())),
    }
    if chomp && output.last() == Some(&b'\n') {
        output.pop();
    }
    Ok(Some(output))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUCCESS: Ended = Ended::Exited(0);

    #[test]
    fn output_becomes_a_value() {
        let value =
            |text: &[u8], chomp| value_of(text.to_vec(), SUCCESS, OnFailure::Exit, chomp).unwrap().unwrap();
        assert_eq!(value(b"a\n\n", true), b"a\n");
        assert_eq!(value(b"a\n", false), b"a\n");
        assert_eq!(value(b"", true), b"");
    }

    #[test]
    fn failures_and_null_characters() {
        let code =
            |text: &[u8], ended| value_of(text.to_vec(), ended, OnFailure::Exit, true).unwrap_err().code();
        assert_eq!(code(b"a", Ended::Exited(3)), 3);
        assert_eq!(code(b"a", Ended::Killed(9)), 137);
        assert_eq!(code(b"a\0b", SUCCESS), 124);
        let cut = value_of(b"a\n\0b".to_vec(), Ended::Exited(1), OnFailure::Truncate, true);
        assert_eq!(cut.unwrap().unwrap(), b"a");
        assert_eq!(value_of(b"\0".to_vec(), SUCCESS, OnFailure::Value(None), true).unwrap(), None);
        assert_eq!(value_of(b"x".to_vec(), SUCCESS, OnFailure::Value(None), true).unwrap().unwrap(), b"x");
    }
}
