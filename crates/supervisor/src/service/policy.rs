//! The restart policy of a service: what follows the end of `run`, and when the next start is.  Pure arithmetic.
//!
//! The rules, in order, at each end that nobody asked for:
//!
//! 1. An end that `restart-never-on` names is final.
//! 2. One that `success-exit` names is a success.  It ends the row of failures, and is followed by another start, after the
//!    first delay, only if `restart` is `always`.
//! 3. Any other is a failure.  It is the first one of a row if the life before was as long as `restart-reset`.  With
//!    `restart` `never` or at the limit it is final.  What was found unhealthy has failed, whatever its end.
//! 4. The delay grows with the row, up to its bound, and is then made longer or shorter at random.
//!
//! Wanted ends change nothing and are followed by another start as the reference has it.

use std::time::Duration;
use sys::process::Ended;
use tool::clock::Moment;
use wire::control::{Command, ProcessSignal};
use wire::restart_policy::{Consequence, Delay, Ends, LIMIT_IN_WINDOW_MAX, Limit, Restart, RestartPolicy};
use wire::restarts::{Mark, Restarts, Verdict};

/// The parts of a millisecond that delays are reckoned in: small ones must grow, too.
const PARTS: u64 = 1 << 20;

/// The end of `run`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// How.
    pub(crate) how: Ended,
    /// For how long it had been up, or ready if that is what it tells.
    pub(crate) life: Duration,
    /// When.
    pub(crate) at: Moment,
}

/// A service is as if it had never failed, since a person says so.
pub(crate) fn forgive(restarts: &mut Restarts) {
    restarts.failures = 0;
    restarts.ages.clear();
}

/// Remembers what the process of `run` was told.  A signal to one that was found unhealthy is a part of that.
pub(crate) fn tell(restarts: &mut Restarts, command: Command, signal: u8) {
    use ProcessSignal::{Abort, Interrupt, Kill, Quit, Terminate};
    let told = match command {
        Command::Signal(Abort | Interrupt | Kill | Quit | Terminate) | Command::KillGroup => Restarts::TO_END,
        Command::Signal(_) | Command::Reload => signal,
        _ => return,
    };
    if restarts.told != Restarts::TO_END && restarts.mark == Mark::None {
        restarts.told = told;
    }
}

/// Whether an end is one that the process was told to come to: by a command that ends processes, or by just the signal that
/// it was sent.
pub(crate) fn is_wanted(restarts: &Restarts, how: Ended) -> bool {
    match (restarts.told, how) {
        (0, _) => false,
        (Restarts::TO_END, _) => true,
        (told, Ended::Killed(signal)) => told == signal && restarts.mark == Mark::None,
        (_, Ended::Exited(_)) => false,
    }
}

fn has(ends: &Ends, how: Ended) -> bool {
    match how {
        Ended::Exited(code) => ends.has_code(code),
        Ended::Killed(signal) => ends.has_signal(signal),
    }
}

/// Decides what follows an end that nobody asked for; `seed` is asked once for a random number.
pub(crate) fn judge(
    restarts: &mut Restarts,
    policy: &RestartPolicy,
    end: End,
    seed: &mut dyn FnMut() -> u64,
) {
    let is_healthy = restarts.mark == Mark::None;
    if is_healthy && !has(&policy.never_on, end.how) && has(&policy.success, end.how) {
        restarts.failures = 0;
        restarts.verdict = match policy.restart {
            Restart::Always => Verdict::Again,
            Restart::OnFailure | Restart::Never => Verdict::Ended,
        };
    } else {
        let is_first = end.life >= Duration::from_millis(policy.reset.into());
        restarts.failures = if is_first { 1 } else { restarts.failures.saturating_add(1) };
        if let Some(window) = policy.limit.and_then(|limit| limit.window) {
            remember(restarts, end.at, window);
        } else {
            restarts.ages.clear();
        }
        let is_final = (is_healthy && has(&policy.never_on, end.how))
            || restarts.mark == Mark::Stop
            || policy.restart == Restart::Never
            || policy.limit.is_some_and(|limit| is_reached(restarts, limit));
        restarts.verdict = if is_final { Verdict::Failed } else { Verdict::Again };
    }
    restarts.delay = policy.delay.filter(|_| restarts.verdict == Verdict::Again).map(|delay| {
        let ms = without_jitter(delay, restarts.failures);
        if delay.jitter == 0 { ms } else { with_jitter(ms, delay.jitter, next_random(restarts, seed)) }
    });
}

