//! The variables of the reference's README, each of them doing what that says.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use overlay::environment::variables::TABLE;
use sandbox::Sandbox;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("variables::each_has_a_test", each_has_a_test),
    ("variables::misspelt", misspelt),
    ("variables::values_that_mean_nothing", values),
    ("variables::PATH", path),
    ("variables::S6_KEEP_ENV", keep_env),
    ("variables::S6_LOGGING", logging),
    ("variables::S6_LOGGING_SCRIPT", logging_script),
    ("variables::S6_CATCHALL_USER", catchall_user),
    ("variables::S6_UMASK", umask),
    ("variables::TZ", time_zone),
    ("variables::S6_BEHAVIOUR_IF_STAGE2_FAILS", behaviour_if_stage2_fails),
    ("variables::S6_KILL_FINISH_MAXTIME", kill_finish_maxtime),
    ("variables::S6_SERVICES_READYTIME", services_readytime),
    ("variables::S6_SERVICES_GRACETIME", services_gracetime),
    ("variables::S6_KILL_GRACETIME", kill_gracetime),
    ("variables::S6_CMD_ARG0", cmd_arg0),
    ("variables::S6_CMD_USE_TERMINAL", cmd_use_terminal),
    ("variables::S6_FIX_ATTRS_HIDDEN", fix_attrs_hidden),
    ("variables::S6_CMD_WAIT_FOR_SERVICES", cmd_wait_for_services),
    ("variables::S6_CMD_WAIT_FOR_SERVICES_MAXTIME", cmd_wait_for_services_maxtime),
    ("variables::S6_READ_ONLY_ROOT", read_only_root),
    ("variables::S6_SYNC_DISKS", sync_disks),
    ("variables::S6_STAGE2_HOOK", stage2_hook),
    ("variables::S6_VERBOSITY", verbosity),
    ("variables::S6_CMD_RECEIVE_SIGNALS", cmd_receive_signals),
    ("variables::S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES", world_writable_run),
    ("variables::S6_WAIT_FOR_CLOSING_FD", wait_for_closing_fd),
    ("variables::S6_RUNTIME_BUNDLEDIR", runtime_bundledir),
    ("variables::S6_RUNTIME_PROFILE", runtime_profile),
    ("variables::S6_SUPERVISE_PROCESSES", supervise_processes),
    ("variables::S6_RESTART", crate::restarts::limited_from_outside),
    ("variables::S6_ON_FAILURE", crate::restarts::stopped_from_outside),
    ("variables::S6_DISABLE", crate::conditions::left_out_from_outside),
    ("variables::S6_ENABLE", crate::conditions::added_from_outside),
    ("variables::S6_PROFILES", crate::conditions::profiles_from_outside),
    ("variables::S6_REQUIRE", crate::conditions::what_has_to_be_there_ends_the_boot),
    ("variables::S6_NOTIFY", crate::notified::a_manager_hears_when_the_start_is_over),
    ("variables::S6_STATUS_MODE", crate::board::is_for_those_who_may_read_it),
    ("variables::S6_HTTP", crate::http::variable),
    ("variables::S6_TERMINATION_LOG", crate::termination::a_bad_end_has_a_reason),
    ("variables::S6_LOG_PREFIX", crate::output::prefix),
    ("variables::S6_LOG_FORMAT", crate::output::format),
    ("variables::S6_LOG_CMD", crate::output::command),
    ("variables::S6_LOG_KEEP", crate::output::keep),
    ("variables::fix_attrs_takes_every_form_of_account", fix_attrs_accounts),
    ("variables::places_of_version_2_work", places_of_version_2),
    ("variables::with_retries_tries_again", with_retries),
];

/// Boots, and fails unless the container ends with this code after lines with these texts, in this order.
fn ends(sandbox: &Sandbox, code: u8, texts: &[&str]) -> Result<Transcript, libtest_mimic::Failed> {
    let mut t = Transcript::start(sandbox)?;
    same(t.finish()?, code, &t.text())?;
    t.in_order(texts)?;
    Ok(t)
}

