//! Misspelt names of variables.

use super::NAMES;
use tool::nearest;

/// The beginning of the names of the overlay's variables.
pub(crate) const PREFIX: &[u8] = b"S6_";

/// With more differences, the name is more likely a variable of another program than a misspelt one.
const DIFFERENCES_MAX: usize = 2;

/// The variable that a name was probably meant to be; `None` for the name of a variable, for a name without `S6_`, and for
/// one that resembles no variable.
#[must_use]
pub fn meant_by(name: &[u8]) -> Option<&'static str> {
    if !name.starts_with(PREFIX) || NAMES.iter().any(|known| known.as_bytes() == name) {
        return None;
    }
    let ours = NAMES.iter().filter(|known| known.as_bytes().starts_with(PREFIX));
    let near = ours.filter(|known| known.len().abs_diff(name.len()) <= 2 * DIFFERENCES_MAX);
    nearest(name, near.copied())
        .filter(|(differences, _)| *differences <= DIFFERENCES_MAX)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_leads_to_the_nearest_variable() {
        for (misspelt, meant) in [
            ("S6_VERBOSTY", "S6_VERBOSITY"),
            ("S6_VERBOSE", ""),
            ("S6_KEEPENV", "S6_KEEP_ENV"),
            ("S6_keep_env", "S6_KEEP_ENV"),
            ("S6_BEHAVIOR_IF_STAGE2_FAILS", "S6_BEHAVIOUR_IF_STAGE2_FAILS"),
            ("S6_KILL_GRACE_TIME", "S6_KILL_GRACETIME"),
            ("S6_SERVICE_GRACETIME", "S6_SERVICES_GRACETIME"),
            ("S6_CMD_WAIT_FOR_SERVICE", "S6_CMD_WAIT_FOR_SERVICES"),
            ("S6_CMD_WAIT_FOR_SERVICES_MAX_TIME", "S6_CMD_WAIT_FOR_SERVICES_MAXTIME"),
            ("S6_STAGE_2_HOOK", "S6_STAGE2_HOOK"),
            ("S6_LOGING", "S6_LOGGING"),
            ("S6_LOG_PREFIXES", "S6_LOG_PREFIX"),
            ("S6_SYNC_DISK", "S6_SYNC_DISKS"),
        ] {
            assert_eq!(meant_by(misspelt.as_bytes()).unwrap_or_default(), meant, "{misspelt}");
        }
    }

    /// Names that images use: variables, build arguments, and variables of other programs of the suites.
    #[test]
    fn known_names_and_names_of_other_programs_are_not_misspelt() {
        for name in [
            "S6_VERSION",
            "S6_OVERLAY_VERSION",
            "S6_OVERLAY_ARCH",
            "S6_OVERLAY_RELEASE",
            "S6_OVERLAY_DIR",
            "S6_OVERLAY_URL",
            "S6_OVERLAY_SHA256",
            "S6_OVERLAY",
            "S6_ARCH",
            "S6_RELEASE",
            "S6_DIR",
            "S6_HOME",
            "S6_PATH",
            "S6_USER",
            "S6_LOG",
            "S6_LOGS",
            "S6_LOG_DIR",
            "S6_LOG_LEVEL",
            "S6_CMD",
            "S6_RC",
            "S6_ENV",
            "S6_HOST_MEMO",
            "S6_FD_0",
            "S6_FDID_0",
            "S6_FDLIMIT_0",
            "S6_FDHOLDER_LIST",
            "S6_FDHOLDER_GETDUMP",
            "S6_FDHOLDER_SETDUMP",
            "S6_FDHOLDER_STORE_REGEX",
            "S6_FDHOLDER_RETRIEVE_REGEX",
            "S6_SERVICE_PATH",
            "S6_SERVICES",
            "S6_SCANDIR",
            "S6_",
            "S6",
        ] {
            assert_eq!(meant_by(name.as_bytes()), None, "{name}");
        }
        for name in NAMES {
            assert_eq!(meant_by(name.as_bytes()), None, "{name}");
        }
        for name in ["S6VERBOSITY", "s6_verbosity", "VERBOSITY", "PATHS", ""] {
            assert_eq!(meant_by(name.as_bytes()), None, "{name}");
        }
    }
}
