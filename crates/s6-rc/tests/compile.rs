//! The compiler on small sources: what it accepts, what it reports, what it writes.

#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "support/sources.rs"]
mod sources;

use rustix::fs::CWD;
use rustix::io::Errno;
use s6_rc::compile::{Report, Variables, check, compile, compile_with_bundles};
use s6_rc::condition::{Facts, Switches};
use s6_rc::database::Body;
use s6_rc::diagnostic::Severity;
use s6_rc::format::decode;
use s6_rc::restart_policy::{Elsewhere, Overrides};
use sources::Sources;
use std::os::fd::OwnedFd;
use tool::Fatal;
use wire::restart_policy::{Consequence, Limit, Restart, RestartPolicy};

fn open(path: &[u8]) -> Result<OwnedFd, Errno> {
    files::open_dir(CWD, path)
}

/// A container that has nothing.
struct Empty;

impl Facts for Empty {
    fn variable(&self, _: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
        Ok(None)
    }

    fn run(&self, _: &[Vec<u8>]) -> Result<bool, Fatal> {
        Err(Fatal::new(1, "nobody answers"))
    }
}

impl Sources {
    fn compile(&self) -> Report {
        compile(&self.bytes("c"), &[self.bytes("s")]).unwrap()
    }

    /// The findings of this severity, without the path of the temporary directory.
    fn findings(&self, severity: Severity) -> Vec<String> {
        let report = check(&[self.bytes("s")], &[], None, open).unwrap();
        self.said(&report, |found| found == severity)
    }

    fn errors(&self) -> Vec<String> {
        self.findings(Severity::Error)
    }
}

#[test]
fn an_empty_source_is_a_warning_to_the_compiler_but_not_at_boot() {
    let s = Sources::new(&[("one/type", "oneshot"), ("one/up", "true"), ("../empty/.hidden/type", "x")]);
    std::fs::write(s.path().join("empty/README"), "").unwrap();
    let sources = [s.bytes("s"), s.bytes("empty")];
    let texts = |report: Report| report.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>();
    let empty = format!(
        "{}/empty: the source is empty: it holds no definition directory [SO125]",
        s.path().display()
    );
    let found = texts(compile(&s.bytes("c"), &sources).unwrap());
    assert!(found.contains(&empty), "{found:?}");
    for bundles in [&[][..], &[&b"user"[..]]] {
        let found = texts(
            compile_with_bundles(Some(&s.bytes(&format!("c{}", bundles.len()))), &sources, bundles, None)
                .unwrap(),
        );
        assert!(!found.contains(&empty), "{found:?}");
    }
}

const RUN: &str = "#!/bin/sh\nexec sleep 9\n";

#[test]
fn implied_bundles_need_no_type_and_no_directory() {
    let s = Sources::new(&[("one/type", "oneshot"), ("one/up", "true"), ("user/contents.d/one", "")]);
    assert!(s.compile().database.is_none());
    let report =
        compile_with_bundles(Some(&s.bytes("c")), &[s.bytes("s")], &[b"user", b"user2"], None).unwrap();
    let database = report.database.unwrap();
    let contents = |name: &[u8]| database.atomics(name).map(|ids| ids.len());
    assert_eq!((contents(b"user"), contents(b"user2")), (Some(1), Some(0)));
}

#[test]
fn a_whole_source_becomes_a_database_and_service_directories() {
    let s = Sources::new(&[
        ("a/type", "oneshot"),
        ("a/up", "echo up"),
        ("a/.gitkeep", ""),
        ("l/type", "longrun\n"),
        ("l/run", RUN),
        ("l/notification-fd", "3"),
        ("l/dependencies.d/a", "some text"),
        ("l/dependencies.d/.gitkeep", ""),
        ("l/data/f", "x"),
        ("l/helper", ""),
        ("user/type", "bundle\n"),
        ("user/contents.d/l", ""),
        ("user/contents.d/.gitkeep", ""),
    ]);
    let database = s.compile().database.unwrap();
    let names: Vec<_> = database.services().iter().map(|s| String::from_utf8_lossy(&s.name)).collect();
    assert_eq!(names, ["s6rc-fdholder", "s6rc-oneshot-runner", "l", "a"]);
    assert_eq!(database.service(2).unwrap().dependencies, [3]);
    assert_eq!(database.atomics(b"user"), Some(vec![2]));
    let c = s.path().join("c");
    assert_eq!(decode(&std::fs::read(c.join("db")).unwrap()).as_ref(), Ok(&database));
    assert_eq!(std::fs::read_to_string(c.join("servicedirs/l/run")).unwrap(), RUN);
    assert_eq!(std::fs::read_to_string(c.join("servicedirs/l/notification-fd")).unwrap(), "3\n");
    assert_eq!(std::fs::read_to_string(c.join("servicedirs/l/data/f")).unwrap(), "x");
    assert!(!c.join("servicedirs/l/helper").exists());
    assert!(!c.join("servicedirs/s6rc-oneshot-runner").exists());
}

