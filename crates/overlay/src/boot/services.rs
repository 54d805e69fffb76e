//! Starts all services: brings up the bundle `top` of the compiled definitions.

use crate::boot::definitions::{Definitions, definitions};
use crate::boot::facts::Container;
use crate::boot::omissions::TOP;
use crate::boot::probes;
use crate::boot::saved::with_space;
use crate::environment::settings::{Behaviour, Settings};
use crate::environment::variables::{PATH, S6_BEHAVIOUR_IF_STAGE2_FAILS, S6_CMD_WAIT_FOR_SERVICES_MAXTIME};
use crate::layout::{DATABASE, LIVE, SCANDIR};
use crate::legacy::idle;
use crate::legacy::start_services::REFUSED;
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
use s6_rc::compile::ServiceDir;
use s6_rc::database::Database;
use s6_rc::direction::Direction;
use s6_rc::init::{self, Compiled, Initialized};
use s6_rc::live::Live;
use s6_rc::reporter::Reporter;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;
use supervision::status::read_status;
use tool::path::join;
use tool::{Env, Fatal, clock, diag};
use wire::restart_policy::{self, Consequence, RestartPolicy};

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
        let facts = Container::new(settings, self.relay.as_deref());
        let (wishes, Definitions { compiled, examined }) =
            definitions(&settings, verbosity, &facts).map_err(stops)?;
        let is_probed = compiled.servicedirs.iter().any(ServiceDir::is_probed);
        let Some(mut live) = self.make_live(compiled).map_err(with_space)? else {
            return Ok(Started::Interrupted);
        };
        if is_probed && let Err(why) = probes::ensure(Some(self.interrupt)) {
            diag::warn(NAME, why.message());
        }
        let limit = settings.limit(S6_CMD_WAIT_FOR_SERVICES_MAXTIME);
        let changed = self.change(&mut live, &settings, (verbosity, limit))?;
        if changed.end == End::Interrupted {
            return Ok(Started::Interrupted);
        }
        refused(&changed, live.database()).map_err(stops)?;
        let value = settings.number(S6_BEHAVIOUR_IF_STAGE2_FAILS);
        let because = format!("{S6_BEHAVIOUR_IF_STAGE2_FAILS} is {value}");
        let goes_on =
            || format!("the container goes on without {}: {because}", missing(&changed, live.database()));
        match judge(&changed, limit, settings.behaviour()) {
            Verdict::Good => wishes.check_again(live.database(), &examined, &settings).map_err(stops)?,
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

    /// Brings up all that the container starts.
    fn change(
        &self,
        live: &mut Live,
        settings: &Settings<'_>,
        (verbosity, limit): (u32, Option<Duration>),
    ) -> Result<Changed, Fatal> {
        let selected = live.select(&[TOP.to_vec()])?;
        let idle = idle::at_start(settings);
        change(
            live,
            Direction::Up,
            selected,
            &ChangeOptions {
                reporter: Reporter { name: ENGINE, verbosity, idle: &idle },
                force: false,
                deadline: limit.map(|l| clock::now().saturating_add(l)),
                dry_run: None,
                oneshots: Oneshots {
                    carry_out: &|argv: &[Vec<u8>]| idle::carry_out(argv, settings),
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
        )
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

/// Checks that no service of services.d is missing that has to be in the container.
fn refused(changed: &Changed, database: &Database) -> Result<(), Fatal> {
    for (id, failure) in &changed.failures {
        if database.name(*id) == idle::SERVICES && failure.script_code() == Some(REFUSED) {
            let text = "a service of services.d that has to be in this container isn't";
            return Err(Fatal::new(1, text));
        }
    }
    Ok(())
}

/// The error of a start: what is wrong with definitions and variables stops the container.
fn stops(why: Fatal) -> Fatal {
    match why.code() {
        1 => why.and(", so the container stops"),
        _ => with_space(why),
    }
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
