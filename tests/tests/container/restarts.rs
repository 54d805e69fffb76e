//! Services whose definitions say when they are started again, and what their failure leads to.

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, has, same};
use libtest_mimic::Failed;
use sandbox::Sandbox;

pub const TESTS: &[(&str, Test)] = &[
    ("restarts::a_failure_for_good_stops_the_container", a_failure_for_good_stops_the_container),
    ("restarts::the_container_has_the_services_code", the_container_has_the_services_code),
    ("restarts::a_main_service_is_what_the_container_is_for", a_main_service_is_what_the_container_is_for),
    ("restarts::finish_is_told_and_has_the_last_word", finish_is_told_and_has_the_last_word),
    ("restarts::a_program_is_run_once", a_program_is_run_once),
    ("restarts::what_needs_a_failed_service_is_stopped", what_needs_a_failed_service_is_stopped),
    ("restarts::a_start_ends_when_a_service_has_failed", a_start_ends_when_a_service_has_failed),
    ("restarts::a_person_can_say_try_again", a_person_can_say_try_again),
    ("restarts::a_clear_of_the_tally_forgets_failures", a_clear_of_the_tally_forgets_failures),
    ("restarts::a_second_main_service_is_not_started", a_second_main_service_is_not_started),
    ("restarts::a_script_makes_the_service_that_a_variable_names", a_script_makes_the_service),
    ("restarts::below_a_supervision_of_ones_own", below_a_supervision_of_ones_own),
];

/// Boots in both layouts of supervision, and looks at the code and at what was said.
pub fn in_both_layouts(sandbox: &Sandbox, look: impl Fn(&mut Transcript) -> Outcome) -> Outcome {
    crate::in_both_layouts(&sandbox.clone().env("S6_KILL_GRACETIME", "100"), look)
}

fn ends_with(t: &mut Transcript, code: u8) -> Outcome {
    same(t.finish()?, code, &t.text())
}

fn times(t: &Transcript, line: &str) -> usize {
    t.lines().iter().filter(|l| l.trim_end() == line).count()
}

/// A CMD that never ends by itself.
const FOREVER: &[&str] = &["sleep", "100000"];

fn a_failure_for_good_stops_the_container(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\necho app starts\nexit 9\n")?;
    for (file, text) in [("restart-limit", "3/60\n"), ("restart-delay", "10\n"), ("on-failure", "stop\n")] {
        services.define("app", file, text)?;
    }
    for command in [FOREVER, &[]] {
        in_both_layouts(&images.small(&services, command), |t| {
            ends_with(t, 9)?;
            same(times(t, "app starts"), 3, &t.text())?;
            has(
                t,
                "s6-supervise app: warning: has failed for good: 3 failures within 60 s, the last with exit code 9; \
                 on-failure: the container stops with code 9",
            )?;
            has(t, "the container stops: app has failed for good")
        })?;
    }
    // One that is started in the former way.
    let services = Services::new()?;
    services.script("/etc/services.d/old/run", "#!/bin/sh\necho old starts\nexit 4\n")?;
    services.file("/etc/services.d/old/restart-limit", "1\n")?;
    services.file("/etc/services.d/old/on-failure", "stop\n")?;
    in_both_layouts(&images.small(&services, FOREVER), |t| {
        ends_with(t, 4)?;
        same(times(t, "old starts"), 1, &t.text())
    })
}

fn the_container_has_the_services_code(images: &Images) -> Outcome {
    let cases = [
        ("exit 7", "stop", 7),
        ("kill -9 $$", "stop", 137),
        ("kill -SEGV $$", "stop", 139),
        ("exit 7", "stop 0", 0),
        ("exit 7", "stop 42", 42),
    ];
    for (end, consequence, code) in cases {
        let services = Services::new()?;
        services.longrun("app", &["base"], &format!("#!/bin/sh\n{end}\n"))?;
        services.define("app", "restart-limit", "1\n")?;
        services.define("app", "on-failure", &format!("{consequence}\n"))?;
        in_both_layouts(&images.small(&services, FOREVER), |t| ends_with(t, code))?;
    }
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\nexit 78\n")?;
    services.define("app", "restart-never-on", "78\n")?.define("app", "on-failure", "stop\n")?;
    in_both_layouts(&images.small(&services, FOREVER), |t| {
        ends_with(t, 78)?;
        has(t, "has failed for good: restart-never-on names exit code 78")
    })
}

