//! Images that edit or replace the overlay's files, which are scripts in the reference, and use its paths.

use sandbox::Sandbox;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("edits::those_that_ask_for_less_output_are_followed", less_output),
    ("edits::others_are_reported_once_and_nothing_breaks", others_are_reported),
    ("edits::a_script_without_work_is_run_only_if_it_is_the_images", without_work),
    ("edits::a_shell_in_the_first_line_runs_the_text", a_shell_in_the_first_line),
    ("edits::programs_in_the_place_of_the_overlays_are_used", programs_in_their_place),
    ("edits::a_stage0_of_the_image_boots_with_s6_linux_init", a_stage0_of_the_image),
    ("edits::set_id_bits_and_odd_calls_change_nothing", set_id_bits_and_odd_calls),
    ("edits::the_places_of_the_reference_are_there", places),
    ("edits::s6_linux_init_maker_has_a_skeleton", maker_has_a_skeleton),
];

const HOME: &str = "/package/admin/s6-overlay";

/// An image that these commands changed while it was built.
fn image(images: &Images, services: &Services, build: &str, cmd: &[&str]) -> Sandbox {
    let build = format!("set -e\ncd {HOME}\n{build}");
    images.small(services, cmd).prepare(["/bin/sh", "-c", &build])
}

/// Boots, and fails unless the container ends with this code after lines with these texts, in this order.
fn ends(sandbox: &Sandbox, code: u8, texts: &[&str]) -> Result<Transcript, libtest_mimic::Failed> {
    let mut t = Transcript::start(sandbox)?;
    same(t.finish()?, code, &t.text())?;
    t.in_order(texts)?;
    Ok(t)
}

fn has(t: &Transcript, text: &str, times: usize) -> Outcome {
    same(t.text().matches(text).count(), times, &t.text())
}

/// Scripts and services of version 2, which print what they do.
fn legacy() -> std::io::Result<Services> {
    let services = Services::new()?;
    services.script("/etc/cont-init.d/one", "#!/bin/sh\necho init script\n")?;
    services.script("/etc/cont-finish.d/one", "#!/bin/sh\necho finish script\n")?;
    services.script("/etc/services.d/svc/run", "#!/bin/sh\nexec sleep 100000\n")?;
    Ok(services)
}

/// Without any of version 2's folders no process is started for their services; those that an image has put in the place
/// of the scripts run all the same.
fn without_work(images: &Images) -> Outcome {
    let services = Services::new()?;
    // The boot child, which becomes the CMD, is process 2.
    let cmd = ["sh", "-c", "sh -c 'echo the next is process $$'; ls -d /run/s6/legacy-services"];
    let texts = ["the next is process 3", "/run/s6/legacy-services"];
    ends(&images.small(&services, &cmd), 0, &texts)?;
    let build = "cd etc/s6-rc/scripts\n\
        for i in fix-attrs cont-init services-up services-down cont-finish; do\n\
        printf '#!/bin/sh\\necho own %s\\n' $i > $i\ndone\n";
    let texts = ["own fix-attrs", "own cont-init", "own services-up", "own services-down", "own cont-finish"];
    ends(&image(images, &services, build, &["true"]), 0, &texts)?;
    // One that can't be executed fails.
    let build = "chmod 644 etc/s6-rc/scripts/cont-init";
    let sandbox = image(images, &services, build, &["true"]).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2");
    ends(&sandbox, 1, &["cont-init could not be run: Permission denied"]).map(drop)
}

