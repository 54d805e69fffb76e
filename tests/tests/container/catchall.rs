//! The catch-all log: S6_LOGGING, S6_CATCHALL_USER, and the parts of S6_LOGGING_SCRIPT that count for it.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::time::Duration;

use libtest_mimic::Failed;
use sandbox::{Container, Sandbox, Streams};
use tests::services::Services;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("catchall::what_goes_where", what_goes_where),
    ("catchall::owners_and_modes", owners_and_modes),
    ("catchall::nothing_is_lost_at_the_end", nothing_is_lost_at_the_end),
    ("catchall::rotation", rotation),
    ("catchall::a_volume_keeps_its_logs", a_volume_keeps_its_logs),
    ("catchall::values_that_are_none", values_that_are_none),
];

/// What a container left: its code, its streams, and all files of the log in their order.
struct Left {
    code: Option<u8>,
    streams: [String; 2],
    log: Vec<String>,
}

/// Boots, waits until the command reports that it is up, and examines what is left.
fn boot(sandbox: &Sandbox, stops: bool) -> Result<Left, Failed> {
    let sandbox = sandbox.clone().env("S6_VERBOSITY", "1").streams(Streams::Capture);
    let container = sandbox.start()?;
    let root = format!("/proc/{}/root/run", container.pid());
    let until = ["/bin/sh", "-c", "until [ -e /run/up ]; do usleep 1000; done"];
    same(
        container.exec(until).start()?.output(Duration::from_secs(60))?.code,
        Some(0),
        "the command isn't up",
    )?;
    // It outlives the container and its file systems.
    let log = File::open(format!("{root}/uncaught-logs")).ok();
    if stops {
        container.stop()?;
    } else {
        fs::write(format!("{root}/go"), "")?;
    }
    finish(container, log.as_ref())
}

fn finish(container: Container, log: Option<&File>) -> Result<Left, Failed> {
    let output = container.output(Duration::from_secs(90))?;
    let folder = log.map(|log| fs::read_dir(format!("/proc/self/fd/{}", log.as_raw_fd()))).transpose()?;
    let mut files: Vec<_> = folder.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    // Archives begin with @, which comes before the current one.
    files.retain(|file| {
        file.file_name().is_some_and(|n| n == "current" || n.to_string_lossy().starts_with('@'))
    });
    files.sort();
    let mut log = String::new();
    for file in files {
        log.push_str(&fs::read_to_string(file)?);
    }
    Ok(Left {
        code: output.code,
        streams: [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s).into_owned()),
        log: log.lines().map(|line| line.get(31..).unwrap_or(line).to_owned()).collect(),
    })
}

/// What a container of [`talkative`] prints besides its command, each line once.
const SAID: [&str; 9] = [
    "from the hook",
    "initializes",
    "goes up",
    "an output",
    "an error",
    "an old one",
    "said at its end",
    "goes down",
    "finishes",
];

/// A service, a oneshot, scripts and a hook that talk, from the beginning to the end.
fn talkative() -> Result<Services, Failed> {
    let services = Services::new()?;
    services.oneshot("once", &["base"], "echo goes up", "echo goes down")?;
    let run = "#!/bin/sh\ntrap 'echo said at its end; exit' TERM\necho an output\necho an error >&2\necho >&3\n\
               while :; do sleep 100000 & wait $!; done\n";
    services.longrun("talks", &["base"], run)?.define("talks", "notification-fd", "3")?;
    let run = "#!/bin/sh\necho an old one\n: >/run/old\nexec sleep 100000\n";
    services.script("/etc/services.d/old/run", run)?;
    services.script("/hook", "#!/bin/sh\necho from the hook\n")?;
    services.script("/etc/cont-init.d/10-a", "#!/bin/sh\necho initializes >&2\n")?;
    services.script("/etc/cont-finish.d/10-b", "#!/bin/sh\necho finishes\n")?;
    Ok(services)
}

const COMMAND: [&str; 3] = [
    "sh",
    "-c",
    "until [ -e /run/old ]; do usleep 1000; done; echo the command; echo its error >&2; : >/run/up; \
     until [ -e /run/go ]; do usleep 1000; done; echo the last word",
];

