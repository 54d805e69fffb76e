//! The guide's code blocks, run: each section of a page is an image, each `console` block a session with it.
//!
//! `tests::page` describes how a page is written so that it can be run; `session`, which commands a session knows.  A block that
//! no container sees fails the test, unless its info string says why none can: ```` ```sh untested="needs a network" ````.
//! README.md's section about images, and the recipes, are played by the test `engines`, with real ones.
//! The first trials look at the pages as texts: links that lead nowhere, variables that the table has forgotten.
//!
//! Needs root and Debian's busybox-static.
#![expect(clippy::print_stderr, reason = "an ordinary test program")]

mod dockerfile;
mod session;
mod texts;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tempfile::TempDir;
use tests::image;
use tests::page::{self, Scope};

/// What the containers are made of.
struct Bases {
    /// The unpacked release.
    distribution: PathBuf,
    /// `FROM busybox`
    busybox: TempDir,
    /// `FROM scratch`
    scratch: TempDir,
}

impl Bases {
    fn new() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("these tests need root: their containers have several users".into());
        }
        let empty = || tempfile::tempdir().map_err(|why| format!("unable to make a directory: {why}"));
        let (busybox, scratch) = (empty()?, empty()?);
        image::busybox(busybox.path())?;
        Ok(Self { distribution: image::distribution()?, busybox, scratch })
    }
}

fn main() {
    sandbox::enter_stage();
    let code = run().unwrap_or_else(|why| {
        eprintln!("guide: {why}");
        2
    });
    std::process::exit(code)
}

fn run() -> Result<i32, String> {
    let arguments = Arguments::from_args();
    let bases = Arc::new(if arguments.list { None } else { Some(Bases::new()?) });
    let pages = texts::pages()?;
    let mut trials = texts::trials(&pages);
    for path in &pages {
        let name = texts::shown(path);
        let text = std::fs::read_to_string(path).map_err(|why| format!("{name}: {why}"))?;
        let scope = texts::scope(&name);
        for (at, why) in page::check(&name, &text, scope) {
            trials.push(Trial::test(format!("{name}:{at}"), move || Err(why.into())));
        }
        if scope == Scope::Page {
            continue;
        }
        for example in page::examples(&text, scope) {
            let (bases, file) = (Arc::clone(&bases), name.clone());
            let title = format!("{name}::{}", example.title);
            trials.push(Trial::test(title, move || {
                let bases = bases.as_ref().as_ref().ok_or("there are no bases")?;
                session::play(bases, &file, &example).map_err(Into::into)
            }));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    Ok(if conclusion.has_failed() { 101 } else { 0 })
}

/// `file:line: why`, for errors.
fn at(file: &str, line: usize, why: impl std::fmt::Display) -> String {
    format!("{}:{line}: {why}", Path::new(file).display())
}
