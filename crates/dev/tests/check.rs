//! The command line: what is printed, and with which exit code.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "an ordinary test program")]

use dev::cli::{Outcome, run};
use dev::example;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// An image with several findings, of each severity, one with a name that has to be escaped everywhere.
const IMAGE: &str = "-- etc/s6-overlay/s6-rc.d/prepare/type --
oneshot
-- etc/s6-overlay/s6-rc.d/prepare/up --
mkdir /data && chown nobody /data
-- etc/s6-overlay/s6-rc.d/web/type --
longrun
-- etc/s6-overlay/s6-rc.d/web/run 755 --
#!/bin/sh
mkdir -p /run/web
web --foreground
-- etc/s6-overlay/s6-rc.d/web/timeout-kill --
10s
-- etc/s6-overlay/s6-rc.d/ä:,%/type --
oneshot
-- etc/s6-overlay/s6-rc.d/ä:,%/up --
-- etc/services.d/old/run 644 --
#!/bin/sh
exec old
-- etc/s6-overlay/user-bundles.d/user/contents.d/web --
-- etc/s6-overlay/user-bundles.d/user/contents.d/prepare --";

fn image(text: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    example::write(text, dir.path()).unwrap();
    dir
}

fn check(top: &Path, options: &[&str]) -> Outcome {
    let mut args = vec!["s6-overlay-dev", "check", top.to_str().unwrap()];
    args.extend(options);
    let mut outcome = run(args.into_iter().map(Into::into));
    for text in [&mut outcome.out, &mut outcome.err] {
        *text = text
            .replace(top.to_str().unwrap(), "rootfs")
            .replace(top.to_str().unwrap().trim_start_matches('/'), "rootfs");
    }
    outcome
}

#[test]
fn every_form_of_a_report() {
    let dir = image(IMAGE);
    for format in ["text", "concise", "json", "github", "gitlab", "junit"] {
        let outcome = check(dir.path(), &["--format", format]);
        assert_eq!((outcome.code, outcome.err.as_str()), (1, ""), "{format}");
        let stable = |line: &&str| !line.contains("fingerprint");
        insta::assert_snapshot!(format, outcome.out.lines().filter(stable).collect::<Vec<_>>().join("\n"));
        assert_eq!(check(dir.path(), &["--format", format]).out, outcome.out, "the same again");
    }
}

#[test]
fn sarif_is_what_its_schema_says() {
    let dir = image(IMAGE);
    let sarif: Value = serde_json::from_str(&check(dir.path(), &["--format", "sarif"]).out).unwrap();
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    let schema: Value = serde_json::from_str(include_str!("sarif-2.1.0.json")).unwrap();
    compiler.add_resource("sarif.json", schema).unwrap();
    let index = compiler.compile("sarif.json", &mut schemas).unwrap();
    if let Err(why) = schemas.validate(&sarif, index) {
        assert_eq!(why.to_string(), "");
    }
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().all(|result| result["partialFingerprints"]["s6OverlayDev/v1"].is_string()));
    assert!(results.iter().any(|result| result["fixes"][0]["artifactChanges"].is_array()));
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), dev::registry::LINTS.len());
}

#[test]
fn what_is_good_is_said_so() {
    let dir = image(
        "-- etc/s6-overlay/s6-rc.d/web/type --\nlongrun\n-- etc/s6-overlay/s6-rc.d/web/run 755 --\n#!/bin/sh\nexec web\n-- etc/s6-overlay/user-bundles.d/user/contents.d/web --",
    );
    let outcome = check(dir.path(), &[]);
    assert_eq!((outcome.code, outcome.out.as_str(), outcome.err.as_str()), (0, "nothing found\n", ""));
}

#[test]
fn what_is_allowed_and_denied() {
    let dir = image(IMAGE);
    let codes = |options: &[&str]| {
        let all = [&["--format", "json"], options].concat();
        let outcome = check(dir.path(), &all);
        let value: Value = serde_json::from_str(&outcome.out).unwrap();
        let one = |finding: &Value| {
            format!("{} {}", finding["code"].as_str().unwrap(), finding["severity"].as_str().unwrap())
        };
        (outcome.code, value["findings"].as_array().unwrap().iter().map(one).collect::<Vec<_>>())
    };
    let all = codes(&[]).1;
    assert!(all.contains(&"SO301 warning".to_owned()) && all.contains(&"SO702 note".to_owned()), "{all:?}");
    let (code, left) = codes(&["--allow", "SO1", "--allow", "SO2"]);
    assert_eq!((code, left), (0, vec!["SO301 warning".into(), "SO702 note".into()]));
    let (code, left) = codes(&["--allow", "SO1", "--allow", "SO2", "--deny", "warnings"]);
    assert_eq!((code, left[0].as_str()), (1, "SO301 error"));
    let (code, left) = codes(&["--allow", "SO1", "--allow", "SO2", "--deny", "SO3", "--warn", "SO301"]);
    assert_eq!((code, left[0].as_str()), (0, "SO301 warning"));
    assert_eq!(check(dir.path(), &["--allow", "SO999"]).code, 100);
}