fn a_main_service_is_what_the_container_is_for(images: &Images) -> Outcome {
    for (end, code) in [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143)] {
        let services = Services::new()?;
        services.longrun("app", &["base"], &format!("#!/bin/sh\necho app starts\n{end}\n"))?;
        services.define("app", "main", "")?;
        in_both_layouts(&images.small(&services, &[]), |t| {
            ends_with(t, code)?;
            same(times(t, "app starts"), 1, &t.text())
        })?;
    }
    // The first that ends decides.
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\nread x </run/gate\nexit 3\n")?;
    services.define("app", "main", "")?;
    services.script("/command-ends", "#!/bin/sh\nexit 5\n")?;
    services.script(
        "/service-ends",
        "#!/bin/sh\ntrap 'exit 6' TERM\necho >/run/gate\nwhile :; do sleep 1; done\n",
    )?;
    services.oneshot("gate", &[], "/bin/mkfifo /run/gate", "")?;
    services.define("app", "dependencies.d/gate", "")?;
    in_both_layouts(&images.small(&services, &["/command-ends"]), |t| ends_with(t, 5))?;
    in_both_layouts(&images.small(&services, &["/service-ends"]), |t| ends_with(t, 3))
}

fn finish_is_told_and_has_the_last_word(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\nexit 9\n")?;
    services.script(&format!("{DEFINITIONS}/app/finish"), "#!/bin/sh\necho finish $1 $2 $3 $5 $6 $#\n")?;
    services.define("app", "restart-limit", "2\n")?.define("app", "restart-delay", "0\n")?;
    services.define("app", "on-failure", "stop\n")?;
    in_both_layouts(&images.small(&services, FOREVER), |t| {
        ends_with(t, 9)?;
        t.in_order(&["finish 9 0 app 1 retry 6", "finish 9 0 app 2 last 6"])?;
        Ok(())
    })?;
    // 125 is for good; the code isn't 0 then.
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\nexit 0\n")?;
    services.script(&format!("{DEFINITIONS}/app/finish"), "#!/bin/sh\nexit 125\n")?;
    services.define("app", "on-failure", "stop\n")?;
    in_both_layouts(&images.small(&services, FOREVER), |t| {
        ends_with(t, 1)?;
        has(
            t,
            "has failed for good: finish exited 125, after exit code 0; on-failure: the container stops with code 1",
        )
    })?;
    // One that stops the container itself wins.
    let halt =
        "#!/bin/sh\necho 33 >/run/s6-linux-init-container-results/exitcode\n/run/s6/basedir/bin/halt\n";
    services.script(&format!("{DEFINITIONS}/app/finish"), halt)?;
    services.define("app", "restart", "never\n")?.define("app", "success-exit", "1\n")?;
    in_both_layouts(&images.small(&services, FOREVER), |t| ends_with(t, 33))?;
    // Without the files nothing is told that wasn't before.
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\nexit 9\n")?;
    let finish = "#!/bin/sh\necho finish $1 $2 $3 $#\n/run/s6/basedir/bin/halt\n";
    services.script(&format!("{DEFINITIONS}/app/finish"), finish)?;
    in_both_layouts(&images.small(&services, FOREVER), |t| {
        ends_with(t, 0)?;
        has(t, "finish 9 0 app 4")
    })
}

fn a_program_is_run_once(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\nkill -9 $$\n")?;
    services.define("app", "restart-limit", "2\n")?.define("app", "restart-delay", "0\n")?;
    services.define("app", "on-failure", "run /tell a b\n")?;
    services.script(
        "/tell",
        "#!/bin/sh\n\
         echo told $# $1 $2 $S6_SERVICE:$S6_EXIT_CODE:$S6_SIGNAL:$S6_CAUSE:$S6_FAILURES\n\
         ( usleep 200000; /run/s6/basedir/bin/halt ) &\n\
         exit 3\n",
    )?;
    in_both_layouts(&images.small(&services, FOREVER), |t| {
        ends_with(t, 0)?;
        same(times(t, "told 2 a b app::9:signal:2"), 1, &t.text())?;
        has(t, "s6-overlay-consequence: warning: on-failure of app: /tell exited 3")
    })
}

