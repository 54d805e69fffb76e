//! `s6-tai64n`: puts a TAI64N time stamp before each line.

use tool::clock;
use tool::{Call, Input, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-tai64n",
    summary: "put TAI64N time stamps before lines",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let (mut input, mut out) = (Input::lines(), Out::new());
    while let Some(line) = input.next(&mut out)? {
        out.put(&clock::wall().label())?;
        out.put(b" ")?;
        out.line(line.text)?;
    }
    out.finish()
}
