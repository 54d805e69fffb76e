//! The status board and the record of events: what a container shows everybody, in both layouts of supervision.

use std::os::fd::AsRawFd;

use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, LAYOUTS, Outcome, Test, same};
use supervision::board::{read_board, read_record};
use wire::board::{Cause, Phase, Row, State, StopBy};
use wire::record::Kind;

pub const TESTS: &[(&str, Test)] = &[
    ("board::shows_services_in_both_layouts", shows_services_in_both_layouts),
    ("board::is_missing_where_there_is_no_room", is_missing_where_there_is_no_room),
    ("board::of_a_user_that_is_cut_or_removed_hurts_nobody", of_a_user_that_is_cut_or_removed_hurts_nobody),
];

fn services() -> Result<Services, libtest_mimic::Failed> {
    let services = Services::new()?;
    services.oneshot("once", &["base"], "true", "exit 3")?;
    services.longrun("ready", &["once"], "#!/bin/sh\necho >&3\nexec sleep 100000\n")?.define(
        "ready",
        "notification-fd",
        "3\n",
    )?;
    services.script("/etc/services.d/mortal/run", "#!/bin/sh\nexit 9\n")?;
    services.file("/etc/services.d/mortal/restart-limit", "1\n")?;
    services.script("/etc/services.d/legacy/run", "#!/bin/sh\nexec sleep 100000\n")?;
    services.script("/etc/cont-init.d/script", "#!/bin/sh\nexit 2\n")?;
    Ok(services)
}

/// The command: adds a service, removes it again, re-executes process 1, and restarts a service.
const COMMAND: &str = "\
cd /run/service
s6-svwait -u legacy
mkdir -p /run/late
printf '#!/bin/sh\\nexec sleep 100000\\n' >/run/late/run; chmod +x /run/late/run
ln -s /run/late late; s6-svscanctl -a . ; until s6-svwait -u -t 1000 late; do :; done
s6-svunlink . late
s6-svc -wR -r ready
s6-svscanctl -R .
until s6-overlay events | grep -q re-executed; do sleep 0.1; done
until s6-svc -wR -r ready; do sleep 0.1; done
echo 'all is done'
exec sleep 100000
";

fn row<'a>(rows: &'a [Row], name: &str) -> Result<&'a Row, String> {
    rows.iter().find(|row| row.name == name.as_bytes()).ok_or_else(|| format!("no {name} in {rows:#?}"))
}

fn shows_services_in_both_layouts(images: &Images) -> Outcome {
    let services = services()?;
    for layout in LAYOUTS {
        let sandbox = images.small(&services, &["sh", "-c", COMMAND]).env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("all is done")?;
        let folder = format!("/proc/{}/root/run/s6-overlay", t.container().pid());
        let board = read_board(format!("{folder}/board").as_bytes())?;
        let header = board.header.ok_or("the header is damaged")?;
        same((header.phase, header.pid, board.damaged.len()), (Phase::Running, 1, 0), &t.text())?;
        same((header.has_processes, header.command > 0), (layout == "1", true), &t.text())?;
        let rows = board.services;
        let ready = row(&rows, "ready")?;
        same(
            (ready.state, ready.starts, ready.cause),
            (State::Ready, 3, Cause::Asked),
            &format!("{ready:?}"),
        )?;
        same((ready.deaths, ready.pid > 1), (0, true), &format!("{ready:?}"))?;
        let mortal = row(&rows, "mortal")?;
        same((mortal.state, mortal.wstat >> 8), (State::Failed, 9), &format!("{mortal:?}"))?;
        same((mortal.deaths, mortal.cause), (1, Cause::Own), &format!("{mortal:?}"))?;
        same(row(&rows, "legacy")?.state, State::Up, &t.text())?;
        same(rows.iter().any(|row| row.name == b"late"), false, &format!("{rows:?}"))?;
        // A directory that is open outlives the container.
        let run = std::fs::File::open(&folder)?;
        t.container().stop()?;
        t.finish()?;
        let events = read_record(format!("/proc/self/fd/{}/record", run.as_raw_fd()).as_bytes())?.events;
        same(events.iter().any(|(_, _, event)| event.kind == Kind::StopOver), true, &t.text())?;
        let line = |kind: Kind, name: &str| format!("{} {name}", kind.word());
        let lines: Vec<String> = events
            .iter()
            .map(|(_, _, event)| line(event.kind, &String::from_utf8_lossy(&event.name.bytes)))
            .collect();
        let text = lines.join("\n");
        for expected in [
            [(Kind::BootBegan, ""), (Kind::ChangeBegan, ""), (Kind::OneshotBegan, "once")],
            [(Kind::OneshotEnded, "once"), (Kind::Started, "ready"), (Kind::Ready, "ready")],
            [(Kind::Started, "mortal"), (Kind::Ended, "mortal"), (Kind::Failed, "mortal")],
            [(Kind::ScriptBegan, "script"), (Kind::ScriptEnded, "script"), (Kind::Started, "legacy")],
            [(Kind::BootOver, ""), (Kind::CmdStarted, ""), (Kind::Reexecuted, "")],
            [(Kind::Supervised, "late"), (Kind::Started, "late"), (Kind::Unsupervised, "late")],
            [(Kind::Reexecuted, ""), (Kind::Ended, "ready"), (Kind::Ready, "ready")],
        ] {
            let mut rest = lines.iter();
            for (kind, name) in expected {
                let wanted = line(kind, name);
                same(
                    rest.any(|found| *found == wanted),
                    true,
                    &format!("{wanted} (layout {layout}) in\n{text}"),
                )?;
            }
        }
        let of = |kind: Kind, name: &str| {
            events
                .iter()
                .find(|(_, _, e)| e.kind == kind && e.name.is(name.as_bytes()))
                .map(|(_, _, e)| e.code)
        };
        let ends = events.iter().filter(|(_, _, e)| e.kind == Kind::OneshotEnded && e.name.is(b"once"));
        let codes: Vec<u16> = ends.map(|(_, _, event)| event.code).collect();
        same(codes, vec![0, 3 << 8], &text)?;
        same(of(Kind::ScriptEnded, "script"), Some(2 << 8), &text)?;
        let asked = events.iter().find(|(_, _, event)| event.kind == Kind::StopAsked);
        same(asked.map(|(_, _, event)| (event.how, event.code)), Some((StopBy::Signal as u8, 15)), &text)?;
    }
    Ok(())
}

