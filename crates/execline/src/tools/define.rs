//! `define`: substitutes a word for a key.

use crate::binding::{Bindings, CHOMP, CRUNCH, DELIMITERS, NO_CHOMP, NO_CRUNCH, SPLIT, transform};
use tool::{Call, Env, Fatal, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "define",
    summary: "substitute a value for a key in the command line that follows",
    operands: "key value prog...",
    options: &[SPLIT, CRUNCH, NO_CRUNCH, NO_CHOMP, CHOMP, DELIMITERS],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let mut bindings = Bindings::new(111);
    bind(&mut call.args, &call.env, &mut bindings)?;
    bindings.run_rest(call)
}

/// The command as a directive of multisubstitute: takes its words from `args`.
pub(super) fn bind(args: &mut Vec<Vec<u8>>, _: &Env, bindings: &mut Bindings) -> Result<(), Fatal> {
    let options = Options::take(TOOL.options, args)?;
    if args.len() < 2 {
        return Err(Fatal::usage());
    }
    let (key, value) = (args.remove(0), args.remove(0));
    bindings.bind_transformed(&key, &value, &transform(&options))
}