fn what_goes_where(images: &Images) -> Outcome {
    let services = talkative()?;
    let sandbox = images.small(&services, &COMMAND).env("S6_STAGE2_HOOK", "/hook");
    let commands = ["the command", "its error", "the last word"];
    for user in [None, Some(1234)] {
        for read_only in [false, true] {
            for level in ["0", "1", "2"] {
                let mut sandbox = sandbox.clone().read_only(read_only).env("S6_LOGGING", level);
                if let Some(user) = user {
                    sandbox =
                        sandbox.user(user, user).prepare(["/bin/sh", "-c", &format!("chown {user} /run")]);
                }
                let left = boot(&sandbox, false)?;
                let [out, err] = &left.streams;
                let case = format!("{user:?} {read_only} {level}\n{out}--\n{err}--\n{}", left.log.join("\n"));
                same(left.code, Some(0), &case)?;
                let count = |text: &str, line: &str| text.lines().filter(|l| *l == line).count();
                for line in SAID.iter().chain(&commands) {
                    let logged = left.log.iter().filter(|l| l == line).count();
                    let counts = (count(out, line) + count(err, line), logged);
                    let want = match level {
                        "0" => (1, 0),
                        "1" => (1, 1),
                        _ => (0, 1),
                    };
                    same(counts, want, &format!("{line}: {case}"))?;
                }
                // With 0 each stream is itself; with 1 all that is shown is on standard error.
                same(out.is_empty(), level != "0", &case)?;
                same(count(err, "an output"), usize::from(level == "1"), &case)?;
                // The last ones print after the command.
                let at = |line: &str| left.log.iter().position(|l| l == line);
                same(at("the last word") < at("said at its end") || level == "0", true, &case)?;
                same(at("said at its end") < at("finishes") || level == "0", true, &case)?;
            }
        }
    }
    Ok(())
}

fn owners_and_modes(images: &Images) -> Outcome {
    let cmd = "until [ -s /run/uncaught-logs/current ]; do usleep 1000; done\n\
               cd /run/uncaught-logs; stat -c '%n %a %u:%g' . * >/run/seen\n\
               until p=$(s6-svstat -o pid /run/service/s6-svscan-log); [ $p -gt 0 ]; do usleep 1000; done\n\
               grep -E '^(Uid|Gid|Groups)' /proc/$p/status | tr '\\t' ' ' >>/run/seen; cp /run/seen current-seen; : >/run/up\n\
               until [ -e /run/go ]; do usleep 1000; done; cat /run/seen >&2";
    let services = Services::new()?;
    services.longrun("talks", &["base"], "#!/bin/sh\necho an output\nexec sleep 100000\n")?;
    let sandbox = images.small(&services, &["sh", "-c", cmd]).env("S6_LOGGING", "1");
    let as_user = sandbox.clone().user(1234, 1234).prepare(["/bin/sh", "-c", "chown 1234 /run"]);
    for (sandbox, id) in [
        (sandbox.clone(), 0),
        (sandbox.clone().env("S6_CATCHALL_USER", "root"), 0),
        (sandbox.clone().env("S6_CATCHALL_USER", "daemon"), 2),
        (as_user.clone(), 1234),
        (as_user.env("S6_CATCHALL_USER", "daemon"), 1234),
    ] {
        let left = boot(&sandbox, false)?;
        let all = left.streams.concat();
        let lines: Vec<&str> = all.lines().collect();
        for want in [
            format!(". 2750 {id}:{id}"),
            format!("current 644 {id}:{id}"),
            format!("Uid: {id} {id} {id} {id}"),
            format!("Gid: {id} {id} {id} {id}"),
        ] {
            same(lines.contains(&want.as_str()), true, &format!("{want}:\n{all}"))?;
        }
        same(lines.iter().any(|line| line.contains("S6_CATCHALL_USER has no effect")), false, &all)
            .or_else(|why| if id == 1234 { Ok(()) } else { Err(why) })?;
    }
    Ok(())
}

/// Lines that are written when everything ends are all there, once and in order.
fn nothing_is_lost_at_the_end(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run =
        "#!/bin/sh\ntrap 'seq 1 20000; exit' TERM\necho >&3\nwhile :; do sleep 100000 & wait $!; done\n";
    services.longrun("talks", &["base"], run)?.define("talks", "notification-fd", "3")?;
    services.script("/etc/cont-finish.d/a", "#!/bin/sh\nseq 20001 30000\nprintf 'an end'\n")?;
    // It is no service, and prints a line when all processes get TERM.
    let cmd =
        "(trap 'seq 30001 33000; exit' TERM; : >/run/up; while :; do sleep 100000 & wait $!; done) & wait";
    let sandbox = images.small(&services, &["sh", "-c", cmd]).env("S6_LOGGING_SCRIPT", "n100 s100000 T");
    for level in ["1", "2"] {
        let left = boot(&sandbox.clone().env("S6_LOGGING", level), true)?;
        let numbers = |lines: &mut dyn Iterator<Item = &str>| {
            lines.filter_map(|line| line.trim_start_matches("an end").parse::<u32>().ok()).collect::<Vec<_>>()
        };
        let want: Vec<u32> = (1..=33_000).collect();
        let logged = numbers(&mut left.log.iter().map(String::as_str));
        same((logged.len(), logged == want), (33_000, true), level)?;
        same(left.log.iter().filter(|line| line.starts_with("an end")).count(), 1, level)?;
        let shown =
            numbers(&mut left.streams[1].lines().map(|line| line.rsplit("  ").next().unwrap_or(line)));
        same(shown.len(), if level == "1" { 33_000 } else { 0 }, &format!("shown with {level}"))?;
    }
    Ok(())
}

