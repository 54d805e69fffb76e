//! What the files of a definition mean together.

use super::service_policy::{IMPLIED_LIMIT, ServicePolicy};
use crate::diagnostic::{Code, Diagnostic};
use crate::word_files::Given;
use wire::restart_policy::{Consequence, DELAY, Delay, Ends, Limit, RESET, Restart, RestartPolicy};

/// The files of a definition that are there and could be read.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) restart: Option<Given<Restart>>,
    pub(super) delay: Option<Given<u32>>,
    pub(super) delay_max: Option<Given<u32>>,
    pub(super) factor: Option<Given<u16>>,
    pub(super) jitter: Option<Given<u8>>,
    /// `None` in it is the 0 that means none.
    pub(super) limit: Option<Given<Option<Limit>>>,
    pub(super) reset: Option<Given<u32>>,
    pub(super) success: Option<Given<Ends>>,
    pub(super) never_on: Option<Given<Ends>>,
    pub(super) on_failure: Option<Given<Consequence>>,
    pub(super) on_success: Option<Given<Consequence>>,
    pub(super) main: bool,
    /// Whether the service has a `finish`, which may exit 125.
    pub(super) finish: bool,
}

/// Adds to a list the error that a file has where others are as they are.
struct Conflicts<'a> {
    path_of: &'a dyn Fn(&str) -> Vec<u8>,
    findings: &'a mut Vec<Diagnostic>,
}

impl Conflicts<'_> {
    fn add<T>(&mut self, file: &str, at: &Given<T>, text: &str, advice: &str) {
        let error =
            Diagnostic::error(Code::RESTART, (self.path_of)(file), text).line(at.line).column(at.column);
        self.findings.push(error.advice(advice));
    }
}

fn value<T: Clone>(given: Option<&Given<T>>) -> Option<T> {
    given.map(|given| given.value.clone())
}

impl Said {
    /// Whether a file is there, `finish` apart.
    pub(super) fn is_anything(&self) -> bool {
        let consequences = [&self.on_failure, &self.on_success].iter().any(|given| given.is_some());
        consequences || self.success.is_some() || self.main || self.is_about_restarts()
    }

    /// What they mean; each contradiction is added to the findings.
    pub(super) fn policy(
        &self,
        path_of: &dyn Fn(&str) -> Vec<u8>,
        findings: &mut Vec<Diagnostic>,
    ) -> ServicePolicy {
        let mut conflicts = Conflicts { path_of, findings };
        let on_failure = self.consequence_of_failure();
        let restart =
            if self.main { Restart::Never } else { value(self.restart.as_ref()).unwrap_or_default() };
        self.check_main(&mut conflicts);
        if restart == Restart::Never {
            self.check_never(&mut conflicts);
        }
        self.check_delays(&mut conflicts);
        self.check_ends(&mut conflicts);
        self.check_consequences(restart, &on_failure, &mut conflicts);
        let delay = self.delays();
        let standard = RestartPolicy::default();
        let decides = self.main || self.is_about_restarts();
        let limit = match &self.limit {
            Some(given) => given.value,
            None if decides || on_failure == Consequence::Nothing => None,
            None => Some(IMPLIED_LIMIT),
        };
        let on_success = match (&self.on_success, self.main) {
            (Some(given), _) => given.value.clone(),
            (None, true) => Consequence::Stop(None),
            (None, false) => Consequence::Nothing,
        };
        ServicePolicy {
            record: RestartPolicy {
                restart,
                delay,
                limit,
                reset: value(self.reset.as_ref()).unwrap_or(RESET.max(delay.map_or(0, |delay| delay.max))),
                success: value(self.success.as_ref()).unwrap_or(standard.success),
                never_on: value(self.never_on.as_ref()).unwrap_or_default(),
                on_failure,
                on_success,
            },
            main: self.main,
            says_restart: self.restart.is_some() || self.limit.is_some() || self.main,
            says_on_failure: self.on_failure.is_some() || self.main,
            decides,
        }
    }

    /// Whether a file says that the service is started again, and when, so that no failure is the last one by itself.
    fn is_about_restarts(&self) -> bool {
        let times = [&self.delay, &self.delay_max, &self.reset].iter().any(|given| given.is_some());
        let others = self.factor.is_some() || self.jitter.is_some() || self.limit.is_some();
        times || others || self.restart.is_some() || self.never_on.is_some()
    }

    fn consequence_of_failure(&self) -> Consequence {
        match (&self.on_failure, self.main) {
            (Some(given), _) => given.value.clone(),
            (None, true) => Consequence::Stop(None),
            (None, false) => Consequence::Nothing,
        }
    }

