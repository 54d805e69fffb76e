//! Services that are ready when what their definitions say holds, and that are looked after then.

use std::time::Duration;

use libtest_mimic::Failed;
use sandbox::Streams;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, in_both_layouts, same};

pub const TESTS: &[(&str, Test)] = &[
    ("probes::each_word_makes_a_service_ready", each_word_makes_a_service_ready),
    ("probes::a_service_of_services_d_is_probed_too", a_service_of_services_d_is_probed_too),
    ("probes::what_is_never_ready_is_told", what_is_never_ready_is_told),
    ("probes::a_killed_attendant_loses_nothing", a_killed_attendant_loses_nothing),
    ("probes::an_unhealthy_service_is_restarted", an_unhealthy_service_is_restarted),
    ("probes::an_unhealthy_service_gets_its_signal", an_unhealthy_service_gets_its_signal),
    ("probes::an_unhealthy_service_stops_the_container", an_unhealthy_service_stops_the_container),
    ("probes::they_work_wherever_a_container_runs", they_work_wherever_a_container_runs),
    ("probes::an_image_that_asks_for_nothing_has_none", an_image_that_asks_for_nothing_has_none),
    ("probes::what_sd_notify_says_counts", what_sd_notify_says_counts),
    ("probes::hostile_peers_cost_time_and_memory_within_bounds", hostile_peers_cost_within_bounds),
];

/// How long a step may take.  None does.
const LIMIT: Duration = Duration::from_secs(60);

/// Definitions of services, each with `ready` and a service that needs it and says so.
fn services(all: &[(&str, &str, &str)]) -> Result<Services, Failed> {
    let services = Services::new()?;
    for (name, ready, run) in all {
        services.longrun(name, &["base"], run)?;
        services.define(name, "ready", ready)?;
        let user = format!("{name}-user");
        services.oneshot(&user, &[name], &format!("echo {name} is ready"), "")?;
    }
    Ok(services)
}

