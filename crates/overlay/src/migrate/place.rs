//! Where a file is, and so what it is.

/// What is to be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A script that is executed as it stands: the rules for scripts, and it needs execute permission.
    Program,
    /// A file of a service definition or of fix-attrs.d: the rules for scripts; lines end in newlines.
    Definition,
    /// Something else in the overlay's folders, such as a program's own configuration: the rules for scripts.
    Beside,
    /// The overlay's own inside, as version 2 had it: nothing reads it any more.
    Inside,
    /// Anywhere else: the rules for scripts, if its first line names an interpreter of ours.
    Elsewhere,
}

/// The place of a file, by its path below the root, without a slash in front.
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
        [b"s6-overlay", b"s6-rc.d" | b"user-bundles.d", _, .., b"data" | b"env", _] => Place::Beside,
        [b"s6-overlay", b"s6-rc.d" | b"user-bundles.d", ..] | [b"fix-attrs.d", _] => Place::Definition,
        [b"s6-overlay" | b"services.d" | b"cont-init.d" | b"cont-finish.d", ..] => Place::Beside,
        [b"s6", ..] => Place::Inside,
        _ => Place::Elsewhere,
    }
}

/// Folders of the root that hold no files of an image's own.
pub(super) const NOT_THE_IMAGES: &[&[u8]] =
    &[b"proc", b"sys", b"dev", b"run", b"tmp", b"command", b"package", b"lost+found"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (path, expected) in [
            ("etc/cont-init.d/10-x", Place::Program),
            ("etc/cont-init.d/lib/x", Place::Beside),
            ("etc/services.d/app/run", Place::Program),
            ("etc/services.d/app/log/finish", Place::Program),
            ("etc/services.d/app/data/run", Place::Beside),
            ("etc/services.d/app/notification-fd", Place::Beside),
            ("etc/fix-attrs.d/01", Place::Definition),
            ("etc/s6-overlay/s6-rc.d/app/up", Place::Definition),
            ("etc/s6-overlay/s6-rc.d/app/data/check", Place::Beside),
            ("etc/s6-overlay/scripts/x", Place::Beside),
            ("etc/cont-profile.d/lite/s6-overlay/s6-rc.d/app/run", Place::Definition),
            ("etc/cont-profile.d/lite/cont-init.d/1", Place::Program),
            ("etc/s6/init/init-stage2", Place::Inside),
            ("etc/passwd", Place::Elsewhere),
            ("usr/local/bin/x", Place::Elsewhere),
        ] {
            assert_eq!(place(path.as_bytes()), expected, "{path}");
        }
    }
}
