//! The directive `define`, alone or in multisubstitute.

use crate::binding::{Bindings, CHOMP, CRUNCH, DELIMITERS, NO_CHOMP, NO_CRUNCH, SPLIT, transform};
use tool::{Env, Fatal, Opt, Options};

/// Its options.
pub(crate) const OPTIONS: &[Opt] = &[SPLIT, CRUNCH, NO_CRUNCH, NO_CHOMP, CHOMP, DELIMITERS];

/// Takes the directive's words from the front of `args`, and binds.
pub(crate) fn bind(args: &mut Vec<Vec<u8>>, _: &Env, bindings: &mut Bindings) -> Result<(), Fatal> {
    let options = Options::take(OPTIONS, args)?;
    if args.len() < 2 {
        return Err(Fatal::usage());
    }
    let (key, value) = (args.remove(0), args.remove(0));
    bindings.bind_transformed(&key, &value, &transform(&options))
}
