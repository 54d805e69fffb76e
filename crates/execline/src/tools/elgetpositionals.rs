//! `elgetpositionals`: substitutes the positional parameters that the environment holds.

use crate::binding::Bindings;
use crate::blocks::strictness;
use crate::positional::{self, bind_all, too_few};
use tool::{Call, Env, Fatal, Opt, Options, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "elgetpositionals",
    summary: "substitute the positional parameters in the command line that follows",
    operands: "prog...",
    options: &[Opt::value(
        'P',
        "sharp",
        "substitute at minimum that many parameters; missing ones are empty",
    )],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let mut bindings = Bindings::new(111);
    bind(&mut call.args, &call.env, &mut bindings)?;
    bindings.run_rest(call)
}

/// The command as a directive of multisubstitute: takes its words from `args`.
pub(super) fn bind(args: &mut Vec<Vec<u8>>, env: &Env, bindings: &mut Bindings) -> Result<(), Fatal> {
    let options = Options::take(TOOL.options, args)?;
    let minimum = options.number::<u16>('P')?.unwrap_or(0);
    let count = positional::count(env)?;
    let strict = strictness(env).unwrap_or(0);
    if strict > 0 && count < u32::from(minimum) {
        let text = too_few(minimum, count);
        if strict > 1 {
            return Err(Fatal::user(text));
        }
        diag::warn(TOOL.name, &text);
    }
    let name = positional::get(env, 0)?.to_vec();
    let all = positional::range(env, 1, count)?;
    bind_all(bindings, &name, &all, usize::from(minimum), 0)
}
