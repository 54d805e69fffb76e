//! `docs/guide/variables.md`: the tables of the overlay's variables.
//!
//! The page's prose stands in the page itself; its tables are made from the overlay's table.

use crate::files::docs;
use overlay::environment::variables::{Description, TABLE};
use std::fs;
use std::path::PathBuf;

const HEAD: &str = "| variable | default | meaning |\n|---|---|---|\n";

/// Where the page is.
fn path() -> PathBuf {
    docs().join("../guide/variables.md")
}

/// Writes the tables of the page.
///
/// # Errors
/// The page can't be read or written, or lacks a table.
pub fn write() -> Result<(), String> {
    let path = path();
    let shown = path.display();
    let old = fs::read_to_string(&path).map_err(|e| format!("unable to read {shown}: {e}"))?;
    let new = page(&old).map_err(|why| format!("{shown}: {why}"))?;
    fs::write(&path, new).map_err(|e| format!("unable to write {shown}: {e}"))
}

/// The page with its tables as they are to be, from the page as it is.
///
/// # Errors
/// A section of the table has no heading in the page, or one of the page's tables no section.
fn page(old: &str) -> Result<String, String> {
    let mut new = String::new();
    let mut section = "";
    let mut written: Vec<&str> = Vec::new();
    for line in old.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
        }
        if !line.starts_with('|') {
            new.push_str(line);
            new.push('\n');
        } else if !written.contains(&section) {
            let rows: Vec<&Description> = TABLE.iter().filter(|v| v.section == section).collect();
            if rows.is_empty() {
                return Err(format!("no variable belongs to the section {section:?}"));
            }
            new.push_str(HEAD);
            new.extend(rows.into_iter().map(row));
            written.push(section);
        }
    }
    match TABLE.iter().find(|v| !written.contains(&v.section)) {
        Some(v) => Err(format!("{} needs a section {:?} with a table", v.name, v.section)),
        None => Ok(new),
    }
}

fn row(variable: &Description) -> String {
    let default = variable.kind.default_shown();
    let default = if default.is_empty() { " ".to_owned() } else { format!(" {default} ") };
    format!("| `{}` |{default}| {} |\n", variable.name, variable.meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_guide_variables_is_current() {
        let text = fs::read_to_string(path()).unwrap();
        assert!(page(&text).unwrap() == text, "the page isn't what the table says: run `cargo xtask docs`");
    }

    #[test]
    fn tables_are_replaced_and_prose_stays() {
        let text = fs::read_to_string(path()).unwrap();
        let damaged = text.replace("| 3000 |", "| 2000 |").replace("| `S6_SYNC_DISKS`", "| `S6_SINK`");
        assert!(damaged != text);
        assert_eq!(page(&damaged).unwrap(), text);
        assert!(page(&text.replace("## Stop", "## Halt")).is_err());
        assert!(page("## Start\n").is_err());
    }
}
