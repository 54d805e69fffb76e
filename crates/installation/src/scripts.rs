//! The scripts of the reference.
//!
//! Images edit them, write over them and copy their own files in their places.  So each is a text file here, too, and never
//! a link to the program, through which such a write would hit the program.

use crate::{Entry, Node};

/// The packages that bring scripts, with the scripts below their directories; the first has no directory.
const SCRIPTS: &[(&str, &[&str])] = &[
    ("", &["init"]),
    (
        "package/admin/s6-overlay-3.2.3.2/",
        &[
            "command/logutil-newfifo",
            "command/logutil-service",
            "command/printcontenv",
            "command/with-contenv",
            "command/with-retries",
            "etc/s6-linux-init/skel/CMDSIG",
            "etc/s6-linux-init/skel/rc.init",
            "etc/s6-linux-init/skel/rc.shutdown",
            "etc/s6-linux-init/skel/rc.shutdown.final",
            "etc/s6-rc/scripts/cont-finish",
            "etc/s6-rc/scripts/cont-init",
            "etc/s6-rc/scripts/fix-attrs",
            "etc/s6-rc/scripts/services-down",
            "etc/s6-rc/scripts/services-up",
            "etc/s6-rc/scripts/syslogd-prepare",
            "libexec/fix-attrs",
            "libexec/logutil-service-main",
            "libexec/preinit",
            "libexec/stage0",
        ],
    ),
    (
        "package/admin/s6-linux-init-1.2.0.2/",
        &["etc/skel/rc.init", "etc/skel/rc.shutdown", "etc/skel/rc.shutdown.final", "etc/skel/runlevel"],
    ),
];

/// The paths of the reference's scripts that aren't executable text files among `entries`.
#[must_use]
pub fn missing_scripts(entries: &[Entry]) -> Vec<String> {
    let is_text = |path: &str| {
        let mut found = entries.iter().filter(|entry| entry.path == path).peekable();
        found.peek().is_some()
            && found.all(|entry| {
                matches!(entry.node, Node::File { mode: 0o755, content } if content.starts_with(b"#!"))
            })
    };
    let all = SCRIPTS.iter().flat_map(|(home, names)| names.iter().map(move |name| format!("{home}{name}")));
    all.filter(|path| !is_text(path)).collect()
}
