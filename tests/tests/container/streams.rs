//! Standard streams that go away under a running container: whoever reads them closes the pipe, or the terminal vanishes.
//! Services go on, can be restarted, and the stop is in order.

use std::time::Duration;

use sandbox::{Container, Sandbox, Streams};
use tests::services::Services;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("streams::nobody_reads_the_pipe_any_more", nobody_reads_the_pipe_any_more),
    ("streams::the_terminal_vanishes", the_terminal_vanishes),
];

/// Far more than any of this takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(90);

/// A service that talks, and a script that runs last; both leave marks.
fn services() -> std::io::Result<Services> {
    let services = Services::new()?;
    services
        .longrun(
            "talks",
            &["base"],
            "#!/bin/sh\ntrap '' PIPE\necho >>/marks/starts\necho one\necho two >&2\nexec sleep 100000\n",
        )?
        .oneshot("once", &["base"], "true", "/bin/touch /marks/down")?
        .script("/etc/cont-finish.d/a", "#!/bin/sh\nexec touch /marks/finished\n")?;
    Ok(services)
}

/// Takes the streams away, restarts the service, and stops the container; then looks at the marks.
fn outlives(sandbox: &Sandbox, vanish: impl FnOnce(&mut Container)) -> Outcome {
    let marks = tempfile::tempdir()?;
    let mut container = sandbox.clone().bind(marks.path(), "/marks").start()?;
    let inside = |container: &Container, script: &str| -> Outcome {
        let exec = container.exec(["/bin/sh", "-c", script]).env("PATH", "/command:/bin");
        let output = exec.streams(Streams::Capture).start()?.output(LIMIT)?;
        same(output.code, Some(0), script)
    };
    inside(&container, "until [ -e /marks/starts ] && [ -e /run/up ]; do usleep 1000; done")?;
    vanish(&mut container);
    inside(
        &container,
        "s6-svc -wr -T 60000 -r /run/service/talks && until [ $(wc -l </marks/starts) = 2 ]; do usleep 1000; done",
    )?;
    container.stop()?;
    same(container.wait()?, 0, "the container's code")?;
    for mark in ["down", "finished"] {
        same(marks.path().join(mark).exists(), true, mark)?;
    }
    Ok(())
}

/// It isn't killed by what happens to its terminal or its output.
const COMMAND: &str = "trap '' HUP PIPE; touch /run/up; exec sleep 100000";

fn nobody_reads_the_pipe_any_more(images: &Images) -> Outcome {
    let services = services()?;
    for (name, value) in [("S6_LOG_PREFIX", "0"), ("S6_LOG_PREFIX", "1"), ("S6_SUPERVISE_PROCESSES", "0")] {
        let sandbox = images.small(&services, &["sh", "-c", COMMAND]).env(name, value);
        outlives(&sandbox.streams(Streams::Together), |container| drop(container.take_stdout()))?;
    }
    Ok(())
}

fn the_terminal_vanishes(images: &Images) -> Outcome {
    let services = services()?;
    for layout in ["0", "1"] {
        let sandbox = images.small(&services, &["sh", "-c", COMMAND]).env("S6_SUPERVISE_PROCESSES", layout);
        outlives(&sandbox.streams(Streams::Terminal), |container| drop(container.take_terminal()))?;
    }
    Ok(())
}
