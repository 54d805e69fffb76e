//! Services that are in a container only if something holds, and variables that leave services out, add or require them.

use libtest_mimic::Failed;
use sandbox::Sandbox;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::status::says;
use crate::{Images, Outcome, Test, has, same};

pub const TESTS: &[(&str, Test)] = &[
    ("conditions::what_does_not_hold_is_not_there", what_does_not_hold_is_not_there),
    ("conditions::a_hook_may_set_the_variable", a_hook_may_set_the_variable),
    ("conditions::names_that_nothing_has_are_errors", names_that_nothing_has_are_errors),
    ("conditions::a_program_answers_or_the_boot_ends", a_program_answers_or_the_boot_ends),
    ("conditions::services_of_version_2_have_conditions", services_of_version_2_have_conditions),
    ("conditions::a_new_compile_asks_the_same", a_new_compile_asks_the_same),
    ("conditions::facts_of_the_container", facts_of_the_container),
];

const SLEEPS: &str = "#!/bin/sh\nexec sleep 100000\n";

/// The two layouts of supervision of a container, and the line that tells what isn't there.
fn layouts(sandbox: &Sandbox) -> [Sandbox; 2] {
    ["1", "0"].map(|processes| {
        sandbox.clone().env("S6_SUPERVISE_PROCESSES", processes).env("S6_KILL_GRACETIME", "100")
    })
}

/// A mailbox that needs a variable, its interface, and something to read it all.
fn mail() -> Result<Services, Failed> {
    let services = Services::new()?;
    services.longrun("db", &["base"], SLEEPS)?;
    services.longrun("mailbox", &["db"], SLEEPS)?.define(
        "mailbox",
        "only-if",
        "env MAILBOX\nkernel >= 3\n",
    )?;
    services.longrun("ui", &["mailbox"], SLEEPS)?;
    Ok(services)
}

/// Boots, and fails unless it ends with this code and says this.
fn ends(sandbox: &Sandbox, code: u8, wanted: &str) -> Outcome {
    for sandbox in layouts(sandbox) {
        let mut t = Transcript::start(&sandbox)?;
        same(t.finish()?, code, &t.text())?;
        has(&t, wanted)?;
    }
    Ok(())
}

const ABSENT: &str = "not in this container: mailbox (MAILBOX isn't set), and what needs it: ui";

fn what_does_not_hold_is_not_there(images: &Images) -> Outcome {
    let services = mail()?;
    for read_only in [false, true] {
        for sandbox in layouts(&images.small(&services, &[]).read_only(read_only)) {
            let mut t = Transcript::start(&sandbox)?;
            t.wait_for(ABSENT)?;
            says(&t, &["wait"], 0, &[])?;
            says(&t, &["wait", "ui", "mailbox"], 0, &[])?;
            says(&t, &["health", "ui", "db"], 0, &["ready"])?;
            says(
                &t,
                &["status", "--plain"],
                0,
                &["mailbox\tskipped\t", "\tMAILBOX isn't set\n", "\tneeds mailbox: MAILBOX isn't set\n"],
            )?;
            says(
                &t,
                &["status", "mailbox"],
                3,
                &["mailbox: skipped: MAILBOX isn't set", "env MAILBOX: it doesn't"],
            )?;
            let fields = "\"name\":\"mailbox\",\"state\":\"skipped\",\"conditions\":[{\"text\":\"env MAILBOX\",\"holds\":false}]";
            says(&t, &["status", "--json=name,state,conditions"], 0, &[fields])?;
            says(&t, &["start", "mailbox"], 4, &["mailbox isn't in this container: MAILBOX isn't set"])?;
            t.container().stop()?;
            t.finish()?;
        }
        for sandbox in layouts(&images.small(&services, &[]).read_only(read_only).env("MAILBOX", "yes")) {
            let mut t = Transcript::start(&sandbox)?;
            t.wait_for("service ui successfully started")?;
            says(&t, &["wait"], 0, &[])?;
            let fields =
                "{\"text\":\"env MAILBOX\",\"holds\":true},{\"text\":\"kernel >= 3\",\"holds\":true}]";
            says(&t, &["status", "--json=name,conditions"], 0, &[fields])?;
            same(t.contains("not in this container"), false, &t.text())?;
            t.container().stop()?;
            t.finish()?;
        }
    }
    Ok(())
}

fn a_hook_may_set_the_variable(images: &Images) -> Outcome {
    let services = mail()?;
    services.script("/hook", "#!/bin/sh\necho on >/run/s6/container_environment/MAILBOX\n")?;
    let sandbox = images.small(&services, &["/bin/true"]);
    ends(&sandbox.clone().env("S6_STAGE2_HOOK", "/hook"), 0, "service ui successfully started")?;
    // One that takes it away.
    services.script("/hook", "#!/bin/sh\nrm /run/s6/container_environment/MAILBOX\n")?;
    ends(&sandbox.clone().env("MAILBOX", "1").env("S6_STAGE2_HOOK", "/hook"), 0, ABSENT)?;
    // With the container's variables in every process.
    ends(&sandbox.clone().env("S6_KEEP_ENV", "1"), 0, ABSENT)?;
    ends(&sandbox.env("S6_KEEP_ENV", "1").env("MAILBOX", "1"), 0, "service ui successfully started")
}

