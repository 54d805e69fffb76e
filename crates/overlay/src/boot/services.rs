//! Starts all services: compiles the definitions and brings up the bundle `top`.

use crate::boot::omissions;
use crate::boot::saved::with_space;
use crate::boot::sources::Sources;
use crate::environment::overrides::overrides;
use crate::environment::settings::{Behaviour, Settings};
use crate::environment::variables::{PATH, S6_BEHAVIOUR_IF_STAGE2_FAILS, S6_CMD_WAIT_FOR_SERVICES_MAXTIME};
use crate::layout::{DATABASE, LIVE, SCANDIR, SOURCES};
use crate::legacy::{idle, scripts};
use crate::limits::{POLICY_LIMIT, START_REMINDER};
use crate::pid1::NAME;
use crate::stop::stage3::ENGINE;
use crate::termination_log;
use ipc::relay::Relay;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::CWD;
use s6_rc::change::change;
use s6_rc::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use s6_rc::changed::{Changed, End};
use s6_rc::compile::{Report, Variables, compile_with_bundles, print_report};
use s6_rc::database::Database;
use s6_rc::diagnostic::{Code, Diagnostic};
use s6_rc::direction::Direction;
use s6_rc::init::{self, Compiled, Initialized};
use s6_rc::live::Live;
use s6_rc::reporter::Reporter;
use s6_rc::restart_policy::{Elsewhere, Overrides};
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;
use supervision::status::read_status;
use tool::path::join;
use tool::{Env, Fatal, clock, diag};
use wire::restart_policy::{self, Consequence, RestartPolicy};

/// The bundle that holds everything that a container starts.
pub const TOP: &[u8] = b"top";

/// The name in messages about definitions.
const COMPILER: &str = "s6-rc-compile";

/// How many services a message names.
const NAMED_AT_MOST: usize = 8;

/// How the start ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    /// Every service that could be started is up, and the CMD follows.
    Done,
    /// A stop was requested.
    Interrupted,
}

/// Starts the services.
pub(crate) struct Services<'a> {
    /// The environment of everything in the container.
    pub(crate) env: &'a Env,
    /// Readable as soon as a stop is requested.
    pub(crate) interrupt: BorrowedFd<'a>,
    /// Receives the output of oneshots, if there is a relay.
    pub(crate) relay: Option<Rc<Relay>>,
}

impl Services<'_> {
    /// Brings the services up.
    ///
    /// # Errors
    /// The definitions are invalid: 1.  A service failed, and S6_BEHAVIOUR_IF_STAGE2_FAILS says that the container stops then:
    /// 1, or 2 if the deadline passed.
    pub(crate) fn bring_up(&self) -> Result<Started, Fatal> {
        let settings = Settings::new(self.env);
        let verbosity = settings.verbosity();
        let (overrides, compiled) = definitions(&settings).map_err(stops)?;
        let Some(mut live) = self.make_live(compiled).map_err(with_space)? else {
            return Ok(Started::Interrupted);
        };
        let limit = settings.limit(S6_CMD_WAIT_FOR_SERVICES_MAXTIME);
        let selected = live.select(&[TOP.to_vec()])?;
        let idle = idle::at_start(&settings);
        let changed = change(
            &mut live,
            Direction::Up,
            selected,
            &ChangeOptions {
                reporter: Reporter { name: ENGINE, verbosity, idle: &idle },
                force: false,
                deadline: limit.map(|l| clock::now().saturating_add(l)),
                dry_run: None,
                oneshots: Oneshots {
                    carry_out: &|argv: &[Vec<u8>]| idle::carry_out(argv, &settings),
                    ..Oneshots::by_processes(
                        Starter::ThisProcess(self.relay.clone()),
                        self.env,
                        self.env.get(PATH.bytes()),
                    )
                },
                interrupt: Some(self.interrupt),
                on_interrupt: OnInterrupt::FinishOneshots,
                remind: Some(START_REMINDER),
            },
        )?;
        if changed.end == End::Interrupted {
            return Ok(Started::Interrupted);
        }
        let value = settings.number(S6_BEHAVIOUR_IF_STAGE2_FAILS);
        let because = format!("{S6_BEHAVIOUR_IF_STAGE2_FAILS} is {value}");
        let goes_on =
            || format!("the container goes on without {}: {because}", missing(&changed, live.database()));
        match judge(&changed, limit, settings.behaviour()) {
            Verdict::Good => check_again(&overrides, live.database(), &settings).map_err(stops)?,
            Verdict::GoOn(what) if verbosity >= 2 => diag::info(NAME, format_args!("{what}: {}", goes_on())),
            Verdict::GoOn(_) => {}
            Verdict::Warn(what) => diag::warn(NAME, format_args!("{what}: {}", goes_on())),
            // The container's code is the policy's then.
            Verdict::Stop(..)
                if changed.failures.iter().any(|(id, _)| is_stopping_container(&live.servicedir(*id)))
                    && is_interrupted_within(self.interrupt, POLICY_LIMIT) =>
            {
                return Ok(Started::Interrupted);
            }
            Verdict::Stop(code, what) => {
                let reason = format!("{what}: {}", missing(&changed, live.database()));
                termination_log::write(&settings, &reason);
                return Err(Fatal::new(code, format_args!("{what}, so the container stops: {because}")));
            }
        }
        Ok(Started::Done)
    }

    /// Makes the live directory; `None` if a stop was requested meanwhile.
    fn make_live(&self, compiled: Compiled) -> Result<Option<Live>, Fatal> {
        let options = init::LiveOptions {
            scandir: SCANDIR.as_bytes().to_vec(),
            compiled: DATABASE.as_bytes().to_vec(),
            live: LIVE.as_bytes().to_vec(),
            prefix: Vec::new(),
            timeout: None,
            block: false,
        };
        match init::init(&options, Some(compiled), Some(self.interrupt)) {
            Err(_) if is_interrupted(self.interrupt) => Ok(None),
            Err(why) => Err(why),
            Ok(Initialized::New(live)) => Ok(Some(live)),
            Ok(_) => Err(Fatal::new(111, "another s6-rc manages the services of this container already")),
        }
    }
}

