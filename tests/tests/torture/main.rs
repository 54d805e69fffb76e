//! Torture of whole containers: at any system call of pid 1, or of a supervisor process, it faults or the call fails,
//! and nothing is lost, nothing hangs, and nothing happens twice.
//!
//! An untouched container tells which calls there are; then each point, a call and what happens at it, is a container of
//! its own.  Without more words some hundred points are chosen, always the same; `cargo xtask torture` sets these variables:
//!
//! | variable | value |
//! |---|---|
//! | `S6_TORTURE_LAYOUT` | only this layout |
//! | `S6_TORTURE_POINTS` | how many points of each layout, or `all` |
//! | `S6_TORTURE_TWICE` | for how many faults of each layout something happens during the recovery, too |
//! | `S6_TORTURE_POINT` | only this one: CALL:NUMBER:SIGSEGV or CALL:NUMBER:ERROR; two joined by + |
//! | `S6_TORTURE_TRACE` | the file for all calls of the process, if there is only one point |
//! | `S6_TORTURE_SEED` | which ones, and in which order |
//! | `S6_TORTURE_SECONDS` | no new one after that time |
//!
//! Needs root, and Debian's strace and busybox-static.
#![expect(clippy::print_stderr, reason = "an ordinary test program")]

mod points;
mod scenario;
mod traced;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use points::{Calls, Kind, Plan, Point};
use scenario::{CLASSES, Layout, Remains};
use traced::Images;

/// How many points of each layout are tried when nothing else is said.
const POINTS: usize = 60;
/// For how many faults of each layout something happens during the recovery, too.
const TWICE: usize = 0;
/// How many points of each recovery are tried.
const POINTS_OF_RECOVERY: usize = 8;
/// Which ones.
const SEED: u64 = 17;
/// How many containers run at the same time: they mostly wait.
const JOBS: usize = 6;

/// What was counted.
#[derive(Default)]
struct Figures {
    tried: u32,
    hit: u32,
    faults: u32,
    flawed: u32,
    /// By class.
    flaws: BTreeMap<&'static str, u32>,
}

/// What all trials share.
struct Torture {
    images: Images,
    /// By layout.
    figures: Mutex<BTreeMap<&'static str, Figures>>,
    end: Option<Instant>,
}

fn main() {
    sandbox::enter_stage();
    let code = run().unwrap_or_else(|why| {
        eprintln!("torture: {why}");
        2
    });
    std::process::exit(code)
}

/// The value of a variable, if it is set.
fn option<T: std::str::FromStr>(name: &str) -> Result<Option<T>, String> {
    let Ok(value) = env::var(name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| format!("{name} is {value:?}"))
}

fn run() -> Result<i32, String> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(JOBS);
    if !rustix::process::geteuid().is_root() {
        return Err("this needs root: it traces processes of containers".into());
    }
    let only: Option<String> = option("S6_TORTURE_LAYOUT")?;
    let layouts: Vec<Layout> =
        Layout::ALL.into_iter().filter(|l| only.as_ref().is_none_or(|only| only == l.name())).collect();
    let number = match env::var("S6_TORTURE_POINTS").as_deref() {
        Ok("all") => usize::MAX,
        _ => option("S6_TORTURE_POINTS")?.unwrap_or(POINTS),
    };
    let seed = option("S6_TORTURE_SEED")?.unwrap_or(SEED);
    let point: Option<String> = option("S6_TORTURE_POINT")?;
    let point: Option<Plan> = point.map(|text| text.parse()).transpose()?;
    let twice = option("S6_TORTURE_TWICE")?.unwrap_or(TWICE);
    let seconds: Option<u64> = option("S6_TORTURE_SECONDS")?;
    let torture = Arc::new(Torture {
        images: Images::new()?,
        figures: Mutex::default(),
        end: seconds.map(|n| Instant::now() + Duration::from_secs(n)),
    });
    let mut trials = Vec::new();
    for layout in layouts {
        let calls = torture.learn(layout)?;
        let mut points = calls.points();
        eprintln!("{}: {} calls, {} points", layout.name(), calls.len(), points.len());
        let mut plans = Vec::new();
        if let Some(plan) = &point {
            let may_refuse = points.iter().any(|(p, may_refuse)| plan.0.first() == Some(p) && *may_refuse);
            plans.push((plan.clone(), may_refuse));
        } else {
            shuffle(&mut points, seed);
            if layout != Layout::Supervisor {
                plans = torture.during_recovery(layout, &points, twice, seed)?;
            }
            let points = points.into_iter().take(number);
            plans.extend(points.map(|(point, may_refuse)| (Plan(vec![point]), may_refuse)));
        }
        trials.extend(plans.into_iter().map(|(plan, may_refuse)| {
            let torture = Arc::clone(&torture);
            let name = format!("{}::{plan}", layout.name());
            Trial::test(name, move || torture.try_at(layout, &plan, may_refuse))
        }));
    }
    shuffle(&mut trials, seed);
    let conclusion = libtest_mimic::run(&arguments, trials);
    torture.print();
    Ok(if conclusion.has_failed() { 101 } else { 0 })
}

