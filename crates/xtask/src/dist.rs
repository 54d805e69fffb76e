//! `cargo xtask dist`: the release: the reference's five tarballs, and one tree of them.
//!
//! The tarballs have the reference's names and the reference's roles, so that a Dockerfile changes nothing but
//! the address; the crate `installation` defines what each holds.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use installation::{Entry, Names, Part};

use crate::arch::{self, Arch};
use crate::build::{self, Flavour, Program};
use crate::failure::{Failure, Outcome};
use crate::figures::{self, Sizes};
use crate::release_file::{publish, publish_tarball, remove_file, write_digest};
use crate::tree::{Node, Tree};
use crate::{command, debian, licences, man, musl, os_packages, packages, reproduce, sbom, workspace};

/// What the architecture's tarball may take as `.tar.xz`, in bytes.  The design wants 720,000: what probes, instances and weak
/// dependencies take above that is still to be saved elsewhere.
const MOST_PACKED: usize = 744_000;
/// The limit of the checker's tarball, in bytes.
const MOST_PACKED_CHECKER: usize = 1_500_000;
/// The limit of its unpacked files, in bytes.
const MOST_UNPACKED: usize = 2_000_000;

/// The options of `cargo xtask dist`.
#[derive(clap::Args)]
pub struct Args {
    /// Where to put the tarballs and the tree `root`
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Make only the tree, with a quickly built program
    #[arg(long)]
    dev: bool,
    /// Make only the tree, with the program as it is released
    #[arg(long)]
    tree: bool,
    /// Fail where no musl standard library can be had, instead of a build with glibc, where a tarball is above its
    /// ceiling, and where docs/figures.toml states another size
    #[arg(long, conflicts_with = "dev")]
    strict: bool,
    /// Make the release for this architecture, by any of its names, instead of this machine's; its tree is `root-NAME`
    #[arg(long, value_name = "NAME", value_parser = arch::named, conflicts_with = "dev")]
    arch: Option<&'static Arch>,
    /// Build once more in another folder, and fail if the programs aren't the same byte for byte
    #[arg(long, conflicts_with_all = ["dev", "tree"])]
    reproduce: bool,
    /// Write the sizes into docs/figures.toml, from which `docs` fills the pages
    #[arg(long, conflicts_with_all = ["dev", "tree"])]
    figures: bool,
    /// Leave the TLS program out, which takes a while to build
    #[arg(long)]
    without_tls: bool,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let out = args.out.unwrap_or_else(|| workspace::target().join("dist"));
    let flavour = build::flavour(args.dev, args.strict);
    let wanted = args.arch.map_or_else(Arch::host, Ok)?;
    if wanted.emulator_is_missing() {
        // Said now, not after minutes of building.
        debian::install(debian::EMULATION)?;
    }
    if args.reproduce {
        // What both builds need is installed once.
        musl::find(wanted)?;
    }
    let again = || args.reproduce.then(|| reproduce::build(wanted)).transpose();
    let (laid, again) = both(|| lay_root(flavour, args.arch, &out), again);
    let ((program, parts, root), again) = (laid?, again?);
    if args.strict {
        licences::check()?;
    }
    println!("{}", workspace::shown(&root));
    if args.tree || flavour == Flavour::Dev {
        return Ok(ExitCode::SUCCESS);
    }
    let arch = program.arch;
    let packed_arch = publish_main(&program, &parts, &out)?;
    let has_tls = !args.without_tls && arch.is_host();
    let tls = || if has_tls { publish_tls(arch, &out) } else { Ok(()) };
    let (tls, checker) = both(tls, || publish_checker(arch, &out));
    for (name, done) in [("TLS program", tls), (build::CHECKER, checker)] {
        match done {
            Err(why) if !args.strict => eprintln!("xtask: warning: no {name}: {why}"),
            done => done?,
        }
    }
    if arch.is_host() {
        man::publish(&out)?;
    }
    let sizes = Sizes { packed: packed_arch, unpacked: parts.arch.size() };
    if args.figures {
        figures::record(arch.name, sizes)?;
    }
    let budget = within_budget(arch, sizes);
    let verdict = budget.and_then(|text| figures::check(arch.name, sizes).map(|()| text));
    if let Some(again) = again {
        reproduce::check(&program, &again)?;
    }
    match verdict {
        Err(why) if args.strict && program.releasable => return Err(why),
        Err(why) => eprintln!("xtask: warning: {why}"),
        Ok(text) => println!("{text}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The program's tarballs, its packages, the program alone, and what it is made of; how many bytes the architecture's tarball has.
fn publish_main(program: &Program, parts: &Parts, out: &Path) -> Result<usize, Failure> {
    let arch = program.arch;
    let mut packed_arch = 0;
    for (name, tree) in parts.tarballs(arch) {
        let packed = publish_tarball(out, &name, tree)?;
        if name == arch_file(arch.name) {
            for (suffix, content) in &packed {
                publish_aliases(arch, out, suffix, content)?;
            }
            packed_arch = packed.first().map_or(0, |(_, content)| content.len());
        }
    }
    publish_program(program, out)?;
    os_packages::publish(arch, &parts.package(), out)?;
    sbom::publish(out, &arch_file(arch.name), "multicall", arch)?;
    Ok(packed_arch)
}

/// Does two things side by side: each build of a program ends with minutes of one thread.
fn both<A: Send, B: Send>(one: impl FnOnce() -> A + Send, other: impl FnOnce() -> B) -> (A, B) {
    std::thread::scope(|threads| {
        let one = threads.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), other)
    })
}

/// Builds the program and gives the tree that boots, `target/dist/root`, without packing anything.
pub fn root() -> Result<PathBuf, Failure> {
    root_for(None)
}

/// As [`root`], for an architecture.
pub fn root_for(arch: Option<&'static Arch>) -> Result<PathBuf, Failure> {
    let out = workspace::target().join("dist");
    let (_, _, root) = lay_root(Flavour::Release, arch, &out)?;
    Ok(root)
}

/// Makes the packages for package managers of the program that is there, or is built, in `out`.
pub fn os_packages(out: &Path) -> Result<os_packages::Made, Failure> {
    let program = build::build(Flavour::Release, None)?;
    os_packages::publish(program.arch, &Parts::new(&program)?.package(), out)
}

fn lay_root(
    flavour: Flavour,
    arch: Option<&'static Arch>,
    out: &Path,
) -> Result<(Program, Parts, PathBuf), Failure> {
    let program = build::build(flavour, arch)?;
    let parts = Parts::new(&program)?;
    fs::create_dir_all(out).map_err(Failure::unable("create", out))?;
    // Tests and people may start this at the same time.  The lock goes with the file.
    let place = out.join(".lock");
    let turn = fs::File::create(&place).and_then(|file| file.lock().map(|()| file));
    let _turn = turn.map_err(Failure::unable("lock", &place))?;
    let root = match program.arch.is_host() {
        true => out.join("root"),
        false => out.join(format!("root-{}", program.arch.name)),
    };
    replace(&parts.root(), &root)?;
    Ok((program, parts, root))
}

/// What the tarballs hold.
#[derive(Default)]
struct Parts {
    noarch: Tree,
    arch: Tree,
    symlinks_noarch: Tree,
    symlinks_arch: Tree,
    syslogd: Tree,
}

impl Parts {
    fn new(program: &Program) -> Result<Self, Failure> {
        let names = Names::all().map_err(Failure)?;
        let known = known(program)?;
        let missing = names.commands().filter(|name| !known.contains(*name)).count();
        if missing > 0 {
            println!("{missing} of {} commands are not in the program yet", names.commands().count());
        }
        let read = |path: &Path| fs::read(path).map_err(Failure::unable("read", path));
        let version = command::capture(program.arch.command(&program.path)?.arg("version"))? + "\n";
        let executables = Executables {
            program: read(&program.path)?,
            setuid: read(&program.setuid)?,
            version: version.into_bytes(),
        };
        let entries = installation::entries(&names, |name| known.contains(name));
        let links = installation::missing_scripts(&entries);
        if !links.is_empty() {
            let links = links.join(" ");
            return Err(Failure(format!(
                "a script of the reference has to be a text file here, too: {links}"
            )));
        }
        Ok(lay_out(entries, &executables))
    }

