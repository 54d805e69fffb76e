//! The end of a container whose output isn't read in time.

use std::io::Read;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use sandbox::{Container, Sandbox, Streams};
use tests::lines::Lines;
use tests::services::Services;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("last_output::is_waited_for_while_nobody_asks_for_a_stop", is_waited_for_while_nobody_asks_for_a_stop),
    ("last_output::is_waited_for_by_the_catch_all_logger", is_waited_for_by_the_catch_all_logger),
    ("last_output::a_relay_that_is_killed_meanwhile_is_replaced", a_relay_that_is_killed_meanwhile),
    ("last_output::after_a_request_what_is_missing_is_counted", after_a_request_what_is_missing_is_counted),
];

/// So many lines fit into the pipe of the CMD, so that this ends, but not into that of the container with what is put
/// around each line.
const RELAYED_LINES: u32 = 9000;

/// So many lines fit into a pipe on each side of the logger, but not into one.
const LOGGED_LINES: u32 = 18_000;

/// The script of the CMD.
fn flood(lines: u32) -> String {
    format!("seq 1 {lines}; echo LAST; exit 7")
}

/// The variables with which a relay passes the CMD's output on, with what it puts around each line in bytes.
const RELAYED: [&[(&str, &str)]; 2] =
    [&[("S6_LOG_PREFIX", "1"), ("S6_LOG_CMD", "1")], &[("S6_LOG_FORMAT", "json"), ("S6_LOG_CMD", "1")]];

fn start(sandbox: &Sandbox, variables: &[(&str, &str)]) -> Result<Container, Failed> {
    let mut sandbox = sandbox.clone().env("S6_VERBOSITY", "1").streams(Streams::Capture);
    for (name, value) in variables {
        sandbox = sandbox.env(*name, *value);
    }
    Ok(sandbox.start()?)
}

