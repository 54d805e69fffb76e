//! What pid 1 does when something runs out, and when it is sent more than it can use: it lives, reports it once and
//! goes on.

use std::path::Path;
use std::time::Duration;

use libtest_mimic::Failed;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use sandbox::Sandbox;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("shortage::a_megabyte_of_junk", a_megabyte_of_junk),
    ("shortage::a_full_address_space", a_full_address_space),
    ("shortage::no_descriptors", no_descriptors),
    ("shortage::no_processes", no_processes),
    ("shortage::an_endless_forker", an_endless_forker),
    ("shortage::a_stop_without_another_process", a_stop_without_another_process),
];

/// Ends as soon as all was read: the FIFO holds 64 kB.
const JUNK: &str = r#"#!/bin/sh
for fifo in /run/service/.s6-svscan/control /run/s6/shutdown; do
  head -c 1000000 /dev/zero | tr '\0' '?' >$fifo
done
s6-svc -wr -r /run/service/steady && echo 'it serves'
"#;

fn a_megabyte_of_junk(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("steady", &["base"], "#!/command/execlineb -P\ns6-pause\n")?;
    services.script("/test", JUNK)?;
    for processes in ["0", "1"] {
        let sandbox = images.small(&services, &["/test"]).env("S6_SUPERVISE_PROCESSES", processes);
        let mut t = Transcript::start(&sandbox)?;
        same((t.finish()?, t.contains("it serves")), (0, true), &t.text())?;
        t.in_order(&["received unknown commands: ???", "a malformed request was ignored"])?;
        // The writer may be slower than the reader now and then.
        same(t.text().len() < 20_000, true, &t.text())?;
    }
    Ok(())
}

/// Its first line, and the line that it reads, frame the time in which pid 1 has no memory.
const FILL: &str = r#"#!/bin/sh
mkfifo /run/steps; exec 5<>/run/steps
begun() { cut -d ' ' -f 22 /proc/1/stat; }
before=$(begun)
for i in $(seq 400); do mkdir /run/new$i; ln -s /run/service/steady/run /run/new$i/run; done
echo 'limit it'; read step <&5
for i in $(seq 400); do ln -s /run/new$i /run/service/new$i; done
s6-svscanctl -a /run/service
s6-svc -wr -r /run/service/steady && echo 'it serves'
s6-svscanctl -R /run/service
s6-svc -wr -r /run/service/steady && echo 'it serves on'
[ "$(begun)" = "$before" ] && echo 'the same process'
supervised() { ls /run/new*/supervise/status 2>/dev/null | wc -l; }
[ $(supervised) -lt 400 ] && echo 'not all are supervised'
echo 'lift it'; read step <&5
until [ $(supervised) = 400 ]; do s6-sleep -m 20; done
for i in $(seq 400); do s6-svwait -u /run/service/new$i || exit 1; done
echo 'all are up'
"#;

/// Limits a resource of pid 1, or lifts the limit again.
fn limit(t: &Transcript, resource: Resource, current: Option<u64>) -> Outcome {
    let pid = Pid::from_raw(t.container().pid().cast_signed());
    prlimit(pid, resource, Rlimit { current, maximum: None })?;
    Ok(())
}

/// Lets the command read a line.
fn go_on(t: &Transcript) -> Outcome {
    let step = t.container().exec(["/bin/sh", "-c", "echo go >/run/steps"]);
    step.start()?.output(Duration::from_secs(60))?;
    Ok(())
}

