//! Reads the facts about a container.

use super::place::Place;
use super::{Kind, Service, Snapshot, Step};
use overlay::boot::conditions;
use rustix::io::Errno;
use s6_rc::condition::Examined;
use s6_rc::database::{Body, Database};
use s6_rc::live::{Live, Lock};
use std::time::Duration;
use supervision::attended;
use supervision::board::{read_board, read_ring};
use supervision::control::{CATCH_ALL, PROBES};
use supervision::status::read_status;
use supervisor::memory;
use tool::path::join;
use tool::sorted::{Map, Set};
use tool::{Fatal, clock, diag::show, processes};
use wire::board::{Cause, Flags, Row, State};
use wire::probes;
use wire::proc_stat::Stat;
use wire::record::{Event, Kind as What, Ring};
use wire::restart_policy::{self, RestartPolicy};
use wire::svstatus::Status;
use wire::tai::Tai64n;

/// The bundle that the start of a container brings up.
const BOOT: &[u8] = b"top";

/// How many processor ticks there are in a second: USER_HZ of the kernel.
const TICKS: u64 = 100;

/// Names of the scan directory that aren't services for people.
fn is_internal(name: &[u8]) -> bool {
    let prefixes = [&b"."[..], b"s6rc-", b"s6-linux-init-", CATCH_ALL.as_bytes(), PROBES.as_bytes()];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Looks at a container; `with_memory` also at its processes, at what they use, and at what the attendant is asked.
///
/// # Errors
/// There is no container: code 111.
pub fn gather(place: &Place, with_memory: bool) -> Result<Snapshot, Fatal> {
    let mut all = Snapshot { now: (clock::now(), unix(clock::wall())), ..Snapshot::default() };
    let board = place.board();
    let mut rows = match read_board(&board) {
        Ok(board) => {
            if board.header.is_none() {
                all.remarks.push("the status board's header is damaged, or of another version".to_owned());
            }
            let mut rows = board.services;
            match board.damaged.len() {
                0 if board.header.is_some() => {}
                0 => add_missing(&mut all, &mut rows, place),
                count => {
                    all.remarks.push(format!("damaged rows of the status board: {count}"));
                    add_missing(&mut all, &mut rows, place);
                }
            }
            all.header = board.header;
            rows
        }
        Err(why) => {
            all.remarks.push(format!("no status board: {}: {}", show(&board), sys::strerror(why)));
            from_supervisors(&mut all, place).map_err(|_| absent(place))?
        }
    };
    rows.retain(|row| !is_internal(&row.name));
    let mut examined = Vec::new();
    match Live::open(&place.live(), Lock::Shared, false) {
        Ok(live) => {
            from_database(&mut all, live.database(), &live.up());
            examined = conditions::read(&place.examined());
        }
        Err(why) if all.header.is_none() => {
            let what = "oneshots and dependencies are missing here, without s6-rc's database";
            all.remarks.push(format!("{what}: {}", why.message()));
        }
        // The start has not come so far.
        Err(_) => {}
    }
    add_rows(&mut all, rows);
    add_examined(&mut all, examined);
    sort(&mut all);
    add_reports(&mut all, place, with_memory);
    for event in read_ring(&place.record(), Ring::Changes).unwrap_or_default() {
        take_event(&mut all, &event);
    }
    if with_memory {
        read_processes(&mut all);
        read_memory(&mut all);
    }
    Ok(all)
}

/// Adds what the board says of services, and those that it alone knows.
fn add_rows(all: &mut Snapshot, rows: Vec<Row>) {
    sort(all);
    let mut others = Vec::new();
    for row in rows {
        match by_name(all, &row.name) {
            Some(service) => service.row = Some(row),
            None => others.push(Service { name: row.name.clone(), row: Some(row), ..Service::default() }),
        }
    }
    all.services.extend(others);
}

/// The service of this name, of services that are sorted.
fn by_name<'a>(all: &'a mut Snapshot, name: &[u8]) -> Option<&'a mut Service> {
    let found = all.services.binary_search_by(|service| service.name.as_slice().cmp(name));
    found.ok().and_then(|at| all.services.get_mut(at))
}

