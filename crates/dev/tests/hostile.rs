//! Images that were made to do harm: they are refused with a reason, or survived.
#![expect(clippy::disallowed_methods, reason = "an ordinary test program")]

#[path = "support/archives.rs"]
mod support;

use dev::archive::{self, Room};
use dev::cli::run;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use support::{Archive, archived, check, config, gzip, layout, saved, service};
use tar::EntryType;

/// What a service without a fault says: nothing.
fn good() -> Archive {
    Archive::new().example(&service("web", "exec "))
}

#[track_caller]
fn is_survived(archive: &[u8]) {
    let (code, out, err) = check(archive, &["--allow", "notes"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
}

#[track_caller]
fn is_refused(archive: &[u8], why: &str) {
    let (code, out, err) = check(archive, &[]);
    assert_eq!((code, out.as_str()), (111, ""), "{err}");
    assert!(err.starts_with("s6-overlay-dev: fatal: unable to read -: ") && err.contains(why), "{err}");
    assert!(!err.trim_end().contains(|c: char| c.is_control()), "{err:?}");
}

#[test]
fn names_that_lead_out() {
    is_refused(&good().file("../../etc/passwd", 0o644, "x").bytes(), "../../etc/passwd leads out of it");
    is_refused(&good().name_of("a", "../../../etc/passwd").bytes(), "../../../etc/passwd leads out of it");
    // From the root of the archive, as for tar.
    is_survived(&good().file("/etc/motd", 0o644, "x").file("./etc/./x", 0o644, "").directory("./").bytes());
    let linked = good()
        .link("etc/s6-overlay/s6-rc.d/web/finish", "/../../../../../../proc/self/environ")
        .link("out", "../../../..")
        .file("out/file", 0o644, "x");
    is_survived(&linked.bytes());
}

#[test]
fn links_in_a_circle() {
    let circle = good().link("a", "b").link("b", "a").link("etc/s6-overlay/s6-rc.d/web/finish", "/a/x");
    is_survived(&circle.bytes());
    let circle = good().link("a", "b").link("b", "a");
    is_refused(&circle.file("a/x", 0o644, "x").bytes(), "a/x: Too many levels of symbolic links");
    is_survived(&good().link("etc/s6-overlay/s6-rc.d/again", ".").bytes());
    let names = good().name_of("x", "y").bytes();
    is_refused(&names, "x: No such file or directory");
    is_refused(&good().name_of("x", "etc").bytes(), "x: Is a directory");
}

#[test]
fn thousands_of_links_one_after_the_other() {
    let mut archive = good();
    for n in 0..5000 {
        archive = archive.link(&format!("l{n}"), &format!("l{}/.//./l{}", n + 1, n + 1));
    }
    is_survived(&archive.bytes());
}

#[test]
fn the_same_name_again_and_again() {
    let name = "etc/s6-overlay/s6-rc.d/web/run";
    let mut archive = good();
    for kind in [EntryType::Directory, EntryType::Fifo, EntryType::Char, EntryType::Block] {
        archive = archive.raw(kind, name.as_bytes(), 0o644, b"", b"");
        archive = archive.file(name, 0o755, "#!/bin/sh\nweb\n").file(&format!("{name}/below"), 0o644, "");
    }
    // The last one counts.
    is_survived(&archive.file(name, 0o755, "#!/bin/sh\nexec web\n").bytes());
}

#[test]
fn devices_and_what_else_is_no_file() {
    let web = b"etc/s6-overlay/s6-rc.d/web/";
    let archive = good()
        .raw(EntryType::Char, &[&web[..], b"notification-fd"].concat(), 0o666, b"", b"")
        .raw(EntryType::Fifo, &[&web[..], b"timeout-up"].concat(), 0o666, b"", b"")
        .raw(EntryType::new(b'V'), b"volume", 0o644, b"", b"")
        .raw(EntryType::XGlobalHeader, b"g", 0o644, b"", b"11 a=b\n");
    is_survived(&archive.bytes());
}

#[test]
fn what_a_terminal_would_act_on() {
    let name = "etc/s6-overlay/s6-rc.d/\u{1b}[31m\nred";
    let archive = good()
        .file(&format!("{name}/type"), 0o644, "\u{1b}[2Jlongrun\n")
        .raw(EntryType::Regular, b"etc/s6-overlay/s6-rc.d/\xff\xfe/type", 0o644, b"", b"oneshot\n")
        .bytes();
    for format in ["text", "concise", "json", "sarif", "github", "gitlab", "junit"] {
        let output = support::with_input(&["check", "-", "--format", format], &archive);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{format}: {text:?}");
    }
    let output = support::with_input(&["check", "-", "--diff", "--unsafe"], &archive);
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stdout.contains(&0x1b));
    is_refused(&good().file("../\u{1b}[31m", 0o644, "").bytes(), "leads out of it");
}

#[test]
fn what_was_cut_off() {
    let plain = good().bytes();
    let (short, packed) = (plain.len() - 1024, gzip(&plain));
    for cut in [1, 511, 512, 513, 1000, short - 1, short] {
        is_refused(plain.get(..cut).unwrap(), "");
    }
    for cut in [1, 5, 20, packed.len() / 2, packed.len() - 9] {
        is_refused(packed.get(..cut).unwrap(), "");
    }
    let image = archived(&layout(&[("amd64", vec![packed.get(..packed.len() / 2).unwrap().to_vec()])]));
    is_refused(&image, "blobs/sha256/amd640: ");
}

#[test]
fn sizes_that_lie() {
    // Up to the end of the archive, and beyond.
    let lie = |size: u64| {
        good().odd(EntryType::Regular, b"short", |header| {
            header.set_path("file").unwrap();
            header.set_size(size);
        })
    };
    for size in [1 << 20, 1 << 33, u64::MAX >> 1] {
        is_refused(&lie(size).bytes(), "");
    }
    // A file of an exbibyte, all of it a hole.
    let sparse = good().odd(EntryType::GNUSparse, b"", |header| {
        header.set_path("sparse").unwrap();
        let gnu = header.as_gnu_mut().unwrap();
        let octal = |field: &mut [u8; 12], value: u64| {
            *field = format!("{value:011o}\0").into_bytes().try_into().unwrap()
        };
        octal(&mut gnu.realsize, (1 << 33) - 1);
        octal(&mut gnu.sparse[0].offset, (1 << 33) - 1);
        octal(&mut gnu.sparse[0].numbytes, 0);
    });
    is_survived(&sparse.bytes());
}

#[test]
fn names_without_an_end() {
    let long = vec![b'a'; 2 << 20];
    for kind in [EntryType::GNULongName, EntryType::GNULongLink, EntryType::XHeader] {
        let archive = good().raw(kind, b"././@LongLink", 0o644, b"", &long).file("x", 0o644, "");
        is_refused(&archive.bytes(), "a name in it is too long");
    }
    let deep = "d/".repeat(2500);
    let archive = good().raw(EntryType::GNULongName, b"././@LongLink", 0o644, b"", deep.as_bytes());
    is_refused(&archive.directory("x").bytes(), "a name in it is too long");
    let deep = "d/".repeat(2000);
    let archive = good().raw(EntryType::GNULongName, b"././@LongLink", 0o644, b"", deep.as_bytes());
    is_survived(&archive.directory("x").bytes());
}

#[test]
fn bombs_have_no_room() {
    let zeros = good().file("zeros", 0o644, vec![0; 8 << 20]).bytes();
    let bomb = gzip(&zeros);
    let read = |bytes: &[u8], room: &Room| archive::read(&mut &*bytes, None, room).map(|_| ());
    // What isn't looked at needs no room in memory; all of it is counted.
    assert_eq!(read(&bomb, &Room::new(1 << 24, 1 << 14, 99)), Ok(()));
    assert!(read(&bomb, &Room::new(1 << 22, 1 << 20, 99)).unwrap_err().contains("too big"));
    // In another archive, too.
    let image = saved(&[bomb.clone(), bomb], &config("amd64", "/init"));
    assert_eq!(read(&gzip(&image), &Room::new(1 << 26, 1 << 15, 99)), Ok(()));
    assert!(read(&gzip(&image), &Room::new(1 << 24, 1 << 15, 99)).unwrap_err().contains("too big"));
    let scripts = good().file("etc/big", 0o644, vec![b'x'; 1 << 20]).bytes();
    assert!(read(&scripts, &Room::new(1 << 24, 1 << 19, 99)).unwrap_err().contains("too many scripts"));
    let many = (0..100).fold(good(), |archive, n| archive.file(&n.to_string(), 0o644, ""));
    assert!(read(&many.bytes(), &Room::new(1 << 24, 1 << 19, 99)).unwrap_err().contains("too many files"));
}

#[test]
fn images_that_lie() {
    let layer = good().bytes();
    let json = |config: &[u8]| {
        let manifest = r#"[{"Config": "c.json", "Layers": ["l.tar"]}]"#;
        Archive::new().file("c.json", 0o644, config).file("l.tar", 0o644, &layer).file(
            "manifest.json",
            0o644,
            manifest,
        )
    };
    is_refused(&json(b"{\"config\": {\"User\": \"\xff\"}}").bytes(), "c.json: ");
    is_refused(&json(b"[").bytes(), "c.json: ");
    is_refused(&json(&[b"{\"a\": ".repeat(1000), b"0".to_vec()].concat()).bytes(), "recursion limit");
    is_refused(&json(b"no JSON").bytes(), "c.json isn't in it");
    let other = |manifest: &str| good_parts(manifest);
    is_refused(
        &other(r#"[{"Config": "c.json", "Layers": ["../../m.tar"]}, 7]"#),
        "../../m.tar: it isn't there",
    );
    is_refused(&other(r#"[{"Config": "c.json", "Layers": ["c.json"]}]"#), "c.json: it is no layer");
    is_refused(&other("[]"), "there is no image in it");
    let many = vec!["\"l.tar\""; 1001].join(",");
    is_refused(&other(&format!("[{{\"Config\": \"c.json\", \"Layers\": [{many}]}}]")), "1001 layers");
    // Layers that are names of each other.
    let circle = Archive::new().link("a.tar", "b.tar").link("b.tar", "a.tar").file("c.json", 0o644, "{}");
    let manifest = r#"[{"Config": "c.json", "Layers": ["a.tar"]}]"#;
    is_refused(&circle.file("manifest.json", 0o644, manifest).bytes(), "a.tar: it isn't there");
    // A root directory with such a file in it is none.
    is_survived(&good().file("manifest.json", 0o644, "{\"x\": 1}").bytes());
}

fn good_parts(manifest: &str) -> Vec<u8> {
    let parts = Archive::new().file("c.json", 0o644, "{}").file("l.tar", 0o644, good().bytes());
    parts.file("manifest.json", 0o644, manifest).bytes()
}

#[test]
fn whiteouts_of_everything() {
    let layer = good()
        .file(".wh.", 0o644, "")
        .file(".wh..", 0o644, "")
        .file(".wh..wh.plnk", 0o644, "")
        .file("none/.wh.none", 0o644, "")
        .file("none/.wh..wh..opq", 0o644, "")
        .bytes();
    let above = Archive::new().file(".wh..wh..opq", 0o644, "").file(".wh.etc", 0o644, "").bytes();
    is_survived(&saved(&[layer.clone(), layer.clone()], &config("amd64", "/init")));
    is_survived(&saved(&[layer, above.clone(), above], &config("amd64", "/init")));
}

#[test]
fn a_directory_full_of_traps() {
    let dir = tempfile::tempdir().unwrap();
    dev::example::write(&service("web", "exec "), dir.path()).unwrap();
    let etc = dir.path().join("etc");
    let services = etc.join("s6-overlay/s6-rc.d");
    // 100,000 files where scripts are, and where nothing is looked for.
    fs::create_dir(etc.join("many")).unwrap();
    for n in 0..100_000 {
        fs::File::create(etc.join(format!("many/{n}"))).unwrap();
    }
    for n in 0..3000 {
        symlink(format!("{}", n + 1), services.join(n.to_string())).unwrap();
    }
    // Deeper than a path may be long.
    let mut deep =
        rustix::fs::open(services.join("web"), rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty())
            .unwrap();
    for _ in 0..3000 {
        rustix::fs::mkdirat(&deep, "d", rustix::fs::Mode::RWXU).unwrap();
        deep = rustix::fs::openat(&deep, "d", rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    }
    fs::create_dir(services.join(std::ffi::OsStr::from_bytes(b"\xff\xfe"))).unwrap();
    let sparse = fs::File::create(services.join("web/finish")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let args = ["s6-overlay-dev", "check", dir.path().to_str().unwrap(), "--format", "concise"];
    let outcome = run(args.map(Into::into));
    assert!(outcome.code <= 1, "{}", outcome.err);
    assert!(outcome.out.lines().count() < 3100, "{}", outcome.out.len());
    // What removes the directory can't go so deep.
    let status = std::process::Command::new("rm").arg("-rf").arg(services.join("web/d")).status().unwrap();
    assert!(status.success());
}

#[test]
fn paths_that_are_no_files() {
    for path in ["/dev/zero", "/dev/null", "/proc/self/root/no"] {
        let outcome = run(["s6-overlay-dev", "check", path].map(Into::into));
        assert_eq!(outcome.code, 111, "{path}");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("oci-layout"), "{}").unwrap();
    symlink("/etc/passwd", dir.path().join("index.json")).unwrap();
    assert_eq!(run(["s6-overlay-dev", "check", dir.path().to_str().unwrap()].map(Into::into)).code, 0);
    assert!(Path::new("/etc/passwd").exists());
}
