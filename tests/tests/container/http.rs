//! `S6_HTTP`: probes, the status and metrics over HTTP, in containers of all kinds.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use sandbox::{Sandbox, Streams};
use serde_json::Value;
use tests::openmetrics;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::status::{gate, gate_is_closed};
use crate::{Images, LAYOUTS, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("http::says_what_the_commands_say", says_what_the_commands_say),
    ("http::refuses_everything_else", refuses_everything_else),
    ("http::works_in_every_container_without_privileges", works_in_every_container),
    ("http::is_at_an_address_or_at_all", is_at_an_address_or_at_all),
    ("http::nobody_keeps_others_out", nobody_keeps_others_out),
    ("http::another_attendant_follows", another_attendant_follows),
    ("http::a_stop_is_answered_to_its_end", a_stop_is_answered_to_its_end),
    ("http::a_socket_is_for_those_who_may_read_the_board", a_socket_is_for_readers_of_the_board),
    ("http::metrics_bear_any_name", metrics_bear_any_name),
];

/// How long a step may take.  None does.
const LIMIT: Duration = Duration::from_secs(60);

/// The variable's value for most tests, and the socket's path.
const PLACE: &str = "unix:/run/http.sock";
const SOCKET: &str = "/run/http.sock";

fn text(why: impl std::fmt::Display) -> Failed {
    why.to_string().into()
}

/// A path as this test sees it.
fn inside(t: &Transcript, path: &str) -> PathBuf {
    format!("/proc/{}/root{path}", t.container().pid()).into()
}

/// Calls `look` until it finds something.
fn until<T>(t: &Transcript, mut look: impl FnMut() -> Option<T>) -> Result<T, Failed> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if start.elapsed() > LIMIT {
            return Err(format!("it never comes:\n{}", t.text()).into());
        }
        std::thread::yield_now();
    }
}

/// A connection, as soon as somebody listens.
fn connect(t: &Transcript) -> Result<UnixStream, Failed> {
    let path = inside(t, SOCKET);
    let stream = until(t, || match UnixStream::connect(&path) {
        Err(why) if [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&why.kind()) => None,
        done => Some(done),
    })??;
    stream.set_read_timeout(Some(LIMIT))?;
    Ok(stream)
}

/// All that comes until the other end closes the connection.
fn rest(mut stream: UnixStream) -> Result<String, Failed> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(why) if why.kind() != ErrorKind::ConnectionReset => Err(text(why)),
        _ => String::from_utf8(bytes).map_err(text),
    }
}

/// The response to these bytes.
fn ask(t: &Transcript, request: &[u8]) -> Result<String, Failed> {
    let mut stream = connect(t)?;
    stream.write_all(request)?;
    rest(stream)
}

/// Status code and content of a path; the length is told, and the connection ends.
fn get(t: &Transcript, path: &str) -> Result<(u16, String), Failed> {
    let response = ask(t, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())?;
    let (head, content) = response.split_once("\r\n\r\n").ok_or_else(|| format!("no head: {response}"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
    let fields: Vec<&str> = lines.collect();
    let length = format!("Content-Length: {}", content.len());
    same((fields.contains(&&*length), fields.contains(&"Connection: close")), (true, true), head)?;
    Ok((status.ok_or_else(|| format!("no status code: {head}"))?, content.to_owned()))
}

/// What a command prints in the container.
pub(crate) fn printed(t: &Transcript, words: &[&str]) -> Result<String, Failed> {
    let command = t.container().exec(words.iter().copied()).env("PATH", "/command:/bin");
    let output = command.streams(Streams::Together).start()?.output(LIMIT)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Process ids of the attendant, as this test sees them.
fn attendants(t: &Transcript) -> Vec<u32> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    let own = namespace(&t.container().pid().to_string());
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_it = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"s6-overlay-attendant\0") && namespace(&pid.to_string()) == own
    };
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_it).collect()
}

/// The attendant, once it is there.
fn attendant(t: &Transcript) -> Result<u32, Failed> {
    until(t, || attendants(t).first().copied())
}