#[test]
fn a_baseline_leaves_only_what_is_new() {
    let dir = image(IMAGE);
    let file = tempfile::tempdir().unwrap();
    let baseline = file.path().join("known.json");
    let options = ["--baseline", baseline.to_str().unwrap()];
    assert_eq!(check(dir.path(), &options).code, 0);
    assert_eq!(check(dir.path(), &options).out, "nothing found\n");
    // Another line in front doesn't make it new.
    let run = dir.path().join("etc/s6-overlay/s6-rc.d/web/run");
    fs::write(&run, "#!/bin/sh\n# a comment\nmkdir -p /run/web\nweb --foreground\n").unwrap();
    assert_eq!(check(dir.path(), &options).out, "nothing found\n");
    fs::write(dir.path().join("etc/s6-overlay/s6-rc.d/web/down-signal"), "none\n").unwrap();
    let outcome = check(dir.path(), &[options[0], options[1], "--format", "concise"]);
    assert!(
        outcome.out.starts_with("rootfs/etc/s6-overlay/s6-rc.d/web/down-signal: warning: "),
        "{}",
        outcome.out
    );
    assert_eq!(outcome.out.lines().count(), 1);
}

#[test]
fn fixes_are_carried_out_and_said() {
    let dir = image(IMAGE);
    let outcome = check(dir.path(), &["--fix", "--format", "concise"]);
    assert!(
        outcome.err.contains("fixed: rootfs/etc/services.d/old/run: SO103: chmod 755\n"),
        "{}",
        outcome.err
    );
    assert!(!outcome.out.contains("SO301") && !outcome.out.contains("SO103"), "{}", outcome.out);
    let run = fs::read_to_string(dir.path().join("etc/s6-overlay/s6-rc.d/web/run")).unwrap();
    assert_eq!(run, "#!/bin/sh\nmkdir -p /run/web\nexec web --foreground\n");
    assert_eq!(check(dir.path(), &["--unsafe"]).code, 100, "--unsafe is for --fix");
}

#[test]
fn hostile_trees_are_survived() {
    let dir = image(IMAGE);
    let services = dir.path().join("etc/s6-overlay/s6-rc.d");
    for (target, name) in [("loop", "loop"), ("..", "up"), ("/dev/zero", "web/finish"), ("web", "copy")] {
        std::os::unix::fs::symlink(target, services.join(name)).unwrap();
    }
    fs::create_dir(services.join("new\nline")).unwrap();
    fs::write(services.join("web/\u{1b}[31m"), "x").unwrap();
    let huge = fs::File::create(services.join("prepare/down")).unwrap();
    huge.set_len(1 << 32).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        services.join("web/notification-fd"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let outcome = check(dir.path(), &["--format", "concise"]);
    assert_eq!(outcome.code, 1, "{}", outcome.err);
    assert!(!outcome.out.contains('\u{1b}'), "no control character reaches a terminal");
    assert!(
        outcome.out.contains("new\\nline: error: a service name can't contain a newline"),
        "{}",
        outcome.out
    );
}

#[test]
fn what_is_below_is_used_and_not_reported() {
    let base = image(
        "-- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/top/type --\nbundle\n-- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/top/contents.d/user --\n-- bin/sh 755 --\n-- etc/s6-overlay/s6-rc.d/database/type --\nlongrun\n-- etc/s6-overlay/s6-rc.d/database/run 755 --\n#!/bin/sh\ndatabase\n",
    );
    let dir = image(
        "-- etc/s6-overlay/s6-rc.d/web/type --\nlongrun\n-- etc/s6-overlay/s6-rc.d/web/run 755 --\n#!/bin/sh\nexec web\n-- etc/s6-overlay/s6-rc.d/web/dependencies.d/database --\n-- etc/s6-overlay/s6-rc.d/web/dependencies.d/databse --\n-- etc/s6-overlay/user-bundles.d/user/contents.d/web --",
    );
    let outcome = check(dir.path(), &["--format", "concise", "--base", base.path().to_str().unwrap()]);
    let lines: Vec<_> = outcome.out.lines().collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].ends_with("undefined service name databse (did you mean database?) [SO201]"),
        "{lines:?}"
    );
    // Without the base, the name may be defined there.
    assert_eq!(check(dir.path(), &["--format", "concise"]).out, "");
}

#[test]
fn what_cannot_be_read_is_an_error_of_its_own() {
    assert_eq!(run(["s6-overlay-dev", "check", "/no/such"].map(Into::into)).code, 111);
    assert_eq!(run(["s6-overlay-dev", "no-such"].map(Into::into)).code, 100);
    assert_eq!(run(["s6-overlay-dev", "explain", "SO999"].map(Into::into)).code, 100);
    assert!(run(["s6-overlay-dev", "explain", "so301"].map(Into::into)).out.starts_with("# SO301: "));
    assert_eq!(
        run(["s6-overlay-dev", "explain"].map(Into::into)).out.lines().count(),
        dev::registry::LINTS.len()
    );
}
