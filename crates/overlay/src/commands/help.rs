//! `s6-overlay help`: prints the subcommands, or the usage of one.

use super::{COMMANDS, PREFIX, find};
use tool::{Call, Fatal, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-overlay help",
    summary: "print the subcommands, or the usage of one",
    operands: "[ subcommand ]",
    options: &[],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let text = match call.args.as_slice() {
        [] => overview(),
        [name] => {
            let found = find(name);
            tool::help(
                found.ok_or_else(|| Fatal::user(format!("no subcommand is named {}", diag::show(name))))?,
            )
        }
        _ => return Err(Fatal::usage()),
    };
    let mut out = Out::new();
    out.line(text.trim_end().as_bytes())?;
    out.finish()
}

/// All subcommands, one per line.
fn overview() -> String {
    let mut text = String::from("usage: s6-overlay SUBCOMMAND ARGS... | TOOL ARGS... | --list\n\n");
    for command in COMMANDS {
        let name = command.name.strip_prefix(PREFIX).unwrap_or(command.name);
        text.push_str(&format!("  {name:<10} {}\n", command.summary));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_names_the_subcommands() {
        assert!(overview().contains("\n  help "));
    }
}
