//! Seeded plans against a simulated system: any effect of a host or of a supervisor process fails, or a fault strikes before
//! it; the next host goes on from the journal, the next supervisor from its slot, and they may be struck in turn.
//!
//! A plan is a layout, a script (letters, deaths, readiness, time), and the effects that fail, by their number.  After
//! every step no service may have two daemons; when the faults are over, each service must be as its last letter says, with a
//! true status, and a stop must end everything.  A policy with two children, as a container's life has them, must see each
//! of them started once, and its end.  What a service's restart policy has for its failure must be done once.  The processes and the clock are made up; directories, FIFOs, pipes, journals
//! and the poller are real.  What fails is shrunk to the shortest plan, and printed in words.
//!
//! A host that a fault ends leaves its descriptors behind, so plans run in processes of their own, which have nothing else:
//! [`plans`] starts them.  `S6_TORTURE_PLANS` is the number of plans, and `S6_TORTURE_SEED` what they are made of;
//! `S6_TORTURE_PLAN` has the words of the only one, and shows where its faults strike.

mod life;
mod plan;
mod world;

use super::*;
use life::Life;
use plan::{Fault, Plan};
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::collections::VecDeque;
use std::process::{Child, Command, Stdio};

/// The services: one that notifies its readiness, one with a logger, one with a `finish`; and two that fail for good at their
/// first failure, whereupon a program runs, or the policy decides.
const SERVICES: [&str; 6] = ["ready", "logged", "logged/log", "finishes", FAILS, DECIDES];

/// A service whose failure is followed by a program.
const FAILS: &str = "fails";

/// A service with a `finish` whose failure is followed by a decision of the policy.
const DECIDES: &str = "decides";

/// How many plans a run of the tests has.
const PLANS: u32 = 300;

/// At most so many plans run in one process, which keeps the mappings of all of them.
const PLANS_AT_ONCE: u32 = 500;

/// The variable of the only plan.
const PLAN: &str = "S6_TORTURE_PLAN";

/// What is wrong after a plan.
fn run(plan: &Plan) -> Vec<String> {
    run_and_count(plan).0
}

/// The same, and the numbers of the effects of its script.
fn run_and_count(plan: &Plan) -> (Vec<String>, std::ops::Range<u32>) {
    let tmp = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let mut life = Life::new(tmp.path(), plan.by_processes, &plan.faults);
    life.work();
    let first = life.world.effects.get();
    plan.script.iter().for_each(|step| life.step(*step));
    let effects = first..life.world.effects.get();
    let wrong = life.check();
    life.end();
    (wrong, effects)
}

/// Runs so many plans; nothing else may happen in this process.
fn run_all(plans: u32, seed: u64) {
    let runs = Runs { cases: plans, max_shrink_iters: 4000, ..Runs::default() };
    let seed: Vec<u8> = seed.to_be_bytes().repeat(4);
    let mut runner = TestRunner::new_with_rng(runs, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let outcome = runner.run(&plan::any(), |plan| match run(&plan) {
        wrong if wrong.is_empty() => Ok(()),
        wrong => Err(TestCaseError::fail(format!("{wrong:#?}"))),
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, plan)) => panic!("{why}\n{PLAN}='{plan}'"),
        Err(why) => panic!("{why}"),
    }
}

/// Runs a test of this module in a process of its own, with these variables.
fn start(test: &str, variables: &[(&str, String)]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([&format!("host::tests::torture::{test}"), "--exact", "--test-threads=1"])
        .env("S6_TORTURE_ALONE", "1")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        // Services warn of what fails.
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn plans() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = number("S6_TORTURE_PLANS").map_or(PLANS, |n| u32::try_from(n).unwrap());
    let seed = number("S6_TORTURE_SEED").unwrap_or(1);
    if let Ok(plan) = std::env::var(PLAN) {
        assert_eq!(run(&plan.parse().unwrap()), [""; 0]);
        return;
    }
    if std::env::var_os("S6_TORTURE_ALONE").is_some() {
        return run_all(count, seed);
    }
    let lanes = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap());
    let (mut seeds, mut left) = ((seed << 20).., count);
    let (mut running, mut failed) = (VecDeque::new(), Vec::new());
    while left > 0 || !running.is_empty() {
        while left > 0 && running.len() < usize::try_from(lanes).unwrap() {
            let plans = left.min(PLANS_AT_ONCE);
            left -= plans;
            let seed = seeds.next().unwrap();
            let variables = [("S6_TORTURE_PLANS", plans.to_string()), ("S6_TORTURE_SEED", seed.to_string())];
            running.push_back((seed, start("plans", &variables)));
        }
        let (seed, child) = running.pop_front().unwrap();
        let ended = child.wait_with_output().unwrap();
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stdout);
            failed.push(format!("seed {seed}: {}\n{said}\n", ended.status));
        }
    }
    assert!(failed.is_empty(), "{}", failed.concat());
}

/// A fault, or two, at each effect of a script in turn.
fn faults_around(plan: &Plan) {
    let (wrong, effects) = run_and_count(plan);
    assert_eq!(wrong, [""; 0], "without a fault");
    for number in effects {
        for next in [None, Some(1), Some(2), Some(5), Some(12), Some(30)] {
            let next = next.map(|distance| (number + distance, Fault::Strike));
            let faults = [(number, Fault::Strike)].into_iter().chain(next).collect();
            let plan = Plan { faults, ..plan.clone() };
            assert_eq!(run(&plan), [""; 0], "{PLAN}='{plan}'");
        }
    }
}

#[test]
fn a_failure_has_its_consequence_wherever_faults_strike() {
    let test = "a_failure_has_its_consequence_wherever_faults_strike";
    if std::env::var_os("S6_TORTURE_ALONE").is_some() {
        return faults_around(&std::env::var(PLAN).unwrap().parse().unwrap());
    }
    let plans = [
        "one die:4",
        "one die:5",
        "processes die:4 up:4",
        "processes die:5",
        "one unhealthy:4",
        "processes unhealthy:5",
    ];
    for pair in plans.chunks(2) {
        let children = pair.iter().map(|plan| (plan, start(test, &[(PLAN, (*plan).to_owned())])));
        for (plan, child) in children.collect::<Vec<_>>() {
            let ended = child.wait_with_output().unwrap();
            assert!(ended.status.success(), "{plan}: {}", String::from_utf8_lossy(&ended.stdout));
        }
    }
}
