//! The files of definitions, and what they become.

use super::{FILES, Folder, read, reject, run, settle};
use crate::restart_policy::{Overrides, check_directory};
use crate::word_files::tests::{Files, directory, path};
use proptest::prelude::*;
use rustix::fs::CWD;
use wire::probes::{Probes, decode};

/// What a definition with these files asks for, and what is wrong with it.
fn asked(files: Files<'_>) -> (Option<Probes>, Vec<String>) {
    let dir = directory(files);
    let folder = Folder::open(CWD, path(&dir), b"web".to_vec()).unwrap();
    let mut findings = Vec::new();
    let probes = read(&folder, &mut findings).unwrap();
    (probes, findings.iter().map(|f| format!("{:?}: {f}", f.severity)).collect())
}

/// What is asked for in lines.
fn shown(probes: &Probes) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut lines = Vec::new();
    let of = |probes: &[wire::probes::Probe]| -> Vec<String> {
        let kind = |probe: &wire::probes::Probe| match &probe.kind {
            wire::probes::Kind::Http(http) => format!(
                "{} Host {:?} {:?} {:?} {:?}",
                http.address,
                text(&http.host),
                text(&http.target),
                http.status,
                http.headers.iter().map(|header| text(header)).collect::<Vec<_>>()
            ),
            wire::probes::Kind::Exec(words) => {
                format!("{:?}", words.iter().map(|word| text(word)).collect::<Vec<_>>())
            }
            wire::probes::Kind::Unix(path)
            | wire::probes::Kind::File(path)
            | wire::probes::Kind::Log(path) => format!("{:?}", text(path)),
            kind => format!("{kind:?}"),
        };
        probes.iter().map(|probe| format!("  {:?}: {}", text(&probe.text), kind(probe))).collect()
    };
    if let Some(ready) = &probes.ready {
        lines.push(format!("ready, each {} ms, for {} ms", ready.period, ready.timeout));
        lines.extend(of(&ready.probes));
    }
    if let Some(live) = &probes.live {
        lines.push(format!(
            "live, each {} ms, for {} ms, {} times, watchdog {:?}, {:?}",
            live.period, live.timeout, live.threshold, live.watchdog, live.on_unhealthy
        ));
        lines.extend(of(&live.probes));
    }
    lines
}

