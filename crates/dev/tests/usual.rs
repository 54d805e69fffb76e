//! Services as images have them: in what works, nothing is found but what is listed.
#![expect(clippy::unwrap_used, reason = "a test")]

use dev::config::Config;
use dev::image::{Extra, Image, Target, complete};
use dev::tree::Tree;
use dev::{example, lints};

/// An s6-overlay, so that the image is a whole one, and what its scripts name.
const WHOLE: &str = "-- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/top/type --\nbundle\n\
    -- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/top/contents.d/user --\n\
    -- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/base/type --\nbundle\n\
    -- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/base/contents.d/init --\n\
    -- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/init/type --\noneshot\n\
    -- package/admin/s6-overlay-3.2.3.2/etc/s6-rc/sources/init/up --\n\
    -- bin/sh 755 --\n-- bin/bash 755 --\n-- usr/bin/env 755 --\n-- usr/bin/bashio 755 --\n-- usr/bin/python3 755 --\n\
    -- command/with-contenv 755 --\n-- command/execlineb 755 --\n-- usr/bin/with-contenv -> /command/with-contenv --\n\
    -- var/log/ --\n-- etc/passwd --\nroot:x:0:0::/root:/bin/sh\nabc:x:911:911::/config:/bin/false\n\
    nobody:x:65534:65534::/:/bin/false\n";

/// What a complete configuration says.
const INSPECT: &str = r#"[{"Config": {"Entrypoint": ["/init"], "Cmd": null, "User": "", "StopTimeout": 10,
    "Env": ["PATH=/lsiopy/bin:/command:/usr/local/bin:/usr/bin:/bin", "HOME=/root", "S6_BEHAVIOUR_IF_STAGE2_FAILS=2",
            "WORKERS=2", "QUEUES=mail,import", "NONE="],
    "Healthcheck": {"Test": ["CMD", "/command/s6-overlay", "health"]}}}]"#;

/// The files of a daemon.
fn daemon(name: &str, run: &str, more: &[(&str, &str)]) -> String {
    let folder = format!("etc/s6-overlay/s6-rc.d/{name}");
    let mut text = format!(
        "-- {folder}/type --\nlongrun\n-- {folder}/run 755 --\n{run}\n-- {folder}/dependencies.d/base --\n\
         -- etc/s6-overlay/user-bundles.d/user/contents.d/{name} --\n"
    );
    for (file, content) in more {
        text += &format!("-- {folder}/{file} 755 --\n{content}\n");
    }
    text
}

/// Codes with the names of the files that they are found in.
fn found(files: &str) -> Vec<String> {
    let top = tempfile::tempdir().unwrap();
    assert_eq!(example::write(&format!("{WHOLE}{files}"), top.path()).unwrap(), None);
    let mut tree = Tree::default();
    tree.add_directory(top.path()).unwrap();
    let is_whole = complete(&mut tree);
    let config = Config::read(INSPECT).unwrap();
    let mut image = Image::read(&tree, config, Target::Rs, is_whole);
    image.extra = Extra { strict: false, security: true };
    let findings = lints::findings(&image);
    findings.iter().map(|f| format!("{} {}: {}", f.code, String::from_utf8_lossy(&f.path), f.text)).collect()
}

/// Nothing is found in any of these.
fn nothing(daemons: &[String]) {
    for daemon in daemons {
        assert_eq!(found(daemon), [""; 0], "{daemon}");
    }
}

#[test]
fn a_variable_of_the_image_says_how_many_there_are() {
    let said = |variable: &str| {
        let worker = daemon("worker@", "#!/bin/sh\nexec sleep 9", &[("instances", variable)]);
        found(&worker.replace("contents.d/worker@", "contents.d/worker")).join("\n")
    };
    assert_eq!(said("$WORKERS"), "");
    let path = "/etc/s6-overlay/s6-rc.d/worker@/instances";
    let wrong = "\"mail,import\" is not the name of an instance";
    assert_eq!(said("$QUEUES"), format!("SO212 {path}: ENV QUEUES doesn't say how many: {wrong}"));
    for unset in ["NONE", "OTHER"] {
        let text = format!("nothing says how many there are where the variable {unset} isn't set");
        assert_eq!(said(&format!("${unset}")), format!("SO213 {path}: {text}"));
    }
}

