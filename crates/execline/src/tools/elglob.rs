//! `elglob`: substitutes the names that match a shell pattern for a key.

use crate::binding::Bindings;
use crate::directives::elglob::{OPTIONS, bind};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "elglob",
    summary: "substitute the file names that match a pattern for a key",
    operands: "key pattern prog...",
    options: OPTIONS,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let mut bindings = Bindings::new(111);
    bind(&mut call.args, &call.env, &mut bindings)?;
    bindings.run_rest(call)
}
