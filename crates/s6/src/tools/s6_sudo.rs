//! `s6-sudo`: asks the server of a Unix socket to run a program, by its parts `s6-ipcclient` and `s6-sudoc`.

use tool::{Call, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-sudo",
    summary: "have a server run a program with this one's arguments, environment and standard streams",
    operands: "path [args...]",
    options: &[
        Opt::flag('q', "be quiet"),
        Opt::flag('Q', "be normally verbose (default)"),
        Opt::flag('v', "be verbose"),
        Opt::value('p', "bindpath", "bind this end of the connection to this path"),
        Opt::value('l', "localname", "the value of IPCLOCALPATH"),
        Opt::flag('e', "don't send the environment"),
        Opt::value('t', "timeoutconn", "give up if the program hasn't started after this many milliseconds"),
        Opt::value('T', "timeoutrun", "give up if it hasn't ended this many milliseconds later"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    let word = |text: &str| text.as_bytes().to_vec();
    let mut argv = vec![tool::tool_file("s6-ipcclient")];
    if let Some(letter) = options.last_of("qQv") {
        argv.push(word(&format!("-{letter}")));
    }
    for letter in ['p', 'l'] {
        if let Some(value) = options.get(letter) {
            argv.extend([word(&format!("-{letter}")), value.to_vec()]);
        }
    }
    argv.extend([word("--"), path, tool::tool_file("s6-sudoc")]);
    if options.has('e') {
        argv.push(word("-e"));
    }
    for letter in ['t', 'T'] {
        if let Some(ms) = options.number::<u32>(letter)? {
            argv.extend([word(&format!("-{letter}")), word(&ms.to_string())]);
        }
    }
    argv.push(word("--"));
    argv.extend(call.take_args());
    let env = call.take_env();
    Next::run(argv, env)
}
