//! What makes the reference hang for ever: here each ends, with a code and a reason.

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("hangs::a_definition_that_is_wrong", a_definition_that_is_wrong),
    ("hangs::a_definition_that_is_a_fifo", a_definition_that_is_a_fifo),
    ("hangs::a_missing_bundle", a_missing_bundle),
    ("hangs::a_command_that_is_called_exit", a_command_that_is_called_exit),
    ("hangs::an_empty_folder_in_fix_attrs", an_empty_folder_in_fix_attrs),
    ("hangs::stops_with_a_catch_all_logger", stops_with_a_catch_all_logger),
    ("hangs::a_scandir_that_is_told_to_end", a_scandir_that_is_told_to_end),
    ("hangs::a_logger_with_a_script_of_ones_own", a_logger_with_a_script_of_ones_own),
    ("hangs::a_working_directory_that_is_gone", a_working_directory_that_is_gone),
    ("hangs::a_service_that_never_runs", a_service_that_never_runs),
    ("hangs::more_services_than_descriptors", more_services_than_descriptors),
];

fn a_definition_that_is_wrong(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.define("bad", "type", "oneshot\n")?.wanted("bad")?;
    for value in ["0", "1", "2"] {
        let sandbox =
            images.small(&services, &["echo", "the command"]).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", value);
        let mut t = Transcript::start(&sandbox)?;
        same((t.finish()?, t.contains("the command")), (1, false), &t.text())?;
        t.in_order(&["bad: a oneshot needs an up file", "the service definitions are invalid"])?;
    }
    Ok(())
}

fn a_definition_that_is_a_fifo(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("odd", &["base"], "true", "")?;
    for file in ["type", "up", "down", "timeout-up", "dependencies.d/base", "contents"] {
        let make = format!("cd {DEFINITIONS}/odd; rm -f {file}; mkfifo {file}");
        let sandbox = images.small(&services, &["echo", "the command"]).prepare(["/bin/sh", "-c", &make]);
        let mut t = Transcript::start(&sandbox)?;
        let code = t.finish()?;
        // Of a dependency, and of a file that nothing reads, only the name counts.
        let matters = !["dependencies.d/base", "contents"].contains(&file);
        same((file, code != 0, t.contains("the command")), (file, matters, !matters), &t.text())?;
        same(!matters || t.contains(&format!("odd/{file}")), true, &t.text())?;
    }
    Ok(())
}