/// A document without its numbers and moments.
fn timeless(document: &str) -> Result<Value, Failed> {
    fn strip(value: &mut Value) {
        match value {
            Value::Number(_) => *value = Value::Bool(true),
            Value::String(text) => text.retain(|c| !c.is_ascii_digit()),
            Value::Array(values) => values.iter_mut().for_each(strip),
            Value::Object(fields) => fields.values_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::from_str(document).map_err(text)?;
    strip(&mut value);
    Ok(value)
}

fn says_what_the_commands_say(images: &Images) -> Outcome {
    let services = gate()?;
    for layout in LAYOUTS {
        let sandbox =
            images.small(&services, &[]).env("S6_HTTP", PLACE).env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        gate_is_closed(&mut t)?;
        same(get(&t, "/livez")?, (200, "live\n".into()), &t.text())?;
        for (path, option) in [("/readyz", "--ready"), ("/startupz", "--started")] {
            let (status, said) = get(&t, path)?;
            let without_spans = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "");
            let health = printed(&t, &["s6-overlay", "health", option])?;
            same((status, without_spans(&said)), (503, without_spans(&health)), &t.text())?;
        }
        t.container().exec(["/bin/sh", "-c", "echo >/run/gate"]).start()?.output(LIMIT)?;
        printed(&t, &["s6-overlay", "wait"])?;
        for (path, said) in
            [("/readyz", "ready\n"), ("/startupz", "started\n"), ("/readyz?verbose", "ready\n")]
        {
            same(get(&t, path)?, (200, said.into()), &t.text())?;
        }
        let (status, document) = get(&t, "/status.json")?;
        let printed_one = printed(&t, &["s6-overlay", "status", "--json"])?;
        same((status, timeless(&document)?), (200, timeless(&printed_one)?), &document)?;
        let (status, metrics) = get(&t, "/metrics")?;
        let samples = openmetrics::read(&metrics)?;
        let value = |name: &str, service: &str| {
            let is_it = |(found, labels, _): &&openmetrics::Sample| {
                found == name && labels.iter().all(|(label, value)| label != "service" || value == service)
            };
            samples.iter().find(is_it).map(|(.., value)| *value)
        };
        for (name, service, expected) in [
            ("s6_overlay_ready", "", 1.0),
            ("s6_overlay_live", "", 1.0),
            ("s6_overlay_started", "", 1.0),
            ("s6_overlay_service_ready", "gated", 1.0),
            ("s6_overlay_service_up", "once", 1.0),
            ("s6_overlay_service_starts_total", "gated", 1.0),
            ("s6_overlay_service_restarts_total", "gated", 0.0),
        ] {
            same((status, value(name, service)), (200, Some(expected)), &metrics)?;
        }
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}

fn refuses_everything_else(images: &Images) -> Outcome {
    let services = Services::new()?;
    let mut t = Transcript::start(&images.small(&services, &[]).env("S6_HTTP", PLACE))?;
    printed(&t, &["s6-overlay", "wait", "--started"])?;
    let of = |line: &str| format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes();
    let long = [b"GET /livez HTTP/1.1\r\nHost: x\r\nA: ".as_slice(), &[b'x'; 20_000], b"\r\n\r\n"].concat();
    for (request, line) in [
        (of("GET /readyz"), "HTTP/1.1 200 OK\r\n"),
        (of("HEAD /metrics"), "HTTP/1.1 200 OK\r\n"),
        (b"GET /readyz HTTP/1.0\r\n\r\n".to_vec(), "HTTP/1.1 200 OK\r\n"),
        (of("GET /"), "HTTP/1.1 404 Not Found\r\n"),
        (of("GET /readyz/../livez"), "HTTP/1.1 404 Not Found\r\n"),
        ([of("POST /readyz"), vec![b'x'; 100_000]].concat(), "HTTP/1.1 405 Method Not Allowed\r\n"),
        (of("DELETE /status.json"), "HTTP/1.1 405 Method Not Allowed\r\n"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc".to_vec(), "HTTP/1.1 400 Bad Request\r\n"),
        (b"GET /readyz HTTP/1.1\r\n\r\n".to_vec(), "HTTP/1.1 400 Bad Request\r\n"),
        (long, "HTTP/1.1 431 Request Header Fields Too Large\r\n"),
    ] {
        let mut stream = connect(&t)?;
        // What is refused needn't be read to its end.
        let _ = stream.write_all(&request);
        let response = rest(stream)?;
        let context = format!("{}:\n{response}", String::from_utf8_lossy(&request[..request.len().min(80)]));
        same(response.get(..line.len()), Some(line), &context)?;
        same(response.ends_with("\r\n\r\n"), request.starts_with(b"HEAD"), &context)?;
    }
    // A request that never ends: the connection does.
    let mut slow = connect(&t)?;
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost: x")?;
    same(rest(slow)?, String::new(), "half a request")?;
    t.container().stop()?;
    same(t.finish()?, 0, &t.text())
}

/// The fields of /proc/PID/status with these names.
fn fields(pid: u32, names: &[&str]) -> Result<Vec<String>, Failed> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &&str| {
        let line = status.lines().find_map(|line| line.strip_prefix(*name)?.strip_prefix(':'));
        line.unwrap_or("missing").split_whitespace().collect::<Vec<_>>().join(" ")
    };
    Ok(names.iter().map(field).collect())
}

fn works_in_every_container(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("steady", &["base"], "#!/bin/sh\necho >&3\nexec sleep 100000\n")?;
    services.define("steady", "notification-fd", "3\n")?;
    let (nobody, none) = ("65534 65534 65534 65534", "0000000000000000");
    for layout in LAYOUTS {
        let plain = images.small(&services, &[]).env("S6_HTTP", PLACE).env("S6_SUPERVISE_PROCESSES", layout);
        let read_only = plain.clone().read_only(true);
        let of_a_user = plain.clone().user(1000, 1000);
        let closed = plain.clone().env("S6_STATUS_MODE", "600");
        let script = "/init & trap 'kill $!; wait' TERM; wait";
        let not_process_1 = plain.clone().command(["/bin/sh", "-c", script]);
        for (sandbox, user) in [
            (plain, nobody),
            (read_only, nobody),
            (of_a_user, "1000 1000 1000 1000"),
            (closed, "0 0 0 0"),
            (not_process_1, nobody),
        ] {
            let mut t = Transcript::start(&sandbox.env("SECRET", "x"))?;
            printed(&t, &["s6-overlay", "wait", "--started"])?;
            let context = format!("layout {layout}, user {user}\n{}", t.text());
            for (path, said) in [("/readyz", "ready\n"), ("/livez", "live\n"), ("/startupz", "started\n")] {
                same(get(&t, path)?, (200, said.into()), &context)?;
            }
            let (_, document) = get(&t, "/status.json")?;
            let printed_one = printed(&t, &["s6-overlay", "status", "--json"])?;
            same(timeless(&document)?, timeless(&printed_one)?, &context)?;
            let pid = attendant(&t)?;
            let names = ["Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapInh", "NoNewPrivs"];
            let found = fields(pid, &names)?;
            let groups = found[2].split(' ').all(|group| group.is_empty() || user.starts_with(group));
            same((&*found[0], &*found[1], groups), (user, user, true), &context)?;
            same(&found[3..], &[none, none, none, "1"].map(str::to_owned)[..], &context)?;
            let environment = fs::read(format!("/proc/{pid}/environ"))?;
            let is_ours = |var: &[u8]| var.is_empty() || var.starts_with(b"S6_");
            same(environment.split(|b| *b == 0).all(is_ours), true, &context)?;
            // It waits, without a deadline.
            let waits = until(&t, || {
                let call = fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
                let words: Vec<&str> = call.split(' ').collect();
                words.get(1..4).filter(|words| words[1] == "0x1").map(|words| words[2].to_owned())
            })?;
            same(["0x0", "0xffffffff", "0xffffffffffffffff"].contains(&&*waits), true, &waits)?;
            t.container().stop()?;
            t.finish()?;
            same(t.contains("still running after TERM"), false, &t.text())?;
        }
    }
    Ok(())
}

fn is_at_an_address_or_at_all(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (value, address) in [
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:9010", "[::1]:9010"),
        (":9010", "127.0.0.1:9010"),
        (":9010", "[::1]:9010"),
        ("127.0.0.1:9010\n", "127.0.0.1:9010"),
    ] {
        let script = format!(
            "s6-overlay wait --started; until wget -q -O - http://{address}/livez; do usleep 1000; done; \
             wget -S -q -O - http://{address}/metrics 2>&1"
        );
        let sandbox = images.small(&services, &["sh", "-c", &script]).env("S6_HTTP", value);
        let mut t = Transcript::start(&sandbox)?;
        same((value, t.finish()?), (value, 0), &t.text())?;
        t.in_order(&["live", "Content-Type: application/openmetrics-text; version=1.0.0", "# EOF"])
            .map_err(|why| format!("{value}: {why}: {}", t.text()))?;
    }
    Ok(())
}

fn nobody_keeps_others_out(images: &Images) -> Outcome {
    let services = Services::new()?;
    let mut t = Transcript::start(&images.small(&services, &[]).env("S6_HTTP", PLACE))?;
    printed(&t, &["s6-overlay", "wait", "--started"])?;
    for _ in 0..5 {
        // More than there is room for; those that say nothing give way.
        let silent = (0..20).map(|_| connect(&t)).collect::<Result<Vec<_>, _>>()?;
        same(get(&t, "/livez")?, (200, "live\n".into()), &t.text())?;
        for stream in silent {
            same(rest(stream)?, String::new(), "a connection that says nothing")?;
        }
    }
    let open = fs::read_dir(format!("/proc/{}/fd", attendant(&t)?))?.count();
    same(open <= 4, true, &format!("{open} descriptors are left"))?;
    t.container().stop()?;
    same(t.finish()?, 0, &t.text())
}

fn another_attendant_follows(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    for layout in LAYOUTS {
        let sandbox =
            images.small(&services, &[]).env("S6_HTTP", PLACE).env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        printed(&t, &["s6-overlay", "wait"])?;
        let kill = |pid: u32| {
            let pid =
                i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).ok_or("no process id")?;
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).map_err(text)
        };
        let next = |before: u32| until(&t, || attendants(&t).into_iter().find(|pid| *pid != before));
        let first = attendant(&t)?;
        get(&t, "/livez")?;
        kill(first)?;
        let second = next(first)?;
        same(get(&t, "/livez")?, (200, "live\n".into()), &t.text())?;
        // Process 1 is re-executed, and knows it; after a fault, too.
        for how in ["s6-svscanctl -R /run/service", "kill -SEGV 1"] {
            printed(&t, &["sh", "-c", &format!("{how}; s6-svc -wR -r /run/service/daemon")])?;
            same(attendants(&t), vec![second], &format!("{how}\n{}", t.text()))?;
        }
        kill(second)?;
        let third = next(second)?;
        same(get(&t, "/livez")?, (200, "live\n".into()), &t.text())?;
        same(attendants(&t), vec![third], &t.text())?;
        t.container().stop()?;
        same(t.finish()?, 0, &t.text())?;
        same(t.text().matches("what answers over HTTP").count(), 2, &t.text())?;
    }
    Ok(())
}

