//! Daemons as Debian packages them, with the machine's own root as the image.

use std::path::Path;

use tests::daemons::nginx;
use tests::services::{DEFINITIONS, Services};
use tests::transcript::Transcript;

use crate::{Images, Outcome, Test, same};

pub const TESTS: &[(&str, Test)] =
    &[("daemons::real_daemons_live_and_go_in_order", real_daemons_live_and_go_in_order)];

/// Its access log is a pipe that root made: the workers can't open it by name, the master can.
const NGINX_RUN: &str = "\
#!/bin/sh
exec s6-notifyoncheck -n 200 -w 20 -c 'curl -fs -o /dev/null http://127.0.0.1:8080/' \
  nginx -c /etc/test/nginx.conf 2>&1
";

/// Workers outlive a master that was killed, and hold its port.
const NGINX_FINISH: &str = "\
#!/bin/sh
kill -KILL \"-$4\"
echo finish nginx >&2
";

const REDIS_RUN: &str = "\
#!/command/execlineb -P
s6-notifyoncheck -n 200 -w 20 -c \"redis-cli -p 6380 ping\"
s6-setuidgid redis
redis-server --port 6380 --bind 127.0.0.1 --dir /run/redis-test --save \"\" --daemonize no --logfile /dev/null
";

/// The container's command: checks everything, then waits for the stop.
const COMMAND: &str = "\
#!/bin/sh
curl -fs http://127.0.0.1:8080/first
redis-cli -p 6380 set key value
redis-cli -p 6380 get key
redis-cli -p 6380 config get dir | tail -n 1
stat -c 'redis directory: %U %a' /run/redis-test
echo \"cron is up: $(s6-svstat -o up /run/service/cron)\"
echo \"nginx is ready: $(s6-svstat -o ready /run/service/nginx)\"
old=$(s6-svstat -o pid /run/service/nginx)
# Listens from before the kill on, so that the restart can't be missed.
s6-svc -wR -T 30000 -k /run/service/nginx || echo 'no restart'
new=$(s6-svstat -o pid /run/service/nginx)
[ \"$old\" != \"$new\" ] && echo 'nginx came back'
curl -fs http://127.0.0.1:8080/second
s6-rc -a list | tr '\\n' ' '; echo
# What a logger hasn't read when it is told to end is lost.
until grep -qs second /var/log/nginx-test/current && [ -s /var/log/legacy/current ]; do s6-sleep -m 10; done
echo 'all looked at'
exec sleep 100000
";

/// Runs when all services of users are down.
const CONT_FINISH: &str = "\
#!/bin/sh
echo 'cont-finish'
grep -o 'GET /[a-z]*' /var/log/nginx-test/current
stat -c 'log: %U' /var/log/nginx-test/current
cat /var/log/legacy/current
ps -e -o stat=,ppid=,args= | grep -E 'nginx|redis|cron|legacy-' | grep -v -e grep -e s6-supervise | sed 's/^/still there: /'
exit 0
";

fn services() -> std::io::Result<Services> {
    let s = Services::new()?;
    s.file("/etc/test/nginx.conf", &nginx("/dev/stdout"))?;

    s.oneshot("redis-dir", &["base"], "/etc/test/redis-dir up", "/etc/test/redis-dir down")?;
    s.script(
        "/etc/test/redis-dir",
        "#!/bin/sh -e\necho redis-dir $1\n\
         if [ $1 = up ]; then mkdir -m 700 /run/redis-test; chown redis:redis /run/redis-test; else rm -r /run/redis-test; fi\n",
    )?;

    s.longrun("redis", &["redis-dir"], REDIS_RUN)?.define("redis", "notification-fd", "3\n")?;
    s.script(&format!("{DEFINITIONS}/redis/finish"), "#!/bin/sh\necho finish redis\n")?;

    s.longrun("nginx", &["redis"], NGINX_RUN)?.define("nginx", "notification-fd", "3\n")?;
    s.script(&format!("{DEFINITIONS}/nginx/finish"), NGINX_FINISH)?;
    s.define("nginx", "producer-for", "nginx-log\n")?;
    s.oneshot("log-dir", &["base"], "/etc/test/log-dir /var/log/nginx-test", "")?;
    s.script("/etc/test/log-dir", "#!/bin/sh -e\nmkdir -p $1\nchown nobody:nogroup $1\nchmod 02755 $1\n")?;
    s.script("/etc/cont-init.d/legacy-log", "#!/bin/sh\nexec /etc/test/log-dir /var/log/legacy\n")?;
    s.longrun("nginx-log", &["log-dir"], "#!/bin/sh\nexec logutil-service /var/log/nginx-test\n")?;
    s.define("nginx-log", "consumer-for", "nginx\n")?;

    s.longrun("cron", &["nginx"], "#!/bin/sh\nexec cron -f\n")?;
    s.script(&format!("{DEFINITIONS}/cron/finish"), "#!/bin/sh\necho finish cron\n")?;

    s.script("/etc/services.d/legacy/run", "#!/bin/sh\necho legacy runs\nexec sleep 100000\n")?;
    s.script(
        "/etc/services.d/legacy/finish",
        "#!/bin/sh\necho finish legacy >&2\necho 42 >/run/s6-linux-init-container-results/exitcode\n",
    )?;
    s.script("/etc/services.d/legacy/log/run", "#!/bin/sh\nexec logutil-service /var/log/legacy\n")?;

    s.script("/etc/cont-finish.d/report", CONT_FINISH)?.script("/etc/test/command", COMMAND)?;
    Ok(s)
}

fn real_daemons_live_and_go_in_order(images: &Images) -> Outcome {
    for program in ["/usr/sbin/nginx", "/usr/bin/redis-server", "/usr/sbin/cron", "/usr/bin/curl"] {
        if !Path::new(program).exists() {
            return Err(format!(
                "{program} is missing: apt-get install --no-install-recommends nginx-light redis-server cron curl"
            )
            .into());
        }
    }
    let services = services()?;
    let mut t = Transcript::start(&images.on(Path::new("/"), services.path(), &["/etc/test/command"]))?;
    t.wait_for("all looked at")?;
    t.in_order(&[
        "redis-dir up",
        "served",
        "OK",
        "value",
        "/run/redis-test",
        "redis directory: redis 700",
        "cron is up: true",
        "nginx is ready: true",
        "nginx came back",
        "served",
        "all looked at",
    ])?;
    t.container().stop()?;
    let code = t.finish()?;
    same(code, 42, &t.text())?;
    // Legacy services depend on everything else; then backwards through the dependencies.
    t.in_order(&[
        "all looked at",
        "finish legacy",
        "finish cron",
        "finish nginx",
        "finish redis",
        "redis-dir down",
        "cont-finish",
        "GET /first",
        "GET /second",
        "log: nobody",
        "legacy runs",
    ])?;
    same(t.contains("still there:"), false, &t.text())
}
