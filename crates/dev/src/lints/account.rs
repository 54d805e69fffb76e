//! Who the container and its services run as.

use crate::finding::{Finding, Span};
use crate::image::{Image, Script};
use crate::lints::dockerfile::{Place, finding};
use crate::lints::program::final_program;
use crate::shell::{base_name, span_of};

/// The setuid program that prepares `/run` for other users than root.
const HELPER: &[u8] = b"/command/s6-overlay-suexec";

/// Programs that become another user.
const CHANGING: [&str; 12] = [
    "s6-setuidgid",
    "s6-applyuidgid",
    "s6-envuidgid",
    "su-exec",
    "gosu",
    "setpriv",
    "chpst",
    "runuser",
    "su ",
    "sudo",
    "setuidgid",
    "capsh",
];
/// Programs that need root's rights, or give them up by themselves.
const NEEDING: [&str; 34] = [
    "sshd",
    "dropbear",
    "crond",
    "cron",
    "nginx",
    "httpd",
    "apache2",
    "haproxy",
    "rsyslogd",
    "syslogd",
    "syslog-ng",
    "dnsmasq",
    "smbd",
    "nmbd",
    "winbindd",
    "avahi-daemon",
    "dbus-daemon",
    "udevd",
    "dockerd",
    "containerd",
    "openvpn",
    "fail2ban-server",
    "ntpd",
    "chronyd",
    "dhcpd",
    "master",
    "postfix",
    "named",
    "unbound",
    "supervisord",
    "tailscaled",
    "keepalived",
    "squid",
    "varnishd",
];

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    if image.is_whole {
        helper(image, found);
    }
    let is_root = image
        .config
        .user
        .as_deref()
        .is_none_or(|user| matches!(user.split(':').next(), Some("" | "0" | "root")));
    if image.extra.security && image.config.is_known && is_root {
        for (_, script) in image.runs() {
            needs_no_root(image, script, found);
        }
    }
}

/// SO602, SO603.
fn helper(image: &Image<'_>, found: &mut Vec<Finding>) {
    let Some(helper) = image.tree.stat(HELPER) else { return };
    // A copy that somebody else than root made has lost owners and bits.
    if helper.uid != 0 || helper.mode & 0o4000 != 0 {
        return;
    }
    let text = format!("it isn't setuid: its mode is {:04o}", helper.mode);
    let advice =
        "unpack the tarball in the image itself: COPY from a directory and some archives lose the bit";
    found.push(Finding::new(603, HELPER, text).advice(advice));
    let Some(user) = &image.config.user else { return };
    let (name, group) = user.split_once(':').unwrap_or((user, ""));
    let Some(uid) = name.parse().ok().or_else(|| image.user_id(name)).filter(|uid| *uid != 0) else { return };
    let Some(run) = image.tree.stat(b"/run") else { return };
    let group_0 = matches!(group, "0" | "root") || group.is_empty();
    let is_usable = run.uid == uid
        || run.gid == 0 && group_0 && run.mode & 0o022 == 0o020
        || run.uid == 0 && run.mode & 0o1000 != 0 && run.mode & 0o002 != 0;
    if !is_usable {
        let text = format!("USER is {user}, and /run belongs to {} with the mode {:04o}", run.uid, run.mode);
        let advice = format!("write RUN chown {name} /run before USER, or start with --tmpfs /run");
        found.push(finding(image, 602, Place::User, text).advice(advice));
    }
}

/// SO901.
fn needs_no_root(image: &Image<'_>, script: &Script, found: &mut Vec<Finding>) {
    let text = String::from_utf8_lossy(&script.text);
    if CHANGING.iter().any(|word| text.contains(word)) {
        return;
    }
    let Some(last) = script.shell().and_then(|shell| shell.commands.last()) else { return };
    let program = final_program(last);
    let Some((daemon, arguments)) = program.split_first().filter(|(word, _)| word.literal) else { return };
    let name = base_name(&daemon.text);
    let is_logger = image.definition_of(script).is_some_and(|definition| definition.has("consumer-for"));
    let is_service =
        NEEDING.contains(&name) || name.starts_with("php-fpm") || name.starts_with("s6-") || name == "sleep";
    let chooses = arguments.iter().any(|word| {
        ["-u", "--user", "user=", "--uid", "--setuid"].iter().any(|option| word.text.starts_with(option))
    });
    // What variables say, a port of root's among it, isn't known.
    let is_open = arguments.iter().any(|word| !word.literal || has_low_port(&word.text));
    if is_logger || is_service || chooses || is_open {
        return;
    }
    let text = format!("{name} runs as root, and nothing here shows why");
    let place = if daemon.end > daemon.start {
        span_of(&script.text, daemon.start..daemon.end)
    } else {
        Span::line(1)
    };
    found.push(
        Finding::new(901, &script.path, text).at(place).advice(format!("write s6-setuidgid USER {name}")),
    );
}

/// Whether a word may name a port below 1024.
fn has_low_port(word: &str) -> bool {
    let digits: String = word.chars().rev().take_while(char::is_ascii_digit).collect();
    let digits: String = digits.chars().rev().collect();
    digits.parse::<u32>().is_ok_and(|port| (1..1024).contains(&port))
}
