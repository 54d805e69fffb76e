//! Definitions that are wrong: the container ends with a code and a reason that names the file, and never hangs.

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("bad_input::definitions_are_refused_by_name", definitions_are_refused_by_name),
    ("bad_input::a_failing_oneshot_is_named", a_failing_oneshot_is_named),
];

/// What is wrong, files of the definition `bad` (none beside `type` unless given), and what the reason has to name.
type Wrong<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

const WRONG: &[Wrong<'_>] = &[
    ("no type", &[("up", "true\n")], "bad"),
    ("an empty type", &[("type", "")], "bad/type"),
    ("an unknown type", &[("type", "daemon\n")], "bad/type"),
    ("a oneshot without up", &[("type", "oneshot\n")], "bad: a oneshot needs an up file"),
    ("a longrun without run", &[("type", "longrun\n")], "bad: a longrun needs a run file"),
    ("an unclosed block", &[("type", "oneshot\n"), ("up", "if { true\n")], "bad/up"),
    ("an unclosed quote", &[("type", "oneshot\n"), ("up", "echo \"x\n")], "bad/up"),
    ("a stray brace", &[("type", "oneshot\n"), ("up", "echo }\n")], "bad/up"),
    (
        "a dependency on nothing",
        &[("type", "oneshot\n"), ("up", "true\n"), ("dependencies.d/nothing", "")],
        "nothing",
    ),
    ("a dependency on itself", &[("type", "oneshot\n"), ("up", "true\n"), ("dependencies.d/bad", "")], "bad"),
    ("a bundle without contents", &[("type", "bundle\n")], "bad: a bundle needs its contents"),
    ("a bundle of nothing", &[("type", "bundle\n"), ("contents.d/nothing", "")], "nothing"),
    (
        "a time-out that is no number",
        &[("type", "oneshot\n"), ("up", "true\n"), ("timeout-up", "soon\n")],
        "bad/timeout-up",
    ),
    (
        "a notification descriptor that is no number",
        &[("type", "longrun\n"), ("run", "#!/bin/sh\n"), ("notification-fd", "x\n")],
        "bad/notification-fd",
    ),
    (
        "a producer for nothing",
        &[("type", "longrun\n"), ("run", "#!/bin/sh\n"), ("producer-for", "nothing\n")],
        "nothing",
    ),
    (
        "a producer whose consumer doesn't know it",
        &[("type", "longrun\n"), ("run", "#!/bin/sh\n"), ("producer-for", "other\n")],
        "other",
    ),
];

fn definitions_are_refused_by_name(images: &Images) -> Outcome {
    let mut complaints = Vec::new();
    for (what, files, named) in WRONG {
        let services = Services::new()?;
        services.longrun("other", &["base"], "#!/bin/sh\nexec sleep 100000\n")?.wanted("bad")?;
        for (file, content) in *files {
            services.define("bad", file, content)?;
        }
        if files.is_empty() {
            services.file(&format!("{DEFINITIONS}/bad/.keep"), "")?;
        }
        let mut t = Transcript::start(&images.small(&services, &["echo", "the command"]))?;
        let code = match t.finish() {
            Ok(code) => code,
            Err(why) => {
                complaints.push(format!("{what}: {why}"));
                continue;
            }
        };
        if code == 0 || t.says("the command") || !t.says(named) {
            complaints.push(format!("{what}: exit code {code}, should name {named:?}:\n{}", t.text()));
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n\n").into()) }
}

fn a_failing_oneshot_is_named(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("broken", &["base"], "/broken", "true")?;
    services.script("/broken", "#!/bin/sh\nexit 9\n")?;
    let sandbox = images.small(&services, &["echo", "the command"]);
    let mut t = Transcript::start(&sandbox.env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2"))?;
    let code = t.finish()?;
    same((code != 0, t.says("the command"), t.says("broken")), (true, false, true), &t.text())
}
