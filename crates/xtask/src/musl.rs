//! The standard library for musl: where it comes from.
//!
//! With rustup's target installed there is nothing to do.  Otherwise it is built from Debian's packages: a
//! rustc with the sources of its standard library (they must be of one version, so that rustc compiles the
//! program too), and musl's C library.  What rustup's target brings besides the library itself (start-up
//! objects, an unwinder) is put together in a folder for the linker.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{capture, run};
use crate::{Failure, workspace};

/// The packages that the standard library is built from.
const PACKAGES: &[&str] = &["rustc-web", "rust-web-src", "musl-dev"];
/// Debian's compiler.
const RUSTC: &str = "/usr/bin/rustc";
/// The oldest compiler that takes our sources: the workspace's `rust-version`.
const OLDEST: (u32, u32) = (1, 95);
/// What musl brings for the linker.
const OBJECTS: &[&str] = &["crt1.o", "crti.o", "crtn.o", "rcrt1.o", "libc.a"];

/// The source of the unwinder's stand-in.  The program aborts on a panic, so nothing ever unwinds; only the
/// backtrace in the panic message asks, and is told that the stack ends here (5 is `_URC_END_OF_STACK`).
const UNWINDER: &str = r##"#![no_std]
#[unsafe(no_mangle)] pub extern "C" fn _Unwind_Backtrace() -> usize { 5 }
#[unsafe(no_mangle)] pub extern "C" fn _Unwind_GetIP() -> usize { 0 }
#[unsafe(no_mangle)] pub extern "C" fn _Unwind_GetIPInfo() -> usize { 0 }
#[unsafe(no_mangle)] pub extern "C" fn _Unwind_GetCFA() -> usize { 0 }
#[unsafe(no_mangle)] pub extern "C" fn _Unwind_FindEnclosingFunction() -> usize { 0 }
"##;

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

/// The name of the target for this machine's architecture.
pub fn target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

/// Finds the standard library, or gets what it is built from, and says what it installs.
pub fn find() -> Result<Std, Failure> {
    let libraries = capture(Command::new("rustc").args(["--print", "target-libdir", "--target", &target()]))?;
    if Path::new(&libraries).is_dir() {
        return Ok(Std::Installed);
    }
    let (version, library) = match sources() {
        Some(found) => found,
        None => {
            install()?;
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
    let objects = objects(&version)?;
    Ok(Std::Built(FromDebian { version, library, linker, objects }))
}

impl FromDebian {
    /// Makes `cargo`, a `cargo build` for [`target`], build the standard library too, with Debian's compiler.
    pub fn set_up(&self, cargo: &mut Command) {
        // What cargo itself is tested with: sources that are not in the toolchain.
        cargo.env("__CARGO_TESTS_ONLY_SRC_ROOT", &self.library);
        // The build of std is an unstable option; the compiler is still a stable release.
        cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", RUSTC);
        cargo.args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"]);
    }

    /// The compiler's options that stand for what rustup's target knows by itself.
    pub fn flags(&self) -> Vec<String> {
        let option = |key: &str, value: &Path| format!("-C{key}={}", value.display());
        vec![
            option("linker", &self.linker),
            "-Clinker-flavor=ld.lld".into(),
            "-Clink-self-contained=yes".into(),
            format!("-Lnative={}", self.objects.display()),
        ]
    }
}

/// Version and library sources of Debian's compiler, if it is there and new enough and musl is there too.
fn sources() -> Option<(String, PathBuf)> {
    let version = Path::new(RUSTC).exists().then(|| capture(Command::new(RUSTC).arg("--version")).ok())??;
    let version = version_of(&version).filter(|v| is_new_enough(v))?.to_owned();
    let library = PathBuf::from(format!("/usr/src/rustc-{version}/library"));
    (library.is_dir() && musl_libraries().join("libc.a").exists()).then_some((version, library))
}

/// The version in what `rustc --version` prints.
fn version_of(printed: &str) -> Option<&str> {
    printed.strip_prefix("rustc ")?.split(' ').next()
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|n| n.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST
}

/// Where Debian's musl-dev has its C library.
fn musl_libraries() -> PathBuf {
    PathBuf::from(format!("/usr/lib/{}-linux-musl", std::env::consts::ARCH))
}

/// Installs [`PACKAGES`].
fn install() -> Result<(), Failure> {
    let wanted = PACKAGES.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Failure(format!(
            "no musl standard library: run `rustup target add {}` (without rustup: on Debian, install {wanted})",
            target()
        )));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Failure(format!(
            "no musl standard library: run `rustup target add {}`, or as root `apt-get install {wanted}`",
            target()
        )));
    }
    eprintln!("xtask: the musl target is not installed; installing Debian's {wanted} to build it from");
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args(["-q", "-o", "DPkg::Lock::Timeout=300"]);
        apt
    };
    run(apt().arg("update"))?;
    run(apt().args(["install", "-y", "--no-install-recommends"]).args(PACKAGES))
}

/// The folder with what the linker wants besides the standard library, made if it isn't there for `version`.
fn objects(version: &str) -> Result<PathBuf, Failure> {
    let dir = workspace::target().join("musl-objects").join(version);
    let done = dir.join("libunwind.a");
    if done.exists() {
        return Ok(dir);
    }
    fs::create_dir_all(&dir).map_err(Failure::unable("write", &dir))?;
    for name in OBJECTS {
        let from = musl_libraries().join(name);
        fs::copy(&from, dir.join(name)).map_err(Failure::unable("write", &dir.join(name)))?;
    }
    let compile = |source: &str, options: &[&str], to: &Path| {
        let file = dir.join("source.rs");
        fs::write(&file, source).map_err(Failure::unable("write", &file))?;
        run(Command::new(RUSTC)
            .args(["--edition=2024", "-O", "-Cpanic=abort"])
            .args(options)
            .arg("-o")
            .args([to, &file]))
    };
    for name in ["crtbegin.o", "crtend.o"] {
        compile("#![no_std]", &["--crate-type=lib", "--emit=obj", "--crate-name=empty"], &dir.join(name))?;
    }
    // An rlib is an archive of objects as the linker wants it: no `ar` is needed.
    let archive = dir.join("unwind.new");
    compile(UNWINDER, &["--crate-type=rlib", "--crate-name=unwind", "-Crelocation-model=static"], &archive)?;
    fs::rename(&archive, &done).map_err(Failure::unable("write", &done))?;
    Ok(dir)
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
}
