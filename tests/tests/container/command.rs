//! The container's command: what it is given and what its end means.

use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("command::exit_codes_are_the_containers", exit_codes_are_the_containers),
    ("command::what_cannot_be_executed_is_named", what_cannot_be_executed_is_named),
    ("command::a_shell_on_a_terminal_has_job_control", a_shell_on_a_terminal_has_job_control),
    ("command::a_working_directory_with_a_blank", a_working_directory_with_a_blank),
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
        same(t.contains(command), true, &t.text())?;
    }
    Ok(())
}

fn a_shell_on_a_terminal_has_job_control(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    let mut t = Transcript::on_terminal(&images.small(&services, &["sh", "-i"]))?;
    // The terminal echoes what is typed; the quotes keep that apart from the command's own output.
    t.type_in("sh -c 'echo fi''rst; exec sleep 100000'\n")?;
    t.wait_for("first")?;
    t.type_in("\x03")?;
    t.type_in("sh -c 'echo sec''ond; exec sleep 100000'\n")?;
    t.wait_for("second")?;
    t.type_in("\x1a")?;
    t.wait_for("Stopped")?;
    t.type_in("kill -KILL %1; echo 'still he''re'; exit 3; exit 3\n")?;
    same(t.finish()?, 3, &t.text())?;
    same(t.contains("job control"), false, &t.text())?;
    t.in_order(&["first", "second", "Stopped", "still here"])?;
    Ok(())
}

fn a_working_directory_with_a_blank(images: &Images) -> Outcome {
    let services = Services::new()?;
    let sandbox = images.small(&services, &["pwd"]).make_directory("/srv/a b/c").directory("/srv/a b/c");
    let mut t = Transcript::start(&sandbox)?;
    same((t.finish()?, t.contains("/srv/a b/c")), (0, true), &t.text())
}
