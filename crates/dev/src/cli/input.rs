//! Where the files of an image are read.

use super::outcome::{FAILED, Outcome, USAGE};
use crate::archive::{self, Archive, Room};
use crate::config::Config;
use crate::tree::{Disk, Tree};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// The options that name an image.
#[derive(Debug, clap::Args)]
pub struct Input {
    /// A root directory, the directory of a repository that is copied to one, an OCI layout, or an archive of docker save, of
    /// docker export or of an OCI tool; - reads one on standard input
    #[arg(default_value = "/")]
    pub path: PathBuf,
    /// What the image is built on: the same kinds; several, from above to below
    #[arg(long, value_name = "PATH")]
    pub base: Vec<PathBuf>,
    /// Which image of several, such as linux/arm64; this machine's without it
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<String>,
}

/// An image that was opened.
#[derive(Debug, Default)]
pub struct Opened {
    /// Its files.
    pub tree: Tree,
    /// What it is started with, if what was opened says so.
    pub config: Option<Config>,
    /// Whether its files are on this machine as they are in a container.
    pub is_directory: bool,
    /// For people: what was chosen.
    pub notes: String,
}

/// What a path is.
enum Kind {
    Directory(Disk),
    Archive(Box<Archive>),
}

/// Whether a path stands for standard input.
pub fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Input {
    /// Whether standard input is read.
    pub fn has_stdin(&self) -> bool {
        self.paths().any(|path| is_stdin(path))
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.path).chain(&self.base)
    }

    /// Opens the image: what is checked over what it is built on.
    ///
    /// # Errors
    /// One of these can't be read.
    pub fn open(&self) -> Result<Opened, Outcome> {
        if self.paths().filter(|path| is_stdin(path)).count() > 1 {
            return Err(Outcome::failed(USAGE, "standard input can be read once"));
        }
        let (mut opened, room) = (Opened::default(), Room::default());
        for (at, path) in self.paths().enumerate() {
            let cannot = |e| Outcome::failed(FAILED, format_args!("unable to read {}: {e}", path.display()));
            let (is_top, kind) = (at == 0, self.read(path, &room).map_err(cannot)?);
            match kind {
                Kind::Directory(disk) => {
                    opened.is_directory |= is_top;
                    opened.tree.add_disk(disk);
                }
                Kind::Archive(archive) => {
                    if let Some(note) = archive.note {
                        let path = path.display();
                        opened.notes.push_str(&format!("s6-overlay-dev: info: {path}: {note}\n"));
                    }
                    opened.config = opened.config.or(archive.config.filter(|_| is_top));
                    opened.tree.add_memory(archive.files);
                }
            }
        }
        Ok(opened)
    }

    fn read(&self, path: &Path, room: &Room) -> Result<Kind, String> {
        let platform = self.platform.as_deref();
        let platform =
            platform.map(|name| if name.contains('/') { name.into() } else { format!("linux/{name}") });
        if is_stdin(path) {
            return archive::read(&mut std::io::stdin().lock(), platform.as_deref(), room)
                .map(|archive| Kind::Archive(Box::new(archive)));
        }
        match Disk::open(path) {
            Ok(disk) => Ok(match archive::read_directory(&disk, platform.as_deref(), room)? {
                Some(archive) => Kind::Archive(Box::new(archive)),
                None => Kind::Directory(disk),
            }),
            Err(Errno::NOTDIR) => {
                let mut file = open(path).map_err(|e| e.to_string())?;
                archive::read(&mut file, platform.as_deref(), room)
                    .map(|archive| Kind::Archive(Box::new(archive)))
            }
            Err(e) => Err(e.to_string()),
        }
    }
}

/// Opens a file, or a pipe of a shell: what else there is isn't read.
fn open(path: &Path) -> std::io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    match kind.is_file() || kind.is_fifo() {
        true => File::open(path),
        false => Err(std::io::Error::other("it is neither a directory nor a file")),
    }
}
