//! Pure: what to do about a path, from what is wanted and what is found there.

use std::borrow::Cow;

/// What is wanted at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// A directory, or a link to one.
    Directory,
    /// A file with these contents.
    File {
        /// Its contents.
        content: &'a [u8],
        /// Its mode.
        mode: u32,
        /// Whether it is a program of ours.  Images don't edit programs, so one with other contents is another release.
        is_program: bool,
    },
    /// A symbolic link.
    Link(Cow<'static, str>),
}

/// What is found at a path, compared with what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing; its directory may be missing, too.
    Nothing,
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Whether it has the wanted contents.
        same_content: bool,
        /// Whether it has the wanted mode and owner.
        same_attributes: bool,
    },
    /// A symbolic link.
    Link {
        /// Whether it has the wanted target; where a file is wanted, whether it is the link to the program that an earlier
        /// release had there.
        same: bool,
    },
    /// A device, a socket or a FIFO.
    Special,
    /// This part of the path isn't a directory.
    Blocked(String),
}

/// What to do at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: what is wanted is there.
    Keep,
    /// Make it: nothing is there.
    Make,
    /// Replace what is there.
    Replace,
}

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Something of others, which `--force` replaces.
    Foreign(&'static str),
    /// A directory, which is never replaced.
    Directory,
    /// This part of the path isn't a directory, and is never replaced.
    Blocked(String),
}

/// Decides what to do at a path.
///
/// # Errors
/// What is in the way.
pub(crate) fn decide(wanted: &Wanted<'_>, found: &Found, force: bool) -> Result<Step, Obstacle> {
    let foreign = |what| if force { Ok(Step::Replace) } else { Err(Obstacle::Foreign(what)) };
    match (wanted, found) {
        (_, Found::Blocked(at)) => Err(Obstacle::Blocked(at.clone())),
        (_, Found::Nothing) => Ok(Step::Make),
        (Wanted::Directory, Found::Directory) => Ok(Step::Keep),
        (_, Found::Directory) => Err(Obstacle::Directory),
        // Links to directories were followed.
        (Wanted::Directory, _) => Err(Obstacle::Blocked(String::new())),
        (Wanted::Link(_), Found::Link { same: true }) => Ok(Step::Keep),
        (Wanted::File { .. }, Found::Link { same: true }) => Ok(Step::Replace),
        (_, Found::Link { .. }) => foreign("a link to something else"),
        (_, Found::Special) => foreign("a special file"),
        (Wanted::Link(_), Found::File { .. }) => foreign("a file of the image"),
        (Wanted::File { is_program, .. }, Found::File { same_content, same_attributes }) => {
            match (same_content, same_attributes) {
                (true, true) => Ok(Step::Keep),
                (true, false) => Ok(Step::Replace),
                (false, _) if *is_program => Ok(Step::Replace),
                (false, _) => foreign("a file with other contents"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Wanted<'_> = Wanted::File { content: b"x", mode: 0o755, is_program: true };
    const DATA: Wanted<'_> = Wanted::File { content: b"x", mode: 0o644, is_program: false };
    const LINK: Wanted<'_> = Wanted::Link(Cow::Borrowed("x"));

    fn file(same_content: bool, same_attributes: bool) -> Found {
        Found::File { same_content, same_attributes }
    }

    #[test]
    fn what_is_present_is_kept_and_what_is_missing_is_made() {
        for (wanted, found) in [
            (OURS, file(true, true)),
            (DATA, file(true, true)),
            (LINK, Found::Link { same: true }),
            (Wanted::Directory, Found::Directory),
        ] {
            for force in [false, true] {
                assert_eq!(decide(&wanted, &found, force), Ok(Step::Keep));
                assert_eq!(decide(&wanted, &Found::Nothing, force), Ok(Step::Make));
            }
        }
    }

    #[test]
    fn another_release_and_wrong_modes_are_replaced() {
        assert_eq!(decide(&OURS, &file(false, true), false), Ok(Step::Replace));
        assert_eq!(decide(&OURS, &file(true, false), false), Ok(Step::Replace));
        assert_eq!(decide(&DATA, &file(true, false), false), Ok(Step::Replace));
        assert_eq!(decide(&DATA, &Found::Link { same: true }, false), Ok(Step::Replace));
    }

    #[test]
    fn files_of_others_are_replaced_only_by_force() {
        for (wanted, found) in [
            (DATA, file(false, true)),
            (LINK, file(false, false)),
            (LINK, Found::Link { same: false }),
            (OURS, Found::Link { same: false }),
            (LINK, Found::Special),
        ] {
            assert!(matches!(decide(&wanted, &found, false), Err(Obstacle::Foreign(_))), "{found:?}");
            assert_eq!(decide(&wanted, &found, true), Ok(Step::Replace), "{found:?}");
        }
    }

    #[test]
    fn directories_are_never_replaced_and_files_never_become_directories() {
        for force in [false, true] {
            assert_eq!(decide(&LINK, &Found::Directory, force), Err(Obstacle::Directory));
            assert_eq!(decide(&OURS, &Found::Directory, force), Err(Obstacle::Directory));
            let blocked = Obstacle::Blocked("usr/bin".into());
            assert_eq!(decide(&LINK, &Found::Blocked("usr/bin".into()), force), Err(blocked));
            assert!(decide(&Wanted::Directory, &file(false, false), force).is_err());
        }
    }
}
