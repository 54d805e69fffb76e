//! Compiles any source tree: the result is a database or at least one error, and each finding is one line.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::{Corpus, fuzz_target};
use s6_rc::definition_reader::entries;
use s6_rc::diagnostic::Severity;
use s6_rc::format::{decode, encode};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const NAMES: [&str; 8] = ["a", "b", "c", "d", "user", "s6rc-x", "x y", "-"];

/// No definition has this.
const STRAY: &str = "stray";

/// The name of an entry that is read, or of one that isn't.
fn entry(at: u8) -> &'static str {
    entries().nth(usize::from(at) % (entries().count() + 1)).unwrap_or(STRAY)
}

/// One file, often a plausible one: trees of random bytes rarely get past `type`.
#[derive(Arbitrary, Debug)]
struct File {
    service: u8,
    name: u8,
    content: Content,
}

#[derive(Arbitrary, Debug)]
enum Content {
    Type(u8),
    Names(Vec<u8>),
    Number(u32),
    Words(Vec<u8>),
    Bytes(Vec<u8>),
    Directory(Vec<u8>),
    /// To another file of the tree, or to nowhere.
    Link(u8, u8),
}

fn pick<'a>(list: &[&'a str], at: u8) -> &'a str {
    list[usize::from(at) % list.len()]
}

fn write(root: &Path, file: &File) -> std::io::Result<()> {
    let service = root.join(pick(&NAMES, file.service));
    fs::create_dir_all(&service)?;
    let path = service.join(entry(file.name));
    match &file.content {
        Content::Type(n) => fs::write(service.join("type"), pick(&["longrun", "oneshot\n", "bundle\n"], *n)),
        Content::Names(list) => {
            let lines: Vec<_> = list.iter().take(9).map(|n| pick(&NAMES, *n)).collect();
            fs::write(path, lines.join("\n"))
        }
        Content::Number(n) => fs::write(path, format!("{n}\n")),
        Content::Words(list) => {
            let known = [
                "if", "{", "}", "true\n", "\"", "\\", "&&", "/bin/sh", "#!/bin/sh\n", "\r\n", "#", "$a", "never",
                "on-failure", "5/60", "1.5", "0-7", "SIGTERM", "stop", "stop-dependents", "run", "none",
                "env", "file", "memory", ">=", "1G", "|", "!", "profile",
                "\n", "listen", "tcp", "127.0.0.1:80", "http", "http://[::1]:80/a", "200-299", "header", "\"a: b\"",
                "log", "fd", "3", "watchdog", "signal",
            ];
            let words: Vec<_> = list.iter().take(99).map(|n| pick(&known, *n)).collect();
            fs::write(path, words.join(" "))
        }
        Content::Bytes(bytes) => fs::write(path, bytes),
        Content::Directory(list) => {
            fs::create_dir(&path)?;
            list.iter().take(9).try_for_each(|n| fs::write(path.join(pick(&NAMES, *n)), ""))
        }
        Content::Link(service, name) => {
            let target = Path::new("..").join(pick(&NAMES, *service)).join(entry(*name));
            std::os::unix::fs::symlink(target, path)
        }
    }
}

fuzz_target!(|files: Vec<File>| -> Corpus {
    if files.is_empty() || files.len() > 60 {
        return Corpus::Reject;
    }
    let root = tempfile::tempdir_in("/dev/shm").expect("a directory in memory");
    for file in &files {
        // If two files have the same path, the first one is used.
        let _ = write(root.path(), file);
    }
    let source = root.path().as_os_str().as_bytes().to_vec();
    // Only an error of the system makes the check itself fail, such as a link to a directory in place of a file.
    let Ok(report) = s6_rc::compile::check(&[source], &[], None, |path| files::open_dir(std::io::stdin(), path)) else { return Corpus::Keep };
    let errors = report.diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(report.database.is_none(), errors);
    for finding in &report.diagnostics {
        assert!(!finding.to_string().bytes().any(|b| b.is_ascii_control()), "{finding}");
        assert!(finding.file.starts_with(root.path().as_os_str().as_bytes()), "{finding}");
    }
    if let Some(database) = report.database {
        assert_eq!(
            encode(&decode(&encode(&database)).expect("what was written can be read")),
            encode(&database)
        );
    }
    Corpus::Keep
});
