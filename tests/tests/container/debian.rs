//! Debian's s6 and ours on each other's scan directories and service directories.
//!
//! One script goes through a service's whole life.  It runs with every pair of supervisor and tools, and prints the same
//! with each: Debian's with Debian's proves that this is right.

use std::path::Path;

use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("debian::its_tools_on_its_scandir", |images| play(images, THEIRS, THEIRS, "")),
    ("debian::its_tools_on_our_scandir", |images| play(images, THEIRS, OURS, ONE_PROCESS)),
    ("debian::its_tools_on_our_supervisors", |images| play(images, THEIRS, OURS, "")),
    ("debian::our_tools_on_its_scandir", |images| play(images, OURS, THEIRS, "")),
    ("debian::our_tools_on_our_supervisors", |images| play(images, OURS, OURS, "")),
];

pub const OURS: &str = "/command";
pub const THEIRS: &str = "/usr/bin";
const ONE_PROCESS: &str = "S6_SUPERVISE_PROCESSES=0";

/// Debian's version is older than the one that ours is made after.  Left out, because it differs: the fields `pgid`
/// (unknown to it) and, of a service that is down, `ready` and the deaths' order.
const PLAY: &str = r#"#!/bin/sh
# TOOLS, SUPERVISOR: where the programs of either side are.
PATH=$TOOLS:/usr/bin:/bin
mkdir -p /tmp/play/sv; cd /tmp/play
# Every run script tells of itself; the reader holds the FIFO open, so that nobody waits for the other side.
mkfifo told; exec 5<>told
heard() { read -r line <&5; echo "heard $line"; }
# Their order is open when two are due.
heard_all() { for i in "$@"; do heard; done | sort; }
service() {
  mkdir -p $1; echo '#!/bin/sh' >$1/run; echo "echo \$\$ >pid; echo $1 >/tmp/play/told; $2" >>$1/run; chmod 755 $1/run
}
state() { echo "$1: $(s6-svstat -o up,wantedup,normallyup,paused sv/$1)"; }
pid() { s6-svstat -o pid $1; }

service sv/plain 'exec sleep 100000'
service sv/ready 'read x <gate; echo >&7; exec 7>&-; exec sleep 100000'
mkfifo sv/ready/gate; echo 7 >sv/ready/notification-fd
service sv/fails '[ ! -e broken ] || exit 3; exec sleep 100000'
printf '#!/bin/sh\n[ ! -e broken ] || exit 125\n' >sv/fails/finish; chmod 755 sv/fails/finish

