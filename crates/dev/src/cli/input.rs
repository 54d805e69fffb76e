//! Where the files of an image are read.

use super::outcome::{FAILED, Outcome};
use crate::tree::Tree;
use std::path::PathBuf;

/// The options that name an image.
#[derive(Debug, clap::Args)]
pub struct Input {
    /// A root directory, or the directory of a repository that is copied to one
    #[arg(default_value = "/")]
    pub path: PathBuf,
    /// The root directory that the image is built on; several, from above to below
    #[arg(long, value_name = "DIR")]
    pub base: Vec<PathBuf>,
}

impl Input {
    /// The files of the image: a directory over others.
    pub fn tree(&self) -> Result<Tree, Outcome> {
        let mut tree = Tree::default();
        for path in std::iter::once(&self.path).chain(&self.base) {
            let cannot = |e| Outcome::failed(FAILED, format_args!("unable to open {}: {e}", path.display()));
            tree.add_directory(path).map_err(cannot)?;
        }
        Ok(tree)
    }
}
