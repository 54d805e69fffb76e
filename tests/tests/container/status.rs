//! `s6-overlay status`, `health`, `wait` and `events` in containers of all kinds.

use std::time::Duration;

use libtest_mimic::Failed;
use rustix::termios::Winsize;
use sandbox::{Container, Sandbox, Streams};
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, LAYOUTS, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("status::probes_follow_a_start", probes_follow_a_start),
    ("status::a_failed_service_is_named", a_failed_service_is_named),
    ("status::everybody_sees_every_container", everybody_sees_every_container),
    ("status::a_damaged_board_is_told", a_damaged_board_is_told),
    (
        "status::what_others_supervise_is_shown_as_far_as_it_goes",
        what_others_supervise_is_shown_as_far_as_it_goes,
    ),
    ("status::a_terminal_is_painted", a_terminal_is_painted),
    ("status::a_full_run_directory_hides_nothing", a_full_run_directory_hides_nothing),
    ("status::what_happens_is_told_line_by_line", what_happens_is_told_line_by_line),
    ("status::the_checker_draws_what_runs", the_checker_draws_what_runs),
];

/// How long a command may take.  None does.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The command in a container, at first with this user.
fn entering(container: &Container, words: &[&str]) -> Sandbox {
    let path = "/usr/bin/s6-overlay";
    container.exec([path].iter().chain(words)).env("PATH", "/bin").streams(Streams::Together)
}

/// The exit code and the output.
fn answer(command: &Sandbox) -> Result<(u8, String), Failed> {
    let output = command.start()?.output(LIMIT)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((output.code.ok_or_else(|| format!("it doesn't end:\n{text}"))?, text))
}

fn ask(t: &Transcript, words: &[&str]) -> Result<(u8, String), Failed> {
    answer(&entering(t.container(), words))
}

/// Fails unless the command has this exit code, and says all of this.
pub(crate) fn says(t: &Transcript, words: &[&str], code: u8, texts: &[&str]) -> Outcome {
    let (got, said) = ask(t, words)?;
    let missing: Vec<_> = texts.iter().filter(|text| !said.contains(**text)).collect();
    let all = format!("{words:?} said:\n{said}\nthe container:\n{}", t.text());
    same((got, missing), (code, Vec::new()), &all)
}

/// The words of the line about a service.
fn line_of(table: &str, name: &str) -> Result<Vec<String>, Failed> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut lines = table.lines().map(words);
    let found = lines.find(|words| words.iter().take(2).any(|word| word == name));
    found.ok_or_else(|| format!("no {name} in\n{table}").into())
}

/// A daemon that is ready when somebody writes to `/run/gate`.
pub fn gate() -> Result<Services, Failed> {
    let services = Services::new()?;
    services.oneshot("once", &["base"], "mkfifo /run/gate", "rm /run/gate")?;
    let run = "#!/bin/sh\necho the gate is closed\nread x </run/gate\necho >&3\nexec sleep 100000\n";
    services.longrun("gated", &["once"], run)?.define("gated", "notification-fd", "3\n")?;
    Ok(services)
}

/// Waits for that daemon, and until its supervisor has told of it: the daemon speaks first.
pub fn gate_is_closed(t: &mut Transcript) -> Outcome {
    t.wait_for("the gate is closed")?;
    let waiting = t.container().exec(["/command/s6-svwait", "-u", "/run/service/gated"]);
    waiting.start()?.output(LIMIT)?;
    Ok(())
}

