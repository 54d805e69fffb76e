//! What an installation consists of: the overlay's data files, the program, and a link for each command.
//!
//! What is a script in the reference is a data file here: images edit and replace such files.
//!
//! Both `cargo xtask dist`, which packs tarballs, and `s6-overlay install`, which lays out the files itself, go by
//! [`entries`].  Nothing here touches a file system.
//!
//! | part | holds |
//! |---|---|
//! | [`Part::Noarch`] | `/init`, the overlay's data files, links for the overlay's own commands |
//! | [`Part::Arch`] | the program, links for all other commands, `/init` once more, `/usr/bin/s6-overlay`, and the skeleton of s6-linux-init-maker |
//! | [`Part::SymlinksNoarch`], [`Part::SymlinksArch`] | the same commands' links in `/usr/bin` |
//! | [`Part::Syslogd`] | service definitions of a syslogd |
//!
//! All links are relative: the tree works wherever it is unpacked.

mod names;
mod scripts;

use std::borrow::Cow;

pub use names::{FILE, Names, OVERLAY, Suite};
pub use scripts::missing_scripts;

/// The interpreter of the overlay's text files, in its `libexec`: a link to the program.
pub const INTERPRETER: &str = "s6-overlay-script";

/// The suite whose skeleton is installed.
const LINUX_INIT: &str = "s6-linux-init";

/// The one command that is a separate program, because it is setuid root.
pub const SETUID: &str = "s6-overlay-suexec";

/// A tarball of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// s6-overlay-noarch
    Noarch,
    /// s6-overlay-ARCH
    Arch,
    /// s6-overlay-symlinks-noarch
    SymlinksNoarch,
    /// s6-overlay-symlinks-arch
    SymlinksArch,
    /// syslogd-overlay-noarch
    Syslogd,
}

/// Something that is installed.  All belongs to root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory, mode 0755.
    Directory,
    /// A data file.
    File {
        /// Its mode, 0644 or 0755.
        mode: u32,
        /// Its contents.
        content: &'static [u8],
    },
    /// A symbolic link to this.
    Link(Cow<'static, str>),
    /// The file that says which version this is: the program's answer to `version`, mode 0644.
    Version,
    /// The program, mode 0755.
    Program,
    /// The program of [`SETUID`], mode 4755.
    SetuidProgram,
}

/// Where something goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The tarball that it is in.
    pub part: Part,
    /// Its path below the root, without a slash in front.  Directories that only hold something have no entry.
    pub path: String,
    /// What it is.
    pub node: Node,
}

mod data {
    //! The data files, with the directories that hold them: written by the build script.
    use super::Node;
    include!(concat!(env!("OUT_DIR"), "/data.rs"));
}

/// Everything, for the commands of `names` that are `known`: nothing in `/command` is a promise.
///
/// Noarch and arch both bring `/init` and the unversioned name of the overlay's directory: the program starts without
/// the noarch part, too.
#[must_use]
pub fn entries(names: &Names<'_>, known: impl Fn(&str) -> bool) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut add = |part, path: String, node| all.push(Entry { part, path, node });
    for (part, files) in [(Part::Noarch, data::OVERLAY), (Part::Syslogd, data::SYSLOGD)] {
        for (path, node) in files {
            add(part, (*path).to_owned(), node.clone());
        }
    }
    let overlay = names.suites.iter().find(|suite| suite.name == OVERLAY);
    let (category, version) = overlay.map_or(("admin", ""), |suite| (suite.category, suite.version));
    let home = format!("package/{category}/{OVERLAY}-{version}/command");
    let unversioned = format!("package/{category}/{OVERLAY}");
    let link = |target: String| Node::Link(Cow::Owned(target));
    for part in [Part::Noarch, Part::Arch] {
        add(part, unversioned.clone(), link(format!("{OVERLAY}-{version}")));
    }
    if let Some((path, node)) = data::OVERLAY.iter().find(|(path, _)| *path == "init") {
        add(Part::Arch, (*path).to_owned(), node.clone());
    }
    let interpreter = format!("package/{category}/{OVERLAY}-{version}/libexec/{INTERPRETER}");
    add(Part::Arch, interpreter, link(format!("../command/{OVERLAY}")));
    add(Part::Arch, format!("{home}/{OVERLAY}"), Node::Program);
    add(Part::Arch, format!("command/{OVERLAY}"), link(format!("../{unversioned}/command/{OVERLAY}")));
    add(Part::Arch, format!("package/{category}/{OVERLAY}-{version}/VERSION"), Node::Version);
    // For people, and for `docker exec`, whose PATH has no /command.
    add(Part::Arch, format!("usr/bin/{OVERLAY}"), link(format!("../../command/{OVERLAY}")));
    for name in names.added.iter().filter(|name| known(name)) {
        add(Part::Arch, format!("{home}/{name}"), link(OVERLAY.to_owned()));
        add(Part::Arch, format!("command/{name}"), link(format!("../{unversioned}/command/{name}")));
        add(Part::SymlinksArch, format!("usr/bin/{name}"), link(format!("../../command/{name}")));
    }
    for suite in &names.suites {
        all.extend(suite_entries(suite, &home, &unversioned, &known));
    }
    all
}

