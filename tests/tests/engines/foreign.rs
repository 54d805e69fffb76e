//! Images of the kinds that others publish, built on the base's: what they do to the overlay from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::container::Place;
use crate::stage::HOME;
use crate::{Outcome, Test, same};

pub const TESTS: &[(&str, Test)] = &[
    ("nas", nas),
    ("supervisor_by_name", supervisor_by_name),
    ("setuid_tool", setuid_tool),
    ("denied_call", denied_call),
];

/// Files of a context or of the host: a path, the content, and whether it is a program.
type Files<'a> = &'a [(&'a str, &'a str, bool)];

/// Writes files into a new folder that every engine can read.
fn lay_out(files: Files<'_>) -> Result<PathBuf, String> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let folder = Path::new(HOME).join(format!("foreign-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
    for (path, content, is_program) in files {
        let file = folder.join(path);
        let made = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, content));
        let mode = fs::Permissions::from_mode(if *is_program { 0o755 } else { 0o644 });
        made.and_then(|()| fs::set_permissions(&file, mode))
            .map_err(|why| format!("unable to make {}: {why}", file.display()))?;
    }
    Ok(folder)
}

/// Builds an image of the base's with these files over it, runs the container to its end; gives its code and what it said.
fn run(place: Place, files: Files<'_>, options: &[&str], command: &[&str]) -> Result<(i32, String), String> {
    run_with(place, files, "", options, command)
}

/// The same with more lines in the Dockerfile.
fn run_with(
    place: Place,
    files: Files<'_>,
    lines: &str,
    options: &[&str],
    command: &[&str],
) -> Result<(i32, String), String> {
    let context = lay_out(files)?;
    let base = place.base.image(place.engine)?;
    // README.md's images choose one process for all services, which others know nothing of.
    let dockerfile = format!("FROM {base}\nENV S6_SUPERVISE_PROCESSES=\nCOPY rootfs/ /\n{lines}");
    fs::write(context.join("Dockerfile"), dockerfile).map_err(|why| format!("Dockerfile: {why}"))?;
    let name = context.file_name().unwrap_or_default().display();
    let (image, context) = (format!("localhost/{name}"), context.display().to_string());
    let words = [&["build", "-t", &image], place.engine.build_options(), &[context.as_str()]].concat();
    place.engine.succeed(&words)?;
    let (_container, mut client) = place.start_of(&image, options, command)?;
    let code = client.finish()?;
    Ok((code, client.said.text()))
}

/// PUID and PGID, `/config` on a volume, and a folder of the host over /etc/s6-overlay, with what a NAS leaves there.
fn nas(place: Place) -> Outcome {
    let image: Files<'_> = &[(
        "rootfs/etc/cont-init.d/10-adduser",
        "#!/command/with-contenv sh\n\
         echo \"abc:x:$PUID:$PGID::/config:/bin/sh\" >>/etc/passwd\n\
         echo \"abc:x:$PGID:\" >>/etc/group\n\
         chown -R abc:abc /config\n",
        true,
    )];
    let host = lay_out(&[
        ("s6-rc.d/app/type", "longrun\n", false),
        ("s6-rc.d/app/dependencies.d/base", "", false),
        ("s6-rc.d/app/notification-fd", "3\n", false),
        (
            "s6-rc.d/app/run",
            "#!/command/with-contenv sh\n\
             exec s6-setuidgid abc sh -c 'echo app of $(id -u):$(id -g), config of $(stat -c %u /config); \
             echo kept >/config/file; echo >&3; exec sleep 100000'\n",
            true,
        ),
        ("s6-rc.d/app/@eaDir/run@SynoEAStream", "", false),
        ("s6-rc.d/@eaDir/app@SynoEAStream", "", false),
        ("s6-rc.d/old/dependencies.d/base", "", false),
        ("user-bundles.d/user/contents.d/app", "", false),
        ("user-bundles.d/user/contents.d/@eaDir/app@SynoEAStream", "", false),
        ("user-bundles.d/@eaDir/user@SynoEAStream", "", false),
    ])?;
    let mount = format!("{}:/etc/s6-overlay:ro", host.display());
    let options = ["-e", "PUID=1026", "-e", "PGID=100", "-v", "/config", "-v", &mount];
    let (code, text) = run(place, image, &options, &["sh", "-c", "cat /config/file; exit 3"])?;
    same(code, 3, &text)?;
    for said in ["app of 1026:100, config of 1026", "kept", "/old: ignored: nothing in this folder defines"] {
        same((said, text.contains(said)), (said, true), &text)?;
    }
    Ok(())
}

