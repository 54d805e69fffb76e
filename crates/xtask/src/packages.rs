//! `cargo xtask packages`: the checker as a wheel for pip, and as a package for npm.
//!
//! Both hold the static program and nothing that runs at installation.  They depend on the program's bytes only.

mod attempt;
mod content;
mod npm;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::arch::{self, Arch};
use crate::failure::{Failure, Outcome};
use crate::{build, licences, release_file, workspace};
use content::Content;

/// The options of `cargo xtask packages`.
#[derive(clap::Args)]
pub struct Args {
    /// Where the release is
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// For this architecture, by any of its names, instead of this machine's
    #[arg(long, value_name = "NAME", value_parser = arch::named)]
    arch: Option<&'static Arch>,
    /// Install each from an empty environment, with pip, npm and pre-commit, and check an image with it; takes network for
    /// pre-commit and what it builds with
    #[arg(long = "try", conflicts_with = "arch")]
    attempt: bool,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let host = Arch::host()?;
    let arch = args.arch.unwrap_or(host);
    let out = args.out.unwrap_or_else(|| workspace::target().join("dist"));
    let path = out.join(build::checker_file(arch));
    let program = fs::read(&path).map_err(|why| {
        Failure(format!("unable to read {}: {why}; cargo xtask dist makes it", workspace::shown(&path)))
    })?;
    let licences = licences::of("dev", std::slice::from_ref(arch))?;
    let made = make(arch, &program, &licences, &out)?;
    if args.attempt {
        attempt::all(&made.wheel, &made.npm)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the packages are.
struct Made {
    wheel: PathBuf,
    npm: PathBuf,
}

/// Makes both packages of the checker in `out`.
pub fn publish(arch: &'static Arch, program: &[u8], licences: &str, out: &Path) -> Result<(), Failure> {
    make(arch, program, licences, out).map(drop)
}

fn make(arch: &'static Arch, program: &[u8], licences: &str, out: &Path) -> Result<Made, Failure> {
    let content = Content { arch, program, licences };
    let write = |name: String, packed: Vec<u8>| {
        println!("{name}: {} bytes", packed.len());
        release_file::publish(out, &name, "", &packed)
    };
    Ok(Made {
        wheel: write(wheel::file_name(arch), wheel::pack(&content)?)?,
        npm: write(npm::file_name(arch), npm::pack(&content)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_always_the_same() {
        let host = Arch::host().unwrap();
        let made = [(); 2].map(|()| {
            let out = tempfile::tempdir().unwrap();
            let made = make(host, b"program", "licences", out.path()).unwrap();
            [made.wheel, made.npm].map(|path| fs::read(path).unwrap())
        });
        let [first, second] = made;
        assert!(first == second);
    }
}
