//! What images and hosts do to the places that the overlay uses: /run, /var/run, the container's environment.

use sandbox::Sandbox;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("places::run_and_var_run_in_any_form", run_and_var_run_in_any_form),
    ("places::what_is_in_var_run_moves", what_is_in_var_run_moves),
    ("places::a_mount_in_var_run_stays", a_mount_in_var_run_stays),
    ("places::what_root_left_in_a_users_run_moves_aside", what_root_left_moves_aside),
    ("places::a_full_run_is_one_sentence", a_full_run_is_one_sentence),
    ("places::empty_values_for_every_reader", empty_values_for_every_reader),
];

/// A daemon, and a script that uses the old path.
fn services() -> Result<Services, libtest_mimic::Failed> {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?.script(
        "/etc/cont-init.d/a",
        "#!/command/with-contenv sh\nprintf made >/var/run/s6/container_environment/MADE\n",
    )?;
    Ok(services)
}

/// After this preparation; the command shows the variable and the daemon's state, then runs `then`.
fn boots(images: &Images, prepare: &str, then: &str) -> Result<Transcript, libtest_mimic::Failed> {
    let script = format!(
        "echo made: $(printcontenv MADE), daemon up: $(s6-svstat -o up /var/run/service/daemon); {then}; exit 3"
    );
    let services = services()?;
    let sandbox = images.small(&services, &["sh", "-c", &script]);
    finishes(&sandbox.prepare(["/bin/sh", "-c", prepare]))
}

fn finishes(sandbox: &Sandbox) -> Result<Transcript, libtest_mimic::Failed> {
    let mut t = Transcript::start(sandbox)?;
    same(t.finish()?, 3, &t.text())?;
    same(t.contains("made: made, daemon up: true"), true, &t.text())?;
    Ok(t)
}

fn run_and_var_run_in_any_form(images: &Images) -> Outcome {
    let no_run = "umount /run; rmdir /run; rm -rf /var/run; mkdir -p /var";
    for (prepare, warning) in [
        ("ln -s /run /var/run", ""),
        ("ln -s ../run /var/run", ""),
        ("mkdir -p /var/run; mount --bind /run /var/run", ""),
        (&format!("{no_run}; mkdir /var/run; ln -s /var/run /run"), ""),
        (&format!("{no_run}; mkdir /var/run; ln -s var/run /run"), ""),
        (&format!("{no_run}; mkdir /var/run; mount -t tmpfs tmpfs /var/run; ln -s /var/run /run"), ""),
        (&format!("{no_run}; mkdir /real; ln -s /real /var/run; ln -s /var/run /run"), ""),
        (&format!("{no_run}; ln -s /var/run /run"), "/run was a link that led nowhere"),
        // As an earlier release left it.
        (&format!("{no_run}; ln -s /run /var/run; ln -s /var/run /run"), "/run was a link that led nowhere"),
    ] {
        let t = boots(images, prepare, "ls /run/s6/container_environment/MADE")?;
        same((prepare, t.contains("/run/s6/container_environment/MADE")), (prepare, true), &t.text())?;
        let warned = t.lines().iter().filter(|line| line.starts_with("init: warning")).count();
        same((prepare, warned), (prepare, usize::from(!warning.is_empty())), &t.text())?;
        same((prepare, t.contains(warning)), (prepare, true), &t.text())?;
    }
    Ok(())
}

fn what_is_in_var_run_moves(images: &Images) -> Outcome {
    let fill = "mkdir -p /var/run/db/in /run/db /var/run/s6/old; chown 33:34 /var/run/db; chmod 2750 /var/run/db/in; \
                echo kept >/var/run/db/in/file; echo images >/var/run/both; echo runs >/run/both; mkfifo /var/run/fifo";
    let show = "stat -c '%n %a' /run/db/in; cat /run/db/in/file /run/both; test -p /run/fifo && echo fifo; \
                readlink /var/run; test -e /run/s6/old || echo cleared";
    let t = boots(images, fill, show)?;
    t.in_order(&[
        "/var/run wasn't a link to /run, and is one now; what was in it is in /run",
        "/run/db/in 2750",
        "kept",
        "runs",
        "fifo",
        "/run",
        "cleared",
    ])
    .map(|_| ())
    .map_err(Into::into)
}

