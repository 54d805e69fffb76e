//! S6_NOTIFY: what the manager of the container hears of its life.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use sandbox::Streams;
use tests::services::Services;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] =
    &[("notified::without_s6_notify_it_is_the_services", without_s6_notify_it_is_the_services)];

/// Where the manager's socket is in the container.
const PLACE: &str = "/manager";

fn manager(dir: &tempfile::TempDir) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::bind(dir.path().join("socket"))?;
    socket.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(socket)
}

fn heard(socket: &UnixDatagram) -> io::Result<String> {
    let mut bytes = [0; 4096];
    let n = socket.recv(&mut bytes)?;
    Ok(String::from_utf8_lossy(bytes.get(..n).unwrap_or_default()).into_owned())
}

/// A daemon that says which socket it sees.
fn services() -> io::Result<Services> {
    let services = Services::new()?;
    let run =
        "#!/command/with-contenv sh\necho daemon sees \"[$NOTIFY_SOCKET]\"\necho >&3\nexec sleep 100000\n";
    services.longrun("speaks", &["base"], run)?;
    services.define("speaks", "notification-fd", "3\n")?;
    services.script("/wait", "#!/bin/sh\necho it waits\nuntil [ -e /manager/go ]; do usleep 1000; done\n")?;
    services.oneshot("waits", &["speaks"], "/wait", "")?;
    Ok(services)
}

pub fn a_manager_hears_when_the_start_is_over(images: &Images) -> Outcome {
    let services = services()?;
    for processes in ["0", "1"] {
        for command in [
            &[][..],
            &["/command/with-contenv", "sh", "-c", "echo CMD sees \"[$NOTIFY_SOCKET]\"; exec sleep 100000"],
        ] {
            let dir = tempfile::tempdir()?;
            let socket = manager(&dir)?;
            let sandbox = images.small(&services, command).bind(dir.path(), PLACE);
            let sandbox = sandbox.env("NOTIFY_SOCKET", "/manager/socket").env("S6_NOTIFY", "1");
            let sandbox = sandbox.env("S6_SUPERVISE_PROCESSES", processes).streams(Streams::Capture);
            let mut container = sandbox.start()?;
            let mut lines = tests::lines::Lines::new(container.take_stdout(), Duration::from_secs(60));
            same(heard(&socket)?.as_str(), "STATUS=starting\n", "at the beginning")?;
            lines.wait_for("it waits")?;
            socket.set_nonblocking(true)?;
            same(
                heard(&socket).map_err(|e| e.kind()),
                Err(io::ErrorKind::WouldBlock),
                "the start isn't over",
            )?;
            socket.set_nonblocking(false)?;
            std::fs::write(dir.path().join("go"), "")?;
            same(heard(&socket)?.as_str(), "READY=1\nSTATUS=running\n", "after the start")?;
            // Process 1 still knows whom to tell after a fault.
            container.signal(Signal::SEGV)?;
            container.stop()?;
            let mut stopping = heard(&socket)?;
            // The fault may have come before that was done with.
            while stopping.starts_with("READY=1\n") {
                stopping = heard(&socket)?;
            }
            same(stopping.starts_with("STOPPING=1\nSTATUS=stopping: "), true, &stopping)?;
            let code = container.wait()?;
            let end = format!("STATUS=ends with exit code {code}\nEXIT_STATUS={code}\n");
            same(heard(&socket)?, end, "at the end")?;
            lines.to_end()?;
            same(lines.contains("daemon sees []"), true, &lines.text())?;
            same(lines.contains("CMD sees []"), !command.is_empty(), &lines.text())?;
        }
    }
    Ok(())
}

/// As ever: a service may speak for the container.
fn without_s6_notify_it_is_the_services(images: &Images) -> Outcome {
    let dir = tempfile::tempdir()?;
    let socket = manager(&dir)?;
    std::fs::write(dir.path().join("go"), "")?;
    let services = services()?;
    let sandbox = images.small(&services, &["true"]).bind(dir.path(), PLACE);
    let sandbox = sandbox.env("NOTIFY_SOCKET", "/manager/socket").streams(Streams::Capture);
    let output = sandbox.start()?.output(Duration::from_secs(60))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    same(text.contains("daemon sees [/manager/socket]"), true, &text)?;
    socket.set_nonblocking(true)?;
    same(heard(&socket).map_err(|e| e.kind()), Err(io::ErrorKind::WouldBlock), "process 1 says nothing")
}
