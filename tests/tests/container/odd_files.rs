//! What isn't a regular file where one is expected, names that are too long, and links of users in what root changes.

use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("odd_files::a_fifo_in_place_of_a_file_hangs_nothing", a_fifo_in_place_of_a_file_hangs_nothing),
    ("odd_files::what_is_no_file_is_no_variable", what_is_no_file_is_no_variable),
    ("odd_files::a_name_that_no_scan_directory_takes", a_name_that_no_scan_directory_takes),
    ("odd_files::fix_attrs_follows_no_link_of_a_user", fix_attrs_follows_no_link_of_a_user),
];

fn a_fifo_in_place_of_a_file_hangs_nothing(images: &Images) -> Outcome {
    for (file, reason) in [
        ("/etc/fix-attrs.d/1", "fix-attrs.d/1: it is not a regular file"),
        ("/etc/cont-init.d/1", "unable to run /etc/cont-init.d/1"),
        ("/etc/cont-finish.d/1", "unable to run /etc/cont-finish.d/1"),
        ("/etc/services.d/1", ""),
        ("/etc/services.d/web/run", "unable to spawn ./run"),
    ] {
        let services = Services::new()?;
        let make = "umask 0; mkdir -p ${0%/*}; mkfifo -m 755 $0";
        services.script("/test", "#!/bin/sh\nwith-contenv true && echo 'it runs'\n")?;
        let sandbox = images.small(&services, &["/test"]).prepare(["/bin/sh", "-c", make, file]);
        let mut t = Transcript::start(&sandbox)?;
        same((file, t.finish()?, t.contains("it runs")), (file, 0, true), &t.text())?;
        same((file, t.contains(reason)), (file, true), &t.text())?;
    }
    Ok(())
}

/// Each of these is put in the place of a variable's file, with a writer to the FIFO, so that reading it would give something.
const ODD: &str = "\
cd /run/s6/container_environment
mkfifo odd; exec 5<>odd; echo value >&5; with-contenv true; echo \"fifo: $?\"; printcontenv odd; echo \"not set: $?\"; rm odd
mkdir odd; with-contenv true; echo \"directory: $?\"; rmdir odd
ln -s /dev/null odd; with-contenv true; echo \"nothing: $?\"
";

fn what_is_no_file_is_no_variable(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.script("/test", &format!("#!/bin/sh\nexec 2>&1\n{ODD}"))?;
    let mut t = Transcript::start(&images.small(&services, &["/test"]))?;
    same(t.finish()?, 0, &t.text())?;
    let place = "unable to read /run/s6/container_environment/odd: it is a";
    t.in_order(&[
        &format!("with-contenv: fatal: {place} FIFO or a device, not a file"),
        "fifo: 111",
        &format!("s6-overlay: warning: {place} FIFO or a device, not a file: it counts as not set"),
        "not set: 1",
        &format!("with-contenv: fatal: {place} directory, not a file"),
        "directory: 111",
        "nothing: 0",
    ])?;
    Ok(())
}

fn a_name_that_no_scan_directory_takes(images: &Images) -> Outcome {
    for (length, code) in [(251, 0), (252, 1), (255, 1)] {
        let services = Services::new()?;
        let name = "n".repeat(length);
        services.longrun(&name, &["base"], "#!/command/execlineb -P\ns6-pause\n")?;
        let mut t = Transcript::start(&images.small(&services, &["echo", "the command"]))?;
        same((length, t.finish()?, t.contains("the command")), (length, code, code == 0), &t.text())?;
        let reason =
            format!("{DEFINITIONS}/{name}: the name of a longrun has at most 251 bytes, not {length}");
        same((length, t.contains(&reason)), (length, code != 0), &t.text())?;
    }
    Ok(())
}

/// `/srv/app` belongs to a user, `/srv/root` to root; both have a link to the same file.
const LINKS: &str = "\
mkdir -p /srv/app /srv/root/real; echo >/srv/secret; echo >/srv/root/real/file
ln -s /srv/secret /srv/app/a-link; ln -s real/file /srv/root/a-link; ln -s /srv/root/real /srv/way
echo >/srv/app/file; chmod 600 /srv/secret /srv/root/real/file /srv/app/file; chown -R -h 1000:1000 /srv/app
";

const RULES: &str = "\
/srv/app/a-link false 1000:1000 0644 0755
/srv/app/a-l* false 1000:1000 0644 0755
/srv/app/file false 1000:1000 0640 0755
/srv/root/a-link false 1000:1000 0644 0755
/srv/way/../real/ false 1000:1000 0644 0711
";

fn fix_attrs_follows_no_link_of_a_user(images: &Images) -> Outcome {
    let services = Services::new()?;
    services.file("/etc/fix-attrs.d/1", RULES)?;
    let show = "stat -c '%n %u %a' /srv/secret /srv/app/file /srv/root/real/file /srv/root/real";
    let sandbox = images.small(&services, &["/bin/sh", "-c", show]).prepare(["/bin/sh", "-c", LINKS]);
    let mut t = Transcript::start(&sandbox)?;
    same(t.finish()?, 0, &t.text())?;
    let refusal =
        "unable to change /srv/app/a-link: the link a-link is under the control of user 1000: write the path";
    t.in_order(&[
        &format!("fix-attrs.d/1:1: {refusal}"),
        &format!("fix-attrs.d/1:2: {refusal}"),
        "/srv/secret 0 600",
        "/srv/app/file 1000 640",
        "/srv/root/real/file 1000 644",
        "/srv/root/real 1000 711",
    ])?;
    same(t.contains("fix-attrs.d/1:3"), false, &t.text())
}
