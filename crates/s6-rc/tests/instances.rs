//! Services that there are several of: what the compiler makes of a definition with a file `instances`.

#![allow(clippy::unwrap_used)] // helpers of tests

#[path = "support/sources.rs"]
mod sources;

use proptest::prelude::*;
use rustix::fs::CWD;
use s6_rc::compile::{Report, Variables, check, compile_with_bundles};
use s6_rc::condition::{Facts, Switches};
use s6_rc::database::{Body, Database};
use s6_rc::diagnostic::Severity;
use s6_rc::restart_policy::{Elsewhere, Overrides};
use sources::Sources;
use tool::Fatal;

/// A container with variables, three processors, and numbers that were asked for by hand.
#[derive(Default)]
struct Container {
    variables: Vec<(&'static str, String)>,
    scaled: Vec<(&'static str, &'static str)>,
}

impl Facts for Container {
    fn variable(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
        let found = self.variables.iter().find(|(other, _)| other.as_bytes() == name);
        Ok(found.map(|(_, value)| value.clone().into()))
    }

    fn cpus(&self) -> u32 {
        3
    }

    fn scaled(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.scaled.iter().find(|(other, _)| other.as_bytes() == name).map(|(_, said)| (*said).into())
    }

    fn run(&self, _: &[Vec<u8>]) -> Result<bool, Fatal> {
        Err(Fatal::new(1, "nobody answers"))
    }
}

impl Sources {
    /// Compiles them as a start does, into `c`.
    fn compile(&self, container: &Container) -> Report {
        let _ = std::fs::remove_dir_all(self.path().join("c"));
        let value =
            |name: &'static str| (name, container.variable(name.as_bytes()).unwrap().unwrap_or_default());
        let disable = value("S6_DISABLE");
        let variables = Variables {
            overrides: &Overrides::default(),
            elsewhere: Elsewhere { names: &[], grows: false },
            own: b"own",
            switches: &Switches::new((disable.0, &disable.1), ("S6_ENABLE", b""), ("S6_REQUIRE", b"")),
            facts: Some(container),
            counts: Some(container),
            fixed: &[],
        };
        compile_with_bundles(Some(&self.bytes("c")), &[self.bytes("s")], &[b"user"], Some(variables)).unwrap()
    }

