//! The attendant as process 1 knows it: a child of the same program that answers over HTTP, if that is wanted.
//!
//! Process 1 holds nothing of it but its process id.  It is executed, so it has none of process 1's memory and descriptors; it
//! makes its socket itself, so the next one does, too.

use crate::environment::settings::Settings;
use crate::environment::variables::PREFIX;
use crate::limits::{ATTENDANT_LIFE_MIN, ATTENDANT_PAUSE, ATTENDANT_PAUSE_MAX};
use crate::pid1::NAME;
use crate::pid1::children::Child;
use rustix::process::Pid;
use supervisor::host::Host;
use supervisor::launch::Launch;
use sys::process::{Ended, Fork};
use sys::spawn::{Spawn, Strings, spawn};
use tool::clock::{self, Moment, doubled};
use tool::{Env, Fatal, diag};

/// The tool that it is.
const ATTENDANT: &str = "s6-overlay-attendant";

/// The attendant, if one is wanted.
#[derive(Debug, Default)]
pub(crate) struct Attendant {
    /// The environment of the next one.
    env: Vec<Vec<u8>>,
    pid: Option<Pid>,
    born: Moment,
    /// When the next one is started; `None` if none is.
    due: Option<Moment>,
    /// How many in a row have ended at once, or couldn't be started.
    failures: u32,
}

impl Attendant {
    /// The one that the container's environment asks for; it isn't started yet.
    ///
    /// # Errors
    /// S6_HTTP is no place to listen at: code 100.
    pub(crate) fn wanted(env: &Env) -> Result<Self, Fatal> {
        if Settings::of_container(env).http()?.is_none() {
            return Ok(Self::default());
        }
        // None of the container's secrets.
        let vars = env.vars().iter().filter(|var| var.starts_with(PREFIX));
        Ok(Self { env: vars.cloned().collect(), due: Some(Moment::ZERO), ..Self::default() })
    }

    /// Continues with the one that was started before this process was re-executed, if one was.
    pub(crate) fn resume(&mut self, pid: Option<Pid>) {
        if pid.is_some() {
            (self.pid, self.born, self.due) = (pid, clock::now(), None);
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// When the next one is to be started.
    pub(crate) fn due(&self) -> Option<Moment> {
        self.due
    }

    /// Starts the next one, if it is due; whether it did.
    pub(crate) fn start(&mut self, host: &mut Host, warns: bool) -> bool {
        let now = clock::now();
        if self.due.is_none_or(|due| due > now) {
            return false;
        }
        let open_files = Some(host.launch().open_files);
        let strings = Strings::new(&[ATTENDANT]).and_then(|argv| Ok((argv, Strings::new(&self.env)?)));
        let started = strings.and_then(|(argv, env)| {
            host.start_child(Child::Attendant.kind(), |note| {
                let spawned = spawn(&Spawn {
                    file: &Launch::own_file(ATTENDANT),
                    argv: &argv,
                    env: &env,
                    dir: None,
                    fds: &[],
                    session: true,
                    pid_namespace: false,
                    open_files,
                    reset: &[sys::signal::PIPE],
                    window: None,
                    note,
                });
                spawned.map(Fork::Parent)
            })
        });
        match started {
            Ok(Fork::Parent(pid)) => (self.pid, self.born, self.due) = (Some(pid), now, None),
            Ok(Fork::Child) => {}
            Err(e) => {
                let pause = self.pause(now);
                if warns {
                    let why = sys::strerror(e);
                    diag::warn(
                        NAME,
                        format!("unable to start what answers over HTTP, trying again in {pause} s: {why}"),
                    );
                }
            }
        }
        self.pid.is_some()
    }

    /// Puts the next one off; for how many seconds.
    fn pause(&mut self, now: Moment) -> u64 {
        let pause = doubled(ATTENDANT_PAUSE, self.failures, ATTENDANT_PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.due = Some(now.saturating_add(pause));
        pause.as_secs()
    }

    /// Handles the end of this process, if it is the attendant; what there is to say about it.
    pub(crate) fn ended(&mut self, pid: Pid, ended: Ended, now: Moment) -> Option<String> {
        self.pid.take_if(|own| *own == pid)?;
        if ended == Ended::Exited(0) {
            // It has said why there is nothing for it to do.
            return None;
        }
        if now.saturating_sub(self.born) >= ATTENDANT_LIFE_MIN {
            (self.due, self.failures) = (Some(now), 0);
            return Some("what answers over HTTP is gone: another one goes on".to_owned());
        }
        let pause = self.pause(now);
        Some(format!("what answers over HTTP has ended at once: another one is started in {pause} s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn env(vars: &[&str]) -> Env {
        Env::from_vars(vars.iter().map(|var| var.as_bytes().to_vec()).collect())
    }

    #[test]
    fn none_is_wanted_unless_somebody_asks() {
        for vars in [&["PATH=/bin"][..], &["S6_HTTP="]] {
            let none = Attendant::wanted(&env(vars)).unwrap();
            assert_eq!((none.due(), none.env.len()), (None, 0));
        }
        let wanted = Attendant::wanted(&env(&["S6_HTTP=:9010", "TOKEN=x", "S6_RUNTIME_PROFILE=y"])).unwrap();
        assert_eq!(wanted.due(), Some(Moment::ZERO));
        assert_eq!(wanted.env, [&b"S6_HTTP=:9010"[..], b"S6_RUNTIME_PROFILE=y"]);
        let why = Attendant::wanted(&env(&["S6_HTTP=9010"])).unwrap_err();
        assert_eq!(why.code(), 100);
        assert!(why.message().starts_with("S6_HTTP is 9010, which is no place"), "{}", why.message());
    }

    #[test]
    fn another_one_follows_at_once_or_after_a_pause_that_doubles() {
        let pid = rustix::process::getpid();
        let born = Duration::from_secs(100);
        let mut attendant = Attendant::default();
        let mut after = |ended, milliseconds| {
            let now = born + Duration::from_millis(milliseconds);
            (attendant.pid, attendant.born, attendant.due) = (Some(pid), born, None);
            assert_eq!(attendant.ended(Pid::INIT, ended, now), None, "it is another process");
            let says = attendant.ended(pid, ended, now).is_some();
            assert_eq!(attendant.pid(), None);
            (says, attendant.due().map(|due| (due - now).as_millis()))
        };
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(after(Ended::Killed(9), 999), (true, Some(pause * 1000)));
        }
        assert_eq!(after(Ended::Killed(9), 1000), (true, Some(0)));
        assert_eq!(after(Ended::Exited(111), 0), (true, Some(1000)));
        assert_eq!(after(Ended::Exited(0), 5), (false, None));
    }

    #[test]
    fn a_re_executed_host_finds_the_one_that_it_had() {
        let pid = rustix::process::getpid();
        let mut attendant = Attendant::wanted(&env(&["S6_HTTP=:9010"])).unwrap();
        attendant.resume(None);
        assert_eq!((attendant.pid(), attendant.due()), (None, Some(Moment::ZERO)));
        attendant.resume(Some(pid));
        assert_eq!((attendant.pid(), attendant.due()), (Some(pid), None));
    }
}
