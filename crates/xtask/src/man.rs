//! `cargo xtask man`: man pages of all tools, completions for shells, and their tarball.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::failure::{Failure, Outcome};
use crate::release_file::publish_tarball;
use crate::tree::{Node, Tree};
use crate::{docs, workspace};

/// The tarball's name, without the ends for its kinds: laid over an image's `/`, it fills /usr/share.
const NAME: &str = "s6-overlay-man-noarch";

/// The options of `cargo xtask man`.
#[derive(clap::Args)]
pub struct Args {
    /// Where to put the pages, in the folder `man`, and the tarball
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn run(args: Args) -> Outcome {
    let out = args.out.unwrap_or_else(|| workspace::target().join("dist"));
    publish(&out)?;
    println!("{}", workspace::shown(&out.join("man")));
    Ok(ExitCode::SUCCESS)
}

/// Makes the pages, the shells' completions, and their tarball in `out`.
pub fn publish(out: &Path) -> Result<(), Failure> {
    let mut tree = Tree::default();
    for (what, place) in [("man", "usr/share/man"), ("completions", "usr/share")] {
        let folder = out.join(what);
        fs::create_dir_all(&folder).map_err(Failure::unable("create", &folder))?;
        // Cargo runs elsewhere.
        let folder = fs::canonicalize(&folder).map_err(Failure::unable("find", &folder))?;
        docs::manual(what, Some(&folder))?;
        add(&mut tree, &folder, Path::new(place))?;
    }
    publish_tarball(out, NAME, &tree)?;
    Ok(())
}

/// Adds what is below `folder` to the tree, below `place`; directories have no entries of their own.
fn add(tree: &mut Tree, folder: &Path, place: &Path) -> Result<(), Failure> {
    let unable = Failure::unable("read", folder);
    for entry in fs::read_dir(folder).map_err(&unable)? {
        let entry = entry.map_err(&unable)?;
        let (from, to) = (entry.path(), place.join(entry.file_name()));
        if from.is_dir() {
            add(tree, &from, &to)?;
        } else {
            let content = fs::read(&from).map_err(&unable)?;
            tree.add(to, Node::File { content, mode: 0o644 });
        }
    }
    Ok(())
}