    /// The database for these variables.
    fn database(&self, variables: &[(&'static str, &str)]) -> Database {
        let report = self.compile(&with(variables));
        report.database.ok_or(report.diagnostics).unwrap()
    }

    fn errors(&self, variables: &[(&'static str, &str)]) -> Vec<String> {
        self.said(&self.compile(&with(variables)), |found| found >= Severity::Error)
    }

    fn read(&self, file: &str) -> String {
        let bytes = std::fs::read(self.path().join("c/servicedirs").join(file)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn with(variables: &[(&'static str, &str)]) -> Container {
    let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Container { variables, ..Container::default() }
}

/// The names of what a bundle holds.
fn members(database: &Database, bundle: &str) -> String {
    let ids = database.atomics(bundle.as_bytes()).unwrap();
    let names: Vec<_> =
        ids.iter().map(|id| String::from_utf8(database.name(*id).to_vec()).unwrap()).collect();
    names.join(" ")
}

const RUN: &str = "#!/bin/sh\nexec sleep 9\n";

fn workers(more: &[(&str, &str)]) -> Sources {
    let mut files = vec![("worker@/type", "longrun\n"), ("worker@/run", RUN)];
    files.extend(more);
    files.push(("user/contents.d/worker", ""));
    Sources::new(&files)
}

#[test]
fn instances_are_services_and_their_name_is_a_bundle() {
    let s = workers(&[
        ("worker@/instances", "# as many as asked for\n${WORKERS:-2}\n"),
        ("worker@/finish", RUN),
        ("worker@/dependencies.d/prepare@%i", ""),
        ("worker@/ready", "unix /run/worker-%i.sock\n"),
        ("worker@/data/text", "%i"),
        ("prepare@/type", "oneshot"),
        ("prepare@/instances", "worker@"),
        ("prepare@/up", "/etc/prepare --to \"/x/%i y\""),
        ("after/type", "oneshot"),
        ("after/up", ""),
        ("after/dependencies.d/worker", ""),
    ]);
    let database = s.database(&[]);
    assert_eq!(members(&database, "worker"), "worker@1 worker@2");
    assert_eq!(members(&database, "prepare"), "prepare@1 prepare@2");
    assert_eq!(members(&database, "user"), "worker@1 worker@2");
    let of = |name: &str| database.service(database.atomics(name.as_bytes()).unwrap()[0]).unwrap();
    let needs = |name: &str| {
        let ids = &of(name).dependencies;
        ids.iter().map(|id| String::from_utf8(database.name(*id).to_vec()).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(needs("worker@2"), ["prepare@2"]);
    assert_eq!(needs("after"), ["s6rc-oneshot-runner", "worker@1", "worker@2"]);
    let Body::Oneshot { up, down, .. } = &of("prepare@2").body else { panic!("a oneshot") };
    let words: Vec<_> = up.iter().map(|word| String::from_utf8(word.clone()).unwrap()).collect();
    assert_eq!(words, ["s6-env", "INSTANCE=2", "INSTANCES=2", "/etc/prepare", "--to", "/x/2 y"]);
    assert_eq!(*down, Vec::<Vec<u8>>::new());
    for program in ["run", "finish"] {
        let text = s.read(&format!("worker@2/{program}"));
        assert!(
            text.starts_with("#!/package/")
                && text.contains(" s6-overlay-instance\nINSTANCE=2\nINSTANCES=2\n")
        );
    }
    assert_eq!(s.read("worker@2/run.user"), RUN, "behind the attendant's");
    assert!(s.read("worker@2/run.instance").ends_with(" s6-overlay-attended\n"));
    assert_eq!(s.read("worker@2/finish.instance"), RUN);
    assert!(s.read("worker@2/probes").contains("/run/worker-2.sock"));
    assert_eq!(s.read("worker@2/data/text"), "%i", "files that aren't the compiler's are copied");
}

#[test]
fn a_variable_the_processors_and_a_hand_say_how_many() {
    let s = workers(&[("worker@/instances", "$WORKERS")]);
    let of = |value: &str| members(&s.database(&[("WORKERS", value)]), "worker");
    assert_eq!(of("1"), "worker@1");
    assert_eq!(of("cpus"), "worker@1 worker@2 worker@3");
    assert_eq!(of("mail import"), "worker@import worker@mail");
    assert_eq!(of("0"), "");
    let container = Container { scaled: vec![("worker", "2")], ..with(&[("WORKERS", "5")]) };
    assert_eq!(members(&s.compile(&container).database.unwrap(), "worker"), "worker@1 worker@2");
    for (value, error) in [
        (
            "many%",
            "worker@/instances:1:1: the variable WORKERS doesn't say how many: \"many%\" is not the name of an instance (give it a number up to 1000, cpus, cpus*2, or names) [SO212]",
        ),
        (
            "",
            "worker@/instances:1:1: nothing says how many there are where the variable WORKERS isn't set (write ${WORKERS:-2}, where 2 is for a container without it) [SO213]",
        ),
    ] {
        assert_eq!(s.errors(&[("WORKERS", value)]), [error]);
    }
    // Where no container is known, the variable may be set in all of them.
    let report = check(&[s.bytes("s")], &[b"user"], None, |path| files::open_dir(CWD, path)).unwrap();
    assert_eq!(members(report.database.as_ref().unwrap(), "worker"), "worker@1");
    let said = s.said(&report, |found| found >= Severity::Warning);
    assert_eq!(said.len(), 1);
    assert!(said[0].ends_with("[SO213]"), "{said:?}");
}

#[test]
fn a_mistake_is_said_once_and_where_it_is() {
    let s =
        workers(&[("worker@/instances", "9"), ("worker@/timeout-up", "soon"), ("worker@/kill-mode", "x")]);
    let found = s.errors(&[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("worker@/kill-mode:1: x is not a mode"), "{found:?}");
    for (text, start) in [
        ("1001", "worker@/instances:1:1: \"1001\" is more than 1000 instances"),
        ("# x\n  -4", "worker@/instances:2:3: \"-4\" is not the name of an instance"),
        ("\n", "worker@/instances: there is nothing in it"),
        ("ghost@", "worker@/instances:1:1: \"ghost@\" has no instances here"),
        ("worker@", "worker@/instances:1:1: \"worker@\" has as many as another one"),
    ] {
        let found = workers(&[("worker@/instances", text)]).errors(&[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(start), "{found:?}");
    }
    // No instance: the definition is read all the same.
    let s = workers(&[("worker@/instances", "0"), ("worker@/timeout-up", "soon")]);
    assert_eq!(s.errors(&[]).len(), 1);
    let s = workers(&[("worker@/instances", "2"), ("worker@/type", "bundle"), ("worker@/contents.d/x", "")]);
    assert_eq!(
        s.errors(&[]),
        [
            "worker@/instances: a bundle has no instances (remove it, or write longrun or oneshot into type) [SO212]"
        ]
    );
    let s = Sources::new(&[("web/type", "longrun"), ("web/run", RUN), ("web/instances", "2")]);
    let found = s.errors(&[]);
    assert!(found[0].starts_with("web/instances: must be a directory (a file of this name"), "{found:?}");
    let s =
        workers(&[("worker@/instances", "2"), ("worker/type", "bundle"), ("worker/contents.d/worker@1", "")]);
    assert!(s.errors(&[])[0].ends_with("[SO118]"), "defined twice");
}

#[test]
fn without_the_file_it_is_one_service() {
    let s = Sources::new(&[
        ("worker@/type", "longrun\n"),
        ("worker@/run", RUN),
        ("worker@/instances/x", ""),
        ("user/contents.d/worker@", ""),
    ]);
    assert_eq!(members(&s.database(&[]), "user"), "worker@");
    assert_eq!(s.read("worker@/run"), RUN);
}

#[test]
fn loggers_are_one_for_each_or_one_for_all() {
    let log = |more: &[(&'static str, &'static str)]| {
        let mut files = vec![
            ("worker@/instances", "${WORKERS:-2}"),
            ("user/contents.d/worker-log", ""),
            ("user/contents.d/lines", ""),
        ];
        files.extend(more);
        workers(&files)
    };
    let each = log(&[
        ("worker@/producer-for", "worker-log@%i"),
        ("worker-log@/instances", "worker@"),
        ("worker-log@/type", "longrun"),
        ("worker-log@/run", RUN),
        ("worker-log@/consumer-for", "worker@%i"),
        ("lines/type", "bundle"),
        ("lines/contents.d/worker-log", ""),
    ]);
    let all = log(&[
        ("worker@/producer-for", "worker-log"),
        ("worker-log/type", "longrun"),
        ("worker-log/run", RUN),
        ("worker-log/consumer-for", "worker"),
        ("worker-log/pipeline-name", "lines"),
    ]);
    assert_eq!(members(&each.database(&[]), "worker-log"), "worker-log@1 worker-log@2");
    assert_eq!(each.read("worker@2/pipe-out"), "worker-log@2\n");
    let database = all.database(&[("WORKERS", "3")]);
    assert_eq!(members(&database, "lines"), "worker-log worker@1 worker@2 worker@3");
    let logger = database.service(database.atomics(b"worker-log").unwrap()[0]).unwrap();
    assert!(matches!(&logger.body, Body::Longrun { producers, .. } if producers.len() == 3));
    // Nothing to log: no logger, and no undefined name.
    for s in [each, all] {
        let database = s.database(&[("WORKERS", "0")]);
        assert_eq!((members(&database, "worker-log"), members(&database, "lines")), ("".into(), "".into()));
    }
}

#[test]
fn conditions_are_those_of_all_or_of_each() {
    let s = workers(&[("worker@/instances", "mail import"), ("worker@/only-if", "env-set QUEUE")]);
    let report = s.compile(&with(&[]));
    let absent: Vec<_> =
        report.examined.iter().map(|one| String::from_utf8(one.name.clone()).unwrap()).collect();
    assert_eq!(absent, ["worker", "worker@mail", "worker@import"]);
    assert_eq!(report.examined[1].without, b"worker");
    assert_eq!(members(&report.database.unwrap(), "user"), "");
    assert_eq!(members(&s.database(&[("QUEUE", "")]), "worker"), "worker@import worker@mail");
    let s = workers(&[("worker@/instances", "mail import"), ("worker@/only-if", "env-set QUEUE_%i")]);
    assert_eq!(members(&s.database(&[("QUEUE_import", "1")]), "worker"), "worker@import");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_is_left_out_no_name_is_undefined_and_the_same_variables_give_the_same_graph(
        count in prop::sample::select(vec!["0", "1", "2", "3", "cpus", "cpus*2", "a b", ""]),
        disable in prop::sample::select(vec!["", "worker", "worker-log", "?worker@2", "after", "user", "worker after", "fetch", "?fetch@1 worker"]),
        condition in prop::sample::select(vec!["!pid1", "env-set QUEUE", "env-set QUEUE_%i"]),
        queue in prop::sample::select(vec!["QUEUE", "QUEUE_1", "QUEUE_a", "OTHER"]),
        one_logger in any::<bool>(),
    ) {
        let (producer, directory) = if one_logger { ("worker-log", "worker-log") } else { ("worker-log@%i", "worker-log@") };
        let consumer = if one_logger { "worker" } else { "worker@%i" };
        let at = |file: &str| format!("{directory}/{file}");
        let mut files = vec![
            ("worker@/instances".to_owned(), "${WORKERS:-1}"),
            ("worker@/only-if".to_owned(), condition),
            ("worker@/producer-for".to_owned(), producer),
            (at("type"), "longrun"),
            (at("run"), RUN),
            (at("consumer-for"), consumer),
            ("after/type".to_owned(), "oneshot"),
            ("after/up".to_owned(), ""),
            ("after/dependencies.d/worker".to_owned(), ""),
            ("fetch@/type".to_owned(), "oneshot"),
            ("fetch@/up".to_owned(), ""),
            ("fetch@/instances".to_owned(), "worker@"),
            ("worker@/wants.d/fetch@%i".to_owned(), ""),
            ("last/type".to_owned(), "oneshot"),
            ("last/up".to_owned(), ""),
            ("last/wants.d/worker".to_owned(), ""),
            ("last/wants.d/worker@2".to_owned(), ""),
            ("last/wants.d/after".to_owned(), ""),
            ("user/contents.d/fetch".to_owned(), ""),
            ("user/contents.d/last".to_owned(), ""),
            ("user/contents.d/after".to_owned(), ""),
            ("user/contents.d/worker-log".to_owned(), ""),
        ];
        if !one_logger {
            files.push((at("instances"), "worker@"));
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let s = workers(&files);
        let container = with(&[("WORKERS", count), ("S6_DISABLE", disable), (queue, "1")]);
        let report = s.compile(&container);
        prop_assert!(report.database.is_some(), "undefined after pruning: {:?}", report.diagnostics);
        let database = report.database.unwrap();
        // What is wanted is what is there of it, and nothing is kept away by what it wants.
        let wants = |of: &str| {
            let service = database.services().iter().find(|service| service.name == of.as_bytes());
            service.map(|service| service.wants.iter().map(|id| database.name(*id).to_vec()).collect::<Vec<_>>())
        };
        let is_there = |name: &[u8]| database.services().iter().any(|service| service.name == name);
        let has_user = !disable.split(' ').any(|name| name == "user");
        prop_assert_eq!(wants("last").is_some(), has_user);
        for service in database.services().iter().filter(|service| service.name.starts_with(b"worker@")) {
            let fetch = service.name.strip_prefix(b"worker@").map(|own| [b"fetch@", own].concat()).unwrap();
            prop_assert_eq!(service.wants.len() == 1, is_there(&fetch));
            if let Some(wanted) = wants("last") {
                prop_assert!(wanted.contains(&service.name), "{:?}", service.name);
            }
        }
        let database = Some(s6_rc::format::encode(&database));
        let again = s.compile(&container).database.map(|database| s6_rc::format::encode(&database));
        prop_assert!(again == database, "the same variables gave another graph");
    }
}
