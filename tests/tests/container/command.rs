//! The container's command: what it is given and what its end means.

use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("command::exit_codes_are_the_containers", exit_codes_are_the_containers),
    ("command::what_cannot_be_executed_is_named", what_cannot_be_executed_is_named),
    ("command::works_when_it_is_not_pid_1", works_when_it_is_not_pid_1),
];

fn exit_codes_are_the_containers(images: &Images) -> Outcome {
    let services = Services::new()?;
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -KILL $$", 137)] {
        let mut t = Transcript::start(&images.small(&services, &["sh", "-c", script]))?;
        same((script, t.finish()?), (script, code), &t.text())?;
    }
    Ok(())
}

fn what_cannot_be_executed_is_named(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.file("/etc/plain", "not a program\n")?;
    services.file("/etc/not-executable", "#!/bin/sh\n")?;
    services.script("/etc/without-interpreter", "#!/no/such/interpreter\n")?;
    for (command, code) in [
        ("no-such-program", 127),
        ("/no/such/program", 127),
        ("/etc/without-interpreter", 127),
        ("/etc/not-executable", 126),
        ("/etc", 126),
    ] {
        let mut t = Transcript::start(&images.small(&services, &[command]))?;
        same((command, t.finish()?), (command, code), &t.text())?;
        same(t.says(command), true, &t.text())?;
    }
    Ok(())
}

fn works_when_it_is_not_pid_1(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\necho daemon runs\nexec sleep 100000\n")?;
    services.script("/first", "#!/bin/sh\n/init sh -c 'exit 5'\necho code $?\nps\n")?;
    let sandbox = images.small(&services, &[]);
    let mut t = Transcript::start(&sandbox.command(["/first"]))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["daemon runs", "code 5"])?;
    same(t.says("sleep 100000"), false, &t.text())
}
