//! From a name to its tool.

use tool::{Env, Tool, diag};

/// Every suite's tools.
const SUITES: &[&[&Tool]] = &[
    execline::TOOLS,
    s6::TOOLS,
    s6_rc::TOOLS,
    s6_linux_init::TOOLS,
    s6_portable_utils::TOOLS,
    s6_linux_utils::TOOLS,
    s6_networking::TOOLS,
    s6_dns::TOOLS,
    overlay::TOOLS,
];

fn find(name: &[u8]) -> Option<&'static Tool> {
    SUITES.iter().find_map(|tools| {
        tools.binary_search_by(|t| t.name.as_bytes().cmp(name)).ok().and_then(|i| tools.get(i).copied())
    })
}

/// Runs the tool that argv[0] names, or, called as the binary itself, the one that argv[1] names.
pub fn dispatch(mut argv: Vec<Vec<u8>>) -> ! {
    tool::set_table(find);
    let env = Env::from_vars(sys::args::environment());
    let by_name = |argv: &[Vec<u8>]| {
        argv.first().and_then(|a| find(a.rsplit(|b| *b == b'/').next().unwrap_or_default()))
    };
    if let Some(tool) = by_name(&argv) {
        tool::run(tool, argv, env);
    }
    if !argv.is_empty() {
        argv.remove(0);
    }
    match by_name(&argv) {
        Some(tool) => tool::run(tool, argv, env),
        None => {
            let named =
                argv.first().map_or(String::from("no tool named"), |a| diag::show(a) + ": no such tool");
            diag::fatal("s6-overlay", &format!("{named}; usage: s6-overlay TOOL ARGS..."));
            sys::process::exit(100);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_names_are_unique() {
        let mut all = Vec::new();
        for tools in SUITES {
            assert!(tools.is_sorted_by_key(|t| t.name));
            all.extend(tools.iter().map(|t| t.name));
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn lookup_is_exact() {
        assert!(find(b"s6-true").is_some());
        assert!(find(b"xs6-true").is_none());
    }
}
