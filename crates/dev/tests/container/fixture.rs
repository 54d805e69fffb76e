//! The files of a container that was never there: `/run`, as far as it is looked at.

use s6_rc::database::{Body, Bundle, Database, Service};
use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::time::Duration;
use wire::board::{Flags, Header, Phase, Row, State};
use wire::record::{Event, FILE, Kind, Name, Ring, header};

/// A name of the worst kind.
pub const ODD: &str = "a \"quoted\" <script>&";

/// The services, longruns first, with what they need.
const SERVICES: [(&str, &[&str]); 8] = [
    (ODD, &[]),
    ("nginx", &["nginx-log", "php-fpm"]),
    ("nginx-log", &[]),
    ("php-fpm", &["certificates", "migrate"]),
    ("postgres", &["secrets"]),
    ("certificates", &["secrets"]),
    ("migrate", &["postgres"]),
    ("secrets", &[]),
];
const ONESHOTS: [&str; 3] = ["certificates", "migrate", "secrets"];

/// Milliseconds after the container began, in which ring, what has happened, to what, a code.
type Happened = (u64, Ring, Kind, &'static str, u16);

const EVENTS: [Happened; 24] = [
    (0, Ring::Services, Kind::BootBegan, "", 0),
    (5, Ring::Changes, Kind::StepBegan, "stage2-hook", 0),
    (55, Ring::Changes, Kind::StepOver, "stage2-hook", 0),
    (60, Ring::Changes, Kind::ChangeBegan, "", 0),
    (61, Ring::Changes, Kind::OneshotBegan, "secrets", 0),
    (62, Ring::Services, Kind::Started, ODD, 0),
    (63, Ring::Services, Kind::Started, "nginx-log", 0),
    (211, Ring::Changes, Kind::OneshotEnded, "secrets", 0),
    (212, Ring::Services, Kind::WantedUp, "postgres", 0),
    (240, Ring::Services, Kind::Started, "postgres", 0),
    (241, Ring::Changes, Kind::OneshotBegan, "certificates", 0),
    (840, Ring::Services, Kind::Ready, "postgres", 0),
    (841, Ring::Changes, Kind::OneshotBegan, "migrate", 0),
    (1300, Ring::Changes, Kind::OneshotEnded, "certificates", 0),
    (2241, Ring::Changes, Kind::OneshotEnded, "migrate", 0),
    (2242, Ring::Services, Kind::WantedUp, "php-fpm", 0),
    (2250, Ring::Services, Kind::Started, "php-fpm", 0),
    (2450, Ring::Services, Kind::Ended, "php-fpm", 0x300),
    (3450, Ring::Services, Kind::Started, "php-fpm", 0),
    (3850, Ring::Services, Kind::Ready, "php-fpm", 0),
    (3851, Ring::Services, Kind::Started, "nginx", 0),
    (4150, Ring::Services, Kind::Ready, "nginx", 0),
    (4151, Ring::Services, Kind::BootOver, "", 0),
    (9000, Ring::Services, Kind::Ended, "nginx", 9),
];

/// When the container began, by the clock that never goes back.
const BEGUN: Duration = Duration::from_secs(1000);

/// How a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Is {
    /// Its start is over; nginx waits to be started again.
    Running,
    /// Its start goes on.
    Starting,
}

/// Writes the files; links are absolute, as in a container.
pub fn write(run: &Path, is: Is) {
    write_with(run, is, ODD);
}

/// The same, with another name in the place of the odd one.
pub fn write_with(run: &Path, is: Is, odd: &str) {
    let until = if is == Is::Running { u64::MAX } else { 2000 };
    for dir in ["s6-overlay", "s6/db", "s6-rc:1", "service"] {
        fs::create_dir_all(run.join(dir)).unwrap();
    }
    symlink("s6-rc:1", run.join("s6-rc")).unwrap();
    symlink("/run/s6/db", run.join("s6-rc:1/compiled")).unwrap();
    let database = database(odd);
    fs::write(run.join("s6/db/db"), s6_rc::format::encode(&database)).unwrap();
    let is_up = |service: &Service| {
        let waits: &[&[u8]] = &[b"migrate", b"nginx", b"php-fpm"];
        u8::from(is == Is::Running || !waits.contains(&service.name.as_slice()))
    };
    let state: Vec<u8> = database.services().iter().map(is_up).collect();
    fs::write(run.join("s6-rc:1/state"), state).unwrap();
    fs::write(run.join("s6-overlay/board"), board(is, odd)).unwrap();
    record(&run.join("s6-overlay/record"), until, odd);
}

