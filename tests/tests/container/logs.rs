//! The syslogd overlay, and `logutil-service` in containers.

use sandbox::Sandbox;
use tests::image::workspace;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("logs::syslogd_sorts_into_classes", syslogd_sorts_into_classes),
    ("logs::syslogd_takes_a_flood", syslogd_takes_a_flood),
    ("logs::syslogd_rotates_each_class", syslogd_rotates_each_class),
    ("logs::syslogd_without_root", syslogd_without_root),
    ("logs::logutil_service_as_another_user", logutil_service_as_another_user),
    ("logs::a_fifo_for_a_logger", a_fifo_for_a_logger),
    ("logs::are_shown_by_one_command", are_shown_by_one_command),
    ("logs::environments_are_shown_with_their_origins", environments_are_shown_with_their_origins),
];

/// Shows logs in each way; each block ends with the exit code.
const SHOWS: &str = r#"#!/bin/sh
until grep -qs 3$ /var/log/app/current && grep -qs end /var/log/old/current; do usleep 1000; done
until [ ! -e /run/s6-overlay/log ] || grep -qs ready /run/s6-overlay/log/mailer; do usleep 1000; done
logs() { echo "== $*"; s6-overlay logs "$@" 2>&1 | sed 's/[0-9-]* [0-9:.]* /TIME /; s/"time":"[^"]*"/"time":"T"/'; }
logs app
logs app-log
logs pipeline -n 1
logs --json -n 1 app
logs -g '^[12]$' app old
logs --since 2000-01-01T00:00:00Z old
logs --since 2100-01-01T00:00:00Z app
s6-overlay logs app >/dev/null; echo "code $?"
logs mailer
s6-overlay logs mailer app >/dev/null 2>&1; echo "code $?"
logs maler
s6-overlay logs maler 2>/dev/null; echo "code $?"
s6-overlay logs -f -n 1 app >/tmp/followed &
until grep -q 3$ /tmp/followed; do usleep 1000; done
echo 4 >/run/app.in
until grep -q 4$ /tmp/followed; do usleep 1000; done
s6-svc -a /run/service/app-log
echo 5 >/run/app.in
until grep -q 5$ /tmp/followed; do usleep 1000; done
kill $!
echo == followed; sed 's/[0-9-]* [0-9:.]* /TIME /' /tmp/followed
echo == user; s6-setuidgid 1000:1000 s6-overlay logs app 2>&1 | sed 's/has mode.*you/you/'
s6-overlay logs | grep -c : | sed 's/^/all /'
"#;

fn are_shown_by_one_command(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = "#!/bin/sh\nexec 2>&1\nmkfifo /run/app.in\nexec 5<>/run/app.in\nseq 3\n\
               while read x <&5; do echo $x; done\n";
    services.longrun("app", &["base"], run)?;
    services.define("app", "producer-for", "app-log")?;
    let logger = "#!/bin/sh\nmkdir -p /var/log/app\nchmod 700 /var/log/app\nexec s6-log t n5 /var/log/app\n";
    services.longrun("app-log", &["base"], logger)?;
    services.define("app-log", "consumer-for", "app")?;
    services.define("app-log", "pipeline-name", "pipeline")?;
    services.longrun("mailer", &["base"], "#!/bin/sh\necho ready\nexec sleep 100000\n")?;
    services.script("/etc/services.d/old/run", "#!/bin/sh\nseq 2\necho end\nexec sleep 100000\n")?;
    services.script("/etc/services.d/old/log/run", "#!/bin/sh\nexec s6-log n5 T /var/log/old\n")?;
    services.script("/shows", SHOWS)?;
    let app = "app: TIME 1\napp: TIME 2\napp: TIME 3\n";
    for (layout, keep) in [("0", ""), ("1", "256k")] {
        let sandbox = images.small(&services, &["/shows"]).make_directory("/var/log");
        let sandbox = sandbox.env("S6_VERBOSITY", "1").env("S6_LOG_KEEP", keep);
        let mut t = Transcript::start(&sandbox.env("S6_SUPERVISE_PROCESSES", layout))?;
        same(t.finish()?, 0, &t.text())?;
        let text = t.text().replace('\r', "");
        let mailer = match keep {
            "" => {
                "s6-overlay logs: warning: mailer has no logger, so what it writes goes to the container's output \
                 without its name: docker logs CONTAINER; S6_LOG_PREFIX=1 would put the name before each line, \
                 S6_LOG_KEEP=256k would keep its last lines\ncode 1\n"
            }
            _ => "mailer: TIME ready\ncode 0\n",
        };
        for block in [
            format!("== app\n{app}== app-log\n{}", app.replace("app:", "app-log:")),
            format!("== --json -n 1 app\n{}", "{\"time\":\"T\",\"service\":\"app\",\"message\":\"3\"}\n"),
            "== -g ^[12]$ app old\n".to_owned(),
            "== --since 2000-01-01T00:00:00Z old\nold: TIME 1\nold: TIME 2\nold: TIME end\n".to_owned(),
            "== --since 2100-01-01T00:00:00Z app\ncode 0\n".to_owned(),
            format!("== mailer\n{mailer}"),
            "== maler\ns6-overlay logs: fatal: there is no service maler: did you mean mailer?\ncode 4\n".to_owned(),
            "== followed\napp: TIME 3\napp: TIME 4\napp: TIME 5\n".to_owned(),
            "== user\ns6-overlay logs: warning: unable to read the log of app in /var/log/app: Permission denied: \
             it belongs to 0:0 and you are 1000: use docker exec -u 0\n"
                .to_owned(),
        ] {
            same(text.contains(&block), true, &format!("{block}\nisn't in\n{text}"))?;
        }
    }
    Ok(())
}

