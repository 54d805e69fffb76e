//! `cargo xtask tidy`: checks the layout rules that neither the compiler nor clippy knows.
//!
//! The source tree is read once; each rule is a function from it to complaints.

mod cases;
mod circles;
mod complaint;
mod direction;
mod file_access;
mod files;
mod lexer;
mod messages;
mod modules;
mod sizes;
mod source;
mod tokens;
mod tools;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use installation::Names;

use complaint::Complaint;
use source::Source;

use crate::failure::{Failure, Outcome};
use crate::workspace;

/// The options of `cargo xtask tidy`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
pub fn run(_args: Args) -> Outcome {
    let names = Names::all().map_err(Failure)?;
    let sources = read()?;
    let mut complaints = direction::check(&sources);
    complaints.extend(files::check(&sources));
    complaints.extend(file_access::check(&sources));
    complaints.extend(messages::check(&sources));
    complaints.extend(cases::check(&sources));
    complaints.extend(circles::check(&sources));
    complaints.extend(sizes::check(&sources));
    let (there, of_tools) = tools::check(&sources, &names);
    complaints.extend(of_tools);
    for Complaint { path, line, what } in &complaints {
        match line {
            0 => println!("{path}: {what}"),
            _ => println!("{path}:{line}: {what}"),
        }
    }
    println!("{}", sizes::figures(&sources));
    println!("{there} of {} commands are there", names.commands().count());
    match complaints.len() {
        0 => Ok(ExitCode::SUCCESS),
        n => Err(Failure(format!("tidy: {n} complaints"))),
    }
}

/// Every manifest, Rust source and recorded case, sorted by path.
fn read() -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for folder in ["crates", "tests"] {
        read_below(&workspace::top().join(folder), folder, &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn read_below(folder: &Path, name: &str, sources: &mut Vec<Source>) -> Result<(), Failure> {
    let unable = Failure::unable("read", folder);
    for entry in fs::read_dir(folder).map_err(&unable)? {
        let entry = entry.map_err(&unable)?;
        let kind = entry.file_type().map_err(&unable)?;
        let Ok(leaf) = entry.file_name().into_string() else { continue };
        let path = format!("{name}/{leaf}");
        if kind.is_dir() {
            read_below(&entry.path(), &path, sources)?;
        } else if kind.is_file() && [".rs", ".cases", "Cargo.toml"].iter().any(|end| leaf.ends_with(end)) {
            let text = fs::read_to_string(entry.path()).map_err(Failure::unable("read", &entry.path()))?;
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_tree_is_read() {
        let sources = read().unwrap();
        assert!(sources.iter().any(|s| s.path == "crates/xtask/src/tidy.rs"));
        assert!(sources.iter().any(|s| s.path == "tests/Cargo.toml"));
        assert!(sources.is_sorted_by(|a, b| a.path < b.path));
    }
}
