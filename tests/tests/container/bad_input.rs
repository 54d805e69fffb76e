//! Definitions that are wrong: the container ends with a code and a reason that names the file, and never hangs.

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("bad_input::definitions_are_refused_by_name", definitions_are_refused_by_name),
    ("bad_input::a_failing_oneshot_is_named", a_failing_oneshot_is_named),
    ("bad_input::doubtful_definitions_are_pointed_at", doubtful_definitions_are_pointed_at),
    ("bad_input::what_file_systems_and_editors_leave", what_file_systems_and_editors_leave),
    ("bad_input::scripts_that_can_not_be_executed", scripts_that_can_not_be_executed),
    ("bad_input::a_sound_image_hears_nothing", a_sound_image_hears_nothing),
];

/// What is wrong, the files of the definition `bad` (only `type` unless given), and what the reason names.
type Wrong<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

const WRONG: &[Wrong<'_>] = &[
    ("no type", &[("up", "true\n")], "bad"),
    ("an empty type", &[("type", "")], "bad/type"),
    ("an unknown type", &[("type", "daemon\n")], "bad/type"),
    ("a oneshot without up", &[("type", "oneshot\n")], "bad: a oneshot needs an up file"),
    (
        "a oneshot with run",
        &[("type", "oneshot\n"), ("run", "#!/bin/sh\n")],
        "write the path of this script into",
    ),
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
        if code == 0 || t.contains("the command") || !t.contains(named) {
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
    same((code != 0, t.contains("the command"), t.contains("broken")), (true, false, true), &t.text())
}

/// A file, its content, and the message about it at boot.
type Doubtful<'a> = (&'a str, &'a str, &'a str);

const DOUBTFUL: &[Doubtful<'_>] = &[
    ("shebang/up", "#!/bin/sh\necho a\necho b\n", "shebang/up:1:1: the first line is only a comment"),
    ("shell/up", "echo a\n  echo b && echo c\n", "shell/up:2:10: && is an argument"),
    ("variable/up", "echo $HOME\n", "variable/up:1:6: $HOME stays as it is"),
    ("returns/up", "echo a\r\n", "returns/up:1: lines end in carriage returns"),
    ("plain/up", "/opt/plain\n", "plain/up:1:1: /opt/plain has no execute permission"),
    ("nothing/up", "/opt/nothing\n", "nothing/up:1:1: there is no /opt/nothing"),
    (
        "strange/up",
        "/opt/strange\n",
        "strange/up:1:1: /opt/strange can't be executed: its interpreter /no/such",
    ),
    ("stray/run", "#!/bin/sh\n", "stray/run: nothing runs this"),
    ("moved/run", "#!/usr/local/bin/with-contenv sh\n", "(begin it with #!/command/with-contenv)"),
    ("bare/run", "exec sleep 100000\n", "bare/run:1: neither a script"),
    ("lost/run", "\0\0\0", "lost/run:1: nothing but null characters: it can't be executed (if it isn't so"),
    (
        "after/dependency.d/base",
        "",
        "after/dependency.d: not read: no definition has this (did you mean depend",
    ),
    (
        "after/timeout_up",
        "1\n",
        "after/timeout_up: not read: no definition has this (did you mean timeout-up?)",
    ),
    ("old/dependencies.d/base", "", "/old: ignored: nothing in this folder defines a service, and nothing"),
];