/// Reads a stream to its end.
fn read(stream: Option<std::os::fd::OwnedFd>) -> Result<Vec<u8>, Failed> {
    let mut bytes = Vec::new();
    std::fs::File::from(stream.ok_or("no stream")?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Fails unless these are the lines of [`flood`], whatever is around them.
fn complete(output: &[u8], lines: u32, said: &str) -> Outcome {
    let text = String::from_utf8_lossy(output);
    let numbers = text.lines().filter_map(|line| {
        let word = line.trim_end_matches("\"}").rsplit([' ', '"']).next()?;
        word.parse::<u32>().ok()
    });
    let count = u32::try_from(text.lines().count());
    same((count, numbers.eq(1..=lines), text.contains("LAST")), (Ok(lines + 1), true, true), said)
}

/// Begins to read the output only when the container does nothing but wait for that.
fn is_waited_for_while_nobody_asks_for_a_stop(images: &Images) -> Outcome {
    let services = Services::new()?;
    for grace in ["0", "1"] {
        let sandbox =
            images.small(&services, &["sh", "-c", &flood(RELAYED_LINES)]).env("S6_KILL_GRACETIME", grace);
        for variables in RELAYED {
            let mut container = start(&sandbox, variables)?;
            let stdout = container.take_stdout();
            let mut errors = Lines::new(container.take_stderr(), Duration::from_secs(60));
            errors.wait_for("waiting until the container's output is read: process ")?;
            complete(&read(stdout)?, RELAYED_LINES, &format!("{variables:?}"))?;
            errors.to_end()?;
            same(errors.contains("missing"), false, &errors.text())?;
            same(container.wait()?, 7, &errors.text())?;
        }
    }
    Ok(())
}

/// Says something when a service has filled its pipe, so that the relay has read nothing of it.
const LATE: &str = "\
flood=$(s6-svstat -o pid /run/service/flood)
until grep -q pipe_write /proc/$flood/wchan; do s6-sleep -m 10; done
for n in $(seq 1000); do echo \"late $n\"; done
exit 7
";

/// Kills the relay.
const KILL: &str = "\
for p in /proc/[0-9]*; do grep -qs '^s6-overlay-relay' $p/cmdline && kill -9 ${p#/proc/}; done
";

fn a_relay_that_is_killed_meanwhile(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("flood", &["base"], "#!/bin/sh\nexec yes\n")?;
    for layout in ["0", "1"] {
        let sandbox = images.small(&services, &["sh", "-c", LATE]).env("S6_SUPERVISE_PROCESSES", layout);
        let mut container = start(&sandbox, RELAYED[0])?;
        let stdout = container.take_stdout();
        let mut errors = Lines::new(container.take_stderr(), Duration::from_secs(60));
        errors.wait_for("waiting until the container's output is read: process ")?;
        container.exec(["/bin/sh", "-c", KILL]).start()?.output(Duration::from_secs(60))?;
        errors.wait_for("the relay of services' output is gone: another one goes on")?;
        let shown = read(stdout)?;
        let text = String::from_utf8_lossy(&shown);
        let late = text.lines().filter_map(|line| line.strip_prefix("cmd: late ")?.parse::<u32>().ok());
        same(late.eq(1..=1000), true, &format!("{layout}: {}", errors.text()))?;
        same(container.wait()?, 7, &errors.text())?;
    }
    Ok(())
}

fn is_waited_for_by_the_catch_all_logger(images: &Images) -> Outcome {
    let services = Services::new()?;
    for processes in ["0", "1"] {
        let sandbox = images
            .small(&services, &["sh", "-c", &flood(LOGGED_LINES)])
            .env("S6_SUPERVISE_PROCESSES", processes);
        let mut container = start(&sandbox, &[("S6_LOGGING", "1"), ("S6_KILL_GRACETIME", "0")])?;
        let end = Instant::now() + Duration::from_secs(60);
        while !has_only_logger(container.pid()) {
            same(Instant::now() < end, true, "other processes are left")?;
            std::thread::yield_now();
        }
        let shown = read(container.take_stderr())?;
        let text = String::from_utf8_lossy(&shown);
        let shown: String =
            text.lines().filter(|l| !l.contains("init: ")).map(|l| format!("{l}\n")).collect();
        complete(shown.as_bytes(), LOGGED_LINES, &format!("processes: {processes}"))?;
        same(container.wait()?, 7, "the command's code")?;
    }
    Ok(())
}

/// Whether process 1 has no other living child than the logger.
fn has_only_logger(pid: u32) -> bool {
    let read = |path: String| std::fs::read_to_string(path).unwrap_or_default();
    let children = read(format!("/proc/{pid}/task/{pid}/children"));
    let living = children.split_whitespace().map(|child| read(format!("/proc/{child}/stat")));
    let names: Vec<String> = living.filter(|stat| !stat.contains(") Z ")).collect();
    names.len() == 1 && names[0].contains("(s6-log)")
}

/// What was read and what is reported as missing are everything.
fn after_a_request_what_is_missing_is_counted(images: &Images) -> Outcome {
    let services = Services::new()?;
    let sandbox = images.small(&services, &["sh", "-c", &flood(RELAYED_LINES)]).env("S6_KILL_GRACETIME", "1");
    for variables in RELAYED {
        // Read in time, it has this length; JSON's time stamps have all the same.
        let mut container = start(&sandbox, variables)?;
        let whole = read(container.take_stdout())?.len();
        same(container.wait()?, 7, "the command's code")?;

        let mut container = start(&sandbox, variables)?;
        let stdout = container.take_stdout();
        let mut errors = Lines::new(container.take_stderr(), Duration::from_secs(60));
        errors.wait_for("waiting until the container's output is read: process ")?;
        container.stop()?;
        errors.to_end()?;
        same(container.wait()?, 7, &errors.text())?;
        let text = errors.text();
        let (before, _) = text
            .split_once(" bytes of the container's output are missing: nothing read them")
            .ok_or(format!("nothing is said to be missing:\n{text}"))?;
        let missing = before.rsplit([' ', '"']).next().and_then(|word| word.parse::<usize>().ok());
        same(missing.map(|n| n + read(stdout).map_or(0, |got| got.len())), Some(whole), &text)?;
    }
    Ok(())
}
