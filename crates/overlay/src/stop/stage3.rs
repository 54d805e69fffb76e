//! Stage 3, in a child of the first process: brings all services down.

use crate::boot::replaced;
use crate::environment::settings::Settings;
use crate::environment::variables::PATH;
use crate::layout::{LIVE, SERVICE_SCRIPTS};
use crate::legacy::idle;
use crate::legacy::stop_services::stop_services;
use crate::limits::{MESSAGE_LIMIT, STOP_REMINDER};
use crate::stop::last_lines;
use crate::{termination_log, texts};
use ipc::relay::Relay;
use rustix::fs::{AtFlags, CWD};
use s6_rc::change::change;
use s6_rc::change_options::{ChangeOptions, OnInterrupt, Oneshots, Starter};
use s6_rc::database::Id;
use s6_rc::direction::Direction;
use s6_rc::live::{Live, Lock};
use s6_rc::reporter::Reporter;
use std::rc::Rc;
use supervision::status::read_status;
use tool::{Env, Next, Outcome, diag};

/// The name in messages about changes of services.
pub(crate) const ENGINE: &str = "s6-rc";

/// The script of the stage.
const SCRIPT: &str = "rc.shutdown";

/// The stop child.
pub(crate) struct Stage3 {
    /// The environment of everything in the container.
    pub(crate) env: Env,
    /// Receives the output of oneshots, if there is a relay.
    pub(crate) relay: Option<Rc<Relay>>,
    /// The service whose failure for good is the reason.
    pub(crate) failed: Option<Vec<u8>>,
}

impl Stage3 {
    /// Carries out the stage, or becomes the image's own script for it.
    pub(crate) fn carry_out(self) -> Outcome {
        if replaced::has_script(SCRIPT) {
            return replaced::become_script(SCRIPT, Vec::new(), self.env);
        }
        let log = self.failed.as_deref().and_then(last_lines::directory);
        let env = self.env.clone();
        let outcome = self.bring_down(LIVE.as_bytes());
        // The logger has ended, so that its last lines are there.
        if let Some(log) = log {
            termination_log::add(&Settings::new(&env), |room| last_lines::read(&log, room));
        }
        outcome
    }

    /// Brings down what is up in the live directory `live`.
    pub(crate) fn bring_down(self, live: &[u8]) -> Outcome {
        texts::follow_stage(SCRIPT);
        // The stop doesn't wait long for a reader of its messages.
        diag::set_reader_limit(Some(MESSAGE_LIMIT));
        if sys::fs::statat(CWD, live, AtFlags::empty()).is_err() {
            // The boot didn't get that far.
            return Ok(Next::SUCCESS);
        }
        let mut live = Live::open(live, Lock::Exclusive, true)?;
        mark_half_started_up(&mut live);
        // Essential services, which include the internal ones, stay up until the end.
        let all = live.database().services().iter().map(|s| !s.is_essential()).collect();
        let settings = Settings::new(&self.env);
        let idle = idle::at_stop(&settings);
        let changed = change(
            &mut live,
            Direction::Down,
            all,
            &ChangeOptions {
                reporter: Reporter { name: ENGINE, verbosity: settings.verbosity(), idle: &idle },
                force: false,
                deadline: None,
                dry_run: None,
                oneshots: Oneshots {
                    starter: Starter::ThisProcess(self.relay),
                    env: &self.env,
                    path: self.env.get(PATH.bytes()),
                    carry_out: &|argv: &[Vec<u8>]| idle::carry_out(argv, &settings),
                    in_need: &|argv: &[Vec<u8>]| in_need(argv, &settings),
                },
                interrupt: None,
                on_interrupt: OnInterrupt::FinishOneshots,
                remind: Some(STOP_REMINDER),
            },
        )?;
        Ok(Next::Exit(changed.code()))
    }
}

/// Does what the service of services.d does at the stop, where no process can be made for it.
fn in_need(argv: &[Vec<u8>], settings: &Settings<'_>) -> bool {
    let [path] = argv else { return false };
    path.strip_prefix(SERVICE_SCRIPTS.as_bytes()) == Some(b"/services-down")
        && texts::starts_the_program(path)
        && stop_services(settings, "services-down").is_ok()
}

/// Marks as up the longruns whose start failed or was interrupted but that still have a process, so that they are brought
/// down in order like all others.
fn mark_half_started_up(live: &mut Live) {
    let down = live.up().into_iter().map(|up| !up);
    let database = live.database();
    let half: Vec<Id> = (0..)
        .zip(database.services().iter().zip(down))
        .filter(|(_, (service, down))| *down && service.is_longrun() && !service.is_internal())
        .map(|(id, _)| id)
        .filter(|id| read_status(&live.servicedir(*id)).is_ok_and(|status| status.pid != 0))
        .collect();
    for id in half {
        // What can't be written now is written when they are down.
        let _ = live.set_up(id, true);
    }
}
