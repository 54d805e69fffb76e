//! A plan, and its form for people: words such as `processes up:0 die:2 95:fault 140:28`.

use super::SERVICES;
use proptest::prelude::*;
use rustix::io::Errno;
use std::fmt;
use std::str::FromStr;

/// What happens to an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The process faults before it: a host is re-executed, a supervisor process dies.
    Strike,
    /// It fails with this error.
    Fail(i32),
}

/// A step of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// A letter to a service.
    Letter(usize, u8),
    /// Its process ends by itself.
    Die(usize),
    /// It notifies its readiness.
    Notify(usize),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// The directory is scanned.
    Scan,
    /// A service is added.
    Add,
    /// The supervisor process of a service is killed.
    Kill(usize),
    /// The policy's first child ends.
    EndBoot,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Services are supervised by processes.
    pub(super) by_processes: bool,
    pub(super) script: Vec<Step>,
    /// What happens to effects, by their number.
    pub(super) faults: Vec<(u32, Fault)>,
}

/// The names of the letters.
const LETTERS: [(&str, u8); 4] = [("up", b'u'), ("down", b'd'), ("term", b't'), ("unhealthy", b'!')];

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.by_processes { "processes" } else { "one" })?;
        for step in &self.script {
            match step {
                Step::Letter(number, letter) => {
                    let name = LETTERS.iter().find(|(_, known)| known == letter).unwrap().0;
                    write!(f, " {name}:{number}")?;
                }
                Step::Die(number) => write!(f, " die:{number}")?,
                Step::Notify(number) => write!(f, " notify:{number}")?,
                Step::Pass(ms) => write!(f, " pass:{ms}")?,
                Step::Scan => f.write_str(" scan")?,
                Step::Add => f.write_str(" add")?,
                Step::Kill(number) => write!(f, " kill:{number}")?,
                Step::EndBoot => f.write_str(" boot")?,
            }
        }
        for (number, fault) in &self.faults {
            match fault {
                Fault::Strike => write!(f, " {number}:fault")?,
                Fault::Fail(errno) => write!(f, " {number}:{errno}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut plan = Self { by_processes: false, script: Vec::new(), faults: Vec::new() };
        for word in text.split_whitespace() {
            let (name, value) = word.split_once(':').unwrap_or((word, ""));
            let step = match name {
                "one" | "processes" => {
                    plan.by_processes = name == "processes";
                    continue;
                }
                "die" => Step::Die(value.parse()?),
                "notify" => Step::Notify(value.parse()?),
                "pass" => Step::Pass(value.parse()?),
                "scan" => Step::Scan,
                "add" => Step::Add,
                "kill" => Step::Kill(value.parse()?),
                "boot" => Step::EndBoot,
                _ => {
                    if let Some((_, letter)) = LETTERS.iter().find(|(known, _)| *known == name) {
                        plan.script.push(Step::Letter(value.parse()?, *letter));
                    } else {
                        let fault =
                            if value == "fault" { Fault::Strike } else { Fault::Fail(value.parse()?) };
                        plan.faults.push((name.parse()?, fault));
                    }
                    continue;
                }
            };
            plan.script.push(step);
        }
        Ok(plan)
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    let errors = [Errno::NOMEM, Errno::NFILE, Errno::NOSPC, Errno::AGAIN, Errno::IO, Errno::INTR];
    prop_oneof![
        Just(Fault::Strike),
        prop::sample::select(errors.map(|e| Fault::Fail(e.raw_os_error())).to_vec()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let service = 0..SERVICES.len();
    let letter = prop::sample::select(LETTERS.map(|(_, letter)| letter).to_vec());
    prop_oneof![
        3 => (service.clone(), letter).prop_map(|(number, letter)| Step::Letter(number, letter)),
        2 => service.clone().prop_map(Step::Die),
        1 => service.clone().prop_map(Step::Notify),
        2 => prop::sample::select(vec![100_u64, 1000, 5000]).prop_map(Step::Pass),
        1 => Just(Step::Scan),
        1 => Just(Step::Add),
        1 => service.prop_map(Step::Kill),
        1 => Just(Step::EndBoot),
    ]
}

/// Faults at effects anywhere, or soon after the one before: while that is recovered from.
fn faults() -> impl Strategy<Value = Vec<(u32, Fault)>> {
    let place = prop_oneof![(Just(false), 0_u32..500), (Just(true), 1_u32..50)];
    prop::collection::vec((place, fault()), 0..4).prop_map(|faults| {
        let mut last = 0;
        let number = |((is_near, number), fault): ((bool, u32), Fault)| {
            last = if is_near { last + number } else { number };
            (last, fault)
        };
        faults.into_iter().map(number).collect()
    })
}

/// Any plan.
pub(super) fn any() -> impl Strategy<Value = Plan> {
    (prop::bool::ANY, prop::collection::vec(step(), 0..10), faults())
        .prop_map(|(by_processes, script, faults)| Plan { by_processes, script, faults })
}

proptest! {
    #[test]
    fn its_words_are_read_back(plan in any()) {
        prop_assert_eq!(plan.to_string().parse(), Ok(plan));
    }
}
