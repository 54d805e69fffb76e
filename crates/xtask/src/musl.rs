//! The standard library for musl: where it comes from.
//!
//! With rustup's target installed there is nothing to do.  Otherwise it is built from Debian's packages: a
//! rustc with the sources of its standard library (they must be of one version, so that rustc compiles the
//! program too), and musl's C library.  What rustup's target brings besides the library itself (start-up
//! objects, an unwinder) is put together in a folder for the linker.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::arch::{Arch, Musl};
use crate::command::{capture, run};
use crate::failure::Failure;
use crate::{debian, workspace};

/// Debian's compiler.
const RUSTC: &str = "/usr/bin/rustc";
/// The oldest compiler that takes our sources: the workspace's `rust-version`.
const OLDEST: (u32, u32) = (1, 95);
/// What musl brings for the linker.
const OBJECTS: &[&str] = &["crt1.o", "crti.o", "crtn.o", "rcrt1.o", "libc.a"];
/// What the linker wants besides, and what stands in: files that hold nothing, as an empty linker script and an empty
/// archive.  The program aborts on a panic, so nothing ever unwinds; the few functions of an unwinder that the panic
/// message asks for are in the crate `multicall`.
const STAND_INS: &[(&str, &str)] =
    &[("crtbegin.o", "/* nothing */"), ("crtend.o", "/* nothing */"), ("libunwind.a", "!<arch>\n")];

/// A way to compile for musl.
pub enum Std {
    /// The target is installed in the pinned toolchain.
    Installed,
    /// Built together with the program.
    Built(FromDebian),
}

/// What a build of the standard library needs.
pub struct FromDebian {
    /// The version of the compiler and of the sources.
    pub version: String,
    library: PathBuf,
    linker: PathBuf,
    objects: PathBuf,
}

/// Finds the standard library, or gets what it is built from, and prints what it installs.
pub fn find(arch: &Arch) -> Result<Std, Failure> {
    if is_installed(arch)? {
        return Ok(Std::Installed);
    }
    let (version, library) = match sources() {
        Some(found) => found,
        None => {
            install(arch)?;
            sources().ok_or_else(|| {
                Failure(format!(
                    "{RUSTC} {}.{} or newer with its library's sources is not in these packages",
                    OLDEST.0, OLDEST.1
                ))
            })?
        }
    };
    let sysroot = PathBuf::from(capture(Command::new("rustc").args(["--print", "sysroot"]))?);
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let linker = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
    if !linker.exists() {
        return Err(Failure(format!("the toolchain has no linker {}", linker.display())));
    }
    let objects = objects(arch)?;
    Ok(Std::Built(FromDebian { version, library, linker, objects }))
}

impl FromDebian {
    /// Makes `cargo`, a `cargo build` for a target of musl, build the standard library too, with Debian's compiler.
    pub fn set_up(&self, cargo: &mut Command) {
        // What cargo itself is tested with: sources that are not in the toolchain.
        cargo.env("__CARGO_TESTS_ONLY_SRC_ROOT", &self.library);
        // The build of std is an unstable option; the compiler is still a stable release.
        cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", RUSTC);
        // For the libc crate of std: 64-bit time on 32-bit machines.
        cargo.env("RUST_LIBC_UNSTABLE_MUSL_V1_2_3", "1");
        cargo.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"]);
    }

    /// The compiler's options that stand for what rustup's target knows by itself.
    pub fn flags(&self) -> Vec<String> {
        let option = |key: &str, value: &Path| format!("-C{key}={}", value.display());
        vec![
            option("linker", &self.linker),
            "-Clinker-flavor=ld.lld".into(),
            "-Clink-self-contained=yes".into(),
            "--cfg=no_unwinder".into(),
            // A panic is an invalid instruction without a message: 17 kB less in the tarball.  Its address says where, since the
            // program is built to the same bytes again, and process 1 reports it.
            "-Zunstable-options".into(),
            "-Cpanic=immediate-abort".into(),
            // Functions of the same instructions are one, and data of the same bytes; nothing compares their addresses.
            "-Clink-arg=--icf=all".into(),
            "-Clink-arg=--ignore-data-address-equality".into(),
            // The C library's texts share their ends.
            "-Clink-arg=-O2".into(),
            // Functions that are alike lie side by side: 4 kB less in the tarball.
            "-Clink-arg=--bp-compression-sort=function".into(),
            format!("-Lnative={}", self.objects.display()),
        ]
    }
}

