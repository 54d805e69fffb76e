//! The arithmetic of restart policies: tables, and histories of services.

#![allow(clippy::arithmetic_side_effects)]

use super::*;
use proptest::prelude::*;

fn ends(codes: &[u8], signals: &[u8]) -> Ends {
    let mut ends = Ends::default();
    codes.iter().for_each(|code| ends.insert_code(*code));
    signals.iter().for_each(|signal| assert!(ends.insert_signal(*signal)));
    ends
}

fn policy() -> RestartPolicy {
    RestartPolicy::default()
}

fn limit(count: u16, window: Option<u32>) -> RestartPolicy {
    RestartPolicy { limit: Some(Limit { count, window }), ..policy() }
}

fn end(how: Ended, life: u64, at: u64) -> End {
    End { how, life: Duration::from_millis(life), at: Duration::from_millis(at) }
}

const EXIT_1: Ended = Ended::Exited(1);

fn after(restarts: &mut Restarts, policy: &RestartPolicy, end: End) -> String {
    judge(restarts, policy, end, &mut || 7);
    let delay = restarts.delay.map(|ms| format!(" after {ms} ms")).unwrap_or_default();
    format!("{:?}{delay}, failures {}", restarts.verdict, restarts.failures)
}

#[test]
fn each_end_with_each_restart() {
    let ways = [
        ("exit 0", Ended::Exited(0)),
        ("exit 1", EXIT_1),
        ("exit 78", Ended::Exited(78)),
        ("exit 143", Ended::Exited(143)),
        ("SIGTERM", Ended::Killed(15)),
        ("SIGSEGV", Ended::Killed(11)),
        ("SIGABRT", Ended::Killed(6)),
    ];
    let mut text =
        String::from("success-exit 0 143 SIGTERM; restart-never-on 78 SIGABRT; after 2 failures\n");
    for restart in [Restart::Always, Restart::OnFailure, Restart::Never] {
        text += &format!("\nrestart {restart:?}:\n");
        for (name, how) in ways {
            let policy = RestartPolicy {
                restart,
                delay: Some(Delay { first: 100, max: 1000, factor: 200, jitter: 0 }),
                success: ends(&[0, 143], &[15]),
                never_on: ends(&[78], &[6]),
                ..policy()
            };
            let mut restarts = Restarts { failures: 2, ..Restarts::default() };
            text += &format!("  {name:<8} {}\n", after(&mut restarts, &policy, end(how, 10, 1000)));
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn delays_grow_up_to_their_bound() {
    let mut text = String::new();
    for (first, max, factor) in [
        (1000, 1000, 200),
        (1000, 30_000, 200),
        (1, 100, 150),
        (1, 10, 101),
        (0, 1000, 1000),
        (500, 4_294_967_294, 1000),
    ] {
        let delay = Delay { first, max, factor, jitter: 0 };
        let delays: Vec<String> = (0..12).map(|n| without_jitter(delay, n).to_string()).collect();
        text += &format!(
            "{first} to {max} by {factor}: {}, then {}\n",
            delays.join(" "),
            without_jitter(delay, u16::MAX)
        );
    }
    insta::assert_snapshot!(text);
}

#[test]
fn without_a_delay_the_rule_of_the_reference_holds() {
    let mut restarts = Restarts { delay: Some(7), ..Restarts::default() };
    assert_eq!(after(&mut restarts, &policy(), end(EXIT_1, 0, 0)), "Again, failures 1");
}

#[test]
fn a_limit_counts_failures_in_a_row() {
    let (mut restarts, policy) = (Restarts::default(), limit(3, None));
    let mut tell = |how, life, at| after(&mut restarts, &policy, end(how, life, at));
    assert_eq!(tell(EXIT_1, 0, 0), "Again, failures 1");
    assert_eq!(tell(EXIT_1, 0, 1), "Again, failures 2");
    assert_eq!(tell(Ended::Exited(0), 0, 2), "Again, failures 0", "a success ends the row");
    assert_eq!(tell(EXIT_1, 0, 3), "Again, failures 1");
    assert_eq!(tell(EXIT_1, 59_999, 4), "Again, failures 2");
    assert_eq!(tell(EXIT_1, 60_000, 5), "Again, failures 1", "a good life makes it the first one");
    assert_eq!(tell(EXIT_1, 0, 6), "Again, failures 2");
    assert_eq!(tell(EXIT_1, 0, 7), "Failed, failures 3");
}

#[test]
fn a_limit_counts_failures_within_a_window() {
    let (mut restarts, policy) = (Restarts::default(), limit(3, Some(10)));
    let mut tell =
        |at| after(&mut restarts, &policy, end(EXIT_1, 0, at)).split(',').next().unwrap().to_owned();
    assert_eq!([tell(0), tell(5000), tell(10_001)], ["Again"; 3], "the first one is too old");
    assert_eq!(tell(15_001), "Again");
    assert_eq!(tell(15_001), "Failed");
    assert_eq!(restarts.ages, [0, 0, 5000]);
    let (mut restarts, policy) = (Restarts::default(), limit(2, Some(10)));
    let mut tell =
        |at| after(&mut restarts, &policy, end(EXIT_1, 0, at)).split(',').next().unwrap().to_owned();
    assert_eq!([tell(0), tell(10_000)], ["Again", "Failed"], "10 s later is within 10 s");
}

#[test]
fn what_a_process_was_told_makes_its_end_a_wanted_one() {
    use wire::control::COMMANDS;
    let told = |command| {
        let mut restarts = Restarts::default();
        tell(&mut restarts, command, 10);
        (
            is_wanted(&restarts, EXIT_1),
            is_wanted(&restarts, Ended::Killed(10)),
            is_wanted(&restarts, Ended::Killed(9)),
        )
    };
    let letters = |of| -> String {
        COMMANDS.iter().filter(|row| told(row.command) == of).map(|row| char::from(row.letter)).collect()
    };
    assert_eq!(letters((true, true, true)), "bqktiK");
    assert_eq!(letters((false, true, false)), "ah12yl");
    assert_eq!(
        letters((false, false, false)),
        "pcPCroOuUdDQxf!?Z",
        "those with effects of their own, or none"
    );
    let mut restarts = Restarts::default();
    tell(&mut restarts, Command::Signal(ProcessSignal::Terminate), 15);
    tell(&mut restarts, Command::Reload, 1);
    assert!(is_wanted(&restarts, EXIT_1), "it still is to end");
    assert!(!is_wanted(&Restarts::default(), EXIT_1));
}

#[test]
fn messages() {
    let mut text = String::new();
    let mut say =
        |of: &RestartPolicy, restarts: &Restarts, how| text += &format!("{}\n", explain(restarts, of, how));
    let with = |base: RestartPolicy, on_failure| RestartPolicy { on_failure, ..base };
    let (five, restarts) = (vec![0; 5], Restarts { failures: 5, ..Restarts::default() });
    let ring = Restarts { ages: five, ..restarts.clone() };
    say(&with(limit(5, Some(60)), Consequence::Stop(None)), &ring, EXIT_1);
    say(&with(limit(5, None), Consequence::Stop(Some(7))), &restarts, Ended::Killed(9));
    let memory = Restarts { is_memory: true, ..restarts.clone() };
    say(&with(limit(5, None), Consequence::Stop(None)), &memory, Ended::Killed(9));
    say(&limit(1, None), &restarts, EXIT_1);
    say(&limit(1, None), &Restarts { failures: 1, ..Restarts::default() }, EXIT_1);
    let never_on = ends(&[78], &[]);
    say(
        &with(RestartPolicy { never_on, ..policy() }, Consequence::StopDependents),
        &restarts,
        Ended::Exited(78),
    );
    let run = Consequence::Run(vec![b"/bin/tell\n".to_vec(), b"x".to_vec()]);
    say(&with(RestartPolicy { restart: Restart::Never, ..policy() }, run), &restarts, Ended::Killed(63));
    say(&with(policy(), Consequence::Stop(None)), &restarts, Ended::Exited(0));
    let unhealthy = |failures, mark| Restarts { failures, mark, ..restarts.clone() };
    for failures in [1, 5] {
        let mark = unhealthy(failures, Mark::Unhealthy);
        say(&with(limit(failures, None), Consequence::Stop(None)), &mark, Ended::Exited(0));
    }
    let never = RestartPolicy { restart: Restart::Never, never_on: ends(&[0], &[]), ..policy() };
    say(&never, &unhealthy(1, Mark::Unhealthy), Ended::Exited(0));
    say(&policy(), &unhealthy(5, Mark::Unhealthy), Ended::Exited(0));
    say(&with(policy(), Consequence::Stop(None)), &unhealthy(5, Mark::Stop), Ended::Killed(15));
    insta::assert_snapshot!(text);
}

#[test]
fn codes_of_a_container_that_stops() {
    let code = |asked, has_failed, how| stop_code(asked, has_failed, how);
    assert_eq!(code(None, true, Ended::Exited(3)), 3);
    assert_eq!(code(None, true, Ended::Exited(0)), 1);
    assert_eq!(code(None, true, Ended::Killed(9)), 137);
    assert_eq!(code(None, false, Ended::Exited(0)), 0);
    assert_eq!(code(None, false, Ended::Killed(15)), 143);
    assert_eq!([code(Some(0), true, EXIT_1), code(Some(255), false, EXIT_1)], [0, 255]);
}

/// A policy with a limit, perhaps with a window, and small delays.
fn policies() -> impl Strategy<Value = RestartPolicy> {
    let limit = prop::option::of((1_u16..=32, prop::option::of(1_u32..100)));
    let delay = prop::option::of((0_u32..2000, 0_u32..60_000, 100_u16..=1000, 0_u8..=100));
    let restart = prop::sample::select(vec![Restart::Always, Restart::OnFailure, Restart::Never]);
    (restart, delay, limit, 0_u32..20_000).prop_map(|(restart, delay, limit, reset)| RestartPolicy {
        restart,
        delay: delay.map(|(first, more, factor, jitter)| Delay { first, max: first + more, factor, jitter }),
        limit: limit.map(|(count, window)| Limit { count, window }),
        reset,
        success: ends(&[0, 143], &[15]),
        never_on: ends(&[78], &[6]),
        ..policy()
    })
}

/// Ends, each with how long it came after the one before.
fn history() -> impl Strategy<Value = Vec<(Ended, u64)>> {
    let how = prop::sample::select(vec![
        Ended::Exited(0),
        EXIT_1,
        EXIT_1,
        EXIT_1,
        Ended::Killed(9),
        Ended::Killed(15),
        Ended::Exited(78),
    ]);
    prop::collection::vec((how, prop_oneof![0_u64..3000, 0_u64..100_000]), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn delays_are_within_their_bounds(policy in policies(), history in history(), seed in any::<u64>()) {
        let (mut restarts, mut at) = (Restarts::default(), 0);
        for (how, pause) in history {
            at += pause;
            judge(&mut restarts, &policy, end(how, pause, at), &mut || seed);
            let Some(Delay { first, max, jitter, .. }) = policy.delay.filter(|_| restarts.verdict == Verdict::Again) else {
                prop_assert_eq!(restarts.delay, None, "a service that isn't started again has no delay, nor has one without the file");
                continue;
            };
            let delay = u64::from(restarts.delay.unwrap());
            let share = |ms: u32| u64::from(ms) * u64::from(jitter) / 100;
            let (least, most) = (u64::from(first) - share(first), u64::from(max) + share(max));
            prop_assert!((least..=most).contains(&delay), "{delay} is not within {least} and {most}");
        }
    }

    #[test]
    fn a_good_life_and_a_success_begin_a_row(policy in policies(), history in history()) {
        let (mut restarts, mut at, mut row) = (Restarts::default(), 0, 0);
        for (how, life) in history {
            at += life;
            judge(&mut restarts, &policy, end(how, life, at), &mut || 1);
            let is_success = matches!(how, Ended::Exited(0) | Ended::Killed(15));
            row = match (is_success, life >= policy.reset.into()) {
                (true, _) => 0,
                (false, true) => 1,
                (false, false) => row + 1,
            };
            prop_assert_eq!(restarts.failures, row, "only failures in a row count");
        }
    }

    #[test]
    fn a_limit_is_exact(policy in policies(), history in history()) {
        let (mut restarts, mut at, mut failures) = (Restarts::default(), 0_u64, Vec::new());
        for (how, life) in history {
            at += life;
            let before = restarts.failures;
            judge(&mut restarts, &policy, end(how, life, at), &mut || 1);
            if matches!(how, Ended::Exited(0) | Ended::Killed(15)) {
                let again = policy.restart == Restart::Always;
                prop_assert_eq!(restarts.verdict, if again { Verdict::Again } else { Verdict::Ended }, "a success isn't counted");
                continue;
            }
            failures.push(at);
            let is_last = match policy.limit {
                Some(Limit { count, window: Some(window) }) => {
                    let within = failures.iter().filter(|then| at - **then <= u64::from(window) * 1000).count();
                    within >= count.into()
                }
                Some(Limit { count, window: None }) => {
                    let row = if life >= policy.reset.into() { 1 } else { before + 1 };
                    row >= count
                }
                None => false,
            };
            let is_last = is_last || how == Ended::Exited(78) || policy.restart == Restart::Never;
            prop_assert_eq!(restarts.verdict == Verdict::Failed, is_last, "the limit counts what it says");
            prop_assert!(restarts.ages.len() <= 32, "what is remembered is bounded");
        }
    }
}
