//! Real daemons as Debian packages them, each ready by what a file `ready` says; their definitions, and what looks at them.

use std::io;
use std::path::Path;

use crate::services::{DEFINITIONS, Services};

/// A configuration of nginx that answers with a word; `log`: where its accesses are written.
#[must_use]
pub fn nginx(log: &str) -> String {
    format!(
        "\
daemon off;
pid /run/nginx.pid;
user www-data;
error_log stderr;
events {{}}
http {{
  access_log {log};
  server {{ listen 127.0.0.1:8080; location / {{ return 200 'served\\n'; }} }}
}}
"
    )
}

const PHP: &str = "\
[global]
daemonize = no
error_log = /proc/self/fd/2
[www]
listen = /run/php.sock
user = www-data
pm = static
pm.max_children = 1
";

/// Through the library of systemd: its program is a child of the daemon, and ends when the message was handled.
const TALKER: &str = "\
#!/bin/sh
systemd-notify --status='loading the data'
systemd-notify --ready --status='serving 3 tables'
exec sleep 100000
";

/// The container's command: each daemon serves, is killed, and serves when it is ready again.
const COMMAND: &str = "\
#!/bin/sh
s6-overlay health && echo healthy
s6-overlay status talker | grep -o 'serving 3 tables'
for name in nginx redis php cache talker; do
  s6-svc -wR -T 30000 -k /run/service/$name || echo no restart
  /etc/test/after $name
done
echo 'all looked at'
exec sleep 100000
";

/// Uses a daemon, and tells whether it counts as ready.
const AFTER: &str = "\
#!/bin/sh
case $1 in
  nginx) curl -fs http://127.0.0.1:8080/ ;;
  redis) redis-cli -p 6380 ping ;;
  cache) redis-cli -p 6381 ping ;;
  php) stat -c %F /run/php.sock ;;
esac
echo after $1: ready $(s6-svstat -o ready /run/service/$1)
";

/// Each daemon, what it is ready by, and what it needs to run.
pub const DAEMONS: [(&str, &str, &str); 5] = [
    (
        "nginx",
        "listen 8080\nhttp http://127.0.0.1:8080/ 200\n",
        "mkdir -p /var/lib/nginx /var/log/nginx\nexec nginx -c /etc/test/nginx.conf 2>&1",
    ),
    (
        "redis",
        "tcp 127.0.0.1:6380\nexec redis-cli -p 6380 ping\n",
        "exec s6-setuidgid redis redis-server --port 6380 --bind 127.0.0.1 --save '' --daemonize no --logfile /dev/null",
    ),
    ("php", "unix /run/php.sock\n", "exec php-fpm8.2 -n -y /etc/test/php.conf"),
    (
        "cache",
        "log Ready to accept connections\n",
        "exec s6-setuidgid redis redis-server --port 6381 --bind 127.0.0.1 --save '' --daemonize no --logfile ''",
    ),
    ("talker", "notify\n", "exec /etc/test/talker"),
];

/// Their definitions, and a oneshot for each that needs it.
///
/// # Errors
/// They can't be written.
pub fn probed() -> io::Result<Services> {
    let s = Services::new()?;
    s.file("/etc/test/nginx.conf", &nginx("off"))?
        .file("/etc/test/php.conf", PHP)?
        .script("/etc/test/talker", TALKER)?;
    for (name, ready, run) in DAEMONS {
        s.longrun(name, &["base"], &format!("#!/bin/sh\n{run}\n"))?.define(name, "ready", ready)?.define(
            name,
            "timeout-up",
            "60000\n",
        )?;
        // What needs it finds it serving, and says so.
        s.oneshot(&format!("after-{name}"), &[name], &format!("/etc/test/after {name}"), "")?;
    }
    // Workers outlive a master that was killed, and hold its port or socket.
    for name in ["nginx", "php"] {
        s.script(&format!("{DEFINITIONS}/{name}/finish"), "#!/bin/sh\nkill -KILL \"-$4\"\n")?;
    }
    s.script("/etc/test/after", AFTER)?;
    s.script("/etc/test/command", COMMAND)?;
    Ok(s)
}

/// The programs that they take.
const PROGRAMS: [&str; 5] = [
    "/usr/sbin/nginx",
    "/usr/bin/redis-server",
    "/usr/sbin/php-fpm8.2",
    "/usr/bin/systemd-notify",
    "/usr/bin/curl",
];

/// Whether all of them are there.
///
/// # Errors
/// Which one isn't.
pub fn are_there() -> Result<(), String> {
    match PROGRAMS.iter().find(|program| !Path::new(program).exists()) {
        None => Ok(()),
        Some(program) => Err(format!("{program} is missing: cargo xtask test installs it")),
    }
}

/// Looks at what a container with them, and [`COMMAND`] as its command, has said.
///
/// # Errors
/// What is missing.
pub fn judge(text: &str) -> Result<(), String> {
    let mut wanted = vec![("served".to_owned(), 2), ("PONG".to_owned(), 4), ("socket".to_owned(), 2)];
    wanted.extend(DAEMONS.map(|(name, ..)| (format!("after {name}: ready true"), 2)));
    wanted.extend(["healthy", "serving 3 tables", "all looked at"].map(|line| (line.to_owned(), 1)));
    let count = |wanted: &str| text.lines().filter(|line| line.trim_end() == wanted).count();
    match wanted.iter().find(|(line, times)| count(line) != *times) {
        None => Ok(()),
        Some((line, times)) => Err(format!("{line:?} isn't said {times} times:\n{text}")),
    }
}
