//! What services say by sd_notify(3) over time: that they live, what they do, and that they need longer.

use std::path::Path;

use libtest_mimic::Failed;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::http::printed;
use crate::probes::NOTIFY;
use crate::status::says;
use crate::{Images, Outcome, Test, has, in_both_layouts, same};

pub const TESTS: &[(&str, Test)] = &[
    ("sd_notify::what_no_longer_says_that_it_lives_is_restarted", what_no_longer_lives_is_restarted),
    ("sd_notify::a_service_says_what_it_does", a_service_says_what_it_does),
    ("sd_notify::a_service_says_that_it_needs_longer", a_service_says_that_it_needs_longer),
];

/// A daemon that says what comes in its FIFO, a line at a time.
const SAYS: &str = "#!/command/with-contenv sh\nrm -f /run/gate\nmkfifo /run/gate\nexec 9<>/run/gate\n/say READY=1\necho \"daemon starts [$WATCHDOG_USEC]\"\n\
    while read -r line <&9; do /say \"$line\"; done\n";

/// With the machine's own Python.
fn services(all: &[(&str, &[(&str, &str)])], run: &str) -> Result<Services, Failed> {
    let services = Services::new()?;
    services.script("/say", NOTIFY)?;
    for (name, files) in all {
        services.longrun(name, &["base"], run)?;
        for (file, text) in *files {
            services.define(name, file, text)?;
        }
    }
    Ok(services)
}

/// Lets the daemon say something, and waits until a command prints a text.
fn say(t: &Transcript, line: &str, command: &str, text: &str) -> Outcome {
    let script = format!(
        "echo '{line}' >/run/gate; until {command} | grep -q '{text}'; do sleep 0.02; done; echo seen"
    );
    same(printed(t, &["/bin/sh", "-c", &script])?.as_str(), "seen\n", &t.text())
}

fn starts(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with("daemon starts")).count()
}

fn what_no_longer_lives_is_restarted(images: &Images) -> Outcome {
    let files = [("ready", "notify\n"), ("live", "watchdog 600000\n"), ("timeout-kill", "60000\n")];
    let services = services(&[("daemon", &files)], SAYS)?;
    in_both_layouts(&images.on(Path::new("/"), services.path(), &[]), |t| {
        t.wait_for("daemon starts [600000000]")?;
        says(t, &["wait"], 0, &[])?;
        // It wants to say so each millisecond, and doesn't.
        printed(t, &["/bin/sh", "-c", "echo WATCHDOG=1 >/run/gate; echo WATCHDOG_USEC=1000 >/run/gate"])?;
        t.wait_for("daemon is unhealthy: watchdog: WATCHDOG=1 hasn't come in time")?;
        t.wait_until(|lines| starts(lines) == 2)?;
        says(t, &["wait"], 0, &[])?;
        printed(t, &["/bin/sh", "-c", "echo WATCHDOG=trigger >/run/gate"])?;
        t.wait_for("daemon is unhealthy: watchdog: the service says that it fails")?;
        t.wait_until(|lines| starts(lines) == 3)?;
        // What a service does is its own; the attendant's service isn't one of them.
        let shown = printed(
            t,
            &["/bin/sh", "-c", "s6-overlay status --plain; s6-overlay health; s6-overlay events"],
        )?;
        same((shown.contains("daemon"), shown.contains("s6-overlay-probes")), (true, false), &shown)?;
        t.container().stop()?;
        same(t.finish()?, 0, &t.text())
    })
}

fn a_service_says_what_it_does(images: &Images) -> Outcome {
    let services = services(&[("daemon", &[("ready", "notify\n")])], SAYS)?;
    in_both_layouts(&images.on(Path::new("/"), services.path(), &[]), |t| {
        t.wait_for("daemon starts []")?;
        let state = "s6-overlay status --json=state,says daemon";
        say(t, "STATUS=3 of 4 workers", state, "\"state\":\"ready\",\"says\":\"3 of 4 workers\"")?;
        say(t, "RELOADING=1", state, "\"state\":\"reloading\"")?;
        // It isn't less ready for that.
        says(t, &["health"], 0, &["ready"])?;
        say(t, "READY=1", state, "\"state\":\"ready\"")?;
        say(t, "STOPPING=1", state, "\"state\":\"stopping\"")?;
        t.container().stop()?;
        same(t.finish()?, 0, &t.text())
    })
}

fn a_service_says_that_it_needs_longer(images: &Images) -> Outcome {
    let run = "#!/bin/sh\ncase $1 in short) /say EXTEND_TIMEOUT_USEC=1500000;; long) /say EXTEND_TIMEOUT_USEC=600000000;; esac\n\
        until test -e /run/go; do sleep 0.02; done\n/say READY=1\nexec sleep 100000\n";
    let files = [("ready", "notify\n"), ("timeout-up", "1000\n")];
    let services = services(&[("short", &files), ("long", &files)], run)?;
    services.oneshot("after", &["long"], "echo long is ready", "")?;
    in_both_layouts(&images.on(Path::new("/"), services.path(), &[]), |t| {
        t.wait_for("unable to start service short: timed out after ")?;
        // How long it really was.
        let text = t.text();
        let rest = text.split("short: timed out after ").nth(1).unwrap_or_default();
        let waited: Option<u32> = rest.split(' ').next().and_then(|number| number.parse().ok());
        same(waited.is_some_and(|waited| waited > 1000), true, &text)?;
        printed(t, &["/bin/sh", "-c", ">/run/go"])?;
        t.wait_for("long is ready")?;
        same(t.contains("unable to start service long"), false, &t.text())?;
        t.container().stop()?;
        t.finish()?;
        has(t, "notify: READY=1 hasn't come yet")
    })
}
