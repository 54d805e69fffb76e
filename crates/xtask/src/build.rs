//! `cargo xtask build`: builds the program.
//!
//! What ships is built for musl, static and at a fixed address.  Where no musl standard library can be had, a
//! static glibc build stands in, with a warning: it works, but starts slower and is bigger.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::arch::{self, Arch};
use crate::command::{self, run as run_command};
use crate::failure::{Failure, Outcome};
use crate::musl::{self, Std};
use crate::{elf, workspace};

/// The options of `cargo xtask build`.
#[derive(clap::Args)]
pub struct Args {
    /// Build quickly for daily work: static, with debug information, not for release.
    #[arg(long)]
    dev: bool,
    /// Fail where no musl standard library can be had, instead of a build with glibc.
    #[arg(long, conflicts_with = "dev")]
    strict: bool,
    /// Build for this architecture, by any of its names, instead of this machine's; always with musl.
    #[arg(long, value_name = "NAME", value_parser = arch::named, conflicts_with = "dev")]
    arch: Option<&'static Arch>,
    /// Write, too, at which address each function is: where a reported fault of a release was.  The program is the same.
    #[arg(long, value_name = "FILE", conflicts_with = "dev")]
    map: Option<PathBuf>,
}

/// What to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// For daily work.
    Dev,
    /// For release, or the nearest that can be had.
    Release,
    /// For release and nothing less.
    Strict,
}

/// The built program.
#[derive(Debug)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// The setuid program beside it.
    pub setuid: PathBuf,
    /// What it runs on.
    pub arch: &'static Arch,
    /// Whether it may be released.
    pub releasable: bool,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let program = build_with(flavour(args.dev, args.strict), args.arch, args.map)?;
    let size = fs::metadata(&program.path).map_or(0, |m| m.len());
    let remark = if program.releasable { "" } else { ", not for release" };
    println!("{}: {size} bytes, static{remark}", workspace::shown(&program.path));
    Ok(ExitCode::SUCCESS)
}

/// What the options `--dev` and `--strict` ask for.
pub fn flavour(dev: bool, strict: bool) -> Flavour {
    match (dev, strict) {
        (true, _) => Flavour::Dev,
        (_, true) => Flavour::Strict,
        _ => Flavour::Release,
    }
}

/// Builds the program and makes sure that it is what it should be.
pub fn build(flavour: Flavour, arch: Option<&'static Arch>) -> Result<Program, Failure> {
    build_with(flavour, arch, None)
}

fn build_with(
    flavour: Flavour,
    arch: Option<&'static Arch>,
    map: Option<PathBuf>,
) -> Result<Program, Failure> {
    let host = Arch::host()?;
    let arch = arch.unwrap_or(host);
    if flavour == Flavour::Dev {
        return with_glibc("dev", host);
    }
    let std = match musl::find(arch) {
        Ok(std) => std,
        Err(why) if flavour == Flavour::Release && arch == host => {
            eprintln!("xtask: {why}");
            eprintln!("xtask: warning: building with glibc instead; the result is not for release");
            return with_glibc("release", host);
        }
        Err(why) => return Err(why),
    };
    let target = workspace::target();
    let map = map.map(std::path::absolute).transpose().map_err(|e| Failure(format!("--map: {e}")))?;
    let program = with_musl(&std, arch, &Place { top: workspace::top(), target: target.join("ship"), map })?;
    for path in [&program.path, &program.setuid] {
        is_static(path)?;
    }
    Ok(program)
}

/// Where sources are and where what is built from them goes.
pub struct Place {
    /// The top of the workspace.
    pub top: PathBuf,
    /// Its own target directory: another compiler in the same one would throw away what daily work compiled.
    pub target: PathBuf,
    /// Where the linker writes the functions' addresses.
    pub map: Option<PathBuf>,
}

/// The order of the program's parts, for lld.
const LINKER_SCRIPT: &str = "crates/multicall/start.ld";