/// Version and library sources of Debian's compiler, if it is there and new enough.
fn sources() -> Option<(String, PathBuf)> {
    let version = Path::new(RUSTC).exists().then(|| capture(Command::new(RUSTC).arg("--version")).ok())??;
    let version = version_of(&version).filter(|v| is_new_enough(v))?.to_owned();
    let library = PathBuf::from(format!("/usr/src/rustc-{version}/library"));
    library.is_dir().then_some((version, library))
}

/// The version in what `rustc --version` prints.
fn version_of(printed: &str) -> Option<&str> {
    printed.strip_prefix("rustc ")?.split(' ').next()
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST
}

/// Whether rustup's target is installed.
fn is_installed(arch: &Arch) -> Result<bool, Failure> {
    let words = ["--print", "target-libdir", "--target", arch.target];
    Ok(Path::new(&capture(Command::new("rustc").args(words))?).is_dir())
}

/// The version of Debian's compiler, where the standard library is built by it.
pub fn version(arch: &Arch) -> Result<Option<String>, Failure> {
    Ok(if is_installed(arch)? { None } else { sources().map(|(version, _)| version) })
}

/// Debian's packages that a build for this machine needs.
pub fn packages() -> &'static [&'static str] {
    let is_installed = Arch::host().and_then(is_installed).unwrap_or_default();
    if is_installed { &[] } else { debian::STD }
}

/// Installs what the standard library is built from.
fn install(arch: &Arch) -> Result<(), Failure> {
    eprintln!("xtask: rustup's target {} is not installed: building from Debian's packages", arch.target);
    debian::install(debian::STD).map_err(|why| {
        Failure(format!("no musl standard library: run `rustup target add {}`, or: {why}", arch.target))
    })
}

/// The folder with what the linker wants besides the standard library, made if it isn't there.
fn objects(arch: &Arch) -> Result<PathBuf, Failure> {
    let dir = workspace::target().join("musl").join(arch.target);
    if dir.is_dir() {
        return Ok(dir);
    }
    let libraries = match &arch.musl {
        Musl::Package { folder } => package(folder, arch)?,
        Musl::Source { compiler, package, flags } => compiled(compiler, package, flags, arch)?,
    };
    // Tests and people may start this at the same time.
    let fresh = dir.with_extension(std::process::id().to_string());
    fs::create_dir_all(&fresh).map_err(Failure::unable("create", &fresh))?;
    for name in OBJECTS {
        fs::copy(libraries.join(name), fresh.join(name))
            .map_err(Failure::unable("copy", &libraries.join(name)))?;
    }
    for (name, content) in STAND_INS {
        fs::write(fresh.join(name), content).map_err(Failure::unable("write", &fresh.join(name)))?;
    }
    match fs::rename(&fresh, &dir) {
        Err(why) if !dir.is_dir() => Err(Failure::unable("rename", &fresh)(why)),
        _ => Ok(dir),
    }
}

/// Where musl-dev of that architecture is unpacked: on this machine, or else below the target directory.
fn package(folder: &str, arch: &Arch) -> Result<PathBuf, Failure> {
    let installed = Path::new("/usr/lib").join(folder);
    if installed.join("libc.a").exists() {
        return Ok(installed);
    }
    eprintln!("xtask: fetching Debian's musl-dev for {}; nothing is installed", arch.debian);
    let apt = PrivateApt::new(arch, arch.debian)?;
    run(apt.command()?.args(["download", "musl-dev"]))?;
    let package = fs::read_dir(&apt.dir)
        .map_err(Failure::unable("read", &apt.dir))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "deb"));
    let package = package.ok_or_else(|| Failure("apt-get download brought no package".into()))?;
    let tree = apt.dir.join("tree");
    run(Command::new("dpkg-deb").arg("-x").args([&package, &tree]))?;
    Ok(tree.join("usr/lib").join(folder))
}