/// Each variable that is read from the container's environment has a test of its name.
fn each_has_a_test(_: &Images) -> Outcome {
    let mut names: Vec<&str> = TABLE.iter().map(|variable| variable.name).collect();
    names.retain(|name| !TESTS.iter().any(|(test, _)| test.ends_with(&format!("::{name}"))));
    same(names, vec![], "variables without a test")
}

/// A value that means nothing for its variable has a warning.
fn values(images: &Images) -> Outcome {
    let services = Services::new()?;
    let sandbox = images.small(&services, &["true"]).env("S6_VERBOSITY", "quiet");
    let sandbox = sandbox.env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "5s").env("S6_KEEP_ENV", "yes");
    ends(
        &sandbox.env("S6_BEHAVIOR_IF_STAGE2_FAILS", "2"),
        0,
        &["the variable S6_BEHAVIOR_IF_STAGE2_FAILS has no effect: did you mean S6_BEHAVIOUR_IF_STAGE2_FAILS?"],
    )
    .and_then(|t| {
        for text in [
            "S6_VERBOSITY=quiet means nothing, so 2 counts: write a number",
            "S6_CMD_WAIT_FOR_SERVICES_MAXTIME=5s means nothing, so 0 counts: write milliseconds, 5000",
            "S6_KEEP_ENV=yes means nothing, so 0 counts: write 1 to turn it on",
        ] {
            same((text, t.text().matches(text).count()), (text, 1), &t.text())?;
        }
        Ok(())
    })
}

/// A name that is nearly one of these has a warning; others' names have none.
fn misspelt(images: &Images) -> Outcome {
    let services = Services::new()?;
    let with = |verbosity| {
        let sandbox = images.small(&services, &["true"]).env("S6_VERBOSITY", verbosity);
        sandbox.env("S6_KEEPENV", "1").env("S6_OVERLAY_VERSION", "3").env("S6_VERSION", "3")
    };
    let t = ends(&with("1"), 0, &["the variable S6_KEEPENV has no effect: did you mean S6_KEEP_ENV?"])?;
    same(t.text().matches("did you mean").count(), 1, &t.text())?;
    let t = ends(&with("0"), 0, &[])?;
    same(t.contains("did you mean"), false, &t.text())?;
    Ok(())
}

fn path(images: &Images) -> Outcome {
    let services = Services::new()?;
    let show = ["/bin/sh", "-c", "echo \"PATH is $PATH\""];
    for (given, want) in [
        (None, "PATH is /command:/usr/bin:/bin"),
        (Some("/opt/bin"), "PATH is /command:/usr/bin:/bin:/opt/bin"),
        (Some("/opt/bin:/bin"), "PATH is /command:/usr/bin:/opt/bin:/bin"),
    ] {
        let mut sandbox =
            Sandbox::new(images.busybox.path(), ["/init"].iter().chain(&show)).layer(&images.distribution);
        sandbox = sandbox.layer(services.path());
        if let Some(given) = given {
            sandbox = sandbox.env("PATH", given);
        }
        ends(&sandbox, 0, &[want])?;
    }
    Ok(())
}

fn keep_env(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("shows", &["base"], "sh -c \"echo service has -$WORD-\"", "")?;
    let cmd =
        ["sh", "-c", "echo command has -$WORD-; WORD=other with-contenv sh -c 'echo contenv has -$WORD-'"];
    let plain = images.small(&services, &cmd).env("WORD", "given");
    ends(&plain, 0, &["service has --", "command has --", "contenv has -given-"])?;
    let kept = plain.env("S6_KEEP_ENV", "1");
    ends(&kept, 0, &["service has -given-", "command has -given-", "contenv has -other-"])?;
    Ok(())
}

/// A service that prints something, and a command that waits until the catch-all logger has it: the lines themselves, since
/// messages about the service have its name, too.
fn logged(services: &Services) -> Result<[&'static str; 3], libtest_mimic::Failed> {
    services.longrun("talks", &["base"], "#!/bin/sh\necho service talks\nexec sleep 100000\n")?;
    Ok([
        "sh",
        "-c",
        "echo command talks; until grep -qs 'service talks$' /run/uncaught-logs/current && \
         grep -q 'command talks$' /run/uncaught-logs/current; do sleep 0.05; done; \
         cat /run/uncaught-logs/current >/tmp/log; exec sh /after",
    ])
}