/// The edits of two families of base images.
fn less_output(images: &Images) -> Outcome {
    let services = legacy()?;
    let plain = ends(&images.small(&services, &["echo", "the command"]), 0, &["init script", "the command"])?;
    for message in ["cont-init: info", "services-up: info", "s6-rc: info", "cont-finish: info"] {
        same(plain.contains(message), true, &plain.text())?;
    }
    let build = "sed -i 's|echo|: # echo |g' etc/s6-rc/scripts/cont-init etc/s6-rc/scripts/cont-finish\n\
        sed -i \"s|echo ' (no readiness notification)'|: # echo ' (no readiness notification)'|g\" etc/s6-rc/scripts/services-up\n\
        sed -i 's|s6-echo -n|: # s6-echo -n|g' etc/s6-rc/scripts/services-up\n\
        sed -i 's|v=2|v=1|g' etc/s6-linux-init/skel/rc.init\n\
        sed -i 's|v=2|v=1|g' etc/s6-linux-init/skel/rc.shutdown\n";
    let sandbox = image(images, &services, build, &["echo", "the command"]);
    let t = ends(&sandbox, 0, &["init script", "the command", "finish script"])?;
    for message in ["cont-init: info", "services-up:", "s6-rc:", "cont-finish:", "was edited"] {
        same(t.contains(message), false, &t.text())?;
    }
    // The variable decides where there is one.
    let t = ends(&sandbox.env("S6_VERBOSITY", "2"), 0, &["s6-rc: info", "the command", "s6-rc: info"])?;
    same(t.contains("cont-init: info"), false, &t.text())
}

fn others_are_reported(images: &Images) -> Outcome {
    let services = legacy()?;
    services.longrun(
        "web",
        &["base"],
        "#!/command/with-contenv sh\necho \"web has $GIVEN\"\necho >&3\nexec sleep 100000\n",
    )?;
    services.define("web", "notification-fd", "3\n")?;
    let build = "for f in /init command/with-contenv etc/s6-linux-init/skel/rc.init etc/s6-linux-init/skel/CMDSIG \
        etc/s6-rc/scripts/cont-init libexec/preinit; do sed -i '2i date' $f; done\n\
        sed -i 's/no such text/x/' etc/s6-rc/scripts/cont-finish\n";
    let cmd = ["with-contenv", "sh", "-c", "s6-svwait -U /run/service/web; echo \"command has $GIVEN\""];
    let sandbox = image(images, &services, build, &cmd).env("GIVEN", "words");
    let t = ends(&sandbox, 0, &["cont-init: info: running", "init script", "command has words"])?;
    has(&t, "was edited, which has no effect", 6)?;
    has(&t, "init: warning: /init was edited, which has no effect: set S6_STAGE2_HOOK, ", 1)?;
    has(
        &t,
        "/cont-init was edited, which has no effect: put scripts into /etc/cont-init.d, or set S6_VERBOSITY instead",
        1,
    )?;
    has(&t, "/cont-finish was edited", 0)?;
    let t = ends(&sandbox.env("S6_VERBOSITY", "0"), 0, &["command has words"])?;
    same(t.contains("was edited"), false, &t.text())
}

/// What such an image adds in front of the last line is run, and then the overlay's own work is done.
fn a_shell_in_the_first_line(images: &Images) -> Outcome {
    let services = legacy()?;
    services.file("/etc/fix-attrs.d/one", "/etc/passwd false root 0640 0755\n")?;
    services.script("/etc/services.d/logged/run", "#!/bin/sh\necho said\nexec sleep 100000\n")?;
    services.script("/etc/services.d/logged/log/run", "#!/bin/sh\nexec logutil-service /tmp/log\n")?;
    let build = "mkdir /tmp/log; chmod 1777 /tmp/log\n\
        for f in /init command/with-contenv command/logutil-service libexec/* etc/s6-rc/scripts/* \
        etc/s6-linux-init/skel/rc.init etc/s6-linux-init/skel/rc.shutdown; do\n\
        case $f in */s6-overlay-script) continue;; esac\n\
        sed -i \"1s|.*|#!/bin/sh\\necho \\\"text ${f##*/}\\\" >\\&2|\" $f; done\n\
        sed -i '2i export FROM_INIT=yes' /init\n";
    let cmd = [
        "with-contenv",
        "sh",
        "-c",
        "until grep -q said /tmp/log/current; do usleep 10000; done; stat -c 'mode %a' /etc/passwd; \
         echo \"command has $FROM_INIT\"; exit 5",
    ];
    let sandbox = image(images, &services, build, &cmd);
    let t = ends(
        &sandbox,
        5,
        &[
            "text init",
            "text preinit",
            "text stage0",
            "text rc.init",
            "text fix-attrs",
            "text cont-init",
            "init script",
            "text services-up",
            "text with-contenv",
            "mode 640",
            "command has yes",
            "text rc.shutdown",
            "text services-down",
            "text cont-finish",
            "finish script",
        ],
    )?;
    has(&t, "text logutil-service-main", 1)?;
    has(&t, "text fix-attrs", 2)?;
    same(t.contains("was edited"), false, &t.text())
}

