//! A full `/run`: the container still stops in order, with the command's code, and afterwards everything is as before.

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, LAYOUTS, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("full::a_stop_without_room_for_content", a_stop_without_room_for_content),
    ("full::a_stop_without_room_for_names", a_stop_without_room_for_names),
    ("full::what_is_owed_is_written_when_there_is_room", what_is_owed_is_written_when_there_is_room),
];

/// Small enough to be filled fast, large enough for the boot.
const SMALL: &str = "mode=0755,size=1m,nr_inodes=600";

/// Leaves no block.
const FILL_BLOCKS: &str = "dd if=/dev/zero of=/run/fill bs=4096 2>/dev/null";

/// Leaves no inode: no file, directory or FIFO can be made.
const FILL_INODES: &str = "mkdir /run/fill; i=0; while mkfifo /run/fill/$i 2>/dev/null; do i=$((i+1)); done";

/// A daemon that needs a oneshot, and a script for the end.
fn services() -> Result<Services, libtest_mimic::Failed> {
    let services = Services::new()?;
    services.oneshot("once", &["base"], "echo once up", "echo once down")?;
    services.longrun("daemon", &["once"], "#!/bin/sh\necho $$ >/tmp/pid\nexec sleep 100000\n")?;
    services.script(&format!("{DEFINITIONS}/daemon/finish"), "#!/bin/sh\necho daemon finished\n")?;
    services.script("/etc/cont-finish.d/last", "#!/bin/sh\necho cont-finish\n")?;
    Ok(services)
}

fn stops(images: &Images, fill: &str) -> Outcome {
    let services = services()?;
    for layout in LAYOUTS {
        let command = format!("{fill}; echo full; exit 5");
        let sandbox = images.small(&services, &["sh", "-c", &command]).run_options(SMALL);
        let mut t = Transcript::start(&sandbox.env("S6_SUPERVISE_PROCESSES", layout))?;
        same((layout, t.finish()?), (layout, 5), &t.text())?;
        t.in_order(&["once up", "full", "cont-finish"])?;
        t.in_order(&["full", "daemon finished", "once down"])?;
    }
    Ok(())
}

fn a_stop_without_room_for_content(images: &Images) -> Outcome {
    stops(images, FILL_BLOCKS)
}

fn a_stop_without_room_for_names(images: &Images) -> Outcome {
    stops(images, FILL_INODES)
}

/// What a script waits for, a condition of the shell, comes with an event or with the time: it looks now and then.
fn until(condition: &str) -> String {
    format!("until {condition}; do sleep 0.1; done")
}

fn what_is_owed_is_written_when_there_is_room(images: &Images) -> Outcome {
    let services = services()?;
    let status = "/run/service/daemon/supervise/status";
    let script = [
        FILL_BLOCKS,
        // The place of the status is taken, and there is none for another one.
        &format!(": >{status}; dd if=/dev/zero of=/run/fill2 bs=4096 2>/dev/null"),
        "pid=$(cat /tmp/pid); kill $pid",
        &until("[ \"$(cat /tmp/pid)\" != $pid ]"),
        "s6-svstat /run/service/daemon 2>&1 || echo no status",
        "rm /run/fill /run/fill2",
        &until(&format!("[ -s {status} ]")),
        "[ \"$(s6-svstat -o pid,up,wantedup /run/service/daemon)\" = \"$(cat /tmp/pid) true true\" ] && echo true again",
        "s6-svdt /run/service/daemon | wc -l",
        "exit 5",
    ]
    .join("\n");
    for layout in LAYOUTS {
        let sandbox = images.small(&services, &["sh", "-c", &script]).run_options(SMALL);
        let mut t = Transcript::start(&sandbox.env("S6_SUPERVISE_PROCESSES", layout))?;
        same((layout, t.finish()?), (layout, 5), &t.text())?;
        t.in_order(&[
            "unable to write supervise/status, which shows an old state until that works: No space left",
            "no status",
            "supervise/status is up to date again",
            "true again",
            "cont-finish",
        ])?;
        let said = t.lines().iter().filter(|line| line.contains("unable to write supervise/status")).count();
        same(said, 1, &t.text())?;
    }
    Ok(())
}