fn logging(images: &Images) -> Outcome {
    let services = Services::new()?;
    let cmd = logged(&services)?;
    services.script(
        "/after",
        "grep -c 'command talks' /tmp/log >/tmp/count; read n </tmp/count; exit $((5 + n))\n",
    )?;
    let with = |value| images.small(&services, &cmd).env("S6_LOGGING", value);
    // The log has everything, and all is shown too.
    let t = ends(&with("1"), 6, &["command talks"])?;
    same(t.lines().iter().any(|line| line.ends_with("service talks")), true, &t.text())?;
    // The log has everything, and nothing is shown.
    let t = ends(&with("2"), 6, &[])?;
    same(t.contains("talks"), false, &t.text())?;
    let mut t = Transcript::start(&images.small(&services, &["sleep", "100000"]).env("S6_LOGGING", "0"))?;
    t.wait_until(|lines| lines.iter().any(|line| line == "service talks"))?;
    Ok(())
}

fn logging_script(images: &Images) -> Outcome {
    let services = Services::new()?;
    let cmd = logged(&services)?;
    let stamped = "grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+  service talks' /tmp/log && exit 1\n\
                   grep -qE '^@[0-9a-f]{24} service talks' /tmp/log && exit 2\n\
                   grep -qE '^service talks' /tmp/log && exit 3\nexit 4\n";
    services.script("/after", stamped)?;
    for (script, code) in [("", 1), ("n20 s1000000 T", 1), ("t", 2), ("n3", 3)] {
        let sandbox = images.small(&services, &cmd).env("S6_LOGGING", "2").env("S6_LOGGING_SCRIPT", script);
        ends(&sandbox, code, &[])?;
    }
    Ok(())
}

fn umask(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/say", "#!/bin/sh\necho \"$1 $(umask)\"\n")?;
    services.script("/etc/cont-init.d/a", "#!/bin/sh\nexec /say script\n")?;
    services.oneshot("task", &["base"], "/say oneshot", "/say down")?;
    services.longrun("daemon", &["base"], "#!/bin/sh\n/say daemon\nexec s6-svc -O .\n")?;
    services.script(&format!("{DEFINITIONS}/daemon/finish"), "#!/bin/sh\nexec /say finish\n")?;
    let command = ["sh", "-c", "s6-svwait -D /run/service/daemon; exec /say command"];
    let sandbox = images.small(&services, &command);
    for processes in ["0", "1"] {
        let sandbox = sandbox.clone().env("S6_UMASK", "027").env("S6_SUPERVISE_PROCESSES", processes);
        let t = ends(&sandbox, 0, &["command 0027", "down 0027"])?;
        for who in ["script", "oneshot", "daemon", "finish"] {
            same(t.contains(&format!("{who} 0027")), true, &t.text())?;
        }
    }
    ends(&sandbox, 0, &["script 0022", "command 0022", "down 0022"])?;
    ends(&sandbox.env("S6_UMASK", "9"), 100, &["init: fatal: S6_UMASK is 9, which is no mask"]).map(drop)
}

/// Loggers have local time if the script was set and asks for it; it is 14 hours from UTC here.
fn time_zone(images: &Images) -> Outcome {
    let services = Services::new()?;
    let log = "/run/uncaught-logs/current";
    services.script(
        "/compare",
        &format!(
            "#!/bin/sh\necho a line; until grep -q 'a line' {log}; do usleep 1000; done\n\
             echo a line | logutil-service /tmp/log\n\
             for file in {log} /tmp/log/current; do\n\
               test \"$(date -u -r $file +%H)\" $1 \"$(head -n 1 $file | cut -c 12-13)\" || exit 1\n\
             done\n"
        ),
    )?;
    for (script, comparison) in [(Some("n20 T"), "!="), (None, "=")] {
        let mut sandbox = images.small(&services, &["/compare", comparison]).env("S6_LOGGING", "2");
        if let Some(script) = script {
            sandbox = sandbox.env("S6_LOGGING_SCRIPT", script);
        }
        ends(&sandbox.env("TZ", "XYZ-14"), 0, &[])?;
    }
    Ok(())
}