fn a_full_address_space(images: &Images) -> Outcome {
    const REPORT: &str = "memory is short: no new services are supervised until there is enough of it";
    let services = Services::new()?;
    services.longrun("steady", &["base"], "#!/command/execlineb -P\ns6-pause\n")?;
    services.script("/test", FILL)?;
    for processes in ["0", "1"] {
        let sandbox = images.small(&services, &["/test"]).env("S6_SUPERVISE_PROCESSES", processes);
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("limit it")?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", t.container().pid()))?;
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"));
        let size: u64 = size.ok_or("no VmSize")?.parse()?;
        limit(&t, Resource::As, Some((size + 16) * 1024))?;
        go_on(&t)?;
        t.wait_for("lift it")?;
        limit(&t, Resource::As, None)?;
        go_on(&t)?;
        same(t.finish()?, 0, &t.text())?;
        t.in_order(&[
            REPORT,
            "it serves",
            "it serves on",
            "the same process",
            "not all are supervised",
            "lift it",
            "all are up",
        ])?;
        // Once, and once more if the re-executed program ran out of memory, too.
        let reports = t.lines().iter().filter(|line| line.contains(REPORT)).count();
        same(((1..=2).contains(&reports), t.contains("faulted")), (true, false), &t.text())?;
    }
    Ok(())
}

/// Pid 1 can't start what has ended, nor find what is new, until the shortage is over: `short` brings it about or waits
/// for it, `over` ends it.
const WANT: &str = r#"
mkfifo /run/steps; exec 5<>/run/steps
begun() { cut -d ' ' -f 22 /proc/1/stat; }
before=$(begun)
mkdir /run/new; ln -s /run/service/steady/run /run/new/run
case $LAYOUT in
  0) victim=$(s6-svstat -o pid /run/service/steady) ;;
  *) victim=$(pgrep -f 's6-supervise steady') ;;
esac
until left=$(pgrep -f 's6-sleep 100000'); do s6-sleep -m 20; done
short
kill -9 $victim
read step <&5
over
ln -s /run/new /run/service/new; s6-svscanctl -a /run/service
until s6-svok /run/new; do s6-sleep -m 20; done
until s6-svwait -u /run/new 2>/dev/null; do s6-sleep -m 20; done; echo 'the new one is up'
until s6-svok /run/service/steady; do s6-sleep -m 20; done
# Its status is that of before the shortage until it is started again.
while [ $(s6-svstat -o pid /run/service/steady) = $victim ]; do s6-sleep -m 20; done
s6-svwait -u /run/service/steady && s6-svc -wr -r /run/service/steady && echo 'it serves'
[ "$(begun)" = "$before" ] && echo 'the same process'
[ $LAYOUT = 0 ] && [ -e /proc/$left ] && echo 'left behind' || true
"#;

/// A container whose command runs [`WANT`] with these functions.
fn in_want(images: &Images, services: &Services, layout: &str, functions: &str) -> Result<Sandbox, Failed> {
    // What is in its session ends with it.
    services.longrun(
        "steady",
        &["base"],
        "#!/command/execlineb -P\nbackground { s6-sleep 100000 }\ns6-pause\n",
    )?;
    services.define("steady", "kill-mode", "session\n")?;
    services.script("/test", &format!("#!/bin/sh\nLAYOUT={layout}\n{functions}{WANT}"))?;
    Ok(images.on(Path::new("/"), services.path(), &["/test"]).env("S6_SUPERVISE_PROCESSES", layout))
}

/// Whether pid 1 went through the shortage without many words.
fn came_through(t: &mut Transcript) -> Outcome {
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["the new one is up", "it serves", "the same process"])?;
    let warnings = t.lines().iter().filter(|line| line.contains(": warning: ")).count();
    same((warnings < 10, t.contains("faulted"), t.contains("left behind")), (true, false, false), &t.text())
}

fn no_descriptors(images: &Images) -> Outcome {
    for layout in ["0", "1"] {
        let services = Services::new()?;
        let functions = "short() { echo 'limit it'; read step <&5; ln -s /run/new /run/service/new; s6-svscanctl -a /run/service; }\n\
                         over() { rm /run/service/new; }\n";
        let mut t = Transcript::start(&in_want(images, &services, layout, functions)?)?;
        t.wait_for("limit it")?;
        let pid = t.container().pid();
        let open = std::fs::read_dir(format!("/proc/{pid}/fd"))?.flatten();
        let used: Vec<u64> = open.filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
        let lowest = (0..).find(|n| !used.contains(n));
        let pid = Pid::from_raw(pid.cast_signed());
        let maximum = sys::limit::get(Resource::Nofile).maximum;
        let before = prlimit(pid, Resource::Nofile, Rlimit { current: lowest, maximum })?;
        go_on(&t)?;
        t.wait_for("No file descriptors available")?;
        prlimit(pid, Resource::Nofile, before)?;
        go_on(&t)?;
        came_through(&mut t)?;
    }
    Ok(())
}

