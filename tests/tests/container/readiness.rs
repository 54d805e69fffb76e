//! `ready` and `live` in definitions and in services.d: what becomes of them in a container.

use libtest_mimic::Failed;
use sandbox::Sandbox;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::http::printed;
use crate::status::says;
use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("readiness::what_is_asked_is_an_ordinary_readiness", what_is_asked_is_an_ordinary_readiness),
    ("readiness::services_of_version_2_are_asked", services_of_version_2_are_asked),
    ("readiness::mistakes_end_the_start", mistakes_end_the_start),
    ("readiness::a_reload_adds_and_removes_it", a_reload_adds_and_removes_it),
];

/// Becomes ready when a file comes, which is not before somebody makes it.
const WAITS: &str =
    "#!/bin/sh\nuntil [ -e /tmp/go ]; do usleep 1000; done\ntouch /tmp/$1.up\nexec sleep 100000\n";

fn layouts(sandbox: &Sandbox) -> [Sandbox; 2] {
    ["1", "0"].map(|processes| {
        sandbox.clone().env("S6_SUPERVISE_PROCESSES", processes).env("S6_KILL_GRACETIME", "100")
    })
}

/// What a command in the container prints.
fn output(t: &Transcript, script: &str) -> Result<String, Failed> {
    printed(t, &["/bin/sh", "-c", script])
}

/// Daemons that are ready in different ways, and what is in their `notification-fd`.
const ALL: [(&str, &str); 6] = [
    ("listens", "3\n"),
    ("locked", "4\n"),
    ("talks", "3\n"),
    ("talks-log", "3\n"),
    ("says", "5\n"),
    ("lives", "4\n"),
];

/// They, and what waits for all of them.
fn services() -> Result<Services, Failed> {
    let services = Services::new()?;
    services.longrun("listens", &["base"], "#!/bin/sh\nexec httpd -f -p 8080 -h /tmp\n")?;
    services.define("listens", "ready", "listen 8080\nhttp http://127.0.0.1:8080/page\n")?;
    services.longrun("locked", &["base"], WAITS)?;
    services.define("locked", "ready", "file /tmp/locked.up\n")?.define("locked", "lock-fd", "3\n")?;
    let talks =
        "#!/bin/sh\nuntil [ -e /tmp/go ]; do usleep 1000; done\necho ready to talk\nexec sleep 100000\n";
    services.longrun("talks", &["base"], talks)?;
    services.define("talks", "ready", "log ^ready to (talk|run)$\n")?.define(
        "talks",
        "producer-for",
        "talks-log\n",
    )?;
    let reads = "#!/bin/sh\nread -r line\necho \"$line\" >/tmp/heard\nexec sleep 100000\n";
    services.longrun("talks-log", &["base"], reads)?;
    services.define("talks-log", "ready", "exec test -d /tmp\n")?.define(
        "talks-log",
        "consumer-for",
        "talks\n",
    )?;
    services.longrun("says", &["base"], "#!/bin/sh\necho >&5\nexec sleep 100000\n")?;
    services.define("says", "ready", "fd 5\nexec test -e /tmp/go\n")?.define(
        "says",
        "notification-fd",
        "5\n",
    )?;
    services.longrun("lives", &["base"], "#!/bin/sh\necho >&4\nexec sleep 100000\n")?;
    services.define("lives", "live", "exec true\n")?.define("lives", "notification-fd", "4\n")?;
    services.oneshot("over", &ALL.map(|(name, _)| name), "echo all of them are ready", "")?;
    Ok(services)
}