/// Sorts the services by name, without the internal ones.
fn sort(all: &mut Snapshot) {
    let mut order: Vec<usize> = (0..all.services.len()).collect();
    let name = |at: usize| all.services.get(at).map(|service| service.name.as_slice()).unwrap_or_default();
    order.retain(|at| !is_internal(name(*at)));
    order.sort_unstable_by(|a, b| name(*a).cmp(name(*b)));
    let mut places = vec![None; all.services.len()];
    for (to, from) in order.iter().enumerate() {
        places.get_mut(*from).into_iter().for_each(|place| *place = Some(to));
    }
    let moved = |list: &mut Vec<usize>| {
        *list = list.iter().filter_map(|at| places.get(*at).copied().flatten()).collect();
        list.sort_unstable();
    };
    let mut old = std::mem::take(&mut all.services);
    for at in order {
        let mut service = old.get_mut(at).map(std::mem::take).unwrap_or_default();
        moved(&mut service.needs);
        moved(&mut service.wants);
        moved(&mut service.needed_by);
        service.logger = service.logger.and_then(|at| places.get(at).copied().flatten());
        all.services.push(service);
    }
    all.bundles.iter_mut().for_each(|(_, members)| moved(members));
}

fn absent(place: &Place) -> Fatal {
    Fatal::new(111, format_args!("no container of s6-overlay runs here: nothing in {}", show(place.dir())))
}

/// Time since 1970.
pub(crate) fn unix(at: Tai64n) -> Duration {
    Duration::new(u64::try_from(at.unix_seconds()).unwrap_or_default(), at.nanos)
}

/// Adds what the database says, and which services are up.
fn from_database(all: &mut Snapshot, database: &Database, up: &[bool]) {
    let places = |ids: &[u32]| ids.iter().filter_map(|id| usize::try_from(*id).ok()).collect::<Vec<_>>();
    let mut in_boot = vec![false; database.len()];
    for id in database.atomics(BOOT).unwrap_or_default() {
        in_boot.get_mut(id as usize).into_iter().for_each(|flag| *flag = true);
    }
    database.close(&mut in_boot, s6_rc::direction::Direction::Up);
    all.services = (0..)
        .zip(database.services())
        .map(|(at, service)| {
            let (kind, logger) = match &service.body {
                Body::Longrun { consumer, .. } => {
                    (Kind::Longrun, consumer.and_then(|id| usize::try_from(id).ok()))
                }
                Body::Oneshot { .. } => (Kind::Oneshot, None),
            };
            Service {
                name: service.name.clone(),
                kind,
                up: up.get(at).copied(),
                in_boot: in_boot.get(at).copied().unwrap_or_default(),
                needs: places(&service.dependencies),
                wants: places(&service.wants),
                needed_by: places(&service.dependents),
                logger,
                ..Service::default()
            }
        })
        .collect();
    all.bundles =
        database.bundles().iter().map(|bundle| (bundle.name.clone(), places(&bundle.contents))).collect();
}

/// Adds what was found out about services that have conditions, and the services that aren't in this container.
fn add_examined(all: &mut Snapshot, examined: Vec<Examined>) {
    for one in examined {
        match all.services.iter_mut().find(|service| service.name == one.name) {
            // What is there is there, whatever is said of it.
            Some(service) => service.examined = Some(Examined { absent: None, ..one }),
            None if one.kind == b'b' => all.bundles.push((one.name, Vec::new())),
            None => {
                let kind = if one.kind == b'o' { Kind::Oneshot } else { Kind::Longrun };
                let name = one.name.clone();
                all.services.push(Service { name, kind, examined: Some(one), ..Service::default() });
            }
        }
    }
}

/// Adds what the attendant has found out about services' processes, and perhaps what it is asked to.
fn add_reports(all: &mut Snapshot, place: &Place, with_probes: bool) {
    let Ok(folder) = attended::open(&place.attended()) else { return };
    for name in files::names(&folder).unwrap_or_default() {
        let Some(service) = by_name(all, &name) else { continue };
        let Some(row) = &service.row else { continue };
        service.report = attended::report(&folder, &name, row.pid);
        if with_probes && service.report.is_some() {
            let file = join(&join(&place.scandir(), &name), probes::FILE.as_bytes());
            let record = files::read_no_fifo(rustix::fs::CWD, &file, probes::SIZE_MAX);
            service.probes = record.ok().and_then(|record| probes::decode(&record));
        }
    }
}

/// Adds the restart policies of these services, each with how deep it is.
pub(crate) fn add_policies(all: &mut Snapshot, place: &Place, asked: &[(usize, usize)]) {
    for (at, _) in asked {
        let Some(service) = all.services.get_mut(*at).filter(|service| service.row.is_some()) else {
            continue;
        };
        let file = join(&join(&place.scandir(), &service.name), restart_policy::FILE.as_bytes());
        let record = files::read_no_fifo(rustix::fs::CWD, &file, restart_policy::SIZE_MAX);
        service.policy = record.ok().and_then(|record| RestartPolicy::unpack(&record));
    }
}

