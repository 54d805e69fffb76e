//! Services' output under their names, and kept: S6_LOG_PREFIX, S6_LOG_FORMAT, S6_LOG_CMD and S6_LOG_KEEP.
#![expect(clippy::disallowed_methods, reason = "an ordinary test program")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use sandbox::{Container, Sandbox, Streams};
use serde_json::Value;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("output::off_there_is_nothing_between", off_there_is_nothing_between),
    ("output::what_is_kept_is_bounded_and_private", what_is_kept_is_bounded_and_private),
    ("output::a_killed_relay_keeps_on", a_killed_relay_keeps_on),
    ("output::off_nothing_is_done_for_it", off_nothing_is_done_for_it),
    ("output::a_flood_comes_through_whole", a_flood_comes_through_whole),
    ("output::a_slow_reader_loses_nothing", a_slow_reader_loses_nothing),
    ("output::lines_of_any_length_and_bytes_are_objects", lines_of_any_length_and_bytes_are_objects),
    ("output::what_has_a_logger_stays_as_it_is", what_has_a_logger_stays_as_it_is),
    ("output::survives_a_first_process_executed_anew", survives_a_first_process_executed_anew),
    ("output::last_words_of_who_is_killed", last_words_of_who_is_killed),
    ("output::a_relay_that_is_killed_is_replaced", a_relay_that_is_killed_is_replaced),
    ("output::a_relay_that_is_killed_costs_nothing", a_relay_that_is_killed_costs_nothing),
    ("output::in_one_process", in_one_process),
    ("output::every_line_of_a_container_has_the_form", every_line_of_a_container_has_the_form),
    ("output::what_ends_a_boot_has_the_form", what_ends_a_boot_has_the_form),
    ("output::hostile_lines_of_oneshots_are_objects", hostile_lines_of_oneshots_are_objects),
    ("output::a_stop_while_nobody_reads", a_stop_while_nobody_reads),
    ("output::what_nobody_read_is_counted", what_nobody_read_is_counted),
];

/// What a container that ends with 0 said on its streams, as lines.
fn said(sandbox: &Sandbox) -> Result<[Vec<String>; 2], libtest_mimic::Failed> {
    let container = sandbox.clone().env("S6_VERBOSITY", "1").streams(Streams::Capture).start()?;
    let output = container.output(Duration::from_secs(90))?;
    let streams = [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s).into_owned());
    same(output.code, Some(0), &streams.join("\n--\n"))?;
    Ok(streams.map(|s| s.lines().map(str::to_owned).collect()))
}

/// The lines that have this text in them.
fn with<'a>(lines: &'a [String], text: &str) -> Vec<&'a str> {
    lines.iter().filter(|line| line.contains(text)).map(String::as_str).collect()
}

/// A service that prints on each stream and ends, without a last newline.
fn talks(services: &Services) -> Result<(), libtest_mimic::Failed> {
    let run = "#!/bin/sh\necho an output\nprintf 'an error' >&2\ntouch /run/talked\nexec s6-svc -O .\n";
    services.longrun("talks", &["base"], run)?;
    Ok(())
}

/// A command that waits until the service is done.
const WAITS: [&str; 3] = ["sh", "-c", "s6-svwait -D /run/service/talks; echo the command"];

pub fn prefix(images: &Images) -> Outcome {
    let services = Services::new()?;
    talks(&services)?;
    services.script("/etc/services.d/old/run", "#!/bin/sh\necho an old one\nexec sleep 100000\n")?;
    services.script("/etc/services.d/old/finish", "#!/bin/sh\necho finishes >&2\n")?;
    let sandbox = images.small(&services, &WAITS);
    let [out, err] = said(&sandbox.clone().env("S6_LOG_PREFIX", "1"))?;
    for (lines, want) in [
        (&out, "talks: an output"),
        (&err, "talks: an error"),
        (&out, "old: an old one"),
        (&err, "old: finishes"),
        (&out, "the command"),
    ] {
        same(lines.iter().filter(|line| *line == want).count(), 1, &format!("{want}: {out:?} {err:?}"))?;
    }
    for value in ["0", ""] {
        let [out, _] = said(&sandbox.clone().env("S6_LOG_PREFIX", value))?;
        same(with(&out, "output"), vec!["an output"], value)?;
    }
    Ok(())
}

fn object(line: &str) -> Result<Value, libtest_mimic::Failed> {
    serde_json::from_str(line).map_err(|why| format!("{why}: {line}").into())
}

pub fn format(images: &Images) -> Outcome {
    let services = Services::new()?;
    talks(&services)?;
    let sandbox = images.small(&services, &WAITS);
    let [out, err] = said(&sandbox.clone().env("S6_LOG_FORMAT", "json").env("S6_LOG_PREFIX", "1"))?;
    same(with(&out, "the command"), vec!["the command"], "")?;
    for (lines, stream, text) in [(&out, "stdout", "an output"), (&err, "stderr", "an error")] {
        let found = with(lines, text);
        let object = object(found.first().ok_or("not said")?)?;
        let members = ["service", "stream", "message"].map(|name| object[name].as_str().unwrap_or("none"));
        same((found.len(), members), (1, ["talks", stream, text]), "")?;
        let time = object["time"].as_str().unwrap_or_default();
        same((time.len(), time.starts_with("20"), time.ends_with('Z')), (27, true, true), time)?;
    }
    let [out, err] = said(&sandbox.env("S6_LOG_FORMAT", "xml"))?;
    same(with(&out, "output"), vec!["an output"], "")?;
    same(with(&err, "S6_LOG_FORMAT is xml").len(), 1, "")
}

