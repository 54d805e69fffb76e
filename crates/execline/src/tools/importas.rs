//! `importas`: substitutes a variable's value for a key.

use crate::binding::Bindings;
use crate::directives::importas::{OPTIONS, bind};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "importas",
    summary: "substitute an environment variable for a key in the command line that follows",
    operands: "key var prog...",
    options: OPTIONS,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let mut bindings = Bindings::new(111);
    bind(&mut call.args, &call.env, &mut bindings)?;
    bindings.run_rest(call)
}