pub fn what_has_to_be_there_ends_the_boot(images: &Images) -> Outcome {
    let services = mail()?;
    let sandbox = images.small(&services, &["/bin/true"]);
    for (required, why) in [
        ("mailbox", "mailbox has to be in this container (S6_REQUIRE), and isn't: MAILBOX isn't set"),
        ("db ui", "ui has to be in this container (S6_REQUIRE), and isn't: needs mailbox: MAILBOX isn't set"),
    ] {
        ends(&sandbox.clone().env("S6_REQUIRE", required), 1, &format!("{why}, so the container stops"))?;
    }
    ends(&sandbox.clone().env("S6_REQUIRE", "db"), 0, ABSENT)?;
    services.define("mailbox", "main", "")?;
    let why = "mailbox has to be in this container (its file main), and isn't: MAILBOX isn't set";
    ends(&sandbox, 1, why)
}

fn names_that_nothing_has_are_errors(images: &Images) -> Outcome {
    let services = mail()?;
    services.script("/etc/services.d/cron/run", SLEEPS)?;
    let sandbox = images.small(&services, &["/bin/true"]);
    for (variable, value, wanted) in [
        ("S6_DISABLE", "corn", "S6_DISABLE: undefined service name corn ("),
        ("S6_DISABLE", "mailbux", "did you mean mailbox?; write ?mailbux if it may be missing"),
        ("S6_ENABLE", "debug", "S6_ENABLE: undefined service name debug ("),
        ("S6_REQUIRE", "web", "S6_REQUIRE: undefined service name web ("),
        ("S6_DISABLE", "base", "S6_DISABLE: base is a part of every container"),
    ] {
        ends(&sandbox.clone().env(variable, value), 1, wanted)?;
    }
    ends(&sandbox.clone().env("S6_DISABLE", "?corn ui user2 cron"), 0, "ui (S6_DISABLE has it)")?;
    // A script may make the service, so that its name is looked up when the start is over.
    services.script("/etc/cont-init.d/make", "#!/bin/sh\nmkdir -p /etc/services.d\n")?;
    ends(&sandbox.env("S6_DISABLE", "corn"), 1, "S6_DISABLE: undefined service name corn (")
}

pub fn left_out_from_outside(images: &Images) -> Outcome {
    let services = mail()?;
    services.define("all-mail", "type", "bundle\n")?.define("all-mail", "contents.d/mailbox", "")?;
    services.wanted("all-mail")?;
    let sandbox = images.small(&services, &["/bin/true"]).env("MAILBOX", "1");
    let absent = "all-mail (S6_DISABLE has it), and what is in it or needs it: mailbox, ui";
    ends(&sandbox.env("S6_DISABLE", "all-mail"), 0, absent)
}

pub fn added_from_outside(images: &Images) -> Outcome {
    let services = mail()?;
    services.define("debug", "type", "oneshot\n")?.define("debug", "up", "echo debugging\n")?;
    let sandbox = images.small(&services, &["/bin/true"]);
    let mut t = Transcript::start(&sandbox)?;
    same((t.finish()?, t.contains("debugging")), (0, false), &t.text())?;
    ends(&sandbox.env("S6_ENABLE", "debug"), 0, "debugging")
}

pub fn profiles_from_outside(images: &Images) -> Outcome {
    let services = mail()?;
    services.define("profiled", "type", "oneshot\n")?.define("profiled", "up", "echo profiled\n")?;
    services.define("profiled", "only-if", "profile metrics | profile debug\n")?.wanted("profiled")?;
    let sandbox = images.small(&services, &["/bin/true"]);
    ends(&sandbox.clone().env("S6_PROFILES", "x debug"), 0, "profiled")?;
    ends(&sandbox, 0, "profiled (S6_PROFILES has no metrics, and S6_PROFILES has no debug)")
}

fn a_program_answers_or_the_boot_ends(images: &Images) -> Outcome {
    let services = mail()?;
    services.define("mailbox", "only-if", "run /asks MAILBOX\n")?;
    let sandbox = images.small(&services, &["/bin/true"]);
    for (script, code, wanted) in [
        ("test -n \"$HOSTED\"", 0, "service ui successfully started"),
        ("test $1 = other", 0, "mailbox (/asks MAILBOX says no), and what needs it: ui"),
        ("exit 2", 1, "the condition run /asks exited 2; 0 means yes, and 1 no, so the container stops"),
        ("kill -9 $$", 1, "the condition run /asks was killed by signal 9"),
        ("while :; do sleep 1000; done", 1, "the condition run /asks took longer than 5 s and was killed"),
    ] {
        services.script("/asks", &format!("#!/bin/sh\n{script}\n"))?;
        let sandbox = sandbox.clone().env("HOSTED", "1");
        match script.contains("sleep") {
            // Once is enough, for it takes long.
            true => {
                let mut t = Transcript::start(&sandbox)?;
                same(t.finish()?, code, &t.text())?;
                has(&t, wanted)?;
            }
            false => ends(&sandbox, code, wanted)?,
        }
    }
    Ok(())
}

