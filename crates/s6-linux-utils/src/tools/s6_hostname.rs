//! `s6-hostname`: prints or sets the name of the machine.

use rustix::system::{sethostname, uname};
use tool::{Call, Next, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-hostname",
    summary: "print or set the machine's name",
    operands: "[ name ]",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    if let Some(name) = call.args.first() {
        sethostname(name).or_unable_to("set the hostname to", name)?;
        return Ok(Next::SUCCESS);
    }
    let mut out = Out::new();
    out.line(uname().nodename().to_bytes())?;
    out.finish()
}
