//! `ifte`: goes on to one of two blocks, as the rest of the command line succeeds or fails.

use crate::blocks::Blocks;
use crate::child;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "ifte",
    summary: "run a program and go on to one of two blocks as it succeeds or fails",
    operands: "{ progthen... } { progelse... } progif...",
    options: &[
        Opt::flag('X', "a crash of progif is a failure like others"),
        Opt::flag('n', "negate: go on to progthen if progif fails"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut blocks = Blocks::new(call);
    let then = blocks.take(&mut call.args, "then")?;
    if call.args.is_empty() {
        return Err(Fatal::user("else block required"));
    }
    let otherwise = blocks.take(&mut call.args, "else")?;
    let test = call.take_args();
    let Some(name) = test.first().cloned() else {
        return Err(Fatal::user("empty command-if"));
    };
    let ended = child::run(call, test, call.env.clone()).map_err(|e| hint_at_block(e, &name))?;
    let goes_then = child::succeeded(ended, options.has('X'))? != options.has('n');
    Next::run_if_any(if goes_then { then } else { otherwise }, call.take_env())
}

/// A name with a space in front that can't be run is most likely the first word of a block.
pub(super) fn hint_at_block(fatal: Fatal, name: &[u8]) -> Fatal {
    if name.first() == Some(&b' ') && fatal.code() == 111 {
        return Fatal::new(
            111,
            format!(
                "{} (its name begins with a space: a program is expected here, not a block)",
                fatal.message()
            ),
        );
    }
    fatal
}