fn catchall_user(images: &Images) -> Outcome {
    let services = Services::new()?;
    let cmd = logged(&services)?;
    services.script(
        "/after",
        "exec sh -c 'test \"$(stat -c %U:%G /run/uncaught-logs/current)\" = daemon:daemon'\n",
    )?;
    let sandbox = images.small(&services, &cmd).env("S6_LOGGING", "2");
    ends(&sandbox.clone().env("S6_CATCHALL_USER", "daemon"), 0, &[])?;
    ends(&sandbox.clone(), 1, &[])?;
    ends(&sandbox.env("S6_CATCHALL_USER", "stranger"), 100, &["S6_CATCHALL_USER is stranger, but"])?;
    Ok(())
}

fn behaviour_if_stage2_fails(images: &Images) -> Outcome {
    type Break = fn(&Services) -> std::io::Result<()>;
    let ways: &[(&str, Break)] = &[
        ("hook", |s| s.script("/hook", "#!/bin/sh\nexit 3\n").map(drop)),
        ("fix-attrs", |s| s.file("/etc/fix-attrs.d/a", "/etc/passwd false stranger 0644 0755\n").map(drop)),
        ("cont-init", |s| s.script("/etc/cont-init.d/a", "#!/bin/sh\nexit 3\n").map(drop)),
        ("oneshot", |s| s.oneshot("fails", &["base"], "false", "").map(drop)),
        ("longrun", |s| {
            s.longrun("fails", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
            s.define("fails", "notification-fd", "3")?.define("fails", "timeout-up", "20").map(drop)
        }),
    ];
    for (what, break_it) in ways {
        let services = Services::new()?;
        break_it(&services)?;
        let mut sandbox = images.small(&services, &["echo", "the command"]).env("S6_VERBOSITY", "1");
        if *what == "hook" {
            sandbox = sandbox.env("S6_STAGE2_HOOK", "/hook");
        }
        for (value, goes_on) in [("0", true), ("1", true), ("2", false)] {
            let mut t = Transcript::start(&sandbox.clone().env("S6_BEHAVIOUR_IF_STAGE2_FAILS", value))?;
            let code = t.finish()?;
            let said = format!("{what}, {value}:\n{}", t.text());
            same((code == 0, t.contains("the command")), (goes_on, goes_on), &said)?;
            if value != "0" {
                same(t.contains("warning: ") || t.contains("fatal: "), true, &said)?;
            }
        }
    }
    Ok(())
}

fn kill_finish_maxtime(images: &Images) -> Outcome {
    let services = Services::new()?;
    services
        .script("/etc/cont-finish.d/1-slow", "#!/bin/sh\necho slow begins\nexec sleep 100000\n")?
        .script("/etc/cont-finish.d/2-next", "#!/bin/sh\necho next runs\n")?;
    let sandbox = images.small(&services, &["true"]).env("S6_KILL_FINISH_MAXTIME", "50");
    ends(
        &sandbox,
        0,
        &[
            "slow begins",
            "/etc/cont-finish.d/1-slow took longer than S6_KILL_FINISH_MAXTIME and was killed",
            "next runs",
        ],
    )?;
    Ok(())
}

fn services_readytime(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/etc/services.d/legacy/run", "#!/bin/sh\nexec sleep 100000\n")?;
    let sandbox = images.small(&services, &["echo", "the command"]);
    // There is no race, so nothing waits, however long this is.
    ends(
        &sandbox.env("S6_SERVICES_READYTIME", "100000000").env("S6_CMD_WAIT_FOR_SERVICES", "1"),
        0,
        &["the command"],
    )?;
    Ok(())
}

fn services_gracetime(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/etc/services.d/deaf/run",
        "#!/bin/sh\ntrap '' TERM\necho deaf runs >/up\nexec sleep 100000\n",
    )?;
    let cmd = ["sh", "-c", "until test -s /up; do sleep 0.02; done; echo the command"];
    let sandbox =
        images.small(&services, &cmd).env("S6_SERVICES_GRACETIME", "50").env("S6_KILL_GRACETIME", "50");
    ends(&sandbox, 0, &["the command", "/run/s6/legacy-services/deaf isn't down after 50 ms"])?;
    Ok(())
}

