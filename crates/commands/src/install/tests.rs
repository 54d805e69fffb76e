//! Installations into temporary directories.

use super::*;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

const PROGRAMS: Programs<'_> = Programs { program: b"program", setuid: b"setuid", version: b"version" };
const ALL: Extras = Extras { symlinks: true, syslogd: true };

/// A few entries of each kind, as from [`contents`].
fn sample() -> Vec<(String, Wanted<'static>)> {
    let file = |content, mode, is_program| Wanted::File { content, mode, is_program };
    let home = "package/admin/s6-overlay-1/command";
    vec![
        (format!("{home}/s6-overlay"), file(PROGRAMS.program, 0o755, true)),
        (format!("{home}/s6-overlay-suexec"), file(PROGRAMS.setuid, 0o4755, true)),
        ("command/s6-x".into(), Wanted::Link("../package/admin/s6-overlay/command/s6-overlay".into())),
        ("etc/s6-overlay/type".into(), file(b"bundle\n", 0o644, false)),
        ("etc/s6-overlay/s6-rc.d".into(), Wanted::Directory),
        ("package/admin/s6-overlay".into(), Wanted::Link("s6-overlay-1".into())),
        ("usr/bin/s6-x".into(), Wanted::Link("../../command/s6-x".into())),
        ("init".into(), Wanted::Link("package/admin/s6-overlay/command/s6-overlay".into())),
    ]
}

fn open(top: &Path) -> Root {
    Root::open(top.as_os_str().as_encoded_bytes()).unwrap()
}

/// Installs; returns how many steps that took, or what is in the way.
fn install(top: &Path, force: bool) -> Result<usize, Vec<String>> {
    let root = open(top);
    let plan = Plan::new(&root, sample(), force).unwrap();
    if !plan.obstacles.is_empty() {
        return Err(plan.obstacles.iter().map(|(path, what)| format!("{path}: {what:?}")).collect());
    }
    plan.carry_out(&root).unwrap();
    Ok(plan.steps.len())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Every path below `top`.
fn listing(top: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![top.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            found.push(entry.path().strip_prefix(top).unwrap().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn everything_is_where_it_belongs_and_a_second_time_changes_nothing() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    assert_eq!(install(top, false), Ok(8));
    for path in ["init", "command/s6-x", "usr/bin/s6-x"] {
        assert_eq!(fs::read(top.join(path)).unwrap(), b"program", "{path}");
    }
    let suexec = top.join("package/admin/s6-overlay/command/s6-overlay-suexec");
    let expected = if rustix::process::geteuid().is_root() { 0o4755 } else { 0o755 };
    assert_eq!(mode(&suexec), expected);
    assert_eq!((mode(&top.join("command")), mode(&top.join("etc/s6-overlay/s6-rc.d"))), (0o755, 0o755));
    assert_eq!(mode(&top.join("etc/s6-overlay/type")), 0o644);
    let before = listing(top);
    assert!(before.iter().all(|path| !path.contains(".s6-overlay-install")));
    assert_eq!(install(top, false), Ok(0));
    assert_eq!(listing(top), before);
}

#[test]
fn another_release_and_wrong_modes_are_replaced() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    install(top, false).unwrap();
    let program = top.join("package/admin/s6-overlay-1/command/s6-overlay");
    fs::write(&program, "older program").unwrap();
    let file = top.join("etc/s6-overlay/type");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(install(top, false), Ok(2));
    assert_eq!((fs::read(program).unwrap().as_slice(), mode(&file)), (&b"program"[..], 0o644));
}

#[test]
fn obstacles_are_named_and_nothing_is_changed() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    fs::write(top.join("init"), "another init").unwrap();
    fs::write(top.join("usr"), "no directory").unwrap();
    fs::create_dir_all(top.join("command/s6-x")).unwrap();
    let before = listing(top);
    let foreign = "init: Foreign(\"a file of the image\")".to_owned();
    let others = ["command/s6-x: Directory".to_owned(), "usr/bin/s6-x: Blocked(\"usr\")".to_owned()].to_vec();
    assert_eq!(install(top, false), Err([others.clone(), vec![foreign]].concat()));
    assert_eq!(install(top, true), Err(others));
    assert_eq!(listing(top), before);
    fs::remove_file(top.join("usr")).unwrap();
    fs::remove_dir(top.join("command/s6-x")).unwrap();
    assert!(install(top, true).is_ok());
    assert_eq!(fs::read(top.join("init")).unwrap(), b"program");
}

#[test]
fn links_to_directories_are_followed_inside_the_root() {
    let top = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let top = top.path();
    // A link out of the root, a link with `..` above the root, and a link to a missing directory.
    symlink(outside.path(), top.join("usr")).unwrap();
    fs::create_dir(top.join("opt")).unwrap();
    symlink("../../../opt", top.join("command")).unwrap();
    symlink("/data/etc", top.join("etc")).unwrap();
    install(top, false).unwrap();
    assert!(listing(outside.path()).is_empty());
    let inside = top.join(outside.path().strip_prefix("/").unwrap()).join("bin/s6-x");
    assert_eq!(fs::read_link(inside).unwrap(), Path::new("/command/s6-x"));
    let command = fs::read_link(top.join("opt/s6-x")).unwrap();
    assert_eq!(command, Path::new("/package/admin/s6-overlay/command/s6-overlay"));
    assert_eq!(fs::read(top.join("data/etc/s6-overlay/type")).unwrap(), b"bundle\n");
    assert_eq!(install(top, false), Ok(0));
    symlink("loop", top.join("loop")).unwrap();
    assert!(open(top).find("loop/x", &Wanted::Directory).is_err());
}

#[test]
fn after_a_failure_what_was_made_is_removed() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    fs::create_dir(top.join("etc")).unwrap();
    let root = open(top);
    let plan = Plan::new(&root, sample(), false).unwrap();
    // After the plan was made: a file where it needs a directory.
    fs::write(top.join("usr"), "in the way").unwrap();
    let why = plan.carry_out(&root).unwrap_err();
    assert!(why.message().ends_with("usr/bin/s6-x: Not a directory"), "{}", why.message());
    assert_eq!(listing(top), ["etc", "usr"]);
}

