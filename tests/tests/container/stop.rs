//! Stops, at any moment, with whatever is running.

use rustix::process::Signal;
use rustix::termios::Winsize;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("stop::without_a_command", without_a_command),
    ("stop::during_a_start_that_hangs", during_a_start_that_hangs),
    ("stop::while_a_service_never_becomes_ready", while_a_service_never_becomes_ready),
    ("stop::kills_what_ignores_it", kills_what_ignores_it),
    ("stop::kills_a_flood_that_ignores_it", kills_a_flood_that_ignores_it),
    ("stop::waits_for_what_entered_from_outside", waits_for_what_entered_from_outside),
    ("stop::pre_empts_every_phase_of_a_start", pre_empts_every_phase_of_a_start),
    ("stop::names_the_service_that_holds_it_up", names_the_service_that_holds_it_up),
    ("stop::names_the_script_that_holds_it_up", names_the_script_that_holds_it_up),
    ("stop::names_who_stays_after_term", names_who_stays_after_term),
    ("stop::by_every_signal_without_a_command", by_every_signal_without_a_command),
    ("stop::by_signals_with_a_command", by_signals_with_a_command),
    ("stop::by_control_c_without_a_command", by_control_c_without_a_command),
    ("stop::a_resized_terminal_asks_for_nothing", a_resized_terminal_asks_for_nothing),
];

fn without_a_command(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\necho daemon runs\nexec sleep 100000\n")?;
    services.script(&format!("{DEFINITIONS}/daemon/finish"), "#!/bin/sh\necho daemon finished\n")?;
    let mut t = Transcript::start(&images.small(&services, &[]))?;
    t.wait_for("daemon runs")?;
    t.container().stop()?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["daemon runs", "daemon finished"])?;
    Ok(())
}

fn during_a_start_that_hangs(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("first", &["base"], "echo first up", "echo first down")?;
    services.oneshot("hangs", &["first"], "/hang", "echo never")?;
    services.script("/hang", "#!/bin/sh\necho hanging\nexec sleep 100000\n")?;
    let mut t = Transcript::start(&images.small(&services, &["echo", "the command"]))?;
    t.wait_for("hanging")?;
    t.container().stop()?;
    t.finish()?;
    t.in_order(&["first up", "hanging", "first down"])?;
    same(t.contains("the command"), false, &t.text())
}

fn while_a_service_never_becomes_ready(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\necho daemon runs\nexec sleep 100000\n")?;
    services.define("daemon", "notification-fd", "3\n")?;
    services.script(&format!("{DEFINITIONS}/daemon/finish"), "#!/bin/sh\necho daemon finished\n")?;
    let mut t = Transcript::start(&images.small(&services, &["echo", "the command"]))?;
    t.wait_for("daemon runs")?;
    t.container().stop()?;
    t.finish()?;
    t.in_order(&["daemon runs", "daemon finished"])?;
    same(t.contains("the command"), false, &t.text())
}

fn kills_what_ignores_it(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/command-of-the-container",
        "#!/bin/sh\n(trap '' TERM; setsid sleep 100000) &\ntrap 'echo got TERM; exit 3' TERM\necho ready\n\
         mkfifo /tmp/never\nread x </tmp/never\n",
    )?;
    let sandbox = images.small(&services, &["/command-of-the-container"]).env("S6_KILL_GRACETIME", "50");
    let mut t = Transcript::start(&sandbox)?;
    t.wait_for("ready")?;
    t.container().stop()?;
    same(t.finish()?, 3, &t.text())
}

/// A chain of processes each of which lives only to start the next one, besides a program that starts orphans all the time.
fn kills_a_flood_that_ignores_it(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/chain", "#!/bin/sh\ntrap '' TERM\nsetsid /chain &\n")?;
    services.script("/flood", "#!/bin/sh\ntrap '' TERM\nwhile :; do (: &); done\n")?;
    let command = ["sh", "-c", "/chain; setsid /flood & echo ready; mkfifo /tmp/never; exec cat /tmp/never"];
    for prefix in ["0", "1"] {
        let sandbox = images.small(&services, &command).env("S6_KILL_GRACETIME", "300");
        let mut t = Transcript::start(&sandbox.env("S6_LOG_PREFIX", prefix))?;
        t.wait_for("ready")?;
        t.container().stop()?;
        same(t.finish()?, 0, &t.text())?;
        same(t.contains("killed, because TERM didn't end them"), true, &t.text())?;
    }
    Ok(())
}