echo '# nothing runs'
s6-svok sv/plain; echo $?
echo '# start'
env $LAYOUT PATH=$SUPERVISOR:/usr/bin:/bin $SUPERVISOR/s6-svscan sv 5>&- 2>errors &
host=$!
heard_all 1 2 3
s6-svwait -a -u sv/plain sv/ready sv/fails; echo $?
s6-svok sv/plain; echo $?
state plain
echo "status: $(wc -c <sv/plain/supervise/status) bytes, flags $(od -An -tx1 -j34 -N1 sv/plain/supervise/status)"
[ $(od -An -tu8 --endian=big -j24 -N8 sv/plain/supervise/status) = $(pid sv/plain) ] && echo 'the same pid'
[ $(cat sv/plain/pid) = $(pid sv/plain) ] && echo 'it is the daemon'
s6-svstat -o updownsince sv/plain | cut -c 1-9
[ $(s6-svstat -o updownfor sv/plain) -ge 0 ] && echo 'an uptime'
echo '# readiness'
s6-svstat -o up,ready sv/ready
s6-svlisten1 -U sv/ready sh -c 'echo >sv/ready/gate'; echo $?
s6-svstat -o up,ready sv/ready
s6-svwait -U sv/ready; echo $?
s6-svlisten1 -d sv/ready s6-svc -r sv/ready; echo $?
heard
s6-svwait -u sv/ready; s6-svstat -o up,ready sv/ready
s6-svlisten1 -U sv/ready sh -c 'echo >sv/ready/gate'; echo $?
echo '# stop'
s6-svc -wD -d sv/plain; echo $?
state plain
s6-svstat -o pid,exitcode,signal,signum sv/plain
echo '# up again'
s6-svc -wu -u sv/plain; echo $?
heard
state plain
s6-svstat -o exitcode,signal sv/plain
echo '# restart'
old=$(pid sv/plain)
s6-svc -wr -r sv/plain; echo $?
heard
[ $old != $(pid sv/plain) ] && echo 'another process'
s6-svlisten1 -r sv/plain s6-svc -k sv/plain; echo $?
heard
echo "flags $(od -An -tx1 -j34 -N1 sv/plain/supervise/status)"
echo "$(s6-svdt sv/plain | wc -l) deaths"
s6-svdt sv/plain | grep -o 'SIG[A-Z]*' | sort
s6-svdt-clear sv/plain; s6-svdt sv/plain | wc -l
echo '# pause'
# No event tells of a pause.
s6-svc -p sv/plain; until [ $(s6-svstat -o paused sv/plain) = true ]; do :; done
state plain
s6-svc -c sv/plain; until [ $(s6-svstat -o paused sv/plain) = false ]; do :; done
state plain
s6-svc -p sv/plain; until [ $(s6-svstat -o paused sv/plain) = true ]; do :; done
s6-svc -wD -d sv/plain; echo $?
state plain
echo '# once'
s6-svc -wu -o sv/plain; echo $?
heard
state plain
s6-svlisten1 -D sv/plain s6-svc -t sv/plain; echo $?
state plain
echo '# normally down'
s6-svc -wu -u sv/plain; heard
s6-svc -wD -D sv/plain; echo $?
state plain; ls sv/plain/down
s6-svc -wu -U sv/plain; heard
state plain; ls sv/plain/down 2>&1 | wc -l
echo '# permanent failure'
touch sv/fails/broken
s6-svlisten1 -U sv/fails s6-svc -r sv/fails 2>/dev/null; echo $?
state fails
rm sv/fails/broken
s6-svc -wu -u sv/fails; echo $?
heard
state fails
echo '# a new one, with a logger'
service repo/new 'echo line; exec sleep 100000'
service repo/new/log 'read x; echo "new logs $x" >/tmp/play/told; exec cat'
printf '#!/bin/sh\necho "new is gone" >/tmp/play/told\n' >repo/new/finish; chmod 755 repo/new/finish
ln -s ../repo/new sv/new
s6-svscanctl -a sv; echo $?
heard_all 1 2 3
s6-svwait -a -u sv/new sv/new/log; echo $?
echo '# unlinked'
rm sv/new
s6-svscanctl -an sv; echo $?
heard
echo '# a supervisor of its own, that exits'
service alone 'exec sleep 100000'
env PATH=$SUPERVISOR:/usr/bin:/bin $SUPERVISOR/s6-supervise alone 5>&- 2>>errors &
supervisor=$!
heard
s6-svwait -u alone; s6-svok alone; echo $?
# It prints all that came at once.
s6-ftrig-listen1 alone/event x s6-svc -xd alone | grep -o 'x$'
wait $supervisor; echo $?
s6-svok alone; echo $?
s6-svc -u alone 2>&- ; [ $? != 0 ] && echo 'nobody there'
echo '# the end'
s6-svscanctl -t sv; echo $?
wait $host; echo $?
s6-svok sv/plain; echo $?
for i in plain ready fails; do echo "$i: $(s6-svstat -o up sv/$i 2>&1 | grep -c true)"; done
"#;

/// What it prints with each pair.
const SAID: &str = "\
# nothing runs
1
# start
heard sv/fails
heard sv/plain
heard sv/ready
0
0
plain: true true true false
status: 35 bytes, flags  04
the same pid
it is the daemon
@40000000
an uptime
# readiness
true false
0
true true
0
0
heard sv/ready
true false
0
# stop
0
plain: false false true false
-1 -1 SIGTERM 15
# up again
0
heard sv/plain
plain: true true true false
-1 NA
# restart
0
heard sv/plain
another process
0
heard sv/plain
flags  04
3 deaths
SIGKILL
SIGTERM
SIGTERM
0
# pause
plain: true true true true
plain: true true true false
0
plain: false false true false
# once
0
heard sv/plain
plain: true false true false
0
plain: false false true false
# normally down
heard sv/plain
0
plain: false false false false
sv/plain/down
heard sv/plain
plain: true true true false
1
# permanent failure
1
fails: false false true false
0
heard sv/fails
fails: true true true false
# a new one, with a logger
0
heard new logs line
heard repo/new
heard repo/new/log
0
# unlinked
0
heard new is gone
# a supervisor of its own, that exits
heard alone
0
x
0
1
nobody there
# the end
0
0
1
plain: 0
ready: 0
fails: 0
";

fn play(images: &Images, tools: &str, supervisor: &str, layout: &str) -> Outcome {
    both_sides(images, PLAY, &[("TOOLS", tools), ("SUPERVISOR", supervisor), ("LAYOUT", layout)], SAID)
}

/// Runs a script, with these variables, in a container that has Debian's programs and ours; its whole output is given.
pub fn both_sides(images: &Images, script: &str, env: &[(&str, &str)], said: &str) -> Outcome {
    if !Path::new(THEIRS).join("s6-svscan").exists() {
        return Err("Debian's s6 is missing: apt-get install --no-install-recommends s6".into());
    }
    let services = Services::new()?;
    services.script("/etc/test/play", script)?;
    let mut sandbox = images.on(Path::new("/"), services.path(), &[]).command(["/etc/test/play"]);
    for (name, value) in env {
        sandbox = sandbox.env(*name, *value);
    }
    let mut t = Transcript::start(&sandbox)?;
    let code = t.finish()?;
    same(t.text().as_str(), said.trim_end(), &t.text())?;
    same(code, 0, &t.text())
}
