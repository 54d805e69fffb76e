//! `cargo xtask dist`: the release: the reference's five tarballs, and one tree of them.
//!
//! The tarballs have the reference's names and the reference's roles, so that a Dockerfile changes nothing but
//! the address:
//!
//! | tarball | holds |
//! |---|---|
//! | `s6-overlay-noarch` | `/init`, the overlay's data files, links for the overlay's own commands |
//! | `s6-overlay-ARCH` | the program, and links for all other commands |
//! | `s6-overlay-symlinks-noarch`, `s6-overlay-symlinks-arch` | the same commands' links in `/usr/bin` |
//! | `syslogd-overlay-noarch` | service definitions of a syslogd |
//!
//! Only what the program knows is linked: nothing in `/command` is a promise.

use std::collections::BTreeSet;
use std::env::consts::ARCH;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use flate2::write::GzEncoder;
use lzma_rust2::{LzmaOptions, XzOptions, XzWriter};
use sha2::{Digest, Sha256};

use crate::build::{self, Flavour, Program};
use crate::names::{Names, OVERLAY};
use crate::tree::{Node, Tree};
use crate::{Failure, Outcome, command, workspace};

/// The most that the architecture's tarball may take as `.tar.xz`, in bytes.
const MOST_PACKED: usize = 600_000;
/// The most that its files may take unpacked, in bytes.
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
    /// Fail where no musl standard library can be had, instead of a build with glibc
    #[arg(long, conflicts_with = "dev")]
    strict: bool,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let out = args.out.unwrap_or_else(|| workspace::target().join("dist"));
    let flavour = match (args.dev, args.strict) {
        (true, _) => Flavour::Dev,
        (_, true) => Flavour::Strict,
        _ => Flavour::Release,
    };
    let (program, parts) = lay_root(flavour, &out)?;
    println!("{}", workspace::shown(&out.join("root")));
    if flavour == Flavour::Dev {
        return Ok(ExitCode::SUCCESS);
    }
    let mut packed_arch = 0;
    for (name, tree) in parts.tarballs() {
        let tar = tree.tar().map_err(|e| Failure(format!("unable to make {name}: {e}")))?;
        let publish = |kind: &str, compressed: io::Result<Vec<u8>>| {
            let compressed = compressed.map_err(|e| Failure(format!("unable to compress {name}: {e}")))?;
            publish(&out, &format!("{name}.tar.{kind}"), &compressed)?;
            Ok(compressed.len())
        };
        let (packed, gzipped) = (publish("xz", xz(&tar))?, publish("gz", gz(&tar))?);
        if name == arch_tarball() {
            packed_arch = packed;
        }
        println!("{name}: {} bytes unpacked, {packed} as .tar.xz, {gzipped} as .tar.gz", tree.size());
    }
    within_budget(packed_arch, parts.arch.size(), program.releasable)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the program and gives the tree that boots, `target/dist/root`, without packing anything.
pub fn root() -> Result<PathBuf, Failure> {
    let out = workspace::target().join("dist");
    lay_root(Flavour::Release, &out)?;
    Ok(out.join("root"))
}

fn lay_root(flavour: Flavour, out: &Path) -> Result<(Program, Parts), Failure> {
    let program = build::build(flavour)?;
    let parts = Parts::new(&program)?;
    fs::create_dir_all(out).map_err(Failure::unable("create", out))?;
    // Tests and people may start this at the same time.  The lock goes with the file.
    let place = out.join(".lock");
    let turn = fs::File::create(&place).and_then(|file| file.lock().map(|()| file));
    let _turn = turn.map_err(Failure::unable("lock", &place))?;
    replace(&parts.root(), &out.join("root"))?;
    Ok((program, parts))
}

/// What the tarballs hold.
struct Parts {
    noarch: Tree,
    arch: Tree,
    symlinks_noarch: Tree,
    symlinks_arch: Tree,
    syslogd: Tree,
}

impl Parts {
    fn new(program: &Program) -> Result<Self, Failure> {
        let names = Names::read()?;
        let known = known(&program.path)?;
        let missing = names.commands().filter(|name| !known.contains(*name)).count();
        if missing > 0 {
            println!("{missing} of {} commands are not in the program yet", names.commands().count());
        }
        let read = |path: &Path| fs::read(path).map_err(Failure::unable("read", path));
        let executables = Executables { program: read(&program.path)?, setuid: read(&program.setuid)? };
        let data = |folder: &str| {
            let folder = workspace::top().join("crates/overlay").join(folder);
            if folder.is_dir() { Tree::read(&folder) } else { Ok(Tree::default()) }
        };
        lay_out(&names, &known, executables, data("rootfs")?, data("syslogd-rootfs")?)
    }