fn waits_for_what_entered_from_outside(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/visitor",
        "#!/bin/sh\ntrap 'echo visitor leaves; exit 0' TERM\nmkfifo /tmp/never\necho visitor is here\nread x </tmp/never\n",
    )?;
    let sandbox = images.small(&services, &["sh", "-c", "echo ready; exec sleep 100000"]);
    let mut t = Transcript::start(&sandbox.env("S6_KILL_GRACETIME", "60000"))?;
    t.wait_for("ready")?;
    let visitor = t.container().exec(["/visitor"]).env("PATH", "/bin");
    let mut visitor = Transcript::start(&visitor)?;
    visitor.wait_for("visitor is here")?;
    t.container().stop()?;
    visitor.wait_for("visitor leaves")?;
    visitor.finish()?;
    t.finish()?;
    Ok(())
}

/// A program that hangs, and prints so first.
const HANG: &str = "#!/bin/sh\necho hanging\nexec sleep 100000\n";

fn pre_empts_every_phase_of_a_start(images: &Images) -> Outcome {
    type Hang = fn(&Services) -> std::io::Result<()>;
    let phases: &[(&str, Hang)] = &[
        ("preinit", |s| {
            let wait = "#!/bin/sh\nmkfifo /gate\nsleep 100000 >/gate &\nexec 5</gate\necho hanging\n\
                        exec /init echo the command\n";
            s.script("/first", wait).map(drop)
        }),
        ("hook", |s| s.script("/hook", HANG).map(drop)),
        ("cont-init", |s| s.script("/etc/cont-init.d/a", HANG).map(drop)),
        ("oneshot", |s| s.script("/hang", HANG)?.oneshot("hangs", &["base"], "/hang", "").map(drop)),
        ("longrun", |s| {
            s.longrun("hangs", &["base"], HANG)?.define("hangs", "notification-fd", "3").map(drop)
        }),
        ("legacy service", |s| {
            s.script("/etc/services.d/hangs/run", HANG)?
                .file("/etc/services.d/hangs/notification-fd", "3\n")
                .map(drop)
        }),
    ];
    for (phase, hang) in phases {
        let services = Services::new()?;
        hang(&services)?;
        services.script("/etc/cont-finish.d/a", "#!/bin/sh\necho cont-finish\n")?;
        let mut sandbox = images.small(&services, &["echo", "the command"]);
        match *phase {
            "preinit" => sandbox = sandbox.command(["/first"]).env("S6_WAIT_FOR_CLOSING_FD", "5"),
            "hook" => sandbox = sandbox.env("S6_STAGE2_HOOK", "/hook"),
            _ => sandbox = sandbox.env("S6_CMD_WAIT_FOR_SERVICES", "1"),
        }
        let mut t = Transcript::start(&sandbox.env("S6_SERVICES_GRACETIME", "50"))?;
        t.wait_for("hanging")?;
        if *phase == "preinit" {
            // The script runs before `/init`, which blocks signals first of all.
            inside(&t, "until grep -q '^SigBlk:.*[1-9a-f]' /proc/1/status; do sleep 0.02; done")?;
        }
        t.container().stop()?;
        let code = t.finish()?;
        let said = format!("{phase}, code {code}:\n{}", t.text());
        same(t.contains("the command"), false, &said)?;
        if ["hook", "cont-init", "oneshot"].contains(phase) {
            same(t.contains("hasn't ended S6_SERVICES_GRACETIME after the stop was asked"), true, &said)?;
            same(t.contains("(sleep 100000)"), true, &said)?;
        }
        // What had gone up goes down.
        let begun = ["oneshot", "longrun", "legacy service"].contains(phase);
        same(!begun || t.contains("cont-finish"), true, &said)?;
    }
    Ok(())
}

/// Runs a shell script in a container, to its end.
fn inside(t: &Transcript, script: &str) -> Outcome {
    Transcript::start(&t.container().exec(["/bin/sh", "-c", script]).env("PATH", "/bin"))?.finish()?;
    Ok(())
}

/// Kills the processes of this command line.
fn kill_inside(t: &Transcript, line: &str) -> Outcome {
    let test = format!("test \"$(tr '\\0' ' ' <$p/cmdline)\" = '{line} '");
    inside(t, &format!("for p in /proc/[0-9]*; do {test} && kill -KILL ${{p#/proc/}}; done"))
}

fn names_the_service_that_holds_it_up(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("deaf", &["base"], "#!/bin/sh\ntrap '' TERM\necho deaf runs\nexec sleep 100000\n")?;
    services.longrun("slow", &["base"], "#!/bin/sh\nexec sleep 100001\n")?;
    services.script(&format!("{DEFINITIONS}/slow/finish"), "#!/bin/sh\nexec sleep 100002\n")?;
    services.define("slow", "timeout-finish", "0")?;
    let mut t = Transcript::start(&images.small(&services, &[]))?;
    t.wait_for("deaf runs")?;
    t.wait_for("service slow successfully started")?;
    t.container().stop()?;
    t.wait_for("still stopping service deaf after ")?;
    t.wait_for("still stopping service slow after ")?;
    same(t.contains("(sleep 100000); a file timeout-kill in its definition"), true, &t.text())?;
    same(t.contains("its finish script hasn't ended, process "), true, &t.text())?;
    // Killed by hand, as the line suggests, it ends.
    kill_inside(&t, "sleep 100000")?;
    kill_inside(&t, "sleep 100002")?;
    same(t.finish()?, 0, &t.text())
}