/// The error of a start: what is wrong with definitions and variables stops the container.
fn stops(why: Fatal) -> Fatal {
    match why.code() {
        1 => why.and(", so the container stops"),
        _ => with_space(why),
    }
}

/// Compiles the definitions for a start, and reports what they seem to have left out.
fn definitions(settings: &Settings<'_>) -> Result<(Overrides, Compiled), Fatal> {
    let overrides = variables(settings)?;
    let compiled = compile(DATABASE.as_bytes(), settings, &overrides)?;
    if settings.verbosity() >= 2 {
        for line in omissions::find(&compiled.database, TOP, &settings.etc()) {
            diag::info(COMPILER, &line);
        }
    }
    Ok((overrides, compiled))
}

/// What variables say of the ends of daemons; what is wrong with them is reported.
///
/// # Errors
/// A variable is invalid: 1.
pub fn variables(settings: &Settings<'_>) -> Result<Overrides, Fatal> {
    overrides(settings).map_err(|findings| invalid_variable(&findings, settings.verbosity()))
}

/// Reports what is wrong with those variables.
fn invalid_variable(findings: &[Diagnostic], verbosity: u32) -> Fatal {
    print_report(COMPILER, verbosity, findings);
    Fatal::new(1, "a variable is invalid")
}

/// The names of the services that aren't s6-rc's.
fn legacy_names(settings: &Settings<'_>) -> Vec<Vec<u8>> {
    scripts::list(&join(&settings.etc(), b"services.d")).unwrap_or_default()
}

/// Checks the names in those variables once more, now that scripts have made the services that they make.
///
/// # Errors
/// A variable names no service: 1.
pub fn check_again(overrides: &Overrides, database: &Database, settings: &Settings<'_>) -> Result<(), Fatal> {
    if overrides.is_empty() {
        return Ok(());
    }
    let mut findings = Vec::new();
    let names = database.services().iter().map(|service| (service.name.as_slice(), None));
    let elsewhere = Elsewhere { names: &legacy_names(settings), grows: false };
    overrides.check_names(names, elsewhere, &mut findings);
    if findings.is_empty() { Ok(()) } else { Err(invalid_variable(&findings, settings.verbosity())) }
}

/// Compiles the definitions of a container into `destination`, and reports what is wrong with them.
///
/// # Errors
/// A variable or a definition is invalid: 1.  The system failed: 111.
pub fn compile(
    destination: &[u8],
    settings: &Settings<'_>,
    overrides: &Overrides,
) -> Result<Compiled, Fatal> {
    let verbosity = settings.verbosity();
    let report = report(settings, overrides, Some(destination), &mut |text| {
        if verbosity >= 1 {
            diag::warn(COMPILER, text);
        }
    })?;
    print_report(COMPILER, verbosity.saturating_sub(1), &report.diagnostics);
    let Some(database) = report.database else {
        return Err(Fatal::new(1, "the service definitions are invalid"));
    };
    Ok(Compiled { database: Rc::new(database), servicedirs: report.servicedirs })
}

/// What the compiler says of the definitions of a container, which go to `destination` if there is one.
fn report(
    settings: &Settings<'_>,
    overrides: &Overrides,
    destination: Option<&[u8]>,
    warn: &mut dyn FnMut(&str),
) -> Result<Report, Fatal> {
    let Sources { directories, implied } = Sources::find(settings, warn).present(warn);
    let has_scripts =
        || scripts::list(&join(&settings.etc(), b"cont-init.d")).is_ok_and(|list| !list.is_empty());
    let (names, grows) =
        if overrides.is_empty() { (Vec::new(), false) } else { (legacy_names(settings), has_scripts()) };
    let elsewhere = Elsewhere { names: &names, grows };
    let variables = Some(Variables { overrides, elsewhere, own: SOURCES.as_bytes() });
    compile_with_bundles(destination, &directories, implied, variables)
}

