//! A supervisor process for each service: found by its name, killed at any moment, and replaced by one that takes over.

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("supervisors::are_found_by_their_name", are_found_by_their_name),
    ("supervisors::that_are_killed_are_replaced", that_are_killed_are_replaced),
    ("supervisors::that_are_killed_lose_no_line", that_are_killed_lose_no_line),
    ("supervisors::that_are_killed_lose_no_command", that_are_killed_lose_no_command),
    ("supervisors::that_are_killed_in_a_stop_are_replaced", that_are_killed_in_a_stop_are_replaced),
    ("supervisors::are_found_again_by_a_reexecuted_process_1", are_found_again_by_a_reexecuted_process_1),
    ("supervisors::of_a_scan_directory_of_ones_own", of_a_scan_directory_of_ones_own),
    ("supervisors::that_are_idle_stay", that_are_idle_stay),
];

/// `sup NAME` prints the supervisor's process id; `replaced COMMAND… -- NAME…` runs the command, and waits until each of
/// these services has another supervisor.
const FUNCTIONS: &str = "\
#!/bin/sh
scan=${scan:-/run/service}
sup() {
  for p in /proc/[0-9]*; do
    [ \"$(cat $p/cmdline 2>/dev/null | tr '\\0' :)\" = \"s6-supervise:$1:\" ] && echo ${p#/proc/}
  done
}
shows() {
  until [ \"$(s6-svstat -o $1 $scan/$3)\" = $2 ]; do usleep 1000; done
}
kill9() {
  old=
  for s; do old=\"$old $(sup $s)\"; done
  kill -9 $old
  for s; do
    until new=$(sup $s); [ -n \"$new\" ] && ! echo \"$old \" | grep -q \" $new \" && s6-svok $scan/$s; do usleep 1000; done
  done
}
";

/// Notes each start; ends with 7 when it is told to.
const CODED: &str = "\
#!/bin/sh
echo $$ >>/run/coded.starts
trap 'exit 7' TERM
echo >&3
while :; do sleep 100000 & wait $!; kill $!; done
";

/// Becomes ready when a line comes through the FIFO.
const GATED: &str = "\
#!/bin/sh
echo $$ >>/run/gated.starts
read x </run/gate
echo >&3 || echo 'nobody reads it' >&2
exec sleep 100000
";

fn command(text: &str) -> String {
    format!("{FUNCTIONS}{text}")
}

fn are_found_by_their_name(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = "#!/command/with-contenv sh\n\
               name=$(ps -o pid,args | awk -v p=$PPID '$1 == p { print $3 }')\n\
               echo \"$(tr '\\0' '|' </proc/$PPID/cmdline) $name $(cat /proc/$PPID/comm)\" >>/run/parents\n\
               readlink /proc/$PPID/cwd >>/run/parents\n\
               echo >&3\n\
               exec sleep 100000\n";
    services.longrun("web", &["base"], run)?.define("web", "notification-fd", "3\n")?;
    services.script("/look", "#!/bin/sh\ncat /run/parents\nps | grep -c '[s]6-supervise web'\nexit 0\n")?;
    let sandbox = images.small(&services, &["/look"]);
    for layout in ["", "1"] {
        let mut t = Transcript::start(&sandbox.clone().env("S6_SUPERVISE_PROCESSES", layout))?;
        same(t.finish()?, 0, &t.text())?;
        t.in_order(&["s6-supervise|web| web s6-supervise", "servicedirs/web", "1"])?;
    }
    let mut t = Transcript::start(&sandbox.env("S6_SUPERVISE_PROCESSES", "0"))?;
    t.finish()?;
    Ok(t.in_order(&["s6-svscan", "0"])?)
}

const REPLACED: &str = "\
mkfifo /run/gate /run/finish.gate
coded=$(s6-svstat -o pid $scan/coded)
kill9 coded
[ $coded = $(s6-svstat -o pid $scan/coded) ] && echo 'the same daemon'
s6-svstat -o up,ready $scan/coded
s6-svc -wD -T 20000 -d $scan/coded; s6-svstat -o exitcode $scan/coded
s6-svc -wU -T 20000 -u $scan/coded
kill9 coded; kill9 coded
s6-svc -wD -T 20000 -d $scan/coded
s6-svdt $scan/coded | wc -l
wc -l </run/coded.starts
echo '# not ready'
s6-svc -u $scan/gated
until [ -s /run/gated.starts ]; do usleep 1000; done
kill9 gated
s6-svstat -o up,ready $scan/gated
echo >/run/gate
s6-svwait -U -t 20000 $scan/gated && s6-svstat -o up,ready $scan/gated
wc -l </run/gated.starts
echo '# while finish runs'
s6-svc -d $scan/finishes
until [ -e /run/finishes ]; do usleep 1000; done
kill9 finishes
echo >/run/finish.gate
s6-svwait -D -t 20000 $scan/finishes && s6-svstat -o up,signal $scan/finishes
cat /run/finishes
echo '# told and forgotten'
# A command counts when its supervisor has read it.
s6-svc -p $scan/steady; shows paused true steady
kill9 steady
s6-svstat -o paused $scan/steady
s6-svc -c $scan/steady; shows paused false steady
s6-svc -o $scan/steady; shows wantedup false steady
kill9 steady
s6-svstat -o up,wantedup $scan/steady
kill -KILL $(s6-svstat -o pid $scan/steady)
s6-svwait -D -t 20000 $scan/steady; s6-svstat -o signal $scan/steady
echo '# all'
s6-svc -wu -T 20000 -u $scan/steady; s6-svc -wu -T 20000 -u $scan/coded
s6-svstat -o pid $scan/steady $scan/coded $scan/gated >/run/before
pids() { for s in steady coded gated; do s6-svstat -o pid $scan/$s; done; }
before=$(pids)
kill9 steady coded gated finishes
[ \"$before\" = \"$(pids)\" ] && echo 'all the same daemons'
ps -o args | grep -c '[s]6-supervise'
";

fn that_are_killed_are_replaced(images: &Images) -> Outcome {
    let s = Services::new()?;
    s.longrun("steady", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    s.longrun("coded", &["base"], CODED)?.define("coded", "notification-fd", "3\n")?;
    s.longrun("gated", &["base"], GATED)?.define("gated", "notification-fd", "3\n")?.define(
        "gated",
        "timeout-up",
        "1",
    )?;
    s.longrun("finishes", &["base"], "#!/bin/sh\nexec sleep 100000\n")?.define(
        "finishes",
        "timeout-finish",
        "0",
    )?;
    let finish = "#!/bin/sh\necho finish $1 $2 >>/run/finishes\nread x </run/finish.gate\n";
    s.script(&format!("{DEFINITIONS}/finishes/finish"), finish)?;
    // The command starts it.
    s.script("/etc/cont-init.d/gate", "#!/bin/sh\nexec true\n")?;
    s.script("/etc/test/command", &command(REPLACED))?;
    std::fs::remove_file(s.path().join("etc/s6-overlay/user-bundles.d/user/contents.d/gated"))?;
    let mut t = Transcript::start(&images.small(&s, &["/etc/test/command"]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&[
        "the same daemon",
        "true true",
        "7",
        "2",
        "2",
        "# not ready",
        "true false",
        "true true",
        "1",
        "# while finish runs",
        "false SIGTERM",
        "finish 256 15",
        "# told",
        "true",
        "true false",
        "SIGKILL",
        "# all",
        "all the same daemons",
        "4",
    ])?;
    same(t.contains("nobody reads it"), false, &t.text())
}

/// Writes numbered lines until it is told to end, and how many there were.
const PRODUCER: &str = "\
#!/bin/sh
echo $$ >>/run/producer.starts
n=0
while ! [ -e /run/enough ]; do n=$((n+1)); echo $n; usleep 1000; done
echo end $n
exec sleep 100000
";

/// Prints at the end whether each line came, in order.
const CONSUMER: &str = "\
#!/bin/sh
echo $$ >>/run/consumer.starts
exec awk '$1 == \"end\" { print (bad || n != $2 ? \"lost\" : \"complete\") > \"/run/seen\"; close(\"/run/seen\"); next } \
{ if ($1 != n + 1) bad = 1; n = $1 }'
";

const LOSES_NOTHING: &str = "\
mkfifo /run/seen
s6-svwait -u -t 20000 $scan/old $scan/old/log
for n in 1 2 3; do kill9 old; kill9 old/log; kill9 old old/log; done
touch /run/enough
cat /run/seen
cat /run/producer.starts /run/consumer.starts | wc -l
kill9 says
s6-svc -wR -T 20000 -r $scan/says
";

fn that_are_killed_lose_no_line(images: &Images) -> Outcome {
    let s = Services::new()?;
    s.script("/etc/services.d/old/run", PRODUCER)?.script("/etc/services.d/old/log/run", CONSUMER)?;
    s.longrun("says", &["base"], "#!/bin/sh\necho something\necho >&3\nexec sleep 100000\n")?;
    s.define("says", "notification-fd", "3\n")?;
    s.script("/etc/test/command", &command(LOSES_NOTHING))?;
    let sandbox = images.small(&s, &["/etc/test/command"]).env("S6_LOG_PREFIX", "1");
    let mut t = Transcript::start(&sandbox)?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["says: something", "complete", "2", "says: something"])
        .map_err(|why| format!("{why}:\n{}", t.text()))?;
    Ok(())
}

/// A supervisor that is stopped reads nothing.
const COMMANDED: &str = "\
stop() {
  kill -STOP $(sup $1)
  until grep -q '^State:.T' /proc/$(sup $1)/status; do usleep 1000; done
}
stop coded
s6-svc -d $scan/coded
kill9 coded
s6-svwait -D -t 20000 $scan/coded && s6-svstat -o exitcode $scan/coded
stop coded
s6-svc -u $scan/coded
s6-svscanctl -R $scan
kill9 coded
s6-svwait -U -t 20000 $scan/coded && echo up
echo '# nobody listens to a service that was left'
mkdir /run/extra
printf '#!/bin/sh\\nexec sleep 100000\\n' >/run/extra/run; chmod 755 /run/extra/run
for round in 1 2 3; do
  s6-svlink -t 20000 $scan /run/extra || exit 1
  stop extra; kill9 extra
  s6-svunlink -t 20000 $scan extra
  s6-svok /run/extra || echo \"code $?\"
done
";

fn that_are_killed_lose_no_command(images: &Images) -> Outcome {
    let s = Services::new()?;
    s.longrun("coded", &["base"], CODED)?.define("coded", "notification-fd", "3\n")?;
    s.script("/etc/test/command", &command(COMMANDED))?;
    let mut t = Transcript::start(&images.small(&s, &["/etc/test/command"]))?;
    same(t.finish()?, 0, &t.text())?;
    let left = "# nobody listens to a service that was left";
    t.in_order(&["7", "up", left, "code 1", "code 1", "code 1"])
        .map_err(|why| format!("{why}:\n{}", t.text()))?;
    Ok(())
}

fn that_are_killed_in_a_stop_are_replaced(images: &Images) -> Outcome {
    let s = Services::new()?;
    let run = "#!/bin/sh\n\
               echo $$ >>/run/stubborn.starts\n\
               trap 'kill -9 $PPID; echo kills it; exit 3' TERM\n\
               echo >&3\n\
               while :; do sleep 100000 & wait $!; kill $!; done\n";
    s.longrun("stubborn", &["base"], run)?.define("stubborn", "notification-fd", "3\n")?;
    let finish = "#!/bin/sh\necho \"finished $1 after $(wc -l </run/stubborn.starts) start\"\n";
    s.script(&format!("{DEFINITIONS}/stubborn/finish"), finish)?;
    // An old one is stopped by its supervisor's end.
    s.script(
        "/etc/services.d/old/run",
        &run.replace("stubborn", "old").replace("echo >&3\n", "echo >/run/up\n"),
    )?;
    s.script(
        "/etc/services.d/old/finish",
        &finish.replace("stubborn", "old").replace("finished", "the old one finished"),
    )?;
    s.script("/etc/cont-init.d/up", "#!/bin/sh\nexec mkfifo /run/up\n")?;
    let mut t = Transcript::start(&images.small(&s, &["sh", "-c", "read x </run/up; exit 9"]))?;
    same(t.finish()?, 9, &t.text())?;
    let text = t.text();
    for line in ["finished 3 after 1 start", "the old one finished 3 after 1 start"] {
        let count = t.lines().iter().filter(|l| *l == line).count();
        same(count, 1, &format!("{line}\n{text}"))?;
    }
    Ok(())
}

const REEXECUTED: &str = "\
mkfifo /run/gate
pids() { for s in steady coded; do s6-svstat -o pid $scan/$s; done; }
before=$(pids)
for how in '-KILL' '-SEGV'; do
  s6-svc -u $scan/gated
  until [ -s /run/gated.starts ]; do usleep 1000; done
  old=$(sup steady)
  kill -9 $(sup gated) $old
  if [ $how = -KILL ]; then s6-svscanctl -R $scan; else kill $how 1; fi
  until new=$(sup steady); [ -n \"$new\" ] && [ \"$new\" != $old ] && s6-svok $scan/steady && s6-svok $scan/gated; do usleep 1000; done
  echo >/run/gate
  s6-svwait -U -t 20000 $scan/gated && echo \"ready, $(wc -l </run/gated.starts) start\"
  s6-svc -wD -T 20000 -d $scan/gated
  rm /run/gated.starts
done
[ \"$before\" = \"$(pids)\" ] && echo 'the same daemons'
kill9 coded
s6-svscanctl -R $scan
s6-svc -wD -T 20000 -d $scan/coded; s6-svstat -o exitcode $scan/coded
wc -l </run/coded.starts
";

fn are_found_again_by_a_reexecuted_process_1(images: &Images) -> Outcome {
    let s = Services::new()?;
    s.longrun("steady", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    s.longrun("coded", &["base"], CODED)?.define("coded", "notification-fd", "3\n")?;
    s.longrun("gated", &["base"], GATED)?.define("gated", "notification-fd", "3\n")?;
    std::fs::remove_file(s.path().join("etc/s6-overlay/user-bundles.d/user/contents.d/gated"))?;
    s.script("/etc/test/command", &command(REEXECUTED))?;
    let mut t = Transcript::start(&images.small(&s, &["/etc/test/command"]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["ready, 1 start", "ready, 1 start", "the same daemons", "7", "1"])
        .map_err(|why| format!("{why}:\n{}", t.text()))?;
    same(t.contains("nobody reads it"), false, &t.text())
}

/// An s6-svscan that isn't process 1 gets the orphans, too.
const OWN: &str = "\
mkdir -p /run/own/a && cd /run/own
printf '#!/bin/sh\\necho $$ >>/run/starts\\nexec sleep 100000\\n' >a/run && chmod 755 a/run
s6-svscan . &
host=$!
until s6-svwait -u -t 20000 a; do usleep 1000; done
kill9 a
kill -INT $(s6-svstat -o pid a)
until [ \"$(wc -l </run/starts)\" = 2 ]; do usleep 1000; done
s6-svdt a
kill9 a
s6-svscanctl -t .
wait $host
echo \"code $?\"
wc -l </run/starts
";

fn of_a_scan_directory_of_ones_own(images: &Images) -> Outcome {
    let s = Services::new()?;
    let command = command(OWN).replacen("scan=", "scan=/run/own\nother=", 1);
    s.script("/etc/test/command", &command)?;
    let mut t = Transcript::start(&images.small(&s, &["/etc/test/command"]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["signal SIGINT", "code 0", "2"]).map_err(|why| format!("{why}:\n{}", t.text()))?;
    Ok(())
}

/// A supervisor that was idle for a moment has given its parent's heap back.
const IDLE: &str = "\
#!/bin/sh
supervisor() { cut -d ' ' -f 4 /proc/$(s6-svstat -o pid /run/service/steady)/stat; }
s6-svwait -u /run/service/steady
before=$(supervisor)
while grep -q '\\[heap\\]' /proc/$before/maps; do s6-sleep -m 20; done
s6-svc -wr -r /run/service/steady
[ $(supervisor) = $before ] && echo 'the same supervisor'
";

fn that_are_idle_stay(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("steady", &["base"], "#!/command/execlineb -P\ns6-pause\n")?;
    services.script("/idle", IDLE)?;
    let mut t = Transcript::start(&images.small(&services, &["/idle"]))?;
    same(t.finish()?, 0, &t.text())?;
    same((t.contains("the same supervisor"), t.contains("was killed")), (true, false), &t.text())
}
