//! The documentation of all tools, made from their definitions: `docs/tools/` and man pages.
//!
//! A tool's name, summary, operands and options stand in its `TOOL`; what else there is to say about it, its exit codes,
//! environment, notes and examples, in `docs/tools/extra/NAME.md`, so that the shipped program doesn't carry it.  A crate
//! of its own, because it links all suites, which `xtask` needn't be rebuilt for.  Called by `cargo xtask docs` and
//! `cargo xtask man`; a test compares `docs/tools/` with what would be written.
#![allow(clippy::print_stderr, reason = "a program for developers: standard error is where it complains")]

mod man;
mod markdown;
mod pages;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// Files to be: path below some directory, and text.
type Files = BTreeMap<String, String>;

fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where the documentation of the repository is.
fn docs() -> PathBuf {
    top().join("docs/tools")
}

#[allow(
    clippy::disallowed_methods,
    reason = "the standard library starts this program: nothing here is no_main"
)]
fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = pages::suites().and_then(|suites| match words.as_slice() {
        ["docs"] => write(&docs(), &markdown::files(&suites, &pages::extra("index")?)),
        ["man", directory] => write(Path::new(directory), &man::files(&suites)?),
        _ => Err("usage: manual docs | manual man DIR".to_owned()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("manual: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Makes `directory` hold these files, and no other ones with the same ends of their names.
fn write(directory: &Path, files: &Files) -> Result<(), String> {
    let unable = |path: &Path| format!("unable to write {}", path.display());
    for stale in stale(directory, files) {
        fs::remove_file(&stale).map_err(|e| format!("{}: {e}", unable(&stale)))?;
    }
    for (name, text) in files {
        let path = directory.join(name);
        let above = path.parent().unwrap_or(directory);
        fs::create_dir_all(above).and_then(|()| fs::write(&path, text)).map_err(|e| {
            let what = unable(&path);
            format!("{what}: {e}")
        })?;
    }
    Ok(())
}

/// Files in the directories that `files` fill that aren't among them.
fn stale(directory: &Path, files: &Files) -> Vec<PathBuf> {
    let mut stale = Vec::new();
    let filled: Vec<PathBuf> =
        files.keys().filter_map(|name| directory.join(name).parent().map(PathBuf::from)).collect();
    for folder in filled
        .iter()
        .enumerate()
        .filter(|(i, f)| filled.iter().position(|g| g == *f) == Some(*i))
        .map(|(_, f)| f)
    {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        stale.extend(entries.map(|entry| entry.path()).filter(|path| {
            path.is_file()
                && path
                    .strip_prefix(directory)
                    .is_ok_and(|name| !files.contains_key(&*name.to_string_lossy()))
        }));
    }
    stale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_tools_is_current() {
        let files = markdown::files(&pages::suites().unwrap(), &pages::extra("index").unwrap());
        let wrong: Vec<_> = files
            .iter()
            .filter(|(name, text)| fs::read_to_string(docs().join(name)).ok().as_ref() != Some(text))
            .map(|(name, _)| docs().join(name))
            .chain(stale(&docs(), &files))
            .collect();
        assert!(wrong.is_empty(), "{wrong:?} isn't what the tools' definitions say: run `cargo xtask docs`");
    }

    #[test]
    fn what_is_said_besides_belongs_to_a_tool() {
        let suites = pages::suites().unwrap();
        let known: Vec<_> = suites.iter().flat_map(|s| &s.pages).map(|p| p.file_name()).collect();
        for entry in fs::read_dir(docs().join("extra")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let stem = name.strip_suffix(".md").unwrap();
            assert!(stem == "index" || known.iter().any(|k| k == stem), "no tool is named {stem}");
        }
    }

    #[test]
    fn every_tool_has_a_page_and_each_page_a_purpose() {
        let suites = pages::suites().unwrap();
        let pages: Vec<_> = suites.iter().flat_map(|s| &s.pages).collect();
        for page in &pages {
            assert!(!page.tool.summary.is_empty(), "{} has no summary", page.tool.name);
            for option in page.tool.options {
                assert!(!option.help.is_empty(), "{} -{} has no help", page.tool.name, option.short);
            }
        }
        let missing: Vec<_> = pages::tables()
            .map(|t| t.name)
            .filter(|name| pages.iter().all(|p| p.tool.name != *name))
            .collect();
        let internal = installation::Names::all().unwrap().internal;
        assert!(missing.iter().all(|name| internal.contains(name)), "{missing:?}");
    }
}
