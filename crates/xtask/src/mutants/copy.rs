//! The copy of the workspace that changes are made in, below the target directory.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::failure::Failure;
use crate::workspace;

/// A copy of the workspace.
pub struct Copy {
    pub top: PathBuf,
}

impl Copy {
    /// Makes the copy like the workspace; a file that is the same isn't written, so that nothing is compiled for it.
    pub fn renew() -> Result<Self, Failure> {
        let copy = Self { top: workspace::target().join("mutants/tree") };
        let mut git = Command::new("git");
        git.current_dir(workspace::top()).args(["ls-files", "-z", "-co", "--exclude-standard"]);
        let names = command::capture(&mut git)?;
        let names: HashSet<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
        for name in &names {
            let from = workspace::top().join(name);
            // A link leads out of the copy or to what is copied anyway.
            if from.is_file() && !from.is_symlink() {
                let text = fs::read(&from).map_err(Failure::unable("read", &from))?;
                copy.write(name, &text)?;
            }
        }
        copy.remove_others(&copy.top, &names)?;
        Ok(copy)
    }

    /// Writes a file unless it is the same already.
    pub fn write(&self, name: &str, text: &[u8]) -> Result<(), Failure> {
        let path = self.top.join(name);
        if fs::read(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Failure::unable("create", folder))?;
        }
        fs::write(&path, text).map_err(Failure::unable("write", &path))
    }

    fn remove_others(&self, folder: &Path, names: &HashSet<&str>) -> Result<(), Failure> {
        let unable = Failure::unable("list", folder);
        for entry in fs::read_dir(folder).map_err(&unable)? {
            let entry = entry.map_err(&unable)?;
            let path = entry.path();
            if entry.file_type().map_err(&unable)?.is_dir() {
                self.remove_others(&path, names)?;
            } else if !path
                .strip_prefix(&self.top)
                .ok()
                .and_then(Path::to_str)
                .is_some_and(|name| names.contains(name))
            {
                fs::remove_file(&path).map_err(Failure::unable("remove", &path))?;
            }
        }
        Ok(())
    }
}
