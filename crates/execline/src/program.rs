//! A program to go on to, as options change it.

use tool::{Env, Fatal, Opt, Options, Program};

/// The options of [`program`].
pub(crate) const OPTIONS: [Opt; 3] = [
    Opt::flag('c', "empty the environment"),
    Opt::flag('l', "put a dash before the program's argv[0]"),
    Opt::value('a', "argv0", "the program's argv[0]"),
];

/// The program of a command line, changed as the options say.
pub(crate) fn program(options: &Options, mut argv: Vec<Vec<u8>>, env: Env) -> Result<Box<Program>, Fatal> {
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