/// What a command prints in the container.
fn printed(t: &Transcript, words: &[&str]) -> Result<String, Failed> {
    let command = t.container().exec(words.iter().copied()).env("PATH", "/command:/bin");
    let output = command.streams(Streams::Together).start()?.output(LIMIT)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn stop(t: &mut Transcript) -> Outcome {
    t.container().stop()?;
    same(t.finish()?, 0, &t.text())
}

fn each_word_makes_a_service_ready(images: &Images) -> Outcome {
    let services = services(&[
        ("listens", "listen 7001", "#!/bin/sh\nexec nc -ll -p 7001 -e /bin/true\n"),
        ("takes", "tcp 127.0.0.1:7002", "#!/bin/sh\nexec nc -ll -p 7002 -e /bin/true\n"),
        (
            "answers",
            "http http://127.0.0.1:7003/up",
            "#!/bin/sh\nmkdir -p /run/www\necho >/run/www/up\nexec httpd -f -p 7003 -h /run/www\n",
        ),
        (
            "touches",
            "file /run/touched",
            "#!/bin/sh\ntest ! -e /run/touched || exit 3\n>/run/touched\nexec sleep 100000\n",
        ),
        ("says", "log ^Ready to [a-z]+$", "#!/bin/sh\necho starts\necho Ready to serve\nexec sleep 100000\n"),
        ("asks", "exec ./data/check one", "#!/bin/sh\nexec sleep 100000\n"),
        ("writes", "fd 5", "#!/bin/sh\necho >&5\nexec sleep 100000\n"),
        (
            "several",
            "fd 4\nlog ^up\nfile /run/several",
            "#!/bin/sh\n>/run/several\necho up\necho >&4\nexec 4>&-\nexec sleep 100000\n",
        ),
    ])?;
    let check = format!("{DEFINITIONS}/asks/data/check");
    services.script(&check, "#!/bin/sh\ntest $1 = one && test -e /run/touched && test $PWD != /\n")?;
    in_both_layouts(&images.small(&services, &[]), |t| {
        for name in ["listens", "takes", "answers", "touches", "says", "asks", "writes", "several"] {
            t.wait_for(&format!("{name} is ready"))?;
        }
        t.wait_for("Ready to serve")?;
        let shown = printed(t, &["s6-svstat", "-o", "up,ready", "/run/service/says"])?;
        same(shown.trim(), "true true", &t.text())?;
        stop(t)
    })
}

fn a_service_of_services_d_is_probed_too(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/etc/services.d/old/run", "#!/bin/sh\n>/run/old\nexec sleep 100000\n")?;
    services.file("/etc/services.d/old/ready", "file /run/old\n")?;
    let sandbox = images.small(&services, &["echo", "the CMD runs"]).env("S6_CMD_WAIT_FOR_SERVICES", "1");
    in_both_layouts(&sandbox, |t| {
        same(t.finish()?, 0, &t.text())?;
        same(t.contains("the CMD runs"), true, &t.text())
    })
}

fn what_is_never_ready_is_told(images: &Images) -> Outcome {
    let services = services(&[
        ("first", "listen 7001", "#!/bin/sh\nexec nc -ll -p 7001 -e /bin/true\n"),
        ("deaf", "listen 7009", "#!/bin/sh\nexec sleep 100000\n"),
        ("refused", "tcp 127.0.0.1:7010", "#!/bin/sh\nexec sleep 100000\n"),
        ("fails", "exec ./data/check", "#!/bin/sh\nexec sleep 100000\n"),
    ])?;
    services.longrun("second", &["first"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.define("second", "ready", "listen 7001\n")?;
    services.script(&format!("{DEFINITIONS}/fails/data/check"), "#!/bin/sh\necho no way >&2\nexit 7\n")?;
    for name in ["deaf", "refused", "fails", "second"] {
        services.define(name, "timeout-up", "1500\n")?;
    }
    in_both_layouts(&images.small(&services, &[]), |t| {
        t.wait_for("deaf: timed out")?;
        for text in [
            "listen 7009: nobody listens",
            "tcp 127.0.0.1:7010: connection refused",
            "exec ./data/check exited 7: no way",
            "port 7001 is taken by pid ",
        ] {
            t.wait_for(text)?;
        }
        stop(t)
    })
}

fn a_killed_attendant_loses_nothing(images: &Images) -> Outcome {
    let run = "#!/bin/sh\nn=0\nwhile [ $n -lt 3000 ]; do\n  n=$((n + 1))\n  echo line $n\ndone\n\
        while [ ! -e /run/go ]; do sleep 0.01; done\necho Ready\nn=0\nwhile [ $n -lt 3000 ]; do\n  n=$((n + 1))\n  \
        echo more $n\ndone\necho done\nexec sleep 100000\n";
    let services = services(&[
        ("talks", "log ^Ready", run),
        ("waits", "file /run/go", "#!/bin/sh\nexec sleep 100000\n"),
    ])?;
    in_both_layouts(&images.small(&services, &[]), |t| {
        t.wait_for("line 1")?;
        let kill = "for n in 1 2 3; do s6-svc -wr -T 10000 -k /run/service/s6-overlay-probes; done";
        printed(t, &["/bin/sh", "-c", kill])?;
        t.wait_for("line 3000")?;
        printed(t, &["/bin/sh", "-c", &format!("{kill}; >/run/go; {kill}")])?;
        for text in ["talks is ready", "waits is ready"] {
            t.wait_for(text)?;
        }
        t.wait_until(|lines| lines.iter().any(|line| line.trim_end() == "done"))?;
        let said: Vec<&str> = t.lines().iter().map(|line| line.trim_end()).collect();
        for word in ["line", "more"] {
            let numbers: Vec<u32> =
                said.iter().filter_map(|l| l.strip_prefix(word)?.trim().parse().ok()).collect();
            same(numbers, (1..=3000).collect(), "all lines, once and in order")?;
        }
        stop(t)
    })
}

/// A service that says that it starts, and a check of it that fails once `/run/sick` is there.
fn mortal(run: &str) -> Result<Services, Failed> {
    let services = Services::new()?;
    services.longrun("mortal", &["base"], run)?;
    for (file, text) in [
        ("live", "exec ./data/check\n"),
        ("live-period", "50\n"),
        ("live-threshold", "2\n"),
        ("timeout-kill", "60000\n"),
    ] {
        services.define("mortal", file, text)?;
    }
    let check = "#!/bin/sh\ntest ! -e /run/sick || { echo sick; exit 1; }\n";
    services.script(&format!("{DEFINITIONS}/mortal/data/check"), check)?;
    Ok(services)
}

fn an_unhealthy_service_is_restarted(images: &Images) -> Outcome {
    let services = mortal("#!/bin/sh\nrm -f /run/sick\necho mortal starts\nexec sleep 100000\n")?;
    in_both_layouts(&images.small(&services, &[]), |t| {
        t.wait_for("mortal starts")?;
        printed(t, &["/bin/sh", "-c", ">/run/sick"])?;
        t.wait_for("s6-overlay-probes: warning: mortal is unhealthy: exec ./data/check exited 1: sick")?;
        t.wait_until(|lines| lines.iter().filter(|line| line.trim_end() == "mortal starts").count() == 2)?;
        stop(t)
    })
}

fn an_unhealthy_service_stops_the_container(images: &Images) -> Outcome {
    let services = mortal("#!/bin/sh\nexec sleep 100000\n")?;
    services.define("mortal", "on-unhealthy", "stop\n")?;
    in_both_layouts(&images.small(&services, &["/bin/sh", "-c", ">/run/sick; exec sleep 100000"]), |t| {
        same(t.finish()?, 143, &t.text())?;
        t.in_order(&[
            "mortal is unhealthy: exec ./data/check exited 1: sick",
            "ended because it was unhealthy",
            "on-unhealthy: the container stops with code 143",
        ])?;
        Ok(())
    })
}

/// As another user on a read-only root, and below an init of the engine.
fn they_work_wherever_a_container_runs(images: &Images) -> Outcome {
    let services = services(&[
        ("listens", "listen 7001", "#!/bin/sh\nexec nc -ll -p 7001 -e /bin/true\n"),
        ("says", "log ^Ready to [a-z]+$", "#!/bin/sh\necho Ready to serve\nexec sleep 100000\n"),
        ("asks", "exec ./data/check", "#!/bin/sh\necho $$ >/run/app/up\nexec sleep 100000\n"),
        ("touches", "file /run/app/touched", "#!/bin/sh\n>/run/app/touched\nexec sleep 100000\n"),
        ("writes", "fd 5", "#!/bin/sh\necho >&5\nexec sleep 100000\n"),
        ("lives", "exec true", "#!/bin/sh\nrm -f /run/app/sick\necho life begins\nexec sleep 100000\n"),
    ])?;
    // The check is the service's user, in its directory.
    let check = "#!/bin/sh\ntest $(id -u) = $(stat -c %u /proc/$(cat /run/app/up)) && test -e ./data/check\n";
    services.script(&format!("{DEFINITIONS}/asks/data/check"), check)?;
    for (file, text) in [("live", "exec test ! -e /run/app/sick\n"), ("live-period", "50\n")] {
        services.define("lives", file, text)?;
    }
    services.script("/docker-init", "#!/bin/sh\n/init &\ntrap 'kill -TERM $!' TERM\nwait\nwait $!\n")?;
    let prepare = |user: u32| {
        ["/bin/sh".to_owned(), "-c".to_owned(), format!("mkdir /run/app; chown {user} /run /run/app")]
    };
    let root = images.small(&services, &[]);
    let below = root.clone().command(["/docker-init"]).prepare(prepare(0));
    let confined = root.user(1000, 1000).read_only(true).prepare(prepare(1000));
    for sandbox in [below, confined] {
        in_both_layouts(&sandbox, |t| {
            for name in ["listens", "says", "asks", "touches", "writes", "lives"] {
                t.wait_for(&format!("{name} is ready"))?;
            }
            printed(t, &["/bin/sh", "-c", ">/run/app/sick"])?;
            t.wait_for("lives is unhealthy: exec test ! -e /run/app/sick exited 1")?;
            t.wait_until(|lines| lines.iter().filter(|line| line.trim_end() == "life begins").count() == 2)?;
            stop(t)
        })?;
    }
    Ok(())
}

fn an_unhealthy_service_gets_its_signal(images: &Images) -> Outcome {
    let run = "#!/bin/sh\nrm -f /run/sick\ntrap 'echo mortal got USR1; exit 3' USR1\necho mortal starts\n\
        while :; do sleep 0.05; done\n";
    let services = mortal(run)?;
    services.define("mortal", "on-unhealthy", "signal SIGUSR1\n")?;
    in_both_layouts(&images.small(&services, &[]), |t| {
        t.wait_for("mortal starts")?;
        printed(t, &["/bin/sh", "-c", ">/run/sick"])?;
        t.wait_for("mortal got USR1")?;
        t.wait_until(|lines| lines.iter().filter(|line| line.trim_end() == "mortal starts").count() == 2)?;
        stop(t)
    })
}

fn an_image_that_asks_for_nothing_has_none(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("plain", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    in_both_layouts(&images.small(&services, &["ls", "-a", "/run/service", "/run/s6-overlay"]), |t| {
        same(t.finish()?, 0, &t.text())?;
        same(["probes", "notify", "attended"].iter().any(|name| t.contains(name)), false, &t.text())
    })
}

/// Says something by the protocol of sd_notify(3), as libsystemd does.
pub(crate) const NOTIFY: &str = "#!/usr/bin/python3
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if len(sys.argv) > 2:
    os.setuid(int(sys.argv[2]))
s.sendto(sys.argv[1].replace('\\\\n', '\\n').encode(), os.environ['NOTIFY_SOCKET'])
";

fn what_sd_notify_says_counts(images: &Images) -> Outcome {
    let run = "#!/bin/sh\nmkfifo /run/gate\ncat /run/gate\n/say \"STATUS=3 of 4 workers\nREADY=1\"\n\
        exec sleep 100000\n";
    let services = services(&[("notes", "notify", run)])?;
    services.script("/say", NOTIFY)?;
    let sandbox = images.on(std::path::Path::new("/"), services.path(), &[]);
    in_both_layouts(&sandbox, |t| {
        // A process that isn't the service's, of another user.
        let forge = "until test -p /run/gate; do sleep 0.01; done; cd /run/s6-overlay\n\
            NOTIFY_SOCKET=$(echo $PWD/notify/*) /say 'READY=1\nSTATUS=forged' 65534\n\
            cat attended/notes; echo >/run/gate";
        let before = printed(t, &["/bin/sh", "-c", forge])?;
        same(before.contains("ready notify: READY=1 hasn't come yet\n"), true, &before)?;
        t.wait_for("notes is ready")?;
        let shown = printed(t, &["cat", "/run/s6-overlay/attended/notes"])?;
        same(shown.contains("\nready yes\nstatus 3 of 4 workers\n"), true, &shown)?;
        stop(t)
    })
}

/// A line of 1 MB, and then one that counts.
const LONG: &str = "#!/usr/bin/python3
import sys, time
sys.stdout.write('x' * 1_000_000 + '\\nReady\\n')
sys.stdout.flush()
time.sleep(100000)
";

/// A server that answers the first connection a byte at a time without end, and the next ones well.
const SLOW: &str = "#!/usr/bin/python3
import socket, threading, time
server = socket.create_server(('127.0.0.1', 7020))
def drip(peer):
    try:
        while True:
            peer.send(b'H')
            time.sleep(0.05)
    except OSError:
        pass
peer, _ = server.accept()
threading.Thread(target=drip, args=(peer,), daemon=True).start()
while True:
    peer, _ = server.accept()
    peer.recv(9999)
    peer.send(b'HTTP/1.1 200 OK\\r\\n\\r\\n')
    peer.close()
";

/// Ten thousand messages of nobody, at each of the attendant's sockets.
const FLOOD: &str = "#!/usr/bin/python3
import glob, os, socket
os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setblocking(False)
for path in glob.glob('/run/s6-overlay/notify/*') + ['/run/s6-overlay/probes']:
    for n in range(10000):
        try:
            s.sendto(b'READY=1\\nSTATUS=' + b'y' * 5000, path)
        except OSError:
            pass
";

fn hostile_peers_cost_within_bounds(images: &Images) -> Outcome {
    let services = services(&[
        ("long", "log ^Ready$", "#!/bin/sh\nexec /long\n"),
        ("slow", "http http://127.0.0.1:7020/", "#!/bin/sh\nexec /slow\n"),
        ("noted", "notify", "#!/bin/sh\nmkfifo /run/gate\ncat /run/gate\n/say READY=1\nexec sleep 100000\n"),
    ])?;
    services.define("slow", "ready-check-timeout", "300\n")?;
    for (name, text) in [("/long", LONG), ("/slow", SLOW), ("/flood", FLOOD), ("/say", NOTIFY)] {
        services.script(name, text)?;
    }
    let sandbox = images.on(std::path::Path::new("/"), services.path(), &[]);
    in_both_layouts(&sandbox, |t| {
        let script = "until test -p /run/gate; do sleep 0.01; done; /flood; cat /run/s6-overlay/attended/noted\n\
            echo >/run/gate";
        let before = printed(t, &["/bin/sh", "-c", script])?;
        same(before.contains("ready notify: READY=1 hasn't come yet\n"), true, &before)?;
        for name in ["noted", "slow", "long"] {
            t.wait_for(&format!("{name} is ready"))?;
        }
        let script = "grep VmHWM /proc/$(s6-svstat -o pid /run/service/s6-overlay-probes)/status";
        let peak = printed(t, &["/bin/sh", "-c", script])?;
        let kilobytes: Option<u32> = peak.split_whitespace().nth(1).and_then(|word| word.parse().ok());
        same(kilobytes.is_some_and(|count| count < 8192), true, &peak)?;
        stop(t)
    })
}