fn what_needs_a_failed_service_is_stopped(images: &Images) -> Outcome {
    let services = Services::new()?;
    let daemon = "#!/bin/sh\nexec sleep 100000\n";
    services.longrun(
        "db",
        &["base"],
        "#!/bin/sh\nuntil [ -e /run/fail ]; do usleep 10000; done\nexit 1\n",
    )?;
    services.define("db", "restart", "never\n")?.define("db", "on-failure", "stop-dependents\n")?;
    services.longrun("app", &["db"], daemon)?;
    services.longrun("other", &["base"], daemon)?;
    let look = "#!/bin/sh\n\
                touch /run/fail\n\
                s6-svwait -D /run/service/app\n\
                until ! s6-rc -b -a list | grep -x db; do :; done >/dev/null\n\
                echo $(s6-rc -b -a list | grep -v -e s6 -e legacy -e fix | sort)\n";
    services.script("/look", look)?;
    in_both_layouts(&images.small(&services, &["/look"]), |t| {
        ends_with(t, 0)?;
        t.in_order(&[
            "db: warning: has failed for good: it ended with exit code 1, and restart is never; on-failure: what needs it is stopped",
            "s6-rc: info: service app successfully stopped",
        ])?;
        same(times(t, "other"), 1, &t.text())
    })
}

fn a_start_ends_when_a_service_has_failed(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\nexit 9\n")?.define("app", "notification-fd", "3\n")?;
    services.define("app", "restart-limit", "2\n")?.define("app", "restart-delay", "0\n")?;
    let sandbox = images.small(&services, &["echo", "the command"]).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2");
    in_both_layouts(&sandbox.env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "0"), |t| {
        same(t.finish()? != 0, true, &t.text())?;
        same(t.contains("the command"), false, &t.text())?;
        has(
            t,
            "unable to start service app: it has failed for good; meanwhile its daemon has ended 2 times, the last one exited 9",
        )
    })?;
    // A success isn't readiness.
    services.longrun("app", &["base"], "#!/bin/sh\nexit 0\n")?.define("app", "restart", "on-failure\n")?;
    in_both_layouts(
        &images.small(&services, &["echo", "the command"]).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2"),
        |t| {
            same(t.finish()? != 0, true, &t.text())?;
            has(t, "unable to start service app: it has ended and isn't started again")
        },
    )?;
    services.longrun("app", &["base"], "#!/bin/sh\nexit 9\n")?.define("app", "restart", "always\n")?;
    // What the policy says about the code comes first.
    services.define("app", "on-failure", "stop\n")?;
    let sandbox = images.small(&services, &["echo", "the command"]).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2");
    in_both_layouts(&sandbox.env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "0"), |t| ends_with(t, 9))
}

fn a_person_can_say_try_again(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\necho starts >>/run/starts\nexit 9\n")?;
    services.define("app", "restart-limit", "3\n")?.define("app", "restart-delay", "0\n")?;
    let look = "#!/bin/sh\n\
                starts() { until [ $(wc -l </run/starts) = $1 ]; do usleep 1000; done; }\n\
                until s6-svstat -o wantedup /run/service/app | grep -q false; do usleep 1000; done\n\
                starts 3\n\
                s6-svc -u /run/service/app\n\
                starts 6\n\
                until s6-svstat -o wantedup /run/service/app | grep -q false; do usleep 1000; done\n\
                s6-rc -d change app && s6-rc -u change app\n\
                starts 9\n\
                until s6-svstat -o wantedup /run/service/app | grep -q false; do usleep 1000; done\n\
                wc -l </run/starts\n";
    services.script("/look", look)?;
    in_both_layouts(&images.small(&services, &["/look"]), |t| {
        ends_with(t, 0)?;
        has(t, "9")
    })
}

fn a_clear_of_the_tally_forgets_failures(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = "#!/bin/sh\n\
               echo starts >>/run/starts\n\
               [ $(wc -l </run/starts) = 3 ] && read line </run/gate\n\
               exit 9\n";
    services.oneshot("gate", &[], "/bin/mkfifo /run/gate", "")?.longrun("app", &["gate"], run)?;
    services.define("app", "restart-limit", "4\n")?.define("app", "restart-delay", "0\n")?;
    // The supervisor has read the letter when it answers to another one, which does nothing.
    let look = "#!/bin/sh\n\
                until [ $(wc -l </run/starts) = 3 ]; do usleep 1000; done\n\
                s6-svdt /run/service/app | wc -l\n\
                s6-svdt-clear /run/service/app\n\
                s6-svdt /run/service/app | wc -l\n\
                echo >/run/gate\n\
                until s6-svstat -o wantedup /run/service/app | grep -q false; do usleep 1000; done\n\
                echo $(wc -l </run/starts) starts\n";
    services.script("/look", look)?;
    in_both_layouts(&images.small(&services, &["/look"]), |t| {
        ends_with(t, 0)?;
        // Three more failures than the two before.
        t.in_order(&["2", "0", "6 starts"])?;
        Ok(())
    })
}