/// S6_STATUS_MODE: who may read the board and the record.
pub fn is_for_those_who_may_read_it(images: &Images) -> Outcome {
    let services = Services::new()?;
    let command = "ls -l /run/s6-overlay/board /run/s6-overlay/record | cut -c1-10";
    let sandbox = images.small(&services, &["sh", "-c", command]);
    for (value, mode) in [("", "-rw-r--r--"), ("640", "-rw-r-----"), ("0600", "-rw-------")] {
        let mut t = Transcript::start(&sandbox.clone().env("S6_STATUS_MODE", value))?;
        same((value, t.finish()?), (value, 0), &t.text())?;
        t.in_order(&[mode, mode]).map_err(|why| format!("{value}: {why}: {}", t.text()))?;
    }
    let mut t = Transcript::start(&sandbox.env("S6_STATUS_MODE", "all"))?;
    same((t.finish()? != 0, t.contains("S6_STATUS_MODE")), (true, true), &t.text())
}

fn is_missing_where_there_is_no_room(images: &Images) -> Outcome {
    let services = services()?;
    for layout in LAYOUTS {
        let script = "dd if=/dev/zero of=/run/fill bs=4096 count=195 2>/dev/null; exec /init sh -c \
                      's6-svwait -U /run/service/ready; ls /run/s6-overlay; echo that is all; exit 5'";
        let sandbox = images
            .small(&services, &[])
            .command(["sh", "-c", script])
            .run_options("mode=0755,size=1m,nr_inodes=600")
            .env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        same((layout, t.finish()?), (layout, 5), &t.text())?;
        t.in_order(&["unable to make the status board in /run/s6-overlay", "that is all"])?;
        let said = t.lines().iter().filter(|line| line.contains("status board")).count();
        same(said, 1, &t.text())?;
    }
    Ok(())
}

fn of_a_user_that_is_cut_or_removed_hurts_nobody(images: &Images) -> Outcome {
    let services = services()?;
    for layout in LAYOUTS {
        let command = "cd /run/s6-overlay; : >board; : >record; s6-svc -wR -r /run/service/ready; rm board record\n\
                       mkdir board; ln -s /run/target record; s6-svc -wR -r /run/service/ready; s6-svscanctl -R /run/service\n\
                       until s6-svc -wR -r /run/service/ready; do sleep 0.1; done; ls /run/target; exit 6";
        let sandbox = images
            .small(&services, &["sh", "-c", command])
            .env("S6_SUPERVISE_PROCESSES", layout)
            .env("S6_STATUS_MODE", "600")
            .user(1000, 1000);
        let mut t = Transcript::start(&sandbox)?;
        same((layout, t.finish()?), (layout, 6), &t.text())?;
        same(t.contains("/run/target: No such file"), true, &t.text())?;
        same(t.contains("faulted"), false, &t.text())?;
    }
    Ok(())
}