fn programs_in_their_place(images: &Images) -> Outcome {
    let services = legacy()?;
    services.oneshot("shows", &["base"], "with-contenv sh -c \"echo oneshot has -$GIVEN-$OWN-\"", "")?;
    services.longrun(
        "web",
        &["base"],
        "#!/command/with-contenv sh\necho \"web has -$OWN-\"\necho >&3\nexec sleep 100000\n",
    )?;
    services.define("web", "notification-fd", "3\n")?;
    services.script("/wc", "#!/bin/sh\nOWN=own exec \"$@\"\n")?;
    let show =
        ["with-contenv", "sh", "-c", "s6-svwait -U /run/service/web; echo \"command has -$GIVEN-$OWN-\""];
    let boots = |build: &str, texts: &[&str]| -> Result<Transcript, libtest_mimic::Failed> {
        ends(&image(images, &services, build, &show).env("GIVEN", "given"), 0, texts)
    };
    let own = ["oneshot has --own-", "web has -own-", "command has --own-"];
    // Through the link, as COPY and a shell do it; and in the place of the link.
    for build in ["cat /wc >/command/with-contenv", "rm /command/with-contenv; cp /wc /command/with-contenv"]
    {
        let mut t = boots(build, &[])?;
        for text in own {
            same(t.contains(text), true, &t.text())?;
        }
        same(t.finish()?, 0, &t.text())?;
    }
    let script = "printf '#!/bin/sh\\necho own $0 $*\\n' >etc/s6-rc/scripts/cont-init";
    let t = boots(
        script,
        &["own /package/admin/s6-overlay-3.2.3.2/etc/s6-rc/scripts/cont-init", "command has -given--"],
    )?;
    same(t.contains("init script"), false, &t.text())?;
    // An rc.init that does everything itself, and an rc.shutdown that says so.
    let stages = "cat >etc/s6-linux-init/skel/rc.init <<'E'\n#!/bin/sh -e\necho \"own $*\"\nshift\n\
        s6-rc-compile /run/s6/db /etc/s6-overlay/s6-rc.d /etc/s6-overlay/user-bundles.d \
        /package/admin/s6-overlay/etc/s6-rc/sources\ns6-rc-init -c /run/s6/db /run/service\ns6-rc -u change top\n\
        \"$@\" || :\necho 8 >/run/s6-linux-init-container-results/exitcode\nexec /run/s6/basedir/bin/halt\nE\n\
        printf '#!/bin/sh\\necho own shutdown\\nexec s6-rc -v2 -bda change\\n' >etc/s6-linux-init/skel/rc.shutdown";
    let sandbox = image(images, &services, stages, &show).env("GIVEN", "given");
    let texts =
        ["own top with-contenv sh", "init script", "command has -given--", "own shutdown", "finish script"];
    ends(&sandbox, 8, &texts)?;
    Ok(())
}

/// As the reference's stage0 boots: with a directory of s6-linux-init-maker, from the overlay's own skeleton.
fn a_stage0_of_the_image(images: &Images) -> Outcome {
    let services = legacy()?;
    let build = "cat >libexec/stage0 <<'E'\n#!/bin/sh -e\necho \"own stage0 $*\"\nb=/run/s6/basedir\n\
        s6-linux-init-maker -NC -B -D top -c $b -p \"$PATH\" -s /run/s6/container_environment \
        -f /package/admin/s6-overlay/etc/s6-linux-init/skel -- $b\n\
        pwd >/run/s6/workdir\nexec $b/bin/init \"$@\"\nE\n";
    let cmd = ["with-contenv", "sh", "-c", "echo \"command has $GIVEN\"; exit 6"];
    let sandbox = image(images, &services, build, &cmd).env("GIVEN", "words");
    let texts = ["own stage0 with-contenv sh", "init script", "command has words", "finish script"];
    ends(&sandbox, 6, &texts)?;
    Ok(())
}