/// Adds a failure to those of the window, in seconds.
fn remember(restarts: &mut Restarts, at: Moment, window: u32) {
    let now = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
    let passed = u32::try_from(now.saturating_sub(restarts.last)).unwrap_or(u32::MAX);
    restarts.last = now;
    for age in &mut restarts.ages {
        *age = age.saturating_add(passed);
    }
    restarts.ages.retain(|age| *age <= window.saturating_mul(1000));
    restarts.ages.truncate(usize::from(LIMIT_IN_WINDOW_MAX).saturating_sub(1));
    restarts.ages.insert(0, 0);
}

/// Whether a failure is the last one.
fn is_reached(restarts: &Restarts, limit: Limit) -> bool {
    match limit.window {
        Some(_) => restarts.ages.len() >= usize::from(limit.count),
        None => restarts.failures >= limit.count,
    }
}

/// The delay in milliseconds after so many failures in a row.
fn without_jitter(delay: Delay, failures: u16) -> u32 {
    let parts = |ms: u32| u64::from(ms).saturating_mul(PARTS);
    let (mut value, max) = (parts(delay.first), parts(delay.max));
    for _ in 1..failures {
        let next = value.saturating_mul(delay.factor.into()).checked_div(100).unwrap_or(value).min(max);
        if next == value {
            break;
        }
        value = next;
    }
    u32::try_from(value.checked_div(PARTS).unwrap_or(0)).unwrap_or(delay.max)
}

/// The same with so many percent more or less.
fn with_jitter(ms: u32, percent: u8, random: u64) -> u32 {
    let most = u64::from(ms).saturating_mul(percent.into()).checked_div(100).unwrap_or(0);
    let span = most.saturating_mul(2).saturating_add(1);
    let shift = random.checked_rem(span).unwrap_or(0);
    u32::try_from(u64::from(ms).saturating_sub(most).saturating_add(shift))
        .unwrap_or(u32::MAX.saturating_sub(1))
}

/// The next number of a xorshift generator, which begins with a seed.
fn next_random(restarts: &mut Restarts, seed: &mut dyn FnMut() -> u64) -> u64 {
    if restarts.random == 0 {
        // All others follow from it, but for 0.
        restarts.random = seed().max(1);
    }
    let mut x = restarts.random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    restarts.random = x;
    x
}

/// How a process ended, for a message.
fn describe(how: Ended) -> String {
    match how {
        Ended::Exited(code) => format!("exit code {code}"),
        Ended::Killed(signal) => sys::signal::show(signal.into()),
    }
}

/// Why a service has failed for good, and what that leads to, for a message.
pub(crate) fn explain(restarts: &Restarts, policy: &RestartPolicy, how: Ended) -> String {
    let (link, last) = match how {
        _ if restarts.is_memory => ("with", "a kill for lack of memory".to_owned()),
        _ if restarts.mark != Mark::None => ("because", "it was unhealthy".to_owned()),
        _ => ("with", describe(how)),
    };
    let failures = |count: usize, of: String| match count {
        1 => format!("it ended {link} {last}"),
        _ => format!("{count} failures {of}, the last {link} {last}"),
    };
    let why = match policy.limit {
        _ if restarts.mark == Mark::Stop => failures(1, String::new()),
        _ if restarts.mark == Mark::None && has(&policy.never_on, how) => {
            format!("restart-never-on names {last}")
        }
        Some(limit) if is_reached(restarts, limit) => match limit.window {
            Some(window) => failures(restarts.ages.len(), format!("within {window} s")),
            None => failures(restarts.failures.into(), "in a row".to_owned()),
        },
        _ if policy.restart == Restart::Never
            && (restarts.mark != Mark::None || !has(&policy.success, how)) =>
        {
            format!("it ended {link} {last}, and restart is never")
        }
        _ => format!("finish exited 125, after {last}"),
    };
    let consequence = match &policy.on_failure {
        Consequence::Nothing => return format!("has failed for good: {why}"),
        Consequence::Stop(code) => {
            format!("the container stops with code {}", stop_code(*code, true, how))
        }
        Consequence::StopDependents => "what needs it is stopped".to_owned(),
        Consequence::Run(words) => {
            format!("runs {}", tool::diag::show(words.first().map(Vec::as_slice).unwrap_or_default()))
        }
    };
    let by = if restarts.mark == Mark::Stop { "on-unhealthy" } else { "on-failure" };
    format!("has failed for good: {why}; {by}: {consequence}")
}

/// The exit code of a container that stops since a service has come to such an end: the one that is asked for, or else the
/// daemon's own, 128 + n after signal n; a failure isn't 0.
pub(super) fn stop_code(asked: Option<u8>, has_failed: bool, how: Ended) -> u8 {
    match (asked, how.code()) {
        (Some(code), _) => code,
        (None, 0) if has_failed => 1,
        (None, code) => code,
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
