//! Starts of containers: every form, from every kind of copy.
#![expect(clippy::unwrap_used, reason = "an ordinary test program")]

#[path = "container/fixture.rs"]
mod fixture;

use dev::cli::{Outcome, run};
use fixture::{Is, ODD, write, write_events, write_with};
use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;
use wire::record::{Event as Happened, Kind, Name, Ring};

fn boot(path: &Path, options: &[&str]) -> Outcome {
    let mut args = vec!["s6-overlay-dev", "boot", path.to_str().unwrap()];
    args.extend(options);
    run(args.into_iter().map(Into::into))
}

fn container(is: Is) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), is);
    dir
}

fn form(dir: &Path, form: &str) -> String {
    let outcome = boot(dir, &["--format", form]);
    assert_eq!((outcome.code, outcome.err.as_str()), (0, ""), "{form}");
    outcome.out
}

/// Checks that each element is ended, and gives the names of all.
fn elements(text: &str) -> Vec<String> {
    let (mut reader, mut open, mut all) = (Reader::from_str(text), Vec::new(), Vec::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => {
                tag.attributes().for_each(|attribute| drop(attribute.unwrap()));
                open.push(tag.name().as_ref().to_vec());
                all.push(String::from_utf8_lossy(tag.name().as_ref()).into_owned());
            }
            Event::Empty(tag) => {
                tag.attributes().for_each(|attribute| drop(attribute.unwrap()));
                all.push(String::from_utf8_lossy(tag.name().as_ref()).into_owned());
            }
            Event::End(tag) => assert_eq!(open.pop().unwrap(), tag.name().as_ref()),
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty());
    all
}

#[test]
fn every_form_of_a_start() {
    let dir = container(Is::Running);
    for name in ["text", "svg", "html", "chrome"] {
        insta::assert_snapshot!(format!("boot_{name}"), form(dir.path(), name));
    }
    let narrow = boot(dir.path(), &["--width", "40"]).out;
    assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
}

#[test]
fn the_guide_shows_what_is_drawn() {
    let dir = tempfile::tempdir().unwrap();
    write_with(dir.path(), Is::Running, "cron");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/pictures/boot.svg");
    let drawn = form(dir.path(), "svg");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(path, &drawn).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), drawn, "INSTA_UPDATE=always writes it");
}

#[test]
fn a_start_that_goes_on() {
    let dir = container(Is::Starting);
    for name in ["text", "svg"] {
        insta::assert_snapshot!(format!("starting_{name}"), form(dir.path(), name));
    }
}

#[test]
fn pictures_have_no_script_and_ask_for_nothing_from_elsewhere() {
    let dir = container(Is::Running);
    let svg = form(dir.path(), "svg");
    let tags = elements(&svg);
    assert!(tags.contains(&"title".to_owned()) && !tags.contains(&"script".to_owned()));
    let page = form(dir.path(), "html");
    // HTML has elements without an end.
    let picture = &page[page.find("<svg").unwrap()..page.find("</svg>").unwrap() + 6];
    assert_eq!(picture, svg.trim_end());
    let body = &page[page.find("<table").unwrap()..page.find("</table>").unwrap() + 8];
    assert!(!elements(body).contains(&"script".to_owned()));
    for text in [&svg, &page] {
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("://") && !text.contains("@import") && !text.contains("<script"), "{text}");
        assert!(text.contains("prefers-color-scheme:dark"));
        assert!(text.contains("&lt;script&gt;"), "the odd name is there");
    }
}

/// The number in a field of an event, which has to be one.
fn number(event: &Value, field: &str) -> u64 {
    assert!(event[field].is_u64(), "{field} of {event}");
    event[field].as_u64().unwrap()
}

