//! Why a container has ended, in the file that its engine reads.

use std::fs;

use libtest_mimic::Failed;
use sandbox::Sandbox;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("termination::a_plain_exit_has_none", a_plain_exit_has_none),
    ("termination::the_last_lines_of_the_service_follow", the_last_lines_follow),
];

/// Runs the container to its end; its code, and the reason that it has left.
fn reason(sandbox: Sandbox, layout: &str) -> Result<(u8, String), Failed> {
    let tmp = tempfile::tempdir()?;
    fs::write(tmp.path().join("log"), "")?;
    let sandbox = sandbox.bind(tmp.path(), "/given").env("S6_TERMINATION_LOG", "/given/log");
    let mut t = Transcript::start(&sandbox.env("S6_SUPERVISE_PROCESSES", layout))?;
    let code = t.finish()?;
    Ok((code, fs::read_to_string(tmp.path().join("log"))?.replace(". s6-overlay 3.2.3.2\n", "")))
}

/// What init itself decides.
pub fn a_bad_end_has_a_reason(images: &Images) -> Outcome {
    let broken = Services::new()?;
    broken.oneshot("broken", &["base"], "sh -c \"exit 4\"", "")?;
    let late = Services::new()?;
    late.longrun("late", &["base"], "#!/command/execlineb -P\ns6-pause\n")?;
    late.define("late", "notification-fd", "3\n")?;
    let invalid = Services::new()?;
    invalid.oneshot("invalid", &["nothing"], "true", "")?;
    let killed = Services::new()?;
    killed.script("/kill", "#!/bin/sh\nkill -KILL $PPID\nexec sleep 100000\n")?;
    killed.oneshot("killed", &["base"], "/kill", "")?;
    let failing = Services::new()?;
    failing.longrun("failing", &["base"], "#!/command/execlineb -P\nexit 5\n")?;
    failing.define("failing", "on-failure", "stop\n")?;
    let stops = |services| images.small(services, &["true"]).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2");
    for layout in ["0", "1"] {
        let maximum = "S6_CMD_WAIT_FOR_SERVICES_MAXTIME";
        let rows = [
            (stops(&broken), 4, "not all services could be started: broken"),
            (
                stops(&late).env(maximum, "300"),
                2,
                "not all services were up when S6_CMD_WAIT_FOR_SERVICES_MAXTIME (300 ms) was over: late",
            ),
            (stops(&invalid), 1, "the service definitions are invalid, so the container stops"),
            (
                stops(&killed),
                137,
                "what starts the services was killed by SIGKILL, not by us, so the container stops with code 137",
            ),
            (
                images.small(&failing, &["sleep", "100000"]),
                5,
                "failing has failed for good: it ended with exit code 5; on-failure: the container stops with code 5",
            ),
            (
                stops(&broken).env("S6_UMASK", "9"),
                100,
                "S6_UMASK is 9, which is no mask: write an octal number up to 777, such as 027",
            ),
        ];
        for (sandbox, code, text) in rows {
            same(reason(sandbox, layout)?, (code, text.to_owned()), layout)?;
        }
    }
    Ok(())
}

/// Those that the service's logger keeps.
fn the_last_lines_follow(images: &Images) -> Outcome {
    // What a logger hasn't read when it is told to end is lost.
    let run = "#!/bin/sh\necho first\necho the configuration is wrong\n\
               until grep -q wrong /run/app-log/current; do usleep 10000; done 2>/dev/null\nexit 5\n";
    let log = "#!/bin/sh\nexec s6-log -b n2 s100000 /run/app-log\n";
    let pipeline = Services::new()?;
    pipeline.longrun("app", &["base"], run)?.longrun("app-log", &["base"], log)?;
    pipeline.define("app", "main", "")?.define("app", "producer-for", "app-log\n")?;
    pipeline.define("app-log", "consumer-for", "app\n")?.define("app-log", "pipeline-name", "logged\n")?;
    let legacy = Services::new()?;
    legacy.script("/etc/services.d/app/run", run)?.script("/etc/services.d/app/log/run", log)?;
    legacy.file("/etc/services.d/app/main", "")?;
    let text = "app has failed for good: it ended with exit code 5, and restart is never; on-failure: the container stops with \
                code 5\nfirst\nthe configuration is wrong\n";
    for layout in ["0", "1"] {
        for services in [&pipeline, &legacy] {
            let sandbox = images.small(services, &["sleep", "100000"]);
            same(reason(sandbox, layout)?, (5, text.to_owned()), layout)?;
        }
    }
    Ok(())
}

fn a_plain_exit_has_none(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (command, code) in
        [("exit 3", 3), ("kill -SEGV $$", 139), ("/run/s6/basedir/bin/reboot; sleep 1000", 129)]
    {
        let sandbox = images.small(&services, &["sh", "-c", command]);
        same(reason(sandbox, "0")?, (code, String::new()), command)?;
    }
    Ok(())
}
