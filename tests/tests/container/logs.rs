//! The syslogd overlay, and `logutil-service` in containers.

use tests::image::workspace;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("logs::syslogd_sorts_into_classes", syslogd_sorts_into_classes),
    ("logs::logutil_service_as_another_user", logutil_service_as_another_user),
];

/// What is sent, and which classes have it; `everything` only where it is named.
const SENT: &[(&str, &[&str])] = &[
    ("auth.notice", &["secure"]),
    ("authpriv.err", &["secure", "errors"]),
    ("cron.info", &["cron", "everything"]),
    ("daemon.info", &["daemon", "everything"]),
    ("mail.warn", &["mail", "everything"]),
    ("user.notice", &["user", "messages", "everything"]),
    ("user.debug", &["user", "debug", "everything"]),
    ("local0.err", &["errors", "everything"]),
    ("local3.info", &["messages", "everything"]),
];

const CLASSES: [&str; 10] =
    ["cron", "daemon", "debug", "errors", "everything", "kernel", "mail", "messages", "secure", "user"];

/// How often each is sent.
const TIMES: usize = 10;

fn syslogd_sorts_into_classes(images: &Images) -> Outcome {
    let services = Services::new()?;
    let count = |class: &str| TIMES * SENT.iter().filter(|(_, classes)| classes.contains(&class)).count();
    let (secure, everything) = (count("secure"), count("everything"));
    let kinds = SENT.iter().map(|(kind, _)| *kind).collect::<Vec<_>>().join(" ");
    let command = format!(
        "#!/bin/sh\ncd /var/log/syslogd\n\
         for p in {kinds}; do n=0; while [ $n -lt {TIMES} ]; do n=$((n+1)); logger -t app -p $p \"$p $n\"; done; done\n\
         until [ \"$(cat secure/current | wc -l)\" = {secure} ] && [ \"$(cat everything/current | wc -l)\" = {everything} ]; do\n\
         usleep 1000; done\n\
         s6-svc -wD -d /run/service/syslogd\ns6-svc -wD -d /run/service/syslogd-log\n\
         for c in *; do echo $c $(wc -l <$c/current) $(stat -c %a:%u $c); done\n"
    );
    services.script("/sends", &command)?;
    let sandbox =
        images.small(&services, &["/sends"]).layer(&workspace().join("crates/overlay/syslogd-rootfs"));
    for read_only in [false, true] {
        let mut sandbox = sandbox.clone();
        if read_only {
            // Logs are on a volume.
            let hook = "mount -t tmpfs tmpfs /var/log";
            sandbox = sandbox.make_directory("/var/log").read_only(true).env("S6_STAGE2_HOOK", hook);
        }
        let mut t = Transcript::start(&sandbox)?;
        same(t.finish()?, 0, &t.text())?;
        for class in CLASSES {
            let mode = if class == "secure" { "2750" } else { "2755" };
            let want = format!("{class} {} {mode}:32761", count(class));
            same(t.lines().contains(&want), true, &format!("{want}:\n{}", t.text()))?;
        }
    }
    Ok(())
}

/// Without privileges it logs as who it is; what keeps it out of a directory is one line.
fn logutil_service_as_another_user(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("talks", &["base"], "#!/bin/sh\necho a line\nexec sleep 100000\n")?;
    services.define("talks", "producer-for", "talks-log")?;
    services.longrun("talks-log", &["base"], "#!/bin/sh\nexec logutil-service /tmp/log\n")?;
    services.define("talks-log", "consumer-for", "talks")?;
    let wait = [
        "sh",
        "-c",
        "until grep -s 'a line' /tmp/log/current; do usleep 1000; done; stat -c %u /tmp/log/current",
    ];
    let open =
        images.small(&services, &wait).user(1234, 1234).prepare(["/bin/sh", "-c", "mkdir -m 1777 -p /tmp"]);
    let mut t = Transcript::start(&open)?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["a line", "1234"])?;
    let closed = images.small(&services, &["sleep", "100000"]).user(1234, 1234);
    let mut t = Transcript::start(&closed.prepare(["/bin/sh", "-c", "mkdir -m 0755 -p /tmp/log"]))?;
    t.wait_for(
        "unable to log into /tmp/log: Permission denied: the logger runs as 1234:1234, /tmp/log belongs to 0:0 and has mode 0755",
    )?;
    t.container().stop()?;
    t.finish()?;
    Ok(())
}
