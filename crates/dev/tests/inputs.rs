//! Where an image is read from: directories, archives, layouts, standard input.
#![expect(clippy::unwrap_used, reason = "an ordinary test program")]

#[path = "support/archives.rs"]
mod support;

use dev::cli::{Outcome, run};
use std::fs;
use std::path::Path;
use support::{Archive, archived, check, config, gzip, layout, saved, service, with_input};
use tempfile::TempDir;

/// Of [`service`]'s shell that stays.
const STAYS: &str = "/etc/s6-overlay/s6-rc.d/web/run:2:1: warning: the shell stays in front of web";

fn checked(path: &Path, options: &[&str]) -> Outcome {
    let args =
        [&["s6-overlay-dev", "check", path.to_str().unwrap(), "--format", "concise"], options].concat();
    run(args.into_iter().map(Into::into))
}

/// A file with these contents.
fn file(bytes: &[u8]) -> (TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image");
    fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[test]
fn a_root_directory_in_an_archive() {
    let plain = Archive::new().example(&service("web", "")).bytes();
    let compressed = [plain.clone(), gzip(&plain), xz(&plain), zstd(&plain)];
    for archive in compressed {
        let (code, out, err) = check(&archive, &[]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.starts_with(STAYS), "{out}");
        let (_dir, path) = file(&archive);
        assert_eq!(checked(&path, &[]).out, out, "the same from a file");
    }
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    std::io::Write::write_all(&mut writer, bytes).unwrap();
    writer.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn layers_are_laid_over_each_other() {
    let below = Archive::new()
        .example(&format!("{}\n{}\n{}", service("web", ""), service("gone", ""), service("old", "")))
        .bytes();
    let above = Archive::new()
        .file("etc/s6-overlay/s6-rc.d/.wh.gone", 0o644, "")
        .file("etc/s6-overlay/user-bundles.d/user/contents.d/.wh.gone", 0o644, "")
        // Whatever stands first: this layer's own files stay.
        .file("etc/s6-overlay/s6-rc.d/old/type", 0o644, "oneshot\n")
        .file("etc/s6-overlay/s6-rc.d/old/up", 0o644, "true\n")
        .file("etc/s6-overlay/s6-rc.d/old/.wh..wh..opq", 0o644, "")
        .link("opt", "etc/s6-overlay/s6-rc.d/web")
        .bytes();
    // A name through a link, and another name of a file of the same layer.
    let top = Archive::new()
        .file("opt/finish", 0o755, "#!/bin/sh\necho ended\n")
        .file("kept", 0o755, "#!/bin/sh\nexec web\n")
        .name_of("etc/s6-overlay/s6-rc.d/web/run", "kept")
        .bytes();
    let two = saved(&[below.clone(), gzip(&above)], &config("amd64", "/init"));
    let (code, out, err) = check(&two, &[]);
    assert_eq!((code, out.lines().count(), err.as_str()), (0, 1, ""), "{out}");
    assert!(out.starts_with(STAYS), "{out}");
    let three = saved(&[below, above, top], &config("amd64", "/init"));
    assert_eq!(check(&three, &[]), (0, String::new(), String::new()));
}

#[test]
fn a_layout_in_a_directory_or_an_archive() {
    let layer = gzip(&Archive::new().example(&service("web", "")).bytes());
    let files = layout(&[("amd64", vec![layer])]);
    let dir = tempfile::tempdir().unwrap();
    for (name, data) in &files {
        fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        fs::write(dir.path().join(name), data).unwrap();
    }
    let outcome = checked(dir.path(), &[]);
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""));
    assert!(outcome.out.starts_with(STAYS), "{}", outcome.out);
    assert_eq!(check(&archived(&files), &[]).1, outcome.out);
    let graph = with_input(&["graph", "-"], &archived(&files));
    assert_eq!(String::from_utf8(graph.stdout).unwrap(), "user\n└─ web\n");
    // A part that isn't there.
    fs::remove_file(dir.path().join("blobs/sha256/amd640")).unwrap();
    let outcome = checked(dir.path(), &[]);
    assert_eq!(outcome.code, 111);
    assert!(outcome.err.contains("blobs/sha256/amd640: "), "{}", outcome.err);
}

#[test]
fn an_image_of_several_platforms() {
    let one = |name| vec![Archive::new().example(&service(name, "")).bytes()];
    let files = layout(&[("amd64", one("intel")), ("arm64", one("arm"))]);
    for (platform, found) in [("linux/arm64", "arm"), ("amd64", "intel")] {
        let (code, out, err) = check(&archived(&files), &["--platform", platform]);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains(&format!("/{found}/run:2:1: ")), "{out}");
        assert!(err.ends_with(" of linux/amd64, linux/arm64\n"), "{err}");
    }
    let (code, out, err) = check(&archived(&files), &["--platform", "linux/vax"]);
    assert_eq!((code, out.as_str()), (111, ""));
    assert_eq!(
        err,
        "s6-overlay-dev: fatal: unable to read -: there is no image for linux/vax in it, only for linux/amd64, linux/arm64\n"
    );
}

