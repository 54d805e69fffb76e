//! `withstdinas`: stores standard input in a variable.

use crate::input;
use crate::variable::{AUTOIMPORT, NO_AUTOIMPORT, autoimports, check_name, deliver};
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "withstdinas",
    summary: "store standard input in a variable",
    operands: "var prog...",
    options: &[
        Opt::flag('i', "fail if the input contains a null character"),
        Opt::flag('I', "remove the variable if the input contains a null character"),
        Opt::value('D', "default", "the value if the input contains a null character"),
        Opt::flag('N', "keep a newline at the end"),
        Opt::flag('n', "drop a newline at the end (default)"),
        AUTOIMPORT,
        NO_AUTOIMPORT,
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let name = call.shift()?;
    check_name(&name)?;
    let mut text = input::read_all(rustix::stdio::stdin()).or_unable(|| "read standard input")?;
    let value = match (text.iter().position(|b| *b == 0), options.last_of("iI")) {
        (None, _) => {
            if text.last() == Some(&b'\n') && options.last_of("Nn") != Some('N') {
                text.pop();
            }
            Some(text)
        }
        (Some(_), Some('i')) => return Err(Fatal::new(1, "standard input contained a null character")),
        (Some(_), Some(_)) => None,
        (Some(null), None) => Some(match options.get('D') {
            Some(default) => default.to_vec(),
            None => {
                text.truncate(null);
                text
            }
        }),
    };
    let import = autoimports(&options);
    if import && value.is_none() {
        return Err(crate::positional::not_set(&name));
    }
    let (argv, env) = deliver(&[(&name, value.as_deref())], import, call.take_args(), call.take_env())?;
    Next::run_if_any(argv, env)
}
