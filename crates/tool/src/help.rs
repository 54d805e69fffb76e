//! What derives from an option's definition.

use crate::Tool;

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
            (Some(v), Some(long)) => line.push_str(&format!(" [ --{long}={v} ]")),
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
}
