//! `s6-env`: changes the environment for a program, or prints it.

use tool::{Call, Env, Next, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-env",
    summary: "run a program in a changed environment, or print the environment",
    operands: "[ name=value... ] [ prog... ]",
    options: &[Opt::flag('i', "start from an empty environment")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut env = if options.has('i') { Env::new() } else { call.take_env() };
    let mut argv = call.take_args();
    let assignments = argv.iter().take_while(|word| word.contains(&b'=')).count();
    for word in argv.drain(..assignments) {
        let at = word.iter().position(|b| *b == b'=').unwrap_or(word.len());
        let (name, value) = word.split_at(at);
        env.set(name, value.get(1..).unwrap_or_default());
    }
    if !argv.is_empty() {
        return Next::run(argv, env);
    }
    let mut out = Out::new();
    for var in env.vars() {
        out.line(var)?;
    }
    out.finish()
}
