//! `/init` under any runtime: not as process 1, as any user, without rights, on any root and any /run.

use sandbox::Sandbox;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("runtimes::below_an_engines_init", below_an_engines_init),
    ("runtimes::beside_foreign_processes", beside_foreign_processes),
    ("runtimes::below_an_init_stops_on_request", below_an_init_stops_on_request),
    ("runtimes::a_second_one_is_refused", a_second_one_is_refused),
    ("runtimes::another_user_with_the_helper", another_user_with_the_helper),
    ("runtimes::another_user_without_the_helper", another_user_without_the_helper),
    ("runtimes::any_user_with_group_0", any_user_with_group_0),
    ("runtimes::without_new_privileges", without_new_privileges),
    ("runtimes::a_run_that_is_not_ours_is_refused_in_one_sentence", refused_in_one_sentence),
    ("runtimes::a_read_only_root", a_read_only_root),
    ("runtimes::a_read_only_root_and_run", a_read_only_root_and_run),
    ("runtimes::a_noexec_run", a_noexec_run),
    ("runtimes::a_run_that_all_can_write", a_run_that_all_can_write),
    ("runtimes::an_image_without_a_shell", an_image_without_a_shell),
    ("runtimes::an_image_with_nothing_else", an_image_with_nothing_else),
];

/// Services of each kind that print their identity, and a command that waits for them.
fn services_of_each_kind() -> Result<Services, libtest_mimic::Failed> {
    let services = Services::new()?;
    services.longrun(
        "daemon",
        &["base"],
        "#!/bin/sh\necho daemon of $(id -u)\necho >/tmp/runs\nexec sleep 100000\n",
    )?;
    services.script(&format!("{DEFINITIONS}/daemon/finish"), "#!/bin/sh\necho daemon finished\n")?;
    services.script("/once", "#!/bin/sh\necho oneshot of $(id -u)\n")?;
    services.oneshot("once", &["base"], "/once", "echo oneshot down")?;
    services
        .script("/etc/cont-init.d/a", "#!/command/with-contenv sh\necho cont-init of $(id -u), WORD $WORD\n")?
        .script(
            "/etc/services.d/legacy/run",
            "#!/bin/sh\necho legacy of $(id -u)\necho >/tmp/up\nexec sleep 100000\n",
        )?
        .script("/etc/cont-finish.d/a", "#!/bin/sh\necho cont-finish of $(id -u)\n")?;
    Ok(services)
}

const WAITS: [&str; 3] = [
    "sh",
    "-c",
    "until test -e /tmp/up && test -e /tmp/runs; do sleep 0.02; done; echo command of $(id -u); exit 3",
];

/// On the small root, with a /tmp for everybody.
fn sandbox(images: &Images, services: &Services) -> Sandbox {
    images.small(services, &WAITS).prepare(["/bin/chmod", "1777", "/tmp"]).env("WORD", "given")
}

/// A preparation without the helper's setuid bit, and with this done to /run.
fn without_helper(run: &str) -> [String; 3] {
    let all =
        format!("chmod 1777 /tmp; chmod u-s /package/admin/s6-overlay/command/s6-overlay-suexec; {run}");
    ["/bin/sh".into(), "-c".into(), all]
}

/// Fails unless the container of [`services_of_each_kind`] does all it should, as this user.
fn does_all(sandbox: &Sandbox, uid: u32) -> Result<Transcript, libtest_mimic::Failed> {
    let mut t = Transcript::start(sandbox)?;
    same(t.finish()?, 3, &t.text())?;
    let of = |what: &str| format!("{what} of {uid}");
    let (init, command, finish) = (of("cont-init") + ", WORD given", of("command"), of("cont-finish"));
    t.in_order(&[&init, &command, "daemon finished", &finish])?;
    for what in ["daemon", "oneshot", "legacy"] {
        same(t.contains(&of(what)), true, &t.text())?;
    }
    same(t.contains("oneshot down"), true, &t.text())?;
    Ok(t)
}

/// Fails unless the container refuses to boot: its code, and one line that has these texts.
fn refuses(sandbox: &Sandbox, code: u8, texts: &[&str]) -> Outcome {
    let mut t = Transcript::start(sandbox)?;
    same(t.finish()?, code, &t.text())?;
    let reason: Vec<&String> = t.lines().iter().filter(|line| line.contains("fatal: ")).collect();
    same((reason.len(), t.contains("command of")), (1, false), &t.text())?;
    for text in texts {
        same((text, t.contains(text)), (text, true), &t.text())?;
    }
    Ok(())
}

