//! `check --env`: which services would be in a container.
#![expect(clippy::unwrap_used, reason = "a test")]

use dev::cli::{Outcome, run};
use dev::example;
use std::fs;

/// What each condition's service is called, and its `only-if`.
const CONDITIONS: [(&str, &str); 7] = [
    ("cache", "memory >= 1G"),
    ("mailbox", "env MAILBOX"),
    ("probe", "memory >= 1G\ncap net_admin | ! pid1"),
    ("remote", "profile remote\nfile /config/remote.conf"),
    ("sh", "exec sh"),
    ("sync", "! env MAILBOX | env MODE=all"),
    ("web", "dir /var/www"),
];

fn image() -> tempfile::TempDir {
    let mut text = String::from(
        "-- var/www/ --\n-- etc/services.d/old/run 755 --\n#!/bin/sh\nexec old\n-- etc/services.d/old/only-if --\nenv OLD\n\
         -- etc/s6-overlay/s6-rc.d/ui/dependencies.d/mailbox --\n-- etc/s6-overlay/s6-rc.d/idle/type --\nlongrun\n\
         -- etc/s6-overlay/s6-rc.d/idle/run 755 --\n#!/bin/sh\nexec idle\n",
    );
    for (name, condition) in CONDITIONS.into_iter().chain([("ui", "")]) {
        let folder = format!("etc/s6-overlay/s6-rc.d/{name}");
        text += &format!("-- {folder}/type --\nlongrun\n-- {folder}/run 755 --\n#!/bin/sh\nexec {name}\n");
        text += &format!("-- etc/s6-overlay/user-bundles.d/user/contents.d/{name} --\n");
        if !condition.is_empty() {
            text += &format!("-- {folder}/only-if --\n{condition}\n");
        }
    }
    let top = tempfile::tempdir().unwrap();
    fs::create_dir(top.path().join("root")).unwrap();
    assert_eq!(example::write(&text, &top.path().join("root")).unwrap(), None);
    top
}

/// What is said of a container with these variables and facts.
fn foreseen(top: &tempfile::TempDir, env: &str, options: &[&str]) -> Outcome {
    let (root, file) = (top.path().join("root"), top.path().join("env"));
    fs::write(&file, env).unwrap();
    let words = ["s6-overlay-dev", "check", root.to_str().unwrap(), "--env", file.to_str().unwrap()];
    run(words.iter().chain(options).map(Into::into))
}

#[test]
fn what_would_be_in_a_container() {
    let top = image();
    let plain = foreseen(&top, "# nothing\n", &[]);
    assert_eq!((plain.code, plain.err.as_str()), (0, ""));
    let facts =
        ["--fact", "memory >= 1G", "--fact", "!pid1", "--fact", "tty", "--fact", "file /config/remote.conf"];
    let more =
        foreseen(&top, "MAILBOX=yes\nOLD=1\nS6_PROFILES=remote\nS6_ENABLE=idle\nS6_DISABLE=web\n", &facts);
    assert_eq!((more.code, more.err.as_str()), (0, ""));
    insta::assert_snapshot!(format!("{}--\n{}", plain.out, more.out));
}

#[test]
fn a_container_that_would_not_start() {
    let top = image();
    let required = foreseen(&top, "S6_REQUIRE=ui", &[]);
    assert_eq!(required.code, 1);
    assert!(
        required.out.contains("the container doesn't start: ui has to be in this container"),
        "{required:?}"
    );
    let perhaps = foreseen(&top, "S6_REQUIRE=cache", &[]);
    assert!(
        perhaps.code == 0 && perhaps.out.contains("the container may not start: cache has to be"),
        "{perhaps:?}"
    );
    let legacy = foreseen(&top, "S6_REQUIRE=old", &[]);
    assert!(legacy.code == 1 && legacy.out.contains("old has to be in this container"), "{legacy:?}");
    let unknown = foreseen(&top, "S6_DISABLE=webb", &[]);
    assert!(unknown.code == 1 && unknown.out.contains("SO410"), "{unknown:?}");
}

#[test]
fn too_much_that_is_unknown_is_said() {
    let top = image();
    let lines: Vec<_> = (1..=11).map(|n| format!("tty | memory >= {n}G")).collect();
    fs::write(top.path().join("root/etc/s6-overlay/s6-rc.d/ui/only-if"), lines.join("\n")).unwrap();
    let outcome = foreseen(&top, "MAILBOX=1", &[]);
    assert!(outcome.code == 111 && outcome.err.contains("--fact: "), "{outcome:?}");
    assert_eq!(foreseen(&top, "MAILBOX=1", &["--fact", "tty"]).code, 0);
    assert_eq!(foreseen(&top, "", &["--strict"]).code, 100);
}