    /// The tarballs by name.
    fn tarballs(&self) -> [(String, &Tree); 5] {
        [
            ("s6-overlay-noarch".into(), &self.noarch),
            (arch_tarball(), &self.arch),
            ("s6-overlay-symlinks-noarch".into(), &self.symlinks_noarch),
            ("s6-overlay-symlinks-arch".into(), &self.symlinks_arch),
            ("syslogd-overlay-noarch".into(), &self.syslogd),
        ]
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

fn arch_tarball() -> String {
    format!("s6-overlay-{ARCH}")
}

/// What was built.
struct Executables {
    program: Vec<u8>,
    /// The one command that is a program of its own, because it is setuid root.
    setuid: Vec<u8>,
}

/// The name of the setuid program.
const SETUID: &str = "s6-overlay-suexec";

/// Decides what goes where.
fn lay_out(
    names: &Names,
    known: &BTreeSet<String>,
    executables: Executables,
    data: Tree,
    syslogd: Tree,
) -> Result<Parts, Failure> {
    let overlay = names.suites.iter().find(|suite| suite.name == OVERLAY);
    let overlay = overlay.ok_or_else(|| Failure(format!("no suite is named {OVERLAY}")))?;
    let versioned = |name: &str, version: &str| format!("{name}-{version}");
    let home = format!("package/{}/{}/command", overlay.category, versioned(OVERLAY, &overlay.version));
    let unversioned = format!("package/{}/{OVERLAY}", overlay.category);

    let mut parts = Parts {
        noarch: data,
        arch: Tree::default(),
        symlinks_noarch: Tree::default(),
        symlinks_arch: Tree::default(),
        syslogd,
    };
    // Both parts bring these: the program starts without the noarch tarball, too.
    for part in [&mut parts.noarch, &mut parts.arch] {
        part.link("init", format!("{unversioned}/command/{OVERLAY}"));
        part.link(&unversioned, versioned(OVERLAY, &overlay.version));
    }
    parts.arch.add(format!("{home}/{OVERLAY}"), Node::File { content: executables.program, mode: 0o755 });
    parts.arch.link(format!("command/{OVERLAY}"), format!("../{unversioned}/command/{OVERLAY}"));
    parts.symlinks_arch.link(format!("usr/bin/{OVERLAY}"), format!("../../command/{OVERLAY}"));

    for name in names.added.iter().filter(|name| known.contains(*name)) {
        parts.arch.link(format!("{home}/{name}"), OVERLAY);
        parts.arch.link(format!("command/{name}"), format!("../{unversioned}/command/{name}"));
        parts.symlinks_arch.link(format!("usr/bin/{name}"), format!("../../command/{name}"));
    }
    for suite in &names.suites {
        let (part, symlinks) = if suite.name == OVERLAY {
            (&mut parts.noarch, &mut parts.symlinks_noarch)
        } else {
            (&mut parts.arch, &mut parts.symlinks_arch)
        };
        let folder = versioned(&suite.name, &suite.version);
        for name in suite.commands.iter().filter(|name| known.contains(*name)) {
            if name == SETUID {
                let content = executables.setuid.clone();
                part.add(format!("{home}/{name}"), Node::File { content, mode: 0o4755 });
            } else {
                part.link(format!("{home}/{name}"), OVERLAY);
            }
            part.link(format!("command/{name}"), format!("../{unversioned}/command/{name}"));
            symlinks.link(format!("usr/bin/{name}"), format!("../../command/{name}"));
            if suite.name != OVERLAY {
                // The suite's own place in the reference.
                part.link(format!("package/{}/{}", suite.category, suite.name), &folder);
                part.link(
                    format!("package/{}/{folder}/command/{name}", suite.category),
                    format!("../../../../{unversioned}/command/{name}"),
                );
            }
        }
    }
    Ok(parts)
}

/// The names that the program itself says it has.
fn known(program: &Path) -> Result<BTreeSet<String>, Failure> {
    Ok(command::capture(Command::new(program).arg("--list"))?.lines().map(str::to_owned).collect())
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

/// Writes a release file and the `.sha256` file that `sha256sum -c` takes.
fn publish(out: &Path, name: &str, content: &[u8]) -> Result<(), Failure> {
    let path = out.join(name);
    fs::write(&path, content).map_err(Failure::unable("write", &path))?;
    let digest: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = out.join(format!("{name}.sha256"));
    fs::write(&path, format!("{digest}  {name}\n")).map_err(Failure::unable("write", &path))
}

fn xz(tar: &[u8]) -> io::Result<Vec<u8>> {
    // No branch filter, though it would make the tarball smaller: image builders written in Go can't read one.
    let mut options = XzOptions::with_preset(9);
    options.lzma_options.dict_size = 4 << 20; // more than there is to compress; what unpacks needs as much memory
    options.lzma_options.nice_len = LzmaOptions::NICE_LEN_MAX;
    let mut writer = XzWriter::new(Vec::new(), options)?;
    writer.write_all(tar)?;
    writer.finish()
}

fn gz(tar: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(tar)?;
    writer.finish()
}

/// Holds the architecture's tarball against its budget; a build that isn't for release has none.
fn within_budget(packed: usize, unpacked: usize, releasable: bool) -> Result<(), Failure> {
    let verdict = format!(
        "{}: {packed} bytes of at most {MOST_PACKED} packed, {unpacked} of at most {MOST_UNPACKED} unpacked",
        arch_tarball()
    );
    if releasable && (packed > MOST_PACKED || unpacked > MOST_UNPACKED) {
        return Err(Failure(format!("over budget: {verdict}")));
    }
    println!("{verdict}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    use lzma_rust2::XzReader;

    use super::*;
    use crate::names::Suite;

    fn parts() -> Parts {
        let suite = |name: &str, category: &str, commands: &[&str]| Suite {
            name: name.into(),
            category: category.into(),
            version: "1.0".into(),
            commands: commands.iter().map(|&c| c.into()).collect(),
        };
        let suites = vec![
            suite("s6-dns", "web", &["s6-dnsip", "s6-later"]),
            suite("s6-overlay", "admin", &["with-contenv"]),
            suite("s6-overlay-helpers", "admin", &[SETUID]),
        ];
        let names = Names { suites, added: vec!["s6-test".into()], internal: vec!["init".into()] };
        let known =
            ["init", "s6-dnsip", "s6-test", "s6-overlay-suexec", "with-contenv"].map(str::to_owned).into();
        let executables = Executables { program: b"program".to_vec(), setuid: b"setuid".to_vec() };
        let mut data = Tree::default();
        data.add("etc/x", Node::File { content: b"data".to_vec(), mode: 0o644 });
        lay_out(&names, &known, executables, data, Tree::default()).unwrap()
    }

    #[test]
    fn every_link_leads_to_the_program_and_nothing_unknown_is_linked() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("root");
        parts().root().write(&root).unwrap();
        for path in [
            "init",
            "command/s6-dnsip",
            "command/with-contenv",
            "command/s6-overlay",
            "command/s6-test",
            "package/web/s6-dns/command/s6-dnsip",
            "package/admin/s6-overlay/command/with-contenv",
            "usr/bin/s6-dnsip",
            "usr/bin/with-contenv",
        ] {
            assert_eq!(fs::read(root.join(path)).unwrap(), b"program", "{path}");
        }
        assert_eq!(fs::read(root.join("etc/x")).unwrap(), b"data");
        let setuid = root.join("command/s6-overlay-suexec");
        assert_eq!(fs::read(&setuid).unwrap(), b"setuid");
        assert_eq!(fs::metadata(&setuid).unwrap().permissions().mode() & 0o7777, 0o4755);
        for path in ["command/s6-later", "usr/bin/s6-later", "command/init"] {
            assert!(fs::symlink_metadata(root.join(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn only_the_arch_part_holds_programs() {
        let parts = parts();
        assert_eq!(parts.arch.size(), "program".len() + "setuid".len());
        assert_eq!(parts.noarch.size(), "data".len());
        assert_eq!(parts.symlinks_arch.size() + parts.symlinks_noarch.size(), 0);
    }

    #[test]
    fn a_tree_takes_the_place_of_the_old_one() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("root");
        fs::create_dir_all(root.join("old")).unwrap();
        replace(&parts().noarch, &root).unwrap();
        assert!(!root.join("old").exists() && root.join("etc/x").exists());
    }

    #[test]
    fn compressed_archives_come_out_whole() {
        let tar = parts().root().tar().unwrap();
        let mut unpacked = Vec::new();
        XzReader::new(xz(&tar).unwrap().as_slice(), false).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, tar);
        unpacked.clear();
        flate2::read::GzDecoder::new(gz(&tar).unwrap().as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, tar);
    }

    #[test]
    fn the_budget_binds_releases_only() {
        assert!(within_budget(MOST_PACKED, MOST_UNPACKED, true).is_ok());
        assert!(within_budget(MOST_PACKED + 1, 0, true).is_err());
        assert!(within_budget(0, MOST_UNPACKED + 1, true).is_err());
        assert!(within_budget(0, MOST_UNPACKED + 1, false).is_ok());
    }
}