fn a_missing_bundle(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("once", &["base"], "echo once up", "")?;
    // Incomplete or missing, as under a mount: they are bundles all the same.
    let places = "/etc/s6-overlay/user-bundles.d";
    for (change, starts, said) in [
        (format!("rm -r {places}/user2"), true, ""),
        (format!("rm {places}/user/type; rm -r {places}/user2"), true, ""),
        (format!(": >{places}/user/type"), true, ""),
        (format!("rm -r {places}/user"), false, "not started: once: in no user bundle"),
        (format!("rm -r {places}"), false, "there is no /etc/s6-overlay/user-bundles.d: it counts as empty"),
        ("rm -r /etc/s6-overlay; mkdir /etc/s6-overlay".into(), false, "there is no /etc/s6-overlay/s6-rc.d"),
    ] {
        let sandbox = images.small(&services, &["echo", "the command"]).prepare(["/bin/sh", "-c", &change]);
        let mut t = Transcript::start(&sandbox)?;
        same((&change, t.finish()?, t.contains("the command")), (&change, 0, true), &t.text())?;
        same((&change, t.contains("once up")), (&change, starts), &t.text())?;
        same((&change, t.contains(said), t.contains("/package")), (&change, true, false), &t.text())?;
    }
    // In their old place, they may be incomplete.
    services.file(&format!("{DEFINITIONS}/user/contents.d/once"), "")?;
    let sandbox = images.small(&services, &["echo", "the command"]);
    let mut t = Transcript::start(&sandbox.prepare(["/bin/rm", "-r", "/etc/s6-overlay/user-bundles.d"]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["once up", "the command"])?;
    Ok(())
}

fn a_command_that_is_called_exit(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (command, code) in [(&["exit"][..], 0), (&["exit", "7"], 7)] {
        let mut t = Transcript::start(&images.small(&services, command))?;
        same(t.finish()?, code, &t.text())?;
    }
    Ok(())
}

fn an_empty_folder_in_fix_attrs(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.file("/etc/fix-attrs.d/a", "/srv/empty true daemon 0600 0700\n")?;
    let sandbox =
        images.small(&services, &["stat", "-c", "%U %a", "/srv/empty"]).make_directory("/srv/empty");
    let mut t = Transcript::start(&sandbox)?;
    same((t.finish()?, t.contains("daemon 700")), (0, true), &t.text())
}

fn stops_with_a_catch_all_logger(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\necho daemon runs\nexec sleep 100000\n")?;
    services.script("/etc/cont-finish.d/a", "#!/bin/sh\necho cont-finish\n")?;
    for round in 0..20 {
        let sandbox = images.small(&services, &["sh", "-c", "echo the command; exit 7"]);
        let mut t = Transcript::start(&sandbox.env("S6_LOGGING", if round % 2 == 0 { "1" } else { "2" }))?;
        same((round, t.finish()?), (round, 7), &t.text())?;
    }
    Ok(())
}

fn a_scandir_that_is_told_to_end(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    for letter in ["t", "q", "b"] {
        let script = format!("s6-svscanctl -{letter} /run/service; exec sleep 100000");
        let mut t = Transcript::start(&images.small(&services, &["sh", "-c", &script]))?;
        same((letter, t.finish()?), (letter, 0), &t.text())?;
        same(t.contains("the root scandir was told to end: the container stops"), true, &t.text())?;
    }
    Ok(())
}

fn a_logger_with_a_script_of_ones_own(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("talks", &["base"], "#!/bin/sh\necho said\nexec sleep 100000\n")?;
    services.define("talks", "producer-for", "talks-log\n")?;
    services.longrun(
        "talks-log",
        &["base"],
        "#!/command/with-contenv sh\nexec logutil-service /var/log/talks\n",
    )?;
    services.define("talks-log", "consumer-for", "talks\n")?.define(
        "talks-log",
        "pipeline-name",
        "both\n",
    )?;
    services.wanted("both")?;
    services.script(
        "/waits",
        "#!/bin/sh\nuntil grep -q 'said$' /var/log/talks/current; do sleep 0.02; done\necho logged\n",
    )?;
    for script in ["n20 s1000000 T", "n3 s4096 T\n"] {
        let sandbox = images
            .small(&services, &["/waits"])
            .prepare(["/bin/mkdir", "-p", "-m", "0777", "/var/log"])
            .env("S6_LOGGING_SCRIPT", script);
        let mut t = Transcript::start(&sandbox)?;
        same((t.finish()?, t.contains("logged")), (0, true), &t.text())?;
    }
    Ok(())
}

fn a_working_directory_that_is_gone(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/etc/cont-init.d/a", "#!/bin/sh\nrm -r /srv/work\n")?;
    let sandbox =
        images.small(&services, &["echo", "the command"]).make_directory("/srv/work").directory("/srv/work");
    let mut t = Transcript::start(&sandbox)?;
    same((t.finish()?, t.contains("the command")), (111, false), &t.text())?;
    same(t.contains("change to the working directory /srv/work: No such file or directory"), true, &t.text())
}

fn a_service_that_never_runs(images: &Images) -> Outcome {
    let longruns = [
        ("#!/no/such/interpreter\n", "its interpreter /no/such/interpreter does not exist"),
        ("exec sleep 100000\n", "the first line names no interpreter"),
        ("#!/bin\n", "Permission denied"),
    ];
    for (run, reason) in longruns {
        let services = Services::new()?;
        services.longrun("bad", &["base"], run)?;
        // A start that can't succeed has failed, at once, and the variable says what that means.
        for (value, outcome) in [("0", (0, true)), ("1", (0, true)), ("2", (1, false))] {
            let sandbox = images.small(&services, &["echo", "the command"]);
            let mut t = Transcript::start(&sandbox.env("S6_BEHAVIOUR_IF_STAGE2_FAILS", value))?;
            same((t.finish()?, t.contains("the command")), outcome, &t.text())?;
            let unable = "s6-supervise bad: warning: unable to spawn ./run (waiting 60 seconds)";
            same((t.contains(unable), t.contains(reason)), (true, true), &t.text())?;
        }
    }
    // A legacy service that is waited for, too.
    let services = Services::new()?;
    services.script("/etc/services.d/bad/run", "#!/no/such/interpreter\n")?;
    let sandbox = images.small(&services, &["echo", "the command"]).env("S6_CMD_WAIT_FOR_SERVICES", "1");
    let mut t = Transcript::start(&sandbox.env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "1"))?;
    same((t.finish()?, t.contains("the command")), (0, true), &t.text())?;
    same(t.contains("not ready: bad"), true, &t.text())
}

fn more_services_than_descriptors(images: &Images) -> Outcome {
    let services = Services::new()?;
    for n in 0..20 {
        services.longrun(&format!("daemon{n}"), &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    }
    for (value, outcome) in [("0", (0, true)), ("2", (1, false))] {
        let limited = ["sh", "-c", "ulimit -n 64; exec /init echo the command"];
        let sandbox =
            images.small(&services, &[]).command(limited).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", value);
        let mut t = Transcript::start(&sandbox)?;
        same((t.finish()?, t.contains("the command")), outcome, &t.text())?;
        let refused = "too few descriptors are left: the limit on open files is 64";
        same((t.contains(refused), t.contains("no supervisor runs on its")), (true, true), &t.text())?;
    }
    Ok(())
}
