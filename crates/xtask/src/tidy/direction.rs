//! Which crate may stand on which: the direction that ARCHITECTURE.md draws.

use super::{Complaint, Source};

/// What every tool stands on.
const BASE: &[&str] = &["sys", "wire", "tool"];
/// For each crate, what it may use besides [`BASE`].
const SUITES: &[(&str, &[&str])] = &[
    ("execline", &[]),
    ("s6", &[]),
    ("s6-rc", &["s6", "execline"]),
    ("s6-linux-init", &["s6"]),
    ("s6-portable-utils", &[]),
    ("s6-linux-utils", &[]),
    ("s6-networking", &["s6", "s6-dns"]),
    ("s6-dns", &[]),
    ("s6-tls", &["s6"]),
];
/// What the shipped crates take from others.
const FOREIGN: &[&str] = &["rustix"];
/// What one of them takes besides: a library of its own field.
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
    let suite = |wanted: &str| SUITES.iter().find(|(suite, _)| *suite == wanted);
    match name {
        "xtask" | "sandbox" | "manual" => true,
        "sys" => used == "libc" || FOREIGN.contains(&used),
        _ if FOREIGN.contains(&used) || FOREIGN_OF_ONE.contains(&(name, used)) => true,
        "wire" | "installation" => false,
        "tool" => ["sys", "wire"].contains(&used),
        // The main program carries no cryptography.
        "overlay" | "multicall" if used == "s6-tls" => false,
        "overlay" => BASE.contains(&used) || suite(used).is_some() || used == "installation",
        "multicall" => BASE.contains(&used) || suite(used).is_some() || used == "overlay",
        _ => suite(name).is_some_and(|(_, allowed)| BASE.contains(&used) || allowed.contains(&used)),
    }
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
        assert_eq!(complaints("crates/s6-rc/Cargo.toml", "s6.workspace = true\ntool.workspace = true"), none);
        assert_eq!(complaints("crates/overlay/Cargo.toml", "s6-rc.workspace = true\nrustix = \"1\""), none);
        assert_eq!(
            complaints("crates/s6/Cargo.toml", "s6-rc.workspace = true"),
            ["6: s6 must not use s6-rc"]
        );
        assert_eq!(complaints("crates/tool/Cargo.toml", "s6 = {}"), ["6: tool must not use s6"]);
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