/// Of the logging script, the limits count here; selections and destinations don't.
fn rotation(images: &Images) -> Outcome {
    let services = Services::new()?;
    let cmd = "seq 1 5000; until grep -q '5000$' /run/uncaught-logs/current; do usleep 1000; done\n\
               cd /run/uncaught-logs; ls | grep -c @ >/run/archives; wc -c @* | sort -n | tail -2 | head -1 >>/run/archives\n\
               : >/run/up; until [ -e /run/go ]; do usleep 1000; done";
    let sandbox = images.small(&services, &["sh", "-c", cmd]).env("S6_LOGGING", "2");
    for (script, archives) in [("n3 s4096 T", 3), ("1 -. n5 s4096 !false T /tmp/elsewhere", 5)] {
        let sandbox = sandbox.clone().env("S6_LOGGING_SCRIPT", script);
        let container = sandbox.env("S6_VERBOSITY", "1").streams(Streams::Capture).start()?;
        let until = "until [ -e /run/up ]; do usleep 1000; done; cat /run/archives; : >/run/go";
        let seen = container.exec(["/bin/sh", "-c", until]).streams(Streams::Capture);
        let seen = seen.start()?.output(Duration::from_secs(60))?;
        let text = String::from_utf8_lossy(&seen.stdout).into_owned();
        let mut lines = text.lines();
        same(lines.next().and_then(|n| n.parse().ok()), Some(archives), &format!("{script}: {text}"))?;
        let largest = lines.next().and_then(|l| l.split_whitespace().next()?.parse::<u32>().ok());
        same(largest.is_some_and(|n| n <= 4096), true, &format!("{script}: {text}"))?;
        let output = container.output(Duration::from_secs(90))?;
        let said = [output.stdout, output.stderr].concat();
        same((output.code, said.is_empty()), (Some(0), true), &String::from_utf8_lossy(&said))?;
    }
    Ok(())
}

fn a_volume_keeps_its_logs(images: &Images) -> Outcome {
    let services = Services::new()?;
    let mounts = "mkdir -p /run/uncaught-logs; mount -t tmpfs tmpfs /run/uncaught-logs; echo before >/run/uncaught-logs/current";
    let cmd = "echo the command; until grep -q 'the command' /run/uncaught-logs/current; do usleep 1000; done; : >/run/up; until [ -e /run/go ]; do usleep 1000; done";
    let sandbox = images.small(&services, &["sh", "-c", cmd]).prepare(["/bin/sh", "-c", mounts]);
    let left = boot(&sandbox.env("S6_LOGGING", "2"), false)?;
    same(left.code, Some(0), &left.streams.concat())?;
    same((left.log.first().map(String::as_str), left.log.len()), (Some("before"), 2), &left.log.join("\n"))
}

/// One line names the variable, and what to set.
fn values_that_are_none(images: &Images) -> Outcome {
    let services = Services::new()?;
    let sandbox = images.small(&services, &["echo", "the command"]);
    let end = |sandbox: &Sandbox| -> Result<(Option<u8>, String), Failed> {
        let container = sandbox.clone().env("S6_VERBOSITY", "1").streams(Streams::Together).start()?;
        let output = container.output(Duration::from_secs(60))?;
        Ok((output.code, String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    for (value, level) in [("7", "2"), ("yes", "0"), ("-1", "0")] {
        let (code, said) = end(&sandbox.clone().env("S6_LOGGING", value))?;
        let want = format!("S6_LOGGING is {value}, which counts as {level}: set it to 0");
        same((code, said.matches(&want).count()), (Some(0), 1), &said)?;
        same(said.contains("the command"), level == "0", &said)?;
    }
    let unknown = sandbox.clone().env("S6_CATCHALL_USER", "nosuch").env("S6_LOGGING", "1");
    let (code, said) = end(&unknown)?;
    let want = "init: fatal: S6_CATCHALL_USER is nosuch, but /etc/passwd has no such user: add it to the image, or name another one\n";
    same((code, said.as_str()), (Some(100), want), "")?;
    // Without the log it isn't needed.
    let (code, said) = end(&sandbox.env("S6_CATCHALL_USER", "nosuch"))?;
    same((code, said.as_str()), (Some(0), "the command\n"), "")
}
