//! Orders of starts and stops.

use super::{Plan, Step};
use crate::database::tests::oneshots;
use crate::database::{Database, ESSENTIAL, Id};
use crate::direction::Direction;
use insta::assert_snapshot;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A graph: dependencies by name.  A name that ends in `!` is an essential service.
type Graph = &'static [(&'static str, &'static [&'static str])];

const CHAIN: Graph = &[("a", &[]), ("b", &["a"]), ("c", &["b"])];
const TIES: Graph = &[("d", &[]), ("c", &[]), ("b", &[]), ("a", &[])];
const DIAMOND: Graph =
    &[("base", &[]), ("left", &["base"]), ("right", &["base"]), ("top", &["left", "right"])];
const UNEVEN: Graph = &[
    ("db", &[]),
    ("cache", &[]),
    ("migrate", &["db"]),
    ("app", &["cache", "migrate"]),
    ("proxy", &["app"]),
    ("cron", &["db"]),
];
const ESSENTIALS: Graph = &[("net", &[]), ("log!", &["net"]), ("app", &["log!"]), ("other", &[])];

fn database(graph: Graph) -> Database {
    let place = |name: &str| graph.iter().position(|(n, _)| *n == name).unwrap() as Id;
    let lists: Vec<Vec<Id>> =
        graph.iter().map(|(_, needs)| needs.iter().map(|n| place(n)).collect()).collect();
    let mut services = oneshots(&lists.iter().map(Vec::as_slice).collect::<Vec<_>>());
    for (service, (name, _)) in services.iter_mut().zip(graph) {
        service.name = name.trim_end_matches('!').into();
        service.flags = if name.ends_with('!') { ESSENTIAL } else { 0 };
    }
    Database::new(services, Vec::new()).unwrap()
}

/// What a plan does: a line for each round, in which everything ends that has begun; `fails` does so without success.
fn rounds(graph: Graph, direction: Direction, up: &[&str], fails: &[&str], force: bool) -> String {
    let database = database(graph);
    let name = |id: Id| String::from_utf8_lossy(database.name(id)).into_owned();
    let ids = || 0..database.len() as Id;
    let is_up = ids().map(|id| up.contains(&name(id).as_str())).collect();
    let mut plan = Plan::new(&database, direction, is_up, vec![true; database.len()], force);
    let (mut text, mut failed) = (String::new(), Vec::new());
    loop {
        let mut begun = Vec::new();
        let mut words = Vec::new();
        while let Some(step) = plan.next_step() {
            match step {
                Step::Begin(id) => {
                    begun.push(id);
                    words.push(name(id));
                }
                Step::Already(id) => words.push(format!("({} already)", name(id))),
                Step::Essential(id) => words.push(format!("({} is essential)", name(id))),
            }
        }
        if words.is_empty() {
            break;
        }
        writeln!(text, "  {}", words.join(" ")).unwrap();
        for id in begun {
            let success = !fails.contains(&name(id).as_str());
            plan.finished(id, success);
            failed.extend((!success).then_some(id));
        }
    }
    let kept: BTreeSet<String> = plan.kept_back_by(&failed).into_iter().map(name).collect();
    if !kept.is_empty() {
        writeln!(text, "  kept back: {}", kept.into_iter().collect::<Vec<_>>().join(" ")).unwrap();
    }
    text
}

#[test]
fn starts_and_stops_have_their_order() {
    let mut text = String::new();
    let graphs = [("chain", CHAIN), ("ties", TIES), ("diamond", DIAMOND), ("uneven", UNEVEN)];
    for (title, graph) in graphs {
        let all: Vec<&str> = graph.iter().map(|(n, _)| *n).collect();
        write!(text, "{title}, up\n{}", rounds(graph, Direction::Up, &[], &[], false)).unwrap();
        write!(text, "{title}, down\n{}", rounds(graph, Direction::Down, &all, &[], false)).unwrap();
    }
    assert_snapshot!(text);
}

