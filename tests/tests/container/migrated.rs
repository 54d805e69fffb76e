//! An image of version 2 boots when it is migrated.

use std::fs;

use tests::services::Services;
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] =
    &[("migrated::an_image_of_version_2_boots_when_it_is_migrated", an_image_of_version_2_boots)];

/// Saved by an editor of Windows; without execute permission; a bundle in the old place.
const FILES: &[(&str, &str)] = &[
    ("etc/cont-init.d/10-hello", "#!/usr/bin/with-contenv sh\r\necho \"init: $APP\"\r\n"),
    (
        "etc/services.d/app/run",
        "#!/usr/bin/execlineb -P\n/usr/bin/with-contenv\nimportas -u app APP\n\
         foreground { s6-echo -- app: ${app} }\ns6-svc -O /var/run/s6/services/app\n",
    ),
    (
        "etc/services.d/app/finish",
        "#!/usr/bin/execlineb -S0\nif { s6-test ${1} -eq 0 }\nimport -D none PATH\n\
         foreground { s6-echo ended }\ns6-svscanctl -t /var/run/s6/services\n",
    ),
    ("etc/s6-overlay/s6-rc.d/prepare/type", "oneshot\r\n"),
    ("etc/s6-overlay/s6-rc.d/prepare/up", "echo \"prepared\"\r\n"),
    ("etc/s6-overlay/s6-rc.d/prepare/dependencies.d/base", ""),
    ("etc/s6-overlay/s6-rc.d/user/type", "bundle\n"),
    ("etc/s6-overlay/s6-rc.d/user/contents.d/prepare", ""),
];

fn an_image_of_version_2_boots(images: &Images) -> Outcome {
    let services = Services::new()?;
    let root = services.path();
    for (path, text) in FILES {
        services.file(path, text)?;
    }
    dev::migrate::migrate(root, &[], true)?;
    let again = dev::migrate::migrate(root, &[], true)?;
    same((again.report.as_str(), again.faults.as_str()), ("nothing to change\n", ""), "the second time")?;
    let finish = fs::read_to_string(root.join("etc/services.d/app/finish"))?;
    let expected = "#!/command/execlineb -S0\nif { eltest ${1} -eq 0 }\nimportas -D none PATH PATH\n\
                    foreground { s6-echo ended }\n/run/s6/basedir/bin/halt\n";
    same(finish.as_str(), expected, "finish")?;
    let mut t = Transcript::start(&images.small(&services, &[]).env("APP", "v2"))?;
    same(t.finish()?, 0, &t.text())?;
    t.in_order(&["prepared", "app: v2", "ended"])?;
    t.in_order(&["init: v2", "app: v2"])?;
    Ok(())
}
