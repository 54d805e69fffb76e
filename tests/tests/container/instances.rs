//! Services that there are several of: how many, what each one is told, and other numbers in a running container.

use std::time::Duration;

use libtest_mimic::Failed;
use sandbox::{Container, Sandbox, Streams};
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::status::says;
use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("instances::each_is_told_which_it_is", each_is_told_which_it_is),
    ("instances::other_numbers_keep_those_that_stay", other_numbers_keep_those_that_stay),
    ("instances::a_hundred_times_up_and_down", a_hundred_times_up_and_down),
    ("instances::a_scale_that_cannot_be_touches_nothing", a_scale_that_cannot_be_touches_nothing),
];

/// A worker that tells which it is, whenever it starts or ends, and is ready at once.
const WORKER: &str = "#!/bin/sh\necho \"begins $INSTANCE of $INSTANCES in ${PWD##*/} as $1\"\necho >&3\nexec 3>&-\nexec sleep 100000\n";

/// The two layouts of supervision of a container.
fn layouts(sandbox: &Sandbox) -> [Sandbox; 2] {
    ["1", "0"].map(|processes| {
        let sandbox = sandbox.clone().env("S6_SUPERVISE_PROCESSES", processes);
        sandbox.env("S6_KILL_GRACETIME", "100").env("S6_VERBOSITY", "3")
    })
}

/// Workers, as many as a file says.
fn workers(instances: &str) -> Result<Services, Failed> {
    let services = Services::new()?;
    services.define("worker@", "type", "longrun\n")?.define("worker@", "instances", instances)?;
    services.define("worker@", "dependencies.d/base", "")?.define("worker@", "notification-fd", "3\n")?;
    services.script(&format!("{DEFINITIONS}/worker@/run"), WORKER)?;
    services.script(
        &format!("{DEFINITIONS}/worker@/finish"),
        "#!/command/with-contenv sh\necho \"ends $INSTANCE of $INSTANCES: $1 $2 $3\"\n",
    )?;
    services.wanted("worker")?;
    Ok(services)
}

fn boot(sandbox: &Sandbox) -> Result<Transcript, Failed> {
    let mut t = Transcript::start(sandbox)?;
    t.wait_for("service legacy-services successfully started")?;
    Ok(t)
}

/// The script's exit code and what it wrote; it runs as `docker exec` would run it.
fn shell(container: &Container, script: &str) -> Result<(u8, String), Failed> {
    let shell = container.exec(["sh", "-c", script]).env("PATH", "/command:/usr/bin:/bin");
    let output = shell.streams(Streams::Together).start()?.output(Duration::from_secs(240))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.code.ok_or("the shell never ended")?, text))
}

fn each_is_told_which_it_is(images: &Images) -> Outcome {
    let services = workers("# as many as asked for\n${WORKERS:-2}\n")?;
    services.define("prepare@", "type", "oneshot\n")?.define("prepare@", "instances", "worker@\n")?;
    services.define("prepare@", "up", "/prepare %i\n")?;
    services.script("/prepare", "#!/bin/sh\necho \"prepares $1, which is $INSTANCE of $INSTANCES\"\n")?;
    services.define("worker@", "dependencies.d/prepare@%i", "")?;
    let image = images.small(&services, &[]);
    for (workers, names) in [("", ["1", "2"]), ("mail import", ["mail", "import"])] {
        for run in ["mode=0755", "mode=0755,noexec"] {
            for sandbox in layouts(&image.clone().run_options(run).env("WORKERS", workers)) {
                let mut t = boot(&sandbox)?;
                for name in names {
                    t.in_order(&[
                        &format!("prepares {name}, which is {name} of 2"),
                        &format!("begins {name} of 2 in worker@{name} as worker@{name}"),
                    ])?;
                }
                let [first, second] = names;
                let lines = [format!("worker@{first}\t"), format!("worker@{second}\t")];
                says(&t, &["status", "--plain", "worker"], 0, &[&lines[0], &lines[1]])?;
                let stopped = format!("worker@{first}: stopped");
                says(&t, &["stop", &format!("worker@{first}")], 0, &[&stopped])?;
                t.wait_for(&format!("ends {first} of 2: 256 15 worker@{first}"))?;
                t.container().stop()?;
                t.finish()?;
                t.wait_for(&format!("ends {second} of 2: 256 15 worker@{second}"))?;
            }
        }
    }
    for workers in ["0", "%"] {
        let [sandbox, _] = layouts(&image.clone().env("WORKERS", workers));
        let mut t = Transcript::start(&sandbox)?;
        if workers == "0" {
            t.wait_for("service legacy-services successfully started")?;
            says(&t, &["health"], 0, &[])?;
            t.container().stop()?;
        }
        let code = t.finish()?;
        let text = "worker@/instances:2:1: the variable WORKERS doesn't say how many: \"%\" is not the name of an instance";
        same(
            (code == 1, t.contains(text), t.contains("begins")),
            (workers == "%", workers == "%", false),
            &t.text(),
        )?;
    }
    Ok(())
}