#[test]
fn as_linuxserver_writes_them() {
    nothing(&[
        daemon(
            "svc-web",
            "#!/usr/bin/with-contenv bash\n# shellcheck shell=bash\n\nif [[ -n \"${SUBFOLDER}\" ]]; then\n    export \
             BASE=\"${SUBFOLDER}\"\nfi\n\nexec \\\n    s6-notifyoncheck -d -n 300 -w 1000 -c \"nc -z localhost 8080\" \\\n    \
             cd /app/web s6-setuidgid abc python3 /app/web/main.py --data=/config",
            &[("notification-fd", "3")],
        ),
        daemon(
            "svc-nginx",
            "#!/usr/bin/with-contenv bash\nif pgrep -f \"[n]ginx:\" >/dev/null; then\n    pkill -ef [n]ginx:\nfi\n\nexec \\\n    \
             s6-notifyoncheck -d -n 300 -w 1000 \\\n        /usr/sbin/nginx -g 'daemon off;'",
            &[
                ("notification-fd", "3"),
                ("data/check", "#!/bin/bash\n\ncurl -fs http://localhost/ >/dev/null"),
            ],
        ),
        daemon(
            "svc-cron",
            "#!/usr/bin/with-contenv bash\n\nif builtin command -v crontab >/dev/null 2>&1; then\n    exec busybox crond -f -S -l 5\nfi\nexec s6-setuidgid abc other",
            &[],
        ),
    ]);
}

#[test]
fn as_home_assistant_writes_them() {
    let finish = "#!/usr/bin/env bashio\ndeclare exit_code\nreadonly exit_code_container=$(</run/s6-linux-init-container-results/exitcode)\n\
        readonly exit_code_service=\"${1}\"\nreadonly exit_code_signal=\"${2}\"\n\nif [[ \"${exit_code_service}\" -eq 256 ]]; then\n  \
        if [[ \"${exit_code_container}\" -eq 0 ]]; then\n    echo $((128 + $exit_code_signal)) > /run/s6-linux-init-container-results/exitcode\n  \
        fi\nelif [[ \"${exit_code_service}\" -ne 0 ]]; then\n  if [[ \"${exit_code_container}\" -eq 0 ]]; then\n    \
        echo \"${exit_code_service}\" > /run/s6-linux-init-container-results/exitcode\n  fi\n  exec /run/s6/basedir/bin/halt\nfi";
    nothing(&[daemon(
        "app",
        "#!/command/with-contenv bashio\n# ==============\nbashio::log.info \"Starting\"\ndeclare -a options\n\
         PORT=$(bashio::config 'port')\nif bashio::config.has_value 'password'; then\n  options+=(--password)\nfi\n\
         bashio::net.wait_for 80\nexec app --port \"${PORT}\" \"${options[@]}\"",
        &[("finish", finish)],
    )]);
}

#[test]
fn in_other_languages() {
    nothing(&[
        daemon(
            "py",
            "#!/usr/bin/env python3\nimport os\n# sudo -u x; sleep infinity; $FOO\nos.execvp('web', ['web'])",
            &[("finish", "#!/usr/bin/python3\nimport time\ntime.sleep(60)")],
        ),
        daemon(
            "el",
            "#!/command/execlineb -P\nwith-contenv\nmultisubstitute { importas -u HOST HOST }\ns6-setuidgid abc\nfdmove -c 2 1\nweb --host ${HOST}",
            &[],
        ),
        daemon("elf", "\\x7fELF\\x02\\x01\\x01", &[]),
    ]);
}

#[test]
fn scripts_that_leave_it_to_others() {
    nothing(&[
        daemon(
            "sourced",
            "#!/command/with-contenv bash\nsource /opt/app/lib.sh\n. /etc/app/env\nmain --host $APP_HOST",
            &[],
        ),
        daemon(
            "here",
            "#!/command/with-contenv sh\ncat >/etc/web.conf <<EOF\nhost $WEB_HOST\nsudo it's\nEOF\nexec 2>&1\nexec s6-setuidgid abc web",
            &[],
        ),
        daemon(
            "case",
            "#!/command/with-contenv sh\nset -eu\ncase \"${MODE:-web}\" in\n  web|all) exec s6-setuidgid abc web ;;\n  *) exec s6-setuidgid abc worker --queue \"$QUEUE\" ;;\nesac",
            &[],
        ),
        daemon("functions", "#!/bin/bash\nstart() {\n  exec s6-setuidgid abc web \"$@\"\n}\nstart --x", &[]),
        daemon(
            "loop",
            "#!/bin/sh\nuntil nc -z \"$DB_HOST\" 5432; do sleep 1; done\nexec s6-setuidgid abc web",
            &[],
        ),
    ]);
}