#[test]
fn what_is_there_already_and_what_fails_decide_what_begins() {
    let up = |up: &[&str], fails: &[&str]| rounds(UNEVEN, Direction::Up, up, fails, false);
    let all = ["db", "cache", "migrate", "app", "proxy", "cron"];
    let down = |up: &[&str], fails: &[&str]| rounds(UNEVEN, Direction::Down, up, fails, false);
    assert_snapshot!(format!(
        "up, with db and cache up\n{}up, all up\n{}up, migrate fails\n{}up, db fails\n{}\
         down, with db and cron up\n{}down, all down\n{}down, app fails\n{}down, cron fails\n{}",
        up(&["db", "cache"], &[]),
        up(&all, &[]),
        up(&[], &["migrate"]),
        up(&[], &["db"]),
        down(&["db", "cron"], &[]),
        down(&[], &[]),
        down(&all, &["app"]),
        down(&all, &["cron"]),
    ));
}

#[test]
fn essential_services_are_stopped_with_force_only() {
    let all = ["net", "log", "app", "other"];
    let down = |force| rounds(ESSENTIALS, Direction::Down, &all, &[], force);
    let up = rounds(ESSENTIALS, Direction::Up, &[], &[], false);
    assert_snapshot!(format!("down\n{}down by force\n{}up\n{up}", down(false), down(true)));
}

#[test]
fn what_a_failure_keeps_back_is_what_needs_it_and_would_change() {
    let kept = |direction, up: &[&str], selected: &[&str], failed: &str| {
        let database = database(UNEVEN);
        let place = |name: &str| UNEVEN.iter().position(|(n, _)| *n == name).unwrap();
        let flags = |names: &[&str]| UNEVEN.iter().map(|(n, _)| names.contains(n)).collect::<Vec<_>>();
        let plan = Plan::new(&database, direction, flags(up), flags(selected), false);
        let kept = plan.kept_back_by(&[place(failed) as Id]);
        kept.iter().map(|id| String::from_utf8_lossy(database.name(*id)).into_owned()).collect::<Vec<_>>()
    };
    let all = ["db", "cache", "migrate", "app", "proxy", "cron"];
    assert_eq!(kept(Direction::Up, &[], &all, "db"), ["migrate", "app", "proxy", "cron"]);
    assert_eq!(kept(Direction::Up, &[], &all, "cache"), ["app", "proxy"]);
    assert_eq!(kept(Direction::Up, &[], &all, "proxy"), [""; 0]);
    // What isn't selected isn't kept back, nor is what is up already.
    assert_eq!(kept(Direction::Up, &[], &["db", "migrate", "app"], "db"), ["migrate", "app"]);
    assert_eq!(kept(Direction::Up, &["cron"], &all, "db"), ["migrate", "app", "proxy"]);
    assert_eq!(kept(Direction::Down, &all, &all, "app"), ["db", "cache", "migrate"]);
    assert_eq!(kept(Direction::Down, &["app", "db", "migrate"], &all, "app"), ["db", "migrate"]);
}

#[test]
fn what_is_wanted_comes_first_and_its_failure_is_no_obstacle() {
    let named = [("net", &[][..]), ("cache", &[0]), ("web", &[])];
    let mut services = oneshots(&named.map(|(_, needs)| needs));
    services[2].wants = vec![1];
    let database = Database::new(services, Vec::new()).unwrap();
    let begun = |plan: &mut Plan<'_>| std::iter::from_fn(|| plan.next_step()).collect::<Vec<_>>();
    let plan = |direction, up: [bool; 3], selected: [bool; 3]| {
        Plan::new(&database, direction, up.to_vec(), selected.to_vec(), false)
    };
    let (all, none) = ([true; 3], [false; 3]);
    let mut up = plan(Direction::Up, none, all);
    assert_eq!(begun(&mut up), [Step::Begin(0)]);
    // `cache` can't begin any more.
    up.finished(0, false);
    assert_eq!(begun(&mut up), [Step::Begin(2)]);
    let mut up = plan(Direction::Up, [true, false, false], all);
    assert_eq!(begun(&mut up), [Step::Already(0), Step::Begin(1)]);
    up.finished(1, true);
    assert_eq!(begun(&mut up), [Step::Begin(2)]);
    // It isn't selected, so nobody waits for it.
    let mut up = plan(Direction::Up, none, [false, false, true]);
    assert_eq!(begun(&mut up), [Step::Begin(2)]);
    let mut down = plan(Direction::Down, all, all);
    assert_eq!(begun(&mut down), [Step::Begin(2)]);
    down.finished(2, false);
    assert_eq!(begun(&mut down), [Step::Begin(1)]);
}