    fn delays(&self) -> Option<Delay> {
        if self.delay.is_none() && self.delay_max.is_none() && self.jitter.is_none() {
            return None;
        }
        let first = value(self.delay.as_ref()).unwrap_or(DELAY);
        let mut delay = Delay::new(first, value(self.delay_max.as_ref()).unwrap_or(first));
        delay.factor = value(self.factor.as_ref()).unwrap_or(delay.factor);
        delay.jitter = value(self.jitter.as_ref()).unwrap_or(delay.jitter);
        Some(delay)
    }

    /// `main` is short for three files, which can only say the same.
    fn check_main(&self, conflicts: &mut Conflicts<'_>) {
        if !self.main {
            return;
        }
        let advice = "remove one of the two files";
        if let Some(given) = self.restart.as_ref().filter(|given| given.value != Restart::Never) {
            let text = "contradicts the file main, which says that the service isn't restarted";
            conflicts.add("restart", given, text, advice);
        }
        let text = "contradicts the file main, which says that the container stops then";
        for (file, given) in [("on-failure", &self.on_failure), ("on-success", &self.on_success)] {
            if let Some(given) = given.as_ref().filter(|given| !matches!(given.value, Consequence::Stop(_))) {
                conflicts.add(file, given, text, advice);
            }
        }
    }

    /// A service that isn't restarted has no delays, and nothing to count.
    fn check_never(&self, conflicts: &mut Conflicts<'_>) {
        let text = "has no effect: the service isn't restarted";
        let advice = if self.main {
            "remove it, or write restart, on-failure and on-success instead of main"
        } else {
            "remove it, or write on-failure into restart"
        };
        for (file, given) in [
            ("restart-delay", &self.delay),
            ("restart-delay-max", &self.delay_max),
            ("restart-reset", &self.reset),
        ] {
            if let Some(given) = given {
                conflicts.add(file, given, text, advice);
            }
        }
        if let Some(given) = &self.factor {
            conflicts.add("restart-factor", given, text, advice);
        }
        if let Some(given) = &self.jitter {
            conflicts.add("restart-jitter", given, text, advice);
        }
        if let Some(given) = &self.limit {
            conflicts.add("restart-limit", given, text, advice);
        }
        if let Some(given) = &self.never_on {
            conflicts.add("restart-never-on", given, text, advice);
        }
    }

    fn check_delays(&self, conflicts: &mut Conflicts<'_>) {
        let first = value(self.delay.as_ref()).unwrap_or(DELAY);
        let longest = value(self.delay_max.as_ref()).unwrap_or(first);
        if let Some(given) = self.delay_max.as_ref().filter(|given| given.value < first) {
            let text = match self.delay {
                Some(_) => format!("less than restart-delay, which is {first}"),
                None => format!("less than the first delay, {first} without a file restart-delay"),
            };
            conflicts.add(
                "restart-delay-max",
                given,
                &text,
                "write a longer time here, or a shorter one there",
            );
        }
        if let Some(given) = self.factor.as_ref().filter(|_| longest <= first) {
            let text = "has no effect: delays grow up to restart-delay-max only";
            conflicts.add("restart-factor", given, text, "write a longer time into restart-delay-max");
        }
    }

    /// An end is a success or final, not both.
    fn check_ends(&self, conflicts: &mut Conflicts<'_>) {
        let Some(given) = &self.never_on else { return };
        let success = value(self.success.as_ref()).unwrap_or(RestartPolicy::default().success);
        let code = (0..=u8::MAX).find(|code| given.value.has_code(*code) && success.has_code(*code));
        let signal = (1..=64).find(|n| given.value.has_signal(*n) && success.has_signal(*n));
        let shown = match (code, signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(n)) => sys::signal::show(n.into()),
            (None, None) => return,
        };
        let text = format!("{shown} is a success, and can't be a failure for good");
        let advice = match self.success {
            Some(_) => "remove it here or in success-exit",
            None => "remove it, or write a file success-exit without it (none, for no success at all)",
        };
        conflicts.add("restart-never-on", given, &text, advice);
    }

    /// A consequence of what can't happen is a mistake.
    fn check_consequences(&self, restart: Restart, on_failure: &Consequence, conflicts: &mut Conflicts<'_>) {
        if restart == Restart::Always
            && let Some(given) = self.on_success.as_ref().filter(|given| given.value != Consequence::Nothing)
        {
            let text = "has no effect: the service is restarted when it has ended with success";
            conflicts.add("on-success", given, text, "write on-failure or never into a file restart");
        }
        let may_fail = restart == Restart::Never
            || !self.is_about_restarts()
            || self.finish
            || self.never_on.is_some()
            || self.limit.as_ref().is_some_and(|given| given.value.is_some());
        if let Some(given) =
            self.on_failure.as_ref().filter(|_| !may_fail && *on_failure != Consequence::Nothing)
        {
            let text = "has no effect: the service is restarted after every failure";
            let advice = "write into a file restart-limit which failure is the last one: 1 is the first, 5/60 the \
                          fifth within a minute";
            conflicts.add("on-failure", given, text, advice);
        }
    }
}