/// Pid 1 may have one process, itself, and then as many as before.
const PROCESSES: &str = r#"
short() { prlimit --nproc=1: --pid 1; }
over() { prlimit --nproc=$(prlimit --nproc -o HARD --noheadings --pid 1): --pid 1; }
"#;

fn no_processes(images: &Images) -> Outcome {
    // Root has no such limit.
    const USER: u32 = 54377;
    for layout in ["0", "1"] {
        let services = Services::new()?;
        let sandbox = in_want(images, &services, layout, PROCESSES)?.user(USER, USER);
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("Resource temporarily unavailable")?;
        go_on(&t)?;
        came_through(&mut t)?;
    }
    Ok(())
}

/// Each of its processes makes others for ever, as many as there may be, and ignores TERM.
const FORKS: &str = "\
#!/usr/bin/perl
$SIG{TERM} = 'IGNORE';
while (1) {
  next if defined fork;
  open F, '>', '/run/full';
  close F;
  select undef, undef, undef, 0.05;
}
";

/// The limit holds for process 1, too, so that the stop begins without a process to be had.
const FILLS: &str = "\
#!/bin/sh
prlimit --nproc=80:80 --pid 1
prlimit --nproc=80:80 --pid $$
/forks &
until [ -e /run/full ]; do s6-sleep -m 20; done
echo 'no process is left'
exit 7
";

fn an_endless_forker(images: &Images) -> Outcome {
    const USER: u32 = 54391;
    for layout in ["0", "1"] {
        let services = Services::new()?;
        services.longrun("steady", &["base"], "#!/command/execlineb -P\ns6-pause\n")?;
        services.script("/forks", FORKS)?;
        services.script("/test", FILLS)?;
        let sandbox = images.on(Path::new("/"), services.path(), &["/test"]).user(USER, USER);
        let sandbox = sandbox.env("S6_SUPERVISE_PROCESSES", layout).env("S6_KILL_GRACETIME", "1500");
        let mut t = Transcript::start(&sandbox)?;
        same(t.finish()?, 7, &t.text())?;
        t.in_order(&["no process is left", "killed, because TERM didn't end them"])?;
    }
    Ok(())
}

/// From then on there may be as many processes as now: when this one is gone, the stop child takes its place, and has no
/// process for a script.
const AS_MANY: &str = "\
#!/bin/sh
s6-svwait -u /run/service/web
set -- /proc/[0-9]*
exec prlimit --nproc=$#:$# --pid 1
";

/// What services.d's services need is done without a process.
fn a_stop_without_another_process(images: &Images) -> Outcome {
    const USER: u32 = 54395;
    for layout in ["0", "1"] {
        let services = Services::new()?;
        services.script("/etc/services.d/web/run", "#!/command/execlineb -P\ns6-pause\n")?;
        services.script("/etc/services.d/web/finish", "#!/bin/sh\necho 'web has finished'\n")?;
        services.script("/test", AS_MANY)?;
        let sandbox = images.on(Path::new("/"), services.path(), &["/test"]).user(USER, USER);
        let mut t = Transcript::start(&sandbox.env("S6_SUPERVISE_PROCESSES", layout))?;
        same(t.finish()?, 0, &t.text())?;
        t.in_order(&["web has finished", "service legacy-services successfully stopped"])?;
        same(t.contains("unable to stop"), false, &t.text())?;
    }
    Ok(())
}
