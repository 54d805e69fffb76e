//! `multisubstitute`: performs several substitutions at once, so that none applies to another's values.

use crate::binding::Bindings;
use crate::blocks::Blocks;
use crate::directives::directive;
use tool::{Call, Fatal, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "multisubstitute",
    summary: "perform several substitutions at once",
    operands: "{ directives... } prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut words = Blocks::new(call).take(&mut call.args, "")?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut bindings = Bindings::new(100);
    while !words.is_empty() {
        let name = words.remove(0);
        let bind = directive(&name)
            .ok_or_else(|| Fatal::user(format_args!("unrecognized directive: {}", diag::show(&name))))?;
        bind(&mut words, &call.env, &mut bindings).map_err(|fatal| {
            let why = if fatal.message().is_empty() { "syntax error" } else { fatal.message() };
            Fatal::new(fatal.code(), format_args!("directive {}: {why}", diag::show(&name)))
        })?;
    }
    bindings.run_rest(call)
}
