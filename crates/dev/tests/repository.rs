//! What a repository says of itself: check.toml, its Dockerfile, and where its files are.
#![expect(clippy::unwrap_used, reason = "a test")]

use dev::cli::{Outcome, run};
use dev::example;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const IMAGE: &str = "-- docker/rootfs/etc/s6-overlay/s6-rc.d/web/type --
longrun
-- docker/rootfs/etc/s6-overlay/s6-rc.d/web/run 755 --
#!/bin/sh
echo begins
web --föö bar && exit
web
-- docker/rootfs/etc/s6-overlay/user-bundles.d/user/contents.d/web --
-- docker/rootfs/etc/services.d/old/run 755 --
#!/bin/sh
exec old
-- docker/Dockerfile --
FROM alpine
ADD s6-overlay-noarch.tar.xz /
ENV S6_KEEPENV=1 \\
    S6_KILL_GRACETIME=5s S6_SERVICES_READYTIME=50
# s6-overlay: allow(SO407): it is only for tests
ENV DB_PASSWORD=secret
ENTRYPOINT /init
-- .git/HEAD --
ref: refs/heads/main
";

fn repository() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    example::write(&IMAGE.replace("\\\\\n", "\\\n"), dir.path()).unwrap();
    dir
}

fn check(top: &Path, options: &[&str]) -> Outcome {
    let (rootfs, dockerfile) = (top.join("docker/rootfs"), top.join("docker/Dockerfile"));
    let mut args: Vec<String> = ["s6-overlay-dev", "check"].map(str::to_owned).into();
    args.extend([
        rootfs.to_str().unwrap().to_owned(),
        "--config".into(),
        dockerfile.to_str().unwrap().into(),
    ]);
    args.extend(options.iter().map(|option| (*option).to_owned()));
    let mut outcome = run(args.into_iter().map(Into::into));
    for text in [&mut outcome.out, &mut outcome.err] {
        for name in [top.to_path_buf(), fs::canonicalize(top).unwrap()] {
            *text = text.replace(&format!("{}/", name.display()), "");
        }
    }
    outcome
}

#[test]
fn a_dockerfile_s_lines_are_the_places() {
    let dir = repository();
    let outcome = check(dir.path(), &[]);
    assert_eq!(outcome.err, "");
    insta::assert_snapshot!(outcome.out);
}

#[test]
fn a_dockerfile_is_mended() {
    let dir = repository();
    let outcome = check(dir.path(), &["--fix", "--unsafe", "--format", "concise"]);
    insta::assert_snapshot!(fs::read_to_string(dir.path().join("docker/Dockerfile")).unwrap());
    assert_eq!(outcome.out, "", "{}", outcome.err);
    let service = dir.path().join("docker/rootfs/etc/s6-overlay/s6-rc.d/old");
    assert_eq!(fs::read_to_string(service.join("type")).unwrap(), "longrun\n");
    assert!(service.join("run").exists() && service.join("dependencies.d/base").exists());
}

#[test]
fn settings_at_the_root_of_the_repository_count() {
    let dir = repository();
    let settings = dir.path().join("check.toml");
    let text = "[allow]\n\"SO301\" = [\"etc/s6-overlay/s6-rc.d/*/run\"]\n\"SO702\" = [\"etc/services.d/*\"]\n\
                \"SO4\" = [\"Dockerfile\"]\n";
    fs::write(&settings, text).unwrap();
    let outcome = check(dir.path(), &[]);
    assert_eq!(outcome.code, 100);
    let what = "check.toml:4:1: there is no lint SO4: write \"SO702\" = [\"etc/services.d/**\"]";
    assert!(outcome.err.starts_with(&format!("s6-overlay-dev: fatal: {what}")), "{}", outcome.err);
    let text =
        text.replace("SO4", "SO404") + "\"SO601\" = [\"Dockerfile\", \"opt/**\"]\n\"SO606\" = [\"image\"]\n";
    fs::write(&settings, text).unwrap();
    let outcome = check(dir.path(), &["--format", "concise", "--allow", "SO402", "--allow", "SO403"]);
    assert_eq!(outcome.out, "check.toml:5:26: warning: nothing is SO601 here (remove it) [SO000]\n");
    assert_eq!(outcome.code, 0);
    // Those of another file take its place.
    let other = dir.path().join("other.toml");
    fs::write(&other, "").unwrap();
    let outcome = check(dir.path(), &["--settings", other.to_str().unwrap(), "--format", "concise"]);
    assert!(outcome.out.contains("[SO601]") && !outcome.out.contains("[SO000]"), "{}", outcome.out);
    assert_eq!(check(dir.path(), &["--settings", "/no/such"]).code, 111);
}

#[test]
fn files_are_named_as_in_the_repository() {
    let dir = repository();
    let map = ["--map", "/=docker/rootfs", "--map", "etc/services.d=legacy"];
    for (format, expected) in [
        ("github", ["file=docker/rootfs/etc/s6-overlay/s6-rc.d/web/run,line=4,", "file=legacy/old,"]),
        (
            "gitlab",
            ["\"path\": \"docker/rootfs/etc/s6-overlay/s6-rc.d/web/run\"", "\"path\": \"legacy/old\""],
        ),
        (
            "sarif",
            ["\"uri\": \"docker/rootfs/etc/s6-overlay/s6-rc.d/web/run\"", "\"uri\": \"legacy/old/type\""],
        ),
    ] {
        let outcome = check(dir.path(), &[&["--format", format][..], &map].concat());
        for text in expected {
            assert!(outcome.out.contains(text), "{text}:\n{}", outcome.out);
        }
    }
    assert_eq!(check(dir.path(), &["--map", "etc"]).code, 100);
}

#[test]
fn a_fingerprint_is_the_same_wherever_the_image_is() {
    let fingerprints = |dir: &TempDir, options: &[&str]| {
        let outcome = check(dir.path(), &[&["--format", "json"][..], options].concat());
        let value: Value = serde_json::from_str(&outcome.out).unwrap();
        let list = value["findings"].as_array().unwrap().clone();
        list.iter().map(|finding| finding["fingerprint"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (one, other) = (repository(), repository());
    assert_eq!(fingerprints(&one, &[]), fingerprints(&other, &["--map", "/=docker"]));
}

#[test]
fn statistics_are_counts() {
    let dir = repository();
    let outcome = check(dir.path(), &["--stats"]);
    assert_eq!(outcome.code, 1);
    insta::assert_snapshot!(outcome.out);
    assert_eq!(check(dir.path(), &["--stats", "--format", "json"]).code, 100);
}
