//! Pure: what a file is, from its path.

/// The place of a file, which decides the rules for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A script that is executed: the rules for scripts apply, and it needs execute permission.
    Program,
    /// A file of a service definition or of fix-attrs.d: the rules for scripts apply, and lines end in a newline alone.
    Definition,
    /// Another file in the overlay's folders, such as the configuration of a program: the rules for scripts apply.
    Other,
    /// A file of version 2's own, which nothing reads any more.
    Internal,
    /// A file elsewhere: the rules for scripts apply if its first line names an interpreter of ours.
    Elsewhere,
}

/// The place of a file from its path below the root, without a slash in front.
#[must_use]
pub(crate) fn place(path: &[u8]) -> Place {
    let parts: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
    let rest = match parts.as_slice() {
        [b"etc", b"cont-profile.d", _, rest @ ..] | [b"etc", rest @ ..] => rest,
        _ => return Place::Elsewhere,
    };
    match rest {
        [b"cont-init.d" | b"cont-finish.d", _]
        | [b"services.d", _, b"run" | b"finish"]
        | [b"services.d", _, b"log", b"run" | b"finish"] => Place::Program,
        [b"s6-overlay", b"s6-rc.d" | b"user-bundles.d", _, .., b"data" | b"env", _] => Place::Other,
        [b"s6-overlay", b"s6-rc.d" | b"user-bundles.d", ..] | [b"fix-attrs.d", _] => Place::Definition,
        [b"s6-overlay" | b"services.d" | b"cont-init.d" | b"cont-finish.d", ..] => Place::Other,
        [b"s6", ..] => Place::Internal,
        _ => Place::Elsewhere,
    }
}

/// Folders of the root that hold no files of the image to migrate.
pub(super) const SKIPPED_FOLDERS: &[&[u8]] =
    &[b"proc", b"sys", b"dev", b"run", b"tmp", b"command", b"package", b"lost+found"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_decides_the_place() {
        for (path, expected) in [
            ("etc/cont-init.d/10-x", Place::Program),
            ("etc/cont-init.d/lib/x", Place::Other),
            ("etc/services.d/app/run", Place::Program),
            ("etc/services.d/app/log/finish", Place::Program),
            ("etc/services.d/app/data/run", Place::Other),
            ("etc/services.d/app/notification-fd", Place::Other),
            ("etc/fix-attrs.d/01", Place::Definition),
            ("etc/s6-overlay/s6-rc.d/app/up", Place::Definition),
            ("etc/s6-overlay/s6-rc.d/app/data/check", Place::Other),
            ("etc/s6-overlay/scripts/x", Place::Other),
            ("etc/cont-profile.d/lite/s6-overlay/s6-rc.d/app/run", Place::Definition),
            ("etc/cont-profile.d/lite/cont-init.d/1", Place::Program),
            ("etc/s6/init/init-stage2", Place::Internal),
            ("etc/passwd", Place::Elsewhere),
            ("usr/local/bin/x", Place::Elsewhere),
        ] {
            assert_eq!(place(path.as_bytes()), expected, "{path}");
        }
    }
}