/// What an event says about a oneshot.
fn take_event(all: &mut Snapshot, event: &Event) {
    if !matches!(event.kind, What::OneshotBegan | What::OneshotEnded) {
        return;
    }
    // A cheap look before the sum of a name.
    let is_it = |service: &&mut Service| {
        service.kind == Kind::Oneshot
            && service.name.starts_with(&event.name.bytes)
            && event.name.is(&service.name)
    };
    let Some(service) = all.services.iter_mut().find(is_it) else { return };
    let (up, is_over) = (event.how == 1, event.kind == What::OneshotEnded);
    let began = service.step.filter(|step| is_over && step.up == up && step.wstat.is_none());
    service.step = Some(Step {
        up,
        at: event.at,
        wstat: is_over.then_some(event.code),
        took: began.and_then(|step| event.at.checked_sub(step.at)),
    });
}

/// What the supervisors' own files say, as of an image without a board: only who may read `supervise` gets anything.
fn from_supervisors(all: &mut Snapshot, place: &Place) -> Result<Vec<Row>, Errno> {
    let scandir = place.scandir();
    let (mut rows, mut is_denied) = (Vec::new(), false);
    for name in files::names(files::open_dir(rustix::fs::CWD, &scandir)?)? {
        let dir = join(&scandir, &name);
        rows.push(match read_status(&dir) {
            Ok(status) => of_status(name, &status, all.now),
            Err(why) => {
                is_denied |= why == Errno::ACCESS;
                Row { name, ..Row::default() }
            }
        });
    }
    all.remarks.push(if is_denied {
        "the supervisors' files say more, but not to this user: use docker exec -u 0".to_owned()
    } else {
        "read from the supervisors' files instead".to_owned()
    });
    Ok(rows)
}

/// Adds what a damaged board doesn't have, as far as this user can read it.
fn add_missing(all: &mut Snapshot, rows: &mut Vec<Row>, place: &Place) {
    for row in from_supervisors(all, place).unwrap_or_default() {
        if rows.iter().all(|known| known.name != row.name) {
            rows.push(row);
        }
    }
}

/// The record that the board would have.
fn of_status(name: Vec<u8>, status: &Status, now: (Duration, Duration)) -> Row {
    let moment = |at: Tai64n| now.0.saturating_sub(now.1.saturating_sub(unix(at)));
    let state = match (status.is_up(), status.finishing, status.want_up) {
        (true, ..) if status.ready => State::Ready,
        (true, _, false) => State::Stopping,
        (true, ..) => State::Up,
        (_, true, _) => State::Finishing,
        (.., true) => State::Backoff,
        _ => State::Down,
    };
    let has_ended = status.wstat != 0 || !status.is_up();
    Row {
        name,
        state,
        cause: if has_ended { Cause::Own } else { Cause::None },
        flags: Flags(
            if status.want_up { Flags::WANTED } else { 0 } | if status.paused { Flags::PAUSED } else { 0 },
        ),
        pid: status.pid,
        wstat: status.wstat,
        since: Some(moment(if state == State::Ready { status.ready_stamp } else { status.stamp })),
        ..Row::default()
    }
}

/// The state of process 1, as in `/proc/PID/stat`; 0 if there is no such process.
pub(crate) fn host_state(all: &Snapshot) -> u8 {
    let pid = all.header.as_ref().map_or(1, |header| header.pid);
    let line = files::read_file(rustix::fs::CWD, format!("/proc/{pid}/stat").as_bytes(), 4096);
    line.ok().and_then(|line| Stat::parse(&line)).map_or(0, |stat| stat.state)
}

/// What the processes of each service use: all of the session that its daemon leads.
fn read_processes(all: &mut Snapshot) {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or_default();
    let (mut of_pid, mut supervisors) = (Map::new(), Set::new());
    for (at, service) in all.services.iter().enumerate() {
        if let Some(row) = service.row.as_ref().filter(|row| row.pid != 0) {
            of_pid.set(u64::from(row.pid), at);
        }
        service.row.iter().for_each(|row| {
            supervisors.insert(u64::from(row.supervisor));
        });
    }
    // Without /proc nothing is known of any.
    let _ = processes::each(&|pid| !supervisors.contains(&pid), &mut |stat| {
        let at = of_pid.get(&stat.pid).or_else(|| of_pid.get(&stat.session));
        let Some(service) = at.and_then(|at| all.services.get_mut(*at)) else { return };
        let ticks = [stat.user, stat.system, stat.user_of_children, stat.system_of_children];
        let ticks = ticks.iter().fold(0_u64, |sum, ticks| sum.saturating_add(*ticks));
        let add =
            |sum: &mut Option<u64>, more: u64| *sum = Some(sum.unwrap_or_default().saturating_add(more));
        add(&mut service.memory, stat.resident.saturating_mul(page));
        add(&mut service.cpu, ticks.saturating_mul(1000 / TICKS));
    });
    let is_hidden =
        |service: &Service| service.memory.is_none() && service.row.as_ref().is_some_and(|row| row.pid != 0);
    if all.services.iter().any(is_hidden) {
        all.unreadable.extend(["memory", "cpu"]);
    }
}

