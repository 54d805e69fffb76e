//! The descriptors that a container is started with: its command gets them under their numbers, and no other process.

use sandbox::Sandbox;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("inherited::the_command_gets_them_and_nothing_else_does", the_command_gets_them),
    ("inherited::they_survive_a_re_execution_of_process_1", they_survive_a_re_execution),
    ("inherited::without_a_command_they_are_closed", without_a_command_they_are_closed),
    ("inherited::socket_activation_is_for_the_command", socket_activation_is_for_the_command),
];

/// Names each process and number that has /tmp/x open, with `me` for the shell itself.
const HOLDERS: &str = r#"#!/bin/sh
for f in /proc/[0-9]*/fd/*; do
  if [ "$f" -ef /tmp/x ]; then p=${f#/proc/}; p=${p%%/*}; [ $p = $$ ] && p=me; echo "$p has ${f##*/}"; fi
done
"#;

/// A daemon, its logger and a oneshot that tell if they have one of the descriptors.
fn services() -> Result<Services, libtest_mimic::Failed> {
    let tells =
        "for n in 3 5 70; do if [ /proc/self/fd/$n -ef /tmp/x ]; then echo a service has $n; fi; done\n";
    let services = Services::new()?;
    services.script("/holders", HOLDERS)?;
    services.script("/tells", &format!("#!/bin/sh\n{tells}"))?;
    services.longrun(
        "daemon",
        &["base"],
        &format!("#!/bin/sh\n{tells}echo >/tmp/runs\nexec sleep 100000\n"),
    )?;
    services.oneshot("once", &["base"], "/tells", "/tells")?;
    services.script("/etc/cont-init.d/a", &format!("#!/command/with-contenv sh\n{tells}"))?;
    Ok(services)
}

/// `/init COMMAND`, started by this script with descriptors 3, 5 and 70.
fn with_descriptors(images: &Images, services: &Services, command: &str) -> Sandbox {
    let start = format!("exec 3>/tmp/x; exec 5>>/tmp/x; exec /command/fdmove -c 70 5 {command}");
    images.small(services, &[]).command(["/bin/sh", "-c", &start])
}

fn the_command_gets_them(images: &Images) -> Outcome {
    let services = services()?;
    let command = "/init sh -c 'until [ -e /tmp/runs ]; do sleep 0.02; done; echo five >&5; echo seventy >&70; . /holders; cat /tmp/x'";
    for layout in ["0", "1"] {
        for below in [false, true] {
            let mut sandbox =
                with_descriptors(images, &services, command).env("S6_SUPERVISE_PROCESSES", layout);
            if below {
                // Below another process 1, which has none of them.
                let script = sandbox_script(command);
                sandbox = sandbox.command(["/bin/sh", "-c", &script]);
            }
            let mut t = Transcript::start(&sandbox)?;
            same(t.finish()?, 0, &t.text())?;
            t.in_order(&["me has 3", "me has 5", "me has 70", "five", "seventy"])?;
            let holders = t.lines().iter().filter(|line| line.contains(" has ")).count();
            same(holders, 3, &t.text())?;
        }
    }
    Ok(())
}

/// The same start below a shell that waits.
fn sandbox_script(command: &str) -> String {
    let quoted = command.replace('\'', "'\\''");
    format!("sh -c 'exec 3>/tmp/x; exec 5>>/tmp/x; exec /command/fdmove -c 70 5 {quoted}'; exit $?")
}

fn they_survive_a_re_execution(images: &Images) -> Outcome {
    let services = services()?;
    // The title of process 1 changes when the supervisor begins.
    let anew = "#!/bin/sh\nbefore=$(cut -d' ' -f28 /proc/1/stat)\ns6-svscanctl -R /run/service\n\
                until [ \"$(cut -d' ' -f28 /proc/1/stat)\" != \"$before\" ]; do sleep 0.02; done\n";
    services.script("/anew", anew)?;
    services.oneshot("anew", &["base"], "/anew", "")?;
    let sandbox = with_descriptors(images, &services, "/init sh -c 'echo five >&5; . /holders; cat /tmp/x'");
    let mut t = Transcript::start(&sandbox)?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["me has 3", "me has 5", "me has 70", "five"])?;
    same(t.lines().iter().filter(|line| line.contains(" has ")).count(), 3, &t.text())
}

fn without_a_command_they_are_closed(images: &Images) -> Outcome {
    let services = services()?;
    // The boot child has them until it ends.
    let looks = "#!/bin/sh\nuntil [ -z \"$(/holders)\" ]; do sleep 0.02; done\necho looked\nexec halt\n";
    services.longrun("looks", &["daemon"], looks)?;
    let mut t = Transcript::start(&with_descriptors(images, &services, "/init"))?;
    t.wait_for("looked")?;
    // What halt gives.
    same(t.finish()?, 130, &t.text())?;
    same(t.lines().iter().any(|line| line.contains(" has ")), false, &t.text())
}

fn socket_activation_is_for_the_command(images: &Images) -> Outcome {
    let services = Services::new()?;
    let claims = "if [ \"$LISTEN_PID\" = $$ ]; then echo a service claims the sockets; fi\n";
    let daemon = format!("#!/command/with-contenv sh\n{claims}echo >/tmp/runs\nexec sleep 100000\n");
    services.longrun("daemon", &["base"], &daemon)?;
    services.script("/etc/cont-init.d/a", &format!("#!/command/with-contenv sh\n{claims}"))?;
    let says = "sh -c 'until [ -e /tmp/runs ]; do sleep 0.02; done; [ $LISTEN_PID = $$ ] && echo mine $LISTEN_FDS $LISTEN_FDNAMES; cat <&3'";
    for prefix in ["", "with-contenv "] {
        for keep in ["0", "1"] {
            let set = "export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; exec 3</etc/group";
            let command = format!("{set}; exec /init {prefix}{says}");
            let below = format!("sh -c '{}'; exit $?", command.replace('\'', "'\\''"));
            for script in [command, below] {
                let sandbox = images.small(&services, &[]).command(["/bin/sh", "-c", &script]);
                let mut t = Transcript::start(&sandbox.env("S6_KEEP_ENV", keep))?;
                same(t.finish()?, 0, &format!("{script}\n{}", t.text()))?;
                t.in_order(&["mine 1 web", "root:x:0:"])?;
                same(t.contains("claims"), false, &t.text())?;
            }
        }
    }
    // Variables that are meant for another process stay as they are.
    let script = "export LISTEN_PID=77 LISTEN_FDS=1; exec /init with-contenv sh -c 'echo for $LISTEN_PID'";
    let mut t = Transcript::start(&images.small(&services, &[]).command(["/bin/sh", "-c", script]))?;
    same((t.finish()?, t.contains("for 77")), (0, true), &t.text())
}
