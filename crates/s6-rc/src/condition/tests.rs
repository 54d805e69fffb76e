//! Conditions with values, and what follows from them in random graphs.

use super::evaluate::examine;
use super::prune::{By, Pruned, prune, told};
use super::*;
use crate::resolve::resolve;
use crate::restart_policy::Elsewhere;
use crate::restart_policy::service_policy::ServicePolicy;
use crate::restart_policy::word::Mistake;
use crate::source::Sources;
use crate::source_definition::{AtomicSource, Pipe, ServiceFiles, ServiceList, SourceBody, SourceDefinition};
use crate::text::Reference;
use proptest::prelude::*;
use std::cell::RefCell;
use tool::sorted::Map;

/// A container of values.
#[derive(Debug, Default)]
struct Here {
    variables: Vec<(&'static str, &'static str)>,
    asked: RefCell<Vec<String>>,
}

impl Facts for Here {
    fn variable(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Fatal> {
        let found = self.variables.iter().find(|(other, _)| other.as_bytes() == name);
        Ok(found.map(|(_, value)| value.as_bytes().to_vec()))
    }

    fn file(&self, path: &[u8]) -> Option<FileType> {
        match path {
            b"/file" => Some(FileType::RegularFile),
            b"/dir" => Some(FileType::Directory),
            b"/socket" => Some(FileType::Socket),
            _ => None,
        }
    }

    fn has_program(&self, name: &[u8]) -> Result<bool, Fatal> {
        Ok(name == b"rclone")
    }

    fn uid(&self) -> Option<u32> {
        Some(1000)
    }

    fn capabilities(&self) -> u64 {
        1 << 12
    }

    fn is_first(&self) -> bool {
        true
    }

    fn has_terminal(&self) -> bool {
        false
    }

    fn memory(&self) -> Option<u64> {
        Some(1 << 30)
    }

    fn kernel(&self) -> Vec<u8> {
        b"5.13.0-1-cloud".to_vec()
    }

    fn run(&self, argv: &[Vec<u8>]) -> Result<bool, Fatal> {
        self.asked.borrow_mut().push(tool::diag::shown(&argv.join(&b' ')));
        match argv.last().map(Vec::as_slice) {
            Some(b"/yes") => Ok(true),
            Some(b"/no") => Ok(false),
            _ => Err(Fatal::new(1, "no answer")),
        }
    }
}

fn here() -> Here {
    let variables = vec![
        ("ON", "1"),
        ("WORD", "web"),
        ("EMPTY", ""),
        ("ZERO", "0"),
        ("NO", "No"),
        ("OFF", "OFF"),
        ("FALSE", "false"),
        ("S6_PROFILES", "debug metrics"),
    ];
    Here { variables, ..Here::default() }
}

/// The conditions in a text.
fn conditions(text: &[u8]) -> Result<Vec<Condition>, Mistake> {
    let mut found = Vec::new();
    parse::conditions(text, &mut found).map(|()| found)
}

/// Why a text of conditions doesn't hold; empty if it does.
fn verdict(text: &str) -> String {
    let conditions = conditions(text.as_bytes()).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"));
    let (answers, reason) = examine(&conditions, &here()).unwrap();
    let one = Examined { answers, ..Examined::default() };
    let mut last = None;
    one.each(&mut |_, holds| last = Some(holds));
    assert_eq!(last, Some(reason.is_none()));
    reason.unwrap_or_default()
}

#[test]
fn each_word_asks_its_question() {
    let own = std::env::consts::ARCH;
    let mut lines = Vec::new();
    for text in [
        "env ON",
        "env ABSENT",
        "env EMPTY",
        "env ZERO",
        "env NO",
        "env OFF",
        "env FALSE",
        "!env ON",
        "! env ABSENT",
        "env WORD=web|all",
        "env WORD=all",
        "env ABSENT=a|b",
        "!env WORD=web",
        "env-set EMPTY",
        "env-set ABSENT",
        "! env-set EMPTY",
        "file /file",
        "file /dir",
        "!file /file",
        "dir /dir",
        "dir /none",
        "socket /socket",
        "socket /file",
        "exec rclone",
        "exec other",
        "uid 0",
        "uid 0 1000",
        "cap net_admin",
        "cap CAP_SYS_ADMIN",
        "pid1",
        "!pid1",
        "tty",
        "memory >= 1G",
        "memory >= 1025M",
        "kernel >= 5.13",
        "kernel >= 5.9.200",
        "kernel >= 6",
        "profile debug",
        "profile other",
        "run /yes",
        "run /no",
        "!run /yes",
        "env ABSENT | profile debug",
        "env ABSENT | tty",
        "env ON\n\n # but\nfile /none\nrun /never-asked",
    ] {
        lines.push(format!("{text:?}: {}", verdict(text)));
    }
    insta::assert_snapshot!(lines.join("\n"));
    assert_eq!(verdict(&format!("arch sparc64 {own}").replace("sparc64 ", "")), "");
    let other = if own == "x86_64" { "arm64" } else { "amd64" };
    assert_eq!(verdict(&format!("arch {other}")), format!("the machine isn't {other}"));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let mut lines = Vec::new();
    for text in [
        "",
        "# nothing",
        "envv A",
        "env ON\n  fiel /x",
        "something",
        "env",
        "env A B",
        "env =a",
        "env A=",
        "env-set A=1",
        "file relative",
        "run relative",
        "run /a \0",
        "uid root",
        "cap net_admn",
        "arch arm65",
        "memory 1G",
        "memory > 1G",
        "memory >= 1GB",
        "kernel >= new",
        "pid1 yes",
        "tty |",
        "| tty",
        "tty | | pid1",
        "!",
        "! | tty",
        "!!tty",
    ] {
        let mistake = conditions(text.as_bytes()).unwrap_err();
        let (line, column) = (mistake.line, mistake.column);
        lines.push(format!("{text:?}: {line}:{column}: {} ({})", mistake.text, mistake.advice));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_program_is_asked_only_if_its_answer_matters() {
    let asked = |text: &str| {
        let here = here();
        let done = examine(&conditions(text.as_bytes()).unwrap(), &here).is_ok();
        (done, here.asked.into_inner().join(", "))
    };
    assert_eq!(asked("env ON\nrun /yes a /yes"), (true, "/yes a /yes".into()));
    assert_eq!(asked("env ABSENT\nrun /yes"), (true, String::new()));
    assert_eq!(asked("env ON | run /yes"), (true, String::new()));
    assert_eq!(asked("run /broken"), (false, "/broken".into()));
}

fn references(names: &[&str]) -> Vec<Reference> {
    names.iter().map(|name| Reference { name: name.as_bytes().to_vec(), line: 0 }).collect()
}

fn list(names: &[&str]) -> ServiceList {
    ServiceList { file: "x.d", list: references(names) }
}

fn defined(name: &str, body: SourceBody) -> SourceDefinition {
    SourceDefinition { body, ..SourceDefinition::empty_bundle(name.as_bytes(), format!("s/{name}").into()) }
}

fn bundle(name: &str, contents: &[&str]) -> SourceDefinition {
    defined(name, SourceBody::Bundle(list(contents)))
}

fn longrun(name: &str, needs: &[&str], pipe: Pipe) -> SourceDefinition {
    let common = AtomicSource { dependencies: list(needs), ..AtomicSource::default() };
    let body = SourceBody::Longrun { common, pipe, files: ServiceFiles::default(), restart: None };
    defined(name, body)
}

fn service(name: &str, needs: &[&str]) -> SourceDefinition {
    longrun(name, needs, Pipe::default())
}

fn producer(name: &str, consumer: &str) -> SourceDefinition {
    longrun(name, &[], Pipe { producer_for: references(&[consumer]).pop(), ..Pipe::default() })
}

fn consumer(name: &str, producers: &[&str], pipeline: &str) -> SourceDefinition {
    let pipe = Pipe {
        consumer_for: Some(references(producers)),
        name: references(&[pipeline]).pop(),
        ..Pipe::default()
    };
    longrun(name, &[], pipe)
}

fn only_if(text: &str, definition: SourceDefinition) -> SourceDefinition {
    SourceDefinition { conditions: conditions(text.as_bytes()).unwrap(), ..definition }
}

const IMPLIED: &[&[u8]] = &[b"user", b"user2"];

fn pruned(definitions: Vec<SourceDefinition>, switches: [&str; 3]) -> (Sources, Pruned) {
    let mut read = Sources { definitions, ..Sources::default() };
    let [disable, enable, require] = switches.map(str::as_bytes);
    let switches = Switches::new(("S6_DISABLE", disable), ("S6_ENABLE", enable), ("S6_REQUIRE", require));
    let by = By { switches: &switches, facts: &here(), bundles: IMPLIED, fixed: &[b"base"] };
    let done = prune(&mut read, by).unwrap();
    (read, done)
}

/// What is said of it, and what the database has then: `service>dependency …`, `[bundle member …]`.
fn left(definitions: Vec<SourceDefinition>, switches: [&str; 3]) -> (String, String) {
    let (mut read, done) = pruned(definitions, switches);
    let (database, _) = resolve(&read.definitions, &read.broken, &mut read.findings).unwrap();
    let mut parts = Vec::new();
    for service in database.services().iter().filter(|service| !service.is_internal()) {
        let needs =
            service.dependencies.iter().filter(|id| database.service(**id).is_some_and(|s| !s.is_internal()));
        let names = std::iter::once(service.name.as_slice()).chain(needs.map(|id| database.name(*id)));
        parts.push(tool::diag::shown(&names.collect::<Vec<_>>().join(&b'>')));
    }
    for bundle in database.bundles() {
        let names = std::iter::once(bundle.name.as_slice())
            .chain(bundle.contents.iter().map(|id| database.name(*id)));
        parts.push(format!("[{}]", tool::diag::shown(&names.collect::<Vec<_>>().join(&b' '))));
    }
    (told(&done.examined).unwrap_or_default(), parts.join(" "))
}

#[test]
fn what_needs_an_absent_service_is_absent() {
    let definitions = || {
        vec![
            service("db", &[]),
            only_if("env MAILBOX", service("mailbox", &["db"])),
            service("mailbox-ui", &["mailbox"]),
            service("stats", &["mailbox-ui"]),
            service("debug", &[]),
            bundle("base", &["db"]),
            bundle("mail", &["mailbox", "db"]),
            service("web", &["mail"]),
            bundle("user", &["mail", "mailbox-ui", "web"]),
        ]
    };
    let none = ["", "", ""];
    assert_eq!(
        left(definitions(), none),
        (
            "not in this container: mailbox (MAILBOX isn't set), and what needs it: mailbox-ui, stats".into(),
            "db debug web>db [base db] [mail db] [user db web]".into()
        )
    );
    // A bundle takes its members with it, but for what every container has, and what needs these.
    assert_eq!(
        left(definitions(), ["mail", "debug", ""]),
        (
            "not in this container: mailbox (MAILBOX isn't set), and what needs it: mailbox-ui, stats; \
             mail (S6_DISABLE has it), and what is in it or needs it: db, web"
                .into(),
            "debug [base] [user debug]".into()
        )
    );
    // One that is there in any case is empty then.
    let (_, rest) = left(definitions(), ["user", "", ""]);
    assert!(rest.ends_with("[base] [user]"), "{rest}");
}

#[test]
fn pipelines_lose_producers_and_not_their_ends() {
    let definitions = || {
        vec![
            producer("a", "log"),
            producer("b", "log"),
            consumer("log", &["a", "b"], "all"),
            service("reader", &["all"]),
            bundle("user", &["all"]),
        ]
    };
    let rest = |disable: &str| left(definitions(), [disable, "", ""]).1;
    assert_eq!(rest("a"), "b>log log reader>b>log [all b log] [user b log]");
    assert_eq!(rest("a b"), "[user]");
    assert_eq!(rest("log"), "[user]");
    let (text, _) = left(definitions(), ["a b", "", ""]);
    assert_eq!(
        text,
        "not in this container: a (S6_DISABLE has it), and what needs it: log, reader; b (S6_DISABLE has it)"
    );
}

#[test]
fn what_has_to_be_there_refuses() {
    let refusal = |definitions: Vec<SourceDefinition>, require: &str| {
        pruned(definitions, ["", "", require]).1.refusal.unwrap_or_default()
    };
    let web = || only_if("env PORT", service("web", &[]));
    let why = "web has to be in this container (S6_REQUIRE), and isn't: PORT isn't set";
    assert_eq!(refusal(vec![web()], "web"), why);
    assert_eq!(refusal(vec![web(), bundle("all", &["web"])], "?none all"), why);
    assert_eq!(
        refusal(vec![web(), service("ui", &["web"])], "ui"),
        "ui has to be in this container (S6_REQUIRE), and isn't: needs web: PORT isn't set"
    );
    assert_eq!(refusal(vec![web(), service("ui", &[])], "ui"), "");
    let mut main = web();
    if let SourceBody::Longrun { restart, .. } = &mut main.body {
        *restart = Some(Box::new(ServicePolicy { main: true, ..ServicePolicy::default() }));
    }
    assert_eq!(
        refusal(vec![main], ""),
        "web has to be in this container (its file main), and isn't: PORT isn't set"
    );
}

#[test]
fn names_in_switches_are_checked() {
    let found = |disable: &str, grows| {
        let switches = Switches::new(
            ("S6_DISABLE", disable.as_bytes()),
            ("S6_ENABLE", b"debug"),
            ("S6_REQUIRE", b"old"),
        );
        let mut findings = Vec::new();
        let elsewhere = Elsewhere { names: &[b"old".to_vec()], grows };
        switches.check_names(&[b"cron", b"debug", b"base"], elsewhere, &mut findings);
        switches.check_sense(&[b"base"], &mut findings);
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(found("cron ?none old", false), "");
    assert_eq!(
        found("crom", false),
        "S6_DISABLE: undefined service name crom (did you mean cron?; write ?crom if it may be missing) [SO410]"
    );
    assert_eq!(found("crom", true), "");
    assert_eq!(found("base", false), "S6_DISABLE: base is a part of every container (remove it) [SO410]");
    assert_eq!(
        found("debug", false),
        "S6_DISABLE: debug is there and in S6_ENABLE (remove it from one of the two) [SO410]"
    );
}

#[test]
fn the_record_gives_what_was_examined() {
    let definitions = vec![
        only_if("env ABSENT", service("a", &[])),
        only_if("env ON\ntty | pid1", service("b", &[])),
        service("c", &["a"]),
    ];
    let (_, done) = pruned(definitions, ["", "", ""]);
    assert_eq!(done.examined.len(), 3);
    let mut bytes = Vec::new();
    done.examined.iter().for_each(|one| encode(one, &mut bytes));
    assert_eq!(decode(&bytes), done.examined);
    let conditions: Vec<_> = bytes.split(|byte| *byte == b'\n').map(tool::diag::shown).collect();
    insta::assert_snapshot!(conditions.join("\n"));
    for bytes in [&b""[..], b"\n\n", b"a", b"a\0l", b"a\0l\0x\0", b"\0l\0+\0\0\n", b"a\0l\0-x", b"a\0\0+\0\0"]
    {
        assert_eq!(decode(bytes), Vec::new(), "{bytes:?}");
    }
}

/// A service of a random graph: what it needs, which bundle it is in, whether its condition holds.
type Random = (Vec<usize>, Option<u8>, bool, bool);

/// Definitions of a random graph without errors: services need earlier ones, or bundles of earlier ones.
fn graph(services: &[Random]) -> Vec<SourceDefinition> {
    let name = |at: usize| format!("s{at}");
    let mut definitions = Vec::new();
    for (at, (needs, _, by_bundle, holds)) in services.iter().enumerate() {
        let mut names: Vec<String> = match at {
            0 => Vec::new(),
            _ => needs.iter().map(|other| name(other % at)).collect(),
        };
        // Bundle 0 has the first service only, so nothing goes round in a circle.
        names.extend((*by_bundle && at > 0).then(|| "b0".to_owned()));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut one = service(&name(at), &names);
        if let SourceBody::Longrun { common, .. } = &mut one.body
            && at > 0
        {
            common.wants = references(&[&name(at / 2), "nowhere"]);
        }
        definitions.push(if *holds { one } else { only_if("env ABSENT", one) });
    }
    for number in 1..4_u8 {
        let members = (0..).zip(services).filter(|(_, one)| one.1 == Some(number)).map(|(at, _)| name(at));
        let members: Vec<String> = members.collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        definitions.push(bundle(&format!("b{number}"), &members));
    }
    definitions.push(bundle("b0", &["s0"]));
    definitions.push(bundle("user", &["b1", "b2", "s0"]));
    definitions
}

proptest! {
    #[test]
    fn pruning_leaves_a_graph_that_is_whole(
        services in prop::collection::vec(
            (prop::collection::vec(any::<usize>(), 0..4), prop::option::of(1..4_u8), any::<bool>(), prop::bool::weighted(0.8)),
            1..16,
        ),
        disable in prop::sample::select(vec!["", "s1", "b1", "b0 s2", "user", "?x"]),
    ) {
        let before = graph(&services);
        let (mut read, done) = pruned(graph(&services), [disable, "", ""]);
        let absent: Map<Vec<u8>, ()> =
            done.examined.iter().filter(|one| one.absent.is_some()).map(|one| (one.name.clone(), ())).collect();
        // Whoever is absent has a reason: of its own, or what it needs or is in is absent.
        for one in done.examined.iter().filter(|one| one.absent.is_some()) {
            prop_assert!(one.without.is_empty() || absent.contains(&one.without), "{one:?}");
        }
        // Whoever is there needs nothing that is absent, and nobody else has gone.
        for definition in &before {
            let is_there = read.definitions.iter().any(|other| other.name == definition.name);
            let is_implied = IMPLIED.contains(&definition.name.as_slice());
            prop_assert_eq!(is_there, is_implied || !absent.contains(&definition.name));
            if let SourceBody::Longrun { common, .. } = &definition.body {
                let lacks = common.dependencies.list.iter().any(|r| absent.contains(&r.name));
                prop_assert!(!(is_there && lacks), "{:?}", definition.name);
            }
        }
        // No name is undefined, but the one that nothing has ever defined, which is only wanted.
        let resolved = resolve(&read.definitions, &read.broken, &mut read.findings);
        prop_assert!(resolved.is_some(), "{:?}", read.findings);
        let undefined = read.findings.iter().filter(|finding| finding.text.starts_with("undefined"));
        prop_assert!(undefined.clone().all(|finding| finding.text.ends_with("nowhere")), "{:?}", read.findings);
        // The same again.
        let again = pruned(graph(&services), [disable, "", ""]).1;
        prop_assert_eq!(again.examined, done.examined);
    }
}