/// Checks the definitions as a start does, and compiles nothing.  What is said of no single place goes to `warn`.
///
/// # Errors
/// The system failed: 111.
pub fn check(settings: &Settings<'_>, warn: &mut dyn FnMut(&str)) -> Result<Vec<Diagnostic>, Fatal> {
    let (overrides, mut diagnostics) = match overrides(settings) {
        Ok(overrides) => (overrides, Vec::new()),
        Err(findings) => (Overrides::default(), findings),
    };
    let mut report = report(settings, &overrides, None, warn)?;
    if let Some(database) = &report.database {
        omissions::find(database, TOP, &settings.etc()).iter().for_each(|line| warn(line));
        // Said of all of them, and without those that are meant so.
        report.diagnostics.retain(|finding| finding.code != Code::UNREACHED);
    }
    diagnostics.extend(report.diagnostics);
    Ok(diagnostics)
}

/// What the result of the start means to the container.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing.
    Good,
    /// It continues, which this reason is given for.
    GoOn(String),
    /// It continues after a warning.
    Warn(String),
    /// It stops with this exit code, for this reason.
    Stop(u8, String),
}

/// Judges a start that was not interrupted.  If exactly one service failed, by its script, the code is the script's.
fn judge(changed: &Changed, limit: Option<Duration>, behaviour: Behaviour) -> Verdict {
    let code = changed.code();
    if code == 0 {
        return Verdict::Good;
    }
    let is_late = changed.end == End::TimedOut;
    let what = match limit.filter(|_| is_late) {
        Some(limit) => format!(
            "not all services were up when {S6_CMD_WAIT_FOR_SERVICES_MAXTIME} ({} ms) was over",
            limit.as_millis()
        ),
        None => "not all services could be started".to_owned(),
    };
    let script_code = match changed.failures.as_slice() {
        [(_, failure)] if !is_late => failure.script_code(),
        _ => None,
    };
    match behaviour {
        Behaviour::Stop => Verdict::Stop(script_code.unwrap_or(code), what),
        Behaviour::Warn => Verdict::Warn(what),
        Behaviour::GoOn => Verdict::GoOn(what),
    }
}

/// The names of the services that failed or weren't up in time, for a message.
fn missing(changed: &Changed, database: &Database) -> String {
    let failed = changed.failures.iter().map(|(id, _)| *id);
    let ids = failed.chain(changed.unfinished.iter().map(|(id, _)| *id));
    let mut names: Vec<String> = ids.map(|id| diag::shown(database.name(id))).collect();
    let more = names.len().saturating_sub(NAMED_AT_MOST);
    names.truncate(NAMED_AT_MOST);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

/// Whether a service isn't started again and its restart policy stops the container.
fn is_stopping_container(servicedir: &[u8]) -> bool {
    let record =
        files::read_file(CWD, &join(servicedir, restart_policy::FILE.as_bytes()), restart_policy::SIZE_MAX);
    let policy = RestartPolicy::unpack(&record.unwrap_or_default()).unwrap_or_default();
    let stops = [policy.on_failure, policy.on_success].iter().any(|c| matches!(c, Consequence::Stop(_)));
    stops && read_status(servicedir).is_ok_and(|status| !status.want_up)
}

/// Whether SIGTERM was received.
pub(crate) fn is_interrupted(fd: BorrowedFd<'_>) -> bool {
    is_interrupted_within(fd, Duration::ZERO)
}

/// Whether SIGTERM is received within this time.
fn is_interrupted_within(fd: BorrowedFd<'_>, limit: Duration) -> bool {
    let until = clock::now().saturating_add(limit);
    clock::poll_until(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(until)) == Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use s6_rc::database::Service;
    use s6_rc::failure::Failure;

    #[test]
    fn what_an_incomplete_start_means_depends_on_the_variable() {
        let permanent = || (0, Failure::Permanent);
        let exited = || (1, Failure::Exited(4));
        let mut lines = Vec::new();
        for (end, failures) in [
            (End::Done, Vec::new()),
            (End::Done, vec![permanent()]),
            (End::Done, vec![exited()]),
            (End::Done, vec![(0, Failure::Killed(9))]),
            (End::Done, vec![exited(), permanent()]),
            (End::TimedOut, Vec::new()),
            (End::TimedOut, vec![exited()]),
        ] {
            lines.push(format!("{end:?}, {failures:?}"));
            let changed = Changed { end, failures, unfinished: Vec::new() };
            for behaviour in [Behaviour::GoOn, Behaviour::Warn, Behaviour::Stop] {
                let verdict = judge(&changed, Some(Duration::from_millis(1500)), behaviour);
                lines.push(format!("  {behaviour:?}: {verdict:?}"));
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let names: Vec<String> = (0..10).map(|n| format!("s{n}")).collect();
        let service = |name: &String| Service { name: name.as_bytes().to_vec(), ..Service::default() };
        let database = Database::new(names.iter().map(service).collect(), Vec::new()).unwrap();
        let changed = |failed: u32| Changed {
            end: End::TimedOut,
            failures: (0..failed).map(|id| (id, Failure::Permanent)).collect(),
            unfinished: vec![(9, "rain".to_owned())],
        };
        assert_eq!(missing(&changed(2), &database), "s0, s1, s9");
        assert_eq!(missing(&changed(9), &database), "s0, s1, s2, s3, s4, s5, s6, s7, 2 more");
    }
}