#[test]
fn a_trace_is_what_the_viewers_read() {
    let dir = container(Is::Running);
    let trace: Value = serde_json::from_str(&form(dir.path(), "chrome")).unwrap();
    assert_eq!(trace["displayTimeUnit"], "ms");
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).collect::<Vec<_>>();
    assert!(events.iter().all(|event| event["name"].is_string() && number(event, "pid") == 1));
    let mut tracks: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    for slice in of("X") {
        assert!(slice["cat"].is_string() && slice["args"].is_object() && number(slice, "dur") > 0, "{slice}");
        let (from, to) = (number(slice, "ts"), number(slice, "ts") + number(slice, "dur"));
        let track = tracks.entry(number(slice, "tid")).or_default();
        let lies_well = |&(a, b): &(u64, u64)| to <= a || b <= from || (a <= from && to <= b);
        assert!(track.iter().all(lies_well), "slices of a track lie in each other or apart: {slice}");
        track.push((from, to));
    }
    for meta in of("M") {
        match meta["name"].as_str().unwrap() {
            "process_name" => assert!(meta["args"]["name"].is_string()),
            "thread_name" => assert!(tracks.contains_key(&number(meta, "tid")), "{meta}"),
            "thread_sort_index" => assert_eq!(number(&meta["args"], "sort_index"), number(meta, "tid")),
            other => panic!("{other}"),
        }
    }
    let instants: Vec<(u64, &str)> =
        of("i").iter().map(|event| (number(event, "ts"), event["s"].as_str().unwrap())).collect();
    assert_eq!(instants, [(2_450_000, "t")], "php-fpm has ended once");
    let (starts, ends) = (of("s"), of("f"));
    assert_eq!((starts.len(), ends.len()), (7, 7), "a flow for each need");
    for start in starts {
        let end = ends.iter().find(|end| end["id"] == start["id"]).unwrap();
        assert_eq!((&end["name"], &end["cat"], &end["bp"]), (&start["name"], &start["cat"], &"e".into()));
        assert!(number(start, "ts") <= number(end, "ts"), "{start} {end}");
        for event in [start, *end] {
            let at = number(event, "ts");
            let mut slices = tracks[&number(event, "tid")].iter();
            assert!(slices.any(|(from, to)| *from <= at && at < *to), "it is within a slice: {event}");
        }
    }
    let slice = |name: &str| of("X").into_iter().find(|event| event["name"] == name).unwrap();
    let migrate = slice("migrate");
    assert_eq!((number(migrate, "ts"), number(migrate, "dur")), (841_000, 1_400_000));
    assert_eq!((&migrate["cat"], &migrate["args"]["critical"]), (&"oneshot".into(), &true.into()));
    assert!(slice(ODD)["args"]["after"].as_array().unwrap().is_empty());
}

#[test]
fn copies_of_all_kinds_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    write(&run, Is::Running);
    let whole = form(&run, "svg");
    assert_eq!(form(dir.path(), "svg"), whole, "the directory above");
    let archive = |name: &str, fill: &dyn Fn(&mut tar::Builder<Vec<u8>>)| {
        let mut builder = tar::Builder::new(Vec::new());
        builder.follow_symlinks(false);
        fill(&mut builder);
        let path = dir.path().join(name);
        fs::write(&path, builder.into_inner().unwrap()).unwrap();
        path
    };
    for (name, prefix) in [("docker.tar", "run"), ("dot.tar", "./run"), ("bare.tar", ".")] {
        let path = archive(name, &|builder| builder.append_dir_all(prefix, &run).unwrap());
        assert_eq!(form(&path, "svg"), whole, "{name}");
    }
    // Without the live state, nothing is known of what needs what, and nothing is said of a critical path.
    let part = archive("part.tar", &|builder| {
        builder.append_dir_all("s6-overlay", run.join("s6-overlay")).unwrap();
    });
    let text = form(&part, "text");
    insta::assert_snapshot!("without_needs", text);
    assert_eq!(form(&run.join("s6-overlay"), "text"), text);
    // The record alone doesn't know more, but for what the board says of readiness.
    assert_eq!(form(&run.join("s6-overlay/record"), "text"), text);
}

