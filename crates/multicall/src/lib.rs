//! Every tool of the binary, and the way from a name to its tool.

mod names;

use names::find;
use tool::{Call, Env, Next, Out, Outcome, Role, Tool, diag, script};

/// Every suite's tools, each sorted by name.
pub const SUITES: &[&[&Tool]] = &[
    execline::TOOLS,
    s6::TOOLS,
    s6_rc::TOOLS,
    s6_linux_init::TOOLS,
    s6_portable_utils::TOOLS,
    s6_linux_utils::TOOLS,
    s6_networking::TOOLS,
    s6_dns::TOOLS,
    overlay::TOOLS,
    commands::TOOLS,
];

/// What the binary itself does besides: prints the names of all tools, one a line, sorted.
static LIST: Tool = Tool {
    name: "--list",
    summary: "print the names of all tools",
    operands: "",
    options: &[],
    role: Role::Stay,
    main: list,
};

fn list(_: &mut Call) -> Outcome {
    let mut out = Out::new();
    for name in names::all() {
        out.line(name)?;
    }
    out.flush()?;
    Ok(Next::SUCCESS)
}

/// The tool that a file is by its name, or by the name of a link that it leads to: a service's `run` may be a link
/// to a tool, which is then called by another name.
fn find_by_links(file: Vec<u8>) -> Option<&'static Tool> {
    let mut file = file;
    for _ in 0..8 {
        if let Some(tool) = file.rsplit(|b| *b == b'/').next().and_then(find) {
            return Some(tool);
        }
        let target = sys::fs::readlink(&file, Vec::new()).ok()?.into_bytes();
        if !target.starts_with(b"/") {
            let dir = file.iter().rposition(|b| *b == b'/').map_or(0, |slash| slash.saturating_add(1));
            file.truncate(dir);
        } else {
            file.clear();
        }
        file.extend(target);
    }
    None
}

/// Runs the tool that the first line of the executed text file names, or the one that `argv[0]` names, or the one that
/// the executed file is a link to, or, called as the binary itself, the subcommand or tool that `argv[1]` names.
pub fn dispatch(mut argv: Vec<Vec<u8>>) -> ! {
    tool::set_table(find);
    let env = Env::of_process();
    if let Some(name) = script::take_call(&mut argv) {
        if let Some(tool) = find(&name) {
            tool::run(tool, argv, env);
        }
        let file = argv.first().map(|file| diag::show(file)).unwrap_or_default();
        let name = diag::show(&name);
        diag::fatal("s6-overlay", format_args!("{file}: line 1: {name} is no tool of this version"));
        sys::process::exit(100);
    }
    let by_name = |argv: &[Vec<u8>]| {
        argv.first().and_then(|a| find(a.rsplit(|b| *b == b'/').next().unwrap_or_default()))
    };
    if let Some(tool) = by_name(&argv).or_else(|| sys::args::executed_file().and_then(find_by_links)) {
        tool::run(tool, argv, env);
    }
    if !argv.is_empty() {
        argv.remove(0);
    }
    let listing = argv.first().is_some_and(|a| a == LIST.name.as_bytes()).then_some(&LIST);
    match commands::take_call(&mut argv).or_else(|| by_name(&argv)).or(listing) {
        Some(tool) => tool::run(tool, argv, env),
        None => {
            let named = argv.first().map_or(String::from("no tool named"), |name| {
                format!("{}: no such tool{}", diag::show(name), commands::meant_by(name))
            });
            diag::fatal(
                "s6-overlay",
                format_args!(
                    "{named}; usage: s6-overlay SUBCOMMAND ARGS... | TOOL ARGS... | --list; s6-overlay help tells more"
                ),
            );
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
    fn links_lead_to_tools() {
        use std::os::unix::ffi::OsStringExt;
        let dir = std::env::temp_dir().join(format!("links-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let path = |name: &str| dir.join(name).into_os_string().into_vec();
        for (target, name) in
            [("second", "first"), ("/command/s6-true", "second"), ("first", "first2"), ("/", "no")]
        {
            std::os::unix::fs::symlink(target, dir.join(name)).unwrap();
        }
        let found = |name| find_by_links(path(name)).map(|t| t.name);
        assert_eq!((found("first2"), found("no"), found("none")), (Some("s6-true"), None, None));
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn one_subcommand_hides_a_tool() {
        let hides = |command: &&commands::Command| find(command.word().as_bytes()).is_some();
        let hidden: Vec<&str> = commands::COMMANDS.iter().filter(hides).map(|c| c.word()).collect();
        assert_eq!(hidden, ["wait"], "execline's has its own name, /command/wait");
    }
}