fn services_of_version_2_have_conditions(images: &Images) -> Outcome {
    let services = Services::new()?;
    for name in ["cron", "web"] {
        services.script(&format!("/etc/services.d/{name}/run"), SLEEPS)?;
    }
    services.file("/etc/services.d/cron/only-if", "env CRON\n")?;
    for sandbox in layouts(&images.small(&services, &[])) {
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("not in this container: cron (CRON isn't set)")?;
        says(&t, &["wait"], 0, &[])?;
        says(&t, &["status", "cron"], 3, &["cron: skipped: CRON isn't set"])?;
        says(&t, &["status", "--plain"], 0, &["web\tup\t"])?;
        t.container().stop()?;
        t.finish()?;
    }
    let command = images.small(&services, &["/bin/true"]);
    ends(&command.clone().env("S6_DISABLE", "web"), 0, "web (S6_DISABLE has it)")?;
    let why = "cron has to be in this container (S6_REQUIRE), and isn't: CRON isn't set";
    ends(&command.clone().env("S6_REQUIRE", "cron"), 1, why)?;
    ends(&command.clone().env("S6_REQUIRE", "cron").env("CRON", "1"), 0, "copying legacy longrun cron")?;
    services.file("/etc/services.d/cron/main", "")?;
    ends(&command, 1, "cron has to be in this container (its file main), and isn't: CRON isn't set")?;
    services.file("/etc/services.d/cron/only-if", "env CRON OR\n")?;
    ends(&command, 0, "/cron/only-if:1:10: \"OR\" is one word too many")
}

fn a_new_compile_asks_the_same(images: &Images) -> Outcome {
    let services = mail()?;
    services.define("ui", "only-if", "tty | pid1\nuid 0\ncap kill\n")?;
    for sandbox in layouts(&images.small(&services, &[])) {
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for(ABSENT)?;
        says(&t, &["wait"], 0, &[])?;
        says(&t, &["reload"], 0, &[ABSENT, "no definition has changed\n"])?;
        let change = format!(
            "echo env MAILBOX=1 >{DEFINITIONS}/db/only-if; echo 1 >/run/s6/container_environment/MAILBOX"
        );
        t.container().exec(["/bin/sh", "-c", &change]).start()?.wait()?;
        says(&t, &["reload"], 0, &["mailbox: added\n", "ui: added\n"])?;
        says(&t, &["status", "--json=name,conditions"], 0, &["{\"text\":\"cap kill\",\"holds\":true}]"])?;
        says(&t, &["status", "db"], 0, &["only if     env MAILBOX=1\n"])?;
        let change = "echo 2 >/run/s6/container_environment/MAILBOX";
        t.container().exec(["/bin/sh", "-c", change]).start()?.wait()?;
        says(&t, &["reload", "--dry-run"], 0, &["db: removed\n"])?;
        says(&t, &["status", "db"], 0, &["only if     env MAILBOX=1\n"])?;
        says(&t, &["reload"], 0, &["db (MAILBOX isn't 1), and what needs it: mailbox, ui", "db: removed\n"])?;
        says(&t, &["status", "db"], 3, &["db: skipped: MAILBOX isn't 1"])?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}

fn facts_of_the_container(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (name, condition) in [
        ("a-file", "file /bin/busybox"),
        ("a-dir", "dir /etc/s6-overlay"),
        ("a-socket", "! socket /bin/busybox"),
        ("a-program", "exec sleep"),
        ("a-user", "uid 0"),
        ("a-capability", "cap kill"),
        ("a-first", "pid1"),
        ("a-pipe", "! tty"),
        ("a-machine", "memory >= 16M"),
    ] {
        services.oneshot(name, &["base"], &format!("echo {name} is there"), "")?;
        services.define(name, "only-if", &format!("{condition}\n"))?;
    }
    for sandbox in layouts(&images.small(&services, &["/bin/true"])) {
        let mut t = Transcript::start(&sandbox)?;
        same(t.finish()?, 0, &t.text())?;
        same(t.contains("not in this container"), false, &t.text())?;
        let there = t.lines().iter().filter(|line| line.trim_end().ends_with(" is there")).count();
        same(there, 9, &t.text())?;
    }
    // A terminal, and a user who isn't root.
    services.define("a-pipe", "only-if", "tty\n")?;
    let mut t = Transcript::on_terminal(&images.small(&services, &["/bin/true"]))?;
    t.finish()?;
    has(&t, "a-pipe is there")
}
