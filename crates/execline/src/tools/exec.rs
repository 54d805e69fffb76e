//! `exec`: executes a program, optionally with another `argv[0]` or an empty environment.

use tool::{Call, Env, Fatal, Next, Opt, Options, Outcome, Program, Role, Tool};

/// The options of [`program`].
pub(super) const OPTIONS: [Opt; 3] = [
    Opt::flag('c', "empty the environment"),
    Opt::flag('l', "put a dash before the program's argv[0]"),
    Opt::value('a', "argv0", "the program's argv[0]"),
];

pub static TOOL: Tool = Tool {
    name: "exec",
    summary: "execute a program, with another argv[0] or environment",
    operands: "prog...",
    options: &OPTIONS,
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    Ok(Next::Run(program(&options, call.take_args(), call.take_env())?))
}

/// The program of a command line, changed as the options say.
pub(super) fn program(options: &Options, mut argv: Vec<Vec<u8>>, env: Env) -> Result<Box<Program>, Fatal> {
    let file = argv.first().cloned().ok_or_else(Fatal::usage)?;
    if let Some(name) = argv.first_mut() {
        if let Some(given) = options.get('a') {
            *name = given.to_vec();
        }
        if options.has('l') {
            name.insert(0, b'-');
        }
    }
    Ok(Program::new(file, argv, if options.has('c') { Env::new() } else { env }))
}
