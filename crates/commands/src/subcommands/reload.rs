//! `s6-overlay reload`: makes services read their configuration again; without a name the container its definitions.

use crate::steer::{self, TIMEOUT};
use tool::{Call, Fatal, Opt, Outcome, Role, Tool, clock};

pub static TOOL: Tool = Tool {
    name: "s6-overlay reload",
    summary: "make services read their configuration again; without a name, read the definitions again",
    operands: "[ name... ]",
    options: &[Opt::flag('n', "without a name: only print what would change").long("dry-run"), TIMEOUT],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let deadline = clock::deadline(options.number('t')?);
    let is_dry_run = options.has('n');
    match call.args.is_empty() {
        true => steer::definitions::renew(call, is_dry_run, deadline),
        false if is_dry_run => Err(Fatal::user("--dry-run is for definitions: it takes no name")),
        false => steer::reload::reload(call, deadline),
    }
}
