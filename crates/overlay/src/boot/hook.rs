//! The hook of S6_STAGE2_HOOK.

use crate::environment::settings::{Behaviour, Settings, split_words};
use crate::environment::variables::S6_STAGE2_HOOK;
use crate::pid1::NAME;
use crate::program;
use crate::relay;
use ipc::relay::{Relay, STREAMS};
use std::os::fd::AsFd;
use supervision::board::{RECORD, Recorder};
use sys::process::Ended;
use tool::{Env, Fatal, diag, exec_failure};
use wire::record::{Kind, Ring};

/// Its name in the record of events.
const STEP: &[u8] = b"stage2-hook";

/// Runs the hook, if there is one.  Its output goes to the relay, if there is one.
///
/// # Errors
/// The hook failed, and S6_BEHAVIOUR_IF_STAGE2_FAILS says that the container stops then: its exit code.
pub(crate) fn run(env: &Env, relay: Option<&Relay>) -> Result<(), Fatal> {
    let settings = Settings::new(env);
    let Some(hook) = settings.text(S6_STAGE2_HOOK) else { return Ok(()) };
    let words = split_words(&hook);
    if words.is_empty() {
        return Ok(());
    }
    let shown = diag::show(&hook);
    let pipes = relay.and_then(|relay| relay.pipes(relay::HOOK, &STREAMS).ok()).unwrap_or_default();
    let fds: Vec<_> = pipes.iter().map(|(fd, number)| (fd.as_fd(), *number)).collect();
    let mut record = Recorder::open(RECORD.as_bytes(), Ring::Changes);
    record.tell(Kind::StepBegan, STEP, 0, 0);
    let ended = program::run(&words, env, &fds).unwrap_or_else(|e| {
        let why = exec_failure::explain_word(words.first().map_or(&[], Vec::as_slice), e);
        diag::warn(NAME, format_args!("unable to run the hook {shown}: {why}"));
        Ended::Exited(program::failure_code(e))
    });
    drop(pipes);
    // The variables are read again: the hook may have changed them.
    let code = ended.code();
    record.tell(Kind::StepOver, STEP, 0, code.into());
    let text = format!("the hook {shown} {}", exec_failure::explain_end(ended));
    match judge(code, settings.behaviour(), settings.verbosity()) {
        Meaning::Stop => return Err(Fatal::new(code, format_args!("{text}, so the container stops"))),
        Meaning::Warn => diag::warn(NAME, &text),
        Meaning::Report => diag::info(NAME, &text),
        Meaning::Nothing => {}
    }
    Ok(())
}

/// What the end of the hook means to the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// The container stops with the hook's exit code.
    Stop,
    /// The start continues after a warning.
    Warn,
    /// The start continues after a message.
    Report,
    /// The start continues silently.
    Nothing,
}

fn judge(code: u8, behaviour: Behaviour, verbosity: u32) -> Meaning {
    match (code, behaviour, verbosity) {
        (1.., Behaviour::Stop, _) => Meaning::Stop,
        (1.., _, 1..) => Meaning::Warn,
        (0, _, 2..) => Meaning::Report,
        _ => Meaning::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_stops_the_container_only_if_that_was_asked_for() {
        let mut lines = Vec::new();
        for behaviour in [Behaviour::GoOn, Behaviour::Warn, Behaviour::Stop] {
            for verbosity in 0..=2 {
                let meanings =
                    [0, 1, 255].map(|code| format!("{code}: {:?}", judge(code, behaviour, verbosity)));
                lines.push(format!("{behaviour:?}, verbosity {verbosity}: {}", meanings.join(", ")));
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn without_words_nothing_is_run() {
        for hook in ["", " ", "\n\t"] {
            let variables =
                ["S6_KEEP_ENV=1", "S6_BEHAVIOUR_IF_STAGE2_FAILS=2", &format!("S6_STAGE2_HOOK={hook}")];
            let env = Env::from_vars(variables.iter().map(|v| v.as_bytes().to_vec()).collect());
            assert!(run(&env, None).is_ok(), "{hook:?}");
        }
    }
}
