//! Log directories that rotate while they are read.

use super::*;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

fn refuse(_: &'static str, _: OwnedFd) -> Result<(OwnedFd, Pid), Errno> {
    Err(Errno::NOENT)
}

fn source(dir: &Path, file: &[u8]) -> Source {
    Source::open(b"web", dir.as_os_str().as_bytes(), file).unwrap()
}

/// All lines that there are at the moment.
fn lines(source: &mut Source, follows: bool) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        source.advance(follows, &Zone::UTC, &refuse);
        let Some(line) = source.next.take() else { return all };
        let more = if line.continues { "+" } else { "" };
        all.push(format!("{more}{}", String::from_utf8_lossy(&line.text)));
    }
}

fn archive(second: u64) -> String {
    let at = Tai64n { seconds: (1 << 62) + second, nanos: 0 };
    format!("{}.s", String::from_utf8_lossy(&at.label()))
}

#[test]
fn archives_come_first_and_the_current_file_last() {
    let tmp = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(tmp.path().join(name), text).unwrap();
    write(&archive(2), b"c\nd\n");
    write(&archive(1), b"a\nb\n");
    write(&archive(3), b"\x1f\x8bcompressed");
    write("state", b"no log");
    write("current", b"e\nno end");
    let mut log = source(tmp.path(), CURRENT);
    for _ in 0..2 {
        assert_eq!(lines(&mut log, false), ["a", "b", "c", "d", "e", "no end"]);
        log.rewind();
    }
    log.skip_all_but(3, &refuse);
    assert_eq!(lines(&mut log, false), ["c", "d", "e", "no end"]);
    let mut log = source(tmp.path(), CURRENT);
    log.skip_before(Tai64n { seconds: (1 << 62) + 2, nanos: 0 });
    assert_eq!(lines(&mut log, false), ["c", "d", "e", "no end"]);
}

#[test]
fn a_followed_log_has_each_line_once_across_rotations() {
    for is_processed in [false, true] {
        let tmp = tempfile::tempdir().unwrap();
        let path = |name: &str| tmp.path().join(name);
        let (current, mut count) = (path("current"), 0_u64);
        let mut log = source(tmp.path(), CURRENT);
        let mut seen = Vec::new();
        // Up to three rotations between two looks.
        for rotations in [0, 1, 2, 1, 0, 3, 1] {
            for _ in 0..=rotations {
                count += 1;
                let had = std::fs::read(&current).unwrap_or_default();
                std::fs::write(&current, [&had, format!("{count}\n").as_bytes()].concat()).unwrap();
                if rotations == 0 {
                    continue;
                }
                if is_processed {
                    // What a processor has made is another file.
                    std::fs::copy(&current, path(&archive(count))).unwrap();
                    std::fs::remove_file(&current).unwrap();
                } else {
                    std::fs::rename(&current, path(&archive(count))).unwrap();
                }
            }
            if rotations > 0 {
                std::fs::write(&current, "").unwrap();
            }
            seen.extend(lines(&mut log, true));
            let all: Vec<String> = (1..=count).map(|n| n.to_string()).collect();
            assert_eq!(seen, all, "{is_processed}");
        }
    }
}

#[test]
fn kept_lines_are_followed_across_rotations() {
    let tmp = tempfile::tempdir().unwrap();
    let path = |name: &str| tmp.path().join(name);
    std::fs::write(path("web%old"), "1\n").unwrap();
    std::fs::write(path("web"), "@400000006553f12500001388 2\n@400000006553f12500001388+more\n").unwrap();
    let mut log = source(tmp.path(), b"web");
    assert_eq!(lines(&mut log, true), ["1", "2", "+more"]);
    std::fs::rename(path("web"), path("web%old")).unwrap();
    std::fs::write(path("web"), "3\n").unwrap();
    assert_eq!(lines(&mut log, true), ["3"]);
}

#[test]
fn hostile_files_are_cut_or_refused() {
    let tmp = tempfile::tempdir().unwrap();
    std::fs::write(tmp.path().join("secret"), "secret\n").unwrap();
    symlink("secret", tmp.path().join(archive(1))).unwrap();
    std::fs::create_dir(tmp.path().join(archive(2))).unwrap();
    std::fs::write(tmp.path().join("current"), vec![b'x'; 10 << 20]).unwrap();
    let mut log = source(tmp.path(), CURRENT);
    let all = lines(&mut log, false);
    assert_eq!(
        (all.len(), all.iter().map(|l| l.trim_start_matches('+').len()).sum::<usize>()),
        (160, 10 << 20)
    );
    assert!(all.iter().skip(1).all(|line| line.starts_with('+')));
    std::fs::remove_file(tmp.path().join("current")).unwrap();
    symlink("secret", tmp.path().join("current")).unwrap();
    assert!(Source::open(b"web", tmp.path().as_os_str().as_bytes(), CURRENT).is_err());
}
