//! `s6-ls`: lists the names in a directory, sorted.

use rustix::fs::CWD;
use tool::{Call, Opt, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-ls",
    summary: "list the names in a directory",
    operands: "dir",
    options: &[
        Opt::flag('0', "separate by NUL bytes"),
        Opt::flag('a', "include names that begin with a dot, except . and .."),
        Opt::flag('A', "include names that begin with a dot, also . and .."),
        Opt::value('x', "exclude", "exclude this name"),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let dir = call.shift()?;
    let mut names = files::names_at(CWD, &dir).or_unable_to("list", &dir)?;
    names.extend([b".".to_vec(), b"..".to_vec()]);
    names.sort_unstable();
    let separator: &[u8] = if options.has('0') { b"\0" } else { b"\n" };
    let hidden = options.last_of("aA");
    let mut out = Out::new();
    for name in names.iter().filter(|n| is_wanted(n, hidden, options.get('x'))) {
        out.put(name)?;
        out.put(separator)?;
    }
    out.finish()
}

fn is_wanted(name: &[u8], hidden: Option<char>, excluded: Option<&[u8]>) -> bool {
    let shown = match hidden {
        Some('A') => true,
        Some(_) => name != b"." && name != b"..",
        None => !name.starts_with(b"."),
    };
    shown && excluded != Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots() {
        let wanted = |hidden, excluded: Option<&'static [u8]>| {
            let names = [".", "..", ".a", "b"];
            names
                .iter()
                .filter(|n| is_wanted(n.as_bytes(), hidden, excluded))
                .copied()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(wanted(None, None), "b");
        assert_eq!(wanted(Some('a'), None), ".a b");
        assert_eq!(wanted(Some('A'), Some(b"b")), ". .. .a");
    }
}
