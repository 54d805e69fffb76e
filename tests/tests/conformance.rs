//! The recorded cases of the reference, each a test of its own: `conformance/*.cases`, see [`tests::case`].
//!
//! `cargo test --test conformance AREA::NAME` runs those whose name contains that.  Needs root: the cases are about
//! several users.
#![expect(clippy::print_stderr, reason = "an ordinary test program")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use sandbox::{Output, Sandbox, Streams};
use similar::TextDiff;
use tests::case::{self, Boot, Case, Kind};
use tests::image;
use tests::ratchet::{Ratchet, Verdict};

/// The PATH of everything that sets none.
const PATH: &str = "/command:/usr/bin:/bin:/usr/sbin:/sbin";
/// The areas whose cases run with supervisor processes, the default, and without.
const BOTH_LAYOUTS: [&str; 3] = ["overlay", "restarts-own", "supervision"];
/// Asks for the layout without.
const LAYOUT: &str = "S6_SUPERVISE_PROCESSES=0";
/// The PATH that a container engine gives `/init`.
const BOOT_PATH: &str = "/usr/bin:/bin";

fn main() {
    sandbox::enter_stage();
    let code = run().unwrap_or_else(|why| {
        eprintln!("conformance: {why}");
        2
    });
    std::process::exit(code)
}

fn run() -> Result<i32, String> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert_with(tests::at_once);
    let cases = cases()?;
    let folder = image::workspace().join("tests/conformance");
    let ratchet = Arc::new(Ratchet::read(folder.join("known-failures.txt"))?);
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    if names.len() != cases.len() {
        return Err("two cases have the same name".into());
    }
    let strangers = ratchet.strangers(|name| names.contains(name));
    if !strangers.is_empty() {
        return Err(format!("known-failures.txt names what is no case: {}", strangers.join(" ")));
    }
    let base = tempfile::tempdir().map_err(|why| format!("unable to make a directory: {why}"))?;
    let mut images = None;
    if !arguments.list {
        if !rustix::process::geteuid().is_root() {
            return Err("these tests need root: they are about several users".into());
        }
        image::busybox(base.path())?;
        images = Some([image::distribution()?, base.path().to_owned()]);
    }
    let trials = cases
        .into_iter()
        .map(|case| {
            let (images, ratchet) = (images.clone(), Arc::clone(&ratchet));
            Trial::ignorable_test(case.name.clone(), move || {
                let [distribution, base] = images.as_ref().ok_or("there are no images")?;
                judge(&case, check(&case, distribution, base), &ratchet)
            })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    ratchet.save()?;
    Ok(if conclusion.has_failed() { 101 } else { 0 })
}

fn cases() -> Result<Vec<Case>, String> {
    let folder = image::workspace().join("tests/conformance");
    let unable = |why| format!("unable to read {}: {why}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unable)? {
        paths.push(entry.map_err(unable)?.path());
    }
    paths.sort();
    let mut cases = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "cases")) {
        let area = path.file_stem().unwrap_or_default().display().to_string();
        cases.extend(case::parse(&area, &fs::read_to_string(path).map_err(unable)?)?);
    }
    let others: Vec<Case> = cases.iter().filter_map(in_one_process).collect();
    cases.extend(others);
    Ok(cases)
}

/// A case about supervision or the overlay once more, without supervisor processes.
fn in_one_process(case: &Case) -> Option<Case> {
    let (area, name) = case.name.split_once("::").filter(|(area, _)| BOTH_LAYOUTS.contains(area))?;
    let mut case = Case { name: format!("{area}-in-one-process::{name}"), ..case.clone() };
    case.env.push(LAYOUT.into());
    Some(case)
}

/// What the ratchet makes of it.
fn judge(case: &Case, result: Result<(), String>, ratchet: &Ratchet) -> Result<Completion, Failed> {
    match ratchet.judge(&case.name, result.is_ok()) {
        Verdict::Pass => Ok(Completion::Completed),
        Verdict::Known => Ok(Completion::ignored_with("known failure")),
        Verdict::Stale => {
            Err("passes now: remove it from known-failures.txt (cargo xtask ratchet does)".into())
        }
        Verdict::Fail => Err(result.err().unwrap_or_default().into()),
    }
}

/// Runs a case.  The error names what differs.
fn check(case: &Case, distribution: &Path, base: &Path) -> Result<(), String> {
    let mut description = match &case.kind {
        Kind::Script => script(case, base),
        Kind::Boot(boot) => container(case, boot, base),
    };
    for (name, value) in case.env.iter().filter_map(|word| word.split_once('=')) {
        description = description.env(name, value);
    }
    let container = description.layer(distribution).streams(Streams::Capture).start();
    let output = container.and_then(|c| c.output(case.limit)).map_err(|why| why.to_string())?;
    let said = without_layout(case, &case::printable(&output.stdout));
    if output.code == Some(case.code) && said == case.output {
        return Ok(());
    }
    Err(difference(case, &output, &said))
}

/// What a case says, without the variable by which the layout was asked for.
fn without_layout(case: &Case, said: &str) -> String {
    let lines = said.split_inclusive('\n');
    lines
        .filter(|line| !case.env.iter().any(|word| word == LAYOUT && *line == format!("{LAYOUT}\n")))
        .collect()
}

/// The script under a minimal pid 1, which is the shell that starts it.
fn script(case: &Case, base: &Path) -> Sandbox {
    Sandbox::new(base, ["/bin/sh", "-c", "cd /tmp/w; /bin/sh /tmp/.case </dev/null; exit $?"])
        .env("PATH", PATH)
        .env("HOME", "/root")
        .make_directory("/tmp/w")
        .file("/tmp/.case", case.script.as_bytes())
}

fn container(case: &Case, boot: &Boot, base: &Path) -> Sandbox {
    let init = ["/init".to_owned()].into_iter().chain(boot.command.iter().cloned());
    let mut sandbox = Sandbox::new(base, init)
        .run_options(format!("mode={},exec", boot.run_mode))
        .read_only(boot.read_only)
        .make_directory("/tmp/w")
        .file("/tmp/.case", case.script.as_bytes())
        .prepare(["/bin/sh", "-c", "/bin/sh -e /tmp/.case && rm -rf /tmp/.case /tmp/w"]);
    if let Some((uid, gid)) = boot.user {
        sandbox = sandbox.user(uid, gid);
    }
    if case.env.iter().any(|word| word.starts_with("PATH=")) {
        sandbox
    } else {
        sandbox.env("PATH", BOOT_PATH)
    }
}

fn difference(case: &Case, output: &Output, said: &str) -> String {
    let code = output.code.map_or_else(|| format!("over its {:?}", case.limit), |code| code.to_string());
    let mut text = format!("exit code {} expected, got {code}\n", case.code);
    let diff = TextDiff::from_lines(case.output.as_str(), said);
    let _ = write!(text, "{}", diff.unified_diff().header("expected", "got"));
    let stderr = case::printable(&output.stderr);
    if !stderr.is_empty() {
        let _ = write!(text, "--- standard error\n{stderr}");
    }
    text
}
