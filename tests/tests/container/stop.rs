//! Stops, at any moment, with whatever is running.

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("stop::without_a_command", without_a_command),
    ("stop::during_a_start_that_hangs", during_a_start_that_hangs),
    ("stop::while_a_service_never_becomes_ready", while_a_service_never_becomes_ready),
    ("stop::kills_what_ignores_it", kills_what_ignores_it),
    ("stop::waits_for_what_entered_from_outside", waits_for_what_entered_from_outside),
];

fn without_a_command(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\necho daemon runs\nexec sleep 100000\n")?;
    services.script(&format!("{DEFINITIONS}/daemon/finish"), "#!/bin/sh\necho daemon finished\n")?;
    let mut t = Transcript::start(&images.small(&services, &[]))?;
    t.wait_for("daemon runs")?;
    t.container().stop()?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["daemon runs", "daemon finished"])?;
    Ok(())
}

fn during_a_start_that_hangs(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("first", &["base"], "echo first up", "echo first down")?;
    services.oneshot("hangs", &["first"], "/hang", "echo never")?;
    services.script("/hang", "#!/bin/sh\necho hanging\nexec sleep 100000\n")?;
    let mut t = Transcript::start(&images.small(&services, &["echo", "the command"]))?;
    t.wait_for("hanging")?;
    t.container().stop()?;
    t.finish()?;
    t.in_order(&["first up", "hanging", "first down"])?;
    same(t.says("the command"), false, &t.text())
}

fn while_a_service_never_becomes_ready(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\necho daemon runs\nexec sleep 100000\n")?;
    services.define("daemon", "notification-fd", "3\n")?;
    services.script(&format!("{DEFINITIONS}/daemon/finish"), "#!/bin/sh\necho daemon finished\n")?;
    let mut t = Transcript::start(&images.small(&services, &["echo", "the command"]))?;
    t.wait_for("daemon runs")?;
    t.container().stop()?;
    t.finish()?;
    t.in_order(&["daemon runs", "daemon finished"])?;
    same(t.says("the command"), false, &t.text())
}

fn kills_what_ignores_it(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/command-of-the-container",
        "#!/bin/sh\n(trap '' TERM; setsid sleep 100000) &\ntrap 'echo got TERM; exit 3' TERM\necho ready\n\
         mkfifo /tmp/never\nread x </tmp/never\n",
    )?;
    let sandbox = images.small(&services, &["/command-of-the-container"]).env("S6_KILL_GRACETIME", "50");
    let mut t = Transcript::start(&sandbox)?;
    t.wait_for("ready")?;
    t.container().stop()?;
    same(t.finish()?, 3, &t.text())
}

fn waits_for_what_entered_from_outside(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/visitor",
        "#!/bin/sh\ntrap 'echo visitor leaves; exit 0' TERM\nmkfifo /tmp/never\necho visitor is here\nread x </tmp/never\n",
    )?;
    let sandbox = images.small(&services, &["sh", "-c", "echo ready; exec sleep 100000"]);
    let mut t = Transcript::start(&sandbox.env("S6_KILL_GRACETIME", "60000"))?;
    t.wait_for("ready")?;
    let visitor = t.container().exec(["/visitor"]).env("PATH", "/bin");
    let mut visitor = Transcript::start(&visitor)?;
    visitor.wait_for("visitor is here")?;
    t.container().stop()?;
    visitor.wait_for("visitor leaves")?;
    visitor.finish()?;
    t.finish()?;
    Ok(())
}
