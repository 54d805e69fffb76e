//! Systems that boot with s6-linux-init, from a directory that s6-linux-init-maker made.

use sandbox::Sandbox;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("linux_init::a_container_boots_and_halts_with_its_code", a_container_boots_and_halts_with_its_code),
    ("linux_init::what_nobody_logs_is_logged", what_nobody_logs_is_logged),
    ("linux_init::term_stops_a_container", term_stops_a_container),
    ("linux_init::a_machine_runs_its_last_script", a_machine_runs_its_last_script),
];

const BASE: &str = "/etc/s6-linux-init/current";

/// A system made with these options of s6-linux-init-maker, with these scripts.
fn system(
    images: &Images,
    services: &Services,
    options: &str,
    init: &str,
    args: &[&str],
) -> Result<Sandbox, std::io::Error> {
    let scripts = [
        ("rc.init", init),
        ("rc.shutdown", "echo shutdown script"),
        ("rc.shutdown.final", "echo last script"),
        ("runlevel", "echo \"runlevel $1\""),
    ];
    for (name, lines) in scripts {
        services.script(&format!("/etc/test/skel/{name}"), &format!("#!/bin/sh\n{lines}\n"))?;
    }
    let make = format!(
        "mkdir -p /etc/s6-linux-init && \
         exec /command/s6-linux-init-maker -f /etc/test/skel -e GREETING=hello -e GONE {options} {BASE}"
    );
    let command = [vec![format!("{BASE}/bin/init")], args.iter().map(ToString::to_string).collect()].concat();
    Ok(images.small(services, &[]).command(command).env("GONE", "1").prepare(["/bin/sh", "-c", &make]))
}

fn a_container_boots_and_halts_with_its_code(images: &Images) -> Outcome {
    let services = Services::new()?;
    let init = "echo \"init $* $GREETING ${GONE-gone}\"\nls /run/service\n\
        echo 7 >/run/s6-linux-init-container-results/exitcode\nexec $GREETING_UNSET /etc/s6-linux-init/current/bin/halt";
    let mut t = Transcript::start(&system(images, &services, "-C -B", init, &["a", "b c"])?)?;
    same(t.finish()?, 7, &t.text())?;
    t.in_order(&["init default a b c hello gone", "s6-linux-init-shutdownd", "shutdown script"])?;
    same(t.contains("last script"), false, &t.text())?;
    Ok(())
}

fn what_nobody_logs_is_logged(images: &Images) -> Outcome {
    let services = Services::new()?;
    // The logger doesn't report that it has written a line; it has when a second one with a larger number is there.
    let init = "echo to the log\nuntil grep 'to the log' /run/uncaught-logs/current >/dev/null; do usleep 10000; done\n\
        [ -d /run/saved ] && ls /run/saved | grep -q GREETING || exec s6-linux-init-hpr -h\n\
        exec /etc/s6-linux-init/current/bin/poweroff";
    let sandbox = system(images, &services, "-C -t 3 -s /run/saved -D three", init, &[])?;
    let mut t = Transcript::start(&sandbox.env("GREETING", "saved"))?;
    // As the kernel tells a power-off of a pid namespace.
    same(t.finish()?, 130, &t.text())?;
    Ok(())
}

fn term_stops_a_container(images: &Images) -> Outcome {
    let services = Services::new()?;
    let init = "echo 9 >/run/s6-linux-init-container-results/exitcode\necho started";
    let mut t = Transcript::start(&system(images, &services, "-C -B -N", init, &[])?)?;
    t.wait_for("started")?;
    t.container().stop()?;
    same(t.finish()?, 9, &t.text())?;
    Ok(t.in_order(&["started", "shutdown script"])?)
}

fn a_machine_runs_its_last_script(images: &Images) -> Outcome {
    let services = Services::new()?;
    let init = "echo \"init $*\"\ncd /run/service/s6-linux-init-runleveld\n\
        until s6-svok .; do usleep 10000; done\ns6-svwait -U -t 20000 .\n\
        s6-linux-init-telinit 3\nexec s6-linux-init-hpr -r";
    let options = "-B -N -q 100 -L -G 's6-pause early'";
    let mut t = Transcript::start(&system(images, &services, options, init, &["quiet", "5"])?)?;
    // As the kernel tells a restart of a pid namespace.
    same(t.finish()?, 129, &t.text())?;
    Ok(t.in_order(&["init 5 quiet 5", "runlevel 3", "shutdown script", "last script"])?)
}