fn a_mount_in_var_run_stays(images: &Images) -> Outcome {
    let mount = "mkdir -p /var/run/kept; echo host >/socket; : >/var/run/docker.sock; mount --bind /socket /var/run/docker.sock";
    let t = boots(
        images,
        mount,
        "cat /var/run/docker.sock; ls -d /var/run/kept; ls /var/run/s6/services/daemon/run",
    )?;
    t.in_order(&[
        "/var/run isn't a link to /run and can't be made one: a file system is mounted on /var/run/docker.sock",
        "host",
        "/var/run/kept",
        "/var/run/s6/services/daemon/run",
    ])
    .map(|_| ())
    .map_err(Into::into)
}

fn what_root_left_moves_aside(images: &Images) -> Outcome {
    let command =
        "echo made: $(printcontenv MADE), daemon up: $(s6-svstat -o up /run/service/daemon); exit 3";
    let left = "chmod u-s /package/admin/s6-overlay/command/s6-overlay-suexec; ln -s /run /var/run; \
                mkdir -p /run/s6/db /run/service/x /run/s6-rc:s6-rc-init:abc/y; touch /run/s6/f; chown 1000 /run";
    let services = services()?;
    let sandbox = images.small(&services, &["sh", "-c", command]).user(1000, 1000);
    let t = finishes(&sandbox.prepare(["/bin/sh", "-c", left]))?;
    same(t.text().matches("was moved aside: /run/.s6:left-over:").count(), 1, &t.text())
}

fn a_full_run_is_one_sentence(images: &Images) -> Outcome {
    let services = Services::new()?;
    let mut sandbox = images.small(&services, &["true"]).run_options("mode=0755,size=32k");
    for n in 0..20 {
        sandbox = sandbox.env(format!("VARIABLE{n}"), "value");
    }
    let mut t = Transcript::start(&sandbox)?;
    same((t.finish()?, t.lines().len()), (111, 1), &t.text())?;
    let full =
        "No space left on device: /run is full, it holds at most 32 KiB; give it more (docker run --tmpfs";
    same(t.contains(full), true, &t.text())
}

fn empty_values_for_every_reader(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script(
        "/etc/cont-init.d/a",
        "#!/bin/sh\ncd /run/s6/container_environment\n: >EMPTIED\necho echoed >ECHOED\n",
    )?;
    services.script(
        "/show",
        "#!/bin/sh\necho \"$1 E[${E-unset}] F[${F-unset}] N[${N-unset}] X[${EMPTIED-unset}] Y[${ECHOED-unset}]\"\n",
    )?;
    let script = "s6-envdir /run/s6/container_environment /show envdir; \
                  s6-envdir -Lf /run/s6/container_environment /show verbatim; with-contenv /show contenv; \
                  printcontenv E | wc -c; wc -c </run/s6/container_environment/F; exit 3";
    let sandbox = images.small(&services, &["sh", "-c", script]).env("EMPTIED", "was full").env("E", "");
    let mut t = Transcript::start(&sandbox.env("F", "full").env("N", "line\n"))?;
    same(t.finish()?, 3, &t.text())?;
    t.in_order(&[
        "envdir E[] F[full] N[line] X[unset] Y[echoed]",
        "verbatim E[] F[full] N[line",
        "] X[unset] Y[echoed]",
        "contenv E[] F[full] N[line",
        "] X[unset] Y[echoed]",
        "1",
        "4",
    ])
    .map(|_| ())
    .map_err(Into::into)
}
