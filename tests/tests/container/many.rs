//! A thousand services under one supervisor, and the layout with a supervisor process for each.

use std::path::Path;

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("many::a_thousand_services_in_both_layouts", a_thousand_services_in_both_layouts),
    ("many::supervisors_are_found_by_name", supervisors_are_found_by_name),
];

/// Among the thousand are services that can't be spawned: half of them without a run script, half with a wrong one.
const THOUSAND: &str = r#"#!/bin/sh
mkdir -p /tmp/many/sv; cd /tmp/many; mkfifo told; exec 5<>told
echo '#!/bin/sh' >run; echo 'echo up >/tmp/many/told; exec s6-pause' >>run; chmod 755 run
for i in $(seq 1000); do mkdir sv/good-$i; ln run sv/good-$i/run; done
for i in $(seq 0 10 1000); do
  mkdir sv/a-bad-$i sv/good-$i-bad
  printf '#!/no/such/shell\n' >sv/a-bad-$i/run; chmod 755 sv/a-bad-$i/run
done
s6-svscan -C 1500 sv 5>&- 2>errors &
host=$!
head -n 1000 <&5 | sort | uniq -c
s6-svwait -a -u sv/good-*[0-9] && echo 'all are up'
grep -c no/such/shell errors | sed 's/^[1-9].*/the others are reported/'
mkdir sv/zz-new; ln run sv/zz-new/run
s6-svscanctl -a sv; head -n 1 <&5; s6-svwait -u sv/zz-new && echo 'a new one too'
s6-svc -wr -r sv/good-500 && head -n 1 <&5 && echo 'and again'
# A script is heard before it becomes the daemon.
until [ $(pgrep -x s6-pause | wc -l) = 1001 ]; do sleep 0.1; done
for name in s6-svscan s6-supervise s6-pause; do echo "$(pgrep -x $name | wc -l) $name"; done
s6-svscanctl -t sv; wait $host; echo "the end: $?"
pgrep -x s6-pause | wc -l
"#;

fn a_thousand_services_in_both_layouts(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/test", THOUSAND)?;
    let sandbox = images.on(Path::new("/"), services.path(), &[]).command(["/test"]);
    for (processes, supervisors) in [("0", 0), ("1", 1203)] {
        let sandbox = sandbox.clone().env("S6_SUPERVISE_PROCESSES", processes);
        let mut t = Transcript::start(&sandbox.env("PATH", "/command:/usr/bin:/bin"))?;
        let code = t.finish()?;
        same(code, 0, &t.text())?;
        let said = format!(
            "1000 up\nall are up\nthe others are reported\nup\na new one too\nup\nand again\n\
             1 s6-svscan\n{supervisors} s6-supervise\n1001 s6-pause\nthe end: 0\n0"
        );
        same(t.lines().iter().map(|l| l.trim()).collect::<Vec<_>>().join("\n"), said, &t.text())?;
    }
    Ok(())
}

/// Hooks on users' volumes look for the process of a service.
const LOOK: &str = r#"#!/bin/sh
s6-svwait -u /run/service/svc-nginx /run/service/svc-log
echo "found $(pgrep -f 's6-supervise svc-nginx' | wc -l)"
echo "of $(pgrep -x s6-supervise | wc -l | sed 's/^[1-9].*/several/')"
daemon=$(s6-svstat -o pid /run/service/svc-nginx)
parent=$(cut -d ' ' -f 4 /proc/$daemon/stat)
[ "$parent" = "$(pgrep -f 's6-supervise svc-nginx')" ] && echo 'it is the parent of the daemon'
s6-svlisten1 -r /run/service/svc-nginx kill -TERM $daemon && echo 'the daemon came back'
"#;

fn supervisors_are_found_by_name(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("svc-nginx", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.longrun("svc-log", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.script(&format!("{DEFINITIONS}/svc-nginx/finish"), "#!/bin/sh\necho svc-nginx finished\n")?;
    services.script("/look", LOOK)?;
    let sandbox = images.on(Path::new("/"), services.path(), &["/look"]);
    let mut t = Transcript::start(&sandbox)?;
    let code = t.finish()?;
    same(code, 0, &t.text())?;
    t.in_order(&[
        "found 1",
        "of several",
        "it is the parent",
        "finished",
        "the daemon came back",
        "finished",
    ])?;
    Ok(())
}
