//! The machine of a service with a restart policy, over whole histories.

#![allow(clippy::arithmetic_side_effects)]

use super::*;
use proptest::prelude::*;
use wire::restart_policy::{Delay, Limit, Restart};

/// A service directory with a policy.
struct With {
    policy: RestartPolicy,
    notifies: bool,
}

impl Settings for With {
    fn down_signal(&mut self) -> Result<Signal, Errno> {
        Ok(signal::TERM)
    }
    fn reload_signal(&mut self) -> Result<Signal, Errno> {
        Ok(signal::HUP)
    }
    fn kill_timeout(&mut self) -> Result<Option<Duration>, Errno> {
        Ok(None)
    }
    fn kills_group(&mut self) -> bool {
        false
    }
    fn finish_timeout(&mut self) -> Result<Option<Duration>, Errno> {
        Ok(None)
    }
    fn kills_session(&mut self) -> bool {
        false
    }
    fn policy(&mut self) -> Result<Option<RestartPolicy>, Errno> {
        Ok(Some(self.policy.clone()))
    }
    fn notifies_readiness(&mut self) -> bool {
        self.notifies
    }
    fn random(&mut self) -> u64 {
        99
    }
}

/// A life: how long it was up, whether it was ready from the beginning, what it was told, and how it ended.
#[derive(Debug, Clone, Copy)]
struct Life {
    ms: u64,
    is_ready: bool,
    told: Option<Command>,
    how: Ended,
    /// The exit code of `finish`.
    finish: Option<u8>,
}

fn lives(is_told: bool) -> impl Strategy<Value = Life> {
    let how = prop::sample::select(vec![
        Ended::Exited(0),
        Ended::Exited(1),
        Ended::Exited(1),
        Ended::Exited(78),
        Ended::Killed(9),
        Ended::Killed(15),
    ]);
    let restart = prop::option::of(Just(Command::Restart));
    let told = if is_told { restart.boxed() } else { Just(None).boxed() };
    let finish = prop::option::of(prop::sample::select(vec![0, 0, 0, 0, 125]));
    (0_u64..100_000, any::<bool>(), told, how, finish).prop_map(|(ms, is_ready, told, how, finish)| Life {
        ms,
        is_ready,
        told,
        how,
        finish,
    })
}

fn policies() -> impl Strategy<Value = RestartPolicy> {
    let limit = prop::option::of((1_u16..=32, prop::option::of(1_u32..1000)));
    let delay = prop::option::of((0_u32..2000, 0_u32..60_000));
    let restart =
        prop::sample::select(vec![Restart::Always, Restart::Always, Restart::OnFailure, Restart::Never]);
    (restart, delay, limit).prop_map(|(restart, delay, limit)| {
        let mut never_on = wire::restart_policy::Ends::default();
        never_on.insert_code(78);
        RestartPolicy {
            restart,
            delay: delay.map(|(first, more)| Delay::new(first, first + more)),
            limit: limit.map(|(count, window)| Limit { count, window }),
            never_on,
            ..RestartPolicy::default()
        }
    })
}

/// What a service has come to.
#[derive(Debug, PartialEq, Eq)]
struct Course {
    restarts: Restarts,
    deadline: Option<Moment>,
    actions: Vec<Action>,
    /// What each `finish` was told.
    outlooks: Vec<Outlook>,
    ends: usize,
}