#[test]
fn loggers_whose_directory_something_makes() {
    let logger = |run: &str| {
        daemon("web", "#!/bin/sh\nexec 2>&1\nexec s6-setuidgid abc web", &[("producer-for", "web-log")])
            + &daemon("web-log", run, &[("consumer-for", "web"), ("pipeline-name", "web-pipeline")])
    };
    let sure = found(&logger("#!/command/execlineb -P\nlogutil-service /var/log/web"));
    assert_eq!(sure.len(), 1, "{sure:?}");
    assert!(sure[0].starts_with("SO501 "), "{sure:?}");
    let made =
        "-- etc/cont-init.d/10-logs 755 --\n#!/bin/sh\nmkdir -p /var/log/web\nchown nobody /var/log/web\n";
    let all = found(&(logger("#!/command/execlineb -P\nlogutil-service /var/log/web") + made));
    assert_eq!(all.iter().filter(|text| text.contains("SO501")).count(), 0, "{all:?}");
    nothing(&[
        logger("#!/command/with-contenv sh\nexec logutil-service \"${LOG_DIR:-/var/log/web}\""),
        logger("#!/bin/sh\nexec s6-log -b -- n20 s1000000 T !\"gzip -nq9\" /var/log/web"),
        logger("#!/bin/sh\nexec s6-setuidgid root s6-log n3 /var/log/web"),
    ]);
}

#[test]
fn what_is_the_matter_in_them() {
    let all = found(
        &(daemon(
            "web",
            "#!/command/with-contenv bash\nsleep 5\nexec web --host $WEB_HOST",
            &[("finish", "#!/bin/sh\nsleep 20"), ("dependencies.d/db", "")],
        ) + &daemon("db", "#!/bin/sh -e -u\nexec s6-setuidgid abc db", &[("timeout-kill", "20000")])),
    );
    let codes: Vec<&str> = all.iter().map(|text| &text[..5]).collect();
    assert_eq!(codes, ["SO608", "SO110", "SO313", "SO305", "SO408"], "{all:#?}");
    let idle = found(&daemon(
        "cron",
        "#!/bin/bash\nif [[ -n \"$CRON\" ]]; then\n  exec busybox crond -f\nelse\n  sleep infinity\nfi",
        &[],
    ));
    assert!(idle.len() == 1 && idle[0].starts_with("SO304 "), "{idle:?}");
}

#[test]
fn what_ready_and_live_ask() {
    let web = |files: &[(&str, &str)]| daemon("web", "#!/bin/sh\nexec s6-setuidgid abc web", files);
    let check = ("data/check", "#!/bin/sh\nexec true");
    nothing(&[
        web(&[("ready", "listen 8080"), ("live", "http http://127.0.0.1:8080/\nwatchdog 30000")]),
        web(&[("ready", "exec ./data/check\nexec bash -c true\nlog ^up$"), check]),
        web(&[("ready", "tcp 127.0.0.1:80\nhttp http://10.0.0.1:81/\nfd 3"), ("notification-fd", "3")]),
        daemon(
            "web-log",
            "#!/bin/sh\nexec s6-setuidgid abc s6-log -d3 /run/x",
            &[("ready", "fd 3\nfile /run/x/current")],
        ),
    ]);
    let legacy = |file: &str, text: &str| {
        format!(
            "-- etc/services.d/web/run 755 --\n#!/bin/sh\nexec web\n-- etc/services.d/web/{file} --\n{text}\n"
        )
    };
    for (files, code, text) in [
        (
            web(&[("ready", "exec ./data/check")]),
            "SO112",
            "there is no ./data/check in the service directory",
        ),
        (
            web(&[("ready", "exec ./check"), ("check", "#!/bin/sh\n")]),
            "SO112",
            "isn't in the service directory",
        ),
        (web(&[("ready", "exec /usr/bin/curl x")]), "SO112", "there is no /usr/bin/curl"),
        (web(&[("live", "exec curl x")]), "SO112", "there is no curl in the image"),
        (web(&[("ready", "listen 80"), ("notification-fd", "3")]), "SO321", "ready says when"),
        (legacy("ready", "port 80"), "SO321", "\"port\" asks nothing"),
        (legacy("log/ready", "listen 80"), "SO321", "a logger of services.d has no daemon to ask"),
        (legacy("restart", "sometimes"), "SO315", "unknown word \"sometimes\""),
        (legacy("only-if", "env"), "SO320", "something is missing after env"),
        (
            daemon(
                "web-log",
                "#!/bin/sh\nexec s6-setuidgid abc s6-log -d 3 /run/x",
                &[("ready", "file /run/x/current")],
            ),
            "SO322",
            "s6-log says at descriptor 3",
        ),
        (
            web(&[("ready", "listen 80")])
                + &daemon("db", "#!/bin/sh\nexec db", &[("ready", "tcp [::1]:80")]),
            "SO801",
            "it is ready when port 80 answers, and so is db",
        ),
    ] {
        let all = found(&files);
        assert!(all.iter().any(|one| one.starts_with(code) && one.contains(text)), "{text}: {all:#?}");
    }
}