fn named(name: &str, odd: &str) -> Vec<u8> {
    if name == ODD { odd.into() } else { name.into() }
}

fn database(odd: &str) -> Database {
    let place = |name: &str| {
        let at = SERVICES.iter().position(|(other, _)| *other == name).unwrap();
        u32::try_from(at).unwrap()
    };
    let services = SERVICES.iter().map(|(name, needs)| {
        let needed_by = SERVICES.iter().filter(|(_, needs)| needs.contains(name));
        let of = |wanted: bool, name| wanted.then(|| place(name));
        let body = match ONESHOTS.contains(name) {
            true => Body::Oneshot { up: Vec::new(), down: Vec::new(), reload: Vec::new() },
            false => Body::Longrun {
                consumer: of(*name == "nginx", "nginx-log"),
                producers: of(*name == "nginx-log", "nginx").into_iter().collect(),
            },
        };
        Service {
            name: named(name, odd),
            dependencies: needs.iter().map(|need| place(need)).collect(),
            dependents: needed_by.map(|(name, _)| place(name)).collect(),
            body,
            ..Service::default()
        }
    });
    let all: Vec<u32> = SERVICES.iter().map(|(name, _)| place(name)).collect();
    let bundle = |name: &str, contents: &[u32]| Bundle { name: name.into(), contents: contents.to_vec() };
    let bundles = vec![bundle("top", &all), bundle("user", &all[1..])];
    Database::new(services.collect(), bundles).unwrap()
}

fn board(is: Is, odd: &str) -> Vec<u8> {
    let at = |ms| Some(BEGUN + Duration::from_millis(ms));
    let names = ["nginx", "nginx-log", ODD, "php-fpm", "postgres"];
    let rows = names.iter().map(|name| {
        let (state, flags) = match (*name, is) {
            ("nginx", Is::Running) => (State::Backoff, Flags::WANTED | Flags::READINESS),
            ("postgres", _) | ("php-fpm", Is::Running) => (State::Ready, Flags::WANTED | Flags::READINESS),
            ("nginx" | "php-fpm", Is::Starting) => (State::Down, Flags::READINESS),
            _ => (State::Up, Flags::WANTED),
        };
        let name = named(name, odd);
        Row { name, state, flags: Flags(flags), starts: 2, since: at(60), ..Row::default() }.pack()
    });
    let rows: Vec<_> = rows.collect();
    let is_over = is == Is::Running;
    let header = Header {
        records: u32::try_from(rows.len()).unwrap(),
        pid: 1,
        phase: if is_over { Phase::Running } else { Phase::Starting },
        boot_code: if is_over { 0 } else { Header::NONE },
        clocks: (BEGUN, Duration::from_secs(1_795_974_360)),
        begun: Some(BEGUN),
        started: at(4151).filter(|_| is_over),
        ..Header::default()
    };
    [header.pack().as_slice(), &rows.concat()].concat()
}

fn record(path: &Path, until: u64, odd: &str) {
    let told = EVENTS.iter().filter(|(ms, ..)| *ms <= until).map(|(ms, ring, kind, name, code)| {
        let (at, name) = (BEGUN + Duration::from_millis(*ms), Name::new(&named(name, odd)));
        (*ring, Event { kind: *kind, at, how: 1, code: *code, name, ..Event::default() })
    });
    write_events(path, told);
}

/// Writes a record with these events.
pub fn write_events(path: &Path, events: impl Iterator<Item = (Ring, Event)>) {
    let file = fs::File::create(path).unwrap();
    file.set_len(FILE as u64).unwrap();
    file.write_all_at(&header((BEGUN, Duration::from_secs(1_795_974_360))), 0).unwrap();
    let mut numbers = [0_u32; 3];
    for (ring, event) in events {
        let number = &mut numbers[ring as usize];
        *number += 1;
        file.write_all_at(&event.pack(*number), ring.offset(*number)).unwrap();
    }
}
