//! Puts the data files of the overlay into the library: writes a table of them, which includes their contents.
#![allow(clippy::print_stdout, reason = "cargo reads it")]

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::io::Result;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What stands in git for an otherwise empty directory.
const PLACEHOLDERS: [&str; 2] = [".gitkeep", ".empty"];

fn main() -> Result<()> {
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let mut table = String::new();
    for (name, folder) in [
        ("OVERLAY", "overlay/rootfs"),
        ("SYSLOGD", "overlay/syslogd-rootfs"),
        ("SKELETON", "s6-linux-init/skel"),
    ] {
        let folder = Path::new(&here).join("..").join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        let _ = writeln!(table, "/// What stands in `{}`.", folder.file_name().unwrap_or_default().display());
        let _ = writeln!(table, "pub static {name}: &[(&str, Node)] = &[");
        list(&folder, "", &mut table)?;
        table.push_str("];\n");
    }
    let to = std::env::var("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&to).join("data.rs"), table)
}

/// Lists what is below `folder`, in the order of the names: equal trees give equal tables.
fn list(folder: &Path, below: &str, table: &mut String) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if PLACEHOLDERS.iter().any(|name| entry.file_name() == OsStr::new(name)) {
            continue;
        }
        let path = format!("{below}{}", entry.file_name().display());
        let metadata = entry.metadata()?;
        let node = if metadata.is_dir() {
            "Directory".to_owned()
        } else if metadata.is_symlink() {
            format!(
                "Link(std::borrow::Cow::Borrowed({:?}))",
                fs::read_link(entry.path())?.display().to_string()
            )
        } else {
            let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
            format!("File {{ mode: 0o{mode:o}, content: include_bytes!({:?}) }}", entry.path())
        };
        let _ = writeln!(table, "    ({path:?}, Node::{node}),");
        if metadata.is_dir() {
            list(&entry.path(), &format!("{path}/"), table)?;
        }
    }
    Ok(())
}