fn a_second_main_service_is_not_started(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\nexec sleep 100000\n")?.define("app", "main", "")?;
    services.script("/etc/services.d/old/run", "#!/bin/sh\necho old starts\nexit 4\n")?;
    services.file("/etc/services.d/old/main", "")?;
    let sandbox = images.small(&services, &["true"]);
    let text = "/etc/services.d/old/main: /etc/s6-overlay/s6-rc.d/app is the main service already (the container is for one \
                service: remove one of the two files)";
    in_both_layouts(&sandbox, |t| {
        ends_with(t, 0)?;
        has(t, text)?;
        has(t, "warning: /etc/services.d/old is not started")?;
        same(times(t, "old starts"), 0, &t.text())
    })?;
    in_both_layouts(&sandbox.env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2"), |t| {
        ends_with(t, 1)?;
        has(t, text)
    })
}

fn a_script_makes_the_service(images: &Images) -> Outcome {
    let services = Services::new()?;
    let make = "#!/bin/sh\n\
                mkdir -p /etc/services.d/made\n\
                printf '#!/bin/sh\\nexit 7\\n' >/etc/services.d/made/run\n\
                chmod 755 /etc/services.d/made/run\n";
    services.script("/etc/cont-init.d/make", make)?;
    let sandbox = images.small(&services, FOREVER);
    in_both_layouts(&sandbox.clone().env("S6_ON_FAILURE", "made=stop"), |t| ends_with(t, 7))?;
    in_both_layouts(&sandbox.clone().env("S6_RESTART", "made=never").env("S6_ON_FAILURE", "*=stop"), |t| {
        ends_with(t, 7)
    })?;
    in_both_layouts(&sandbox.env("S6_RESTART", "mad=never"), |t| {
        ends_with(t, 1)?;
        has(t, "s6-rc-compile: fatal: S6_RESTART: undefined service name mad (did you mean made?)")?;
        has(t, "init: fatal: a variable is invalid, so the container stops")
    })
}

fn below_a_supervision_of_ones_own(images: &Images) -> Outcome {
    // The directory of a service of the former kind has the record; another supervisor than process 1 reads it.
    let services = Services::new()?;
    services.script("/etc/services.d/app/run", "#!/bin/sh\nexit 4\n")?;
    services.file("/etc/services.d/app/restart-limit", "2\n")?;
    services.file("/etc/services.d/app/restart-delay", "0\n")?;
    services.file("/etc/services.d/app/on-failure", "stop 44\n")?;
    services.file("/etc/services.d/app/down", "")?;
    for supervise in ["exec s6-supervise /run/own/app", "exec s6-svscan /run/own"] {
        let look = format!(
            "#!/bin/sh\n\
             export PATH=/command:$PATH\n\
             mkdir /run/own\n\
             cp -r /run/service/app/ /run/own/app\n\
             rm -rf /run/own/app/down /run/own/app/supervise /run/own/app/event\n\
             {supervise}\n"
        );
        services.script("/look", &look)?;
        in_both_layouts(&images.small(&services, &["/look"]), |t| ends_with(t, 44))?;
    }
    Ok(())
}

/// A service of somebody else's image that ends with code 9.
fn foreign() -> Result<Services, Failed> {
    let services = Services::new()?;
    services.longrun("app", &["base"], "#!/bin/sh\necho app starts\nexit 9\n")?;
    Ok(services)
}

/// `S6_RESTART`.
pub fn limited_from_outside(images: &Images) -> Outcome {
    let services = foreign()?;
    let until_down =
        ["sh", "-c", "until [ $(s6-svstat -o wantedup /run/service/app) = false ]; do s6-sleep -m 20; done"];
    let sandbox = images.small(&services, &until_down).env("S6_RESTART", "app=on-failure:2");
    in_both_layouts(&sandbox, |t| {
        ends_with(t, 0)?;
        same(times(t, "app starts"), 2, &t.text())?;
        has(t, "app: warning: has failed for good: 2 failures in a row, the last with exit code 9")
    })
}

/// `S6_ON_FAILURE`.
pub fn stopped_from_outside(images: &Images) -> Outcome {
    let services = foreign()?;
    let sandbox = images.small(&services, FOREVER);
    in_both_layouts(&sandbox.clone().env("S6_ON_FAILURE", "app=stop:4"), |t| {
        ends_with(t, 4)?;
        same(times(t, "app starts"), 1, &t.text())?;
        has(t, "init: info: the container stops: app has failed for good")
    })?;
    let mut t = Transcript::start(&sandbox.env("S6_ON_FAILURE", "apq=stop"))?;
    ends_with(&mut t, 1)?;
    has(&t, "did you mean app?")
}
