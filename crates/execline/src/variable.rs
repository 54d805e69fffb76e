//! Results of a command: set as variables or, with autoimport, substituted in the rest of the command line.

use crate::binding::Bindings;
use tool::{Env, Fatal, Next, Opt, Options, Outcome, diag};

/// The options of [`autoimports`].
pub(crate) const AUTOIMPORT: Opt =
    Opt::flag('E', "substitute the variable instead of putting it into the environment");
pub(crate) const NO_AUTOIMPORT: Opt = Opt::flag('e', "put the variable into the environment (default)");

/// Whether -E is in effect.
pub(crate) fn autoimports(options: &Options) -> bool {
    options.last_of("Ee") == Some('E')
}

/// Refuses an empty name or one with `=`.
pub(crate) fn check_name(name: &[u8]) -> Result<(), Fatal> {
    if name.is_empty() || name.contains(&b'=') {
        return Err(Fatal::user(format_args!("invalid variable name: {}", diag::show(name))));
    }
    Ok(())
}

/// Refuses a name with `=`.
pub(crate) fn check_no_equals(name: &[u8]) -> Result<(), Fatal> {
    if name.contains(&b'=') {
        return Err(Fatal::user(format_args!("invalid variable name: {}", diag::show(name))));
    }
    Ok(())
}

/// A variable and its value; `None` removes it.
pub(crate) type Delivery<'a> = (&'a [u8], Option<&'a [u8]>);

/// Puts the results into the environment or, with `import`, into the command line.
pub(crate) fn deliver(
    results: &[Delivery<'_>],
    import: bool,
    argv: Vec<Vec<u8>>,
    mut env: Env,
) -> Result<(Vec<Vec<u8>>, Env), Fatal> {
    let mut bindings = Bindings::new(111);
    for (name, value) in results {
        match value {
            Some(value) if import => {
                bindings.bind(name, vec![value.to_vec()])?;
                env.unset(name);
            }
            Some(value) => env.set(name, value),
            None => env.unset(name),
        }
    }
    bindings.apply(argv, env)
}

/// Runs `argv` with one result.
pub(crate) fn run_with(name: &[u8], value: &[u8], import: bool, argv: Vec<Vec<u8>>, env: Env) -> Outcome {
    let (argv, env) = deliver(&[(name, Some(value))], import, argv, env)?;
    Next::run_if_any(argv, env)
}