fn set_id_bits_and_odd_calls(images: &Images) -> Outcome {
    let services = legacy()?;
    services.script("/odd", "#!/usr/bin/with-contenv sh\necho \"script has $GIVEN $*\"\n")?;
    services.script(
        "/check",
        "#!/bin/sh\ncd /tmp\n/odd a 'b c'\n../odd d\n./contenv /odd e\n\
         /package/admin/s6-overlay/libexec/s6-overlay-script with-contenv x sh -c 'echo direct'\n\
         with-contenv printcontenv GIVEN\n\
         s6-overlay rc-shutdown-final && echo nothing\n\
         cp /package/admin/s6-overlay/etc/s6-linux-init/skel/CMDSIG /tmp/SIGTERM\n\
         sh -c 'trap \"echo cmdsig; exit 1\" TERM; echo $$ >/run/s6/cmdpid; while :; do usleep 1000; done' &\n\
         until [ -s /run/s6/cmdpid ]; do usleep 1000; done; /tmp/SIGTERM\nwait $!\n\
         s6-overlay rc-init; echo usage $?\ns6-overlay rc-shutdown && exit 3\n",
    )?;
    let build =
        "chmod u+s /command/with-contenv command/printcontenv\nln -s /command/with-contenv /tmp/contenv\n";
    let sandbox = image(images, &services, build, &["/check"]).env("GIVEN", "words").directory("/etc");
    let texts = [
        "script has words a b c",
        "script has words d",
        "script has words e",
        "direct",
        "words",
        "nothing",
        "cmdsig",
        "usage 100",
        "stopping",
    ];
    ends(&sandbox, 3, &texts)?;
    Ok(())
}

fn places(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/check",
        "#!/bin/sh\ncd /run/s6/basedir\nls scripts\n[ -x scripts/rc.init ] && echo executable\n\
         echo \"env: $(ls env)\"\ncat env/GIVEN 2>/dev/null\n\
         cd /run/service/s6-linux-init-shutdownd\ns6-svok . && echo supervised\n\
         s6-svstat -o up,ready,wantedup .\n[ -p fifo ] && echo fifo\n\
         for s in /run/service/*; do s6-svc -wr -T 20000 -r $s && s6-svc -wD -T 20000 -d $s && s6-svstat -o up $s; done\n\
         s6-svc -wU -T 20000 -u .\ns6-svwait -U .\ns6-svstat -o up .\n\
         printf '#!/bin/sh\\necho edited while it runs\\nexec s6-rc -bda change\\n' >/run/s6/basedir/scripts/rc.shutdown\n\
         exit 4\n",
    )?;
    let sandbox = images.small(&services, &["/check"]).env("GIVEN", "words");
    let common = ["supervised", "true true true", "fifo", "false", "true", "edited while it runs"];
    let scripts = ["rc.init", "rc.shutdown", "rc.shutdown.final", "executable"];
    let mut t = ends(&sandbox, 4, &[&scripts[..], &["env:"], &common].concat())?;
    same(t.finish()?, 4, &t.text())?;
    same(t.contains("GIVEN"), false, &t.text())?;
    // Under S6_KEEP_ENV the folder holds the environment.
    ends(&sandbox.env("S6_KEEP_ENV", "1"), 4, &[&scripts[..], &["GIVEN", "words"], &common].concat())?;
    Ok(())
}

fn maker_has_a_skeleton(images: &Images) -> Outcome {
    let services = Services::new()?;
    let check = "s6-linux-init-maker -C /tmp/current && ls /tmp/current/scripts && \
        s6-linux-init-maker /tmp/machine && ls /tmp/machine/scripts && for s in /tmp/machine/scripts/*; do sh -n $s; done && \
        /tmp/machine/scripts/rc.init default x && echo harmless";
    let t = ends(
        &images.small(&services, &["sh", "-c", check]),
        0,
        &["rc.init", "rc.shutdown.final", "runlevel", "harmless"],
    )?;
    has(&t, "runlevel", 1)
}