/// Shows environments.
const ENVIRONMENTS: &str = r#"#!/bin/sh
e() { echo "== $*"; s6-overlay env "$@" 2>&1; echo "code $?"; }
s6-svwait -U /run/service/app /run/service/plain
e app COLOUR
e app LEVEL
e app DB_PASSWORD
e app DB_PASSWORD --reveal
e app --json APIKEY
e --diff plain COLOUR
e app NONE
e --cmd COLOUR
e appp
e COLOUR_IS_NO_SERVICE
s6-overlay env | grep ^COLOUR
echo "== user"
s6-setuidgid 1000:1000 s6-overlay env app 2>&1
s6-svc -wD -d /run/service/plain
e plain
"#;

fn environments_are_shown_with_their_origins(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = "#!/command/execlineb -P\nwith-contenv\ns6-envdir ./env\nexport APIKEY k\nimportas -u f DB_PASSWORD_FILE\n\
               backtick DB_PASSWORD { cat $f }\nsh -c \"echo >&3; exec sleep 100000\"\n";
    services.longrun("app", &["base"], run)?;
    services.define("app", "env/LEVEL", "high\n")?;
    services.file("/secret", "s3cret\n")?;
    services.longrun("plain", &["base"], "#!/bin/sh\necho >&3\nexec sleep 100000\n")?;
    for name in ["app", "plain"] {
        services.define(name, "notification-fd", "3")?;
    }
    services.script("/shows", ENVIRONMENTS)?;
    for layout in ["0", "1"] {
        let command = ["env", "COLOUR=blue", "/shows"];
        let sandbox = images.small(&services, &command).env("S6_VERBOSITY", "1").env("COLOUR", "red");
        let sandbox = sandbox.env("DB_PASSWORD_FILE", "/secret").env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        same(t.finish()?, 0, &t.text())?;
        let text = t.text().replace('\r', "");
        for block in [
            "== app COLOUR\nCOLOUR=red (container)\ncode 0\n",
            "== app LEVEL\nLEVEL=high (/run/service/app/env/LEVEL)\ncode 0\n",
            "== app DB_PASSWORD\nDB_PASSWORD=*** (/secret, by DB_PASSWORD_FILE)\ncode 0\n",
            "== app DB_PASSWORD --reveal\nDB_PASSWORD=s3cret (/secret, by DB_PASSWORD_FILE)\ncode 0\n",
            "{\"name\":\"APIKEY\",\"value\":\"***\",\"from\":\"run\",\"masked\":true}\ncode 0\n",
            "== --diff plain COLOUR\nCOLOUR (only the container has it)\ncode 0\n",
            "== app NONE\ns6-overlay env: fatal: NONE isn't set\ncode 1\n",
            "== --cmd COLOUR\nCOLOUR=blue (run; the container has another value)\ncode 0\n",
            "== appp\ns6-overlay env: fatal: there is no service appp: did you mean app?\ncode 4\n",
            "there is no service COLOUR_IS_NO_SERVICE\ncode 4\nCOLOUR=red (container)\n",
            "== user\ns6-overlay env: fatal: unable to read the environment of app: Permission denied: only root and \
             its own user may, you are 1000: use docker exec -u 0\n",
            "== plain\ns6-overlay env: fatal: plain isn't running, so it has no environment\ncode 3",
        ] {
            same(text.contains(block), true, &format!("{block}\nisn't in\n{text}"))?;
        }
    }
    Ok(())
}

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

