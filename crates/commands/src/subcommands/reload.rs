//! `s6-overlay reload`: makes services read their configuration again; without a name the container its definitions.

use crate::steer::definitions::{Then, renew};
use crate::steer::{self, NO_WAIT, TIMEOUT};
use tool::{Call, Fatal, Opt, Outcome, Role, Tool, clock};

pub static TOOL: Tool = Tool {
    name: "s6-overlay reload",
    summary: "make services read their configuration again; without a name, read the definitions again",
    operands: "[ name... ]",
    options: &[
        Opt::flag('n', "without a name: only print what would change").long("dry-run"),
        Opt { short: '\x01', ..NO_WAIT },
        TIMEOUT,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let deadline = clock::deadline(options.number('t')?);
    let (is_dry_run, in_background) = (options.has('n'), options.has('\x01'));
    match call.args.is_empty() {
        true if is_dry_run && in_background => {
            Err(Fatal::user("--dry-run changes nothing, so --no-wait doesn't go with it"))
        }
        true if is_dry_run => renew(call, Then::Nothing, deadline),
        true if in_background => renew(call, Then::SwitchInBackground, deadline),
        true => renew(call, Then::Switch, deadline),
        false if is_dry_run => Err(Fatal::user("--dry-run is for definitions: it takes no name")),
        false => steer::reload::reload(call, in_background, deadline),
    }
}
