//! Which crate may stand on which: the direction that ARCHITECTURE.md draws.

use super::complaint::Complaint;
use super::source::Source;

/// Which of the others each shipped crate may use, from the ground up.  A crate that a row doesn't name can't be used there:
/// s6-rc never reaches the host, s6-tls never the supervisor.
const MAY_USE: &[(&str, &[&str])] = &[
    ("sys", &[]),
    ("wire", &[]),
    ("installation", &[]),
    ("files", &["sys"]),
    ("posix-regex", &["files", "sys", "wire"]),
    ("tool", &["files", "posix-regex", "sys", "wire"]),
    // The libraries.
    ("ipc", &["files", "posix-regex", "sys", "tool", "wire"]),
    ("logger", &["files", "posix-regex", "sys", "tool", "wire"]),
    ("supervision", &["files", "posix-regex", "sys", "tool", "wire"]),
    ("supervisor", &["files", "ipc", "supervision", "sys", "tool", "wire"]),
    // The suites.
    ("execline", &["files", "posix-regex", "sys", "tool", "wire"]),
    ("s6", &["files", "ipc", "logger", "posix-regex", "supervision", "supervisor", "sys", "tool", "wire"]),
    ("s6-rc", &["execline", "files", "ipc", "posix-regex", "supervision", "sys", "tool", "wire"]),
    ("s6-linux-init", &["files", "supervision", "sys", "tool", "wire"]),
    ("s6-portable-utils", &["files", "posix-regex", "sys", "tool", "wire"]),
    ("s6-linux-utils", &["files", "sys", "tool", "wire"]),
    ("s6-dns", &["files", "sys", "tool", "wire"]),
    ("s6-networking", &["files", "ipc", "s6-dns", "sys", "tool", "wire"]),
    ("s6-tls", &["files", "ipc", "sys", "tool", "wire"]),
    (
        "overlay",
        &[
            "files",
            "installation",
            "ipc",
            "logger",
            "posix-regex",
            "s6-linux-init",
            "s6-rc",
            "supervision",
            "supervisor",
            "sys",
            "tool",
            "wire",
        ],
    ),
    (
        "commands",
        &[
            "execline",
            "files",
            "installation",
            "ipc",
            "logger",
            "overlay",
            "posix-regex",
            "s6-linux-init",
            "s6-rc",
            "supervision",
            "supervisor",
            "sys",
            "tool",
            "wire",
        ],
    ),
    // The main program carries no cryptography: s6-tls is a program of its own.
    (
        "multicall",
        &[
            "commands",
            "execline",
            "overlay",
            "s6",
            "s6-dns",
            "s6-linux-init",
            "s6-linux-utils",
            "s6-networking",
            "s6-portable-utils",
            "s6-rc",
            "sys",
            "tool",
        ],
    ),
];
/// What runs on a developer's machine only, and may use anything.
const FOR_DEVELOPMENT: &[&str] = &["dev", "manual", "sandbox", "xtask"];
/// What the shipped crates take from others.
const FOREIGN: &[&str] = &["rustix"];
/// What one of them takes besides: a library of its field.
const FOREIGN_OF_ONE: &[(&str, &str)] = &[("s6-dns", "domain"), ("s6-tls", "rustls")];

/// Complains about each dependency of a shipped crate that the table doesn't allow, and each crate without the
/// workspace's lints.
pub fn check(sources: &[Source]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|s| s.path.ends_with("/Cargo.toml")) {
        if !section(&source.text, "[lints]").any(|(_, line)| line == "workspace = true") {
            complaints.push(Complaint::new(
                &source.path,
                0,
                "add the section [lints] with `workspace = true`",
            ));
        }
        let Some(name) = source.path.strip_prefix("crates/").and_then(|p| p.strip_suffix("/Cargo.toml"))
        else {
            continue;
        };
        for (number, line) in section(&source.text, "[dependencies]") {
            let used = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if !used.is_empty() && !may_use(name, used) {
                complaints.push(Complaint::new(&source.path, number, format!("{name} must not use {used}")));
            }
        }
    }
    complaints
}

fn may_use(name: &str, used: &str) -> bool {
    let own = || MAY_USE.iter().find(|(other, _)| *other == name).is_some_and(|(_, may)| may.contains(&used));
    let foreign = match name {
        "sys" => used == "libc" || FOREIGN.contains(&used),
        "wire" | "installation" => false,
        _ => FOREIGN.contains(&used) || FOREIGN_OF_ONE.contains(&(name, used)),
    };
    FOR_DEVELOPMENT.contains(&name) || foreign || own()
}

/// The lines of a manifest's section, with their numbers.
fn section<'a>(manifest: &'a str, header: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    (1..)
        .zip(manifest.lines())
        .skip_while(move |(_, line)| *line != header)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with('['))
        .filter(|(_, line)| !line.starts_with('#') && !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, dependencies: &str) -> Vec<String> {
        let text = format!(
            "[package]\n[lints]\nworkspace = true\n\n[dependencies]\n{dependencies}\n[dev-dependencies]\nx.workspace = true\n"
        );
        check(&[Source { path: path.into(), text }])
            .into_iter()
            .map(|c| format!("{}: {}", c.line, c.what))
            .collect()
    }

    #[test]
    fn the_direction_holds() {
        let none: [&str; 0] = [];
        assert_eq!(
            complaints("crates/s6-rc/Cargo.toml", "ipc.workspace = true\ntool.workspace = true"),
            none
        );
        assert_eq!(complaints("crates/overlay/Cargo.toml", "s6-rc.workspace = true\nrustix = \"1\""), none);
        assert_eq!(
            complaints("crates/s6/Cargo.toml", "s6-rc.workspace = true"),
            ["6: s6 must not use s6-rc"]
        );
        for (name, used) in
            [("tool", "s6"), ("s6-rc", "supervisor"), ("s6-tls", "supervisor"), ("overlay", "s6-tls")]
        {
            let complaint = format!("6: {name} must not use {used}");
            assert_eq!(
                complaints(&format!("crates/{name}/Cargo.toml"), &format!("{used} = {{}}")),
                [complaint]
            );
        }
        assert_eq!(complaints("crates/s6/Cargo.toml", "# c\nlibc = \"0\""), ["7: s6 must not use libc"]);
        assert_eq!(complaints("crates/new/Cargo.toml", "s6 = {}"), ["6: new must not use s6"]);
        assert_eq!(complaints("tests/Cargo.toml", "s6 = {}"), none);
    }

    #[test]
    fn lints_are_the_workspace_s() {
        let source = Source { path: "tests/Cargo.toml".into(), text: "[package]\n".into() };
        assert_eq!(check(&[source]).len(), 1);
    }
}
