//! The files that are written: where the documentation is, and how a directory is made to hold just them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Files to be: path below some directory, and text.
pub type Files = BTreeMap<String, String>;

fn top() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where the documentation of the repository is.
pub fn docs() -> PathBuf {
    top().join("docs/tools")
}

/// Makes `directory` hold these files, and no other ones with the same ends of their names.
pub fn write(directory: &Path, files: &Files) -> Result<(), String> {
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
pub fn stale(directory: &Path, files: &Files) -> Vec<PathBuf> {
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
