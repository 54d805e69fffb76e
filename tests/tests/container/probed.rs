//! Real daemons that are ready when what `ready` says holds, and that `live` watches: Debian's, on the machine's own root.

use std::path::Path;

use tests::daemons;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, LAYOUTS, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("probed::real_daemons_are_ready_when_they_serve", real_daemons_are_ready_when_they_serve),
    (
        "probed::a_deaf_daemon_is_replaced_and_a_taken_port_is_told",
        a_deaf_daemon_is_replaced_and_a_taken_port_is_told,
    ),
];

fn real_daemons_are_ready_when_they_serve(images: &Images) -> Outcome {
    daemons::are_there()?;
    let services = daemons::probed()?;
    for layout in LAYOUTS {
        let sandbox = images
            .on(Path::new("/"), services.path(), &["/etc/test/command"])
            .env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("all looked at")?;
        daemons::judge(&t.text())?;
        t.container().stop()?;
        same(t.finish()?, 0, &t.text())?;
    }
    Ok(())
}

fn a_deaf_daemon_is_replaced_and_a_taken_port_is_told(images: &Images) -> Outcome {
    daemons::are_there()?;
    let s = Services::new()?;
    s.file("/etc/test/nginx.conf", &daemons::nginx("off"))?;
    s.longrun("nginx", &["base"], "#!/bin/sh\nexec nginx -c /etc/test/nginx.conf 2>&1\n")?
        .define("nginx", "ready", "listen 8080\n")?
        .define("nginx", "live", "http http://127.0.0.1:8080/\n")?
        .define("nginx", "live-period", "50\n")?
        .define("nginx", "live-timeout", "200\n")?
        .define("nginx", "live-threshold", "2\n")?
        .define("nginx", "timeout-kill", "200\n")?;
    s.script(&format!("{DEFINITIONS}/nginx/finish"), "#!/bin/sh\nkill -KILL \"-$4\"\n")?;
    // Somebody else has its port, so it never listens there.
    s.longrun("second", &["nginx"], "#!/bin/sh\nexec sleep 100000\n")?
        .define("second", "ready", "listen 8080\n")?
        .define("second", "timeout-up", "500\n")?;
    s.script(
        "/etc/test/command",
        "#!/bin/sh\n\
         old=$(s6-svstat -o pid /run/service/nginx)\n\
         # Deaf: its processes don't run.\n\
         s6-svc -wR -T 60000 -P /run/service/nginx || echo no restart\n\
         [ $old != $(s6-svstat -o pid /run/service/nginx) ] && curl -fs http://127.0.0.1:8080/ && echo 'serves again'\n\
         echo 'all looked at'; exec sleep 100000\n",
    )?;
    for layout in LAYOUTS {
        let sandbox = images
            .on(Path::new("/"), s.path(), &["/etc/test/command"])
            .env("S6_SUPERVISE_PROCESSES", layout)
            .env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "0");
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("all looked at")?;
        let text = t.text();
        let told = "service second: timed out after 500 ms, waiting for its readiness notification: listen 8080: \
                    port 8080 is taken by pid ";
        same(text.lines().any(|line| line.contains(told) && line.ends_with(" (nginx)")), true, &text)?;
        t.in_order(&["unhealthy", "served", "serves again", "all looked at"])?;
        t.container().stop()?;
        same(t.finish()?, 0, &t.text())?;
    }
    Ok(())
}
