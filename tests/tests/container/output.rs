//! Services' output under their names: S6_LOG_PREFIX, S6_LOG_FORMAT and S6_LOG_CMD.

use std::time::Duration;

use sandbox::{Sandbox, Streams};
use serde_json::Value;
use tests::services::Services;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("output::off_there_is_nothing_between", off_there_is_nothing_between),
    ("output::a_flood_comes_through_whole", a_flood_comes_through_whole),
    ("output::a_slow_reader_loses_nothing", a_slow_reader_loses_nothing),
    ("output::lines_of_any_length_and_bytes_are_objects", lines_of_any_length_and_bytes_are_objects),
    ("output::what_has_a_logger_stays_as_it_is", what_has_a_logger_stays_as_it_is),
    ("output::survives_a_first_process_executed_anew", survives_a_first_process_executed_anew),
    ("output::last_words_of_who_is_killed", last_words_of_who_is_killed),
    ("output::a_relay_that_is_killed_is_replaced", a_relay_that_is_killed_is_replaced),
    ("output::in_the_classic_layout", in_the_classic_layout),
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

/// A service that says something on each stream and is done, without a last newline.
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
    // It says how, not whether.
    let [out, _] = said(&sandbox)?;
    same(out, lines(&["an output", "an end"]), "")
}

/// Says what a service's output is and how many processes and descriptors there are.
const LOOKS: &str = "\
#!/bin/sh
for n in 1 2; do
  for p in 1 $(s6-svstat -o pid /run/service/stays); do readlink /proc/$p/fd/$n; done | uniq | wc -l
done
# A pipeline's second command may be there already, or not yet.
ls /proc >/run/processes
grep -c '^[0-9]*$' /run/processes
ls /proc/1/fd | wc -l
";

fn off_there_is_nothing_between(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("stays", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    services.script("/looks", LOOKS)?;
    let sandbox = images.small(&services, &["/looks"]);
    let [off, _] = said(&sandbox)?;
    let [on, _] = said(&sandbox.env("S6_LOG_PREFIX", "1"))?;
    let number = |lines: &[String], at: usize| lines.get(at).and_then(|line| line.parse::<u32>().ok());
    // One place for each stream, where the first process writes too; or its own.
    same([0, 1].map(|n| number(&off, n)), [Some(1); 2], &off.join("\n"))?;
    same([0, 1].map(|n| number(&on, n)), [Some(2); 2], &on.join("\n"))?;
    // On, it costs a process and a descriptor, whatever the number of services.
    let more = |n| number(&on, n).zip(number(&off, n)).map(|(on, off)| on - off);
    same([2, 3].map(more), [Some(1); 2], &format!("{off:?} {on:?}"))
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

/// While nobody reads, everything waits but the first process: it still stops the container.
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
    // Nobody reads standard output before the first process has answered.
    let said = container.take_stderr().ok_or("no standard error")?;
    let mut lines = tests::lines::Lines::new(Some(said), Duration::from_secs(60));
    lines.wait_for("true")?;
    let output = container.output(Duration::from_secs(90))?;
    lines.to_end()?;
    same(lines.says("too early"), false, &lines.text())?;
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
    same(with(&err, "S6_LOG_PREFIX and S6_LOG_FORMAT have no effect").len(), 1, &err.join("\n"))
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
    let comes = err
        .iter()
        .filter(|line| line.starts_with('{'))
        .map(|line| object(line))
        .collect::<Result<Vec<_>, _>>()?;
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

fn in_the_classic_layout(images: &Images) -> Outcome {
    let services = Services::new()?;
    talks(&services)?;
    let sandbox = images.small(&services, &WAITS).env("S6_SUPERVISE_PROCESSES", "1");
    let [out, err] = said(&sandbox.env("S6_LOG_PREFIX", "1"))?;
    same(with(&out, "an output"), vec!["talks: an output"], "")?;
    same(with(&err, "an error"), vec!["talks: an error"], "")
}
