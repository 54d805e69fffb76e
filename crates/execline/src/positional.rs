//! The positional parameters of a script: the variables `#`, `0`, `1`, … of its frame.

use crate::binding::Bindings;
use tool::{Env, Fatal};

/// The number of parameters.
pub(crate) fn count(env: &Env) -> Result<u32, Fatal> {
    let n = env.get(b"#").ok_or_else(|| not_set(b"#"))?;
    wire::number::decimal(n).ok_or_else(|| Fatal::user("invalid #"))
}

/// Parameter `i`.
pub(crate) fn get(env: &Env, i: u32) -> Result<&[u8], Fatal> {
    let name = name(i);
    env.get(&name).ok_or_else(|| not_set(&name))
}

/// Parameters `first` to `last`, both included.
pub(crate) fn range(env: &Env, first: u32, last: u32) -> Result<Vec<Vec<u8>>, Fatal> {
    (first..=last).map(|i| get(env, i).map(<[u8]>::to_vec)).collect()
}

/// The variable of parameter `i`.
pub(crate) fn name(i: u32) -> Vec<u8> {
    i.to_string().into_bytes()
}

/// The error `NAME is not set`, code 100.
pub(crate) fn not_set(name: &[u8]) -> Fatal {
    Fatal::user(format_args!("{} is not set", tool::diag::show(name)))
}

/// Sets the parameters from 1, and unsets those up to `old_count` that are left over.
pub(crate) fn replace(env: &mut Env, old_count: u32, parameters: &[Vec<u8>]) {
    env.set(b"#", parameters.len().to_string().as_bytes());
    let mut i = 0;
    for value in parameters {
        i += 1;
        env.set(&name(i), value);
    }
    for left_over in i + 1..=old_count {
        env.unset(&name(left_over));
    }
}

/// The message for a script called with fewer arguments than it needs.
pub(crate) fn too_few(minimum: u16, count: impl std::fmt::Display) -> String {
    format!("too few arguments: expected at least {minimum} but got {count}")
}

/// Binds `#`, `0`, the parameters (at minimum `minimum` of them) and, for the ones after the first `skip`, `@`.
pub(crate) fn bind_all(
    bindings: &mut Bindings,
    name: &[u8],
    parameters: &[Vec<u8>],
    minimum: usize,
    skip: usize,
) -> Result<(), Fatal> {
    bindings.bind(b"#", vec![parameters.len().to_string().into_bytes()])?;
    bindings.bind(b"0", vec![name.to_vec()])?;
    for i in 0..parameters.len().max(minimum) {
        let value = parameters.get(i).cloned().unwrap_or_default();
        bindings.bind((i + 1).to_string().as_bytes(), vec![value])?;
    }
    bindings.bind(b"@", parameters.get(skip..).unwrap_or_default().to_vec())
}