/// Version 2's interpreters, a ConfigMap's modes, files that a damaged layer left: each line says what to do.
fn scripts_that_can_not_be_executed(images: &Images) -> Outcome {
    let services = Services::new()?;
    services
        .script("/etc/cont-init.d/1", "#!/usr/bin/with-contenv sh\n")?
        .script("/etc/cont-init.d/2", "#!/usr/bin/execlineb -P\n")?
        .script("/etc/services.d/v2/run", "#!/usr/bin/execlineb -P\n")?
        .script("/etc/services.d/lost/run", "\0\0\0\0")?
        .script("/etc/services.d/empty/run", "")?;
    let map = "rm -f /usr/bin/with-contenv /usr/bin/execlineb; cd /etc/cont-init.d; mkdir ..data; echo '#!/bin/sh' >..data/3; ln -s ..data/3 3";
    let sandbox = images.small(&services, &["echo", "the command"]).env("S6_CMD_WAIT_FOR_SERVICES", "1");
    let mut t = Transcript::start(&sandbox.prepare(["/bin/sh", "-c", map]))?;
    same(t.finish()?, 0, &t.text())?;
    for said in [
        "cont-init.d/1: No such file or directory: its interpreter /usr/bin/with-contenv does not exist (begin it with #!/command/with-contenv)",
        "cont-init.d/2: No such file or directory: its interpreter /usr/bin/execlineb does not exist (begin it with #!/command/execlineb)",
        "cont-init.d/3: Permission denied: the file is not executable (defaultMode: 0755 in the definition of the",
        "s6-supervise v2: warning: unable to spawn ./run (waiting 60 seconds): No such file or directory: its interpreter /usr/bin/execlineb does not exist (begin it with #!/command/execlineb)",
        "s6-supervise lost: warning: unable to spawn ./run (waiting 60 seconds): Exec format error: the file holds nothing but null characters (if it isn't so elsewhere, this image is damaged",
        "s6-supervise empty: warning: unable to spawn ./run (waiting 60 seconds): Exec format error: the file is empty (if",
        "the command",
    ] {
        same((said, t.contains(said)), (said, true), &t.text())?;
    }
    Ok(())
}

/// What a NAS, the root of a disk or an editor leaves in a folder.
fn what_file_systems_and_editors_leave(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.oneshot("once", &["base"], "echo once up", "")?;
    let bundles = "/etc/s6-overlay/user-bundles.d";
    for place in [
        DEFINITIONS,
        bundles,
        &format!("{bundles}/user/contents.d"),
        &format!("{DEFINITIONS}/once/dependencies.d"),
    ] {
        services
            .file(&format!("{place}/lost+found/.keep"), "")?
            .file(&format!("{place}/@eaDir/once@SynoEAStream"), "")?;
        services.file(&format!("{place}/.git/HEAD"), "")?.file(&format!("{place}/.DS_Store"), "")?;
        services.file(&format!("{place}/..data/once"), "")?.file(&format!("{place}/.once.swp"), "")?;
        services.file(&format!("{place}/once~"), "")?.file(&format!("{place}/#once#"), "")?;
    }
    let mut t = Transcript::start(&images.small(&services, &["echo", "the command"]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["once up", "the command"])?;
    let stray = "contents.d/once~: ignored: a file system or an editor left this here";
    same(t.contains(stray), true, &t.text())
}

fn doubtful_definitions_are_pointed_at(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (file, content, _) in DOUBTFUL {
        let name = file.split('/').next().unwrap_or(file);
        if name == "old" {
        } else if file.ends_with("/run") && name != "stray" {
            // Not wanted: it would never come up, and the container would wait for it.
            services.define(name, "type", "longrun\n")?;
        } else {
            services.oneshot(name, &["base"], "# later\n", "")?;
        }
        services.file(&format!("{DEFINITIONS}/{file}"), content)?;
    }
    services.file("/opt/plain", "#!/bin/sh\n")?.script("/opt/strange", "#!/no/such\n")?;
    services.oneshot("early", &[], "true\n", "")?.script("/etc/cont-init.d/10-prepare", "#!/bin/sh\n")?;
    let mut t = Transcript::start(&images.small(&services, &["echo", "the command"]))?;
    same(t.finish()?, 0, &t.text())?;
    let said = [("not started: bare, lost, moved: "), ("no dependency on base: early: "), ("the command")];
    for text in DOUBTFUL.iter().map(|(_, _, text)| *text).chain(said) {
        same((text, t.contains(text)), (text, true), &t.text())?;
    }
    Ok(())
}

fn a_sound_image_hears_nothing(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/command/with-contenv sh\nexec sleep 100000\n")?;
    services.oneshot("once", &["base"], &format!("#!/bin/sh\n{DEFINITIONS}/once/run"), "")?;
    services.script(&format!("{DEFINITIONS}/once/run"), "#!/command/with-contenv sh\n")?;
    services.oneshot("hook", &["once"], "importas -i P PATH\necho $P", "# nothing\n")?;
    services.script("/etc/cont-init.d/10-prepare", "#!/bin/sh\n")?;
    let mut t = Transcript::start(&images.small(&services, &["echo", "the command"]))?;
    same(t.finish()?, 0, &t.text())?;
    same(t.contains("s6-rc-compile"), false, &t.text())
}
