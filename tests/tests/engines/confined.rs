//! Containers that may do less than usual.

use crate::container::Place;
use crate::{NO_COMMAND, Outcome, Test, UP, same};

pub const TESTS: &[(&str, Test)] = &[
    ("read_only", read_only),
    ("user", user),
    ("user_without_help", user_without_help),
    ("run_without_exec", run_without_exec),
    ("beside_an_init", beside_an_init),
    ("among_foreign_processes", among_foreign_processes),
    ("root_without_rights", root_without_rights),
];

/// For engines that can limit memory.
pub const LIMITED: &[(&str, Test)] = &[("memory", memory)];

/// What a refusal recommends.
const MEND: &str = "--tmpfs /run";

/// Prints its user, and ends with 3.
const WHO: [&str; 4] =
    ["/test/busybox", "sh", "-c", "echo it is $(/test/busybox id -u):$(/test/busybox id -g); exit 3"];

fn boots_as(place: Place, options: &[&str], who: &str) -> Outcome {
    let (code, text) = place.run(options, &WHO)?;
    same(code, 3, &text)?;
    let who = format!("it is {who}");
    same(text.lines().any(|line| line == who), true, &text)?;
    same(text.contains("the daemon has finished"), true, &text)
}

/// It ends before anything of the image has run, with a line that names what to change.
fn refuses(place: Place, options: &[&str]) -> Outcome {
    let (code, text) = place.run(options, &WHO)?;
    same(code, 100, &text)?;
    same(text.contains(MEND), true, &text)?;
    same(text.contains("the daemon runs") || text.contains("it is"), false, &text)
}

fn read_only(place: Place) -> Outcome {
    boots_as(place, &["--read-only", "--tmpfs", "/run:exec,mode=755"], "0:0")?;
    boots_as(place, &["--read-only", "--tmpfs", "/run", "--user", "1000:1000"], "1000:1000")?;
    // Podman mounts a tmpfs there unless an option forbids it.
    refuses(place, &[&["--read-only"], place.engine.no_tmpfs_of_its_own()].concat())
}

fn user(place: Place) -> Outcome {
    boots_as(place, &["--user", "1000:1000"], "1000:1000")?;
    // An arbitrary user, of group 0.
    boots_as(place, &["--user", "12345:0"], "12345:0")
}

/// The setuid helper has no effect; /run is a tmpfs.
fn user_without_help(place: Place) -> Outcome {
    for (uid, gid) in [("1000", "1000"), ("12345", "0")] {
        let (user, run) = (format!("{uid}:{gid}"), place.engine.own_run(uid));
        let options = ["--user", &user, "--security-opt", "no-new-privileges", "--tmpfs", &run];
        boots_as(place, &options, &user)?;
        boots_as(place, &["--user", &user, "--cap-drop", "ALL", "--tmpfs", &run], &user)?;
    }
    refuses(place, &["--user", "1000:1000", "--security-opt", "no-new-privileges"])?;
    refuses(place, &["--user", "1000:1000", "--cap-drop", "ALL"])
}

/// Docker's own default for a tmpfs.
fn run_without_exec(place: Place) -> Outcome {
    let (container, mut client) =
        place.start(&[&NO_COMMAND[..], &["--tmpfs", "/run:noexec"]].concat(), &[])?;
    client.said.wait_for(UP)?;
    // It may be stopped itself before it ends.
    container.exec(&["/run/s6/basedir/bin/halt"])?;
    same(client.finish()?, 0, &client.said.text())?;
    client.said.in_order(&["the daemon runs", "the daemon has finished"])?;
    boots_as(place, &["--tmpfs", "/run"], "0:0")
}

fn beside_an_init(place: Place) -> Outcome {
    boots_as(place, &["--init"], "0:0")?;
    let run = place.engine.own_run("1000");
    boots_as(place, &["--init", "--user", "1000:1000", "--tmpfs", &run], "1000:1000")?;
    let (container, mut client) = place.start(&[&NO_COMMAND[..], &["--init"]].concat(), &[])?;
    client.said.wait_for(UP)?;
    container.stop()?;
    same(client.finish()?, 0, &client.said.text())?;
    client.said.in_order(&["not process 1", "the daemon has finished"])?;
    Ok(())
}

/// Containers of the other tests are among those, too: nothing here may end them.
fn among_foreign_processes(place: Place) -> Outcome {
    boots_as(place, &["--pid", "host"], "0:0")?;
    let (container, mut client) = place.start(&[&NO_COMMAND[..], &["--pid", "host"]].concat(), &[])?;
    client.said.wait_for(UP)?;
    let (code, text) = container.exec(&["/command/s6-svstat", "-o", "up", "/run/service/daemon"])?;
    same((code, text.trim()), (0, "true"), "")?;
    container.stop()?;
    same(client.finish()?, 0, &client.said.text())?;
    client.said.in_order(&["not process 1", "the daemon has finished"])?;
    Ok(())
}

fn root_without_rights(place: Place) -> Outcome {
    boots_as(place, &["--cap-drop", "ALL"], "0:0")?;
    let change = ["s6-applyuidgid", "-u", "1", "-g", "1", "-G", "", "/test/busybox", "true"];
    let (code, text) = place.run(&["--cap-drop", "ALL", "-e", "S6_VERBOSITY=1"], &change)?;
    same((code, text.contains("--cap-add SETGID --cap-add SETUID")), (111, true), &text)?;
    boots_as(place, &["--security-opt", "no-new-privileges"], "0:0")
}

/// A service that takes all memory is killed, and starts again; the container continues.
fn memory(place: Place) -> Outcome {
    let options = [&NO_COMMAND[..], &["--memory", "64m", "-e", "HOG=1"]].concat();
    let (container, mut client) = place.start(&options, &[])?;
    client.said.wait_for("the hog is back")?;
    let (code, text) = container.exec(&["/command/s6-svdt", "/run/service/hog"])?;
    same((code, text.contains("SIGKILL")), (0, true), &text)?;
    container.stop()?;
    same(client.finish()?, 0, &client.said.text())?;
    client.said.in_order(&["the hog eats", "the hog is back", "the daemon has finished"])?;
    Ok(())
}