fn kill_gracetime(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/deaf", "#!/bin/sh\ntrap '' TERM\necho >/up\nexec sleep 100000\n")?;
    let cmd = ["sh", "-c", "setsid /deaf & until test -s /up; do sleep 0.02; done; echo the command"];
    let sandbox = images.small(&services, &cmd).env("S6_KILL_GRACETIME", "50");
    ends(&sandbox, 0, &["the command", "killed, because TERM didn't end them within S6_KILL_GRACETIME: "])
        .and_then(|t| Ok(t.in_order(&["(sleep 100000)"])?))
}

fn cmd_arg0(images: &Images) -> Outcome {
    let services = Services::new()?;
    ends(
        &images.small(&services, &["one", "two"]).env("S6_CMD_ARG0", "echo before"),
        0,
        &["before one two"],
    )?;
    Ok(())
}

fn cmd_use_terminal(images: &Images) -> Outcome {
    let services = Services::new()?;
    let cmd = ["sh", "-c", "test -t 1 && echo 'this is a terminal'; test -t 1"];
    let sandbox = images.small(&services, &cmd).env("S6_LOGGING", "2");
    let mut t = Transcript::on_terminal(&sandbox.clone().env("S6_CMD_USE_TERMINAL", "1"))?;
    same((t.finish()?, t.contains("this is a terminal")), (0, true), &t.text())?;
    let mut t = Transcript::on_terminal(&sandbox)?;
    same((t.finish()?, t.contains("this is a terminal")), (1, false), &t.text())
}

fn fix_attrs_hidden(images: &Images) -> Outcome {
    let services = Services::new()?;
    services
        .file("/data/.hidden/file", "")?
        .file("/data/.file", "")?
        .file("/data/shown/file", "")?
        .file("/etc/fix-attrs.d/data", "/data true daemon 0600 0700")?;
    let show = ["sh", "-c", "cd /data; stat -c '%n %U %a' . shown shown/file .hidden .hidden/file .file"];
    let always = [". daemon 700", "shown daemon 700", "shown/file daemon 600"];
    let sandbox = images.small(&services, &show);
    let left = [".hidden root 755", ".hidden/file root 644", ".file root 644"];
    ends(&sandbox, 0, &[&always[..], &left].concat())?;
    let done = [".hidden daemon 700", ".hidden/file daemon 600", ".file daemon 600"];
    ends(&sandbox.env("S6_FIX_ATTRS_HIDDEN", "1"), 0, &[&always[..], &done].concat())?;
    Ok(())
}

/// A legacy service that says that it is ready when the FIFO /go is written to.
fn becomes_ready(services: &Services) -> Outcome {
    services
        .script(
            "/etc/services.d/legacy/run",
            "#!/bin/sh\nmkfifo /go 2>/dev/null\necho service begins\nread x </go\necho service is ready\necho >&3\n\
             exec sleep 100000\n",
        )?
        .file("/etc/services.d/legacy/notification-fd", "3\n")?;
    Ok(())
}

fn cmd_wait_for_services(images: &Images) -> Outcome {
    let services = Services::new()?;
    becomes_ready(&services)?;
    let sandbox = images.small(&services, &["echo", "the command"]);
    let mut t = Transcript::start(&sandbox.clone().env("S6_CMD_WAIT_FOR_SERVICES", "1"))?;
    t.wait_for("service begins")?;
    let mut go = Transcript::start(&t.container().exec(["/bin/sh", "-c", "echo >/go"]))?;
    go.finish()?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["service is ready", "the command"])?;
    let t = ends(&sandbox, 0, &["the command"])?;
    same(t.contains("service is ready"), false, &t.text())
}

fn cmd_wait_for_services_maxtime(images: &Images) -> Outcome {
    let services = Services::new()?;
    becomes_ready(&services)?;
    let sandbox = images
        .small(&services, &["echo", "the command"])
        .env("S6_CMD_WAIT_FOR_SERVICES", "1")
        .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "50");
    ends(&sandbox, 0, &["the command"])?;
    let strict = sandbox.env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2");
    let mut t = Transcript::start(&strict)?;
    same((t.finish()? == 0, t.contains("the command")), (false, false), &t.text())?;
    same(t.contains("legacy"), true, &t.text())?;
    // It bounds the s6-rc services too.
    let services = Services::new()?;
    services.longrun("never", &["base"], "#!/bin/sh\nexec sleep 100000\n")?.define(
        "never",
        "notification-fd",
        "3",
    )?;
    let sandbox =
        images.small(&services, &["echo", "the command"]).env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "50");
    ends(
        &sandbox,
        0,
        &["out of time to start service never", "S6_CMD_WAIT_FOR_SERVICES_MAXTIME (", "the command"],
    )?;
    Ok(())
}

