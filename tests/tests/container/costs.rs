//! What things cost: system calls, which are the same on every machine.
//!
//! Each ceiling is a little above what was counted when it was set: lower it with every saving.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use sandbox::{Sandbox, Streams};
use tests::services::Services;

use crate::{Images, Outcome, Test};

pub const TESTS: &[(&str, Test)] = &[
    ("costs::a_tool", a_tool),
    ("costs::a_chain", a_chain),
    ("costs::a_compile", a_compile),
    ("costs::a_boot_and_a_stop", a_boot_and_a_stop),
];

const LIMIT: Duration = Duration::from_secs(90);

/// The calls of each process of a container, by its number, in their order.
type Calls = BTreeMap<u32, Vec<String>>;

/// Runs a container to its end; the calls of all its processes, and the first one's number.
fn record(sandbox: Sandbox) -> Result<(Calls, u32), String> {
    let text = |why: std::io::Error| why.to_string();
    let container = sandbox.streams(Streams::Together).held().start().map_err(text)?;
    let first = container.pid();
    let file = tempfile::NamedTempFile::new().map_err(text)?;
    let mut strace = Command::new("strace")
        .args(["-f", "-e", "signal=none", "-o"])
        .arg(file.path())
        .args(["-p", &first.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| format!("strace: {why}; apt-get install strace"))?;
    // It reports when it has attached; kept open, since it goes on to report.
    let mut reports = BufReader::new(strace.stderr.take().ok_or("strace has no standard error")?);
    let mut line = String::new();
    reports.read_line(&mut line).map_err(text)?;
    if !line.contains("attached") {
        return Err(line);
    }
    container.release().map_err(text)?;
    let output = container.output(LIMIT).map_err(text)?;
    strace.wait().map_err(text)?;
    drop(reports);
    if output.code != Some(0) {
        return Err(format!("code {:?}: {}", output.code, String::from_utf8_lossy(&output.stdout)));
    }
    let mut calls = Calls::new();
    for line in fs::read_to_string(file.path()).map_err(text)?.lines() {
        // What is interrupted by another process's call goes on in a line that names no arguments.
        let Some((pid, call)) = line.split_once(' ') else { continue };
        let (pid, call) = (pid.parse().map_err(|_| format!("strace: {line}"))?, call.trim_start());
        if call.starts_with(|c: char| c.is_ascii_lowercase()) {
            calls.entry(pid).or_default().push(call.to_owned());
        }
    }
    Ok((calls, first))
}

/// The calls from the execution of this file on, without the execution itself.
fn from_execution<'a>(calls: &'a [String], file: &str) -> &'a [String] {
    let start = format!("execve(\"{file}\"");
    let at = calls.iter().position(|call| call.starts_with(&start));
    at.and_then(|at| calls.get(at + 1..)).unwrap_or_default()
}

fn within(calls: &[String], ceiling: usize, what: &str) -> Outcome {
    match calls.len() {
        0 => Err(format!("{what}: nothing was counted").into()),
        count if count > ceiling => {
            Err(format!("{what}: {count} calls, {ceiling} at most\n{}", calls.join("\n")).into())
        }
        _ => Ok(()),
    }
}

/// The calls of the first process from the execution of this file on.
fn of_first(sandbox: Sandbox, file: &str) -> Result<Vec<String>, String> {
    let (calls, first) = record(sandbox)?;
    Ok(from_execution(calls.get(&first).map_or(&[][..], Vec::as_slice), file).to_vec())
}

fn a_tool(images: &Images) -> Outcome {
    let services = Services::new()?;
    let sandbox = images.small(&services, &[]).command(["/command/s6-true"]);
    let calls = of_first(sandbox, "/command/s6-true")?;
    // Of the C library's start two, which it makes for an empty program too, and the end.
    within(&calls, 3, "s6-true")
}

/// Ten variables, PATH among them.
const VARIABLES: &str = "\
#!/bin/sh
mkdir -p /run/s6/container_environment
cd /run/s6/container_environment
for name in A B C D E F G H I; do printf value >$name; done
printf /command:/bin >PATH
exec \"$@\"
";

fn a_chain(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/with-variables", VARIABLES)?;
    services.script("/script", "#!/command/execlineb -P\nimportas -u A A define B \"$A\" s6-true\n")?;
    for (command, ceiling) in [
        // Two of each start, the listing, three of each variable, the look-up, the execution, and the end.
        (&["/command/with-contenv", "s6-true"][..], 40),
        (&["/command/s6-envuidgid", "root", "s6-applyuidgid", "-Uz", "exec", "-c", "s6-true"], 22),
        (&["/script"], 13),
    ] {
        let arguments: Vec<&str> =
            std::iter::once("/with-variables").chain(command.iter().copied()).collect();
        let sandbox =
            images.small(&services, &[]).command(arguments).env("A", "a").env("PATH", "/command:/bin");
        let calls = of_first(sandbox, command.first().ok_or("no command")?)?;
        within(&calls, ceiling, &command.join(" "))?;
    }
    Ok(())
}

fn a_compile(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("first", &[], "#!/command/execlineb -P\ns6-pause\n")?;
    for n in 0..20 {
        services.longrun(&format!("service-{n}"), &["first"], "#!/command/execlineb -P\ns6-pause\n")?;
    }
    let command = ["/command/s6-rc-compile", "/run/db", "/etc/s6-overlay/s6-rc.d"];
    let calls = of_first(images.small(&services, &[]).command(command), command[0])?;
    // Of each service: four for each of two directories, three for `type` and for `run`, and five to write `run`.
    within(&calls, 20 * 19 + 45, "s6-rc-compile")
}

fn a_boot_and_a_stop(images: &Images) -> Outcome {
    let services = Services::new()?;
    for n in 0..10 {
        services.longrun(&format!("service-{n}"), &["base"], "#!/command/execlineb -P\ns6-pause\n")?;
    }
    // Events that come together are handled together, so the same life takes more calls on a busy machine.
    for (processes, ceilings) in [("0", [1600, 940, 0, 640]), ("1", [800, 940, 1350, 600])] {
        let sandbox = images.small(&services, &["/bin/true"]).env("S6_SUPERVISE_PROCESSES", processes);
        let (calls, first) = record(sandbox)?;
        let has = |calls: &[String], start: &str| calls.iter().any(|call| call.starts_with(start));
        let kind = |pid: u32, calls: &[String]| match () {
            () if pid == first => 0,
            () if has(calls, "execve(\"/bin/true\"") => 1,
            () if has(calls, "prctl(PR_SET_NAME, \"s6-supervise\"") => 2,
            () => 3,
        };
        let kinds = ["process 1", "the boot and the command", "supervisors", "daemons and the stop"];
        for (number, (what, ceiling)) in kinds.iter().zip(ceilings).enumerate() {
            let of_kind = calls.iter().filter(|(pid, calls)| kind(**pid, calls) == number);
            let calls: Vec<String> = of_kind.flat_map(|(_, calls)| calls.clone()).collect();
            let what = format!("S6_SUPERVISE_PROCESSES={processes}: {what}");
            match ceiling {
                0 if calls.is_empty() => {}
                _ => within(&calls, ceiling, &what)?,
            }
        }
    }
    Ok(())
}
