//! The files of definitions, and what they become.

use super::overrides::{Elsewhere, Overrides, Subject};
use super::service_policy::ServicePolicy;
use super::{FILES, Folder, check_directory, main_in, read, reject};
use crate::diagnostic::Diagnostic;
use crate::word_files::is_program;
use crate::word_files::tests::{Files, directory, path};
use proptest::prelude::*;
use rustix::fs::CWD;
use wire::restart_policy::{Consequence, Ends, RestartPolicy};

/// What a definition with these files means, and what is wrong with it.
fn policy(files: Files<'_>) -> (Option<ServicePolicy>, Vec<String>) {
    let dir = directory(files);
    let folder = Folder::open(CWD, path(&dir), b"web".to_vec()).unwrap();
    let mut findings = Vec::new();
    let policy = read(&folder, &mut findings).unwrap();
    (policy, findings.iter().map(|f| format!("{:?}: {f}", f.severity)).collect())
}

/// A set of ends in the words of a file.
fn words(ends: &Ends) -> String {
    let codes = (0..=255).filter(|n| ends.has_code(*n)).map(|n| n.to_string());
    let signals = (1..=64).filter(|n| ends.has_signal(*n));
    codes
        .chain(signals.map(|n| sys::signal::name(n.into()).unwrap_or(format!("SIG{n}"))))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A record in which nothing but what differs from the standard is named.
fn shown(record: &RestartPolicy) -> String {
    let standard = RestartPolicy::default();
    let mut parts = Vec::new();
    let mut part = |name: &str, differs: bool, value: String| {
        if differs {
            parts.push(format!("{name} {value}"));
        }
    };
    part("restart", record.restart != standard.restart, format!("{:?}", record.restart));
    let delay = record.delay.map(|d| format!("{}-{} x{} ±{}", d.first, d.max, d.factor, d.jitter));
    part("delay", record.delay.is_some(), delay.unwrap_or_default());
    let limit = record.limit.map(|l| format!("{} in {:?}", l.count, l.window));
    part("limit", record.limit.is_some(), limit.unwrap_or_default());
    part("reset", record.reset != standard.reset, record.reset.to_string());
    part("success", record.success != standard.success, words(&record.success));
    part("never on", record.never_on != standard.never_on, words(&record.never_on));
    part("failure:", record.on_failure != standard.on_failure, consequence(&record.on_failure));
    part("success:", record.on_success != standard.on_success, consequence(&record.on_success));
    if parts.is_empty() { "as without".into() } else { parts.join(", ") }
}

fn consequence(consequence: &Consequence) -> String {
    match consequence {
        Consequence::Run(argv) => {
            let argv: Vec<_> = argv.iter().map(|word| String::from_utf8_lossy(word)).collect();
            format!("run {argv:?}")
        }
        other => format!("{other:?}"),
    }
}

fn transcript(cases: &[Files<'_>]) -> String {
    let mut lines = Vec::new();
    for files in cases {
        let names: Vec<_> = files.iter().map(|(name, text)| format!("{name} {text:?}")).collect();
        lines.push(names.join(", "));
        let (policy, findings) = policy(files);
        lines.extend(policy.map(|policy| format!("  {}", shown(&policy.record))));
        lines.extend(findings.iter().map(|finding| format!("  {finding}")));
    }
    lines.join("\n")
}

#[test]
fn each_file_means_what_the_page_says() {
    let text = transcript(&[
        &[("run", "")],
        &[("restart", "on-failure\n")],
        &[("restart", "always")],
        &[("restart-delay", "500")],
        &[("restart-delay", "500"), ("restart-delay-max", "30000")],
        &[("restart-delay-max", "600000")],
        &[("restart-delay-max", "8000"), ("restart-factor", "1.25"), ("restart-jitter", "0")],
        &[("restart-delay-max", "8000"), ("restart-factor", "10")],
        &[("restart-delay-max", "8000"), ("restart-factor", "1.5")],
        &[("restart-jitter", "100")],
        &[("restart-limit", "5")],
        &[("restart-limit", "32/4294967")],
        &[("restart-limit", "5/60"), ("restart-reset", "1000")],
        &[("restart-limit", "65535")],
        &[("restart-limit", "0")],
        &[("success-exit", "# ends that we ask for\n0 143 SIGTERM\n1-3 hup 255")],
        &[("success-exit", "none")],
        &[("restart-never-on", "78 SIGILL")],
        &[("on-failure", "stop\n")],
        &[("on-failure", "nothing")],
        &[("on-failure", "stop 7"), ("restart-limit", "3")],
        &[("on-failure", "stop-dependents"), ("restart-never-on", "1")],
        &[("on-failure", "run /bin/tell me   everything\r\n"), ("restart", "on-failure"), ("finish", "")],
        &[("on-failure", "stop"), ("restart-limit", "0"), ("finish", "")],
        &[("on-success", "stop 0"), ("restart", "never")],
        &[("main", "")],
        &[("main", "\n# the container is for this\n"), ("on-failure", "stop 3")],
        &[("main", ""), ("restart", "never"), ("on-success", "stop"), ("success-exit", "0 SIGTERM")],
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn every_mistake_has_its_place_and_what_to_write() {
    let text = transcript(&[
        &[("restart", "")],
        &[("restart", "allways")],
        &[("restart", "on failure")],
        &[("restart", "\n  yes")],
        &[("restart-delay", "1s")],
        &[("restart-delay", "soon")],
        &[("restart-delay", "-1")],
        &[("restart-delay", "4294967295")],
        &[("restart-delay-max", "1000 ms")],
        &[("restart-factor", "0.99"), ("restart-delay-max", "2000")],
        &[("restart-factor", "10.01"), ("restart-delay-max", "2000")],
        &[("restart-factor", "1.234"), ("restart-delay-max", "2000")],
        &[("restart-factor", "1,5"), ("restart-delay-max", "2000")],
        &[("restart-factor", "2.-1"), ("restart-delay-max", "2000")],
        &[("restart-jitter", "10%")],
        &[("restart-jitter", "101")],
        &[("restart-limit", "five")],
        &[("restart-limit", "70000")],
        &[("restart-limit", "33/60")],
        &[("restart-limit", "0/60")],
        &[("restart-limit", "5/0")],
        &[("restart-limit", "5/1m")],
        &[("restart-limit", "5/4294968")],
        &[("restart-reset", "a minute")],
        &[("success-exit", "")],
        &[("success-exit", "0 256")],
        &[("success-exit", "0, 1")],
        &[("success-exit", "3-1")],
        &[("success-exit", "0\n0 SIGTREM")],
        &[("success-exit", "SIG")],
        &[("restart-never-on", "0 78")],
        &[("restart-never-on", "78 SIGTERM"), ("success-exit", "SIGTERM")],
        &[("on-failure", "")],
        &[("on-failure", "halt")],
        &[("on-failure", "stop-dependants")],
        &[("on-failure", "stop 256")],
        &[("on-failure", "stop 1 2")],
        &[("on-failure", "nothing more")],
        &[("on-failure", "run")],
        &[("on-failure", "run tell me")],
        &[("on-failure", "run /bin/tell \"me\"")],
        &[("on-failure", "run /a\0b")],
        &[("main", "yes")],
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn files_are_bounded() {
    let error = |file, text: &str| policy(&[(file, text)]).1.pop().unwrap_or_default();
    assert_eq!(error("success-exit", &"7 ".repeat(400)), "");
    let long = "Error: web/success-exit:1:801: more than 400 words (write ranges, such as 1-255) [SO315]";
    assert_eq!(error("success-exit", &"7 ".repeat(401)), long);
    // With the NUL behind each word, 1024 bytes.
    assert_eq!(error("on-failure", &format!("run /{} y", "x".repeat(1020))), "");
    let long = error("on-failure", &format!("run /{} y", "x".repeat(1021)));
    assert!(
        long.starts_with("Error: web/on-failure:1:5: the command line is longer than 1024 bytes"),
        "{long}"
    );
}

#[test]
fn what_files_contradict_in_each_other_is_an_error() {
    let text = transcript(&[
        &[("restart-delay", "2000"), ("restart-delay-max", "1999")],
        &[("restart-delay-max", "999")],
        &[("restart-factor", "3")],
        &[("restart-factor", "3"), ("restart-delay", "5000"), ("restart-delay-max", "5000")],
        &[
            ("restart", "never"),
            ("restart-delay", "1"),
            ("restart-delay-max", "2"),
            ("restart-factor", "2"),
            ("restart-jitter", "1"),
            ("restart-limit", "1"),
            ("restart-reset", "1"),
            ("restart-never-on", "1"),
        ],
        &[("main", ""), ("restart-limit", "3")],
        &[("main", ""), ("restart", "always"), ("on-success", "nothing"), ("on-failure", "run /x")],
        &[("on-success", "stop")],
        &[("on-success", "stop"), ("restart", "always")],
        &[("on-failure", "stop"), ("restart", "on-failure")],
        &[("on-failure", "stop"), ("restart-limit", "0")],
        &[("on-failure", "stop"), ("restart-reset", "5000")],
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn a_program_of_such_a_name_is_left_alone() {
    assert!(
        is_program(b"#!/bin/sh\n") && is_program(b"\x7fELF\x02") && !is_program(b"# sh") && !is_program(b"")
    );
    let text = transcript(&[&[("restart", "#!/bin/sh\nreboot\n"), ("main", "\x7fELF")]]);
    insta::assert_snapshot!(text);
}

#[test]
fn a_service_without_a_daemon_has_none_of_the_files() {
    let dir = directory(&FILES.map(|file| (file, "")));
    let folder = Folder::open(CWD, path(&dir), b"web".to_vec()).unwrap();
    let mut findings = Vec::new();
    reject(&folder, "oneshot", &mut findings).unwrap();
    assert_eq!(findings.len(), 12);
    let text =
        "web/restart: a oneshot has no daemon that could end (remove it, or write longrun into type) [SO315]";
    assert_eq!(findings.first().unwrap().to_string(), text);
}

/// What the variables say.
fn parse(restart: &str, on_failure: &str) -> Result<Overrides, Vec<Diagnostic>> {
    Overrides::parse(("S6_RESTART", restart.as_bytes()), ("S6_ON_FAILURE", on_failure.as_bytes()))
}

/// What variables make of a service.
fn overridden(files: Files<'_>, restart: &str, on_failure: &str, of: Subject<'_>) -> String {
    let overrides = match parse(restart, on_failure) {
        Ok(overrides) => overrides,
        Err(findings) => return findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "),
    };
    let (policy, findings) = policy(files);
    assert_eq!(findings, [""; 0]);
    let mut policy = policy.map(Box::new);
    match overrides.apply(of, &mut policy) {
        Ok(()) => policy.map_or("none".to_owned(), |policy| shown(&policy.record)),
        Err(finding) => finding.to_string(),
    }
}

#[test]
fn variables_are_merged_over_the_files() {
    let web = Subject { name: b"web", finish: false, own: false };
    let cases: &[(Files<'_>, &str, &str)] = &[
        (&[], "", ""),
        (&[], "other=never", "other=stop"),
        (&[], "web=never", ""),
        (&[], "web=on-failure:5/60", ""),
        (&[], "web=on-failure:0", ""),
        (&[], " *=always:3 ", ""),
        (&[], "*=always:3 web=on-failure:1", ""),
        (&[], "", "web=stop"),
        (&[], "", "web=stop:4"),
        (&[], "", "web=nothing"),
        (&[], "", "*=run:/bin/tell:web"),
        (&[], "web=on-failure:5/60", "web=stop"),
        (&[], "web=on-failure", "web=stop"),
        (&[("restart-limit", "3")], "*=never", ""),
        (&[("restart-limit", "3")], "web=on-failure", ""),
        (&[("restart-limit", "3")], "web=never", ""),
        (&[("restart-limit", "3")], "", "web=stop"),
        (&[("restart", "always")], "", "web=stop"),
        (&[("restart-delay", "70000")], "", "*=stop"),
        (&[("restart-never-on", "78")], "", "*=stop"),
        (&[("on-failure", "stop 3")], "", "*=stop"),
        (&[("on-failure", "stop 3")], "", "web=nothing"),
        (&[("main", "")], "*=always", "*=nothing"),
        (&[("main", "")], "web=on-failure:3", ""),
    ];
    let mut lines: Vec<_> = cases
        .iter()
        .map(|(files, restart, on_failure)| {
            format!("{files:?} {restart:?} {on_failure:?}\n  {}", overridden(files, restart, on_failure, web))
        })
        .collect();
    let finish = Subject { finish: true, ..web };
    lines.push(format!("finish: {}", overridden(&[], "*=on-failure", "web=stop", finish)));
    let own = Subject { own: true, ..web };
    lines.push(format!("the overlay's own: {}", overridden(&[], "*=never", "*=stop", own)));
    lines.push(format!("the overlay's own by its name: {}", overridden(&[], "web=never", "", own)));
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_word_of_a_variable_that_cannot_be_understood_is_an_error() {
    let web = Subject { name: b"web", finish: false, own: false };
    let lines: Vec<_> = [
        ("web", ""),
        ("=never", ""),
        ("web=", ""),
        ("web=nver", ""),
        ("web=never:5", ""),
        ("web=always:5:6", ""),
        ("web=always:5/1m", ""),
        ("web=never web=always", ""),
        ("", "web=halt"),
        ("", "web=stop:300"),
        ("", "web=run"),
        ("x", "y z"),
    ]
    .iter()
    .map(|(restart, on_failure)| {
        format!("{restart:?} {on_failure:?}\n  {}", overridden(&[], restart, on_failure, web))
    })
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn names_that_nothing_has_are_errors() {
    let overrides = parse("ngnix=never *=always old=never", "all=stop task=stop nginx=stop x=stop").unwrap();
    let names: [(&[u8], _); 3] = [(b"nginx", None), (b"task", Some("oneshot")), (b"all", Some("bundle"))];
    let mut findings = Vec::new();
    let elsewhere = [b"old".to_vec()];
    let check = |grows, findings: &mut Vec<_>| {
        overrides.check_names(names.into_iter(), Elsewhere { names: &elsewhere, grows }, findings);
    };
    check(true, &mut findings);
    assert_eq!(findings.len(), 2, "those that are defined, and aren't daemons");
    findings.clear();
    check(false, &mut findings);
    insta::assert_snapshot!(findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_main_service_of_a_source_is_found() {
    let source = tempfile::tempdir().unwrap();
    let find = || main_in(path(&source)).unwrap();
    let write = |file: &str, text: &str| std::fs::write(source.path().join(file), text).unwrap();
    assert_eq!((find(), main_in(b"/no/such/source").unwrap()), (None, None));
    for name in ["a", "b", "c"] {
        std::fs::create_dir(source.path().join(name)).unwrap();
        write(&format!("{name}/run"), "");
    }
    write("README", "");
    write("a/main", "#!/bin/sh\n");
    std::fs::create_dir(source.path().join("b/main")).unwrap();
    assert_eq!(find(), None, "a program and a directory have the name by chance");
    write("c/main", "");
    assert_eq!(find(), Some([path(&source), b"/c"].concat()));
}

#[test]
fn a_service_directory_gets_the_record_if_its_files_are_sound() {
    let record = |dir: &tempfile::TempDir| std::fs::read(dir.path().join("restart-policy")).ok();
    let none = Overrides::default();
    let (from, to) =
        (directory(&[("run", ""), ("restart-limit", "3")]), directory(&[("restart-policy", "old")]));
    assert!(check_directory(path(&from), path(&to), Some(&none)).unwrap().is_sound());
    let packed = RestartPolicy::unpack(&record(&to).unwrap()).unwrap();
    assert_eq!(shown(&packed), "limit 3 in None");

    let (from, to) = (directory(&[("run", "")]), directory(&[]));
    let checked = check_directory(path(&from), path(&to), Some(&none)).unwrap();
    assert!(checked.is_sound() && !checked.main && record(&to).is_none());
    let all = parse("", "*=stop").unwrap();
    assert!(check_directory(path(&from), path(&to), Some(&all)).unwrap().is_sound());
    assert!(record(&to).is_some());

    for (text, main) in [("stop-dependents", false), ("hold", false)] {
        let (from, to) = (directory(&[("on-failure", text)]), directory(&[]));
        let checked = check_directory(path(&from), path(&to), Some(&none)).unwrap();
        assert_eq!((checked.is_sound(), checked.main, checked.diagnostics.len()), (false, main, 1), "{text}");
        assert!(record(&to).is_none());
    }
    let (from, to) = (directory(&[("main", "")]), directory(&[]));
    assert!(check_directory(path(&from), path(&to), Some(&none)).unwrap().main);
}

proptest! {
    #[test]
    fn hostile_files_are_errors_or_records_that_can_be_packed(texts in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..30)), 12)) {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in FILES.iter().zip(texts) {
            if let Some(text) = text {
                std::fs::write(dir.path().join(file), text).unwrap();
            }
        }
        let folder = Folder::open(CWD, path(&dir), b"web".to_vec()).unwrap();
        let mut findings = Vec::new();
        if let Some(policy) = read(&folder, &mut findings).unwrap() {
            prop_assert!(policy.record.pack().is_some() || !findings.is_empty(), "a sound definition has a record");
        }
    }
}