fn below_an_engines_init(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    // As tini does: starts it, waits for it, passes its code on.
    services.script("/docker-init", "#!/bin/sh\n\"$@\"\necho code $?\nps -o args\nexit 3\n")?;
    let command = ["/docker-init", "/init"].iter().chain(&WAITS).copied();
    let t = does_all(&sandbox(images, &services).command(command), 0)?;
    t.in_order(&["not process 1, which is docker-init (the container engine's own init)", "code 3"])?;
    same(t.contains("sleep 100000"), false, &t.text())
}

fn beside_foreign_processes(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\necho daemon runs\nexec sleep 100001\n")?;
    services.script("/leaves", "#!/bin/sh\n(setsid sh -c 'trap \"\" TERM; echo >/up; exec sleep 100002' &)\nuntil test -e /up; do sleep 0.02; done\nexit 5\n")?;
    services.script(
        "/pause",
        "#!/bin/sh\nsleep 100000 &\n/init /leaves\necho code $?\nps -o args | sed 's/^/left: /'\n",
    )?;
    let sandbox = images.small(&services, &[]).command(["/pause"]).env("S6_KILL_GRACETIME", "50");
    let mut t = Transcript::start(&sandbox)?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&[
        "not process 1, which is pause (a pod with",
        "daemon runs",
        "code 5",
        "left: sleep 100000",
    ])?;
    for own in ["left: sleep 100001", "left: sleep 100002"] {
        same((own, t.contains(own)), (own, false), &t.text())?;
    }
    Ok(())
}

fn below_an_init_stops_on_request(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.script(&format!("{DEFINITIONS}/daemon/finish"), "#!/bin/sh\necho daemon finished\n")?;
    services
        .script("/tini", "#!/bin/sh\n/init &\ntrap 'kill -TERM $!' TERM\nwait\nwait\necho init is gone\n")?;
    for how in ["TERM", "halt"] {
        let mut t =
            Transcript::start(&images.small(&services, &[]).env("S6_VERBOSITY", "3").command(["/tini"]))?;
        t.wait_for("service legacy-services successfully started")?;
        if how == "TERM" {
            t.container().stop()?;
        } else {
            Transcript::start(&t.container().exec(["/run/s6/basedir/bin/halt"]))?.finish()?;
        }
        t.finish()?;
        t.in_order(&["daemon finished", "init is gone"])?;
    }
    Ok(())
}

fn a_second_one_is_refused(images: &Images) -> Outcome {
    let services = Services::new()?;
    let mut t =
        Transcript::start(&images.small(&services, &["sh", "-c", "/init true; echo second $?; exit 4"]))?;
    same(t.finish()?, 4, &t.text())?;
    t.in_order(&["another container's first process already runs on /run/service", "second 100"])?;
    Ok(())
}

fn another_user_with_the_helper(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    for run in ["mode=0755", "mode=0777", "mode=0755,noexec"] {
        does_all(&sandbox(images, &services).user(1000, 1000).run_options(run), 1000)?;
    }
    Ok(())
}

fn another_user_without_the_helper(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    for run in ["chown 1000:1000 /run", "chmod 1777 /run"] {
        does_all(&sandbox(images, &services).user(1000, 1000).prepare(without_helper(run)), 1000)?;
    }
    Ok(())
}

fn any_user_with_group_0(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    // The user has no entry in /etc/passwd.
    let sandbox = sandbox(images, &services).user(1_000_680_000, 0);
    does_all(&sandbox.clone().prepare(without_helper("chmod 0775 /run")), 1_000_680_000)?;
    refuses(
        &sandbox.prepare(without_helper("chmod 0777 /run")),
        100,
        &["writable for its group 0 and not for others"],
    )
}

fn without_new_privileges(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    let command = ["/bin/setpriv", "--nnp", "/init"].iter().chain(&WAITS).copied();
    // The helper's setuid bit is there, without effect.
    let sandbox = sandbox(images, &services).command(command);
    does_all(&sandbox, 0)?;
    let user = sandbox.user(1000, 1000);
    let own = ["/bin/sh", "-c", "chmod 1777 /tmp; chown 1000 /run"];
    does_all(&user.clone().prepare(own), 1000)?;
    refuses(&user, 100, &["no_new_privs keeps s6-overlay-suexec from changing that"])
}