fn a_stop_is_answered_to_its_end(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("slow", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    let finish = "#!/bin/sh\nmkfifo /run/gate\necho stopping\nread x </run/gate\n";
    services.script(&format!("{DEFINITIONS}/slow/finish"), finish)?.define(
        "slow",
        "timeout-finish",
        "0\n",
    )?;
    for layout in LAYOUTS {
        let sandbox =
            images.small(&services, &[]).env("S6_HTTP", PLACE).env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        printed(&t, &["s6-overlay", "wait"])?;
        same(get(&t, "/readyz")?, (200, "ready\n".into()), &t.text())?;
        t.container().stop()?;
        t.wait_for("stopping")?;
        let (status, said) = get(&t, "/readyz")?;
        same((status, said.starts_with("not ready: the container stops\n")), (503, true), &said)?;
        same(get(&t, "/livez")?, (200, "live\n".into()), &t.text())?;
        t.container().exec(["/bin/sh", "-c", "echo >/run/gate"]).start()?.output(LIMIT)?;
        same(t.finish()?, 0, &t.text())?;
        for wrong in ["still running after TERM", "HTTP"] {
            same(t.contains(wrong), false, &t.text())?;
        }
    }
    Ok(())
}

/// What is there before `/init`, and what becomes of it.
fn in_the_place(images: &Images, before: &str) -> Result<Transcript, Failed> {
    let services = Services::new()?;
    let script = format!("{before}; exec /init sh -c 's6-overlay wait --started; read line </run/go'");
    let sandbox = images.small(&services, &[]).command(["/bin/sh", "-c", &script]).env("S6_HTTP", PLACE);
    let t = Transcript::start(&sandbox.env("PATH", "/command:/bin").prepare(["/bin/mkfifo", "/run/go"]))?;
    printed(&t, &["s6-overlay", "wait", "--started"])?;
    Ok(t)
}

fn go(mut t: Transcript) -> Result<Transcript, Failed> {
    printed(&t, &["sh", "-c", "echo >/run/go"])?;
    same(t.finish()?, 0, &t.text())?;
    Ok(t)
}

fn a_socket_is_for_readers_of_the_board(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (user, value, mode) in [(0, "", 0o666), (1000, "640", 0o660), (0, "600", 0o600)] {
        let sandbox = images.small(&services, &[]).env("S6_HTTP", PLACE).env("S6_STATUS_MODE", value);
        let mut t = Transcript::start(&sandbox.user(user, user))?;
        get(&t, "/livez")?;
        let found = fs::symlink_metadata(inside(&t, SOCKET))?;
        same((found.mode() & 0o7777, found.uid()), (mode, user), &t.text())?;
        t.container().stop()?;
        t.finish()?;
    }
    // One that a former attendant has left.
    let t = in_the_place(images, &format!("s6-ipcserver-socketbinder {SOCKET} true"))?;
    same(get(&t, "/livez")?, (200, "live\n".into()), &t.text())?;
    same(go(t)?.contains("HTTP"), false, "a socket that was left")?;
    // Something else, somebody else's, and one that is listened on: it stays, and the container does without.
    for before in [
        format!("echo something >{SOCKET}"),
        format!("ln -s /etc/passwd {SOCKET}"),
        format!("ln -s /run/nowhere {SOCKET}"),
        format!("s6-ipcserver-socketbinder {SOCKET} true; chown 1000 {SOCKET}"),
        format!(
            "s6-ipcserver-socketbinder {SOCKET} sleep 100000 & until [ -S {SOCKET} ]; do usleep 1000; done"
        ),
    ] {
        let mut t = in_the_place(images, &before)?;
        t.wait_for("unable to listen at unix:/run/http.sock (S6_HTTP), so nothing answers there: Address")?;
        same(attendants(&t), Vec::new(), &t.text())?;
        let t = go(t)?;
        same((before.as_str(), t.text().matches("S6_HTTP").count()), (before.as_str(), 1), &t.text())?;
    }
    Ok(())
}

fn metrics_bear_any_name(images: &Images) -> Outcome {
    let services = Services::new()?;
    let names = ["quo\"te", "back\\slash", "new\nline", "br{a}c,e s=\"x\"", "\u{e9}\u{202e}"];
    for name in names {
        services.script(&format!("/etc/services.d/{name}/run"), "#!/bin/sh\nexec sleep 100000\n")?;
    }
    let mut t = Transcript::start(&images.small(&services, &[]).env("S6_HTTP", PLACE))?;
    printed(&t, &["s6-overlay", "wait", "--started"])?;
    let (_, metrics) = get(&t, "/metrics")?;
    let samples = openmetrics::read(&metrics)?;
    let mut found: Vec<&str> = samples
        .iter()
        .filter(|(name, ..)| name == "s6_overlay_service_wanted")
        .flat_map(|(_, labels, _)| labels.iter().map(|(_, value)| value.as_str()))
        .filter(|name| !["fix-attrs", "legacy-cont-init", "legacy-services"].contains(name))
        .collect();
    found.sort_unstable();
    let expected = ["back\\\\slash", "br{a}c,e s=\"x\"", "new\\u{a}line", "quo\"te", "\u{e9}\u{202e}"];
    same(found, expected.to_vec(), &metrics)?;
    let (_, document) = get(&t, "/status.json")?;
    serde_json::from_str::<Value>(&document).map_err(text)?;
    t.container().stop()?;
    same(t.finish()?, 0, &t.text())
}

/// A value that is no place is an error; a place that is taken is none.  Without a value there is no attendant.
pub fn variable(images: &Images) -> Outcome {
    let services = Services::new()?;
    for value in ["9010", "localhost:9010", "unix:http.sock"] {
        let mut t = Transcript::start(&images.small(&services, &["true"]).env("S6_HTTP", value))?;
        same((value, t.finish()?), (value, 100), &t.text())?;
        let said = format!("init: fatal: S6_HTTP is {value}, which is no place to listen at: write");
        same(t.contains(&said), true, &t.text())?;
    }
    // Port 9010 in hexadecimal digits, in the state that is for listening.
    let script = "s6-tcpserver-socketbinder 127.0.0.1 9010 sleep 100000 & \
                  until grep -q ':2332 .* 0A ' /proc/net/tcp; do usleep 1000; done; \
                  exec /init sh -c 's6-overlay wait --started; read line </run/go'";
    let taken =
        images.small(&services, &[]).command(["/bin/sh", "-c", script]).env("S6_HTTP", "127.0.0.1:9010");
    let taken: Sandbox = taken.env("PATH", "/command:/bin").prepare(["/bin/mkfifo", "/run/go"]);
    let mut t = Transcript::start(&taken)?;
    t.wait_for("unable to listen at 127.0.0.1:9010 (S6_HTTP), so nothing answers there: Address")?;
    go(t)?;
    for value in ["", "unset"] {
        let sandbox = images.small(&services, &[]);
        let sandbox = if value.is_empty() { sandbox.env("S6_HTTP", "") } else { sandbox };
        let mut t = Transcript::start(&sandbox)?;
        printed(&t, &["s6-overlay", "wait", "--started"])?;
        same(attendants(&t), Vec::new(), &t.text())?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}
