//! Installations into temporary directories.

use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

const PROGRAMS: Programs<'_> = Programs { program: b"program", setuid: b"setuid" };
const ALL: Extras = Extras { symlinks: true, syslogd: true };

/// As [`contents`], without a tool table: a few things of each kind.
fn sample() -> Vec<(String, Wanted<'static>)> {
    let file = |content, mode, own| Wanted::File { content, mode, own };
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

/// Installs; gives how many things were made or replaced, or what was in the way.
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
fn an_older_program_and_modes_are_mended() {
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
fn what_is_in_the_way_is_named_and_nothing_is_changed() {
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
    // One that would lead out of the root, one that climbs, and one to a directory that isn't there yet.
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
fn a_failure_takes_back_what_was_made() {
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
fn two_at_a_time_are_one_too_many() {
    let top = tempfile::tempdir().unwrap();
    let _first = open(top.path());
    let why = Root::open(top.path().as_os_str().as_encoded_bytes()).unwrap_err();
    assert!(why.message().ends_with("is under way"), "{}", why.message());
}

#[test]
fn the_parts_are_what_was_asked_for() {
    let paths = |extras| -> Vec<String> {
        contents(&PROGRAMS, extras).unwrap().into_iter().map(|(path, _)| path).collect()
    };
    let (all, core) = (paths(ALL), paths(Extras { symlinks: false, syslogd: false }));
    let has = |paths: &[String], start: &str| paths.iter().any(|path| path.starts_with(start));
    assert!(has(&all, "usr/bin/s6-overlay") && !has(&core, "usr/"));
    assert!(has(&all, "etc/s6-overlay/s6-rc.d/syslogd") && !has(&core, "etc/s6-overlay/s6-rc.d/syslogd"));
    assert!(has(&core, "package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/top"));
    assert_eq!(all.last().map(String::as_str), Some("init"), "/init comes last");
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

#[test]
fn without_a_setuid_program_there_is_a_link() {
    let all = contents(&Programs { program: b"program", setuid: b"" }, ALL).unwrap();
    assert!(all.iter().all(|(_, wanted)| !matches!(wanted, Wanted::File { mode, .. } if mode & 0o4000 != 0)));
}
