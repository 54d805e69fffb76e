//! `cargo xtask licences`: the licences of all that is linked into what ships, as a file that ships with it.
//!
//! The packages are those of the lock file that the program uses on any of the architectures, without what only builds
//! or tests it; the texts are those in the packages' sources.  The same lock file always gives the same bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::arch::{self, Arch};
use crate::failure::{Failure, Outcome};
use crate::linked::{self, Package};
use crate::workspace;

/// Where the program's file is, below the top of the workspace.
const FILE: &str = "crates/overlay/rootfs/package/admin/s6-overlay-3.2.3.2/LICENSES";

/// What is linked and isn't in the lock file.
const RUNTIME: [(&str, &str); 2] = [
    ("the Rust standard library: MIT OR Apache-2.0", include_str!("licences/rust.txt")),
    ("musl, the C library: MIT", include_str!("licences/musl.txt")),
];

/// The options of `cargo xtask licences`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
pub fn run(_args: Args) -> Outcome {
    let path = workspace::top().join(FILE);
    fs::write(&path, of("multicall", arch::ALL)?).map_err(Failure::unable("write", &path))?;
    println!("{FILE}");
    Ok(ExitCode::SUCCESS)
}

/// Fails unless the program's file is that of the lock file.
pub fn check() -> Result<(), Failure> {
    let path = workspace::top().join(FILE);
    let is_current =
        fs::read_to_string(&path).is_ok_and(|text| of("multicall", arch::ALL).ok() == Some(text));
    match is_current {
        true => Ok(()),
        false => Err(Failure(format!("{FILE} is not that of Cargo.lock: cargo xtask licences writes it"))),
    }
}

/// The licences of a package of the workspace and of all that is linked into it on one of the architectures.
pub fn of(package: &str, archs: &[Arch]) -> Result<String, Failure> {
    let linked = linked::into(package, archs)?;
    let top = workspace::top().join("LICENSE");
    let own = fs::read_to_string(&top).map_err(Failure::unable("read", &top))?;
    // Each text once, with all that it is the licence of.
    let mut sections = vec![(vec!["s6-overlay-rs: ISC".to_owned()], own)];
    sections.extend(RUNTIME.map(|(title, text)| (vec![title.to_owned()], text.to_owned())));
    for package in linked.iter().filter(|package| package.is_foreign()) {
        for text in texts(package)? {
            let title = format!("{} {}: {}", package.name, package.version, package.licence);
            match sections.iter_mut().find(|(_, known)| *known == text) {
                Some((titles, _)) => titles.push(title),
                None => sections.push((vec![title], text)),
            }
        }
    }
    Ok(sections.iter().map(|(titles, text)| section(titles, text)).collect::<Vec<_>>().join("\n"))
}

fn section(titles: &[String], text: &str) -> String {
    let line = "-".repeat(72);
    format!("{line}\n{}\n{line}\n\n{}\n", titles.join("\n"), text.trim_matches('\n'))
}

/// The texts of the licence under which a package is used: MIT's where that may be chosen, otherwise all.
fn texts(package: &Package) -> Result<Vec<String>, Failure> {
    let mut files = licence_files(&package.sources)?;
    let third_party = package.sources.join("third_party");
    if let Ok(entries) = fs::read_dir(&third_party) {
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            files.extend(licence_files(&entry.path())?);
        }
    }
    files.sort();
    let mit: Vec<_> = files.iter().filter(|file| file.ends_with("LICENSE-MIT")).cloned().collect();
    let is_choice = !package.licence.contains(" AND ") && package.licence.split(" OR ").any(|l| l == "MIT");
    if is_choice && !mit.is_empty() {
        files = mit;
    }
    if files.is_empty() {
        return Err(Failure(format!("{} has no text of its licence", package.sources.display())));
    }
    files.iter().map(|file| fs::read_to_string(file).map_err(Failure::unable("read", file))).collect()
}

fn licence_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::unable("read", folder))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let is_licence = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_uppercase()).unwrap_or_default();
        ["LICENSE", "LICENCE", "COPYING", "NOTICE"].iter().any(|start| name.starts_with(start))
    };
    Ok(paths.filter(|path| path.is_file()).filter(is_licence).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_ships_is_that_of_the_lock_file() {
        check().unwrap();
        let text = fs::read_to_string(workspace::top().join(FILE)).unwrap();
        for part in ["rustix 1.", "domain 0.", "BSD-3-Clause", "musl", "Rust standard library", "ISC"] {
            assert!(text.contains(part), "{part}");
        }
        for absent in ["clap", "proptest", "rustls"] {
            assert!(!text.contains(absent), "{absent}");
        }
    }

    #[test]
    fn the_tls_program_has_its_own() {
        let text = of("s6-tls", arch::ALL).unwrap();
        for part in ["rustls 0.", "ring 0.", "untrusted 0."] {
            assert!(text.contains(part), "{part}");
        }
    }
}
