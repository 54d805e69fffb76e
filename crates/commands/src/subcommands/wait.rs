//! `s6-overlay wait`: waits until the container, or some services, are ready, started or down.

use super::health::{READY, STARTED, asked, lines};
use crate::status::choice::choose;
use crate::status::details::is_optional;
use crate::status::gather::gather;
use crate::status::health::{Asked, problems};
use crate::status::place::{Place, RUN};
use crate::status::word::{Word, standing};
use crate::status::{Snapshot, TIMED_OUT, UNKNOWN};
use crate::steer::TIMEOUT;
use overlay::environment::settings::Settings;
use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool, clock, diag};
use wire::board::{Header, Phase};

pub static TOOL: Tool = Tool {
    name: "s6-overlay wait",
    summary: "wait until the container, or some services, are ready, started or down",
    operands: "[ name... ]",
    options: &[READY, STARTED, Opt::flag('d', "until nothing of it runs").long("down"), TIMEOUT, RUN],
    role: Role::Stay,
    main,
};

/// What is known at a look.
enum Look {
    /// It is so.
    Yes,
    /// It will not become so.
    Never(Vec<String>),
    /// Not so far.
    NotYet(Vec<String>),
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let words = call.take_args();
    let place = Place::of(call, &options);
    let deadline = clock::deadline(options.number('t')?);
    let is_down = options.last_of("rsd") == Some('d');
    let mut has_said = false;
    loop {
        // What changes after the look is noticed.
        let changes = place.changes();
        let look = match gather(&place, false) {
            Ok(all) => look(call, &options, &all, &words)?,
            // The container has only begun, or isn't there.
            Err(why) => {
                if !std::mem::replace(&mut has_said, true) {
                    call.info(format_args!("waits: {}", why.message()));
                }
                Look::NotYet(vec![why.message().to_owned()])
            }
        };
        let (found, code) = match look {
            Look::Yes => return Ok(Next::SUCCESS),
            Look::Never(found) => (found, 1),
            Look::NotYet(found) if deadline.is_some_and(|at| at <= clock::now()) => (found, TIMED_OUT),
            Look::NotYet(_) => {
                changes.wait(None, deadline);
                continue;
            }
        };
        match is_down {
            true => found.iter().for_each(|problem| diag::line(problem)),
            false => diag::line(lines(asked(&options), &found).trim_end()),
        }
        return Ok(Next::Exit(code));
    }
}

/// Looks at a container.
fn look(call: &Call, options: &Options, all: &Snapshot, words: &[Vec<u8>]) -> Result<Look, Fatal> {
    let chosen = match choose(all, words) {
        // The services aren't known before their definitions are compiled.
        Err(why) if why.code() == UNKNOWN && all.bundles.is_empty() && all.phase() != Phase::Running => {
            return Ok(Look::NotYet(vec![why.message().to_owned()]));
        }
        chosen => chosen?,
    };
    if options.last_of("rsd") == Some('d') {
        let runs: Vec<String> = all
            .names(&chosen)
            .filter(|service| {
                service.row.as_ref().is_some_and(|row| row.pid != 0)
                    || (!words.is_empty() && service.up == Some(true))
            })
            .map(|service| format!("{} is {}", diag::show(&service.name), standing(all, service).word.text()))
            .collect();
        return Ok(if runs.is_empty() { Look::Yes } else { Look::NotYet(runs) });
    }
    let asked = asked(options);
    let etc = Settings::of_container(&call.env).etc();
    let found = problems(all, asked, (&chosen, !words.is_empty()), b'S', &|name| is_optional(&etc, name));
    Ok(match () {
        () if found.is_empty() => Look::Yes,
        () if is_hopeless(all, &chosen, asked, &etc) => Look::Never(found),
        () => Look::NotYet(found),
    })
}

/// Whether it won't come true by itself: the container stops, its start has failed, or a service has failed for good.
fn is_hopeless(all: &Snapshot, chosen: &[usize], asked: Asked, etc: &[u8]) -> bool {
    let has_failed = |header: &Header| header.started.is_some() && header.boot_code != 0;
    match all.phase() {
        Phase::Stopping | Phase::Ending => true,
        Phase::Running if asked == Asked::Started => all.header.as_ref().is_some_and(has_failed),
        Phase::Running => all
            .names(chosen)
            .any(|service| standing(all, service).word == Word::Failed && !is_optional(etc, &service.name)),
        Phase::Starting | Phase::Unknown => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{longrun, running, starting};
    use wire::board::State;

    #[test]
    fn what_will_not_come_true_is_not_waited_for() {
        let mut all = running();
        all.services = vec![longrun("a", State::Failed), longrun("b", State::Backoff)];
        let hopeless =
            |all: &Snapshot, chosen: &[usize], asked| is_hopeless(all, chosen, asked, b"/nonexistent");
        assert!(hopeless(&all, &[0, 1], Asked::Ready) && !hopeless(&all, &[1], Asked::Ready));
        assert!(!hopeless(&all, &[0], Asked::Started));
        if let Some(header) = &mut all.header {
            header.boot_code = 1;
        }
        assert!(hopeless(&all, &[], Asked::Started));
        if let Some(header) = &mut all.header {
            header.phase = Phase::Stopping;
        }
        assert!(hopeless(&all, &[1], Asked::Ready));
        let mut all = starting();
        all.services = vec![longrun("a", State::Failed)];
        assert!(!hopeless(&all, &[0], Asked::Ready));
    }
}