fn read_only_root(images: &Images) -> Outcome {
    let services = Services::new()?;
    services
        .script("/etc/cont-init.d/a", "#!/bin/sh\necho prepared\n")?
        .script("/etc/services.d/legacy/run", "#!/bin/sh\necho legacy runs >/run/up\nexec sleep 100000\n")?
        .file("/etc/fix-attrs.d/a", "/run/s6 false root 0755 0755\n")?;
    services.longrun("daemon", &["base"], "#!/bin/sh\necho daemon runs\nexec sleep 100000\n")?;
    let cmd =
        ["sh", "-c", "until test -s /run/up; do sleep 0.02; done; touch /file || echo the root is read-only"];
    let sandbox = images.small(&services, &cmd).read_only(true);
    for value in ["0", "1"] {
        let sandbox = sandbox.clone().env("S6_READ_ONLY_ROOT", value);
        ends(&sandbox, 0, &["prepared", "the root is read-only"])?;
    }
    Ok(())
}

fn sync_disks(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (value, calls) in [("1", 1), ("0", 0)] {
        let sandbox = images.small(&services, &["sh", "-c", "echo ready; exec sleep 100000"]);
        let mut t = Transcript::start(&sandbox.env("S6_SYNC_DISKS", value).env("S6_KILL_GRACETIME", "50"))?;
        t.wait_for("ready")?;
        let mut strace = Command::new("strace")
            .args(["-e", "trace=sync", "-p", &t.container().pid().to_string()])
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|why| format!("strace: {why}; apt-get install strace"))?;
        let stderr = strace.stderr.take().ok_or("strace has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        // It reports when it has attached.
        let first = lines.next().ok_or("strace said nothing")??;
        same(first.contains("attached"), true, &first)?;
        t.container().stop()?;
        t.finish()?;
        let seen = lines.map_while(Result::ok).filter(|line| line.starts_with("sync()")).count();
        strace.wait()?;
        same((value, seen), (value, calls), &t.text())?;
    }
    Ok(())
}

fn stage2_hook(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/hook",
        &format!(
            "#!/bin/sh\necho hook $# $1 $2\ncd {DEFINITIONS}\nmkdir -p late\necho oneshot >late/type\n\
             echo 'echo late service' >late/up\ntouch ../user-bundles.d/user/contents.d/late\n"
        ),
    )?;
    let sandbox = images.small(&services, &["echo", "the command"]).env("S6_STAGE2_HOOK", "/hook  a\tb");
    ends(&sandbox, 0, &["hook 2 a b", "late service", "the command"])?;
    let missing = images.small(&services, &["echo", "the command"]).env("S6_STAGE2_HOOK", "/nothing");
    ends(&missing, 0, &["unable to run the hook /nothing", "the command"])?;
    Ok(())
}

fn verbosity(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("once", &["base"], "echo $HOME", "true")?;
    services.oneshot("fails", &["base"], "false", "")?;
    let warning = "unable to start service fails";
    for (value, informs, warns, traces) in [
        ("0", false, false, false),
        ("1", false, true, false),
        ("2", true, true, false),
        ("3", true, true, true),
    ] {
        let sandbox = images.small(&services, &["true"]).env("S6_VERBOSITY", value);
        let t = ends(&sandbox, 0, &[])?;
        let said = [
            t.contains("service once successfully started"),
            t.contains(warning),
            t.contains("bringing selected services up"),
        ];
        same((value, said), (value, [informs, warns, traces]), &t.text())?;
        same(t.lines().iter().any(|line| line.contains(": info: ")), informs, &t.text())?;
    }
    Ok(())
}

