//! `with-contenv`: runs a program in the container's environment.

use crate::environment::contenv;
use crate::environment::variables::PATH;
use tool::{Call, Env, Next, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "with-contenv",
    summary: "run a program in the container's environment",
    operands: "prog...",
    options: &[],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    // A first `--` ends the options, as in every tool.
    call.options()?;
    let argv = call.take_args();
    let own = call.take_env();
    if contenv::is_kept(&own) {
        return Next::run_if_any(argv, own);
    }
    let mut env = Env::new();
    if let Some(path) = own.get(PATH.bytes()) {
        env.set(PATH.bytes(), path);
    }
    contenv::load(&mut env)?;
    // The program is looked up in the container's PATH, not in the caller's.
    call.path = env.get(PATH.bytes()).map(<[u8]>::to_vec);
    Next::run_if_any(argv, env)
}
