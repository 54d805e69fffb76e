//! The service manager in a running container, used by `docker exec`.

use std::time::Duration;

use sandbox::{Container, Streams};
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};
use libtest_mimic::Failed;

pub const TESTS: &[(&str, Test)] = &[
    ("manager::a_oneshot_runs_in_the_trees_environment", a_oneshot_runs_in_the_trees_environment),
    ("manager::an_update_renames_a_running_service", an_update_renames_a_running_service),
    ("manager::time_outs_say_who_and_what_for", time_outs_say_who_and_what_for),
];

/// The script's exit code and what it wrote; it runs as `docker exec` would run it, with variables that are its own.
fn from_a_shell(container: &Container, script: &str) -> Result<(u8, String), Failed> {
    let shell = container
        .exec(["sh", "-c", script])
        .env("PATH", "/command:/usr/bin:/bin")
        .env("POLLUTED", "yes")
        .env("RC_NAME", "nonsense")
        .directory("/etc")
        .streams(Streams::Together);
    let output = shell.start()?.output(Duration::from_secs(60))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.code.ok_or("the shell never ended")?, text))
}

fn a_oneshot_runs_in_the_trees_environment(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("report", &["base"], "/report up", "/report down")?;
    services.script("/report", "#!/bin/sh\necho \"report $1:\" $(pwd) $(env | sort)\n")?;
    let mut t = Transcript::start(
        &images
            .small(&services, &[])
            .env("S6_VERBOSITY", "3")
            .env("S6_KEEP_ENV", "1")
            .env("OF_THE_TREE", "yes"),
    )?;
    t.wait_for("service legacy-services successfully started")?;
    let (code, said) = from_a_shell(t.container(), "s6-rc -d change report && s6-rc -u change report")?;
    same(code, 0, &said)?;
    let line = |text: &str| text.lines().find(|l| l.starts_with("report up:")).map(str::to_owned);
    same(
        line(&said).is_some_and(|l| l.contains("OF_THE_TREE=yes") && l.contains("RC_NAME=report")),
        true,
        &said,
    )?;
    same(line(&said), line(&t.text()), &t.text())
}

fn an_update_renames_a_running_service(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("before", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.longrun("gone", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    let mut t = Transcript::start(&images.small(&services, &[]).env("S6_VERBOSITY", "3"))?;
    t.wait_for("service legacy-services successfully started")?;
    let (code, said) = from_a_shell(
        t.container(),
        &format!(
            "set -e
            s6-svstat -o pid /run/service/before
            cp -r {DEFINITIONS} /etc/s6-overlay/user-bundles.d /tmp
            cd /tmp
            mv s6-rc.d/before s6-rc.d/after
            mv user-bundles.d/user/contents.d/before user-bundles.d/user/contents.d/after
            rm -r s6-rc.d/gone user-bundles.d/user/contents.d/gone
            cp -r s6-rc.d/after s6-rc.d/more
            touch user-bundles.d/user/contents.d/more
            s6-rc-compile db s6-rc.d user-bundles.d /package/admin/s6-overlay/etc/s6-rc/sources
            echo 'before -> after' > conversion
            s6-rc-update -f conversion /tmp/db
            s6-svstat -o pid /run/service/after
            s6-rc -u change user
            s6-svstat -o up /run/service/more
            echo listed: $(s6-rc -a list | grep -v s6rc- | sort)
            ls /run/service"
        ),
    )?;
    same(code, 0, &said)?;
    let lines: Vec<_> = said.lines().collect();
    let expected = ["true", "listed: after fix-attrs legacy-cont-init legacy-services more"];
    same(lines.get(2..4), Some(&expected[..]), &said)?;
    same(lines.first(), lines.get(1), &said)?;
    same(lines.contains(&"before") || lines.contains(&"gone"), false, &said)
}

fn time_outs_say_who_and_what_for(images: &Images) -> Outcome {
    let services = Services::new()?;
    let daemon = "#!/bin/sh\nexec sleep 100000\n";
    services.longrun("mute", &["base"], daemon)?.define("mute", "notification-fd", "3\n")?;
    services.define("mute", "timeout-up", "50\n")?;
    services.longrun("silent", &["base"], daemon)?.define("silent", "notification-fd", "3\n")?;
    services.oneshot("endless", &["base"], "/bin/sleep 100000", "")?.define(
        "endless",
        "timeout-up",
        "50\n",
    )?;
    services.longrun(
        "deaf",
        &["base"],
        "#!/bin/sh\ntrap '' TERM\necho deaf\nwhile :; do sleep 100000; done\n",
    )?;
    services.define("deaf", "timeout-down", "50\n")?;
    let sandbox = images
        .small(&services, &["echo", "the command"])
        .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "1000")
        .env("S6_KILL_GRACETIME", "50");
    let mut t = Transcript::start(&sandbox)?;
    same(t.finish()?, 0, &t.text())?;
    for text in [
        "start service mute: timed out after 50 ms, waiting for its readiness notification",
        "start service endless: timed out after 50 ms, waiting for its script to end",
        "out of time to start service silent: it was waiting for its readiness notification",
        "stop service deaf: timed out after 50 ms, waiting for its daemon to die",
    ] {
        same((text, t.contains(text)), (text, true), &t.text())?;
    }
    same(t.contains("the command"), true, &t.text())
}