pub fn command(images: &Images) -> Outcome {
    let services = Services::new()?;
    let cmd = ["sh", "-c", "echo an output; echo an error >&2; printf 'an end'"];
    let sandbox = images.small(&services, &cmd).env("S6_LOG_CMD", "1");
    let [out, err] = said(&sandbox.clone().env("S6_LOG_PREFIX", "1"))?;
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    same((out, err), (lines(&["cmd: an output", "cmd: an end"]), lines(&["cmd: an error"])), "")?;
    // Without S6_LOG_PREFIX it has no effect.
    let [out, _] = said(&sandbox)?;
    same(out, lines(&["an output", "an end"]), "")
}

/// Prints what a service's output is and how many processes and descriptors there are.
const LOOKS: &str = "\
#!/bin/sh
for n in 1 2; do
  for p in 1 $(s6-svstat -o pid /run/service/stays); do readlink /proc/$p/fd/$n; done | uniq | wc -l
done
# A pipeline's second command may be there already, or not yet.
ls /proc >/run/processes
grep -c '^[0-9]*$' /run/processes
# The fewest: some are open for a moment only.
for look in $(seq 20); do ls /proc/1/fd | wc -l; done | sort -n | head -n 1
";

/// Prints what is kept, without time stamps.
const SHOW_KEPT: &str = "cd /run/s6-overlay/log && for f in *; do sed \"s/^@[0-9a-f]*/$f/\" $f; done";

/// Waits until a line that ends so is kept from each of the service's streams: the relay may read them after its end.
fn until_kept(service: &str, end: &str) -> String {
    let kept = format!("grep -s '{end}$' /run/s6-overlay/log/{service} | wc -l");
    format!("until [ $({kept}) = 2 ]; do usleep 1000; done")
}

pub fn keep(images: &Images) -> Outcome {
    let services = Services::new()?;
    talks(&services)?;
    let cmd = format!("{}; {SHOW_KEPT}", until_kept("talks", " an [oe][a-z]*"));
    let sandbox = images.small(&services, &["sh", "-c", &cmd]);
    for (value, layout) in [("256k", "0"), ("1M", "1"), ("65536", "0")] {
        let kept = sandbox.clone().env("S6_LOG_KEEP", value).env("S6_SUPERVISE_PROCESSES", layout);
        let [out, err] = said(&kept)?;
        // The container's own output is what was written, without an end to the last line.
        same(with(&out, "an output")[0], "an output", value)?;
        same(err.iter().any(|line| line.starts_with("an error")), true, &err.join("\n"))?;
        let mut kept = with(&out, "talks");
        kept.sort_unstable();
        same(kept, vec!["talks an error", "talks an output"], value)?;
    }
    let [out, _] = said(&sandbox.clone().env("S6_LOG_KEEP", "64k").env("S6_LOG_PREFIX", "1"))?;
    // The last lines of the two that write here come in either order.
    let mut shown = with(&out, "an output");
    shown.sort_unstable();
    same(shown, vec!["talks an output", "talks: an output"], "")?;
    for value in ["much", "1k", "65M", "-1"] {
        let mut t = Transcript::start(&sandbox.clone().env("S6_LOG_KEEP", value))?;
        same(t.finish()?, 100, &t.text())?;
        t.in_order(&[&format!("init: fatal: S6_LOG_KEEP is {value}, which is no size")])?;
    }
    let [out, err] = said(&images.small(&services, &WAITS).env("S6_LOG_KEEP", "0"))?;
    same((with(&out, "an output"), with(&err, "s6-overlay-relay").len()), (vec!["an output"], 0), "")
}

fn what_is_kept_is_bounded_and_private(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = "#!/bin/sh\nseq 100000 && head -c 10000000 /dev/zero && echo the end\nexec s6-svc -O .\n";
    services.longrun("talks", &["base"], run)?;
    // Not to the stream of the service, whose line is kept before a slow reader has taken all of it.
    let cmd = "exec >&2\n\
               cd /run/s6-overlay/log\n\
               until tail -n 1 talks 2>/dev/null | tr -d '\\0' | grep -q 'the end$'; do usleep 1000; done\n\
               echo bytes: $(cat * | wc -c); \
               echo kept: $(tail -n 1 talks | tr -d '\\0' | grep -c '+the end$\\|.the end$'); \
               echo modes: $(stat -c %a . * | sort | uniq -c)";
    let sandbox = images.small(&services, &["sh", "-c", cmd]);
    let [_, err] = said(&sandbox.env("S6_LOG_KEEP", "64k"))?;
    let bytes = with(&err, "bytes: ").join("");
    let bytes: usize = bytes.trim_start_matches("bytes: ").parse().map_err(|e| format!("{bytes}: {e}"))?;
    same((1000..=65536).contains(&bytes), true, &bytes.to_string())?;
    same(with(&err, "kept: "), vec!["kept: 1"], "the end is there")?;
    same(with(&err, "modes: "), vec!["modes: 2 640 1 750"], "")
}

