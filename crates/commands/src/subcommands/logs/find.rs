//! Where the logs of services are.

use crate::status::choice::unknown;
use overlay::environment::settings::Settings;
use overlay::environment::variables::{S6_LOG_FORMAT, S6_LOG_KEEP, S6_LOG_PREFIX, S6_LOGGING};
use overlay::layout::{KEPT_LOGS, LIVE, SCANDIR, UNCAUGHT_LOGS};
use overlay::log_dirs::{CURRENT, directories};
use overlay::relay::file_name;
use rustix::fs::CWD;
use rustix::io::Errno;
use s6_rc::database::{Body, Database};
use s6_rc::live::{Live, Lock};
use supervision::board::{BOARD, DIR, read_board};
use supervision::control::CATCH_ALL;
use tool::path::join;
use tool::{Fatal, diag::show};
use wire::board::Row;

/// A log: the name before its lines, its directory, and its current file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) name: Vec<u8>,
    pub(super) dir: Vec<u8>,
    pub(super) file: Vec<u8>,
}

/// The container's services.
pub(super) struct Services {
    live: Option<Live>,
    /// The supervised ones, `NAME/log` among them.
    supervised: Vec<Vec<u8>>,
    /// Their records on the status board.
    rows: Vec<Row>,
}

impl Services {
    /// Those of this container.
    pub(super) fn of_container() -> Self {
        let mut supervised = Vec::new();
        for name in files::names_at(CWD, SCANDIR.as_bytes()).unwrap_or_default() {
            if name.starts_with(b".") || sys::fs::stat(path(&name)).is_err() {
                continue;
            }
            let log = join(&name, b"log");
            let has_log = sys::fs::stat(path(&log)).is_ok();
            supervised.push(name);
            supervised.extend(has_log.then_some(log));
        }
        let rows = read_board(BOARD.as_bytes()).map(|board| board.services).unwrap_or_default();
        Self { live: Live::open(LIVE.as_bytes(), Lock::Shared, false).ok(), supervised, rows }
    }

    /// The log directories of a supervised service; with `by_name`, only of a program that logs.
    fn directories(&self, name: &[u8], by_name: bool) -> Vec<Vec<u8>> {
        let row = self.rows.iter().find(|row| row.name == name);
        directories(&path(name), row.map(|row| row.pid), by_name)
    }

    fn database(&self) -> Option<&Database> {
        self.live.as_ref().map(Live::database)
    }