fn names_the_script_that_holds_it_up(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/hang", HANG)?.oneshot("stuck", &["base"], "true", "/hang")?;
    let mut t = Transcript::start(&images.small(&services, &["true"]))?;
    t.wait_for("still stopping service stuck after ")?;
    same(t.contains("its down script hasn't ended, process "), true, &t.text())?;
    kill_inside(&t, "sleep 100000")?;
    same(t.finish()?, 0, &t.text())
}

fn names_who_stays_after_term(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/deaf", "#!/bin/sh\ntrap '' TERM\necho >/up\nexec sleep 100000\n")?;
    let command = ["sh", "-c", "setsid /deaf & until test -s /up; do sleep 0.02; done"];
    let sandbox = images.small(&services, &command).env("S6_KILL_GRACETIME", "60000");
    let mut t = Transcript::start(&sandbox)?;
    t.wait_for("still running after TERM: ")?;
    same(t.contains("(sleep 100000)"), true, &t.text())?;
    kill_inside(&t, "sleep 100000")?;
    same(t.finish()?, 0, &t.text())
}

/// SIGRTMIN+3, the stop signal of images that had systemd.
const HALT: &str = "37";

fn by_every_signal_without_a_command(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    for (name, signal, code) in [
        ("TERM", Some(Signal::TERM), 0),
        ("INT", Some(Signal::INT), 129),
        ("QUIT", Some(Signal::QUIT), 0),
        ("ABRT", Some(Signal::ABORT), 0),
        ("USR1", Some(Signal::USR1), 130),
        ("USR2", Some(Signal::USR2), 0),
        ("WINCH", Some(Signal::WINCH), 0),
        ("PWR", Some(Signal::POWER), 130),
        (HALT, None, 0),
    ] {
        let mut t = Transcript::start(&images.small(&services, &[]).env("S6_VERBOSITY", "3"))?;
        t.wait_for("service legacy-services successfully started")?;
        match signal {
            Some(signal) => t.container().signal(signal)?,
            None => {
                Transcript::start(&t.container().exec(["/bin/kill", "-37", "1"]))?.finish()?;
            }
        }
        same((name, t.finish()?), (name, code), &t.text())?;
    }
    Ok(())
}

fn by_signals_with_a_command(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (signal, code) in [("TERM", 0), ("INT", 129), (HALT, 0)] {
        let sandbox = images.small(&services, &["sh", "-c", "echo ready; exec sleep 100000"]);
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("ready")?;
        let kill = t.container().exec(["/bin/kill", &format!("-{signal}"), "1"]);
        Transcript::start(&kill)?.finish()?;
        same((signal, t.finish()?), (signal, code), &t.text())?;
    }
    Ok(())
}

/// A container without a command on a terminal, once that terminal is process 1's again.
fn on_terminal_without_a_command(
    images: &Images,
    services: &Services,
) -> Result<Transcript, libtest_mimic::Failed> {
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    let t = Transcript::on_terminal(&images.small(services, &[]))?;
    let has_terminal = "until test $(cut -d' ' -f7 /proc/1/stat) != 0; do sleep 0.02; done; sleep 0.02; \
                        until test $(cut -d' ' -f7 /proc/1/stat) != 0; do sleep 0.02; done";
    let up = "until test -d /run/service/daemon/supervise; do sleep 0.02; done";
    inside(&t, up)?;
    inside(&t, has_terminal)?;
    Ok(t)
}

fn by_control_c_without_a_command(images: &Images) -> Outcome {
    let services = Services::new()?;
    let mut t = on_terminal_without_a_command(images, &services)?;
    t.type_in("\x03")?;
    let code = t.finish()?;
    same([129, 130].contains(&code), true, &format!("{code}\n{}", t.text()))
}

fn a_resized_terminal_asks_for_nothing(images: &Images) -> Outcome {
    let services = Services::new()?;
    let mut t = on_terminal_without_a_command(images, &services)?;
    t.resize(Winsize { ws_row: 20, ws_col: 50, ws_xpixel: 0, ws_ypixel: 0 })?;
    // The signal of it came before this one.
    t.container().signal(Signal::USR1)?;
    same(t.finish()?, 130, &t.text())
}
