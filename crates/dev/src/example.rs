//! The examples of pages: trees of files as text.
//!
//! A line `-- PATH [MODE] --` begins a file, which goes up to the next such line; `-- PATH -> TARGET --` is a link.  A path
//! that ends in a slash is a directory.  The mode is octal, 644 if it isn't said.  The file `Dockerfile` at the top is no file
//! of the image: it says what the image is started with.  Nor is `options`, which has options of `check` without their dashes,
//! one on each line.  `\r` at the end of a line is a carriage return, and a file that begins with `\x` is one of bytes.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The text of the first example under a heading of a page.
#[must_use]
pub fn of_page<'p>(page: &'p str, heading: &str) -> Option<&'p str> {
    let (_, after) = page.split_once(&format!("\n## {heading}\n"))?;
    let section = after.split("\n## ").next()?;
    let (_, block) = section.split_once("```\n")?;
    block.split_once("\n```").map(|(text, _)| text)
}

/// Writes an example below a directory, which exists; gives its Dockerfile.
///
/// # Errors
/// A file can't be written.
pub fn write(text: &str, top: &Path) -> io::Result<Option<String>> {
    let mut dockerfile = None;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(head) = head(line) else { continue };
        let mut content = String::new();
        while let Some(line) = lines.next_if(|line| self::head(line).is_none()) {
            content.extend([line, "\n"]);
        }
        match head {
            "Dockerfile" => dockerfile = Some(content),
            _ => write_one(top, head, &content)?,
        }
    }
    Ok(dockerfile)
}

/// What stands between the dashes of a line that begins a file.
fn head(line: &str) -> Option<&str> {
    line.strip_prefix("-- ")?.strip_suffix(" --")
}

/// What a file of an example holds.
fn bytes(content: &str) -> Vec<u8> {
    if !content.starts_with("\\x") {
        return content.replace("\\r\n", "\r\n").into_bytes();
    }
    let parts = content.trim_end().split("\\x").skip(1);
    parts
        .flat_map(|part| {
            let (number, rest) = part.split_at_checked(2).unwrap_or((part, ""));
            u8::from_str_radix(number, 16).into_iter().chain(rest.bytes())
        })
        .collect()
}

/// Writes a file, a link or a directory.
fn write_one(top: &Path, head: &str, content: &str) -> io::Result<()> {
    let mut words = head.split(' ');
    let path = top.join(words.next().unwrap_or_default());
    if head.ends_with('/') {
        return fs::create_dir_all(path);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match words.next() {
        Some("->") => std::os::unix::fs::symlink(words.next().unwrap_or_default(), path),
        mode => {
            fs::write(&path, bytes(content))?;
            let mode = mode.and_then(|mode| u32::from_str_radix(mode, 8).ok()).unwrap_or(0o644);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode))
        }
    }
}
