//! `multidefine`: splits a value and substitutes its words for several keys.

use crate::binding::Bindings;
use crate::directives::multidefine::{OPTIONS, bind};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "multidefine",
    summary: "split a value and substitute its words for several keys",
    operands: "value { keys... } prog...",
    options: OPTIONS,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let mut bindings = Bindings::new(111);
    bind(&mut call.args, &call.env, &mut bindings)?;
    bindings.run_rest(call)
}
