//! `cargo xtask man`: man pages of all tools, and their tarball.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::failure::{Failure, Outcome};
use crate::release_file::publish_tarball;
use crate::tree::{Node, Tree};
use crate::{docs, workspace};

/// The tarball's name, without the ends for its kinds: laid over an image's `/`, it fills /usr/share/man.
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

/// Makes the pages and their tarball in `out`.
pub fn publish(out: &Path) -> Result<(), Failure> {
    let pages = out.join("man");
    fs::create_dir_all(&pages).map_err(Failure::unable("create", &pages))?;
    // Cargo runs elsewhere.
    let pages = fs::canonicalize(&pages).map_err(Failure::unable("find", &pages))?;
    docs::manual("man", Some(&pages))?;
    let mut tree = Tree::default();
    for section in ["man1", "man8"] {
        let folder = pages.join(section);
        let unable = Failure::unable("read", &folder);
        for entry in fs::read_dir(&folder).map_err(&unable)? {
            let entry = entry.map_err(&unable)?;
            let content = fs::read(entry.path()).map_err(&unable)?;
            let path = Path::new("usr/share/man").join(section).join(entry.file_name());
            tree.add(path, Node::File { content, mode: 0o644 });
        }
    }
    publish_tarball(out, NAME, &tree)?;
    Ok(())
}
