//! What to do about one path: a function of what is wanted there and what is found.

use std::borrow::Cow;

/// What is to be at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// A directory, or a link to one.
    Directory,
    /// A file with these contents.
    File {
        /// What is in it.
        content: &'a [u8],
        /// Its mode.
        mode: u32,
        /// One of our programs: nobody edits it, so another one is an older or newer release of ours.
        own: bool,
    },
    /// A symbolic link.
    Link(Cow<'static, str>),
}

/// What is at a path, in the light of what is wanted there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or not even the directory.
    Nothing,
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// It has the wanted contents.
        same_content: bool,
        /// It has the wanted mode and owner.
        same_attributes: bool,
    },
    /// A symbolic link.
    Link {
        /// It leads where the wanted one does.
        same: bool,
    },
    /// A device, a socket, …
    Special,
    /// This, on the way to the path, isn't a directory.
    Blocked(String),
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is there.
    Keep,
    /// There is nothing yet.
    Make,
    /// What is there makes room.
    Replace,
}

/// Why nothing can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Something else is there, which `--force` would replace.
    Foreign(&'static str),
    /// A directory, which is never replaced.
    Directory,
    /// This, on the way, isn't a directory; neither is it replaced.
    Blocked(String),
}

/// Decides.
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
        (_, Found::Link { .. }) => foreign("a link to something else"),
        (_, Found::Special) => foreign("a special file"),
        (Wanted::Link(_), Found::File { .. }) => foreign("a file of the image"),
        (Wanted::File { own, .. }, Found::File { same_content, same_attributes }) => {
            match (same_content, same_attributes) {
                (true, true) => Ok(Step::Keep),
                (true, false) => Ok(Step::Replace),
                (false, _) if *own => Ok(Step::Replace),
                (false, _) => foreign("a file with other contents"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Wanted<'_> = Wanted::File { content: b"x", mode: 0o755, own: true };
    const DATA: Wanted<'_> = Wanted::File { content: b"x", mode: 0o644, own: false };
    const LINK: Wanted<'_> = Wanted::Link(Cow::Borrowed("x"));

    fn file(same_content: bool, same_attributes: bool) -> Found {
        Found::File { same_content, same_attributes }
    }

    #[test]
    fn what_is_there_stays_and_what_is_missing_is_made() {
        for (wanted, there) in [
            (OURS, file(true, true)),
            (DATA, file(true, true)),
            (LINK, Found::Link { same: true }),
            (Wanted::Directory, Found::Directory),
        ] {
            for force in [false, true] {
                assert_eq!(decide(&wanted, &there, force), Ok(Step::Keep));
                assert_eq!(decide(&wanted, &Found::Nothing, force), Ok(Step::Make));
            }
        }
    }

    #[test]
    fn an_older_program_and_wrong_modes_are_mended() {
        assert_eq!(decide(&OURS, &file(false, true), false), Ok(Step::Replace));
        assert_eq!(decide(&OURS, &file(true, false), false), Ok(Step::Replace));
        assert_eq!(decide(&DATA, &file(true, false), false), Ok(Step::Replace));
    }

    #[test]
    fn what_is_not_ours_goes_by_force_only() {
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