fn other_numbers_keep_those_that_stay(images: &Images) -> Outcome {
    let services = workers("$WORKERS\n")?;
    services.longrun("web", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    for sandbox in layouts(&images.small(&services, &[]).env("WORKERS", "2")) {
        let mut t = boot(&sandbox)?;
        let script = "pids() { for one in \"$@\"; do s6-svstat -o up,pid /run/service/$one; done; }
            pids worker@1 worker@2 web >/tmp/before; s6-overlay scale worker=4; echo code $?
            pids worker@1 worker@2 web | cmp - /tmp/before && pids worker@3 worker@4 | grep -c true
            s6-overlay reload; cat /run/s6/scaled
            s6-overlay scale worker@=1; echo code $?; ls /run/service | grep worker
            pids worker@1 web >/tmp/after; sed 2d /tmp/before | cmp - /tmp/after
            s6-overlay stop worker@1 >/dev/null; s6-overlay scale worker=1; s6-svstat -o up /run/service/worker@1
            s6-overlay scale worker=many 2>&1; s6-overlay scale worker=0 >/dev/null
            s6-overlay scale worker='mail import'; ls /run/service | grep worker; s6-overlay scale worker=2 2>&1
            echo 7000 >{web}/timeout-up; s6-overlay scale worker=mail 2>&1; cat /run/s6/scaled
            s6-overlay reload; s6-overlay scale worker=mail; echo code $?"
            .replace("{web}", &format!("{DEFINITIONS}/web"));
        let (code, text) = shell(t.container(), &script)?;
        let expected = "worker@3: added\nworker@4: added\ncode 0\n2\nno definition has changed\nworker=4\n\
            worker@2: removed\nworker@3: removed\nworker@4: removed\n\
            goes down for that, and comes back if it is still there: worker@2, worker@3, worker@4\ncode 0\nworker@1\ntrue\n\
            s6-overlay scale: fatal: the instances of worker are numbered (1): write how many, not names, or begin with worker=0: nothing was changed\n\
            worker@import: added\nworker@mail: added\nworker@import\nworker@mail\n\
            s6-overlay scale: fatal: the instances of worker have names (import, mail): write names, not how many, or begin with worker=0: nothing was changed\n\
            s6-overlay scale: fatal: other definitions have changed, too, which is for s6-overlay reload: web: nothing was changed\n\
            worker=mail import\nweb: changed (timeout-up)\nto restart what has changed: s6-overlay restart web\nworker@import: removed\n\
            goes down for that, and comes back if it is still there: worker@import\ncode 0\n";
        same((code, text.as_str()), (0, expected), &t.text())?;
        for line in ["begins 3 of 4", "begins 4 of 4", "ends 4 of 4", "begins mail of 2"] {
            t.wait_for(line)?;
        }
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}

fn a_hundred_times_up_and_down(images: &Images) -> Outcome {
    let services = workers("2\n")?;
    for sandbox in layouts(&images.small(&services, &[])) {
        let mut t = boot(&sandbox)?;
        let script = "pids() { k=1; while test $k -le $1; do s6-svstat -o up,ready,pid /run/service/worker@$k; k=$((k+1)); done; }
            n=2; x=7; i=0
            while test $i -lt 100; do
                x=$(((x*75+74)%65537)); m=$((x%7)); least=$((m<n?m:n)); before=$(pids $least)
                s6-overlay scale worker=$m >/tmp/said 2>&1 || { cat /tmp/said; echo from $n to $m; exit 1; }
                test \"$(pids $least)\" = \"$before\" || { echo lost one from $n to $m; exit 1; }
                test \"$(pids $m | grep -c 'true true')\" = $m || { echo not all are up from $n to $m; pids $m; exit 1; }
                test \"$(s6-rc -a list | grep -c ^worker@)\" = $m || { echo too many from $n to $m; s6-rc -a list; exit 1; }
                n=$m; i=$((i+1))
            done; echo $i times; ls /run/s6 /run/s6-rc* | grep -c 'reload'";
        let (code, text) = shell(t.container(), script)?;
        same((code, text.lines().next()), (0, Some("100 times")), &format!("{text}\n{}", t.text()))?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}

fn a_scale_that_cannot_be_touches_nothing(images: &Images) -> Outcome {
    let services = workers("2\n")?;
    services.define("log@", "type", "oneshot\n")?.define("log@", "instances", "worker@\n")?;
    services.define("log@", "up", "")?;
    let sandbox = images.small(&services, &[]).run_options("mode=0755,size=1m,nr_inodes=900");
    for sandbox in layouts(&sandbox) {
        let mut t = boot(&sandbox)?;
        let script = format!(
            "state() {{ s6-rc -a list; ls /run/service /run/s6; for k in 1 2; do s6-svstat -o pid /run/service/worker@$k; done; }}
            state >/tmp/before; try() {{ s6-overlay scale \"$@\" 2>&1 | sed 's/^s6-overlay scale: //'; state | cmp - /tmp/before; }}
            try nosuch=1; try log=1; try worker=-1; try worker=1001; try worker; try worker=1 worker=2; try
            mkdir /run/x; i=0; while mkfifo /run/x/$i 2>/dev/null; do i=$((i+1)); done
            try worker=3; i=$((i-40)); while rm /run/x/$i 2>/dev/null; do i=$((i+1)); done; try worker=1; rm -r /run/x
            dd if=/dev/zero of=/run/x bs=4096 2>/dev/null; try worker=3; rm /run/x
            mv {DEFINITIONS} /tmp/gone; try worker=3; mv /tmp/gone {DEFINITIONS}; s6-overlay scale worker=1 && cat /run/s6/scaled"
        );
        let (_, text) = shell(t.container(), &script)?;
        let lines: Vec<_> = text.lines().collect();
        let wanted = [
            "fatal: there is no definition nosuch@ with a file instances of its own: nothing was changed",
            "fatal: there is no definition log@ with a file instances of its own: nothing was changed",
            "fatal: worker=1001: \"1001\" is more than 1000 instances",
            "fatal: worker: write the name of a service and how many, as in worker=5",
            "fatal: worker is named twice",
            ": No space left on device: nothing was changed",
            "fatal: there isn't enough room in /run: nothing was changed",
            "fatal: worker=-1: \"-1\" is not the name of an instance",
            "fatal: the service definitions are invalid: nothing was changed",
            "worker=1",
        ];
        for wanted in wanted {
            same(lines.iter().any(|line| line.contains(wanted)), true, &format!("{wanted}\n{text}"))?;
        }
        same(text.contains("differ"), false, &text)?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}