fn a_killed_relay_keeps_on(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("plain", &["base"], &format!("#!/bin/sh\n{ECHOES}"))?;
    services.longrun("stubborn", &["base"], &format!("#!/bin/sh\ntrap '' PIPE\n{ECHOES}"))?;
    for name in ["stubborn", "plain"] {
        services.define(name, "notification-fd", "3")?;
    }
    let wait = ["stubborn", "plain"].map(|name| until_kept(name, "after 2")).join("\n");
    services.script("/kills", &format!("{KILLS}\n{wait}\n{SHOW_KEPT} | sed 's/^/kept /'\n"))?;
    let [out, _] = said(&images.small(&services, &["/kills"]).env("S6_LOG_KEEP", "64k"))?;
    for name in ["stubborn", "plain"] {
        let whole = ["before 1", "without 1", "after 1", "before 2", "without 2", "after 2"];
        let kept: Vec<&str> = with(&out, &format!("kept {name} "));
        for line in whole {
            let own = [format!("kept {name} {line}"), format!("kept {name} error {line}")];
            let found = kept.iter().filter(|k| own.iter().any(|o| o == *k)).count();
            same(found, 2, &kept.join("\n"))?;
        }
    }
    Ok(())
}

fn off_there_is_nothing_between(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("stays", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.script("/looks", LOOKS)?;
    let sandbox = images.small(&services, &["/looks"]);
    let [off, _] = said(&sandbox)?;
    let [on, _] = said(&sandbox.clone().env("S6_LOG_PREFIX", "1"))?;
    let number = |lines: &[String], at: usize| lines.get(at).and_then(|line| line.parse::<u32>().ok());
    // The same file for each stream as process 1's, or a pipe of its own.
    same([0, 1].map(|n| number(&off, n)), [Some(1); 2], &off.join("\n"))?;
    same([0, 1].map(|n| number(&on, n)), [Some(2); 2], &on.join("\n"))?;
    // On, it costs a process, both ends of a socket, and both ends of the one on which pipes wait for the next relay, whatever
    // the number of services.
    let more = |n| number(&on, n).zip(number(&off, n)).map(|(on, off)| on - off);
    same([2, 3].map(more), [Some(1), Some(4)], &format!("{off:?} {on:?}"))?;
    // Off, services and oneshots have the very pipe that is read here.
    let services = Services::new()?;
    services.oneshot("once", &["base"], "stat -Lc %i /proc/self/fd/1", "")?;
    services.longrun("stays", &["base"], "#!/bin/sh\nstat -Lc %i /proc/self/fd/1\nexec s6-svc -O .\n")?;
    let sandbox =
        images.small(&services, &["s6-svwait", "-D", "/run/service/stays"]).streams(Streams::Capture);
    for (value, count) in [("0", 2), ("1", 0)] {
        let mut container = sandbox.clone().env("S6_LOG_PREFIX", value).env("S6_VERBOSITY", "0").start()?;
        let pipe = container.take_stdout().ok_or("no standard output")?;
        let own = rustix::fs::fstat(&pipe)?.st_ino.to_string();
        let mut lines = tests::lines::Lines::new(Some(pipe), Duration::from_secs(60));
        lines.to_end()?;
        same(lines.so_far().len(), 2, &lines.text())?;
        let seen = lines.so_far().iter().filter(|line| line.rsplit(' ').next() == Some(own.as_str())).count();
        same((value, seen), (value, count), &format!("{own}:\n{}", lines.text()))?;
        same(container.wait()?, 0, "the container's code")?;
    }
    Ok(())
}

/// What a service's start, a oneshot and a stop make the kernel do with pipes and messages.
fn off_nothing_is_done_for_it(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("stays", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.oneshot("once", &["base"], "true", "echo down")?;
    for (value, is_done) in [("0", false), ("1", true)] {
        let sandbox = images.small(&services, &["sh", "-c", "echo ready; exec sleep 100000"]);
        let mut t = Transcript::start(&sandbox.env("S6_LOG_PREFIX", value))?;
        t.wait_for("ready")?;
        let mut strace = Command::new("strace")
            .args(["-f", "-e", "trace=pipe,pipe2,socketpair,sendmsg", "-e", "signal=none", "-p"])
            .arg(t.container().pid().to_string())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|why| format!("strace: {why}; apt-get install strace"))?;
        let mut lines = BufReader::new(strace.stderr.take().ok_or("strace has no standard error")?).lines();
        // It reports when it has attached.
        let first = lines.next().ok_or("strace said nothing")??;
        same(first.contains("attached"), true, &first)?;
        let restart = ["/command/s6-svc", "-wr", "-T", "60000", "-r", "/run/service/stays"];
        let restarted = t.container().exec(restart).start()?.output(Duration::from_secs(90))?;
        same(restarted.code, Some(0), "s6-svc")?;
        t.container().stop()?;
        t.finish()?;
        let calls: Vec<String> = lines.map_while(Result::ok).filter(|line| line.contains('(')).collect();
        strace.wait()?;
        for call in ["pipe2(", "sendmsg("] {
            same(calls.iter().any(|line| line.contains(call)), is_done, &calls.join("\n"))?;
        }
        same(calls.is_empty(), !is_done, &calls.join("\n"))?;
    }
    Ok(())
}

/// Writes numbered lines to both streams, each to its own.
const FLOODS: &str = "\
#!/bin/sh
seq 1 20000
seq 1 5000 >&2
: >/run/done.$1
exec sleep 100000
";

/// Fails unless each service's lines are all there, in order.
fn complete(lines: &[String], stream: &str, services: &[&str], count: usize) -> Outcome {
    for service in services {
        let mut next = 1;
        for line in lines {
            let object = object(line)?;
            if object["service"] != *service {
                continue;
            }
            same(object["stream"].as_str(), Some(stream), line)?;
            same(object["message"].as_str(), Some(next.to_string().as_str()), line)?;
            next += 1;
        }
        same(next - 1, count, service)?;
    }
    Ok(())
}

fn flood(images: &Images, services: &Services) -> Result<Sandbox, libtest_mimic::Failed> {
    for name in ["a", "b", "c"] {
        services.longrun(name, &["base"], FLOODS)?;
    }
    // It ends as soon as all is written, not passed on.
    let wait = "until [ -e /run/done.a ] && [ -e /run/done.b ] && [ -e /run/done.c ]; do usleep 1000; done";
    Ok(images.small(services, &["sh", "-c", wait]).env("S6_LOG_FORMAT", "json"))
}

fn a_flood_comes_through_whole(images: &Images) -> Outcome {
    let services = Services::new()?;
    let [out, err] = said(&flood(images, &services)?)?;
    complete(&out, "stdout", &["a", "b", "c"], 20_000)?;
    complete(&err, "stderr", &["a", "b", "c"], 5000)
}

/// While nothing is read, everything waits but process 1: it still stops the container.
fn a_slow_reader_loses_nothing(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = "#!/bin/sh\n: >/run/writing\nseq 1 30000\n: >/run/done\nexec sleep 100000\n";
    services.longrun("a", &["base"], run)?;
    let cmd = "until [ -e /run/writing ]; do usleep 1000; done\n\
               for n in 1 2 3 4 5; do s6-svscanctl -an /run/service; done\n\
               s6-svstat -o up /run/service/a >&2\n\
               [ -e /run/done ] && echo too early >&2\n\
               until [ -e /run/done ]; do usleep 1000; done\n";
    let sandbox = images.small(&services, &["sh", "-c", cmd]).env("S6_LOG_FORMAT", "json");
    let mut container = sandbox.env("S6_VERBOSITY", "1").streams(Streams::Capture).start()?;
    // Standard output isn't read before process 1 has answered.
    let said = container.take_stderr().ok_or("no standard error")?;
    let mut lines = tests::lines::Lines::new(Some(said), Duration::from_secs(60));
    lines.wait_for("true")?;
    let output = container.output(Duration::from_secs(90))?;
    lines.to_end()?;
    same(lines.contains("too early"), false, &lines.text())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    same(output.code, Some(0), &lines.text())?;
    complete(&text.lines().map(str::to_owned).collect::<Vec<_>>(), "stdout", &["a"], 30_000)
}

fn lines_of_any_length_and_bytes_are_objects(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = "#!/bin/sh\n\
               printf 'tab\\t quote\" backslash\\\\ nul\\000 bell\\007 bad\\377 \\303\\251 escape\\033[31m\\n'\n\
               head -c 100000 /dev/zero | tr '\\000' x\n\
               echo\n\
               head -c 1000000 /dev/urandom\n\
               exec s6-svc -O .\n";
    services.longrun("talks", &["base"], run)?;
    let [out, _] = said(&images.small(&services, &WAITS).env("S6_LOG_FORMAT", "json"))?;
    let mut objects = out.iter().filter(|line| *line != "the command").map(|line| object(line));
    let first = objects.next().ok_or("nothing was said")??;
    let want = "tab\t quote\" backslash\\ nul\0 bell\u{7} bad\u{fffd} é escape\u{1b}[31m";
    same(first["message"].as_str(), Some(want), "")?;
    let (mut length, mut partial) = (0, true);
    while partial {
        let piece = objects.next().ok_or("the long line has no end")??;
        length += piece["message"].as_str().ok_or("no message")?.len();
        partial = piece["partial"] == true;
    }
    same(length, 100_000, "the long line")?;
    // Each line of noise is an object too.
    objects.try_for_each(|object| object.map(drop))
}

fn what_has_a_logger_stays_as_it_is(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun(
        "talks",
        &["base"],
        "#!/bin/sh\necho to the logger\necho aside >&2\nexec s6-svc -O .\n",
    )?;
    services.define("talks", "producer-for", "talks-log")?;
    services.longrun("talks-log", &["base"], "#!/bin/sh\nexec s6-log 1 /run/log\n")?;
    services.define("talks-log", "consumer-for", "talks")?;
    let cmd = "s6-svwait -D /run/service/talks\n\
               until grep -q logger /run/log/current; do usleep 1000; done\n\
               cat /run/log/current";
    let sandbox = images.small(&services, &["sh", "-c", cmd]).env("S6_LOG_PREFIX", "1");
    let [out, err] = said(&sandbox)?;
    let mut found = with(&out, "to the logger");
    found.sort_unstable();
    // What the logger itself shows is its own output.
    same(found, vec!["talks-log: to the logger", "to the logger"], "")?;
    same(with(&err, "aside"), vec!["talks: aside"], "")?;
    let services = Services::new()?;
    talks(&services)?;
    let cmd = "until grep -q output /run/uncaught-logs/current; do usleep 1000; done\n\
               sed 's/^[^ ]* [^ ]*  *//' /run/uncaught-logs/current >/run/seen; cat /run/seen";
    let sandbox = images.small(&services, &["sh", "-c", cmd]).env("S6_LOG_PREFIX", "1");
    let [out, err] = said(&sandbox.env("S6_LOGGING", "1"))?;
    same(with(&[out, err.clone()].concat(), "talks: ").len(), 0, "")?;
    same(with(&err, "S6_LOG_KEEP have no effect").len(), 1, &err.join("\n"))
}

fn survives_a_first_process_executed_anew(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("counts", &["base"], "#!/bin/sh\nn=0\nwhile [ ! -e /run/enough ]; do n=$((n+1)); echo $n; usleep 500; done\n: >/run/done\nexec sleep 100000\n")?;
    services.longrun("comes", &["base"], "#!/bin/sh\necho comes >&2\necho >&3\nexec sleep 100000\n")?;
    services.define("comes", "notification-fd", "3")?;
    let cmd = "s6-svwait -U /run/service/comes\n\
               n=0\n\
               while [ $n -lt 20 ]; do\n\
                 n=$((n+1))\n\
                 s6-svscanctl -R /run/service\n\
                 s6-svc -wD -T 20000 -d /run/service/comes\n\
                 s6-svc -wU -T 20000 -u /run/service/comes\n\
                 [ $n = 10 ] && kill -SEGV 1\n\
               done\n\
               : >/run/enough\n\
               until [ -e /run/done ]; do usleep 1000; done\n";
    let [out, err] = said(&images.small(&services, &["sh", "-c", cmd]).env("S6_LOG_FORMAT", "json"))?;
    complete(&out, "stdout", &["counts"], out.len())?;
    // Process 1's own message has the form, too.
    let comes = err.iter().map(|line| object(line)).collect::<Result<Vec<_>, _>>()?;
    same(comes.iter().filter(|o| o["message"] == "comes").count(), 21, &err.join("\n"))?;
    same(with(&err, "relay").len(), 0, &err.join("\n"))
}

fn last_words_of_who_is_killed(images: &Images) -> Outcome {
    let services = Services::new()?;
    let run = "#!/bin/sh\n\
               (trap 'seq 1 3000; printf \"last words\"; : >/run/said; while :; do sleep 100000; done' TERM; \
               : >/run/deaf; while :; do sleep 100000 & wait $!; done) &\n\
               exec sleep 100000\n";
    services.longrun("deaf", &["base"], run)?;
    let cmd = ["sh", "-c", "until [ -e /run/deaf ]; do usleep 1000; done"];
    let sandbox = images.small(&services, &cmd).env("S6_LOG_PREFIX", "1").env("S6_KILL_GRACETIME", "1500");
    let [out, _] = said(&sandbox)?;
    let mut want: Vec<String> = (1..=3000).map(|n| format!("deaf: {n}")).collect();
    want.push("deaf: last words".to_owned());
    same(out == want, true, &out.join("\n"))
}

fn a_relay_that_is_killed_is_replaced(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("talks", &["base"], "#!/bin/sh\necho before\necho >&3\nexec sleep 100000\n")?;
    services.define("talks", "notification-fd", "3")?;
    let cmd = "s6-svwait -U /run/service/talks\n\
               relay() { for p in /proc/[0-9]*; do grep -qs '^s6-overlay-relay' $p/cmdline && echo ${p#/proc/}; done; }\n\
               before=$(relay)\n\
               sleep 1\n\
               kill -9 $before\n\
               until [ -n \"$(relay)\" ] && [ \"$(relay)\" != $before ]; do usleep 1000; done\n\
               s6-svc -wR -T 20000 -r /run/service/talks\n";
    let [out, err] = said(&images.small(&services, &["sh", "-c", cmd]).env("S6_LOG_PREFIX", "1"))?;
    same(out.last().map(String::as_str), Some("talks: before"), &out.join("\n"))?;
    same(with(&err, "the relay of services' output is gone").len(), 1, &err.join("\n"))
}

/// Says what comes through its FIFO.
const ECHOES: &str = "\
mkfifo /run/$1.in
exec 5<>/run/$1.in
echo >&3
while read x <&5; do echo \"$x\"; echo \"error $x\" >&2; done
";

/// Kills the relay twice, and lets daemons speak before, meanwhile and after.
const KILLS: &str = "\
#!/bin/sh
relay() { for p in /proc/[0-9]*; do grep -qs '^s6-overlay-relay' $p/cmdline && echo ${p#/proc/}; done; }
both() { for s in stubborn plain; do echo \"$1\" >/run/$s.in; done; }
s6-svwait -U /run/service/stubborn /run/service/plain
pids() { s6-svstat -o pid /run/service/stubborn; s6-svstat -o pid /run/service/plain; }
before=$(pids)
for round in 1 2; do
  both \"before $round\"
  sleep 1
  old=$(relay)
  kill -9 $old
  both \"without $round\"; echo \"without $round\"
  until [ -n \"$(relay)\" ] && [ \"$(relay)\" != $old ]; do usleep 1000; done
  both \"after $round\"; echo \"after $round\"
done
[ \"$before\" = \"$(pids)\" ] && echo 'the same daemons'
";

fn a_relay_that_is_killed_costs_nothing(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("stubborn", &["base"], &format!("#!/bin/sh\ntrap '' PIPE\n{ECHOES}"))?;
    services.longrun("plain", &["base"], &format!("#!/bin/sh\n{ECHOES}"))?;
    for name in ["stubborn", "plain"] {
        services.define(name, "notification-fd", "3")?;
    }
    services.script("/kills", KILLS)?;
    let whole = ["before 1", "without 1", "after 1", "before 2", "without 2", "after 2"];
    for layout in ["0", "1"] {
        let sandbox = images.small(&services, &["/kills"]).env("S6_SUPERVISE_PROCESSES", layout);
        let [out, err] = said(&sandbox.env("S6_LOG_PREFIX", "1").env("S6_LOG_CMD", "1"))?;
        for name in ["stubborn", "plain"] {
            let lines = |prefix: &str| whole.map(|line| format!("{name}: {prefix}{line}")).to_vec();
            let said = |lines: &[String]| -> Vec<String> {
                lines.iter().filter(|line| line.starts_with(&format!("{name}: "))).cloned().collect()
            };
            same((said(&out), said(&err)), (lines(""), lines("error ")), layout)?;
        }
        let command: Vec<&str> = with(&out, "cmd: ");
        let own =
            ["cmd: without 1", "cmd: after 1", "cmd: without 2", "cmd: after 2", "cmd: the same daemons"];
        same(command, own.to_vec(), layout)?;
        same(with(&err, "is gone: another one goes on").len(), 2, &err.join("\n"))?;
    }
    Ok(())
}

fn in_one_process(images: &Images) -> Outcome {
    let services = Services::new()?;
    talks(&services)?;
    let sandbox = images.small(&services, &WAITS).env("S6_SUPERVISE_PROCESSES", "0");
    let [out, err] = said(&sandbox.env("S6_LOG_PREFIX", "1"))?;
    same(with(&out, "an output"), vec!["talks: an output"], "")?;
    same(with(&err, "an error"), vec!["talks: an error"], "")
}

/// A boot in which everything that can prints something.
fn talkative(services: &Services) -> Outcome {
    talks(services)?;
    let up = "foreground { echo goes up } foreground { fdmove -c 1 2 printf \"without an end\" } true";
    services.oneshot("once", &["base"], up, "echo goes down")?;
    // After the old services, which need everything in the bundle user.
    for (name, up) in [("fails", "foreground { echo no } false"), ("missing", "/no/such/program")] {
        services.define(name, "type", "oneshot\n")?.define(name, "up", up)?;
        services.file(&format!("/etc/s6-overlay/user-bundles.d/user2/contents.d/{name}"), "")?;
        services.define(name, "dependencies.d/legacy-services", "")?;
    }
    services.script("/hook", "#!/bin/sh\necho from the hook; echo and its error >&2\n")?;
    services.script("/etc/cont-init.d/10-a", "#!/bin/sh\necho initializes\nexit 3\n")?;
    services.script("/etc/cont-finish.d/10-b", "#!/bin/sh\necho finishes >&2\n")?;
    services
        .script("/etc/services.d/old/run", "#!/bin/sh\necho an old one\n: >/run/old\nexec sleep 100000\n")?;
    // It can't be started, so process 1 warns.
    services.script("/etc/services.d/broken/run", "#!/no/such/interpreter\n")?;
    Ok(())
}

/// What a container says on its streams with all of its own messages, as lines.
fn said_with_all(sandbox: &Sandbox, code: u8) -> Result<[Vec<String>; 2], libtest_mimic::Failed> {
    let container = sandbox.clone().streams(Streams::Capture).start()?;
    let output = container.output(Duration::from_secs(90))?;
    let streams = [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s).into_owned());
    same(output.code, Some(code), &streams.join("\n--\n"))?;
    Ok(streams.map(|s| s.lines().map(str::to_owned).collect()))
}

/// The source, the text and the stream of each line.
const WHO: [(&str, &str, &str); 16] = [
    ("stage2-hook", "stdout", "from the hook"),
    ("stage2-hook", "stderr", "and its error"),
    ("s6-overlay", "stderr", "init: info: the hook /hook exited 0"),
    ("legacy-cont-init", "stdout", "initializes"),
    ("legacy-cont-init", "stderr", "cont-init: warning: /etc/cont-init.d/10-a exited 3"),
    ("once", "stdout", "goes up"),
    ("once", "stderr", "without an end"),
    ("s6-overlay", "stderr", "s6-rc: info: service once successfully started"),
    ("fails", "stdout", "no"),
    ("s6-overlay", "stderr", "s6-rc: warning: unable to start service fails: command exited 1"),
    ("talks", "stdout", "an output"),
    ("old", "stdout", "an old one"),
    ("cmd", "stdout", "the command"),
    ("s6-overlay", "stderr", "s6-rc: info: service once: stopping"),
    ("once", "stdout", "goes down"),
    ("legacy-cont-init", "stderr", "finishes"),
];

fn every_line_of_a_container_has_the_form(images: &Images) -> Outcome {
    let services = Services::new()?;
    talkative(&services)?;
    let cmd =
        "until [ -e /run/old ]; do usleep 1000; done; s6-svwait -D /run/service/talks; echo the command";
    for processes in ["0", "1"] {
        let sandbox =
            images.small(&services, &["sh", "-c", cmd]).env("S6_STAGE2_HOOK", "/hook").env("S6_LOG_CMD", "1");
        let sandbox = sandbox.env("S6_SUPERVISE_PROCESSES", processes);
        let streams = said_with_all(&sandbox.clone().env("S6_LOG_FORMAT", "json"), 0)?;
        let all = streams.concat().join("\n");
        let mut found = Vec::new();
        for (stream, lines) in ["stdout", "stderr"].into_iter().zip(&streams) {
            for line in lines {
                let object = object(line)?;
                let text = |name: &str| object[name].as_str().map(str::to_owned).ok_or_else(|| line.clone());
                same(text("stream")?.as_str(), stream, line)?;
                found.push((text("service")?, stream, text("message")?));
            }
        }
        for (service, stream, message) in WHO {
            let count = found.iter().filter(|(s, t, m)| s == service && *t == stream && m == message).count();
            same(count, 1, &format!("{service} {stream} {message}:\n{all}"))?;
        }
        let complains = |m: &str| m.contains("s6-supervise broken: warning: unable to spawn ./run");
        same(found.iter().any(|(s, _, m)| s == "s6-overlay" && complains(m)), true, &all)?;
        let streams = said_with_all(&sandbox.env("S6_LOG_PREFIX", "1"), 0)?;
        let names =
            "talks once fails missing old cmd broken stage2-hook legacy-cont-init s6-overlay legacy-services";
        let names: Vec<&str> = names.split(' ').collect();
        for line in streams.concat() {
            let name = line.split_once(": ").map(|(name, _)| name).unwrap_or_default();
            same(names.contains(&name), true, &line)?;
        }
        for (service, stream, message) in WHO {
            let line = format!("{service}: {message}");
            let lines = if stream == "stdout" { &streams[0] } else { &streams[1] };
            same(lines.iter().filter(|l| **l == line).count(), 1, &format!("{line}\n{all}"))?;
        }
    }
    Ok(())
}

/// Boots that don't come to the command.
fn what_ends_a_boot_has_the_form(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("fails", &["base"], "foreground { echo no } false", "")?;
    let broken = Services::new()?;
    broken.longrun("a", &["nobody-knows-this"], "#!/bin/sh\n")?;
    let plain = Services::new()?;
    let closed = [
        "/bin/sh",
        "-c",
        "chown 0:0 /run; chmod 0755 /run; chmod u-s /package/admin/s6-overlay/command/s6-overlay-suexec",
    ];
    let cases = [
        (
            images.small(&services, &["true"]).env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2"),
            1,
            "so the container stops",
        ),
        (images.small(&broken, &["true"]), 1, "nobody-knows-this"),
        (images.small(&plain, &["no-such-command"]), 127, "unable to exec no-such-command"),
        (images.small(&plain, &["true"]).user(1234, 1234).prepare(closed), 100, "/run"),
        (
            images.small(&plain, &["true"]).env("S6_STAGE2_HOOK", "/no/hook"),
            0,
            "unable to run the hook /no/hook",
        ),
    ];
    for (sandbox, code, text) in cases {
        for (name, value) in [("S6_LOG_FORMAT", "json"), ("S6_LOG_PREFIX", "1")] {
            let lines = said_with_all(&sandbox.clone().env(name, value), code)?.concat();
            let all = lines.join("\n");
            same(with(&lines, text).is_empty(), false, &all)?;
            for line in &lines {
                if value == "json" {
                    object(line)?;
                } else {
                    same(line.starts_with("s6-overlay: ") || line == "fails: no", true, &all)?;
                }
            }
        }
    }
    Ok(())
}

/// Beside each other: one megabyte on a line, noise, and a command that writes as it is.
fn hostile_lines_of_oneshots_are_objects(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/long", "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\000' \"$1\"\necho\n")?;
    for (name, byte) in [("long-x", "x"), ("long-quotes", "\""), ("long-bells", "\\007")] {
        services.oneshot(
            name,
            &["base"],
            &format!("/long \"{}\"", byte.replace('\\', "\\\\").replace('"', "\\\"")),
            "",
        )?;
    }
    services.oneshot("noise", &["base"], "head -c 300000 /dev/urandom", "")?;
    services.longrun("mutters", &["base"], "#!/bin/sh\nseq 1 3000\n: >/run/done\nexec sleep 100000\n")?;
    // Each line is one write.
    let cmd = "n=0; while [ $n -lt 3000 ]; do n=$((n+1)); echo $n; done; until [ -e /run/done ]; do usleep 1000; done\n\
               for p in /proc/[0-9]*; do grep -qs '^s6-overlay-relay' $p/cmdline && grep VmHWM $p/status >&2; done; true";
    let [out, err] = said(&images.small(&services, &["sh", "-c", cmd]).env("S6_LOG_FORMAT", "json"))?;
    let mut lengths = std::collections::HashMap::new();
    let mut next = 1;
    for line in &out {
        if *line == next.to_string() {
            next += 1;
            continue;
        }
        let object = object(line)?;
        let [service, message] = ["service", "message"].map(|name| object[name].as_str().unwrap_or_default());
        same(line.len() < 4096, true, "a pipe takes a line whole")?;
        *lengths.entry(service.to_owned()).or_insert(0) += message.len();
    }
    same(next, 3001, "the command's own lines")?;
    // What is written is at most six times what is read at once, whatever a line's length.
    let peak = with(&err, "VmHWM").first().and_then(|l| l.split_whitespace().nth(1)?.parse::<u32>().ok());
    same(peak.is_some_and(|kilobytes| kilobytes < 12 << 10), true, &format!("{peak:?} {err:?}"))?;
    for name in ["long-x", "long-quotes", "long-bells"] {
        same(lengths.get(name), Some(&1_000_000), name)?;
    }
    Ok(())
}

/// When the output is read again, process 1 reports how much it left out.
fn what_nobody_read_is_counted(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("floods", &["base"], "#!/bin/sh\nyes | head -c 300000 >&2\nexec sleep 100000\n")?;
    // A message for each of these, which have no run: more bytes than the output's pipe, the relay's buffer and the pipe to
    // the relay hold together. When the last service is up, some of them were left out.
    let complain = "cd /run/service; mkdir $(seq 1000 2999)\n\
                    s6-svscanctl -a .; until [ -e 2999/supervise/status ]; do usleep 1000; done\n\
                    mkdir last; printf '#!/bin/sh\\n: >/run/enough\\nexec sleep 100000\\n' >last/run; chmod +x last/run\n\
                    s6-svscanctl -a .; until [ -e /run/read ]; do usleep 1000; done\n\
                    until [ -e /run/told ]; do s6-svc -u 1000; usleep 1000; done";
    for (name, value) in [("S6_LOG_FORMAT", "json"), ("S6_LOG_PREFIX", "0")] {
        let sandbox = images.small(&services, &["sh", "-c", complain]).env(name, value);
        // Each supervisor process would count for itself.
        let sandbox = sandbox.env("S6_SUPERVISE_PROCESSES", "0");
        let mut container = sandbox.env("S6_VERBOSITY", "1").streams(Streams::Capture).start()?;
        let stderr = container.take_stderr();
        let waits = ["/bin/sh", "-c", "until [ -e /run/enough ]; do usleep 1000; done; : >/run/read"];
        same(
            container.exec(waits).start()?.output(Duration::from_secs(90))?.code,
            Some(0),
            "it waits for a reader",
        )?;
        let mut lines = tests::lines::Lines::new(stderr, Duration::from_secs(60));
        lines.wait_for("messages are missing here: nobody read them")?;
        std::fs::write(format!("/proc/{}/root/run/told", container.pid()), "")?;
        lines.to_end()?;
        same(container.wait()?, 0, &lines.text())?;
    }
    Ok(())
}

/// Output that isn't read holds up the process that wrote it, but neither process 1 nor the end.
fn a_stop_while_nobody_reads(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("floods", &["base"], "#!/bin/sh\nyes >&2 &\nexec yes\n")?;
    services.script("/etc/services.d/waits/run", "#!/bin/sh\nexec sleep 100000\n")?;
    services.script(
        "/etc/cont-finish.d/a",
        "#!/bin/sh\n: >/run/finishing; until [ -e /run/finish ]; do usleep 1000; done\n",
    )?;
    for (name, value) in [("S6_LOG_FORMAT", "json"), ("S6_LOG_PREFIX", "1"), ("S6_LOG_PREFIX", "0")] {
        let sandbox = images.small(&services, &[]).env(name, value).env("S6_KILL_FINISH_MAXTIME", "0");
        let mut container = sandbox.env("S6_KILL_GRACETIME", "100").streams(Streams::Capture).start()?;
        let stderr = container.take_stderr();
        let inside = |container: &Container, script: &str| -> Outcome {
            let exec = container.exec(["/bin/sh", "-c", script]).env("PATH", "/command:/bin");
            let output = exec.streams(Streams::Capture).start()?.output(Duration::from_secs(90))?;
            same(output.code, Some(0), &format!("{name}={value}: {script}"))
        };
        // Its messages about the start are read; then nothing is.
        let mut lines = tests::lines::Lines::new(stderr, Duration::from_secs(60));
        lines.wait_for("service legacy-services successfully started")?;
        // Process 1 has more messages than it would wait for a reader.
        inside(
            &container,
            "for n in 1 2 3 4 5 6 7 8 9; do\n\
               mkdir /run/service/broken$n; echo '#!/no/such/interpreter' >/run/service/broken$n/run; chmod +x /run/service/broken$n/run\n\
             done\n\
             s6-svscanctl -a /run/service\n\
             until [ -e /run/service/broken9/supervise/status ]; do usleep 1000; done\n\
             s6-svc -wr -T 60000 -r /run/service/waits",
        )?;
        container.stop()?;
        inside(&container, "until [ -e /run/finishing ]; do usleep 1000; done; : >/run/finish")?;
        same(container.wait()?, 0, "the container's code")?;
    }
    Ok(())
}