    /// The tarballs by name.
    fn tarballs(&self, arch: &Arch) -> [(String, &Tree); 5] {
        [
            ("s6-overlay-noarch".into(), &self.noarch),
            (arch_file(arch.name), &self.arch),
            ("s6-overlay-symlinks-noarch".into(), &self.symlinks_noarch),
            ("s6-overlay-symlinks-arch".into(), &self.symlinks_arch),
            ("syslogd-overlay-noarch".into(), &self.syslogd),
        ]
    }

    /// What a distribution's package has: without the links in /usr/bin, where it has programs of these names itself.
    fn package(&self) -> Tree {
        let mut package = self.noarch.clone();
        package.merge(&self.arch);
        package
    }

    /// All but the syslogd in one.
    fn root(&self) -> Tree {
        let mut root = self.noarch.clone();
        for part in [&self.arch, &self.symlinks_noarch, &self.symlinks_arch] {
            root.merge(part);
        }
        root
    }
}

/// What an architecture's files are called, without the ends of their names.
fn arch_file(name: &str) -> String {
    format!("s6-overlay-{name}")
}

/// What was built.
#[derive(Default)]
struct Executables {
    program: Vec<u8>,
    /// The one command that is a separate program, because it is setuid root.
    setuid: Vec<u8>,
    /// Which version they are.
    version: Vec<u8>,
}

/// Puts each entry of an installation into the tree of its tarball.
fn lay_out(entries: Vec<Entry>, executables: &Executables) -> Parts {
    let mut parts = Parts::default();
    for Entry { part, path, node } in entries {
        let tree = match part {
            Part::Noarch => &mut parts.noarch,
            Part::Arch => &mut parts.arch,
            Part::SymlinksNoarch => &mut parts.symlinks_noarch,
            Part::SymlinksArch => &mut parts.symlinks_arch,
            Part::Syslogd => &mut parts.syslogd,
        };
        let file = |content: &[u8], mode| Node::File { content: content.to_vec(), mode };
        let node = match node {
            installation::Node::Directory => Node::Directory,
            installation::Node::File { mode, content } => file(content, mode),
            installation::Node::Version => file(&executables.version, 0o644),
            installation::Node::Link(target) => Node::Link(target.into_owned().into()),
            installation::Node::Program => file(&executables.program, 0o755),
            installation::Node::SetuidProgram => file(&executables.setuid, 0o4755),
        };
        tree.add(path, node);
    }
    parts
}

/// The names that the program itself lists.
fn known(program: &Program) -> Result<BTreeSet<String>, Failure> {
    Ok(command::capture(program.arch.command(&program.path)?.arg("--list"))?
        .lines()
        .map(str::to_owned)
        .collect())
}

/// Puts `tree` in the place of what is at `path`; what is the same already stays, since containers may run on it.
fn replace(tree: &Tree, path: &Path) -> Result<(), Failure> {
    if path.is_dir() && Tree::read(path)? == *tree {
        // Newer than the sources now, which is what the tests go by.
        let touched = fs::File::open(path).and_then(|directory| directory.set_modified(SystemTime::now()));
        return touched.map_err(Failure::unable("touch", path));
    }
    let fresh = path.with_extension("new");
    remove(&fresh)?;
    tree.write(&fresh)?;
    remove(path)?;
    fs::rename(&fresh, path).map_err(Failure::unable("rename", &fresh))
}

/// Removes a directory with all below it, if it is there.
fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Failure::unable("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Gives a release file of `arch`, whose content this is, its names as others know the architecture: files of their own
/// to upload, though they take no room here.
fn publish_aliases(arch: &Arch, out: &Path, suffix: &str, content: &[u8]) -> Result<(), Failure> {
    let path = out.join(format!("{}{suffix}", arch_file(arch.name)));
    for alias in arch.aliases {
        let name = format!("{}{suffix}", arch_file(alias));
        remove_file(&out.join(&name))?;
        fs::hard_link(&path, out.join(&name)).map_err(Failure::unable("link", &path))?;
        write_digest(out, &name, content)?;
    }
    Ok(())
}

/// The TLS program's tarball.
fn publish_tls(arch: &Arch, out: &Path) -> Result<(), Failure> {
    let path = build::tls()?;
    let program = fs::read(&path).map_err(Failure::unable("read", &path))?;
    let names = Names::all().map_err(Failure)?;
    let mut known: Vec<_> =
        command::capture(arch.command(&path)?.arg("--list"))?.lines().map(str::to_owned).collect();
    known.sort();
    if known != names.tls {
        return Err(Failure(format!(
            "the TLS program knows {}, not {}",
            known.join(" "),
            names.tls.join(" ")
        )));
    }
    let part = |(path, node)| Entry { part: Part::Arch, path, node };
    let entries = installation::tls_entries(&names).into_iter().map(part).collect();
    let mut tree = lay_out(entries, &Executables { program, ..Executables::default() }).arch;
    let content = licences::of("s6-tls", std::slice::from_ref(arch))?.into_bytes();
    tree.add(installation::tls_licences(&names), Node::File { content, mode: 0o644 });
    let name = format!("s6-overlay-tls-{}", arch.name);
    publish_tarball(out, &name, &tree)?;
    sbom::publish(out, &name, "s6-tls", arch)
}

/// The checker's tarball, and the checker alone.
fn publish_checker(arch: &'static Arch, out: &Path) -> Result<(), Failure> {
    let path = build::checker(arch)?;
    let content = fs::read(&path).map_err(Failure::unable("read", &path))?;
    let alone = publish(out, &build::checker_file(arch), "", &content)?;
    fs::set_permissions(&alone, fs::Permissions::from_mode(0o755))
        .map_err(Failure::unable("chmod", &alone))?;
    let mut tree = Tree::default();
    let program = content.clone();
    tree.add(format!("usr/bin/{}", build::CHECKER), Node::File { content, mode: 0o755 });
    let licences = licences::of("dev", std::slice::from_ref(arch))?;
    packages::publish(arch, &program, &licences, out)?;
    let content = licences.into_bytes();
    tree.add(format!("usr/share/doc/{}/LICENSES", build::CHECKER), Node::File { content, mode: 0o644 });
    let packed = publish_tarball(out, &build::checker_file(arch), &tree)?;
    sbom::publish(out, &build::checker_file(arch), "dev", arch)?;
    match packed.first() {
        Some((_, packed)) if packed.len() > MOST_PACKED_CHECKER => Err(Failure(format!(
            "the checker takes {} bytes packed, {MOST_PACKED_CHECKER} at most",
            packed.len()
        ))),
        _ => Ok(()),
    }
}

/// The program alone, which can install itself.
fn publish_program(program: &Program, out: &Path) -> Result<(), Failure> {
    let content = fs::read(&program.path).map_err(Failure::unable("read", &program.path))?;
    let path = publish(out, &arch_file(program.arch.name), "", &content)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(Failure::unable("chmod", &path))?;
    publish_aliases(program.arch, out, "", &content)
}

/// Holds the architecture's tarball against its budget.
///
/// # Errors
/// It is above.
fn within_budget(arch: &Arch, Sizes { packed, unpacked }: Sizes) -> Result<String, Failure> {
    let verdict = format!(
        "{}: {packed} bytes packed (budget {MOST_PACKED}), {unpacked} unpacked (budget {MOST_UNPACKED})",
        arch_file(arch.name)
    );
    if packed > MOST_PACKED || unpacked > MOST_UNPACKED {
        return Err(Failure(format!("too big: {verdict}")));
    }
    Ok(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Parts {
        let executables = Executables {
            program: b"program".to_vec(),
            setuid: b"setuid".to_vec(),
            version: b"version\n".to_vec(),
        };
        let known = ["init", "s6-dnsip", "s6-overlay-suexec", "with-contenv"];
        let names = Names::all().unwrap();
        lay_out(installation::entries(&names, |name| known.contains(&name)), &executables)
    }

    #[test]
    fn every_link_leads_to_the_program_and_nothing_unknown_is_linked() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("root");
        parts().root().write(&root).unwrap();
        for path in [
            "command/s6-dnsip",
            "command/s6-overlay",
            "package/web/s6-dns/command/s6-dnsip",
            "package/admin/s6-overlay/libexec/s6-overlay-script",
            "usr/bin/s6-dnsip",
            "usr/bin/s6-overlay",
        ] {
            assert_eq!(fs::read(root.join(path)).unwrap(), b"program", "{path}");
        }
        for path in ["init", "usr/bin/with-contenv", "package/admin/s6-overlay/libexec/stage0"] {
            assert!(
                fs::read(root.join(path)).unwrap().starts_with(b"#!/package/admin/s6-overlay-"),
                "{path}"
            );
        }
        assert_eq!(fs::read(root.join("etc/s6-overlay/user-bundles.d/user/type")).unwrap(), b"bundle\n");
        let setuid = root.join("command/s6-overlay-suexec");
        assert_eq!(fs::read(&setuid).unwrap(), b"setuid");
        assert_eq!(fs::metadata(&setuid).unwrap().permissions().mode() & 0o7777, 0o4755);
        for path in ["command/s6-dnsmx", "usr/bin/s6-dnsmx", "command/init"] {
            assert!(fs::symlink_metadata(root.join(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn only_the_arch_part_holds_programs() {
        let parts = parts();
        let texts = parts.arch.size() - "program".len() - "setuid".len();
        assert!((1..3000).contains(&texts), "/init and the skeleton of s6-linux-init-maker: {texts} bytes");
        assert!((1..40_000).contains(&parts.noarch.size()));
        assert_eq!(parts.symlinks_arch.size() + parts.symlinks_noarch.size(), 0);
    }

    #[test]
    fn a_tree_takes_the_place_of_the_old_one() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("root");
        fs::create_dir_all(root.join("old")).unwrap();
        replace(&parts().noarch, &root).unwrap();
        assert!(!root.join("old").exists() && root.join("etc/s6-overlay").exists());
    }

    #[test]
    fn the_budget_has_both_sizes() {
        let arch = arch::named("amd64").unwrap();
        let verdict = |packed, unpacked| within_budget(arch, Sizes { packed, unpacked });
        assert!(verdict(MOST_PACKED, MOST_UNPACKED).unwrap().starts_with("s6-overlay-x86_64: "));
        for (packed, unpacked) in [(MOST_PACKED + 1, 0), (0, MOST_UNPACKED + 1)] {
            let why = verdict(packed, unpacked).unwrap_err().0;
            assert!(why.starts_with("too big: s6-overlay-x86_64: "), "{why}");
        }
    }

    #[test]
    fn every_name_of_a_file_has_its_digest_and_is_a_file_of_its_own() {
        let out = tempfile::tempdir().unwrap();
        let arch = arch::named("armhf").unwrap();
        for content in [&b"old"[..], b"new"] {
            publish(out.path(), "s6-overlay-armhf", ".tar.xz", content).unwrap();
            publish_aliases(arch, out.path(), ".tar.xz", content).unwrap();
        }
        for name in ["s6-overlay-armhf.tar.xz", "s6-overlay-arm.tar.xz", "s6-overlay-armv7.tar.xz"] {
            let path = out.path().join(name);
            assert!(fs::symlink_metadata(&path).unwrap().is_file());
            assert_eq!(fs::read(&path).unwrap(), b"new");
            let digest = fs::read_to_string(out.path().join(format!("{name}.sha256"))).unwrap();
            let expected = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";
            assert_eq!(digest, format!("{expected}  {name}\n"));
        }
    }
}
