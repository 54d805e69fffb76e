//! What the start says of texts that an image edited without effect.

use crate::pid1::NAME;
use crate::texts::{State, state};
use tool::diag;

/// The texts, below [`HOME`] or with their whole paths, and what to use instead of an edit.
///
/// `rc.shutdown.final` isn't among them: a container never runs it, in the reference neither.
const TEXTS: &[(&str, &str)] = &[
    ("/init", "set S6_STAGE2_HOOK, or name a program of yours before /init in ENTRYPOINT"),
    ("command/logutil-newfifo", "use s6-mkfifo and s6-chown"),
    ("command/logutil-service", LOGS),
    ("command/printcontenv", "read /run/s6/container_environment"),
    ("command/with-contenv", "set S6_KEEP_ENV"),
    ("command/with-retries", "use its options -n and -t"),
    ("etc/s6-linux-init/skel/CMDSIG", SIGNALS),
    ("etc/s6-linux-init/skel/rc.init", "set S6_STAGE2_HOOK, S6_CMD_ARG0 or S6_VERBOSITY"),
    ("etc/s6-linux-init/skel/rc.shutdown", "put a script into /etc/cont-finish.d, or set S6_VERBOSITY"),
    ("etc/s6-rc/scripts/cont-finish", "put scripts into /etc/cont-finish.d, or set S6_VERBOSITY"),
    ("etc/s6-rc/scripts/cont-init", "put scripts into /etc/cont-init.d, or set S6_VERBOSITY"),
    ("etc/s6-rc/scripts/fix-attrs", RULES),
    ("etc/s6-rc/scripts/services-down", "set S6_SERVICES_GRACETIME"),
    ("etc/s6-rc/scripts/services-up", "set S6_CMD_WAIT_FOR_SERVICES or S6_VERBOSITY"),
    ("etc/s6-rc/scripts/syslogd-prepare", "add a oneshot that depends on syslogd-prepare"),
    ("libexec/fix-attrs", RULES),
    ("libexec/logutil-service-main", LOGS),
    ("libexec/preinit", "set S6_READ_ONLY_ROOT, or mount a tmpfs on /run"),
    ("libexec/stage0", "set the variables of the guide"),
];

const LOGS: &str = "set S6_LOGGING_SCRIPT";
const RULES: &str = "change the rules in /etc/fix-attrs.d";
const SIGNALS: &str = "set S6_CMD_RECEIVE_SIGNALS, with which process 1 itself passes signals on to the CMD";

/// The directory of the texts.
const HOME: &str = "/package/admin/s6-overlay-3.2.3.2";

/// Warns of each text that was edited in a way that has no effect.
pub(crate) fn report() {
    for (name, instead) in TEXTS {
        let path = if name.starts_with('/') { (*name).to_owned() } else { format!("{HOME}/{name}") };
        let (what, more) = match state(&path, &path) {
            State::Edited => ("edited", ", or begin it with #!/bin/sh to have its commands run"),
            // Nothing executes it.
            State::Replaced if *instead == SIGNALS => ("replaced", ""),
            _ => continue,
        };
        let path = diag::show(path.as_bytes());
        diag::warn(NAME, format_args!("{path} was {what}, which has no effect: {instead} instead{more}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use installation::{Names, Node, entries};
    use std::collections::BTreeSet;

    #[test]
    fn every_text_of_the_installation_is_reported_but_the_one_that_nothing_runs() {
        let all = entries(&Names::all().unwrap(), |_| true);
        let is_text = |node: &Node| matches!(node, Node::File { content, .. } if tool::script::tool_name(content).is_some());
        let texts: BTreeSet<_> =
            all.iter().filter(|entry| is_text(&entry.node)).map(|entry| &entry.path).collect();
        for path in texts.iter().filter(|path| !path.ends_with("/rc.shutdown.final")) {
            assert!(TEXTS.iter().any(|(name, _)| format!("/{path}").ends_with(name)), "{path}");
        }
        assert_eq!(texts.len(), TEXTS.len() + 1);
    }
}
