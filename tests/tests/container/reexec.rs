//! Process 1 is re-executed, on command and by faults, while a container works: its services notice nothing.

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("reexec::nothing_restarts_and_nothing_is_lost", nothing_restarts_and_nothing_is_lost),
    ("reexec::the_end_is_as_it_was_to_be", the_end_is_as_it_was_to_be),
    ("reexec::a_scan_directory_of_ones_own_goes_on_too", a_scan_directory_of_ones_own_goes_on_too),
    ("reexec::a_host_that_keeps_faulting_ends_the_container", a_host_that_keeps_faulting_ends_the_container),
];

/// Writes numbered lines until it is told to end, and how many there were.
const PRODUCER: &str = "\
#!/bin/sh
n=0
while ! [ -e /run/enough ]; do n=$((n+1)); echo $n; usleep 1000; done
echo end $n
exec sleep 100000
";

/// Reads numbered lines; says at the end whether each of them came, in order.
fn consumer(name: &str) -> String {
    format!(
        "#!/bin/sh\nexec awk '\
         $1 == \"end\" {{ print (bad || n != $2 ? \"lost\" : \"complete\") > \"/run/{name}.seen\"; close(\"/run/{name}.seen\"); next }} \
         {{ if ($1 != n + 1) bad = 1; n = $1 }}'\n"
    )
}

/// Dies all the time; two instances never run at the same time.
const MORTAL: &str = "\
#!/bin/sh
mkdir /run/mortal.lives || echo 'two daemons at once' >&2
usleep 20000
rmdir /run/mortal.lives
";

/// Becomes ready at once; two instances never run at the same time.
const QUICK: &str = "\
#!/bin/sh
echo $$ >>/run/quick.starts
mkdir /run/quick.lives || echo 'two daemons at once' >&2
trap 'rmdir /run/quick.lives; exit 0' TERM
echo >&3
while :; do sleep 100000 & wait $!; done
";