/// It, what waits for it, and what doesn't.
fn gated() -> Result<Services, Failed> {
    let services = gate()?;
    services.longrun("after", &["gated"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.longrun("aside", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    Ok(services)
}

/// What `s6-overlay-dev` prints, without a mistake.
fn drawn(words: &[&str]) -> Result<String, Failed> {
    let words = std::iter::once("s6-overlay-dev").chain(words.iter().copied());
    let outcome = dev::cli::run(words.map(Into::into));
    same((outcome.code, outcome.err.as_str()), (0, ""), &outcome.out)?;
    Ok(outcome.out)
}

fn the_checker_draws_what_runs(images: &Images) -> Outcome {
    let services = gated()?;
    for layout in LAYOUTS {
        let mut t = Transcript::start(&images.small(&services, &[]).env("S6_SUPERVISE_PROCESSES", layout))?;
        gate_is_closed(&mut t)?;
        let run = format!("/proc/{}/root/run", t.container().pid());
        let live = drawn(&["graph", "--live", &run])?;
        for part in ["after · waiting\n", "gated · starting\n", "once (oneshot) · done\n", "aside · up\n"]
        {
            same(live.contains(part), true, &live)?;
        }
        let starting = drawn(&["boot", &run])?;
        same(
            starting.contains("the start isn't over") && starting.contains("waits for gated"),
            true,
            &starting,
        )?;
        t.container().exec(["/bin/sh", "-c", "echo >/run/gate"]).start()?.output(LIMIT)?;
        says(&t, &["wait"], 0, &[])?;
        let live = drawn(&["graph", "--live", &run, "--format", "svg"])?;
        same(live.matches(">ready</text>").count(), 1, &live)?;
        // The same as in the container, but for how the moment of its beginning is reckoned.
        let (_, own) = ask(&t, &["boot", "--json"])?;
        let copy = drawn(&["boot", &run, "--format", "json"])?;
        let after = |text: &str| text.split_once("\"took_us\"").map(|(_, rest)| rest.trim_end().to_owned());
        same(after(&copy), after(&own), &own)?;
        same(drawn(&["boot", &run, "--format", "svg"])?.contains("class=\"outline\""), true, &copy)?;
    }
    Ok(())
}

fn probes_follow_a_start(images: &Images) -> Outcome {
    let services = gated()?;
    for layout in LAYOUTS {
        let sandbox = images.small(&services, &[]).env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        gate_is_closed(&mut t)?;
        says(&t, &["health"], 1, &["not ready: the start isn't over", "not ready: gated isn't ready yet"])?;
        says(&t, &["health"], 1, &["not ready: after waits for gated\n"])?;
        says(&t, &["health", "--live"], 0, &["live\n"])?;
        says(&t, &["health", "--started"], 1, &["not started: the start isn't over"])?;
        says(&t, &["wait", "--timeout", "1"], 99, &["gated isn't ready yet"])?;
        says(&t, &["wait", "--started", "--timeout", "1"], 99, &["the start isn't over"])?;
        says(&t, &["wait", "--timeout", "1", "once"], 99, &["the start isn't over"])?;
        let (code, table) = ask(&t, &["status"])?;
        same((code, table.starts_with("starting ")), (0, true), &table)?;
        for (name, state) in [("once", "done"), ("gated", "starting"), ("after", "waiting")] {
            same(line_of(&table, name)?.get(1).map(String::as_str), Some(state), &table)?;
        }
        says(&t, &["boot"], 0, &["the start isn't over after ", "not ready", "waits for gated"])?;
        // Those that wait while the gate opens.
        let waiting = entering(t.container(), &["wait"]).start()?;
        let started = entering(t.container(), &["wait", "--started"]).start()?;
        t.container().exec(["/bin/sh", "-c", "echo >/run/gate"]).start()?.output(LIMIT)?;
        for waiting in [waiting, started] {
            let output = waiting.output(LIMIT)?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            same((output.code, said), (Some(0), String::new()), &t.text())?;
        }
        says(&t, &["health"], 0, &["ready\n"])?;
        says(&t, &["health", "--started", "--json"], 0, &["\"asked\":\"started\",\"ok\":true"])?;
        says(&t, &["status", "-q", "gated", "after", "once"], 0, &[])?;
        says(&t, &["boot"], 0, &["the start took ", "slowest: ", "; without gated the start"])?;
        let (code, chart) = answer(&entering(t.container(), &["boot", "--plain"]).env("COLUMNS", "40"))?;
        let of_gate =
            |name: &str| line_of(&chart, name).map(|words| words.get(1).is_some_and(|mark| mark == "*"));
        let marked = [of_gate("once")?, of_gate("gated")?, of_gate("after")?, of_gate("aside")?];
        same((code, marked), (0, [true, true, true, false]), &chart)?;
        same(chart.lines().all(|line| line.is_ascii() && line.len() <= 40), true, &chart)?;
        let part = "{\"name\":\"gated\",\"kind\":\"longrun\",\"needs\":[\"once\"],\"critical\":true,";
        says(
            &t,
            &["boot", "--json"],
            0,
            &["\"schema\":\"s6-overlay.boot/1\"", part, "\"slowest\":\"gated\""],
        )?;
        // What was stopped on purpose is no fault, unless somebody asks for it.
        t.container().exec(["/command/s6-svc", "-wD", "-d", "/run/service/after"]).start()?.output(LIMIT)?;
        says(&t, &["health"], 0, &["ready\n"])?;
        says(&t, &["health", "after"], 1, &["not ready: after is down"])?;
        says(&t, &["status", "-q", "after"], 3, &[])?;
        says(&t, &["status", "agter"], 4, &["agter", "did you mean after?"])?;
        says(&t, &["health", "agter"], 1, &["did you mean after?"])?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}

fn a_failed_service_is_named(images: &Images) -> Outcome {
    for (layout, is_optional) in LAYOUTS.iter().flat_map(|layout| [(layout, false), (layout, true)]) {
        let services = Services::new()?;
        services.script("/etc/services.d/mortal/run", "#!/bin/sh\necho no way to go on\nexit 9\n")?;
        services.script("/etc/services.d/mortal/log/run", "#!/bin/sh\nexec s6-log T /run/log\n")?;
        services.file("/etc/services.d/mortal/restart-limit", "1\n")?;
        if is_optional {
            services.file("/etc/services.d/mortal/optional", "")?;
        }
        let sandbox = images.small(&services, &[]).env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("has failed for good")?;
        says(&t, &["wait", "--started", "--timeout", "60000"], 0, &[])?;
        let problem = "mortal has failed, last with exit code 9\n";
        if is_optional {
            says(&t, &["health"], 0, &["ready\n"])?;
            says(&t, &["health", "--live"], 0, &["live\n"])?;
        } else {
            says(&t, &["health"], 1, &["not ready: ", problem])?;
            says(&t, &["health", "--live"], 1, &["not live: ", problem])?;
            says(&t, &["wait"], 1, &["not ready: ", problem])?;
        }
        says(&t, &["health", "--started"], 0, &["started\n"])?;
        let (code, table) = ask(&t, &["status"])?;
        let words = line_of(&table, "mortal")?;
        same((code, &words[..3]), (0, &["!", "mortal", "failed"].map(str::to_owned)[..]), &table)?;
        says(&t, &["status", "mortal"], 3, &["mortal", "failed", "/etc/services.d/mortal"])?;
        let written = "until grep way /run/log/current; do usleep 10000; done";
        t.container().exec(["/bin/sh", "-c", written]).env("PATH", "/bin").start()?.output(LIMIT)?;
        says(&t, &["status"], 0, &["\nmortal said last: no way to go on\n"])?;
        says(&t, &["status", "--json=message", "mortal"], 3, &["{\"message\":\"no way to go on\"}"])?;
        // Another user may not read this log.
        let (_, json) = answer(&entering(t.container(), &["status", "--json"]).user(4242, 4242))?;
        let unreadable = json.split_once("\"unreadable\":[").map_or("", |(_, rest)| rest);
        same((json.contains("\"readiness\":[],"), unreadable.contains("\"message\"")), (true, true), &json)?;
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}

/// A daemon, one that ends again and again, and a oneshot.
fn several() -> Result<Services, Failed> {
    let services = Services::new()?;
    services.oneshot("once", &["base"], "true", "true")?;
    services.longrun("a-daemon-with-a-long-name", &["once"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.longrun("loops", &["base"], "#!/bin/sh\nexit 1\n")?.define(
        "loops",
        "restart-delay",
        "50000\n",
    )?;
    Ok(services)
}

/// Looks at a container with [`several`], as root and as a user who owns nothing.
fn look(t: &mut Transcript, layout: &str) -> Outcome {
    says(t, &["wait", "--started", "--timeout", "60000"], 0, &[])?;
    says(t, &["wait", "loops", "--timeout", "1"], 99, &["not ready: loops has ended"])?;
    for user in [0, 4242] {
        let as_user = |words: &[&str]| entering(t.container(), words).user(user, user);
        let (code, table) = answer(&as_user(&["status"]))?;
        let context = format!("layout {layout}, user {user}\n{table}");
        same(code, 0, &context)?;
        for (name, state) in [("once", "done"), ("a-daemon-with-a-long-name", "up"), ("loops", "backoff")] {
            same(line_of(&table, name)?.contains(&state.to_owned()), true, &context)?;
        }
        let (_, narrow) = answer(&as_user(&["status"]).env("COLUMNS", "40"))?;
        let too_long: Vec<_> = narrow.lines().skip(1).filter(|line| line.chars().count() > 40).collect();
        same(too_long, Vec::new(), &narrow)?;
        same(answer(&as_user(&["health"]))?.0, 1, &context)?;
        same(answer(&as_user(&["boot"]))?.0, 0, &context)?;
        same(answer(&as_user(&["health", "--live"]))?, (0, "live\n".to_owned()), &context)?;
        let (code, fields) = answer(&as_user(&["status", "--json=name,state", "once"]))?;
        same((code, fields.contains("{\"name\":\"once\",\"state\":\"done\"}")), (0, true), &fields)?;
        let (_, took) = answer(&as_user(&["status", "--json=took_ms", "once"]))?;
        same(took.contains("{\"took_ms\":null}"), false, &took)?;
    }
    t.container().stop()?;
    t.finish()?;
    Ok(())
}

fn everybody_sees_every_container(images: &Images) -> Outcome {
    let services = several()?;
    for layout in LAYOUTS {
        let plain = images.small(&services, &[]).env("S6_SUPERVISE_PROCESSES", layout);
        let read_only = plain.clone().read_only(true).env("S6_READ_ONLY_ROOT", "1");
        let of_a_user = plain.clone().user(1000, 1000);
        let not_process_1 =
            plain.clone().command(["/bin/sh", "-c", "/init & trap 'kill $!; wait' TERM; wait"]);
        for sandbox in [plain, read_only, of_a_user, not_process_1] {
            look(&mut Transcript::start(&sandbox)?, layout)?;
        }
    }
    Ok(())
}

fn a_damaged_board_is_told(images: &Images) -> Outcome {
    let services = several()?;
    for layout in LAYOUTS {
        let mut t = Transcript::start(&images.small(&services, &[]).env("S6_SUPERVISE_PROCESSES", layout))?;
        says(&t, &["wait", "--started", "--timeout", "60000"], 0, &[])?;
        let shell = |script: &str| t.container().exec(["/bin/sh", "-c", script]).start()?.output(LIMIT);
        // Another owner does no harm.  Then a record is damaged, the header, all of it; and something else is there.
        for (script, remark) in [
            ("chown 4243:4243 board record", ""),
            ("dd if=/dev/urandom of=board bs=192 seek=1 count=4 conv=notrunc", "damaged"),
            ("dd if=/dev/urandom of=board bs=64 count=1 conv=notrunc", "status board"),
            ("dd if=/dev/urandom of=board bs=192 count=500 conv=notrunc", "status board"),
            (": >board", "status board"),
            ("rm board; mkfifo board", "status board"),
            ("rm board; mkdir board", "no status board"),
            ("rmdir board; ln -s /dev/zero board", "no status board"),
            ("rm board", "no status board"),
        ] {
            shell(&format!("cd /run/s6-overlay; {script} 2>/dev/null"))?;
            let (code, said) = ask(&t, &["status"])?;
            let context = format!("{script}\n{said}");
            same((code, said.contains(remark)), (0, true), &context)?;
            for (name, state) in [("once", "done"), ("a-daemon-with-a-long-name", "up"), ("loops", "backoff")]
            {
                same(line_of(&said, name)?.contains(&state.to_owned()), true, &context)?;
            }
            // Another user gets no facts that aren't there.
            let (code, said) = answer(&entering(t.container(), &["status"]).user(4242, 4242))?;
            let is_told = line_of(&said, "loops")?.iter().any(|word| word == "unknown" || word == "backoff");
            same((code, is_told), (0, true), &format!("{script}\n{said}"))?;
        }
        says(&t, &["health"], 1, &["no status board"])?;
        for script in [
            "dd if=/dev/urandom of=record bs=64 count=8000",
            ": >record",
            "rm record; mkfifo record",
            "rm record; ln -s /dev/zero record",
        ] {
            shell(&format!("cd /run/s6-overlay; {script} 2>/dev/null"))?;
            says(&t, &["events"], 111, &["unable to read the record of events"])?;
            let (code, said) = ask(&t, &["status", "once"])?;
            same((code, said.contains("once: done")), (0, true), &format!("{script}\n{said}"))?;
        }
        t.container().stop()?;
        t.finish()?;
    }
    Ok(())
}

/// Whoever asks a container that something else supervises is told what can't be known, and what to use instead.
fn what_others_supervise_is_shown_as_far_as_it_goes(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (name, run) in [("web", "exec sleep 100000"), ("loops", "exit 1")] {
        services.script(&format!("/etc/sv/{name}/run"), &format!("#!/bin/sh\n{run}\n"))?;
    }
    // A database of another s6-rc, as an image of the other overlay has it.
    let command = "mkdir -p /run/service /run/s6-rc/compiled /run/s6-rc/servicedirs; cp -r /etc/sv/* /run/service\n\
                   cd /run/s6-rc; echo other >compiled/db; : >compiled/lock; : >compiled/n; : >lock; : >state; : >prefix\n\
                   exec /command/s6-svscan /run/service";
    let mut t = Transcript::start(&images.small(&services, &[]).command(["/bin/sh", "-c", command]))?;
    let up = "until /command/s6-svwait -u /run/service/web && grep -q . /run/service/loops/supervise/death_tally; do sleep 0.1; done";
    t.container().exec(["/bin/sh", "-c", up]).start()?.output(LIMIT)?;
    let (code, said) = ask(&t, &["status"])?;
    same((code, line_of(&said, "web")?.get(1).map(String::as_str)), (0, Some("up")), &said)?;
    for remark in
        ["no status board: ", "read from the supervisors' files", "oneshots and dependencies are missing"]
    {
        same((remark, said.contains(remark)), (remark, true), &said)?;
    }
    let (code, said) = answer(&entering(t.container(), &["status"]).user(4242, 4242))?;
    same(
        (code, said.starts_with("0 of 2 ready\n"), said.contains("docker exec -u 0")),
        (0, true, true),
        &said,
    )?;
    says(&t, &["health"], 1, &["not ready: no status board: "])?;
    says(&t, &["restart", "web"], 111, &["its own s6-svc and s6-rc steer it"])?;
    t.container().stop()?;
    t.finish()?;
    Ok(())
}

/// A terminal is painted as it is wide and high, until `q`; without colours where those aren't wanted.
fn a_terminal_is_painted(images: &Images) -> Outcome {
    let services = several()?;
    let mut t = Transcript::start(&images.small(&services, &[]))?;
    says(&t, &["wait", "--started", "--timeout", "60000"], 0, &[])?;
    for (variable, size, colour, shown) in [
        ("NONE", (80, 24), true, "PID"),
        ("NO_COLOR", (80, 24), false, "PID"),
        ("NONE", (80, 4), false, "more lines"),
    ] {
        let watch = t.container().exec(["/bin/sh", "-c", "read go; exec s6-overlay status --watch"]);
        let watch = watch.env("PATH", "/command:/bin").env("TERM", "xterm").env(variable, "1");
        let mut terminal = Transcript::on_terminal(&watch)?;
        let (ws_col, ws_row) = size;
        terminal.resize(Winsize { ws_col, ws_row, ws_xpixel: 0, ws_ypixel: 0 })?;
        terminal.type_in("\n")?;
        terminal.wait_for(shown)?;
        terminal.type_in("q")?;
        same((terminal.finish()?, terminal.text().contains("[31m")), (0, colour), &terminal.text())?;
    }
    t.container().stop()?;
    t.finish()?;
    Ok(())
}

fn a_full_run_directory_hides_nothing(images: &Images) -> Outcome {
    let services = several()?;
    for layout in LAYOUTS {
        let sandbox = images
            .small(
                &services,
                &[
                    "sh",
                    "-c",
                    "dd if=/dev/zero of=/run/fill bs=4096 2>/dev/null; echo full; exec sleep 100000",
                ],
            )
            .run_options("mode=0755,size=1m,nr_inodes=600")
            .env("S6_SUPERVISE_PROCESSES", layout);
        let mut t = Transcript::start(&sandbox)?;
        t.wait_for("full")?;
        look(&mut t, layout)?;
    }
    Ok(())
}

fn what_happens_is_told_line_by_line(images: &Images) -> Outcome {
    let services = several()?;
    for layout in LAYOUTS {
        let mut t = Transcript::start(&images.small(&services, &[]).env("S6_SUPERVISE_PROCESSES", layout))?;
        says(&t, &["wait", "--started", "--timeout", "60000"], 0, &[])?;
        let followed = entering(t.container(), &["events", "--follow"]).user(4242, 4242).start()?;
        says(&t, &["events"], 0, &["once", "a-daemon-with-a-long-name", "loops"])?;
        let (code, lines) = ask(&t, &["events", "--json"])?;
        let is_document = |line: &str| line.starts_with("{\"") && line.ends_with('}');
        same((code, lines.lines().all(is_document)), (0, true), &lines)?;
        t.container().stop()?;
        t.finish()?;
        let output = followed.output(LIMIT)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        same(said.contains("loops"), true, &said)?;
    }
    Ok(())
}
