//! Service definitions for a container, written into a directory that is laid over its root.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Where s6-rc definitions are.
pub const DEFINITIONS: &str = "/etc/s6-overlay/s6-rc.d";

/// A directory to lay over a root.
#[derive(Debug)]
pub struct Services(TempDir);

impl Services {
    /// Without any.
    pub fn new() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        // Its mode becomes the root's.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
        Ok(Self(directory))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn place(&self, path: &str) -> io::Result<PathBuf> {
        let place = self.path().join(path.trim_start_matches('/'));
        place.parent().map_or(Ok(()), fs::create_dir_all)?;
        Ok(place)
    }

    /// Writes a file, `path` as the container sees it.
    pub fn file(&self, path: &str, content: &str) -> io::Result<&Self> {
        fs::write(self.place(path)?, content)?;
        Ok(self)
    }

    /// Writes an executable file.
    pub fn script(&self, path: &str, content: &str) -> io::Result<&Self> {
        let place = self.place(path)?;
        fs::write(&place, content)?;
        fs::set_permissions(place, fs::Permissions::from_mode(0o755))?;
        Ok(self)
    }

    /// Writes a file of the s6-rc definition `name`.
    pub fn define(&self, name: &str, file: &str, content: &str) -> io::Result<&Self> {
        self.file(&format!("{DEFINITIONS}/{name}/{file}"), content)
    }

    /// Defines a oneshot, in the bundle `user`.
    pub fn oneshot(&self, name: &str, needs: &[&str], up: &str, down: &str) -> io::Result<&Self> {
        self.common(name, "oneshot", needs)?;
        self.define(name, "up", up)?.define(name, "down", down)
    }

    /// Defines a longrun, in the bundle `user`.
    pub fn longrun(&self, name: &str, needs: &[&str], run: &str) -> io::Result<&Self> {
        self.common(name, "longrun", needs)?;
        self.script(&format!("{DEFINITIONS}/{name}/run"), run)
    }

    fn common(&self, name: &str, kind: &str, needs: &[&str]) -> io::Result<()> {
        self.define(name, "type", &format!("{kind}\n"))?;
        for need in needs {
            self.define(name, &format!("dependencies.d/{need}"), "")?;
        }
        self.wanted(name)?;
        Ok(())
    }

    /// Puts a service or pipeline into the bundle `user`.
    pub fn wanted(&self, name: &str) -> io::Result<&Self> {
        self.file(&format!("/etc/s6-overlay/user-bundles.d/user/contents.d/{name}"), "")
    }
}