#[test]
fn every_error_of_a_run_is_reported_with_its_place() {
    let s = Sources::new(&[
        ("a/type", "oneshot\r\n"),
        ("b/type", "oneshot\n"),
        ("b/up", "if { true\n"),
        ("b/timeout-up", "soon\n"),
        ("c/type", "longrun\n"),
        ("d/type", "bundle\n"),
        ("d/contents", "# list\n b\n E_\n"),
        ("e/type", "longrun\n"),
        ("e/run", RUN),
        ("e/dependencies.d/ghost", ""),
        ("f/other", ""),
        ("s6rc-x/type", "oneshot\n"),
    ]);
    assert_eq!(
        s.errors(),
        [
            "a/type:1: \"oneshot\" is not a type: write oneshot, longrun or bundle (the line ends in a carriage \
             return: save the file with Unix line ends) [SO101]",
            "b/timeout-up:1: \"soon\" is not a number of milliseconds (decimal digits only, from 0 to 4294967295, \
             no blanks) [SO114]",
            "b/up:1:4: unmatched {: expected a } on its own before the end [SO126]",
            "c: a longrun needs a run file (run is the program that is the service; it must not go to the \
             background) [SO102]",
            "d/contents:3: undefined service name E_ (did you mean e?) [SO201]",
            "e/dependencies.d/ghost: undefined service name ghost (no source directory defines it) [SO201]",
            "f: there is no type file (every definition directory needs a file type with oneshot, longrun or \
             bundle in it) [SO101]",
            "s6rc-x: service names can't begin with s6rc- or s6-rc-: these are reserved [SO119]",
        ]
    );
    assert!(s.compile().database.is_none());
    assert_eq!(std::fs::read_dir(s.path()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn a_longrun_has_a_name_that_the_scan_directory_takes() {
    let (fits, too_long) = (["n"; 251].concat(), ["n"; 252].concat());
    let file = |name: &str, file: &str| format!("{name}/{file}");
    let (fits_type, fits_run) = (file(&fits, "type"), file(&fits, "run"));
    let s = Sources::new(&[(&fits_type, "longrun"), (&fits_run, RUN)]);
    assert_eq!(s.errors(), [""; 0]);
    let (long_type, long_run) = (file(&too_long, "type"), file(&too_long, "run"));
    let s = Sources::new(&[(&long_type, "longrun"), (&long_run, RUN)]);
    assert_eq!(
        s.errors(),
        [format!("{too_long}: the name of a longrun has at most 251 bytes, not 252 [SO119]")]
    );
    // A oneshot is in no scan directory.
    let long_up = file(&too_long, "up");
    assert_eq!(Sources::new(&[(&long_type, "oneshot"), (&long_up, "")]).errors(), [""; 0]);
}

#[test]
fn cycles_are_shown_as_paths() {
    let s = Sources::new(&[
        ("a/type", "oneshot"),
        ("a/up", ""),
        ("a/dependencies", "b"),
        ("b/type", "oneshot"),
        ("b/up", ""),
        ("b/dependencies", "both"),
        ("both/type", "bundle"),
        ("both/contents.d/a", ""),
        ("x/type", "bundle"),
        ("x/contents.d/y", ""),
        ("y/type", "bundle"),
        ("y/contents.d/x", ""),
    ]);
    let errors = s.errors();
    assert!(errors[0].starts_with("a: services need each other: a -> b -> a"), "{errors:?}");
    assert!(errors[1].starts_with("x: bundles contain each other: x -> y -> x"), "{errors:?}");
}

#[test]
fn pipelines_are_funnels_with_names_that_others_may_use() {
    let s = Sources::new(&[
        ("p/type", "longrun"),
        ("p/run", RUN),
        ("p/producer-for", "sink"),
        ("q/type", "longrun"),
        ("q/run", RUN),
        ("q/producer-for", "sink\n"),
        ("sink/type", "longrun"),
        ("sink/run", RUN),
        ("sink/consumer-for", "p\n# and\n q\np"),
        ("sink/pipeline-name", "whole"),
        ("user/type", "bundle"),
        ("user/contents.d/whole", ""),
        ("after/type", "oneshot"),
        ("after/up", ""),
        ("after/dependencies.d/whole", ""),
    ]);
    let database = s.compile().database.unwrap();
    let id = |name: &str| database.atomics(name.as_bytes()).unwrap()[0];
    let all = [id("p"), id("q"), id("sink")];
    assert_eq!(database.atomics(b"user").unwrap(), all);
    assert!(matches!(&database.service(id("sink")).unwrap().body,
        Body::Longrun { consumer: None, producers } if *producers == all[..2]));
    assert_eq!(database.service(id("p")).unwrap().dependencies, [0, id("sink")]);
    assert!(database.service(id("after")).unwrap().dependencies.ends_with(&all));
    let c = s.path().join("c/servicedirs");
    assert_eq!(std::fs::read_to_string(c.join("p/pipe-out")).unwrap(), "sink\n");
    assert_eq!(std::fs::read_to_string(c.join("sink/pipe-in")).unwrap(), "sink\n");
}

#[test]
fn pipelines_must_agree() {
    let s = Sources::new(&[
        ("p/type", "longrun"),
        ("p/run", RUN),
        ("p/producer-for", "q"),
        ("q/type", "longrun"),
        ("q/run", RUN),
        ("q/consumer-for", "r"),
        ("r/type", "longrun"),
        ("r/run", RUN),
    ]);
    assert_eq!(
        s.errors(),
        [
            "p/producer-for:1: q does not say that it is a consumer for p (add a line p to its consumer-for) [SO208]",
            "q/consumer-for:1: r does not say that it is a producer for q (write q into its producer-for) [SO208]",
        ]
    );
}

#[test]
fn what_goes_wrong_silently_is_a_warning_or_a_note() {
    let s = Sources::new(&[
        ("a/type", "oneshot"),
        ("a/up", "#!/bin/sh\necho one && echo two\n"),
        ("a/run", RUN),
        ("l/type", "longrun"),
        ("l/run", "exec sleep 9\n"),
        ("l/dependencies", "a\r\n"),
        ("l/down-signal", "SIGNOTHING"),
    ]);
    let files = |findings: Vec<String>| -> Vec<String> {
        findings.iter().map(|f| f.split(": ").next().unwrap().to_owned()).collect()
    };
    assert_eq!(
        files(s.findings(Severity::Warning)),
        ["a/up:1:1", "l/dependencies:1", "l/down-signal", "l/run:1"]
    );
    assert_eq!(files(s.findings(Severity::Note)), ["a/run", "l"]);
    assert!(s.compile().database.is_some());
}

#[test]
fn a_bundles_flags_reach_its_contents() {
    let s = Sources::new(&[
        ("a/type", "oneshot"),
        ("a/up", ""),
        ("inner/type", "bundle"),
        ("inner/contents.d/a", ""),
        ("outer/type", "bundle"),
        ("outer/contents.d/inner", ""),
        ("outer/flag-essential", ""),
    ]);
    let database = s.compile().database.unwrap();
    assert!(database.services().iter().find(|s| s.name == b"a").unwrap().is_essential());
}

#[test]
fn an_existing_destination_is_left_alone() {
    let s = Sources::new(&[("a/type", "oneshot"), ("a/up", "")]);
    std::fs::create_dir(s.path().join("c")).unwrap();
    assert_eq!(compile(&s.bytes("c"), &[s.bytes("s")]).unwrap_err().code(), 111);
    assert_eq!(std::fs::read_dir(s.path().join("c")).unwrap().count(), 0);
}

/// Sources with every mistake and every oddity that the compiler knows.
fn all_mistakes() -> Sources {
    Sources::new(&[
        // Types.
        ("type-missing/up", ""),
        ("type-unknown/type", "longrum\n"),
        ("type-cr/type", "bundle\r\n"),
        ("s6rc-reserved/type", "oneshot"),
        ("s6-rc-reserved/type", "oneshot"),
        ("new\nline/type", "oneshot"),
        // Bundles.
        ("bundle-empty/type", "bundle"),
        ("bundle-odd/type", "bundle"),
        ("bundle-odd/contents", "sound\r\n# comment\n  soud\ns6rc-x\n"),
        ("bundle-odd/up", ""),
        ("bundle-odd/down", ""),
        ("bundle-odd/run", ""),
        ("bundle-odd/finish", ""),
        ("bundle-odd/dependencies", ""),
        ("bundle-odd/dependencies.d/x", ""),
        ("bundle-odd/producer-for", ""),
        ("bundle-odd/consumer-for", ""),
        ("circle-a/type", "bundle"),
        ("circle-a/contents.d/circle-b", ""),
        ("circle-b/type", "bundle"),
        ("circle-b/contents.d/circle-a", ""),
        // Oneshots.
        ("sound/type", "oneshot"),
        ("sound/up", ""),
        ("up-missing/type", "oneshot"),
        ("up-missing/run", RUN),
        ("up-nothing/type", "oneshot"),
        ("up-syntax/type", "oneshot"),
        ("up-syntax/up", "if { true\n"),
        ("up-quote/type", "oneshot"),
        ("up-quote/up", "echo \"x\n"),
        ("up-shell/type", "oneshot"),
        ("up-shell/up", "#!/bin/sh\nmount -a\nmkdir /data\n"),
        ("up-word/type", "oneshot"),
        ("up-word/up", "true\n  && false\n"),
        ("up-variable/type", "oneshot"),
        ("up-variable/up", "echo ${HOME}"),
        ("up-mode/type", "oneshot"),
        ("up-mode/up", "/proc/version"),
        ("up-program/type", "oneshot"),
        ("up-program/up", "/no/such/program"),
        ("up-cr/type", "oneshot"),
        ("up-cr/up", "true\r\n"),
        ("idle-run/type", "oneshot"),
        ("idle-run/up", ""),
        ("idle-run/run", RUN),
        ("odd-oneshot/type", "oneshot"),
        ("odd-oneshot/up", "true"),
        ("odd-oneshot/run", RUN),
        ("odd-oneshot/finish", ""),
        ("odd-oneshot/notification-fd", ""),
        ("odd-oneshot/producer-for", ""),
        ("odd-oneshot/consumer-for", ""),
        ("odd-oneshot/contents", ""),
        ("odd-oneshot/contents.d/x", ""),
        ("odd-oneshot/timeout-up", "5 s\n"),
        ("odd-oneshot/timeout-down", "99999999999\n"),
        ("odd-oneshot/dependencies", "nothing-like-it\n s6rc-fdholder\n up-cr\n"),
        ("more-text/type", "oneshot"),
        ("more-text/up", ""),
        ("more-text/timeout-up", "5\nseconds\n"),
        ("loop-a/type", "oneshot"),
        ("loop-a/up", ""),
        ("loop-a/dependencies.d/loop-b", ""),
        ("loop-b/type", "oneshot"),
        ("loop-b/up", ""),
        ("loop-b/dependencies.d/loop-a", ""),
        // Longruns.
        ("run-missing/type", "longrun"),
        ("run-directory/type", "longrun"),
        ("run-directory/run/x", ""),
        ("run-no-line/type", "longrun"),
        ("run-no-line/run", "sleep 9\n"),
        ("run-no-line/finish", "#!sh\n"),
        ("run-cr/type", "longrun"),
        ("run-cr/run", "#!/bin/sh\r\nsleep 9\r\n"),
        ("run-interpreter-mode/type", "longrun"),
        ("run-interpreter-mode/run", "#!/proc/version\n"),
        ("run-interpreter/type", "longrun"),
        ("run-interpreter/run", "#!/no/such/shell\n"),
        ("odd-longrun/type", "longrun"),
        ("odd-longrun/run", RUN),
        ("odd-longrun/up", ""),
        ("odd-longrun/reload", ""),
        ("odd-longrun/contents", ""),
        ("odd-longrun/contents.d/x", ""),
        ("odd-longrun/down", ""),
        ("odd-longrun/log/run", ""),
        ("odd-longrun/notification-fd", "3"),
        ("odd-longrun/lock-fd", "3"),
        ("odd-longrun/timeout-kill", "x"),
        ("odd-longrun/timeout-finish", "-1"),
        ("odd-longrun/max-death-tally", ""),
        ("odd-longrun/down-signal", "SIGNOTHING"),
        ("odd-longrun/reload-signal", "99999"),
        ("odd-longrun/data", "a file"),
        ("odd-longrun/pipeline-name", "x"),
        // Pipelines.
        ("pipe-none/type", "longrun"),
        ("pipe-none/run", RUN),
        ("pipe-none/producer-for", "# nobody\n"),
        ("pipe-two/type", "longrun"),
        ("pipe-two/run", RUN),
        ("pipe-two/producer-for", "a\nb\n"),
        ("pipe-oneshot/type", "longrun"),
        ("pipe-oneshot/run", RUN),
        ("pipe-oneshot/producer-for", "sound"),
        ("pipe-p/type", "longrun"),
        ("pipe-p/run", RUN),
        ("pipe-p/producer-for", "pipe-q"),
        ("pipe-q/type", "longrun"),
        ("pipe-q/run", RUN),
        ("pipe-q/consumer-for", "pipe-r"),
        ("pipe-q/pipeline-name", "sound"),
        ("pipe-r/type", "longrun"),
        ("pipe-r/run", RUN),
    ])
}

#[test]
fn every_mistake_has_its_text_and_place() {
    let s = all_mistakes();
    std::os::unix::fs::symlink("nowhere", s.path().join("s/dangling")).unwrap();
    let mut text = String::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        text.push_str(&format!("{severity:?}\n"));
        for finding in s.findings(severity) {
            text.push_str(&format!("  {finding}\n"));
        }
    }
    // Two definitions of one name, in two sources.
    let other = Sources::new(&[("sound/type", "oneshot"), ("sound/up", "")]);
    let twice = check(&[other.bytes("s"), other.bytes("s")], &[], None, open).unwrap();
    for finding in twice.diagnostics.iter().filter(|d| d.severity == Severity::Error) {
        let shown = finding.to_string().replace(&format!("{}/s", other.path().display()), "SOURCE");
        text.push_str(&format!("two sources\n  {shown}\n"));
    }
    insta::assert_snapshot!(text);
}

/// The record in a compiled service directory.
fn record(s: &Sources, name: &str) -> Option<RestartPolicy> {
    let path = s.path().join("c/servicedirs").join(name).join(wire::restart_policy::FILE);
    std::fs::read(path).ok().map(|bytes| RestartPolicy::unpack(&bytes).unwrap())
}

#[test]
fn files_about_restarts_become_one_record() {
    let s = Sources::new(&[
        ("plain/type", "longrun"),
        ("plain/run", RUN),
        ("web/type", "longrun"),
        ("web/run", RUN),
        ("web/restart-limit", "5/60"),
        ("web/on-failure", "stop 3"),
        ("app/type", "longrun"),
        ("app/run", RUN),
        ("app/main", ""),
        ("user/type", "bundle"),
        ("user/contents.d/web", ""),
        ("user/contents.d/app", ""),
        ("user/contents.d/plain", ""),
    ]);
    let report = s.compile();
    assert_eq!((report.diagnostics.as_slice(), report.database.is_some()), (&[][..], true));
    assert_eq!(record(&s, "plain"), None);
    let web = record(&s, "web").unwrap();
    assert_eq!(
        (web.limit, web.on_failure),
        (Some(Limit { count: 5, window: Some(60) }), Consequence::Stop(Some(3)))
    );
    let app = record(&s, "app").unwrap();
    assert_eq!(
        (app.restart, app.on_failure, app.on_success),
        (Restart::Never, Consequence::Stop(None), Consequence::Stop(None))
    );
    // The files themselves aren't the supervisor's.
    assert!(!s.path().join("c/servicedirs/web/restart-limit").exists());
    assert!(!s.path().join("c/servicedirs/app/main").exists());
}

#[test]
fn what_services_say_about_their_ends_has_to_fit_the_others() {
    let s = Sources::new(&[
        ("a/type", "longrun"),
        ("a/run", RUN),
        ("a/main", ""),
        ("b/type", "longrun"),
        ("b/run", RUN),
        ("b/main", ""),
        ("c/type", "longrun"),
        ("c/run", RUN),
        ("c/on-failure", "stop-dependents"),
        ("c/flag-essential", ""),
        ("d/type", "longrun"),
        ("d/run", RUN),
        ("d/on-success", "stop-dependents"),
        ("d/restart", "never"),
        ("e/type", "longrun"),
        ("e/run", RUN),
        ("e/on-failure", "stop-dependents"),
        ("all/type", "bundle"),
        ("all/contents.d/d", ""),
        ("all/flag-essential", ""),
        ("all/restart", "never"),
        ("task/type", "oneshot"),
        ("task/up", "true"),
        ("task/on-failure", "stop"),
    ]);
    assert_eq!(
        s.errors(),
        [
            "all/restart: a bundle has no daemon that could end (remove it, or write longrun into type) [SO315]",
            "b/main: a is the main service already (the container is for one service: remove one of the two files) [SO319]",
            "c/on-failure: stop-dependents can't bring down an essential service (write stop, which stops the \
             container, or remove flag-essential) [SO315]",
            "d/on-success: stop-dependents can't bring down an essential service (write stop, which stops the \
             container, or remove flag-essential) [SO315]",
            "task/on-failure: a oneshot has no daemon that could end (remove it, or write longrun into type) [SO315]",
        ]
    );
}

#[test]
fn variables_reach_the_records_of_all_services_but_the_overlays_own() {
    let s = Sources::new(&[
        ("web/type", "longrun"),
        ("web/run", RUN),
        ("../own/klogd/type", "longrun"),
        ("../own/klogd/run", RUN),
        ("all/type", "bundle"),
        ("all/contents.d/web", ""),
    ]);
    let sources = [s.bytes("s"), s.bytes("own")];
    let compile = |restart: &str, on_failure: &str, into: &str| {
        let given = (("S6_RESTART", restart.as_bytes()), ("S6_ON_FAILURE", on_failure.as_bytes()));
        let overrides = Overrides::parse(given.0, given.1).unwrap();
        let elsewhere = Elsewhere { names: &[b"old".to_vec()], grows: false };
        let variables = Variables {
            overrides: &overrides,
            elsewhere,
            own: &s.bytes("own"),
            switches: &Switches::default(),
            facts: Some(&Empty),
            counts: Some(&Empty),
            fixed: &[],
        };
        let report = compile_with_bundles(Some(&s.bytes(into)), &sources, &[], Some(variables)).unwrap();
        let errors = report.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        errors.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(compile("*=never", "web=stop old=stop", "c"), [""; 0]);
    let web = record(&s, "web").unwrap();
    assert_eq!((web.restart, web.on_failure), (Restart::Never, Consequence::Stop(None)));
    assert_eq!(record(&s, "klogd"), None);
    assert_eq!(
        compile("all=never wep=never", "", "d"),
        [
            "S6_RESTART: all is a bundle, which has no daemon that could end (write the name of a longrun) [SO409]",
            "S6_RESTART: undefined service name wep (did you mean web?) [SO409]",
        ]
    );
    assert!(!s.path().join("d").exists());
    // A script of the image's may make the service.
    std::fs::create_dir(s.path().join("s/task")).unwrap();
    for (file, text) in [("type", "oneshot"), ("up", "true")] {
        std::fs::write(s.path().join("s/task").join(file), text).unwrap();
    }
    assert_eq!(
        compile("task=never wep=never", "", "d"),
        [
            "S6_RESTART: task is a oneshot, which has no daemon that could end (write the name of a longrun) [SO409]"
        ]
    );
}

#[test]
fn conditions_are_checked_by_the_compiler_and_asked_at_boot() {
    let s = Sources::new(&[
        ("web/type", "longrun"),
        ("web/run", RUN),
        ("web/only-if", "env PORT\n"),
        ("ui/type", "longrun"),
        ("ui/run", RUN),
        ("ui/dependencies.d/web", ""),
        ("all/type", "bundle"),
        ("all/contents.d/ui", ""),
    ]);
    // By hand: everything is there.
    assert_eq!(s.compile().database.unwrap().atomics(b"all").map(|list| list.len()), Some(1));
    assert!(!s.path().join("c/servicedirs/web/only-if").exists());
    let compile = |require: &str, into: &str| {
        let variables = Variables {
            overrides: &Overrides::default(),
            elsewhere: Elsewhere { names: &[], grows: false },
            own: b"own",
            switches: &Switches::new(("", b""), ("", b""), ("S6_REQUIRE", require.as_bytes())),
            facts: Some(&Empty),
            counts: Some(&Empty),
            fixed: &[],
        };
        compile_with_bundles(Some(&s.bytes(into)), &[s.bytes("s")], &[], Some(variables)).unwrap()
    };
    let report = compile("", "d");
    let names: Vec<_> = report.examined.iter().map(|one| one.name.clone()).collect();
    assert_eq!(names, [b"web".to_vec(), b"ui".to_vec()]);
    assert_eq!(report.database.unwrap().atomics(b"all"), Some(Vec::new()));
    assert!(!s.path().join("d/servicedirs/web").exists());
    let report = compile("ui", "e");
    assert_eq!(
        report.refusal.as_deref(),
        Some("ui has to be in this container (S6_REQUIRE), and isn't: needs web: PORT isn't set")
    );
    assert!(report.database.is_none() && !s.path().join("e").exists());
    // What is wrong is an error to everybody.
    std::fs::write(s.path().join("s/web/only-if"), "env PORT\n  environment HOME\n").unwrap();
    let wrong = "web/only-if:2:3: \"environment\" is no condition";
    let errors = s.errors();
    assert!(
        matches!(errors.as_slice(), [one] if one.starts_with(wrong) && one.ends_with("[SO320]")),
        "{errors:?}"
    );
    assert!(compile("", "f").database.is_none());
}

#[test]
fn what_a_service_wants_orders_it_and_nothing_else() {
    let s = Sources::new(&[
        ("database/type", "oneshot"),
        ("database/up", "true"),
        ("web/type", "oneshot"),
        ("web/up", "true"),
        ("web/wants.d/database", ""),
        ("web/wants.d/databse", ""),
        ("web/wants.d/cache-of-another-image", ""),
        ("web/wants.d/all", ""),
        ("all/type", "bundle"),
        ("all/contents.d/database", ""),
        ("all/contents.d/web", ""),
    ]);
    let database = s.compile().database.unwrap();
    let id = |name: &str| database.atomics(name.as_bytes()).unwrap()[0];
    let web = database.service(id("web")).unwrap();
    assert_eq!(web.wants, [id("database")], "what is in a bundle, but not itself");
    assert!(!web.dependencies.contains(&id("database")));
    assert_eq!(
        s.findings(Severity::Warning),
        ["web/wants.d/databse: undefined service name databse (did you mean database?) [SO211]"]
    );
    let unknown = "web/wants.d/cache-of-another-image: undefined service name cache-of-another-image \
                   (no source directory defines it) [SO211]";
    assert!(s.findings(Severity::Note).contains(&unknown.to_owned()));
}

#[test]
fn services_that_wait_for_each_other_are_an_error_with_both_places() {
    let s = Sources::new(&[
        ("db/type", "oneshot"),
        ("db/up", "true"),
        ("db/wants.d/web", ""),
        ("web/type", "oneshot"),
        ("web/up", "true"),
        ("web/dependencies.d/db", ""),
    ]);
    let errors = s.errors();
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    for part in ["db -> web -> db", "db/wants.d", "web/dependencies.d", "[SO203]"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}