/// Lives one after another, as long as the service is started again; `resume` takes the machine's place at rest.
fn course(with: &mut With, lives: &[Life], resume: impl Fn(Machine) -> Machine) -> Course {
    let now = |ms: u64| Now { moment: Duration::from_millis(ms), wall: Tai64n::from_unix(0, 0) };
    let (mut machine, mut ms, mut actions) = (Machine::new(true, now(0)), 0, Vec::new());
    let mut ends = 0;
    for life in lives {
        let mut step = |event, ms| {
            machine.step(event, now(ms), with, &mut actions);
            machine = resume(machine.clone());
        };
        step(Event::Started(100), ms);
        if life.is_ready {
            step(Event::Ready, ms);
        }
        ms += life.ms;
        if let Some(command) = life.told {
            step(Event::Command(command), ms);
        }
        // The machine is not at rest between the end and the answer for `finish`.
        machine.step(Event::Ended(life.how), now(ms), with, &mut actions);
        machine.step(
            life.finish.map_or(Event::NoFinish, |_| Event::FinishStarted(101)),
            now(ms),
            with,
            &mut actions,
        );
        machine = resume(machine);
        if let Some(code) = life.finish {
            machine.step(Event::Ended(Ended::Exited(code)), now(ms), with, &mut actions);
            machine = resume(machine);
        }
        ends += 1;
        match next_start(&machine) {
            Some(at) => ms = ms.max(u64::try_from(at.as_millis()).unwrap()),
            None => break,
        }
    }
    let outlook = |action: &Action| if let Action::Finish(_, _, outlook) = action { *outlook } else { None };
    let outlooks = actions.iter().filter_map(outlook).collect();
    // What is left of a session is looked for by the machine that has seen the end.
    actions.retain(|action| !matches!(action, Action::NameSession(_)));
    Course { restarts: machine.restarts.clone(), deadline: next_start(&machine), actions, outlooks, ends }
}

fn next_start(machine: &Machine) -> Option<Moment> {
    machine.deadline().filter(|_| machine.status.want_up)
}

/// As a supervisor process that is killed leaves it to the next one.
fn through_bytes(machine: Machine) -> Machine {
    let Saved { status, deadline, next_start, dying, leaving, restarts } = machine.save();
    let fds = (None, None, None, None);
    let supervised = wire::host_journal::Supervised {
        dir: fds.0,
        control: fds.1,
        lock: fds.2,
        notification: fds.3,
        detached: false,
        status,
        deadline,
        next_start,
        dying,
        leaving,
        down_file: false,
        deaths: Vec::new(),
        restarts,
    };
    let state = wire::supervisor_slot::State { supervised: Some(supervised), ..Default::default() };
    let mut room = [0; wire::supervisor_slot::COPIES.1];
    let back = wire::supervisor_slot::State::unpack(state.pack(&mut room)).unwrap().supervised.unwrap();
    Machine::resume(&Saved { status, deadline, next_start, dying, leaving, restarts: back.restarts })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(15_000))]

    #[test]
    fn a_successor_goes_on_alike(policy in policies(), notifies in any::<bool>(), lives in prop::collection::vec(lives(true), 1..40)) {
        let mut with = With { policy, notifies };
        let (whole, cut) = (course(&mut with, &lives, |machine| machine), course(&mut with, &lives, through_bytes));
        prop_assert_eq!(whole, cut, "a journal in between changes nothing");
    }

    #[test]
    fn wanted_ends_never_count(policy in policies(), lives in prop::collection::vec(lives(true), 1..40)) {
        let mut with = With { policy, notifies: false };
        // `finish` may say what it likes, which isn't the subject.
        let lives: Vec<Life> = lives.into_iter().map(|life| Life { finish: Some(0), ..life }).collect();
        let all = course(&mut with, &lives, |machine| machine);
        let mut failures = 0;
        for (life, outlook) in lives.iter().zip(&all.outlooks) {
            if life.told.is_some() {
                prop_assert_eq!(*outlook, Outlook { failures, is_last: false }, "a restart that was asked for changes nothing");
            }
            failures = outlook.failures;
        }
        prop_assert!(all.restarts.ages.len() <= lives.iter().filter(|life| life.told.is_none()).count(), "nor does a window count it");
    }

    #[test]
    fn an_end_for_good_is_one(policy in policies(), lives in prop::collection::vec(lives(false), 1..40)) {
        let mut with = With { policy: policy.clone(), notifies: false };
        let all = course(&mut with, &lives, |machine| machine);
        let over = all.actions.iter().filter(|action| **action == Action::Over).count();
        prop_assert!(over <= 1 && all.deadline.is_some() != (over == 1), "it is started again, or its end is seen to");
        let last = lives[all.ends - 1];
        let announced = all.actions.iter().any(
            |action| matches!(action, Action::Announce(events) if events.contains(&ServiceEvent::PermanentFailure)),
        );
        let is_success = last.how == Ended::Exited(0) && last.finish != Some(PERMANENT_FAILURE);
        prop_assert_eq!(announced, over == 1 && !is_success, "a failure is announced");
    }
}
