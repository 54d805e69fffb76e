//! What a container reports about the reasons of its stop and of failures.

use std::time::Duration;

use sandbox::{Container, Sandbox, Streams};
use tests::lines::Lines;
use tests::services::Services;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("reasons::of_a_stop", of_a_stop),
    ("reasons::of_a_start_that_was_killed", of_a_start_that_was_killed),
    ("reasons::of_a_stop_that_was_killed", of_a_stop_that_was_killed),
    ("reasons::the_code_of_the_only_failure", the_code_of_the_only_failure),
    ("reasons::the_script_is_named", the_script_is_named),
    ("reasons::what_a_run_left_is_named_or_ended", what_a_run_left_is_named_or_ended),
    ("reasons::a_check_that_gives_up", a_check_that_gives_up),
];

/// Boots, waits for the text `until` in its messages, runs `then` in it, and returns its code and its messages.
fn boot(
    sandbox: &Sandbox,
    until: &str,
    then: impl Fn(&Container) -> Outcome,
) -> Result<(u8, String), libtest_mimic::Failed> {
    let mut container = sandbox.clone().streams(Streams::Capture).start()?;
    let mut lines = Lines::new(container.take_stderr(), Duration::from_secs(90));
    lines.wait_for(until)?;
    then(&container)?;
    lines.to_end()?;
    Ok((container.wait()?, lines.text() + "\n"))
}

fn has(text: &str, wanted: &str) -> Outcome {
    same(text.contains(wanted), true, &format!("{wanted:?} is missing:\n{text}"))
}

fn inside(container: &Container, script: &str) -> Outcome {
    let exec = container.exec(["/bin/sh", "-c", script]).env("PATH", "/command:/bin");
    exec.streams(Streams::Capture).start()?.output(Duration::from_secs(90))?;
    Ok(())
}

fn of_a_stop(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/ask", "#!/bin/sh\n/run/s6/basedir/bin/halt\nexit 0\n")?;
    services.script("/etc/cont-finish.d/tell", "#!/bin/sh\ns6-overlay events | grep stop-asked >&2\n")?;
    let up = "service legacy-services successfully started";
    // At this verbosity a service with nothing to do says that it is up.
    let sandbox = images.small(&services, &[]).env("S6_VERBOSITY", "3");
    let (_, text) = boot(&sandbox, up, |container| Ok(container.stop()?))?;
    has(&text, "init: info: the container stops: SIGTERM from outside of it\n")?;
    let (_, text) = boot(&sandbox, up, |container| inside(container, "kill -TERM 1; exit 0"))?;
    has(&text, "init: info: the container stops: SIGTERM from process ")?;
    let (_, text) = boot(&sandbox, up, |container| inside(container, "/ask; exit 0"))?;
    has(&text, "init: info: the container stops: process ")?;
    has(&text, ", started by ")?;
    has(&text, " (/bin/sh /ask)\n")?;
    let told = text.lines().find(|line| line.contains("stop-asked"));
    let words: Vec<_> = told.unwrap_or_default().split_whitespace().skip(1).collect();
    let pid = words.get(5).copied().unwrap_or_default();
    same(words.join(" "), format!("halt stop-asked by command process {pid} user 0"), &text)?;
    has(
        &text,
        &format!("init: info: the container stops: process {pid} (/run/s6/basedir/bin/halt), UID 0, "),
    )?;
    let (_, text) = boot(&sandbox, up, |container| {
        inside(container, "/run/s6/basedir/bin/shutdown -h +10; exit 0")?;
        Ok(container.stop()?)
    })?;
    has(&text, "init: info: told to stop the container later, by process ")?;
    has(&text, "init: info: the container stops: SIGTERM from outside of it\n")?;
    let fails = images.small(&services, &["sh", "-c", "exit 3"]);
    let (_, text) = boot(&fails, "the container stops: ", |_| Ok(()))?;
    has(&text, "init: info: the container stops: the command exited 3\n")?;
    let crash = images.small(&services, &["sh", "-c", "kill -SEGV $$"]).env("S6_VERBOSITY", "1");
    let (code, text) = boot(&crash, "the command", |_| Ok(()))?;
    same(code, 139, &text)?;
    has(&text, "init: warning: the container stops: the command was killed by SIGSEGV\n")
}

fn of_a_start_that_was_killed(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/kill", "#!/bin/sh\necho killing >&2\nkill -KILL $PPID\nexec sleep 100000\n")?;
    services.oneshot("memory", &["base"], "/kill", "")?;
    let sandbox = images.small(&services, &["echo", "the command"]).env("S6_VERBOSITY", "0");
    let (code, text) = boot(&sandbox, "killing", |_| Ok(()))?;
    same(code, 137, &text)?;
    has(&text, "init: fatal: what starts the services was killed by SIGKILL")
}

