//! Graphs and new definitions: what is printed, and that what is written is sound.
#![expect(clippy::unwrap_used, reason = "an ordinary test program")]

#[path = "container/fixture.rs"]
mod fixture;

use dev::cli::{Outcome, run};
use dev::example;
use fixture::Is;
use std::fs;
use std::path::Path;

/// Twelve services: a bundle of the image's, a pipeline, oneshots, and edges that follow from others.
fn image() -> String {
    let mut text = String::new();
    let mut service = |name: &str, kind: &str, needs: &[&str], files: &[(&str, &str)]| {
        text.push_str(&format!("-- etc/s6-overlay/s6-rc.d/{name}/type --\n{kind}\n"));
        let program =
            if kind == "longrun" { "run 755 --\n#!/bin/sh\nexec daemon 2>&1" } else { "up --\ntrue" };
        text.push_str(&format!("-- etc/s6-overlay/s6-rc.d/{name}/{program}\n"));
        for need in [&["base"], needs].concat() {
            text.push_str(&format!("-- etc/s6-overlay/s6-rc.d/{name}/dependencies.d/{need} --\n"));
        }
        for (file, content) in files {
            text.push_str(&format!("-- etc/s6-overlay/s6-rc.d/{name}/{file} --\n{content}\n"));
        }
    };
    service("secrets", "oneshot", &[], &[]);
    service("postgres", "longrun", &["secrets"], &[]);
    service("redis", "longrun", &[], &[]);
    service("migrate", "oneshot", &["postgres", "secrets"], &[]);
    service("app", "longrun", &["migrate", "redis", "postgres"], &[]);
    service("worker@1", "longrun", &["app", "redis"], &[]);
    service("worker@2", "longrun", &["app", "redis"], &[]);
    service(
        "nginx",
        "longrun",
        &["app", "certificates"],
        &[("producer-for", "nginx-log"), ("wants.d/cron", "")],
    );
    service("nginx-log", "longrun", &[], &[("consumer-for", "nginx")]);
    service("certificates", "oneshot", &["secrets"], &[]);
    service("cron", "longrun", &[], &[]);
    service("a \"quoted\" <one>#", "longrun", &[], &[]);
    text.push_str("-- etc/s6-overlay/s6-rc.d/workers/type --\nbundle\n");
    for name in ["worker@1", "worker@2"] {
        text.push_str(&format!("-- etc/s6-overlay/s6-rc.d/workers/contents.d/{name} --\n"));
    }
    for name in ["workers", "nginx", "nginx-log", "cron"] {
        text.push_str(&format!("-- etc/s6-overlay/user-bundles.d/user/contents.d/{name} --\n"));
    }
    text
}

fn graph(top: &Path, options: &[&str]) -> Outcome {
    let mut args = vec!["s6-overlay-dev", "graph", top.to_str().unwrap()];
    args.extend(options);
    run(args.into_iter().map(Into::into))
}

/// Writes the image; names with blanks can't stand in an example's heads.
fn written() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let services = dir.path().join("etc/s6-overlay/s6-rc.d");
    example::write(&image().replace("a \"quoted\" <one>#", "odd"), dir.path()).unwrap();
    fs::rename(services.join("odd"), services.join("a \"quoted\" <one>#")).unwrap();
    dir
}

#[test]
fn every_form_of_a_graph() {
    let dir = written();
    for format in ["text", "dot", "mermaid", "svg", "json"] {
        let outcome = graph(dir.path(), &["--format", format]);
        assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{format}");
        insta::assert_snapshot!(format!("graph_{format}"), outcome.out);
    }
}

#[test]
fn the_guide_shows_what_is_drawn() {
    let dir = written();
    let services = dir.path().join("etc/s6-overlay/s6-rc.d");
    fs::rename(services.join("a \"quoted\" <one>#"), services.join("backup")).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/pictures/graph.svg");
    let drawn = graph(dir.path(), &["--format", "svg"]).out;
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(path, &drawn).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), drawn, "INSTA_UPDATE=always writes it");
    assert_eq!(graph(dir.path(), &["--format", "svg", "--check", path]).code, 0);
}

#[test]
fn parts_of_a_graph() {
    let dir = written();
    let out = |options: &[&str]| graph(dir.path(), options).out;
    let parts = [
        out(&["--of", "app", "--up"]),
        out(&["--of", "postgres", "--down", "--depth", "1"]),
        out(&["--of", "workers", "--up", "--depth", "1", "--all-edges"]),
    ];
    insta::assert_snapshot!(parts.join("-----\n"));
    let outcome = graph(dir.path(), &["--of", "postgrse"]);
    assert_eq!(
        (outcome.code, outcome.err.contains("did you mean postgres?")),
        (100, true),
        "{}",
        outcome.err
    );
}

#[test]
fn a_long_chain_is_survived() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for at in 0..3000 {
        text.push_str(&format!("-- etc/s6-overlay/s6-rc.d/s{at}/type --\noneshot\n"));
        text.push_str(&format!("-- etc/s6-overlay/s6-rc.d/s{at}/up --\ntrue\n"));
        text.push_str(&format!("-- etc/s6-overlay/s6-rc.d/s{at}/dependencies.d/s{} --\n", at + 1));
    }
    text.push_str(
        "-- etc/s6-overlay/s6-rc.d/s3000/type --\noneshot\n-- etc/s6-overlay/s6-rc.d/s3000/up --\ntrue\n",
    );
    example::write(&text, dir.path()).unwrap();
    let outcome = graph(dir.path(), &[]);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(outcome.out.contains("…\n") && outcome.out.len() < 100_000, "{}", outcome.out.len());
}

