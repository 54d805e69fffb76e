//! Weak dependencies: what a service starts after, if that starts, too.

use tests::services::Services;

use crate::http::printed;
use crate::status::says;
use crate::{Images, Outcome, Test, has, in_both_layouts, same};

pub const TESTS: &[(&str, Test)] =
    &[("wants::what_is_wanted_is_waited_for_and_not_needed", what_is_wanted_is_waited_for_and_not_needed)];

fn what_is_wanted_is_waited_for_and_not_needed(images: &Images) -> Outcome {
    let services = Services::new()?;
    let slow = "#!/bin/sh\nmkfifo /run/gate\necho slow waits\nread -r x </run/gate\necho slow is done\n";
    services.script("/slow", slow)?;
    services.oneshot("slow", &["base"], "/slow", "echo slow goes")?;
    services.oneshot("broken", &["base"], "sh -c \"exit 3\"", "")?;
    services.oneshot("off", &["base"], "echo off runs", "")?.define("off", "only-if", "env NOT_HERE\n")?;
    services.oneshot("disabled", &["base"], "echo disabled runs", "")?;
    services.define("asleep", "type", "oneshot\n")?.define("asleep", "up", "echo asleep runs\n")?;
    services.oneshot("page", &["base"], "echo page comes", "echo page goes")?;
    for name in ["slow", "broken", "off", "disabled", "asleep", "of-another-image"] {
        services.define("page", &format!("wants.d/{name}"), "")?;
    }
    let sandbox = images.small(&services, &[]).env("S6_DISABLE", "disabled");
    in_both_layouts(&sandbox, |t| {
        t.wait_for("slow waits")?;
        t.wait_for("unable to start service broken")?;
        says(t, &["status", "--plain"], 0, &["page\twaiting\t", "\tfor slow\n"])?;
        printed(t, &["/bin/sh", "-c", "echo >/run/gate"])?;
        t.wait_for("page comes")?;
        t.in_order(&["slow is done", "page comes"])?;
        // The start has waited for it.
        let script = "s6-overlay wait --started >/dev/null; s6-overlay boot --json";
        let shown = printed(t, &["/bin/sh", "-c", script])?;
        let page = shown
            .split("{\"name\":\"page\"")
            .nth(1)
            .and_then(|rest| rest.split('}').next())
            .unwrap_or_default();
        same(page.contains("\"slow\""), true, &shown)?;
        t.container().stop()?;
        t.finish()?;
        t.in_order(&["page goes", "slow goes"])?;
        for name in ["off", "disabled", "asleep"] {
            same((name, t.contains(&format!("{name} runs"))), (name, false), &t.text())?;
        }
        has(t, "not in this container: ")
    })
}
