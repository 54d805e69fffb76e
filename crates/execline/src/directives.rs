//! The substitutions that a tool of the same name performs, or multisubstitute as one of several: what each reads from
//! its words, and which keys it binds.

pub(crate) mod define;
pub(crate) mod elgetpositionals;
pub(crate) mod elglob;
pub(crate) mod importas;
pub(crate) mod multidefine;

use crate::binding::Bindings;
use tool::{Env, Fatal};

/// Takes a directive's words from the front of the first argument, and binds.
pub(crate) type Directive = fn(&mut Vec<Vec<u8>>, &Env, &mut Bindings) -> Result<(), Fatal>;

/// The directive of this name.
pub(crate) fn directive(name: &[u8]) -> Option<Directive> {
    Some(match name {
        b"define" => define::bind,
        b"importas" => importas::bind,
        b"elglob" => elglob::bind,
        b"elgetpositionals" => elgetpositionals::bind,
        b"multidefine" => multidefine::bind,
        _ => return None,
    })
}
