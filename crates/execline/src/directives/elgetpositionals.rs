//! The directive `elgetpositionals`, alone or in multisubstitute.

use crate::binding::Bindings;
use crate::blocks::strictness;
use crate::positional::{self, bind_all, too_few};
use tool::{Env, Fatal, Opt, Options, diag};

/// Its options.
pub(crate) const OPTIONS: &[Opt] =
    &[Opt::value('P', "sharp", "substitute at least this many parameters; missing ones are empty")];

/// Takes the directive's words from the front of `args`, and binds.
pub(crate) fn bind(args: &mut Vec<Vec<u8>>, env: &Env, bindings: &mut Bindings) -> Result<(), Fatal> {
    let options = Options::take(OPTIONS, args)?;
    let minimum = options.number::<u16>('P')?.unwrap_or(0);
    let count = positional::count(env)?;
    let strict = strictness(env).unwrap_or(0);
    if strict > 0 && count < u32::from(minimum) {
        let text = too_few(minimum, count);
        if strict > 1 {
            return Err(Fatal::user(text));
        }
        diag::warn("elgetpositionals", &text);
    }
    let name = positional::get(env, 0)?.to_vec();
    let all = positional::range(env, 1, count)?;
    bind_all(bindings, &name, &all, usize::from(minimum), 0)
}