fn what_is_asked_is_an_ordinary_readiness(images: &Images) -> Outcome {
    let services = services()?;
    let small = images.small(&services, &[]);
    let mut sandboxes = layouts(&small).to_vec();
    // Scripts work where the file system forbids to execute them, and so does what becomes of them.
    sandboxes.push(small.run_options("mode=0755,noexec").env("S6_SUPERVISE_PROCESSES", "0"));
    for sandbox in sandboxes {
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("s6-rc: info: service lives successfully started")?;
        same(t.contains("all of them are ready"), false, &t.text())?;
        output(&t, "touch /tmp/page /tmp/go")?;
        t.wait_for("all of them are ready")?;
        for (name, number) in ALL {
            same(output(&t, &format!("cat /run/service/{name}/notification-fd"))?.as_str(), number, name)?;
            let ready = output(&t, &format!("/command/s6-svstat -o ready /run/service/{name}"))?;
            same(ready.as_str(), "true\n", &format!("{name}\n{}", t.text()))?;
        }
        let heard = output(&t, "until [ -s /tmp/heard ]; do usleep 1000; done; cat /tmp/heard")?;
        same(heard.as_str(), "ready to talk\n", "the logger gets the line")?;
        same(output(&t, "cat /run/service/lives/run.user | head -1")?.as_str(), "#!/bin/sh\n", "")?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}

fn services_of_version_2_are_asked(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/etc/services.d/old/run", WAITS)?;
    services.file("/etc/services.d/old/ready", "file /tmp/old.up\n")?;
    services.file("/etc/services.d/old/lock-fd", "3\n")?;
    services.script("/etc/services.d/both/run", WAITS)?;
    services.file("/etc/services.d/both/ready", "listen 80\n")?;
    services.file("/etc/services.d/both/notification-fd", "3\n")?;
    let small = images.small(&services, &["/bin/sh", "-c", "echo the command; exec sleep 100000"]);
    for sandbox in layouts(&small.env("S6_CMD_WAIT_FOR_SERVICES", "1")) {
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("/etc/services.d/both is not started")?;
        same(t.contains("both/notification-fd: ready says when the service is ready"), true, &t.text())?;
        output(&t, "/command/s6-svwait -u /run/service/old; touch /tmp/go")?;
        t.wait_for("the command")?;
        same(output(&t, "cat /run/service/old/notification-fd")?.as_str(), "4\n", "the lock has 3")?;
        same(output(&t, "/command/s6-svstat -o ready /run/service/old")?.as_str(), "true\n", &t.text())?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}

fn mistakes_end_the_start(images: &Images) -> Outcome {
    for (file, text, wanted) in [
        ("ready", "lisen 80\n", "/web/ready:1:1: \"lisen\" asks nothing (did you mean listen?) [SO321]"),
        ("live-period", "100\n", "/web/live-period: has no effect without a file live"),
    ] {
        let services = Services::new()?;
        services.longrun("web", &["base"], WAITS)?.define("web", file, text)?;
        let mut t = Transcript::start(&images.small(&services, &["/bin/true"]))?;
        same(t.finish()?, 1, &t.text())?;
        same(t.contains(wanted), true, &t.text())?;
    }
    Ok(())
}

fn a_reload_adds_and_removes_it(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("web", &["base"], WAITS)?;
    for sandbox in layouts(&images.small(&services, &[])) {
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("service web successfully started")?;
        says(&t, &["wait"], 0, &[])?;
        output(&t, &format!("touch /tmp/go; echo file /tmp/web.up >{DEFINITIONS}/web/ready"))?;
        says(&t, &["reload"], 0, &["web: changed (notification-fd, probes, run)\n"])?;
        says(&t, &["restart", "web"], 0, &[])?;
        same(output(&t, "/command/s6-svstat -o ready /run/service/web")?.as_str(), "true\n", &t.text())?;
        output(&t, &format!("rm {DEFINITIONS}/web/ready; rm /tmp/web.up"))?;
        says(&t, &["reload"], 0, &["web: changed (notification-fd, probes, run)\n"])?;
        says(&t, &["restart", "web"], 0, &[])?;
        let left =
            output(&t, "cd /run/service/web/; ls run.user probes notification-fd 2>/dev/null; head -1 run")?;
        same(left.as_str(), "#!/bin/sh\n", "what was added is gone")?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}
