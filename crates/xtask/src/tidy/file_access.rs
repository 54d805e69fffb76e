//! Files are written, replaced, listed, copied and removed through `crates/files`: what does that by hand in another
//! shipped crate is found here.

use super::complaint::Complaint;
use super::lexer::{code_only, has_word};
use super::source::Source;

/// What does by hand what `crates/files` does, and what to take instead.
const BY_HAND: &[(&str, &str)] = &[
    ("fs::write", "files::write_file, create or replace_at"),
    ("fs::copy", "files::copy_file or copy_tree"),
    ("io::copy", "files::copy_content"),
    ("create_new", "files::create or replace_at"),
    ("fs::rename", "files::replace_at, replace_link or Unfinished"),
    ("fs::renameat", "files::replace_at, replace_link or Unfinished"),
    ("fs::renameat_with", "files::rename_new or exchange"),
    ("RenameFlags", "files::rename_new or exchange"),
    ("fs::read_dir", "files::names or entries"),
    ("Dir::new", "files::names or entries"),
    ("Dir::read_from", "files::names or entries"),
    ("RawDir", "files::for_each_entry"),
    ("remove_dir_all", "files::remove_tree"),
    (WRITE_LOOP, "files::write_all"),
    (TEMPORARY_NAME, "files::sole_name or unique_name"),
];

/// A system call in a loop.
const WRITE_LOOP: &str = "a loop of io::write";
/// A literal that a name ends with until it is finished.
const TEMPORARY_NAME: &str = "a temporary name";

/// Where it is right, and why.
const ALLOWED: &[(&str, &[&str], &str)] = &[
    ("crates/logger/src/logdir/system.rs", &["fs::renameat", "fs::renameat_with", "RenameFlags"], LOG),
    ("crates/logger/src/logger.rs", &[WRITE_LOOP], "an alert that nobody takes is dropped, not waited for"),
    ("crates/overlay/src/relay/keep.rs", &["fs::renameat"], "a full file gives its place to a new one"),
    ("crates/s6-networking/src/tools/s6_tcpserver_access.rs", &[WRITE_LOOP], "has a deadline"),
    ("crates/s6-portable-utils/src/tools/s6_ln.rs", &["fs::rename"], "hard links as well"),
    ("crates/s6-portable-utils/src/tools/s6_rename.rs", &["fs::rename"], "this is the command"),
    (
        "crates/s6-rc/src/update.rs",
        &["fs::rename", "fs::renameat"],
        "moves what runs between two live directories",
    ),
    ("crates/supervision/src/fifodir.rs", &["fs::rename"], "the names are the protocol's"),
    ("crates/sys/src/fd.rs", &["Dir::new"], "crates/files stands on it"),
    ("crates/tool/src/diag.rs", &[WRITE_LOOP], "gives up when nobody reads"),
];
const LOG: &str = "its own states, which the next logger continues from; lines are the hot path";

/// What isn't looked at: `crates/files` itself, what it stands on, and what runs on a developer's machine only.
const EXEMPT: &[&str] = &[
    "crates/files/",
    "crates/sys/src/fs.rs",
    "crates/installation/build.rs",
    "crates/dev/",
    "crates/manual/",
    "crates/sandbox/",
    "crates/xtask/",
    "tests/",
];

/// How many lines above a call the head of a loop counts: further away it is a loop of events, which writes once a turn.
const NEAR: usize = 10;

/// Complains about each place that isn't allowed, and each allowance that isn't needed.
pub fn check(sources: &[Source]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut needed = Vec::new();
    for source in sources.iter().filter(|s| is_shipped(&s.path)) {
        let path = &source.path;
        for (line, word) in found(source.without_tests()) {
            if is_allowed(path, word) {
                needed.push((path.as_str(), word));
            } else {
                let instead = BY_HAND.iter().find(|(w, _)| *w == word).map_or("", |(_, instead)| instead);
                complaints.push(Complaint::new(path, line, format!("{word}: take {instead}")));
            }
        }
    }
    for (path, words, _) in ALLOWED.iter().filter(|(path, ..)| sources.iter().any(|s| s.path == *path)) {
        for word in words.iter().filter(|word| !needed.contains(&(*path, **word))) {
            complaints.push(Complaint::new(path, 0, format!("{word} isn't there any more: forbid it again")));
        }
    }
    complaints
}