/// The links of a suite, and the setuid program; `home` is where the program is, `unversioned` a link to that directory's
/// parent.
fn suite_entries(
    suite: &Suite<'_>,
    home: &str,
    unversioned: &str,
    known: impl Fn(&str) -> bool,
) -> Vec<Entry> {
    let mut all = Vec::new();
    let mut add = |part, path: String, node| all.push(Entry { part, path, node });
    let link = |target: String| Node::Link(Cow::Owned(target));
    let of_overlay = suite.name == OVERLAY;
    let (part, symlinks) = match of_overlay {
        true => (Part::Noarch, Part::SymlinksNoarch),
        false => (Part::Arch, Part::SymlinksArch),
    };
    let (category, folder) = (suite.category, format!("{}-{}", suite.name, suite.version));
    let mut commands = suite.commands.iter().filter(|name| known(name)).peekable();
    if !of_overlay && commands.peek().is_some() {
        add(part, format!("package/{category}/{}", suite.name), link(folder.clone()));
    }
    if suite.name == LINUX_INIT {
        for (name, node) in data::SKELETON {
            add(part, format!("package/{category}/{folder}/etc/skel/{name}"), node.clone());
        }
    }
    for name in commands {
        let node = if *name == SETUID { Node::SetuidProgram } else { link(OVERLAY.to_owned()) };
        let path = format!("{home}/{name}");
        // Scripts of the reference are data files.
        if shipped(&path).is_none() {
            add(part, path, node);
        }
        add(part, format!("command/{name}"), link(format!("../{unversioned}/command/{name}")));
        add(symlinks, format!("usr/bin/{name}"), link(format!("../../command/{name}")));
        if !of_overlay {
            // The suite's own place in the reference.
            let target = link(format!("../../../../{unversioned}/command/{name}"));
            add(part, format!("package/{category}/{folder}/command/{name}"), target);
        }
    }
    all
}

/// The contents of a data file of the overlay, by its path below the root.
#[must_use]
pub fn shipped(path: &str) -> Option<&'static [u8]> {
    [data::OVERLAY, data::SYSLOGD].into_iter().flatten().find_map(|(known, node)| match node {
        Node::File { content, .. } if *known == path => Some(*content),
        _ => None,
    })
}

/// The TLS program's name.
pub const TLS: &str = "s6-overlay-tls";

/// Where the licences of what the TLS program is linked from go.
#[must_use]
pub fn tls_licences(names: &Names<'_>) -> String {
    let overlay = names.suites.iter().find(|suite| suite.name == OVERLAY);
    let (category, version) = overlay.map_or(("admin", ""), |suite| (suite.category, suite.version));
    format!("package/{category}/{OVERLAY}-{version}/LICENSES.tls")
}

