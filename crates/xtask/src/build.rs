//! `cargo xtask build`: builds the program.
//!
//! What ships is built for musl, static and at a fixed address.  Where no musl standard library can be had, a
//! static glibc build stands in, with a warning: it works, but starts slower and is bigger.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::command::run as run_command;
use crate::musl::{self, Std};
use crate::{Failure, Outcome, elf, workspace};

/// The options of `cargo xtask build`.
#[derive(clap::Args)]
pub struct Args {
    /// Build quickly for daily work: static, with debug information, not for release.
    #[arg(long)]
    dev: bool,
    /// Fail where no musl standard library can be had, instead of a build with glibc.
    #[arg(long, conflicts_with = "dev")]
    strict: bool,
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
    /// Whether it may be released.
    pub releasable: bool,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let flavour = match args {
        Args { dev: true, .. } => Flavour::Dev,
        Args { strict: true, .. } => Flavour::Strict,
        Args { .. } => Flavour::Release,
    };
    let program = build(flavour)?;
    let size = fs::metadata(&program.path).map_or(0, |m| m.len());
    let remark = if program.releasable { "" } else { ", not for release" };
    println!("{}: {size} bytes, static{remark}", workspace::shown(&program.path));
    Ok(ExitCode::SUCCESS)
}

/// Builds the program and makes sure that it is what it should be.
pub fn build(flavour: Flavour) -> Result<Program, Failure> {
    if flavour == Flavour::Dev {
        return with_glibc("dev");
    }
    let std = match musl::find() {
        Ok(std) => std,
        Err(why) if flavour == Flavour::Release => {
            eprintln!("xtask: {why}");
            eprintln!("xtask: warning: building with glibc instead; the result is not for release");
            return with_glibc("release");
        }
        Err(why) => return Err(why),
    };
    let path = with_musl(&std)?;
    let program = Program { setuid: beside(&path), path, releasable: true };
    for path in [&program.path, &program.setuid] {
        let file = fs::read(path).map_err(Failure::unable("read", path))?;
        let kind = elf::inspect(&file);
        if kind != Some(elf::Kind { without_interpreter: true, fixed_address: true }) {
            return Err(Failure(format!(
                "{} is not a static executable at a fixed address: {kind:?}",
                workspace::shown(path)
            )));
        }
    }
    Ok(program)
}

fn with_musl(std: &Std) -> Result<PathBuf, Failure> {
    // Its own target directory: another compiler in the same one would throw away what daily work compiled.
    let directory = workspace::target().join("ship");
    // A panic aborts: nothing ever reads unwind tables, a sixth of the program.
    let flags = ["-Crelocation-model=static", "-Ctarget-feature=+crt-static", "-Cforce-unwind-tables=no"];
    let mut flags = flags.map(str::to_owned).to_vec();
    flags.extend(remapped_paths());
    let mut cargo = cargo(&musl::target(), "release");
    cargo.arg("--target-dir").arg(&directory);
    if let Std::Built(debian) = std {
        eprintln!("xtask: building with musl and std {} from Debian's packages", debian.version);
        debian.set_up(&mut cargo);
        flags.extend(debian.flags());
    }
    finish(cargo, &flags)?;
    Ok(directory.join(musl::target()).join("release/s6-overlay"))
}

/// The setuid program, which is built together with the other one.
fn beside(program: &Path) -> PathBuf {
    program.with_file_name("s6-overlay-suexec")
}

fn with_glibc(profile: &str) -> Result<Program, Failure> {
    let target = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    finish(cargo(&target, profile), &["-Ctarget-feature=+crt-static".to_owned()])?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let path = workspace::target().join(target).join(folder).join("s6-overlay");
    Ok(Program { setuid: beside(&path), path, releasable: false })
}

fn cargo(target: &str, profile: &str) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::top());
    cargo.args(["build", "--quiet", "--package=multicall", "--target", target, "--profile", profile]);
    cargo
}

fn finish(mut cargo: Command, flags: &[String]) -> Result<(), Failure> {
    // Cargo's separator: options may hold spaces.
    cargo.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    run_command(&mut cargo)
}

/// Options that keep this machine's directories out of the program: panic messages name source files.
fn remapped_paths() -> Vec<String> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let mut from = vec![(workspace::top(), "")];
    from.extend(home.map(|home| (home, "cargo")));
    from.iter().map(|(path, to)| format!("--remap-path-prefix={}={to}", path.display())).collect()
}
