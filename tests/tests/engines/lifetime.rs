//! A container from its start to its end, and again.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::container::Place;
use crate::engine::Engine;
use crate::stage::HOME;
use crate::{NO_COMMAND, Outcome, Test, UP, same};

pub const TESTS: &[(&str, Test)] = &[
    ("command", command),
    ("stop", stop),
    ("failure", failure),
    ("exec", exec),
    ("terminal", terminal),
    ("again", again),
    ("notified", notified),
];

fn command(place: Place) -> Outcome {
    let words: &[&str] = if place.base.has_command() { &[] } else { &["my-program"] };
    let (_container, mut client) = place.start(&[], words)?;
    same(client.finish()?, 7, &client.said.text())?;
    client.said.in_order(&["the daemon runs", UP, "my program", "going down", "the daemon has finished"])?;
    let (code, text) = place.run(&[], &["/test/busybox", "sh", "-c", "exit 42"])?;
    same(code, 42, &text)?;
    let (code, text) = place.run(&[], &["/no/such/program"])?;
    same(code, 127, &text)
}

fn stop(place: Place) -> Outcome {
    let (container, mut client) = place.start(&NO_COMMAND, &[])?;
    client.said.wait_for(UP)?;
    container.stop()?;
    same(client.finish()?, 0, &client.said.text())?;
    client.said.in_order(&["going down", "the daemon has finished"])?;
    // A CMD has its say.
    let script = "trap 'exit 5' TERM; /test/busybox mkfifo /run/never; echo it waits; read x </run/never";
    let (container, mut client) = place.start(&[], &["/test/busybox", "sh", "-c", script])?;
    client.said.wait_for("it waits")?;
    container.stop()?;
    same(client.finish()?, 5, &client.said.text())?;
    client.said.in_order(&["going down", "the daemon has finished"])?;
    Ok(())
}

/// A manager hears that the container is ready when its start is over.
fn notified(place: Place) -> Outcome {
    let variable = ["-e", "S6_NOTIFY=1"];
    let words = ["/test/busybox", "sh", "-c", "echo \"socket: [$NOTIFY_SOCKET]\"; exit 7"];
    if place.engine == Engine::Docker {
        // It has no managers.
        let (code, text) = place.run(&variable, &words)?;
        return same((code, text.contains("socket: []")), (7, true), &text);
    }
    let path = format!("{HOME}/notified.{}", place.engine.name());
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path)?;
    socket.set_read_timeout(Some(Duration::from_secs(120)))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777))?;
    let options = [&variable[..], &["--sdnotify=container"], &NO_COMMAND].concat();
    let (container, mut client) = place.start_notifying(&path, &options)?;
    let mut message = [0; 4096];
    loop {
        let n = socket.recv(&mut message)?;
        if String::from_utf8_lossy(message.get(..n).unwrap_or_default()).lines().any(|line| line == "READY=1")
        {
            break;
        }
    }
    client.said.wait_for(UP)?;
    container.stop()?;
    same(client.finish()?, 0, &client.said.text())
}

/// The engine gets the code of a daemon that failed, without a change to the image.
fn failure(place: Place) -> Outcome {
    let script =
        "kill -SEGV $(/command/s6-svstat -o pid /run/service/daemon); exec /test/busybox sleep 100000";
    let words = ["/test/busybox", "sh", "-c", script];
    for (value, expected) in [("daemon=stop", 139), ("*=stop:44", 44)] {
        let variable = format!("S6_ON_FAILURE={value}");
        let (code, text) = place.run(&["-e", &variable], &words)?;
        same(code, expected, &text)?;
        let stops = format!("on-failure: the container stops with code {expected}");
        same(text.contains(&stops), true, &text)?;
    }
    let (code, text) = place.run(&["-e", "S6_ON_FAILURE=deamon=stop"], &words)?;
    same((code, text.contains("did you mean daemon?")), (1, true), &text)
}

fn exec(place: Place) -> Outcome {
    let (container, mut client) =
        place.start(&[&NO_COMMAND[..], &["-e", "SAYS=some words"]].concat(), &[])?;
    client.said.wait_for(UP)?;
    let says = |words: &[&str], text: &str| {
        let (code, said) = container.exec(words)?;
        same((code, said.trim()), (0, text), &format!("{words:?}\n{said}"))
    };
    says(&["/command/with-contenv", "importas", "x", "SAYS", "s6-echo", "[${x}]"], "[some words]")?;
    says(&["/command/s6-svstat", "-o", "up,wantedup", "/run/service/daemon"], "true true")?;
    let (code, text) = container.exec(&["/command/s6-rc", "-a", "list"])?;
    same((code, text.lines().any(|line| line == "daemon")), (0, true), &text)?;
    says(&["/command/s6-rc", "-d", "change", "ready"], "going down")?;
    let (code, text) = container.exec(&["/command/s6-rc", "-a", "list"])?;
    same((code, text.lines().any(|line| line == "ready")), (0, false), &text)?;
    says(&["/command/s6-svc", "-wD", "-d", "/run/service/daemon"], "")?;
    says(&["/command/s6-svstat", "-o", "up,wantedup", "/run/service/daemon"], "false false")?;
    // It may be stopped itself before it ends.
    container.exec(&["/run/s6/basedir/bin/halt"])?;
    same(client.finish()?, 0, &client.said.text())
}

fn terminal(place: Place) -> Outcome {
    let script = "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && : </dev/tty && echo on $(/test/busybox tty); exit 3";
    let (code, text) = place.run(&["-t"], &["/test/busybox", "sh", "-c", script])?;
    same(code, 3, &text)?;
    same(text.lines().any(|line| line.starts_with("on ")), true, &text)
}

/// What a container leaves in /run is there at its next start.
fn again(place: Place) -> Outcome {
    let container = place.create(&NO_COMMAND, &[])?;
    let mut client = container.start()?;
    client.said.wait_for(UP)?;
    container.stop()?;
    same(client.finish()?, 0, &client.said.text())?;
    let mut client = container.start()?;
    client.said.wait_for(UP)?;
    container.command("kill")?;
    same(client.finish()?, 137, &client.said.text())?;
    let mut client = container.start()?;
    client.said.wait_for(UP)?;
    same(container.exec(&["/command/s6-svstat", "-o", "up", "/run/service/daemon"])?.1.trim(), "true", "")?;
    container.stop()?;
    same(client.finish()?, 0, &client.said.text())
}