/// Options of LLVM that make the program smaller on x86_64, most of them by what they keep LLVM from: it moves and shares
/// values for speed, which takes registers, and what doesn't fit in registers takes instructions.  Each is measured, as bytes
/// of the packed program.
const SMALLER: &[&str] = &[
    // A destructor takes its value's address, as it was written, not its fields: 7 kB.
    "-opt-disable=argpromotion,licm,gvn",
    // Values stay where they are used: 9 kB out of loops, 4 kB large constants, 3 kB common parts, 1 kB counters.
    "-disable-machine-licm",
    "-disable-postra-machine-licm",
    "-disable-constant-hoisting",
    "-disable-machine-cse",
    "-disable-lsr",
    // Instructions stay in the order of the source, which repeats itself.
    "-enable-misched=false",
    "-split-spill-mode=size",
    // An address is computed anew, not from one that another instruction has computed: instructions get longer, 28 kB, and alike, so
    // that they pack better, 11 kB.
    "-disable-x86-lea-opt",
    // What needs much of the stack isn't put into its caller, whose addresses on the stack get longer by that: 4 kB.
    "-inline-max-stacksize=64",
];

/// The options of the compiler for release.
fn release_flags(std: &Std, arch: &Arch, place: &Place) -> Vec<String> {
    let mut flags = vec!["-Crelocation-model=static".to_owned(), "-Ctarget-feature=+crt-static".to_owned()];
    // Nothing is relocated at the start, so nothing would be protected: it would only be one mapping more.
    flags.push("-Crelro-level=off".to_owned());
    // A panic aborts: nothing ever reads unwind tables, a sixth of the program.
    flags.push("-Cforce-unwind-tables=no".to_owned());
    // Measured there only: other processors take two instructions for an address, and may gain by sharing it.
    if arch.name == "x86_64" {
        flags.extend(SMALLER.iter().map(|option| format!("-Cllvm-args={option}")));
    }
    // 64-bit time on 32-bit machines.
    flags.push("--cfg=libc_unstable_musl_v1_2".to_owned());
    flags.extend(remapped_paths(&place.top));
    if let Std::Built(debian) = std {
        eprintln!(
            "xtask: building for {} with musl and std {} from Debian's packages",
            arch.name, debian.version
        );
        flags.extend(debian.flags());
        flags.push(format!("-Clink-arg=--script={}", place.top.join(LINKER_SCRIPT).display()));
        flags.extend(place.map.iter().map(|map| format!("-Clink-arg=-Map={}", map.display())));
    }
    flags
}

/// A release build of a package.
fn release_cargo(std: &Std, arch: &Arch, place: &Place, package: &str) -> Command {
    profile_cargo(std, arch, place, package, "release")
}

/// A build of a package for release, with a profile.
fn profile_cargo(std: &Std, arch: &Arch, place: &Place, package: &str, profile: &str) -> Command {
    let mut cargo = cargo(&place.top, arch.target, profile, package);
    cargo.arg("--target-dir").arg(&place.target);
    if let Std::Built(debian) = std {
        debian.set_up(&mut cargo);
    }
    cargo
}

/// Builds for release: the bytes depend on the sources and the compiler only, wherever `place` is.
pub fn with_musl(std: &Std, arch: &'static Arch, place: &Place) -> Result<Program, Failure> {
    let mut flags = release_flags(std, arch, place);
    if matches!(std, Std::Built(_)) {
        // `{:?}` prints nothing: 2 kB.  No message needs it; `tidy` looks.
        flags.push("-Zfmt-debug=none".into());
    }
    let folder = place.target.join(arch.target).join("release");
    compile(&flags, &folder, arch, true, || release_cargo(std, arch, place, "multicall"))
}

/// What compiles the C parts of cryptography for musl.
const C_COMPILER: &str = "musl-gcc";