/// musl compiled from Debian's sources: the folder that it is in.
fn compiled(compiler: &str, package: &'static str, flags: &str, arch: &Arch) -> Result<PathBuf, Failure> {
    if !Path::new("/usr/bin").join(compiler).exists() {
        debian::install(&["make", "dpkg-dev", package])?;
    }
    eprintln!("xtask: fetching and compiling Debian's sources of musl");
    let apt = PrivateApt::new(arch, "amd64")?;
    run(apt.command()?.args(["source", "--only-source", "musl"]))?;
    let source = fs::read_dir(&apt.dir)
        .map_err(Failure::unable("read", &apt.dir))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("configure").exists());
    let source = source.ok_or_else(|| Failure("apt-get source brought no sources".into()))?;
    let prefix = compiler.trim_end_matches("gcc");
    run(Command::new("./configure").current_dir(&source).stdout(std::process::Stdio::null()).args([
        &format!("--target={}", prefix.trim_end_matches('-')),
        &format!("CROSS_COMPILE={prefix}"),
        &format!("CFLAGS={flags}"),
        "--disable-shared",
    ]))?;
    let objects = OBJECTS.iter().map(|name| format!("lib/{name}"));
    run(Command::new("make").current_dir(&source).args(["-s", "-j2"]).args(objects))?;
    Ok(source.join("lib"))
}

/// apt with its own lists: for packages of another architecture or sources, without a change to this machine.
struct PrivateApt {
    dir: PathBuf,
    debian: String,
}

impl PrivateApt {
    /// Makes the directories and fetches the lists.
    fn new(arch: &Arch, debian: &str) -> Result<Self, Failure> {
        let dir = workspace::target().join("musl").join(format!("{}.apt", arch.name));
        let apt = Self { dir, debian: debian.to_owned() };
        for below in ["state/lists/partial", "cache/archives/partial"] {
            let below = apt.dir.join(below);
            fs::create_dir_all(&below).map_err(Failure::unable("create", &below))?;
        }
        let targets = ["indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"];
        let sources = capture(Command::new("apt-get").args(targets))?;
        let list = apt.dir.join("sources.list");
        fs::write(&list, sources_list(&sources)).map_err(Failure::unable("write", &list))?;
        // A part that can't be fetched, perhaps because a mirror is being updated, may not be the one that is needed.
        if let Err(why) = run(apt.command()?.arg("update")) {
            eprintln!("xtask: warning: {why}");
        }
        Ok(apt)
    }

    fn command(&self) -> Result<Command, Failure> {
        let dir = std::path::absolute(&self.dir).map_err(Failure::unable("find", &self.dir))?;
        let mut apt = Command::new("apt-get");
        apt.current_dir(&dir).stdout(std::process::Stdio::null()).arg("-q");
        for (name, value) in [
            ("APT::Architecture", self.debian.clone()),
            ("APT::Architectures", self.debian.clone()),
            ("APT::Sandbox::User", "root".into()),
            ("Acquire::Languages", "none".into()),
            ("Dir::State", dir.join("state").display().to_string()),
            ("Dir::State::status", "/dev/null".into()),
            ("Dir::Cache", dir.join("cache").display().to_string()),
            ("Dir::Etc::sourcelist", dir.join("sources.list").display().to_string()),
            ("Dir::Etc::sourceparts", "/dev/null".into()),
        ] {
            apt.arg("-o").arg(format!("{name}={value}"));
        }
        Ok(apt)
    }
}

/// The lines of an apt list for what this machine's lists name, packages and sources.
fn sources_list(targets: &str) -> String {
    let places: std::collections::BTreeSet<&str> = targets.lines().collect();
    places.iter().map(|place| format!("deb {place}\ndeb-src {place}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        let printed = "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)";
        assert_eq!(version_of(printed), Some("1.96.0"));
        assert_eq!(version_of("cargo 1.96.0"), None);
        assert!(is_new_enough("1.95.0") && is_new_enough("1.100.2") && is_new_enough("2.0.0"));
        assert!(!is_new_enough("1.94.1") && !is_new_enough("nightly"));
    }

    #[test]
    fn lists_are_for_packages_and_sources() {
        let targets =
            "http://deb.debian.org/debian bookworm main\nhttp://deb.debian.org/debian bookworm main\n";
        let expected = "deb http://deb.debian.org/debian bookworm main\ndeb-src http://deb.debian.org/debian bookworm main\n";
        assert_eq!(sources_list(targets), expected);
    }
}
