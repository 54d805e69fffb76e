//! What everybody may know: rows and events of services that live, die and are removed.

use super::*;
use crate::board::Board;
use std::os::unix::ffi::OsStrExt;
use supervision::board::{read_board, read_record};
use wire::board::{RECORDS_AT_ONCE, Row, State};

fn scandir() -> (Scandir, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (board, failed) = Board::create(open(folder.path()).as_fd(), 0o640);
    assert_eq!(failed, None);
    let mut s = Scandir::with(|config| config.board = board);
    s.host.keep_journal(&Plain).unwrap();
    (s, folder)
}

fn rows(folder: &tempfile::TempDir) -> Vec<Row> {
    let board = read_board(folder.path().join("board").as_os_str().as_bytes()).unwrap();
    assert_eq!((board.header.is_some(), board.damaged), (true, Vec::new()));
    board.services
}

/// The events since a number of them, with their names.
fn events(folder: &tempfile::TempDir, seen: &mut usize) -> Vec<String> {
    let found = read_record(folder.path().join("record").as_os_str().as_bytes()).unwrap();
    assert_eq!(found.damaged, 0);
    let mut events = found.events;
    events.sort_by_key(|(_, number, _)| *number);
    let lines = events.iter().skip(*seen).map(|(_, _, event)| {
        let name = String::from_utf8_lossy(&event.name.bytes);
        format!("{name} {} {} {:#x}", event.kind.word(), event.pid, event.code)
    });
    let lines = lines.collect();
    *seen = events.len();
    lines
}

#[test]
fn a_service_is_followed_from_its_start_to_its_removal() {
    let (mut s, folder) = scandir();
    s.make(&["a"]);
    let mut seen = 0;
    s.scan();
    assert_eq!(events(&folder, &mut seen), ["a supervised 0 0x0", "a started 1001 0x0"]);
    let row = rows(&folder).remove(0);
    assert_eq!((&*row.name, row.state, row.pid, row.starts), (&b"a"[..], State::Up, 1001, 1));
    s.system.set(5000);
    s.end(1001, Ended::Exited(7));
    assert_eq!(events(&folder, &mut seen), ["a ended 1001 0x700", "a backoff 0 0x1"]);
    let row = rows(&folder).remove(0);
    assert_eq!((row.state, row.pid, row.wstat, row.deaths, row.failures), (State::Backoff, 0, 7 << 8, 1, 1));
    assert_eq!((row.life, row.next_start), (Some(Duration::from_secs(4)), Some(Duration::from_secs(6))));
    assert_eq!(row.peak, Some(7 << 20));
    s.at(6000);
    assert_eq!(events(&folder, &mut seen), ["a started 1002 0x0"]);
    s.command("a", b"d");
    assert_eq!(rows(&folder).remove(0).state, State::Stopping);
    s.end(1002, Ended::Killed(15));
    assert_eq!(events(&folder, &mut seen), ["a wanted-down 0 0x0", "a ended 1002 0xf"]);
    let row = rows(&folder).remove(0);
    assert_eq!((row.state, row.cause.word(), row.deaths), (State::Down, "asked", 1));
    std::fs::write(s.path("a/finish"), "").unwrap();
    s.command("a", b"u");
    s.end(1003, Ended::Exited(1));
    assert_eq!(rows(&folder).remove(0).state, State::Finishing);
    s.end(1004, Ended::Exited(125));
    let expected = [
        "a wanted-up 0 0x0",
        "a started 1003 0x0",
        "a ended 1003 0x100",
        "a finish-started 1004 0x0",
        "a finish-ended 1004 0x7d00",
        "a failed 0 0x1",
    ];
    assert_eq!(events(&folder, &mut seen), expected);
    assert_eq!(rows(&folder).remove(0).state, State::Failed);
    std::fs::rename(s.path("a"), s.path(".a")).unwrap();
    s.scan();
    s.letters(b"n");
    assert_eq!(events(&folder, &mut seen), ["a unsupervised 0 0x0"]);
    assert_eq!(rows(&folder), []);
}

#[test]
fn there_is_room_for_more_services_than_at_first() {
    let (mut s, folder) = scandir();
    let names: Vec<String> = (0..RECORDS_AT_ONCE + 3).map(|n| format!("s{n}")).collect();
    s.make(&names.iter().map(String::as_str).collect::<Vec<_>>());
    s.scan();
    assert_eq!(rows(&folder).len(), names.len());
    let path = folder.path().join("board");
    let header = read_board(path.as_os_str().as_bytes()).unwrap().header.unwrap();
    let records = usize::try_from(header.records).unwrap();
    assert!(records > names.len() && std::fs::metadata(path).unwrap().len() == 512 * (1 + records as u64));
}

#[test]
fn a_file_that_is_cut_or_removed_hurts_nobody() {
    let (mut s, folder) = scandir();
    s.make(&["a"]);
    s.scan();
    for file in ["board", "record"] {
        std::fs::File::create(folder.path().join(file)).unwrap();
    }
    s.system.set(5000);
    assert_eq!(s.end(1001, Ended::Exited(0)), [""; 0]);
    assert_eq!(s.at(6000), ["start a/run: 1002"]);
    std::fs::remove_file(folder.path().join("board")).unwrap();
    s.system.set(9000);
    s.end(1002, Ended::Exited(0));
    assert_eq!(s.at(10_000), ["start a/run: 1003"]);
}

#[test]
fn events_go_on_where_the_ring_ends() {
    let (s, folder) = scandir();
    s.host.launch.board.set_last(u32::MAX - 1);
    let event = |pid| record::Event { kind: record::Kind::Started, pid, ..record::Event::default() };
    s.host.launch.record(None, &[event(1), event(2), event(3)]);
    let found = read_record(folder.path().join("record").as_os_str().as_bytes()).unwrap();
    let mut numbers: Vec<(u32, u32)> = found.events.iter().map(|(_, n, event)| (*n, event.pid)).collect();
    numbers.sort_unstable();
    assert_eq!((numbers, found.damaged), (vec![(0, 2), (1, 3), (u32::MAX, 1)], 0));
}

#[test]
fn a_link_in_the_place_of_a_file_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("target", folder.path().join("board")).unwrap();
    std::fs::create_dir(folder.path().join("record")).unwrap();
    let (board, failed) = Board::create(open(folder.path()).as_fd(), 0o600);
    assert!(failed.is_some() && !board.has_record(), "a directory isn't removed");
    assert!(!folder.path().join("target").exists());
    let found = std::fs::symlink_metadata(folder.path().join("board")).unwrap();
    assert_eq!(
        (found.is_file(), std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777),
        (true, 0o600)
    );
}