/// Orders by chance, always the same for a seed.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for n in (1..items.len()).rev() {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let place = usize::try_from(mixed % (n as u64 + 1)).unwrap_or(0);
        items.swap(n, place);
    }
}

/// The lines of the calls at which something happened.
fn calls_of(record: &str) -> String {
    let (mut calls, mut last) = (Vec::new(), "");
    for line in record.lines() {
        if line.contains("(INJECTED)") {
            calls.push(line);
        } else if line.starts_with("--- SIGSEGV") {
            calls.push(last);
        }
        last = line;
    }
    calls.truncate(2);
    calls.join("\n  at: ")
}

impl Torture {
    /// The calls of an untouched container, where everything holds.
    fn learn(&self, layout: Layout) -> Result<Calls, String> {
        let ended = self.images.run(layout, &[]).map_err(|why| format!("{}: {why}", layout.name()))?;
        let remains = Remains {
            code: ended.code,
            said: &ended.said,
            marks: ended.marks.path(),
            faulted: false,
            may_refuse: false,
        };
        let flaws = remains.flaws();
        if !flaws.is_empty() {
            return Err(format!("{}: untouched, but: {flaws:#?}\n{}", layout.name(), ended.said));
        }
        Ok(Calls::read(&ended.record, layout == Layout::Supervisor))
    }

    /// For so many faults of these points, points at which the process recovers.
    fn during_recovery(
        &self,
        layout: Layout,
        points: &[(Point, bool)],
        number: usize,
        seed: u64,
    ) -> Result<Vec<(Plan, bool)>, String> {
        let mut plans = Vec::new();
        let faults = points.iter().filter(|(point, may_refuse)| point.kind == Kind::Fault && !may_refuse);
        for (fault, _) in faults.take(number) {
            let plan = Plan(vec![fault.clone()]);
            let ended = self.images.run(layout, &plan.options(true));
            let ended = ended.map_err(|why| format!("{}: {plan}: {why}", layout.name()))?;
            let mut seconds = Calls::read(&ended.record, false).points_of_recovery();
            // strace counts a call for one of both only.
            seconds.retain(|(point, _)| point.call != fault.call);
            shuffle(&mut seconds, seed);
            let seconds = seconds.into_iter().take(POINTS_OF_RECOVERY);
            plans.extend(seconds.map(|(second, _)| (Plan(vec![fault.clone(), second]), false)));
        }
        Ok(plans)
    }

    /// Runs the scenario with what happens at the points.
    fn try_at(&self, layout: Layout, plan: &Plan, may_refuse: bool) -> Result<(), Failed> {
        if self.end.is_some_and(|end| Instant::now() >= end) {
            return Ok(());
        }
        let trace = env::var_os("S6_TORTURE_TRACE");
        let ended = self.images.run(layout, &plan.options(trace.is_some()))?;
        if let Some(file) = trace {
            fs::write(&file, &ended.record).map_err(|why| format!("{}: {why}", file.display()))?;
        }
        let fault = plan.faults() > 0;
        let hit = plan.happened(&ended.record);
        // A word that can't be written isn't there.
        let is_mute = plan.0.iter().any(|point| point.call == "write" && point.kind != Kind::Fault);
        let faulted = fault && hit && layout != Layout::Supervisor && !is_mute;
        let remains =
            Remains { code: ended.code, said: &ended.said, marks: ended.marks.path(), faulted, may_refuse };
        let flaws = remains.flaws();
        if let Ok(mut all) = self.figures.lock() {
            let figures = all.entry(layout.name()).or_default();
            figures.tried += 1;
            figures.hit += u32::from(hit);
            figures.faults += u32::from(hit && fault);
            figures.flawed += u32::from(!flaws.is_empty());
            for class in CLASSES.iter().filter(|class| flaws.iter().any(|flaw| flaw.class == **class)) {
                *figures.flaws.entry(class).or_default() += 1;
            }
        }
        if flaws.is_empty() {
            return Ok(());
        }
        let mut text = format!("cargo xtask torture --layout {} --point {plan}\n", layout.name());
        for flaw in &flaws {
            let _ = writeln!(text, "  {}: {}", flaw.class, flaw.text);
        }
        let _ = write!(text, "  at: {}", calls_of(&ended.record));
        // Again at the end, with the output.
        eprintln!("{text}");
        let _ = write!(text, "\n  the output:\n{}", ended.said);
        Err(text.into())
    }

    /// Prints the figures.
    fn print(&self) {
        let Ok(all) = self.figures.lock() else { return };
        for (layout, figures) in &*all {
            let mut text = format!(
                "{layout}: {} points tried, {} hit ({} faults, {} failing calls), {} flawed",
                figures.tried,
                figures.hit,
                figures.faults,
                figures.hit - figures.faults,
                figures.flawed
            );
            for (class, count) in &figures.flaws {
                let _ = write!(text, ", {class} {count}");
            }
            eprintln!("{text}");
        }
    }
}
