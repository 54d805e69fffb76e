//! `s6-applyuidgid`: runs a program with the ids that options or the variables UID, GID and GIDLIST give.

use ipc::identity;
use sys::credential::Identity;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-applyuidgid",
    summary: "run a program with reduced privileges",
    operands: "prog...",
    options: &[
        Opt::flag('z', "remove UID, GID and GIDLIST from the environment"),
        Opt::value('u', "uid", "the user id"),
        Opt::value('g', "gid", "the group id"),
        Opt::value('G', "gidlist", "the supplementary groups, separated by commas"),
        Opt::flag('U', "take all of them from UID, GID and GIDLIST"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut who = Identity::default();
    for (letter, value) in options.iter() {
        match letter {
            'U' => who = identity::from_env(&call.env)?,
            'u' => who.uid = Some(identity::id(value).ok_or_else(Fatal::usage)?),
            'g' => who.gid = Some(identity::id(value).ok_or_else(Fatal::usage)?),
            'G' => who.groups = Some(identity::id_list(value).ok_or_else(Fatal::usage)?),
            _ => {}
        }
    }
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    identity::assume(&who)?;
    let mut env = call.take_env();
    if options.has('z') {
        for name in ["UID", "GID", "GIDLIST"] {
            env.unset(name.as_bytes());
        }
    }
    Next::run(call.take_args(), env)
}
