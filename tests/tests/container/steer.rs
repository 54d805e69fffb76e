//! `s6-overlay start`, `stop`, `restart` and `reload` in running containers, in both layouts.

use std::time::Duration;

use libtest_mimic::Failed;
use sandbox::{Container, Streams};
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, LAYOUTS, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    (
        "steer::services_are_started_stopped_and_restarted_by_name",
        services_are_started_stopped_and_restarted_by_name,
    ),
    ("steer::a_reload_is_what_the_definition_says", a_reload_is_what_the_definition_says),
    ("steer::definitions_are_read_again", definitions_are_read_again),
    (
        "steer::who_may_not_is_told_and_a_start_or_stop_is_waited_for",
        who_may_not_is_told_and_a_start_or_stop_is_waited_for,
    ),
];

/// The script's exit code and what it wrote; it runs as `docker exec` would run it.
fn shell(container: &Container, script: &str) -> Result<(u8, String), Failed> {
    let shell = container.exec(["sh", "-c", script]).env("PATH", "/command:/usr/bin:/bin");
    let output = shell.streams(Streams::Together).start()?.output(Duration::from_secs(60))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.code.ok_or("the shell never ended")?, text))
}

/// What a command says, after its exit code.
fn said(container: &Container, command: &str) -> Result<String, Failed> {
    let (code, text) = shell(container, command)?;
    // Scripts of oneshots have the streams of the command that runs them.
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("services-")).collect();
    Ok(format!("{code}\n{}", lines.join("\n")))
}

/// A daemon that writes a line for each start, and for each HUP.
const DAEMON: &str = "#!/bin/sh\necho $$ >>/tmp/${PWD##*/}\ntrap 'echo hup >>/tmp/${PWD##*/}' HUP\n\
                      while :; do s6-sleep 100000 & wait $!; done\n";

fn boot(images: &Images, services: &Services, layout: &str) -> Result<Transcript, Failed> {
    let sandbox = images.small(services, &[]).env("S6_VERBOSITY", "3").env("S6_SUPERVISE_PROCESSES", layout);
    let mut t = Transcript::start(&sandbox)?;
    t.wait_for("service legacy-services successfully started")?;
    Ok(t)
}

fn services_are_started_stopped_and_restarted_by_name(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("db", &["base"], DAEMON)?;
    services.oneshot("migrate", &["base", "db"], "true", "true")?;
    services.longrun("web", &["base", "migrate"], DAEMON)?;
    services.script("/etc/services.d/cron/run", DAEMON)?;
    for layout in LAYOUTS {
        let t = boot(images, &services, layout)?;
        let c = t.container();
        // A daemon is up a moment before it has written its line.
        let started = |name: &str, count: u32| {
            let wait = format!("until test $(grep -c '^[0-9]' /tmp/{name}) = {count}; do usleep 10000; done");
            shell(c, &wait).and_then(|(code, text)| same(code, 0, &text))
        };
        let up = || -> Result<String, Failed> {
            Ok(shell(
                c,
                "for i in db web cron; do s6-svstat -o up /run/service/$i 2>/dev/null || echo gone; done",
            )?
            .1
            .replace('\n', " "))
        };
        let check = |command: &str, expected: &str| -> Outcome {
            let text = said(c, command)?;
            same(text.as_str(), expected, &t.text())
        };
        check("s6-overlay restart web", "0\nweb: restarted")?;
        started("web", 2)?;
        check("s6-overlay restart cron", "0\ncron: restarted")?;
        check("s6-overlay start web 'c*'", "0\nweb: was up already\ncron: was up already\nall 2 done")?;
        check(
            "s6-overlay stop db",
            "1\ns6-overlay stop: fatal: db: needed by web, cron, migrate; nothing was changed (with --dependents they stop, too)",
        )?;
        same(up()?, "true true true ".to_owned(), &t.text())?;
        check(
            "s6-overlay restart --dependents db",
            "0\ns6-overlay restart: info: goes down, too, because it needs what is named: web, cron, migrate\n\
             db: restarted\nweb: restarted\nlegacy-services: restarted\nmigrate: restarted\nall 4 done",
        )?;
        same(up()?, "true true true ".to_owned(), &t.text())?;
        started("db", 2)?;
        started("web", 3)?;
        let (code, text) = shell(c, "s6-overlay stop --dependents web")?;
        same(code, 0, &text)?;
        same(up()?, "true false gone ".to_owned(), &text)?;
        // What the stop took down of services.d comes back with what it needs.
        check("s6-overlay start web", "0\nweb: started\nlegacy-services: started\nall 2 done")?;
        same(up()?, "true true true ".to_owned(), &t.text())?;
        check("s6-overlay stop cron", "0\ncron: stopped")?;
        check("s6-overlay stop cron", "0\ncron: was down already")?;
        check("s6-overlay start cron", "0\ncron: started")?;
        let (code, text) = shell(c, "s6-svc -wD -d /run/service/cron; s6-rc -d change web")?;
        same(code, 0, &text)?;
        check(
            "s6-overlay start wep",
            "4\ns6-overlay start: fatal: there is no service wep: did you mean web?",
        )?;
        let (code, text) = shell(c, "s6-overlay stop")?;
        same(code, 100, &text)?;
        let mut t = t;
        // The container's log has who has stopped what.
        for what in ["restart: web, by process ", "stop: cron, by process "] {
            t.wait_for(&format!("init: info: told to {what}"))?;
        }
        t.wait_for("(s6-rc -d change web), UID 0, started ")?;
        // The shell may still be there when all processes are told to end.
        let (code, text) = shell(t.container(), "s6-overlay stop --container")?;
        same(code == 0 || code == 143, true, &text)?;
        same(t.finish()?, 0, &t.text())?;
    }
    Ok(())
}

