//! The texts that derive from the definitions of options.

use crate::opt::{option_form, with_equals};
use crate::{Out, Outcome, Tool};

/// The usage line: name, flags in one group, options with values, operands.
#[must_use]
pub fn usage_line(tool: &Tool) -> String {
    let mut line = tool.name.to_owned();
    let flags: String =
        tool.options.iter().filter(|o| o.value.is_none() && o.short >= ' ').map(|o| o.short).collect();
    if !flags.is_empty() {
        line.push_str(&format!(" [ -{flags} ]"));
    }
    for o in tool.options {
        match (o.value, o.long) {
            (Some(v), _) if o.short >= ' ' => line.push_str(&format!(" [ -{} {v} ]", o.short)),
            (Some(v), Some(long)) => {
                line.push_str(&format!(" [ --{long}{} ]", with_equals(v)));
            }
            (None, Some(long)) if o.short < ' ' => line.push_str(&format!(" [ --{long} ]")),
            _ => {}
        }
    }
    if !tool.operands.is_empty() {
        line.push(' ');
        line.push_str(tool.operands);
    }
    line
}

/// Usage line, purpose and options: the answer to `--help`, without a newline at its end.
#[must_use]
pub fn help(tool: &Tool) -> String {
    let mut text = format!("usage: {}\n\n{}", usage_line(tool), tool.summary);
    if !tool.options.is_empty() {
        text.push('\n');
    }
    let width = tool.options.iter().map(|o| option_form(o).len()).max().unwrap_or_default();
    for option in tool.options {
        text.push_str(&format!("\n  {:<width$}  {}", option_form(option), option.help));
    }
    text
}

/// Whether these arguments ask for help: the one word `--help`, unless it means something else to the tool.
pub(crate) fn is_asked_for(args: &[Vec<u8>]) -> bool {
    matches!(args, [only] if only == b"--help")
}

/// Prints [`help`].
pub(crate) fn print(tool: &Tool) -> Outcome {
    let mut out = Out::new();
    out.line(help(tool).as_bytes())?;
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Next, Opt, Role};

    #[test]
    fn usage_comes_from_the_definition() {
        static TOOL: Tool = Tool {
            name: "s6-x",
            summary: "",
            operands: "prog...",
            options: &[Opt::flag('a', ""), Opt::flag('b', ""), Opt::value('t', "ms", "")],
            role: Role::Chain,
            main: |_| Ok(Next::SUCCESS),
        };
        assert_eq!(usage_line(&TOOL), "s6-x [ -ab ] [ -t ms ] prog...");
    }

    #[test]
    fn help_comes_from_the_definition() {
        static TOOL: Tool = Tool {
            name: "s6-overlay x",
            summary: "do it",
            operands: "",
            options: &[
                Opt::flag('a', "all").long("all"),
                Opt::value('\x01', "dir", "where").long("root"),
                Opt::value('\x02', "[fields]", "as JSON").long("json"),
            ],
            role: Role::Stay,
            main: |_| Ok(Next::SUCCESS),
        };
        let expected = "usage: s6-overlay x [ -a ] [ --root=dir ] [ --json[=fields] ]\n\ndo it\n\n  -a, --all        all\n  \
             --root dir       where\n  --json[=fields]  as JSON";
        assert_eq!(help(&TOOL), expected);
    }

    #[test]
    fn only_the_one_word_asks() {
        let asked =
            |words: &[&str]| is_asked_for(&words.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>());
        assert!(asked(&["--help"]));
        assert!(!asked(&["--help", "x"]) && !asked(&["-u", "--help"]) && !asked(&["-h"]) && !asked(&[]));
    }
}