/// The second stop child continues where the first one was killed; without one, a code of 0 becomes 137.
fn of_a_stop_that_was_killed(images: &Images) -> Outcome {
    let services = Services::new()?;
    let once = "#!/bin/sh\n[ -e /run/killed ] || { : >/run/killed; kill -KILL $PPID; }\n";
    services.script("/once", once)?.script("/always", "#!/bin/sh\nkill -KILL $PPID\n")?;
    services.script("/etc/cont-finish.d/a", "#!/bin/sh\necho finishing >&2\n")?;
    services.oneshot("memory", &["base"], "", "/once")?;
    let sandbox = images.small(&services, &["true"]).env("S6_VERBOSITY", "1");
    let (code, text) = boot(&sandbox, "was killed", |_| Ok(()))?;
    same(code, 0, &text)?;
    has(&text, "init: warning: what stops the services was killed by SIGKILL")?;
    has(&text, "another one goes on where it was\nfinishing")?;
    services.define("memory", "down", "/always")?;
    let (code, text) = boot(&sandbox, "was killed", |_| Ok(()))?;
    same(code, 137, &text)?;
    has(&text, "aren't stopped in order, and a code of 0 becomes 137\n")
}

fn the_code_of_the_only_failure(images: &Images) -> Outcome {
    let oneshot =
        |services: &Services| services.oneshot("broken", &["base"], "sh -c \"exit 7\"", "").map(drop);
    let script = |services: &Services| {
        services.script("/etc/cont-init.d/10-bad", "#!/bin/sh\nno-such-command\n").map(drop)
    };
    type Define<'a> = &'a dyn Fn(&Services) -> std::io::Result<()>;
    let cases: [(&[Define<'_>], u8); 3] = [(&[&oneshot], 7), (&[&script], 1), (&[&oneshot, &script], 1)];
    for (failures, wanted) in cases {
        let services = Services::new()?;
        for define in failures {
            define(&services)?;
        }
        let sandbox = images.small(&services, &["true"]);
        let stops = sandbox.clone().env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2");
        let (code, text) = boot(&stops, "so the container stops", |_| Ok(()))?;
        same(code, wanted, &text)?;
        let (code, text) = boot(&sandbox, "the container stops: ", |_| Ok(()))?;
        same(code, 0, &text)?;
        // A script of cont-init.d that failed is no failed service then.
        if failures.len() == 2 || wanted == 7 {
            let without = "the container goes on without broken: S6_BEHAVIOUR_IF_STAGE2_FAILS is 0\n";
            has(&text, without)?;
        }
        if wanted == 1 {
            has(&text, "/etc/cont-init.d/10-bad exited 127 (a command in it was not found)\n")?;
        }
    }
    Ok(())
}

/// A reminder names the image's script, not only the overlay's.
fn the_script_is_named(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/etc/cont-finish.d/20-slow",
        "#!/bin/sh\nuntil [ -e /run/finish ]; do usleep 1000; done\n",
    )?;
    let sandbox = images.small(&services, &["true"]).env("S6_KILL_FINISH_MAXTIME", "0");
    let (_, text) = boot(&sandbox, " (/bin/sh /etc/cont-finish.d/20-slow)", |container| {
        inside(container, ": >/run/finish")
    })?;
    has(&text, ": its down script hasn't ended, process ")?;
    has(&text, ", which runs ")
}

fn what_a_run_left_is_named_or_ended(images: &Images) -> Outcome {
    for processes in ["0", "1"] {
        let services = Services::new()?;
        let run = "#!/bin/sh\nsleep 4444\necho never\n";
        services.longrun("shell", &["base"], run)?;
        services.longrun("group", &["base"], run)?.define("group", "kill-mode", "session\n")?;
        // Both have started what they leave.
        let stop = "until [ $(ps | grep -c 'sleep 44[4]4') = 2 ]; do usleep 1000; done; \
                    s6-svc -wD -d /run/service/shell; s6-svc -wD -d /run/service/group";
        let sandbox = images.small(&services, &["sh", "-c", &format!("{stop}; exec sleep 100000")]);
        let sandbox = sandbox.env("S6_SUPERVISE_PROCESSES", processes).env("S6_KILL_GRACETIME", "100");
        let left =
            "s6-supervise shell: warning: stopped, but these processes that run started are still there: ";
        let (_, text) = boot(&sandbox, left, |container| {
            inside(container, "until [ $(ps | grep -c 'sleep 44[4]4') = 1 ]; do usleep 1000; done")?;
            Ok(container.stop()?)
        })?;
        has(&text, " (sleep 4444) (start the daemon with exec")?;
        same(text.matches("processes that run started").count(), 1, &text)?;
    }
    Ok(())
}

fn a_check_that_gives_up(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = "#!/bin/sh\nexec s6-notifyoncheck -d -s 1 -w 1 -n 3 -c false sleep 100000\n";
    services.longrun("deaf", &["base"], run)?.define("deaf", "notification-fd", "3")?;
    let up = "s6-notifyoncheck: warning: giving up on the readiness of the service: 3 checks have failed";
    boot(&images.small(&services, &[]), up, |container| Ok(container.stop()?)).map(drop)
}