fn syslogd(images: &Images, services: &Services, command: &[&str]) -> Sandbox {
    images.small(services, command).layer(&workspace().join("crates/overlay/syslogd-rootfs"))
}

/// Ten thousand messages each by two programs at a time, counted in and out, whatever else is logged where.
fn syslogd_takes_a_flood(images: &Images) -> Outcome {
    let command = "cd /var/log/syslogd\n\
         seq 1 10000 | logger -t one -p user.notice &\n\
         seq 1 10000 | logger -t two -p daemon.err &\n\
         wait\n\
         until [ \"$(cat everything/@* everything/current | wc -l)\" = 20000 ]; do usleep 10000; done\n\
         s6-svc -wD -d /run/service/syslogd\ns6-svc -wD -d /run/service/syslogd-log\n\
         for c in user:one messages:one daemon:two errors:two everything:one everything:two; do\n\
           seq 1 10000 >/tmp/want\n\
           cat ${c%:*}/@* ${c%:*}/current | sed -n \"s/^.* ${c#*:}: //p\" >/tmp/got\n\
           cmp /tmp/want /tmp/got && echo $c is whole >>/tmp/all\n\
         done\n\
         [ \"$(cat /tmp/all | wc -l)\" = 6 ]\n";
    let services = Services::new()?;
    let sandbox = syslogd(images, &services, &["sh", "-c", command]);
    for (level, read_only) in [("0", false), ("1", true), ("2", false)] {
        let mut sandbox = sandbox.clone().env("S6_LOGGING", level).env("S6_LOGGING_SCRIPT", "n100 s100000");
        if read_only {
            let hook = "mount -t tmpfs tmpfs /var/log; mount -t tmpfs tmpfs /tmp";
            sandbox = sandbox.make_directory("/var/log").read_only(true);
            sandbox = sandbox.prepare(["/bin/sh", "-c", hook]);
        }
        let mut t = Transcript::start(&sandbox)?;
        same((level, t.finish()?), (level, 0), &t.text())?;
    }
    Ok(())
}

fn syslogd_rotates_each_class(images: &Images) -> Outcome {
    let kinds = "authpriv.err cron.info daemon.info mail.warn user.notice user.debug kern.info";
    let command = format!(
        "cd /var/log/syslogd\n\
         for p in {kinds}; do seq 1 300 | logger -t app -p $p; done\n\
         logger -t app -p kern.info 'the last line'\n\
         until cat everything/@* everything/current 2>/dev/null | grep -q 'the last line$'; do usleep 1000; done\n\
         s6-svc -wD -d /run/service/syslogd\ns6-svc -wD -d /run/service/syslogd-log\n\
         for c in *; do echo $c $(ls $c | grep -c @); done\n"
    );
    let services = Services::new()?;
    let sandbox = syslogd(images, &services, &["sh", "-c", &command]).env("S6_LOGGING_SCRIPT", "n2 s4096 T");
    let mut t = Transcript::start(&sandbox)?;
    same(t.finish()?, 0, &t.text())?;
    // A message from user space with the kernel's facility counts as `user`: see syslog(3).
    for class in CLASSES.iter().filter(|class| **class != "kernel") {
        same(t.lines().contains(&format!("{class} 2")), true, &format!("{class}:\n{}", t.text()))?;
    }
    Ok(())
}