/// What the TLS program's own tarball holds, by path: [`Node::Program`] is that program.  It goes beside the program.
#[must_use]
pub fn tls_entries(names: &Names<'_>) -> Vec<(String, Node)> {
    let place = |name| {
        let suite = names.suites.iter().find(|suite| suite.name == name);
        suite.map_or(("admin", ""), |suite| (suite.category, suite.version))
    };
    let ((category, version), (net, suite)) = (place(OVERLAY), place("s6-networking"));
    let home = format!("package/{category}/{OVERLAY}-{version}/command");
    let link = |target: String| Node::Link(Cow::Owned(target));
    let mut all = vec![(format!("{home}/{TLS}"), Node::Program)];
    for name in &names.tls {
        let target = format!("package/{category}/{OVERLAY}/command/{name}");
        all.push((format!("{home}/{name}"), link(TLS.to_owned())));
        all.push((format!("command/{name}"), link(format!("../{target}"))));
        all.push((
            format!("package/{net}/s6-networking-{suite}/command/{name}"),
            link(format!("../../../../{target}")),
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn the_tls_program_is_beside_the_other_one() {
        let all = tls_entries(&Names::all().unwrap());
        let node = |path: &str| all.iter().find(|(p, _)| p == path).map(|(_, node)| node.clone());
        let link = |target: &'static str| Some(Node::Link(Cow::Borrowed(target)));
        assert_eq!(all.len(), 1 + 3 * 8);
        assert_eq!(node("package/admin/s6-overlay-3.2.3.2/command/s6-overlay-tls"), Some(Node::Program));
        assert_eq!(node("package/admin/s6-overlay-3.2.3.2/command/s6-tlsd"), link("s6-overlay-tls"));
        assert_eq!(node("command/s6-tlsd"), link("../package/admin/s6-overlay/command/s6-tlsd"));
    }

    fn sample() -> Vec<Entry> {
        let suite = |name, category, commands: &[&'static str]| Suite {
            name,
            category,
            version: "1.0",
            commands: commands.into(),
        };
        let suites = vec![
            suite("s6-dns", "web", &["s6-dnsip", "s6-later"]),
            suite("s6-overlay", "admin", &["with-contenv"]),
            suite("s6-overlay-helpers", "admin", &[SETUID]),
        ];
        let names = Names { suites, added: vec!["s6-test"], tls: vec!["s6-tlsc"], internal: vec!["init"] };
        entries(&names, |name| ["init", "s6-dnsip", "s6-test", SETUID, "with-contenv"].contains(&name))
    }

    fn found(entries: &[Entry], part: Part, path: &str) -> Option<Node> {
        entries.iter().find(|e| e.part == part && e.path == path).map(|e| e.node.clone())
    }

    #[test]
    fn each_part_holds_its_own() {
        let all = sample();
        let link = |target: &'static str| Some(Node::Link(Cow::Borrowed(target)));
        for (part, path, node) in [
            (
                Part::Arch,
                "package/admin/s6-overlay-1.0/libexec/s6-overlay-script",
                link("../command/s6-overlay"),
            ),
            (Part::Arch, "package/admin/s6-overlay-1.0/command/s6-overlay", Some(Node::Program)),
            (Part::Arch, "package/admin/s6-overlay-1.0/command/s6-overlay-suexec", Some(Node::SetuidProgram)),
            (Part::Noarch, "command/with-contenv", link("../package/admin/s6-overlay/command/with-contenv")),
            (Part::SymlinksNoarch, "usr/bin/with-contenv", link("../../command/with-contenv")),
            (Part::SymlinksArch, "usr/bin/s6-dnsip", link("../../command/s6-dnsip")),
            (Part::Arch, "usr/bin/s6-overlay", link("../../command/s6-overlay")),
            (Part::Arch, "usr/bin", None),
            (Part::Arch, "package/admin/s6-overlay-1.0/VERSION", Some(Node::Version)),
            (Part::Arch, "command/s6-test", link("../package/admin/s6-overlay/command/s6-test")),
            (Part::Arch, "package/web/s6-dns", link("s6-dns-1.0")),
            (
                Part::Arch,
                "package/web/s6-dns-1.0/command/s6-dnsip",
                link("../../../../package/admin/s6-overlay/command/s6-dnsip"),
            ),
            (Part::Arch, "command/s6-later", None),
            (Part::Arch, "command/init", None),
            (Part::Noarch, "etc/s6-overlay/s6-rc.d", Some(Node::Directory)),
        ] {
            assert_eq!(found(&all, part, path), node, "{path}");
        }
        let programs = all.iter().filter(|e| matches!(e.node, Node::Program | Node::SetuidProgram));
        assert!(programs.map(|e| e.part).eq([Part::Arch; 2]));
    }

    #[test]
    fn an_entry_is_the_same_in_every_part_that_has_it() {
        let all = entries(&Names::all().unwrap(), |_| true);
        let mut seen = BTreeMap::new();
        for entry in &all {
            assert_eq!(seen.entry(&entry.path).or_insert(&entry.node), &&entry.node, "{}", entry.path);
            assert!(!entry.path.starts_with('/') && !entry.path.contains("//"), "{}", entry.path);
        }
        assert!(seen.len() > 700, "247 commands in three places each");
    }

    #[test]
    fn what_is_a_script_in_the_reference_is_a_text_file() {
        let all = entries(&Names::all().unwrap(), |_| true);
        assert_eq!(missing_scripts(&all), Vec::<String>::new());
        for part in [Part::Noarch, Part::Arch] {
            let init = found(&all, part, "init");
            assert!(
                matches!(init, Some(Node::File { mode: 0o755, content }) if content.starts_with(b"#!/package"))
            );
        }
        assert!(shipped("package/admin/s6-overlay-3.2.3.2/command/with-contenv").is_some());
        assert!(shipped("init").is_some() && shipped("etc").is_none());
        let linked = all.into_iter().map(|mut entry| {
            if entry.path == "init" {
                entry.node = Node::Link(Cow::Borrowed("package/admin/s6-overlay/command/s6-overlay"));
            }
            entry
        });
        assert_eq!(missing_scripts(&linked.collect::<Vec<_>>()), ["init"]);
    }

    #[test]
    fn data_is_as_in_the_source_tree() {
        let all = entries(&Names::default(), |_| false);
        let sources = "package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources";
        let content = b"bundle\n";
        let expected = Some(Node::File { mode: 0o644, content });
        assert_eq!(found(&all, Part::Noarch, &format!("{sources}/top/type")), expected);
        let run = found(&all, Part::Syslogd, "etc/s6-overlay/s6-rc.d/syslogd/run");
        assert!(matches!(run, Some(Node::File { mode: 0o644 | 0o755, .. })), "{run:?}");
        assert!(all.iter().all(|e| !e.path.ends_with(".empty")));
    }
}
