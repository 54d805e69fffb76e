//! What has become of the services: a line for each, and for a failure what helps to understand it.

use super::daemon::{Became, Daemon};
use super::names::Selected;
use super::plan::Plan;
use super::{daemon_of, has_legacy, listed};
use overlay::legacy::idle;
use s6_rc::database::Service;
use s6_rc::direction::Direction;
use s6_rc::live::Live;
use tool::diag::{self, show};
use tool::{Next, Out, Outcome};

/// What has become of the services.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    lines: Vec<String>,
    /// Those that failed, with the last lines of their logs.
    failed: Vec<(Vec<u8>, Vec<String>)>,
    code: u8,
}

impl Outcomes {
    /// The exit code of the command, so far.
    pub(super) fn code(&self) -> u8 {
        self.code
    }

    /// Takes the exit code of a part in; the first that isn't 0 stays.
    pub(super) fn ended(&mut self, code: u8) {
        if self.code == 0 {
            self.code = code;
        }
    }

    /// Adds what has become of a daemon.
    pub(super) fn add(&mut self, daemon: &Daemon, became: Became) {
        let name = show(&daemon.name);
        match became {
            Became::Done(how) => self.lines.push(format!("{name}: {how}")),
            Became::Failed(why, code) => {
                self.lines.push(format!("{name}: {why}"));
                self.failed.push((daemon.name.clone(), daemon.last_lines()));
                self.ended(code);
            }
        }
    }

    /// Adds what has become of the services that s6-rc has changed; `before` were up.
    pub(super) fn add_changes(&mut self, live: &Live, plan: &Plan, selected: &Selected, before: &[bool]) {
        let database = live.database();
        let (mut down, mut up) = (plan.down.clone(), plan.up.clone());
        database.close(&mut down, Direction::Down);
        database.close(&mut up, Direction::Up);
        let flags = down.iter().zip(&up).zip(&selected.services).zip(before);
        for (id, ((((down, up), selected), was), service)) in (0..).zip(flags.zip(database.services())) {
            if service.is_internal() || plan.daemons.contains(&id) {
                continue;
            }
            let Some((how, is_failure)) = became(*down && *was, *up, *selected, *was, live.is_up(id)) else {
                continue;
            };
            if service.name == idle::SERVICES && !selected && !is_failure && !has_legacy() {
                continue;
            }
            self.lines.push(format!("{}: {how}", show(&service.name)));
            if is_failure {
                let lines =
                    if Service::is_longrun(service) { daemon_of(live, id).last_lines() } else { Vec::new() };
                self.failed.push((service.name.clone(), lines));
                self.ended(1);
            }
        }
    }

    /// Prints the lines, and gives the exit code.
    ///
    /// # Errors
    /// Standard output can't be written: code 111.
    pub(super) fn print(self) -> Outcome {
        let mut out = Out::new();
        for line in &self.lines {
            out.line(line.as_bytes())?;
        }
        if self.lines.len() > 1 {
            let failed = self.failed.len();
            let done = self.lines.len().saturating_sub(failed);
            let line = if failed == 0 {
                format!("all {done} done")
            } else {
                format!("{done} done, {failed} failed")
            };
            out.line(line.as_bytes())?;
        }
        out.flush()?;
        for (name, lines) in &self.failed {
            if !lines.is_empty() {
                diag::line(&format!("the last lines of the log of {}:", show(name)));
                lines.iter().for_each(|line| diag::line(&format!("  {line}")));
            }
        }
        if !self.failed.is_empty() {
            let names: Vec<_> = self.failed.into_iter().map(|(name, _)| name).collect();
            diag::line(&next_commands(&names));
        }
        Ok(Next::Exit(self.code))
    }
}

/// What to look at after failures.
fn next_commands(names: &[Vec<u8>]) -> String {
    let words = listed(names).replace(", ", " ");
    let first = names.first().map(|name| show(name)).unwrap_or_default();
    format!(
        "to find out more: docker logs, s6-overlay status {words}, s6-svdt -H /run/service/{first}; then: s6-overlay start {words}"
    )
}

/// Pure: what has become of a service, and whether that is a failure; `None` if there is nothing to tell.
fn became(
    went_down: bool,
    goes_up: bool,
    is_selected: bool,
    was: bool,
    is: bool,
) -> Option<(&'static str, bool)> {
    match (goes_up, went_down) {
        (true, true) => {
            Some(if is { ("restarted", false) } else { ("stopped, and not started again", true) })
        }
        (true, false) if was => is_selected.then_some(("was up already", false)),
        (true, false) => Some(if is { ("started", false) } else { ("not started", true) }),
        (false, true) => Some(if is { ("not stopped", true) } else { ("stopped", false) }),
        (false, false) => (is_selected && !was).then_some(("was down already", false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_one_line() {
        let mut lines = Vec::new();
        for bits in 0_u8..32 {
            let [down, up, selected, was, is] = [16, 8, 4, 2, 1].map(|bit| bits & bit != 0);
            if down && !was {
                continue;
            }
            let words = [
                ("goes down", down),
                ("goes up", up),
                ("selected", selected),
                ("was up", was),
                ("is up", is),
            ];
            let words: Vec<_> = words.iter().filter(|(_, is)| *is).map(|(word, _)| *word).collect();
            lines.push(format!("{}: {:?}", words.join(", "), became(down, up, selected, was, is)));
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn failures_have_next_commands() {
        assert_eq!(
            next_commands(&[b"web".to_vec(), b"db".to_vec()]),
            "to find out more: docker logs, s6-overlay status web db, s6-svdt -H /run/service/web; then: s6-overlay start web db"
        );
    }
}