fn transcript(cases: &[Files<'_>]) -> String {
    let mut lines = Vec::new();
    for files in cases {
        let names: Vec<_> = files.iter().map(|(name, text)| format!("{name} {text:?}")).collect();
        lines.push(names.join(", "));
        let (probes, findings) = asked(files);
        lines.extend(probes.iter().flat_map(shown).map(|line| format!("  {line}")));
        lines.extend(findings.iter().map(|finding| format!("  {finding}")));
    }
    lines.join("\n")
}

#[test]
fn each_word_asks_what_the_page_says() {
    let text = transcript(&[
        &[("run", "")],
        &[(
            "ready",
            "# the web server\n\n  listen 8080\nlisten 127.0.0.1:80\nlisten [::1]:443\r\nlisten 0.0.0.0:81\n",
        )],
        &[("ready", "tcp 127.0.0.1:5432\ntcp localhost:1\ntcp [fd00::1]:65535")],
        &[("ready", "unix /run/php.sock\nfile /run/app.up\nnotify\nfd 999")],
        &[("ready", "http http://127.0.0.1:8080/healthz")],
        &[("ready", "http http://localhost\nhttp http://[::1]?a=b 204\nhttp http://[::1]:81/x?y 200-299")],
        &[("ready", "http http://127.0.0.1/ 200-399 header \"Host:  a b\"  header \"X-A: 1\"\n")],
        &[("ready", "http http://127.0.0.1/ header \"X: \"")],
        &[("ready", "log ^.*ready  to accept (connections|\"clients\")  \r\nlog x")],
        &[("ready", "exec redis-cli  ping\nexec ./data/check")],
        &[("ready", "listen 80"), ("ready-period", "20"), ("ready-check-timeout", "500")],
        &[("live", "listen 80\nexec check\n")],
        &[("live", "watchdog 30000")],
        &[
            ("live", "tcp 127.0.0.1:1\nwatchdog 1"),
            ("live-period", "1"),
            ("live-timeout", "2"),
            ("live-threshold", "1"),
            ("on-unhealthy", "signal SIGABRT"),
        ],
        &[("live", "listen 1"), ("on-unhealthy", "restart")],
        &[("live", "listen 1"), ("on-unhealthy", "nothing")],
        &[("live", "listen 1"), ("on-unhealthy", "stop")],
        &[("live", "listen 1"), ("on-unhealthy", "signal 6")],
    ]);
    insta::assert_snapshot!(text);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let long = format!("unix /{}", "x".repeat(107));
    let many = "listen 1\n".repeat(33);
    let text = transcript(&[
        &[("ready", "# nothing\n")],
        &[("ready", "lisen 80\nport 80\n  http://127.0.0.1/")],
        &[("ready", "listen\nnotify me\nlisten 80 81\nfd")],
        &[("ready", "listen http\nlisten 0\nlisten 65536\nlisten web:80\nlisten $PORT")],
        &[(
            "ready",
            "tcp 5432\ntcp 127.0.0.1\ntcp db:5432\ntcp ::1:80\ntcp [127.0.0.1]:80\ntcp [fe80::1%1]:80",
        )],
        &[("ready", "unix run.sock\nfile app.up\nfile /run/"), ("run", "")],
        &[("ready", &long)],
        &[(
            "ready",
            "http 127.0.0.1:80\nhttp https://127.0.0.1/\nhttp http://web/\nhttp http://me@127.0.0.1/",
        )],
        &[("ready", "http http://127.0.0.1/#a\nhttp http://127.0.0.1:0/\nhttp http://127.0.0.1/\u{e9}")],
        &[(
            "ready",
            "http http://127.0.0.1/ 99\nhttp http://127.0.0.1/ 300-200\nhttp http://127.0.0.1/ 200-600",
        )],
        &[(
            "ready",
            "http http://127.0.0.1/ 200 x\nhttp http://127.0.0.1/ header\nhttp http://127.0.0.1/ header X:1",
        )],
        &[(
            "ready",
            "http http://127.0.0.1/ header \"X\"\nhttp http://127.0.0.1/ header \"X: 1\"y\nhttp http://127.0.0.1/ header \"X: 1",
        )],
        &[("ready", "log (\nlog [a\nlog *")],
        &[("ready", "exec curl \"http://127.0.0.1/\"\nexec sh -c 'test -e /a'\nexec echo $HOME")],
        &[("ready", "fd 3\nfd 4")],
        &[("ready", "fd 2\nfd 1000\nfd x")],
        &[("ready", "unix /a\0b")],
        &[("ready", "watchdog 30000")],
        &[("live", "file /a\nlog a\nnotify\nfd 3\nready")],
        &[("live", "watchdog 0\nwatchdog 30s")],
        &[("live", "watchdog 1\nwatchdog 2")],
        &[("ready", &many)],
        &[("ready", "listen 1"), ("ready-period", "0"), ("ready-check-timeout", "3s")],
        &[("live", "listen 1"), ("live-period", "1 2"), ("live-timeout", ""), ("live-threshold", "x")],
        &[("live", "listen 1"), ("live-threshold", "0"), ("on-unhealthy", "signal")],
        &[("live", "listen 1"), ("on-unhealthy", "signal SIGABORT")],
        &[("live", "listen 1"), ("on-unhealthy", "signal ABC")],
        &[("live", "listen 1"), ("on-unhealthy", "kill")],
        &[("live", "listen 1"), ("on-unhealthy", "restart now")],
        &[("live", "listen 1"), ("on-unhealthy", "")],
        &[("ready-period", "1"), ("live-period", "1"), ("on-unhealthy", "stop")],
        &[("ready", "listen 1"), ("live-threshold", "2")],
        &[("live", "listen 1"), ("ready-check-timeout", "2")],
        &[("ready", "#!/bin/sh\nexit 0\n")],
    ]);
    insta::assert_snapshot!(text);
}

/// The number in `notification-fd`, or what contradicts what.
fn number(files: Files<'_>, notification: Option<u32>, lock: Option<u32>) -> Result<Option<u32>, String> {
    let probes = asked(files).0.unwrap();
    let settled = settle(&probes, notification, lock);
    settled.map(|settled| settled.notification).map_err(|(file, mistake)| format!("{file}: {}", mistake.text))
}

#[test]
fn the_descriptor_is_one_that_is_free() {
    let listen: Files<'_> = &[("ready", "listen 1")];
    let own: Files<'_> = &[("ready", "fd 5\nlisten 1")];
    let live: Files<'_> = &[("live", "listen 1")];
    assert_eq!(number(listen, None, None), Ok(Some(3)));
    assert_eq!(number(listen, None, Some(3)), Ok(Some(4)));
    assert_eq!(number(listen, None, Some(4)), Ok(Some(3)));
    assert_eq!(number(own, None, None), Ok(Some(3)));
    assert_eq!(number(own, Some(5), Some(3)), Ok(Some(5)));
    assert_eq!(number(live, None, Some(3)), Ok(None));
    assert_eq!(number(live, Some(7), None), Ok(Some(7)));
    let says = "notification-fd: ready says when the service is ready".to_owned();
    assert_eq!(number(listen, Some(3), None), Err(says.clone()));
    assert_eq!(number(own, Some(3), None), Err(says));
    assert_eq!(number(own, None, Some(5)), Err("ready: 5 is the number of lock-fd".into()));
}

#[test]
fn what_is_too_long_is_refused() {
    let line = format!("log {}", "x".repeat(2000));
    let probes = asked(&[("ready", &[line.as_str(); 5].join("\n"))]).0.unwrap();
    assert_eq!(settle(&probes, None, None).unwrap_err().1.text, "all lines take more than 8192 bytes");
}

#[test]
fn only_a_longrun_has_such_files() {
    let dir = tempfile::tempdir().unwrap();
    for file in FILES {
        std::fs::write(dir.path().join(file), "listen 1").unwrap();
    }
    let folder = Folder::open(CWD, path(&dir), b"prepare".to_vec()).unwrap();
    let mut findings = Vec::new();
    reject(&folder, "oneshot", &mut findings).unwrap();
    assert_eq!(findings.len(), FILES.len());
    assert_eq!(
        findings[0].to_string(),
        "prepare/ready: a oneshot has no daemon to ask (remove it, or write longrun into type) [SO321]"
    );
}

#[test]
fn the_copy_of_a_service_directory_gets_what_is_asked() {
    let files = [("run", "#!/bin/sh\n"), ("ready", "listen 1\n"), ("lock-fd", "3\n")];
    let (from, to) = (directory(&files), directory(&files));
    let none = Overrides::default();
    assert!(check_directory(path(&from), path(&to), Some(&none)).unwrap().is_sound());
    let text = |file: &str| std::fs::read(to.path().join(file)).unwrap();
    assert_eq!(
        (text("run"), text("run.user"), text("notification-fd")),
        (run(), b"#!/bin/sh\n".to_vec(), b"4\n".to_vec())
    );
    let probes = decode(&text("probes")).unwrap();
    assert_eq!(Some(probes), asked(&files).0);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&to.path().join("run").metadata().unwrap().permissions());
    assert_eq!(mode & 0o100, 0o100);
}