    /// The services that names stand for; without names, all that may have a log.
    pub(super) fn named(&self, names: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Fatal> {
        if names.is_empty() {
            let mut all = self.supervised.clone();
            let oneshots = self.database().map(Database::services).unwrap_or_default();
            all.extend(oneshots.iter().filter(|s| !s.is_internal()).map(|s| s.name.clone()));
            all.extend([&b"cmd"[..], b"stage2-hook"].map(<[u8]>::to_vec));
            all.sort_unstable();
            all.dedup();
            return Ok(all);
        }
        let mut found = Vec::new();
        for name in names {
            let ids = self.database().and_then(|db| db.atomics(name).map(|ids| (db, ids)));
            match ids {
                Some((db, ids)) => found.extend(ids.into_iter().map(|id| db.name(id).to_vec())),
                None if self.supervised.contains(name) || is_kept(name) => found.push(name.clone()),
                None => {
                    let atomics = self.database().map(Database::services).unwrap_or_default();
                    let names = atomics.iter().map(|s| &s.name).chain(&self.supervised);
                    return Err(unknown(name, &mut names.map(Vec::as_slice)));
                }
            }
        }
        Ok(found)
    }

    /// The loggers that read the output of a service, itself if it is one; and whether each reads that one's only.
    fn loggers(&self, service: &[u8]) -> Vec<(Vec<u8>, bool)> {
        let mut found = vec![(join(service, b"log"), true)];
        if service.ends_with(b"/log") || service == CATCH_ALL.as_bytes() {
            found.push((service.to_vec(), true));
        }
        let Some(db) = self.database() else { return found };
        let Some(own) = db.services().iter().find(|s| s.name == service) else { return found };
        let Body::Longrun { mut consumer, producers } = own.body.clone() else { return found };
        if !producers.is_empty() {
            found.push((service.to_vec(), true));
        }
        let mut is_only = true;
        while let Some(next) = consumer.take().and_then(|id| db.service(id)) {
            if let Body::Longrun { consumer: further, producers } = &next.body {
                is_only = is_only && producers.len() == 1;
                consumer = *further;
            }
            if found.iter().any(|(name, _)| *name == next.name) {
                break;
            }
            found.push((next.name.clone(), is_only));
        }
        found
    }

    /// The logs of a service; none if it has none.
    pub(super) fn logs(&self, service: &[u8]) -> Vec<Log> {
        let mut logs = Vec::new();
        let mut loggers = self.loggers(service);
        loggers.retain(|(logger, _)| self.supervised.contains(logger));
        for (logger, is_only) in loggers {
            let name = if is_only { service } else { &logger };
            let dirs = self.directories(&logger, false);
            logs.extend(dirs.into_iter().map(|dir| Log { name: name.to_vec(), dir, file: CURRENT.to_vec() }));
        }
        if logs.is_empty() && self.supervised.iter().any(|name| name == service) {
            let dirs = self.directories(service, true);
            logs.extend(dirs.into_iter().map(|dir| Log {
                name: service.to_vec(),
                dir,
                file: CURRENT.to_vec(),
            }));
        }
        if is_kept(service) {
            logs.push(Log { name: service.to_vec(), dir: kept(), file: file_name(service) });
        }
        logs
    }
}

/// The service directory of a supervised service.
fn path(name: &[u8]) -> Vec<u8> {
    join(SCANDIR.as_bytes(), name)
}

/// The directory of kept lines.
fn kept() -> Vec<u8> {
    join(DIR.as_bytes(), KEPT_LOGS.as_bytes())
}

/// Whether the relay keeps lines of this service, or may.
fn is_kept(service: &[u8]) -> bool {
    !matches!(sys::fs::lstat(join(&kept(), &file_name(service))), Err(Errno::NOENT | Errno::NOTDIR))
        && sys::fs::lstat(kept()).is_ok()
}

/// Where the lines of a service without a log are.
pub(super) fn elsewhere(service: &[u8], settings: &Settings<'_>) -> String {
    let name = show(service);
    if settings.number(S6_LOGGING) != 0 {
        return format!(
            "{name} has no logger, so its lines are among all others in {UNCAUGHT_LOGS}: s6-overlay logs {CATCH_ALL}"
        );
    }
    if settings.size(S6_LOG_KEEP).is_ok_and(|size| size > 0) {
        return format!(
            "{name} has no logger, and has written nothing to the container's output that is kept"
        );
    }
    let output = format!("{name} has no logger, so what it writes goes to the container's output");
    let keep = format!("{S6_LOG_KEEP}=256k would keep its last lines");
    if settings.text(S6_LOG_FORMAT).is_some_and(|format| format == b"json") {
        return format!("{output}: docker logs CONTAINER | grep '\"service\":\"{name}\"'; {keep}");
    }
    if settings.switch(S6_LOG_PREFIX) {
        return format!("{output}: docker logs CONTAINER | grep '^{name}: '; {keep}");
    }
    format!(
        "{output} without its name: docker logs CONTAINER; {S6_LOG_PREFIX}=1 would put the name before each line, {keep}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tool::Env;

    #[test]
    fn a_service_without_a_log_is_told_where_its_lines_are() {
        let mut lines = Vec::new();
        for vars in [
            &[][..],
            &["S6_LOG_PREFIX=1"],
            &["S6_LOG_FORMAT=json"],
            &["S6_LOG_KEEP=256k", "S6_LOG_PREFIX=1"],
            &["S6_LOGGING=1", "S6_LOG_PREFIX=1"],
        ] {
            let env = Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect());
            lines.push(elsewhere(b"mailer", &Settings::of_container(&env)));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }
}
