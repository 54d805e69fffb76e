//! `s6-basename`: prints the last component of a path.

use crate::paths;
use tool::{Call, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-basename",
    summary: "print the last component of a path",
    operands: "path [ suffix ]",
    options: &[Opt::flag('n', "print no newline at the end")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let path = call.shift()?;
    let suffix = call.args.first().map(Vec::as_slice).unwrap_or_default();
    let mut out = Out::new();
    out.put(strip_suffix(paths::basename(&path), suffix))?;
    if !options.has('n') {
        out.put(b"\n")?;
    }
    out.finish()
}

/// Removes a suffix, unless it is the whole name.
fn strip_suffix<'a>(name: &'a [u8], suffix: &[u8]) -> &'a [u8] {
    if name == suffix { name } else { name.strip_suffix(suffix).unwrap_or(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        assert_eq!(strip_suffix(b"main.c", b".c"), b"main");
        assert_eq!(strip_suffix(b".c", b".c"), b".c");
        assert_eq!(strip_suffix(b"main.c", b".h"), b"main.c");
    }
}