#[test]
fn what_runs_is_shown_with_its_state() {
    let dir = tempfile::tempdir().unwrap();
    let live = |format: &str| {
        let words = ["s6-overlay-dev", "graph", "--live", dir.path().to_str().unwrap(), "--format", format];
        run(words.map(Into::into))
    };
    let outcome = live("text");
    assert_eq!((outcome.code, outcome.out.as_str()), (111, ""));
    assert!(outcome.err.contains("unable to read the status board"), "{}", outcome.err);
    fixture::write(dir.path(), Is::Starting);
    insta::assert_snapshot!("live_starting", live("text").out);
    let dir_of = dir.path().join("s6-overlay");
    fs::remove_file(dir_of.join("board")).unwrap();
    assert_eq!(live("svg").code, 111, "the record alone doesn't say how anything is");
    fs::remove_dir_all(dir.path()).unwrap();
    fixture::write(dir.path(), Is::Running);
    for format in ["text", "svg", "json"] {
        let outcome = live(format);
        assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{format}");
        insta::assert_snapshot!(format!("live_{format}"), outcome.out);
    }
    for format in ["dot", "mermaid"] {
        let outcome = live(format);
        assert_eq!((outcome.code, outcome.out.as_str()), (100, ""), "{format}");
    }
}

#[test]
fn too_many_for_a_picture_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for at in 0..501 {
        let name = format!("etc/s6-overlay/s6-rc.d/s{at}");
        text.push_str(&format!("-- {name}/type --\noneshot\n-- {name}/up --\ntrue\n"));
        text.push_str(&format!("-- {name}/dependencies.d/s500 --\n").repeat(usize::from(at != 500)));
    }
    example::write(&text, dir.path()).unwrap();
    let outcome = graph(dir.path(), &["--format", "svg"]);
    assert_eq!((outcome.code, outcome.out.as_str()), (100, ""));
    assert!(outcome.err.contains("501 services are too many for a picture"), "{}", outcome.err);
    assert!(outcome.err.contains("--of, and --depth"), "{}", outcome.err);
    let outcome = graph(dir.path(), &["--format", "svg", "--of", "s0", "--depth", "1"]);
    assert_eq!((outcome.code, outcome.out.matches("<ellipse").count()), (0, 3), "two, and the legend's");
}

#[test]
fn a_picture_that_is_old_fails() {
    let dir = written();
    let file = dir.path().join("services.mmd");
    let options = ["--format", "mermaid", "--check", file.to_str().unwrap()];
    assert_eq!(graph(dir.path(), &options).code, 111, "there is none");
    fs::write(&file, graph(dir.path(), &options[..2]).out).unwrap();
    assert_eq!(graph(dir.path(), &options).code, 0);
    fs::write(dir.path().join("etc/s6-overlay/s6-rc.d/cron/dependencies.d/redis"), "").unwrap();
    assert_eq!(graph(dir.path(), &options).code, 1);
}

#[test]
fn what_is_new_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("rootfs");
    let new = |words: &[&str]| {
        let words = [&["s6-overlay-dev", "new", "--root", root.to_str().unwrap()], words].concat();
        run(words.into_iter().map(Into::into))
    };
    let outcome = new(&["web", "--logger", "--ready", "--user", "nobody"]);
    insta::assert_snapshot!(outcome.out.replace(dir.path().to_str().unwrap(), ""));
    assert_eq!(new(&["prepare", "--oneshot"]).code, 0);
    assert_eq!(new(&["plain"]).code, 0);
    assert_eq!(new(&["db", "--ready=listen 5432", "--ready=unix /run/db.sock"]).code, 0);
    let ready = fs::read_to_string(root.join("etc/s6-overlay/s6-rc.d/db/ready")).unwrap();
    assert!(ready.ends_with("\nlisten 5432\nunix /run/db.sock\n"), "{ready}");
    for wrong in ["--ready=port 80", "--ready=# listen 80", "--ready=listen 80\nlisten 81"] {
        let outcome = new(&["other", wrong]);
        assert!(outcome.code == 100 && outcome.err.contains("listen"), "{wrong}: {outcome:?}");
    }
    assert_eq!(new(&["worker@", "--instances=${WORKERS:-2}", "--logger", "--ready=listen 80"]).code, 0);
    let read = |file: &str| fs::read_to_string(root.join("etc/s6-overlay/s6-rc.d").join(file)).unwrap();
    assert!(read("worker@/instances").ends_with("\n${WORKERS:-2}\n"));
    assert_eq!(read("worker@/producer-for"), "worker-log@%i\n");
    for wrong in
        [&["job@"][..], &["job", "--instances=2"], &["job@", "--instances=-1"], &["job@", "--instances=$1"]]
    {
        let outcome = new(wrong);
        assert!(
            outcome.code == 100 && outcome.err.contains("job@") | outcome.err.contains("--instances"),
            "{outcome:?}"
        );
    }
    let check = ["s6-overlay-dev", "check", root.to_str().unwrap(), "--deny", "warnings", "--deny", "notes"];
    let checked = run(check.map(Into::into));
    assert_eq!((checked.code, checked.out.as_str()), (0, "nothing found\n"));
    // Nothing is written over, and nothing is half there.
    assert_eq!(new(&["web"]).code, 111);
    assert_eq!(new(&["../evil"]).code, 100);
    assert_eq!(new(&["s6rc-x"]).code, 100);
    assert!(!dir.path().join("evil").exists());
}