/// Whether a file is a shipped program's, and no test.
pub(super) fn is_shipped(path: &str) -> bool {
    let is_test = path.contains("/tests/") || path.ends_with("/tests.rs");
    path.ends_with(".rs") && !is_test && !EXEMPT.iter().any(|exempt| path.starts_with(exempt))
}

fn is_allowed(path: &str, word: &str) -> bool {
    ALLOWED.iter().any(|(allowed, words, _)| *allowed == path && words.contains(&word))
}

/// What is done by hand in a text, with the numbers of the lines.
fn found(text: &str) -> Vec<(usize, &'static str)> {
    let code = code_only(text);
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (at, (line, whole)) in lines.iter().zip(text.lines()).enumerate() {
        let words = BY_HAND.iter().map(|(word, _)| *word).filter(|word| has_word(line, word));
        found.extend(words.map(|word| (at + 1, word)));
        let near = &lines[at.saturating_sub(NEAR)..=at];
        let is_loop = || near.iter().any(|line| has_word(line, "while") || has_word(line, "loop"));
        if has_word(line, "io::write") && is_loop() {
            found.push((at + 1, WRITE_LOOP));
        }
        if whole.contains(".new\"") && !whole.trim_start().starts_with("//") {
            found.push((at + 1, TEMPORARY_NAME));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(path: &str, text: &str) -> Vec<String> {
        let source = Source { path: path.into(), text: text.into() };
        check(&[source]).into_iter().map(|c| format!("{}: {}", c.line, c.what)).collect()
    }

    #[test]
    fn what_is_done_by_hand_is_found() {
        for (line, word) in [
            ("std::fs::write(path, text)", "fs::write"),
            ("sys::fs::rename(a, b)", "fs::rename"),
            ("for entry in Dir::read_from(fd)? {}", "Dir::read_from"),
            ("while x { rustix::io::write(fd, rest)?; }", WRITE_LOOP),
            ("let new = [name, b\".new\"].concat();", TEMPORARY_NAME),
        ] {
            let found = words("crates/s6/src/x.rs", &format!("//! X.\n{line}\n"));
            assert!(
                found.len() == 1 && found[0].starts_with(&format!("2: {word}: take files::")),
                "{found:?}"
            );
        }
        let text = "loop {\n    match\n        rustix::io::write(fd, rest)\n    {}\n}\n";
        assert_eq!(words("crates/s6/src/x.rs", text).len(), 1);
    }

    #[test]
    fn other_things_are_not() {
        let none: [String; 0] = [];
        let text = "//! fs::write, \".new\"\nServiceDir::new(fd);\nrustix::io::write(fd, b\"fs::write\");\nfiles::write_file();\n";
        assert_eq!(words("crates/s6/src/x.rs", text), none);
        let tests = "#[cfg(test)]\nmod tests {\n    std::fs::write(a, b);\n}\n";
        assert_eq!(words("crates/s6/src/x.rs", tests), none);
        for path in ["crates/files/src/x.rs", "crates/xtask/src/x.rs", "crates/s6/tests/x.rs", "tests/x.rs"] {
            assert_eq!(words(path, "std::fs::write(a, b);\n"), none, "{path}");
        }
    }

    #[test]
    fn allowances_are_needed_and_have_a_reason() {
        let path = "crates/s6-portable-utils/src/tools/s6_rename.rs";
        assert_eq!(words(path, "sys::fs::rename(a, b)\n").len(), 0);
        assert_eq!(words(path, "\n"), ["0: fs::rename isn't there any more: forbid it again"]);
        assert!(ALLOWED.iter().all(|(_, words, why)| !words.is_empty() && why.len() > 10));
    }
}