fn refused_in_one_sentence(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    let sandbox = sandbox(images, &services).user(1000, 1000);
    refuses(
        &sandbox.clone().prepare(without_helper("")),
        100,
        &["/run (0:0, mode 0755) can't be used by 1000:1000", "RUN chown 1000 /run"],
    )?;
    let others = without_helper("chown 1001:1001 /run; chmod 0777 /run");
    refuses(
        &sandbox.clone().prepare(others),
        100,
        &["/run (1001:1001, mode 0777) can't be used by 1000:1000: it belongs to another user"],
    )?;
    let accepted = "set S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES=1 if nothing else runs here";
    refuses(&sandbox.clone().prepare(without_helper("chmod 0777 /run")), 100, &[accepted])?;
    let left = "mkdir /run/s6; touch /run/s6/f; chown -R 1001 /run/s6; chown 1000 /run; chmod 1755 /run";
    refuses(
        &sandbox.prepare(without_helper(left)),
        111,
        &["left by an earlier container of perhaps another user"],
    )
}

fn a_read_only_root(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    let all = "mount -t tmpfs tmpfs /tmp";
    does_all(&sandbox(images, &services).read_only(true).prepare(["/bin/sh", "-c", all]), 0)?;
    // The link isn't there, and can't be made.
    let t = does_all(&sandbox(images, &services).read_only(true).prepare(["/bin/sh", "-c", all]), 0)?;
    same(t.contains("/var/run isn't a link to /run and can't be made one"), true, &t.text())?;
    let user = format!("{all}; chown 1000 /run");
    does_all(
        &sandbox(images, &services).user(1000, 1000).read_only(true).prepare(without_helper(&user)),
        1000,
    )?;
    Ok(())
}

fn a_read_only_root_and_run(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    let all = "mount -t tmpfs tmpfs /tmp; mount -o remount,ro /run";
    let sandbox = sandbox(images, &services).read_only(true).prepare(without_helper(all));
    does_all(&sandbox, 0)?;
    does_all(&sandbox.clone().env("S6_READ_ONLY_ROOT", "1"), 0)?;
    refuses(&sandbox.user(1000, 1000), 100, &["/run is read-only and no tmpfs can be mounted on it"])
}

fn a_noexec_run(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    does_all(&sandbox(images, &services).run_options("mode=0755,noexec"), 0)?;
    let user = sandbox(images, &services).run_options("mode=0755,noexec").user(1000, 1000);
    let t = does_all(&user.prepare(without_helper("chown 1000 /run")), 1000)?;
    same(t.contains("/run is mounted noexec and can't be remounted"), true, &t.text())
}

fn a_run_that_all_can_write(images: &Images) -> Outcome {
    let services = services_of_each_kind()?;
    does_all(&sandbox(images, &services).run_options("mode=0777"), 0)?;
    Ok(())
}

fn an_image_without_a_shell(images: &Images) -> Outcome {
    let empty = tempfile::tempdir()?;
    let services = Services::new()?;
    services.longrun(
        "daemon",
        &["base"],
        "#!/command/execlineb -P\nforeground { s6-echo daemon runs }\ns6-pause\n",
    )?;
    services.script(
        &format!("{DEFINITIONS}/daemon/finish"),
        "#!/command/execlineb -S0\ns6-echo daemon finished\n",
    )?;
    services.oneshot("once", &["base"], "s6-echo once up", "s6-echo once down")?;
    services
        .script("/etc/cont-init.d/a", "#!/command/execlineb -P\ns6-echo cont-init\n")?
        .script("/etc/services.d/legacy/run", "#!/command/execlineb -P\ns6-pause\n")?
        .script("/etc/cont-finish.d/a", "#!/command/execlineb -P\ns6-echo cont-finish\n")?;
    let root = images.on(empty.path(), services.path(), &["/command/with-contenv", "exit", "7"]);
    let mut t = Transcript::start(&root)?;
    same(t.finish()?, 7, &t.text())?;
    t.in_order(&["cont-init", "once up", "daemon finished", "cont-finish"])?;
    same(t.contains("once down"), true, &t.text())
}

fn an_image_with_nothing_else(images: &Images) -> Outcome {
    let empty = tempfile::tempdir()?;
    // No /etc/passwd, /tmp or /var, and nothing of an image's own.
    let root = Sandbox::new(empty.path(), ["/init", "/command/s6-echo", "hello"]).layer(&images.distribution);
    for sandbox in [root.clone(), root.clone().user(1000, 1000), root.read_only(true)] {
        let mut t = Transcript::start(&sandbox)?;
        same((t.finish()?, t.contains("hello")), (0, true), &t.text())?;
    }
    Ok(())
}