#[test]
fn a_second_installation_at_the_same_time_is_refused() {
    let top = tempfile::tempdir().unwrap();
    let _first = open(top.path());
    let why = Root::open(top.path().as_os_str().as_encoded_bytes()).unwrap_err();
    assert!(why.message().ends_with("is under way"), "{}", why.message());
}

#[test]
fn optional_parts_are_installed_only_on_request() {
    // This crate's tests have no table of all commands.
    tool::set_table(|name| crate::subcommands::find(b"help").map(|c| c.tool).filter(|_| name == b"s6-svc"));
    let paths = |extras| -> Vec<String> {
        contents(&PROGRAMS, extras).unwrap().into_iter().map(|(path, _)| path).collect()
    };
    let (all, core) = (paths(ALL), paths(Extras { symlinks: false, syslogd: false }));
    let has = |paths: &[String], start: &str| paths.iter().any(|path| path.starts_with(start));
    assert!(has(&all, "usr/bin/s6-svc") && !has(&core, "usr/bin/s6-svc"));
    assert!(has(&core, "usr/bin/s6-overlay"), "for people");
    assert!(has(&all, "etc/s6-overlay/s6-rc.d/syslogd") && !has(&core, "etc/s6-overlay/s6-rc.d/syslogd"));
    assert!(has(&core, "package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/top"));
    assert_eq!(all.last().map(String::as_str), Some("init"), "/init comes last");
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn without_a_setuid_program_there_is_a_link() {
    let all = contents(&Programs { setuid: b"", ..PROGRAMS }, ALL).unwrap();
    assert!(all.iter().all(|(_, wanted)| !matches!(wanted, Wanted::File { mode, .. } if mode & 0o4000 != 0)));
}
