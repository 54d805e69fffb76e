//! Every report in every situation, as printed.

use super::{Context, Level, Line, Report};
use crate::direction::Direction;
use crate::failure::Failure;
use crate::work::Work;
use insta::assert_snapshot;
use std::fmt::Write;
use std::time::Duration;

/// One report of each kind.
fn all() -> Vec<(&'static str, Report<'static>)> {
    const NAME: &[u8] = b"web";
    const NAMES: [&[u8]; 9] = [b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h", b"i"];
    let still = |is_slow_normal| Report::StillWaiting {
        name: NAME,
        quiet: Duration::from_millis(12_900),
        why: "it waits for rain",
        is_slow_normal,
    };
    vec![
        ("bringing up", Report::Bringing(Direction::Up)),
        ("bringing down", Report::Bringing(Direction::Down)),
        ("beginning", Report::Beginning { name: NAME }),
        ("succeeded", Report::Succeeded { name: NAME }),
        ("failed", Report::Failed { name: b"bad\nname", failure: &Failure::Exited(3) }),
        ("already", Report::Already { name: NAME }),
        ("essential", Report::Essential { name: NAME }),
        ("out of time", Report::OutOfTime { name: NAME, waits_for: "rain" }),
        ("8 kept back", Report::KeptBack { names: &NAMES[..8] }),
        ("9 kept back", Report::KeptBack { names: &NAMES }),
        ("interrupted", Report::Interrupted),
        ("still waiting, which is normal", still(true)),
        ("still waiting", still(false)),
        ("still waiting for more", Report::StillWaitingForMore { count: 2 }),
        ("stale down file", Report::StaleDownFile { file: b"/l/web/down", reason: "Not today" }),
        ("more stale down files", Report::MoreStaleDownFiles { count: 2 }),
        ("stale state", Report::StaleState { reason: "Not today" }),
        ("no room", Report::NoRoom { name: NAME, failure: &Failure::Permanent }),
        ("unheard", Report::Unheard { name: NAME, reason: "Not today" }),
    ]
}

/// The least verbosity that prints a report, and its line.
fn first_line(report: &Report<'_>, work: Work, is_dry_run: bool) -> (u32, Line) {
    let printed = (0..=4).filter_map(|verbosity| {
        report.line(Context { verbosity, work, is_dry_run }).map(|line| (verbosity, line))
    });
    let printed: Vec<_> = printed.collect();
    let (first, line) = printed.first().expect("some verbosity prints it").clone();
    assert_eq!(printed.len() as u32, 5 - first, "a higher verbosity prints it, too");
    (first, line)
}

#[test]
fn every_report_has_its_text_level_and_verbosity() {
    let mut table = String::new();
    for work in [Work::Start, Work::Stop, Work::Reload] {
        for is_dry_run in [false, true] {
            writeln!(table, "{work:?}{}", if is_dry_run { ", dry run" } else { "" }).unwrap();
            for (kind, report) in all() {
                let (verbosity, Line { level, text }) = first_line(&report, work, is_dry_run);
                let level = if level == Level::Warning { "warning" } else { "info" };
                writeln!(table, "  {kind:<30} -v{verbosity} {level:>7}: {text}").unwrap();
            }
        }
    }
    assert_snapshot!(table);
}