#[test]
fn what_is_no_container_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let fails = |path: &Path, why: &str| {
        let outcome = boot(path, &[]);
        assert_eq!((outcome.code, outcome.out.as_str()), (111, ""));
        assert!(outcome.err.contains(why), "{}", outcome.err);
    };
    fails(&dir.path().join("nothing"), "unable to read");
    fails(dir.path(), "isn't the /run of a container");
    let file = dir.path().join("file");
    for content in ["", "not an archive\n".repeat(100).as_str()] {
        fs::write(&file, content).unwrap();
        fails(&file, "isn't the /run of a container");
    }
    // A record that was cut, and one whose beginning was overwritten.
    let run = container(Is::Running);
    let record = run.path().join("s6-overlay/record");
    let mut bytes = fs::read(&record).unwrap();
    fs::write(&record, &bytes[..64]).unwrap();
    fs::remove_file(run.path().join("s6-overlay/board")).unwrap();
    fails(run.path(), "isn't in its record of events any more");
    bytes[0] ^= 1;
    fs::write(&record, &bytes).unwrap();
    fails(run.path(), "isn't the /run of a container");
}

#[test]
fn links_out_of_a_copy_lead_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), Is::Running);
    std::os::unix::fs::symlink(outside.path().join("s6-overlay"), dir.path().join("s6-overlay")).unwrap();
    assert_eq!(boot(dir.path(), &[]).code, 111);
    // In a circle.
    fs::remove_file(dir.path().join("s6-overlay")).unwrap();
    std::os::unix::fs::symlink("s6-overlay", dir.path().join("s6-overlay")).unwrap();
    assert_eq!(boot(dir.path(), &[]).code, 111);
    // Upwards as often as one likes.
    fs::remove_file(dir.path().join("s6-overlay")).unwrap();
    fs::create_dir_all(dir.path().join("deep/s6-overlay")).unwrap();
    std::os::unix::fs::symlink("../../../../deep/s6-overlay", dir.path().join("s6-overlay")).unwrap();
    fs::copy(outside.path().join("s6-overlay/record"), dir.path().join("deep/s6-overlay/record")).unwrap();
    assert_eq!(boot(dir.path(), &[]).code, 0);
}

/// A moment: within the start, or of the worst kind.
fn moment() -> impl Strategy<Value = u64> {
    prop_oneof![
        5 => 1_000_000_000_000..1_004_000_000_000_u64,
        1 => any::<u64>(),
        1 => Just(0),
        1 => Just(u64::MAX),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whatever_a_record_says_is_drawn(
        events in proptest::collection::vec((0..3_usize, 0..60_u8, moment(), 0..3_u8, any::<u16>(), 0..5_usize), 0..30),
        has_board in any::<bool>(),
    ) {
        let dir = container(Is::Starting);
        let names = ["", "php-fpm", "migrate", ODD, "\u{1}a-name-of-more-than-27-bytes-that-no-service-has\n"];
        let begun = Happened { kind: Kind::BootBegan, at: Duration::from_secs(1000), ..Happened::default() };
        let told = events.iter().map(|(ring, kind, at, how, code, name)| {
            let (kind, name) = (Kind::from_byte(*kind), Name::new(names[*name].as_bytes()));
            let at = Duration::from_nanos(*at);
            (Ring::ALL[*ring], Happened { kind, at, how: *how, code: *code, name, ..Happened::default() })
        });
        write_events(&dir.path().join("s6-overlay/record"), std::iter::once((Ring::Services, begun)).chain(told));
        if !has_board {
            fs::remove_file(dir.path().join("s6-overlay/board")).unwrap();
        }
        elements(&form(dir.path(), "svg"));
        for name in ["text", "html"] {
            form(dir.path(), name);
        }
        for name in ["chrome", "json"] {
            let _: Value = serde_json::from_str(&form(dir.path(), name)).unwrap();
        }
    }
}
