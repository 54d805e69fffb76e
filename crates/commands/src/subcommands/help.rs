//! `s6-overlay help`: prints the subcommands, or all that there is to know about one.

use super::{COMMANDS, Command, find, meant_by};
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
    call.options_anywhere()?;
    let text = match call.args.as_slice() {
        [] => overview(),
        [name] => match find(name) {
            Some(command) => page(command),
            None => {
                let (name, meant) = (diag::show(name), meant_by(name));
                return Err(Fatal::user(format_args!("no subcommand is named {name}{meant}")));
            }
        },
        _ => return Err(Fatal::usage()),
    };
    let mut out = Out::new();
    out.put(text.as_bytes())?;
    out.finish()
}

/// All subcommands, one per line.
fn overview() -> String {
    let mut text =
        String::from("usage: s6-overlay SUBCOMMAND ARGS... | TOOL ARGS... | --list | --version\n\n");
    for command in COMMANDS {
        text.push_str(&format!("  {:<10} {}\n", command.word(), command.tool.summary));
    }
    text.push_str("\ns6-overlay help SUBCOMMAND tells more; --list prints the names of all tools\n");
    text
}

/// Usage and options, and what the subcommand's page says besides.
fn page(command: &Command) -> String {
    let mut text = tool::help(command.tool);
    text.push('\n');
    let mut in_code = false;
    for line in command.text.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if let Some(heading) = line.strip_prefix("## ") {
            text.extend(["\n", heading, ":\n"]);
        } else if !line.is_empty() {
            text.push_str("  ");
            text.extend(line.chars().filter(|c| in_code || *c != '`'));
            text.push('\n');
        }
    }
    text.push_str(&format!("\nThe page: docs/tools/s6-overlay.md, or man s6-overlay-{}\n", command.word()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_names_the_subcommands() {
        assert!(overview().contains("\n  help       print the subcommands, or the usage of one\n"));
    }

    #[test]
    fn a_page_has_all_that_the_manual_says() {
        let text = "## Exit codes\n\n- 0: `yes`\n\n## Examples\n\n```sh\ns6-overlay x `a`\n```\n";
        assert_eq!(
            page(&Command { tool: &TOOL, text }),
            "usage: s6-overlay help [ subcommand ]\n\nprint the subcommands, or the usage of one\n\nExit codes:\n  - 0: yes\n\n\
             Examples:\n  s6-overlay x `a`\n\nThe page: docs/tools/s6-overlay.md, or man s6-overlay-help\n"
        );
    }
}