/// A hook of a certificate's renewal that looks for the server's supervisor, and a server that asks which one it has.
fn supervisor_by_name(place: Place) -> Outcome {
    let image: Files<'_> = &[
        ("rootfs/etc/cont-init.d/a", "#!/bin/sh\nmkfifo /run/reloaded\n", true),
        ("rootfs/etc/s6-overlay/s6-rc.d/svc-nginx/type", "longrun\n", false),
        ("rootfs/etc/s6-overlay/s6-rc.d/svc-nginx/notification-fd", "3\n", false),
        ("rootfs/etc/s6-overlay/s6-rc.d/svc-nginx/dependencies.d/base", "", false),
        ("rootfs/etc/s6-overlay/user-bundles.d/user/contents.d/svc-nginx", "", false),
        (
            "rootfs/etc/s6-overlay/s6-rc.d/svc-nginx/run",
            "#!/bin/sh\n\
             echo below: $(tr '\\0' ' ' </proc/$PPID/cmdline)\n\
             trap 'echo reloaded >/run/reloaded' HUP\n\
             echo >&3\n\
             while :; do sleep 100000 & wait $!; done\n",
            true,
        ),
        (
            "rootfs/renewed",
            "#!/bin/sh\nif ps -o args | grep -q '[s]6-supervise svc-nginx'; then s6-svc -h /run/service/svc-nginx; fi\n",
            true,
        ),
    ];
    let command = ["sh", "-c", "/renewed; read x </run/reloaded; echo the server has $x; exit 3"];
    let (code, text) = run(place, image, &[], &command)?;
    same(code, 3, &text)?;
    for said in ["below: s6-supervise svc-nginx", "the server has reloaded"] {
        same((said, text.contains(said)), (said, true), &text)?;
    }
    Ok(())
}

/// A tool that anybody shall use gets a setuid bit: it is one program with all others, which then would have it, too.
fn setuid_tool(place: Place) -> Outcome {
    let image: Files<'_> = &[("rootfs/secret", "only for root\n", false)];
    let lines = "RUN chmod 600 /secret && chmod u+s /command/s6-svc /command/s6-svscanctl\n";
    let script = "s6-setuidgid nobody redirfd -r 0 /secret s6-cat || echo kept: $?; \
                  s6-setuidgid nobody s6-svc -d /run/service/daemon || echo refused: $?; \
                  s6-svstat -o up /run/service/daemon; exit 3";
    let (code, text) = run_with(place, image, lines, &[], &["sh", "-c", script])?;
    same(code, 3, &text)?;
    let denied = text.lines().filter(|line| line.contains("denied")).count();
    same(denied, 2, &text)?;
    for said in ["kept: 111", "refused: 111", "true", "setuid"] {
        same((said, text.contains(said)), (said, true), &text)?;
    }
    same(text.contains("only for root"), false, &text)
}

/// A profile of docker before 20.10: it doesn't know faccessat2, and denies it as if it were forbidden.
fn denied_call(place: Place) -> Outcome {
    let profile = r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["faccessat2"],"action":"SCMP_ACT_ERRNO"}]}"#;
    let host = lay_out(&[("profile.json", profile, false)])?.join("profile.json");
    let option = format!("seccomp={}", host.display());
    let image: Files<'_> =
        &[("rootfs/etc/cont-init.d/a", "#!/command/with-contenv sh\necho a script\n", true)];
    let script = "s6-test -x /init && echo executable; s6-svstat -o up /run/service/daemon; grep ^Seccomp: /proc/self/status; exit 3";
    let options = ["--security-opt", &option];
    let (code, text) = run(place, image, &options, &["with-contenv", "sh", "-c", script])?;
    same(code, 3, &text)?;
    for said in ["a script", "executable", "true", "Seccomp:\t2"] {
        same((said, text.contains(said)), (said, true), &text)?;
    }
    Ok(())
}
