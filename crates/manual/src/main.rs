//! The documentation of all tools, made from their definitions: `docs/tools/`, man pages and shells' completions; and the
//! tables of `docs/guide/variables.md`.
//!
//! A tool's name, summary, operands and options stand in its `TOOL`; what else is documented, its exit codes,
//! environment, notes and examples, in `docs/tools/extra/NAME.md`, so that the shipped program doesn't carry it.  A separate
//! crate, because it links all suites, which `xtask` needn't be rebuilt for.  Called by `cargo xtask docs` and
//! `cargo xtask man`; a test compares `docs/tools/` with what would be written.
#![allow(clippy::print_stderr, reason = "a program for developers: standard error is where it complains")]

mod completions;
mod files;
mod man;
mod markdown;
mod pages;
mod variables;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use crate::files::{docs, write};

#[allow(
    clippy::disallowed_methods,
    reason = "the standard library starts this program: nothing here is no_main"
)]
fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = pages::suites().and_then(|suites| match words.as_slice() {
        ["docs"] => write(&docs(), &markdown::files(&suites, &pages::extra("index")?))
            .and_then(|()| variables::write()),
        ["man", directory] => write(Path::new(directory), &man::files(&suites)?),
        ["completions", directory] => write(Path::new(directory), &completions::files()),
        _ => Err("usage: manual docs | manual man DIR | manual completions DIR".to_owned()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("manual: {why}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::stale;
    use std::fs;

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
