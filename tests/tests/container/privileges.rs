//! Rights that the one program gets by its file, with which every tool would run: it gives them up.

use std::fs;
use std::path::PathBuf;

use sandbox::Sandbox;
use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("privileges::a_set_id_bit_gives_no_tool_rights", a_set_id_bit_gives_no_tool_rights),
    (
        "privileges::capabilities_of_the_file_give_no_tool_rights",
        capabilities_of_the_file_give_no_tool_rights,
    ),
    ("privileges::a_container_with_a_set_id_bit_works", a_container_with_a_set_id_bit_works),
    (
        "privileges::a_listener_makes_its_supervisor_write_nowhere",
        a_listener_makes_its_supervisor_write_nowhere,
    ),
];

const SECRET: &str = "/root/secret";

/// A program run by user 1000 after this was done to the file of the tools.
fn sandbox(images: &Images, services: &Services, prepare: &str, command: &[&str]) -> Sandbox {
    let script = format!("chmod 700 /root; {prepare}");
    images
        .small(services, &[])
        .command(command.iter().copied())
        .file(SECRET, b"secret\n")
        .prepare(["/bin/sh", "-c", &script])
        .user(1000, 1000)
}

/// The secret isn't printed, and the identity is the user's own.
fn has_no_rights(sandbox: &Sandbox) -> Outcome {
    let mut t = Transcript::start(&sandbox.clone().command(["/command/s6-head", SECRET]))?;
    same((t.finish()?, t.contains("Permission denied"), t.lines().len()), (111, true, 1), &t.text())?;
    let ids =
        ["/command/redirfd", "-r", "0", "/proc/self/status", "s6-grep", "-E", "^(Uid|Gid|CapPrm|CapEff):"];
    let mut t = Transcript::start(&sandbox.clone().command(ids))?;
    let own = "1000\t1000\t1000\t1000";
    let none = "0000000000000000";
    let wanted = format!("Uid:\t{own}\nGid:\t{own}\nCapPrm:\t{none}\nCapEff:\t{none}");
    same((t.finish()?, t.lines().join("\n")), (0, wanted), &t.text())
}

fn a_set_id_bit_gives_no_tool_rights(images: &Images) -> Outcome {
    let services = Services::new()?;
    for mode in ["u+s", "g+s", "ug+s"] {
        has_no_rights(&sandbox(images, &services, &format!("chmod {mode} /command/s6-svscanctl"), &[]))?;
    }
    // The bit works: the helper has it, and is no tool of that program.
    let helper = "/command/s6-overlay-suexec";
    let mut t =
        Transcript::start(&sandbox(images, &services, "true", &[helper, " id", " -u", "", "id", "-u"]))?;
    same((t.finish()?, t.lines().join(" ")), (0, "0 1000".to_owned()), &t.text())
}

/// A capability of the file, vfs_cap_data of capabilities(7): version 2, effective, CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
const CAPABILITIES: [u8; 20] = [1, 0, 0, 2, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn capabilities_of_the_file_give_no_tool_rights(images: &Images) -> Outcome {
    let services = Services::new()?;
    let package = fs::read_link(images.distribution.join("command/s6-head"))?;
    let path = images.distribution.join("command").join(package).canonicalize()?;
    let inside: PathBuf = path.strip_prefix(images.distribution.canonicalize()?)?.into();
    let copy = services.path().join(inside);
    fs::create_dir_all(copy.parent().ok_or("no parent")?)?;
    fs::copy(&path, &copy)?;
    rustix::fs::setxattr(&copy, "security.capability", &CAPABILITIES, rustix::fs::XattrFlags::empty())?;
    has_no_rights(&sandbox(images, &services, "true", &[]))
}

fn a_container_with_a_set_id_bit_works(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.longrun("daemon", &["base"], "#!/command/execlineb -P\nforeground { s6-echo up } s6-pause\n")?;
    for user in [0, 1000] {
        let sandbox = images
            .small(
                &services,
                &["sh", "-c", "s6-svwait -u /run/service/daemon && id -u; cat /root/secret; exit 3"],
            )
            .file(SECRET, b"secret\n")
            .prepare(["/bin/sh", "-c", "chmod 700 /root; chmod u+s /command/s6-svscanctl"])
            .user(user, user);
        let mut t = Transcript::start(&sandbox)?;
        same(
            (t.finish()?, t.contains("secret\n") || t.lines().iter().any(|l| l == "secret")),
            (3, user == 0),
            &t.text(),
        )?;
        same((t.contains("up"), t.contains(&user.to_string())), (true, true), &t.text())?;
        let warned = t.lines().iter().filter(|line| line.contains("s6-svperms")).count();
        same(warned, 1, &t.text())?;
    }
    Ok(())
}

/// What may only listen to a service's events plants links to what it can't write to.
fn a_listener_makes_its_supervisor_write_nowhere(images: &Images) -> Outcome {
    let services = Services::new()?;
    for name in ["daemon", "victim"] {
        services.longrun(name, &["base"], "#!/bin/sh\nexec sleep 100000\n")?;
    }
    let script = "\
        cd /run/service/daemon/event; echo secret >/root/secret; chmod 700 /root\n\
        pid=$(s6-svstat -o pid ../../victim)\n\
        s6-svperms -e ..; s6-svperms -O daemon -o ../../victim\n\
        name='ftrig1:@4000000066a1b2c30a1b2c3d:AAAAA'\n\
        s6-setuidgid daemon ln -s /root/secret ${name}A && s6-setuidgid daemon ln -s /run/service/victim/supervise/control ${name}B\n\
        ln /run/service/victim/supervise/control ${name}C\n\
        s6-svc -wR -r ..\n\
        cat /root/secret; ls | grep -c AAAA\n\
        [ \"$(s6-svstat -o pid,wantedup ../../victim)\" = \"$pid true\" ] && echo the victim lives\n\
        exit 5";
    for layout in ["1", "0"] {
        let sandbox = images.small(&services, &["sh", "-c", script]);
        let mut t = Transcript::start(&sandbox.env("S6_SUPERVISE_PROCESSES", layout))?;
        same((layout, t.finish()?), (layout, 5), &t.text())?;
        t.in_order(&["secret", "1", "the victim lives"])?;
        same(t.lines().iter().any(|line| line == "secret"), true, &t.text())?;
    }
    Ok(())
}