/// Where /dev isn't the user's it reports why it can't work; where it is, it works.
fn syslogd_without_root(images: &Images) -> Outcome {
    let command = "logger -t app -p user.notice something; \
                   until grep -s something /var/log/syslogd/user/current; do usleep 1000; done; \
                   stat -c 'it is of %u' /var/log/syslogd/user/current /dev/log";
    let services = Services::new()?;
    let sandbox = syslogd(images, &services, &["sh", "-c", command]).user(1234, 1234);
    let quiet = sandbox.clone().command(["/init", "echo", "the command"]);
    let why = |e: &str, text: &str| format!("syslogd-prepare: fatal: unable to {text}: {e}");
    let open = "chmod 1777 /dev; mkdir -p /var/log; chmod 1777 /var/log";
    let cases = [
        ("true", why("Permission denied", "make /dev/log")),
        ("chmod 1777 /dev; mkdir -p /var/log", why("Permission denied", "log into /var/log/syslogd")),
        (
            "chmod 1777 /dev; mkdir -p /var/log/syslogd/user; chown 1234 /var/log/syslogd",
            why("Permission denied", "log into /var/log/syslogd/user"),
        ),
    ];
    for (prepared, want) in cases {
        let prepared = format!("chown 1234 /run; {prepared}");
        let mut t = Transcript::start(&quiet.clone().prepare(["/bin/sh", "-c", &prepared]))?;
        same(t.finish()?, 0, &t.text())?;
        let said = t.lines().iter().filter(|line| line.starts_with(&want)).count();
        same((said, t.contains("1234:1234"), t.contains("the command")), (1, true, true), &t.text())?;
    }
    let mut t = Transcript::start(&sandbox.prepare(["/bin/sh", "-c", &format!("chown 1234 /run; {open}")]))?;
    same(t.finish()?, 0, &t.text())?;
    same(t.lines().iter().filter(|line| *line == "it is of 1234").count(), 2, &t.text())
}

/// A logger reads a FIFO that logutil-newfifo makes for it; a failure of that is one line.
fn a_fifo_for_a_logger(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("fifo", &["base"], "logutil-newfifo -m 0620 -o daemon /run/log-fifo", "")?;
    services.longrun("logger", &["fifo"], "#!/bin/sh\nexec logutil-service -f /run/log-fifo /tmp/log\n")?;
    let cmd = "{ seq 1 3000; echo end; } >/run/log-fifo\n\
               until grep -q end /tmp/log/current; do usleep 1000; done\n\
               echo $(grep -c . /tmp/log/current) lines\n\
               stat -c '%F %a %u:%g' /run/log-fifo\n\
               try() { echo \"$*: $(logutil-newfifo \"$@\" 2>&1 >/dev/null | grep -v deprecated); $(stat -c '%F %a %u' /tmp/f 2>&1)\"; }\n\
               try /tmp/f\n\
               echo old >/tmp/g; rm /tmp/f; ln -s /tmp/g /tmp/f; try -m 0666 /tmp/f; cat /tmp/g\n\
               rm -f /tmp/f; try -o nosuch /tmp/f\n\
               try -o daemon /tmp/f\n\
               rm -f /tmp/f; try -m 9 /tmp/f\n\
               try /no/such/f\n";
    let sandbox = images.small(&services, &["sh", "-c", cmd]);
    let tmp = "mkdir -m 1777 -p /tmp; chmod 1777 /tmp";
    let mut t = Transcript::start(&sandbox.clone().prepare(["/bin/sh", "-c", tmp]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&[
        "3001 lines",
        "fifo 620 2:2",
        "/tmp/f: ; fifo 600 0",
        "-m 0666 /tmp/f: ; fifo 666 0",
        "old",
        "-o nosuch /tmp/f: logutil-newfifo: fatal: unknown user: nosuch",
        "-o daemon /tmp/f: ; fifo 600 2",
        "-m 9 /tmp/f: logutil-newfifo: usage: logutil-newfifo",
        "/no/such/f: logutil-newfifo: fatal: unable to make the FIFO /no/such/f: No such file or directory",
    ])?;
    // Without privileges it is the user's, and can't be another's.
    let services = Services::new()?;
    services.oneshot("fifo", &["base"], "logutil-newfifo /run/log-fifo", "")?;
    services.longrun("logger", &["fifo"], "#!/bin/sh\nexec logutil-service -f /run/log-fifo /tmp/log\n")?;
    let sandbox = images.small(&services, &["sh", "-c", cmd]).user(1234, 1234);
    let mut t = Transcript::start(&sandbox.prepare(["/bin/sh", "-c", &format!("chown 1234 /run; {tmp}")]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&[
        "3001 lines",
        "fifo 600 1234:1234",
        "/tmp/f: ; fifo 600 1234",
        "-o daemon /tmp/f: logutil-newfifo: fatal: unable to change the owner of /tmp/f to daemon: Operation not permitted",
    ])?;
    Ok(())
}

/// Without privileges it logs as the container's user; what keeps it out of a directory is one line.
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
