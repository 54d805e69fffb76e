//! `migrate`: what it reports and writes.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Runs the program: the exit code, what is on standard output, and on standard error.
fn run(args: &[&str]) -> (u8, String, String) {
    let args = ["s6-overlay-dev", "migrate"].iter().chain(args).map(std::ffi::OsString::from);
    let outcome = dev::cli::run(args);
    (outcome.code, outcome.out, outcome.err)
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn what_would_change_is_reported_and_written_on_request() {
    let top = tempfile::tempdir().unwrap();
    let root = top.path().to_str().unwrap();
    write(
        top.path(),
        "etc/services.d/app/finish",
        "#!/usr/bin/execlineb -S1\nif { s6-test ${1} -ne 0 }\ns6-svscanctl -t /var/run/s6/services\n",
    );
    write(top.path(), "etc/s6-overlay/s6-rc.d/user/contents.d/hello", "");
    write(top.path(), "etc/s6/init/init-stage2", "");
    write(top.path(), "Dockerfile", "RUN /usr/bin/s6-echo x\n");
    let dry = run(&["--root", root, "Dockerfile"]);
    insta::assert_snapshot!(dry.1);
    assert_eq!((dry.0, dry.2.as_str()), (0, ""));
    let finish = top.path().join("etc/services.d/app/finish");
    assert!(fs::read_to_string(&finish).unwrap().contains("s6-test"), "without --write it is as it was");
    let (code, report, _) = run(&["--root", root, "--write", "Dockerfile"]);
    let all_but_last = |text: &str| text.trim_end().rsplit_once('\n').unwrap().0.to_owned();
    assert_eq!((code, all_but_last(&report)), (0, all_but_last(&dry.1)));
    assert!(!fs::read_to_string(&finish).unwrap().contains("s6-test"));
    assert_eq!(fs::metadata(&finish).unwrap().permissions().mode() & 0o111, 0o111);
    assert!(top.path().join("etc/s6-overlay/user-bundles.d/user/contents.d/hello").exists());
    let (_, again, _) = run(&["--root", root, "--write", "Dockerfile"]);
    assert!(again.ends_with("nothing to change; 1 for you to look at\n"), "{again}");
}

#[test]
fn what_cannot_be_read_is_said() {
    let (code, out, err) = run(&["--root", "/nonexistent"]);
    assert_eq!((code, out.as_str()), (111, ""));
    assert!(err.contains("unable to open /nonexistent: No such file or directory"), "{err}");
    let top = tempfile::tempdir().unwrap();
    let (code, out, err) = run(&["--root", top.path().to_str().unwrap(), "none", "../x"]);
    assert_eq!((code, out.as_str()), (111, "nothing to change\n"));
    assert_eq!(err.lines().count(), 2, "{err}");
    assert!(err.lines().all(|line| line.starts_with("s6-overlay-dev: warning: unable to ")), "{err}");
}
