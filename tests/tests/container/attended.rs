//! What is told of what the attendant has found out about services; here they write it themselves.

use tests::services::Services;
use tests::transcript::Transcript;

use crate::restarts::in_both_layouts;
use crate::status::{LIMIT, says};
use crate::{Images, Outcome, Test, has, same};
use libtest_mimic::Failed;

pub const TESTS: &[(&str, Test)] = &[
    ("attended::a_time_out_says_what_did_not_hold", a_time_out_says_what_did_not_hold),
    ("attended::a_service_can_put_off_its_time_out", a_service_can_put_off_its_time_out),
    ("attended::services_of_services_d_say_it_too", services_of_services_d_say_it_too),
    ("attended::what_fails_its_checks_is_told", what_fails_its_checks_is_told),
    ("attended::what_is_unhealthy_has_failed", what_is_unhealthy_has_failed),
    ("attended::the_container_can_stop_with_it", the_container_can_stop_with_it),
];

/// A `run` that writes these lines about itself, does something, and stays.
fn run(lines: &str, then: &str) -> String {
    let folder = "/run/s6-overlay/attended";
    format!(
        "#!/bin/sh\nmkdir -p {folder}\nread up rest </proc/uptime\n\
         printf 'pid %s\\n{lines}' $$ >{folder}/.it\nmv {folder}/.it {folder}/app\n{then}\nexec sleep 100000\n"
    )
}

fn app(run: &str, files: &[(&str, &str)]) -> Result<Services, Failed> {
    let services = Services::new()?;
    services.longrun("app", &["base"], run)?;
    for (file, text) in files {
        services.define("app", file, text)?;
    }
    Ok(services)
}

fn a_time_out_says_what_did_not_hold(images: &Images) -> Outcome {
    let files = [("notification-fd", "3\n"), ("timeout-up", "1000\n")];
    let services = app(&run("ready listen 80 nobody listens\\n", ""), &files)?;
    services.oneshot("after", &["app"], "true", "true")?;
    in_both_layouts(&images.small(&services, &[]), |t| {
        t.wait_for(
            "unable to start service app: timed out after 1000 ms, waiting for its readiness notification: listen 80 \
             nobody listens",
        )?;
        t.container().stop()?;
        t.finish()?;
        Ok(())
    })
}

fn a_service_can_put_off_its_time_out(images: &Images) -> Outcome {
    let files = [("notification-fd", "3\n"), ("timeout-up", "1000\n")];
    // A minute from now, in milliseconds; and longer than the time-out.
    let run =
        run("ready notify\\nuntil %s\\n", "sleep 2; echo >&3").replace("$$ >", "$$ $((${up%.*} + 60))000 >");
    in_both_layouts(&images.small(&app(&run, &files)?, &["sh", "-c", "exit 7"]), |t| {
        same(t.finish()?, 7, &t.text())?;
        same(t.contains("unable to start service"), false, &t.text())
    })
}

fn services_of_services_d_say_it_too(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = run("ready tcp 127.0.0.1:80 refused\\n", "");
    services.script("etc/services.d/app/run", &run)?.file("etc/services.d/app/notification-fd", "3\n")?;
    let sandbox = images
        .small(&services, &["true"])
        .env("S6_CMD_WAIT_FOR_SERVICES", "1")
        .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "1500")
        .env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "1");
    in_both_layouts(&sandbox, |t| {
        t.finish()?;
        has(t, "not ready: app: tcp 127.0.0.1:80 refused")
    })
}

fn what_fails_its_checks_is_told(images: &Images) -> Outcome {
    let lines = "ready yes\\nlive listen 80 nobody listens\\nunhealthy yes\\nstatus 3 of 4 workers\\nphase reloading\\n";
    let services = app(&run(lines, "echo >&3"), &[("notification-fd", "3\n"), ("restart-limit", "7\n")])?;
    in_both_layouts(&images.small(&services, &[]), |t| {
        says(t, &["wait", "--started"], 0, &[])?;
        says(t, &["health"], 1, &["not ready: app is unhealthy: listen 80 nobody listens\n"])?;
        says(t, &["health", "--live"], 1, &["not live: app is unhealthy: listen 80 nobody listens\n"])?;
        let note = "is unhealthy: listen 80 nobody listens; 3 of 4 workers";
        says(t, &["status"], 0, &["! app", "reloading", note])?;
        says(t, &["status", "--why"], 0, &["! app: reloading for", note, "restart-limit 7 in a row"])?;
        let fields = "--json=attention,says,policy";
        let document = "{\"attention\":true,\"says\":\"3 of 4 workers\",\"policy\":null}";
        says(t, &["status", fields, "app"], 0, &[document])?;
        says(
            t,
            &["status", fields, "--why", "app"],
            0,
            &["\"policy\":{\"restart\":\"always\",\"limit\":7,"],
        )?;
        // Of another process it says nothing.
        send(t, "k")?;
        t.container()
            .exec(["/bin/sh", "-c", "rm -r /run/s6-overlay/attended; ln -s /etc /run/s6-overlay/attended"])
            .env("PATH", "/bin")
            .start()?
            .output(LIMIT)?;
        says(t, &["status", "--json=state"], 0, &[])?;
        t.container().stop()?;
        t.finish()?;
        Ok(())
    })
}

/// Sends letters to the service, as the attendant does.
fn send(t: &Transcript, letters: &str) -> Outcome {
    let write = format!("printf %s '{letters}' >/run/service/app/supervise/control");
    t.container().exec(["/bin/sh", "-c", &write]).env("PATH", "/bin").start()?.output(LIMIT)?;
    Ok(())
}

fn what_is_unhealthy_has_failed(images: &Images) -> Outcome {
    let run = "#!/bin/sh\ntrap 'exit 0' TERM\necho app starts\nwhile :; do sleep 100000 & wait; done\n";
    let files = [("restart-limit", "2\n"), ("restart-delay", "10\n"), ("on-failure", "stop 9\n")];
    let services = app(run, &files)?;
    in_both_layouts(&images.small(&services, &[]), |t| {
        t.wait_for("app starts")?;
        says(t, &["wait", "--started"], 0, &[])?;
        send(t, "!")?;
        t.wait_for("app: warning: ended because it was unhealthy")?;
        t.wait_until(|lines| lines.iter().filter(|line| line.trim_end() == "app starts").count() == 2)?;
        says(t, &["status", "app"], 0, &["last exit   0, unhealthy, "])?;
        says(t, &["events"], 0, &["exit code 0 (unhealthy)"])?;
        send(t, "?t")?;
        same(t.finish()?, 9, &t.text())?;
        has(
            t,
            "has failed for good: 2 failures in a row, the last because it was unhealthy; on-failure: the container stops",
        )
    })
}

fn the_container_can_stop_with_it(images: &Images) -> Outcome {
    let run = "#!/bin/sh\ntrap : TERM\necho app starts\nwhile :; do sleep 100000 & wait; done\n";
    let services = app(run, &[("timeout-kill", "100\n")])?;
    in_both_layouts(&images.small(&services, &["sleep", "100000"]), |t| {
        t.wait_for("app starts")?;
        says(t, &["wait", "--started"], 0, &[])?;
        send(t, "Z")?;
        same(t.finish()?, 137, &t.text())?;
        has(t, "it ended because it was unhealthy; on-unhealthy: the container stops with code 137")
    })
}
