//! `elgetpositionals`: substitutes the positional parameters that the environment holds.

use crate::binding::Bindings;
use crate::directives::elgetpositionals::{OPTIONS, bind};
use tool::{Call, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "elgetpositionals",
    summary: "substitute the positional parameters in the command line that follows",
    operands: "prog...",
    options: OPTIONS,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let mut bindings = Bindings::new(111);
    bind(&mut call.args, &call.env, &mut bindings)?;
    bindings.run_rest(call)
}