#[test]
fn what_contradicts_a_service_directory_is_an_error() {
    let wrong = |files: Files<'_>| {
        let dir = directory(files);
        let checked = check_directory(path(&dir), path(&dir), Some(&Overrides::default())).unwrap();
        let top = format!("{}/", dir.path().display());
        let texts = checked.diagnostics.iter().map(|d| d.to_string().replace(&top, ""));
        (texts.collect::<Vec<_>>().join("\n"), std::fs::read_dir(dir.path()).unwrap().count())
    };
    let ready = ("ready", "listen 1");
    let (text, left) = wrong(&[("run", ""), ready, ("notification-fd", "3")]);
    assert!(text.starts_with("notification-fd: ready says when the service is ready ("), "{text}");
    assert_eq!(left, 3, "nothing is written");
    let (text, _) = wrong(&[("run", ""), ready, ("run.user", "")]);
    assert_eq!(text, "run.user: the overlay writes a file of this name (give it another one) [SO321]");
    let (text, _) = wrong(&[ready]);
    assert!(text.contains("there is no run"), "{text}");
    let log = directory(&[("run", ""), ready]);
    let checked = check_directory(path(&log), path(&log), None).unwrap();
    assert!(checked.diagnostics[0].text.contains("a logger of services.d has no daemon to ask"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(ready in "(listen|http|log|exec|fd|header|\"|[0-9:./ \n\\[\\]a-z#])*", live in any::<Vec<u8>>()) {
        let dir = directory(&[("ready", &ready)]);
        std::fs::write(dir.path().join("live"), &live).unwrap();
        let folder = Folder::open(CWD, path(&dir), b"web".to_vec()).unwrap();
        let mut findings = Vec::new();
        let probes = read(&folder, &mut findings).unwrap();
        prop_assert!(probes.is_some() || !findings.is_empty(), "nothing is ignored in silence");
        if let Some(settled) = probes.and_then(|probes| settle(&probes, None, None).ok()) {
            prop_assert!(decode(&settled.record).is_some(), "what is written can be read");
        }
    }
}