fn cmd_receive_signals(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/traps",
        "#!/bin/sh\ntrap 'echo got INT' INT\ntrap 'echo got QUIT' QUIT\ntrap 'echo got TERM; exit 9' TERM\n\
         echo ready\nwhile :; do sleep 0.02; done\n",
    )?;
    let sandbox = images.small(&services, &["/traps"]).env("S6_CMD_RECEIVE_SIGNALS", "1");
    let mut t = Transcript::start(&sandbox)?;
    t.wait_for("ready")?;
    t.container().signal(rustix::process::Signal::INT)?;
    t.wait_for("got INT")?;
    t.container().signal(rustix::process::Signal::QUIT)?;
    t.wait_for("got QUIT")?;
    t.container().stop()?;
    same(t.finish()?, 9, &t.text())?;
    t.in_order(&["got INT", "got QUIT", "got TERM"])?;
    Ok(())
}

fn world_writable_run(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\necho daemon runs\nexec sleep 100000\n")?;
    let sandbox = images
        .small(&services, &["sh", "-c", "id -u; ls -l /run"])
        .user(1000, 1000)
        .run_options("mode=0777")
        .prepare(["/bin/chmod", "u-s", "/package/admin/s6-overlay/command/s6-overlay-suexec"])
        .env("S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES", "1");
    let t = ends(&sandbox, 0, &["WORLD WRITABLE", "1000"])?;
    // It is used as it is.
    same(t.lines().iter().any(|line| line.contains(" -> /run/s6-overlay")), false, &t.text())
}

fn wait_for_closing_fd(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/first",
        "#!/bin/sh\nmkfifo /gate /go\n(exec 6>/gate; read x </go; echo the engine is ready) &\nexec 5</gate\n\
         echo waiting\nexec /init echo the command\n",
    )?;
    let sandbox = images.small(&services, &[]).command(["/first"]).env("S6_WAIT_FOR_CLOSING_FD", "5");
    let mut t = Transcript::start(&sandbox)?;
    t.wait_for("waiting")?;
    Transcript::start(&t.container().exec(["/bin/sh", "-c", "echo >/go"]))?.finish()?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["waiting", "the engine is ready", "the command"])?;
    Ok(())
}

fn runtime_bundledir(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("usual", &["base"], "echo usual", "")?;
    services.define("special", "type", "oneshot\n")?.define("special", "up", "echo special\n")?;
    for bundle in ["user", "user2"] {
        services.file(&format!("/opt/bundles/{bundle}/type"), "bundle\n")?;
        services.file(&format!("/opt/bundles/{bundle}/contents.d/.keep"), "")?;
    }
    services.file("/opt/bundles/user/contents.d/special", "")?;
    let sandbox = images.small(&services, &["true"]);
    let t = ends(&sandbox.env("S6_RUNTIME_BUNDLEDIR", "/opt/bundles"), 0, &["special"])?;
    same(t.lines().contains(&"usual".to_owned()), false, &t.text())
}

fn runtime_profile(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("usual", &["base"], "echo usual", "")?;
    services.script("/etc/cont-init.d/a", "#!/bin/sh\necho usual script\n")?;
    let top = "/etc/cont-profile.d/lite";
    services
        .file(&format!("{top}/s6-overlay/s6-rc.d/special/type"), "oneshot\n")?
        .file(&format!("{top}/s6-overlay/s6-rc.d/special/up"), "echo special\n")?
        .file(&format!("{top}/s6-overlay/user-bundles.d/user/contents.d/special"), "")?
        .file(&format!("{top}/s6-overlay/user-bundles.d/user/type"), "bundle\n")?
        .file(&format!("{top}/s6-overlay/user-bundles.d/user2/type"), "bundle\n")?
        .file(&format!("{top}/s6-overlay/user-bundles.d/user2/contents.d/.keep"), "")?
        .script(&format!("{top}/cont-init.d/a"), "#!/bin/sh\necho special script\n")?;
    let t = ends(&images.small(&services, &["true"]).env("S6_RUNTIME_PROFILE", "lite"), 0, &[])?;
    t.in_order(&["special script"])?;
    same(t.lines().contains(&"special".to_owned()), true, &t.text())?;
    same(t.lines().iter().any(|line| line.starts_with("usual")), false, &t.text())
}

fn supervise_processes(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    let sandbox = images.small(&services, &["sh", "-c", "ps -o args | grep '^s6-supervise daemon'"]);
    ends(&sandbox, 0, &["s6-supervise daemon"])?;
    ends(&sandbox.env("S6_SUPERVISE_PROCESSES", "0"), 1, &[])?;
    Ok(())
}

