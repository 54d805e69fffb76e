//! The directive `importas`, alone or in multisubstitute.

use crate::binding::{Bindings, CHOMP, CRUNCH, DELIMITERS, NO_CHOMP, NO_CRUNCH, SPLIT, transform};
use crate::positional::not_set;
use tool::{Env, Fatal, Opt, Options};

/// Its options.
pub(crate) const OPTIONS: &[Opt] = &[
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
];

/// Takes the directive's words from the front of `args`, and binds.
pub(crate) fn bind(args: &mut Vec<Vec<u8>>, env: &Env, bindings: &mut Bindings) -> Result<(), Fatal> {
    let options = Options::take(OPTIONS, args)?;
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