#[test]
fn the_configuration_is_the_archive_s_unless_another_is_given() {
    let layer = Archive::new().example(&service("web", "exec ")).bytes();
    let shell = saved(std::slice::from_ref(&layer), &config("amd64", "/sbin/tini"));
    let (code, out, _) = check(&shell, &[]);
    assert!(out.starts_with("image: ") && out.contains("[SO601]"), "{code} {out}");
    let (_dir, path) =
        file(b"FROM x\nENTRYPOINT [\"/init\"]\nENV S6_BEHAVIOUR_IF_STAGE2_FAILS=2\nHEALTHCHECK CMD true\n");
    assert_eq!(check(&shell, &["--config", path.to_str().unwrap()]), (0, String::new(), String::new()));
    let nothing = saved(&[layer], "{\"config\": null}");
    assert_eq!(check(&nothing, &["--allow", "SO6"]), (0, String::new(), String::new()));
}

#[test]
fn a_base_is_any_of_these() {
    let base = Archive::new()
        .example(&format!(
            "-- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/top/type --\nbundle\n-- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/top/contents.d/user --\n-- bin/sh 755 --\n{}",
            service("database", "")
        ))
        .bytes();
    let dir = tempfile::tempdir().unwrap();
    let text =
        format!("{}\n-- etc/s6-overlay/s6-rc.d/web/dependencies.d/databse --", service("web", "exec "));
    dev::example::write(&text, dir.path()).unwrap();
    for base in [base.clone(), saved(std::slice::from_ref(&base), &config("amd64", "/sbin/tini"))] {
        let (_dir, path) = file(&base);
        let outcome = checked(dir.path(), &["--base", path.to_str().unwrap()]);
        assert_eq!(outcome.code, 1, "{}", outcome.err);
        assert!(outcome.out.ends_with("databse (did you mean database?) [SO201]\n"), "{}", outcome.out);
        assert_eq!(outcome.out.lines().count(), 1, "{}", outcome.out);
        let args = ["check", dir.path().to_str().unwrap(), "--base", "-", "--format", "concise"];
        assert_eq!(String::from_utf8(with_input(&args, &base).stdout).unwrap(), outcome.out);
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let archive = Archive::new().example(&service("web", "")).bytes();
    let (code, out, err) = check(&archive, &["--fix"]);
    assert_eq!((code, out.as_str()), (100, ""));
    assert!(err.contains("- isn't a directory, so nothing in it is fixed"), "{err}");
    for options in [&["--base", "-"][..], &["--config", "-"]] {
        let (code, _, err) = check(&archive, options);
        assert_eq!((code, err.as_str()), (100, "s6-overlay-dev: fatal: standard input can be read once\n"));
    }
    assert_eq!(checked(Path::new("/dev/null"), &[]).code, 111);
    assert_eq!(check(b"", &[]).0, 111);
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    assert!(checked(&text, &[]).err.contains("it is no archive"));
}

#[test]
fn what_would_be_mended_is_shown_as_a_patch() {
    let text = "-- etc/s6-overlay/s6-rc.d/web/type --\nlongrun\n-- etc/s6-overlay/s6-rc.d/web/run 755 --\n#!/bin/sh\nweb --foreground\n-- etc/s6-overlay/s6-rc.d/web/depends.d/base --\n-- etc/services.d/old/run 644 --\n#!/bin/sh\nexec old\n-- etc/s6-overlay/user-bundles.d/user/contents.d/web --";
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().join("rootfs");
    fs::create_dir(&top).unwrap();
    dev::example::write(text, &top).unwrap();
    let checked = checked(&top, &["--diff", "--unsafe"]);
    let place = dir.path().to_str().unwrap().strip_prefix('/').unwrap();
    let patch = checked.out.replace(&format!("{place}/"), "");
    insta::assert_snapshot!("patch", patch);
    assert_eq!(checked.code, run_code(&top), "the exit code is that without it");
    // It is what git takes, and what --fix does.
    let copy = dir.path().join("copy");
    fs::create_dir_all(copy.join("rootfs")).unwrap();
    dev::example::write(text, &copy.join("rootfs")).unwrap();
    fs::write(copy.join("patch"), patch).unwrap();
    let git = std::process::Command::new("git").args(["apply", "patch"]).current_dir(&copy).status().unwrap();
    assert!(git.success());
    let fixed = self::checked(&top, &["--fix", "--unsafe"]);
    assert_eq!(fixed.err.lines().count(), 4, "{}", fixed.err);
    let list = |top: &Path| {
        let args = ["-c", "cd \"$1\" && find . -type f -printf '%p %m ' -exec cat {} + | sort", "sh"];
        std::process::Command::new("sh").args(args).arg(top).output().unwrap().stdout
    };
    assert_eq!(list(&top), list(&copy.join("rootfs")));
}

fn run_code(top: &Path) -> u8 {
    checked(top, &[]).code
}