fn fix_attrs_accounts(images: &Images) -> Outcome {
    let cases = [
        ("daemon", "2:2"),
        ("daemon,3:4", "2:2"),
        ("stranger,3:4", "3:4"),
        ("daemon:nogroup", "2:65534"),
        ("daemon:11111", "2:11111"),
        ("11111:daemon", "11111:2"),
        ("11111:22222", "11111:22222"),
        ("daemon:strangers,3:4", "2:4"),
        ("stranger:daemon,3:4", "3:2"),
    ];
    let services = Services::new()?;
    let (mut rules, mut want) = ("# a comment\n#another\n\n".to_owned(), Vec::new());
    for (n, (account, ids)) in cases.iter().enumerate() {
        services.file(&format!("/data/{n}"), "")?;
        rules.push_str(&format!("/data/{n} false {account} 0640 0750\n"));
        want.push(format!("/data/{n} {ids} 640"));
    }
    services.file("/many/a/b/c", "")?.file("/many/d", "")?.file("/many/empty/.keep", "")?;
    // Without a newline at the end.
    rules.push_str("/ma* true daemon 0400 2700");
    want.extend(
        ["/many 2:2 2700", "/many/a/b/c 2:2 400", "/many/d 2:2 400", "/many/empty 2:2 2700"]
            .map(str::to_owned),
    );
    services.file("/etc/fix-attrs.d/a", &rules)?;
    let show = ["sh", "-c", "stat -c '%n %u:%g %a' /data/* /many /many/a/b/c /many/d /many/empty"];
    let want: Vec<&str> = want.iter().map(String::as_str).collect();
    ends(&images.small(&services, &show), 0, &want)?;
    Ok(())
}

fn places_of_version_2(images: &Images) -> Outcome {
    let services = Services::new()?;
    services
        .script("/etc/cont-init.d/a", "#!/usr/bin/with-contenv sh\necho /usr/bin/with-contenv $WORD\n")?
        .script(
            "/etc/services.d/legacy/run",
            "#!/usr/bin/with-contenv sh\necho new >/var/run/s6/container_environment/NEW\nexec sleep 100000\n",
        )?
        .script(
            "/etc/services.d/legacy/finish",
            "#!/usr/bin/execlineb -S0\nif { s6-test ${1} -ne 0 }\nfdmove -c 1 2\necho finish ${1} ${2}\n",
        )?
        .script(
            "/stops",
            "#!/usr/bin/with-contenv sh\nuntil test -s /run/s6/container_environment/NEW; do sleep 0.02; done\n\
             cat /var/run/s6/container_environment/WORD; echo\ns6-svstat /var/run/s6/services/legacy\n\
             s6-svscanctl -t /var/run/s6/services\nexec sleep 100000\n",
        )?;
    let sandbox = images.small(&services, &["/stops"]).env("WORD", "given");
    ends(&sandbox, 0, &["/usr/bin/with-contenv given", "given", "up (pid", "finish 256 15"])?;
    // Where /bin is /usr/bin, there too.
    let services = Services::new()?;
    services.script("/etc/cont-init.d/a", "#!/bin/with-contenv sh\necho /bin/with-contenv $WORD\n")?;
    let merged = images.on(Path::new("/"), services.path(), &["true"]).env("WORD", "given");
    ends(&merged, 0, &["/bin/with-contenv given"])?;
    Ok(())
}

fn with_retries(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/third", "#!/bin/sh\necho try >>/tries\ntest $(grep -c try /tries) = 3\n")?;
    let count = |command: &str| format!("with-retries {command}; echo code $?; cat /tries | wc -l");
    ends(&images.small(&services, &["sh", "-c", &count("-n 5 -t 10000 /third")]), 0, &["code 0", "3"])?;
    ends(&images.small(&services, &["sh", "-c", &count("-n 2 -t 10000 /third")]), 0, &["code 1", "2"])?;
    let slow = "with-retries -n 2 -t 20 sleep 100000; echo code $?";
    ends(&images.small(&services, &["sh", "-c", slow]), 0, &["code 1"])?;
    Ok(())
}
