//! `s6-overlay help`: what the command for people can do.

use super::{COMMANDS, PREFIX, find};
use tool::{Call, Fatal, Out, Outcome, Role, Tool, diag, usage_line};

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
            page(found.ok_or_else(|| Fatal::user(format!("no subcommand is named {}", diag::show(name))))?)
        }
        _ => return Err(Fatal::usage()),
    };
    let mut out = Out::new();
    out.line(text.trim_end().as_bytes())?;
    out.finish()
}

/// All subcommands, one a line.
fn overview() -> String {
    let mut text = String::from("usage: s6-overlay SUBCOMMAND ARGS... | TOOL ARGS... | --list\n\n");
    for command in COMMANDS {
        let name = command.name.strip_prefix(PREFIX).unwrap_or(command.name);
        text.push_str(&format!("  {name:<10} {}\n", command.summary));
    }
    text
}

/// Usage, purpose and options of one.
fn page(command: &Tool) -> String {
    let mut text = format!("usage: {}\n\n{}\n", usage_line(command), command.summary);
    for option in command.options {
        let mut name = if option.short < ' ' { String::new() } else { format!("-{}", option.short) };
        if let Some(long) = option.long {
            name.push_str(if name.is_empty() { "--" } else { ", --" });
            name.push_str(long);
        }
        if let Some(value) = option.value {
            name.push_str(&format!(" {value}"));
        }
        text.push_str(&format!("\n  {name:<16} {}", option.help));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use tool::{Next, Opt};

    #[test]
    fn pages_come_from_the_definitions() {
        static SAMPLE: Tool = Tool {
            name: "s6-overlay x",
            summary: "do it",
            operands: "",
            options: &[Opt::flag('a', "all").long("all"), Opt::value('\x01', "dir", "where").long("root")],
            role: Role::Stay,
            main: |_| Ok(Next::SUCCESS),
        };
        let expected = "usage: s6-overlay x [ -a ] [ --root=dir ]\n\ndo it\n\n  -a, --all        all\n  --root dir       where";
        assert_eq!(page(&SAMPLE), expected);
        assert!(overview().contains("\n  help "));
    }
}
