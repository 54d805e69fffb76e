//! `importas`: substitutes a variable's value for a key.

use crate::binding::{Bindings, CHOMP, CRUNCH, DELIMITERS, NO_CHOMP, NO_CRUNCH, SPLIT, transform};
use crate::positional::not_set;
use tool::{Call, Env, Fatal, Opt, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "importas",
    summary: "substitute an environment variable for a key in the command line that follows",
    operands: "key var prog...",
    options: &[
        Opt::flag('i', "fail if the variable is not set"),
        Opt::value('D', "default", "the value if the variable is not set"),
        Opt::flag('u', "remove the variable"),
        Opt::flag('S', "the key is also the variable's name"),
        SPLIT,
        CRUNCH,
        NO_CRUNCH,
        NO_CHOMP,
        CHOMP,
        DELIMITERS,
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let mut bindings = Bindings::new(111);
    bind(&mut call.args, &call.env, &mut bindings)?;
    bindings.run_rest(call)
}

/// The command as a directive of multisubstitute: takes its words from `args`.
pub(super) fn bind(args: &mut Vec<Vec<u8>>, env: &Env, bindings: &mut Bindings) -> Result<(), Fatal> {
    let options = Options::take(TOOL.options, args)?;
    if args.len() < if options.has('S') { 1 } else { 2 } {
        return Err(Fatal::usage());
    }
    let key = args.remove(0);
    let variable = if options.has('S') { key.clone() } else { args.remove(0) };
    let value = match env.get(&variable) {
        Some(value) => {
            if options.has('u') {
                bindings.unexport(&variable);
            }
            Some(value)
        }
        None if options.has('i') => return Err(not_set(&variable)),
        None => options.get('D'),
    };
    match value {
        Some(value) => bindings.bind_transformed(&key, value, &transform(&options)),
        None => bindings.bind(&key, Vec::new()),
    }
}