fn a_reload_is_what_the_definition_says(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("web", &["base"], DAEMON)?;
    services.define("web", "reload", "signal SIGHUP\n")?;
    services.longrun("app", &["base"], DAEMON)?;
    services.define("app", "reload", "/reload-app --now\n")?;
    services.script(
        "/reload-app",
        "#!/bin/sh\necho reloaded $S6_SERVICE $1 >>/tmp/reloads; exit $(cat /tmp/code)\n",
    )?;
    services.longrun("plain", &["base"], DAEMON)?;
    services.script("/etc/services.d/cron/run", DAEMON)?;
    services.file("/etc/services.d/cron/reload", "signal HUP\n")?;
    for layout in LAYOUTS {
        let t = boot(images, &services, layout)?;
        let c = t.container();
        let (code, text) = shell(
            c,
            "until test -s /tmp/web && test -s /tmp/cron; do usleep 10000; done; s6-overlay reload web cron; echo 0 >/tmp/code
             until grep -q hup /tmp/web && grep -q hup /tmp/cron; do usleep 10000; done; grep -c '^[0-9]' /tmp/web
             s6-overlay reload app; echo 3 >/tmp/code; s6-overlay reload app 2>/dev/null; echo $?; cat /tmp/reloads
             s6-overlay reload --no-wait app 2>/dev/null; echo $?; until grep -c reloaded /tmp/reloads | grep 3; do usleep 10000; done
             s6-overlay reload plain 2>/dev/null; echo $?; s6-svc -wD -d /run/service/plain; s6-overlay reload plain 2>/dev/null; echo $?",
        )?;
        same(code, 0, &text)?;
        let lines: Vec<_> = text.lines().collect();
        let none = "plain: has no reload: its definition has no file reload, with signal SIGHUP or a command line in it; \
                    to restart it: s6-overlay restart plain";
        let expected = [
            "web: told to reload",
            "cron: told to reload",
            "all 2 done",
            "1",
            "app: reloaded",
            "app: its reload exited 3",
            "1",
            "reloaded app --now",
            "reloaded app --now",
            "0",
            "3",
            none,
            "1",
            "plain: it is down",
            "3",
        ];
        same(lines, expected.to_vec(), &t.text())?;
    }
    Ok(())
}

