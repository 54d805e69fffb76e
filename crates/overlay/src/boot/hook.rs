//! The hook of S6_STAGE2_HOOK.

use crate::environment::settings::{Behaviour, Settings, split_words};
use crate::environment::variables::S6_STAGE2_HOOK;
use crate::pid1::NAME;
use crate::program;
use crate::relay;
use ipc::relay::{Relay, STREAMS};
use std::os::fd::AsFd;
use tool::{Env, Fatal, diag, exec_failure};

/// Runs the hook, if there is one; its output goes to the relay, if there is one.
///
/// # Errors
/// It failed, and the container is to stop then: its exit code.
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
    let code = program::run(&words, env, &fds).unwrap_or_else(|e| {
        let why = exec_failure::explain_word(words.first().map_or(&[], Vec::as_slice), e);
        diag::warn(NAME, &format!("unable to run the hook {shown}: {why}"));
        program::failure_code(e)
    });
    drop(pipes);
    // Looked up again: the hook may have changed them.
    let verbosity = settings.verbosity();
    if code != 0 && settings.behaviour() == Behaviour::Stop {
        return Err(Fatal::new(code, format!("the hook {shown} exited {code}, so the container stops")));
    }
    if code != 0 && verbosity >= 1 {
        diag::warn(NAME, &format!("the hook {shown} exited {code}"));
    } else if verbosity >= 2 {
        diag::info(NAME, &format!("the hook {shown} exited {code}"));
    }
    Ok(())
}