/// What the container uses of memory.
fn read_memory(all: &mut Snapshot) {
    all.memory = (memory::usage(), memory::limit());
    all.kills = memory::kills();
    if all.memory.0.is_none() && !all.unreadable.contains(&"memory") {
        all.unreadable.push("memory");
    }
    if all.kills.is_none() {
        all.unreadable.push("oom_kills");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::word::standing;
    use s6_rc::database::{Bundle, Service as Defined};
    use wire::record::Name;

    #[test]
    fn services_are_by_name_whatever_their_numbers() {
        let body = Body::Oneshot { up: Vec::new(), down: Vec::new(), reload: Vec::new() };
        let defined = |name: &str, dependencies: &[u32], dependents: &[u32], body: Body| Defined {
            name: name.into(),
            dependencies: dependencies.to_vec(),
            dependents: dependents.to_vec(),
            body,
            ..Defined::default()
        };
        let services = vec![
            defined("s6rc-oneshot-runner", &[], &[2], Body::default()),
            defined("web", &[2], &[], Body::default()),
            defined("setup", &[0], &[1], body),
        ];
        let bundles = vec![Bundle { name: b"top".to_vec(), contents: vec![1] }];
        let database = Database::new(services, bundles).unwrap();
        let mut all = Snapshot::default();
        from_database(&mut all, &database, &[false, false, true]);
        sort(&mut all);
        let shown: Vec<_> =
            all.services.iter().map(|s| (tool::diag::shown(&s.name), s.kind, s.up, s.in_boot)).collect();
        let expected = [
            ("setup".to_owned(), Kind::Oneshot, Some(true), true),
            ("web".to_owned(), Kind::Longrun, Some(false), true),
        ];
        assert_eq!(shown, expected);
        assert_eq!((&all.services[1].needs, &all.services[0].needed_by), (&vec![0], &vec![1]));
        assert_eq!((all.services[0].needs.len(), &all.bundles[0].1), (0, &vec![1]));
        let event = |kind, code| Event {
            kind,
            how: 1,
            code,
            at: Duration::from_secs(if kind == What::OneshotBegan { 2 } else { 9 }),
            name: Name::new(b"setup"),
            ..Event::default()
        };
        take_event(&mut all, &event(What::OneshotBegan, 0));
        assert_eq!(all.services[0].step.unwrap().wstat, None);
        take_event(&mut all, &event(What::OneshotEnded, 0x100));
        take_event(&mut all, &event(What::Ended, 9));
        let step = all.services[0].step.unwrap();
        assert_eq!((step.up, step.wstat, step.took), (true, Some(0x100), Some(Duration::from_secs(7))));
        take_event(&mut all, &event(What::OneshotEnded, 0));
        assert_eq!(all.services[0].step.unwrap().took, None, "when it began isn't known any more");
    }

    #[test]
    fn a_supervisor_s_file_stands_for_the_board() {
        let now = (Duration::from_secs(100), Duration::from_secs(1_700_000_000));
        let stamp = Tai64n::from_unix(1_699_999_990, 0);
        let status = |pid, finishing, want_up, ready| Status {
            stamp,
            ready_stamp: stamp,
            pid,
            wstat: 0x100,
            paused: false,
            finishing,
            want_up,
            ready,
        };
        for (status, word) in [
            (status(7, false, true, false), "up"),
            (status(7, false, true, true), "ready"),
            (status(7, false, false, true), "ready"),
            (status(7, false, false, false), "stopping"),
            (status(7, true, true, false), "stopping"),
            (status(0, false, true, true), "backoff"),
            (status(0, false, false, true), "down"),
        ] {
            let row = of_status(b"a".to_vec(), &status, now);
            assert_eq!(row.since, Some(Duration::from_secs(90)));
            let service = Service { row: Some(row), ..Service::default() };
            assert_eq!(standing(&Snapshot::default(), &service).word.text(), word, "{status:?}");
        }
    }
}