/// The steps of the command: `round LETTER` does one re-execution and, beside it, a stop and a start.
const COMMAND: &str = "\
#!/bin/sh
scan=/run/service
pids() { for s in steady producer consumer legacy legacy/log; do s6-svstat -o pid $scan/$s; done; }
place() { cut -d' ' -f28 /proc/1/stat; }
# The host may be behind the supervisors, which do all of this without it.
again() {
  old=$(place)
  \"$@\"
  turn
  until [ \"$(place)\" != \"$old\" ]; do usleep 1000; done
  place >>/run/places
}
turn() {
  s6-svc -wD -T 20000 -d $scan/quick || echo 'not down'
  s6-svc -wU -T 20000 -u $scan/quick || echo 'not ready'
}
mkfifo /run/consumer.seen /run/legacy.seen
# Nobody waits for legacy services.
cat /run/legacy.starts
s6-svwait -u -t 20000 $scan/legacy $scan/legacy/log
before=$(pids)
place >/run/places
n=0
while [ $n -lt 50 ]; do
  n=$((n+1))
  again s6-svscanctl -R $scan
done
n=0
while [ $n -lt 4 ]; do
  n=$((n+1))
  again kill -SEGV 1
done
[ \"$before\" = \"$(pids)\" ] && echo 'the same daemons'
echo \"executed $(($(uniq /run/places | wc -l) - 1)) times\"
echo \"started $(wc -l </run/quick.starts) times\"
touch /run/enough
echo \"pipeline: $(cat /run/consumer.seen)\"
echo \"logger: $(cat /run/legacy.seen)\"
s6-rc -u change later && echo 'later is up'
exit 9
";

fn services() -> std::io::Result<Services> {
    let s = Services::new()?;
    s.longrun("steady", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    s.longrun("producer", &["base"], PRODUCER)?.define("producer", "producer-for", "consumer\n")?;
    s.longrun("consumer", &["base"], &consumer("consumer"))?.define(
        "consumer",
        "consumer-for",
        "producer\n",
    )?;
    s.longrun("mortal", &["base"], MORTAL)?;
    s.longrun("quick", &["base"], QUICK)?.define("quick", "notification-fd", "3\n")?;
    s.define("later", "type", "longrun\n")?.define("later", "notification-fd", "3\n")?;
    s.script(&format!("{DEFINITIONS}/later/run"), "#!/bin/sh\necho >&3\nexec sleep 100000\n")?;
    s.script("/etc/cont-init.d/fifo", "#!/bin/sh\nexec mkfifo /run/legacy.starts\n")?;
    let run = PRODUCER.replacen("n=0", ": >/run/legacy.starts\nn=0", 1);
    s.script("/etc/services.d/legacy/run", &run)?;
    s.script("/etc/services.d/legacy/log/run", &consumer("legacy"))?;
    s.script("/etc/test/command", COMMAND)?;
    Ok(s)
}

fn nothing_restarts_and_nothing_is_lost(images: &Images) -> Outcome {
    let services = services()?;
    let mut t = Transcript::start(&images.small(&services, &["/etc/test/command"]))?;
    same(t.finish()?, 9, &t.text())?;
    t.in_order(&[
        "the same daemons",
        "executed 54 times",
        "started 55 times",
        "pipeline: complete",
        "logger: complete",
        "later is up",
    ])?;
    for wrong in ["two daemons", "not down", "not ready", "nobody knows how"] {
        same(t.contains(wrong), false, &t.text())?;
    }
    Ok(())
}

fn the_end_is_as_it_was_to_be(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    // Process 1 is re-executed during the stop.
    let finish = "#!/bin/sh\nkill -SEGV 1\ns6-svscanctl -R /run/service\necho stopping\n";
    services.script(&format!("{DEFINITIONS}/daemon/finish"), finish)?;
    let script = "kill -SEGV 1; s6-svstat -o up /run/service/daemon; exit 7";
    let mut t = Transcript::start(&images.small(&services, &["sh", "-c", script]))?;
    same(t.finish()?, 7, &t.text())?;
    Ok(t.in_order(&["true", "stopping"])?)
}

/// An s6-svscan that isn't process 1, in both layouts.
const OWN: &str = "\
#!/bin/sh
mkdir -p /run/own/a && cd /run/own
printf '#!/bin/sh\\necho >/run/runs\\nexec sleep 100000\\n' >a/run && chmod 755 a/run
mkfifo /run/runs
exec 4<>/run/runs
for processes in 0 1; do
  S6_SUPERVISE_PROCESSES=$processes s6-svscan . &
  host=$!
  read line <&4
  s6-svwait -u -t 20000 a
  before=$(s6-svstat -o pid a)
  kill -SEGV $host
  s6-svscanctl -R .
  s6-svc -wr -T 20000 -r a || echo 'no restart'
  read line <&4
  [ \"$before\" != \"$(s6-svstat -o pid a)\" ] && echo \"restarted by $processes\"
  s6-svscanctl -t .
  wait $host
  echo \"code $?\"
done
";

fn a_scan_directory_of_ones_own_goes_on_too(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/etc/test/command", OWN)?;
    let mut t = Transcript::start(&images.small(&services, &["/etc/test/command"]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["faulted", "restarted by 0", "code 0", "faulted", "restarted by 1", "code 0"])?;
    same(t.contains("no restart"), false, &t.text())
}

fn a_host_that_keeps_faulting_ends_the_container(images: &Images) -> Outcome {
    // The service has been started again: process 1, which supervises it itself, has recovered from the fault.
    let script = "for n in 1 2 3 4 5 6; do kill -SEGV 1; s6-svc -wD -d /run/service/daemon; \
                  s6-svc -wu -u /run/service/daemon; done; sleep 100000";
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    let sandbox = images.small(&services, &["sh", "-c", script]).env("S6_SUPERVISE_PROCESSES", "0");
    let mut t = Transcript::start(&sandbox)?;
    same(t.finish()?, 111, &t.text())?;
    same(t.contains("5 times within a minute: giving up"), true, &t.text())
}