fn definitions_are_read_again(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("web", &["base"], DAEMON)?;
    services.longrun("gone", &["base"], DAEMON)?;
    for layout in LAYOUTS {
        let t = boot(images, &services, layout)?;
        let c = t.container();
        same(said(c, "s6-overlay reload")?, "0\nno definition has changed".to_owned(), &t.text())?;
        let (code, text) = shell(
            c,
            &format!(
                "set -e; cd {DEFINITIONS}; s6-svstat -o pid /run/service/web >/tmp/before
                cp -r web cron; echo '# changed' >>web/run
                rm -r gone ../user-bundles.d/user/contents.d/gone; touch ../user-bundles.d/user/contents.d/cron
                s6-overlay reload --dry-run; s6-svstat -o up /run/service/gone
                s6-overlay reload
                s6-svstat -o pid /run/service/web | cmp - /tmp/before; ls /run/service /run/s6; readlink /run/s6/db
                s6-overlay start cron; s6-overlay restart web; tail -n 1 /run/service/web/run; s6-svstat -o up /run/service/cron
                s6-overlay reload; echo longrum >web/type; s6-overlay reload || echo code $?; s6-rc -a list | grep -c web"
            ),
        )?;
        same(code, 0, &text)?;
        for line in [
            "cron: added",
            "gone: removed",
            "web: changed (run)",
            "user: changed (contents)",
            "would go down for that, and comes back if it is still there: gone",
            "goes down for that, and comes back if it is still there: gone",
            "to restart what has changed: s6-overlay restart web",
            "cron: was up already",
            "web: restarted",
            "# changed",
            "no definition has changed",
            "s6-overlay reload: fatal: the service definitions are invalid: nothing was changed",
            "code 1",
        ] {
            same(text.lines().any(|l| l == line), true, &format!("{line}\n{text}"))?;
        }
        same(text.lines().filter(|l| l.starts_with("db")).count(), 3, &text)?;
        same(text.lines().last(), Some("1"), &text)?;
        let (code, text) = shell(
            c,
            &format!(
                "cd {DEFINITIONS}; echo longrun >web/type; echo '# again' >>web/run; s6-overlay reload --no-wait 2>/dev/null
                until grep again /run/service/web/run; do usleep 10000; done
                until s6-overlay reload --dry-run 2>/dev/null; do usleep 10000; done; s6-overlay reload --dry-run --no-wait 2>/dev/null"
            ),
        )?;
        let expected = "web: changed (run)\n# again\nno definition has changed\n";
        same((code, text.as_str()), (100, expected), &t.text())?;
    }
    Ok(())
}

fn who_may_not_is_told_and_a_start_or_stop_is_waited_for(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("mailer", &["base"], DAEMON)?;
    services.oneshot("slow", &["base", "mailer"], "/slow", "/slow-down")?;
    services
        .script("/slow", "#!/bin/sh\necho slow begins; until test -e /tmp/go; do usleep 10000; done\n")?;
    services.script(
        "/slow-down",
        "#!/bin/sh\necho slow ends; until test -e /tmp/gone; do usleep 10000; done\n",
    )?;
    for layout in LAYOUTS {
        let sandbox =
            images.small(&services, &[]).env("S6_VERBOSITY", "3").env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("slow begins")?;
        let c = t.container();
        for command in ["stop mailer", "restart mailer", "reload mailer", "reload"] {
            let (code, text) =
                shell(c, &format!("s6-applyuidgid -u 1000 -g 1000 -G '' s6-overlay {command}"))?;
            same(code, 111, &text)?;
            same(text.contains("is controlled by root"), true, &text)?;
            same(text.contains("you are 1000: use `docker exec -u 0`"), true, &text)?;
        }
        // While the start is going on.
        same(shell(c, "s6-rc -a list | grep mailer")?, (0, "mailer\n".to_owned()), &t.text())?;
        let (code, text) = shell(c, "s6-overlay stop --timeout 10 mailer")?;
        same((code, text.contains("timed out: nothing was changed")), (99, true), &text)?;
        let (code, text) = shell(
            c,
            "s6-overlay restart mailer 2>/tmp/said & until grep -qs waiting /tmp/said; do usleep 10000; done
             : >/tmp/go; wait $!; echo $?; until test $(grep -c '^[0-9]' /tmp/mailer) = 2; do usleep 10000; done; s6-overlay restart --no-wait mailer 2>/dev/null
             until test $(grep -c '^[0-9]' /tmp/mailer) = 3; do usleep 10000; done",
        )?;
        same((code, text.as_str()), (0, "mailer: restarted\n0\n"), &t.text())?;
        // While the container stops, it ends with everything else.
        t.container().stop()?;
        t.wait_for("slow ends")?;
        let (code, text) = shell(
            t.container(),
            "s6-overlay start mailer 2>/tmp/said & until grep -qs waiting /tmp/said; do usleep 10000; done; : >/tmp/gone",
        )?;
        same(code, 0, &text)?;
        same(t.finish()?, 0, &t.text())?;
    }
    Ok(())
}