/// Builds the TLS program, for this machine's architecture only: part of its cryptography is in C.
pub fn tls() -> Result<PathBuf, Failure> {
    let arch = Arch::host()?;
    let std = musl::find(arch)?;
    let is_there = env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(C_COMPILER).exists()));
    if !is_there {
        return Err(Failure(format!("no {C_COMPILER} for the TLS program: install Debian's musl-tools")));
    }
    let place = Place { top: workspace::top(), target: workspace::target().join("ship"), map: None };
    finish(release_cargo(&std, arch, &place, "s6-tls"), &release_flags(&std, arch, &place))?;
    let path = place.target.join(arch.target).join("release").join(installation::TLS);
    is_static(&path)?;
    Ok(path)
}

/// The name of the checker.
pub const CHECKER: &str = "s6-overlay-dev";

/// The name of the checker's release file for an architecture.
pub fn checker_file(arch: &Arch) -> String {
    format!("{CHECKER}-{}", arch.name)
}

/// Builds the checker, a program for those who make images.
pub fn checker(arch: &'static Arch) -> Result<PathBuf, Failure> {
    let std = musl::find(arch)?;
    let place = Place { top: workspace::top(), target: workspace::target().join("ship"), map: None };
    let mut flags = release_flags(&std, arch, &place);
    // The order of the parts is the main program's.
    flags.retain(|flag| !flag.contains(LINKER_SCRIPT));
    finish(profile_cargo(&std, arch, &place, "dev", "tool"), &flags)?;
    let path = place.target.join(arch.target).join("tool").join(CHECKER);
    is_static(&path)?;
    Ok(path)
}

fn is_static(path: &Path) -> Result<(), Failure> {
    let file = fs::read(path).map_err(Failure::unable("read", path))?;
    let kind = elf::inspect(&file);
    if kind == Some(elf::Kind { without_interpreter: true, fixed_address: true }) {
        return Ok(());
    }
    Err(Failure(format!(
        "{} is not a static executable at a fixed address: {kind:?}",
        workspace::shown(path)
    )))
}

fn with_glibc(profile: &str, host: &'static Arch) -> Result<Program, Failure> {
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let folder = if profile == "dev" { "debug" } else { profile };
    let folder = workspace::target().join(&target).join(folder);
    let flags = ["-Ctarget-feature=+crt-static".to_owned()];
    compile(&flags, &folder, host, false, || cargo(&workspace::top(), &target, profile, "multicall"))
}

/// Compiles the setuid program, and then the program, which holds a copy of it for `s6-overlay install`.
fn compile(
    flags: &[String],
    folder: &Path,
    arch: &'static Arch,
    releasable: bool,
    cargo: impl Fn() -> Command,
) -> Result<Program, Failure> {
    let [setuid, program] = ["s6-overlay-suexec", "s6-overlay"];
    let commit = commit();
    for name in [setuid, program] {
        let mut cargo = cargo();
        cargo.arg("--bin").arg(name).env("S6_OVERLAY_SUEXEC", folder.join(setuid));
        cargo.env_remove("S6_OVERLAY_COMMIT");
        cargo.envs(commit.as_ref().map(|commit| ("S6_OVERLAY_COMMIT", commit)));
        finish(cargo, flags)?;
    }
    Ok(Program { path: folder.join(program), setuid: folder.join(setuid), arch, releasable })
}

/// The commit that the sources are of, with `-dirty` where they are no longer those; nothing without git.
fn commit() -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(workspace::top()).args([
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
        "--exclude=*",
    ]);
    let output = git.stderr(Stdio::null()).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn cargo(top: &Path, target: &str, profile: &str, package: &str) -> Command {
    let mut cargo = command::cargo();
    cargo.current_dir(top);
    cargo.args(["build", "--quiet", "--package", package, "--target", target, "--profile", profile]);
    cargo
}

fn finish(mut cargo: Command, flags: &[String]) -> Result<(), Failure> {
    // Cargo's separator: options may hold spaces.
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    run_command(&mut cargo)
}

/// Options that keep this machine's directories out of the program: panic messages name source files.
fn remapped_paths(top: &Path) -> Vec<String> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let mut from = vec![(top.to_path_buf(), "")];
    from.extend(home.map(|home| (home, "cargo")));
    from.iter().map(|(path, to)| format!("--remap-path-prefix={}={to}", path.display())).collect()
}
