//! Pure: how a user bundle moves from `s6-rc.d/user` to `user-bundles.d/user`.

/// The bundles that images fill.
pub(crate) const NAMES: &[&[u8]] = &[b"user", b"user2"];

/// The former folder of a bundle.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Former {
    /// The first word of `type`, if there is one.
    pub(crate) kind: Option<Vec<u8>>,
    /// The names in `contents.d`.
    pub(crate) contents: Vec<Vec<u8>>,
    /// The services that the file `contents` lists.
    pub(crate) listed: Vec<Vec<u8>>,
    /// The other names in the folder.
    pub(crate) others: Vec<Vec<u8>>,
}

/// A step of the move.  The order of the steps ensures that both places together hold all services at every moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make the new folder, with `contents.d` and a `type` of `bundle`, unless it is there.
    Prepare,
    /// Make an empty file for a service in the new `contents.d`.
    Add(Vec<u8>),
    /// Move a file to the new folder, under its name.
    Move(Vec<u8>),
    /// Remove the former folder, with `type`, `contents`, and `contents.d` and its files.
    Remove,
}

/// Plans the steps.
///
/// # Errors
/// The folder isn't a bundle: the text for the human who has to decide.
pub(crate) fn plan(former: &Former) -> Result<Vec<Step>, &'static str> {
    if former.kind.as_ref().is_some_and(|kind| kind != b"bundle") {
        return Err("isn't a bundle, though it has the name of one");
    }
    let mut steps = vec![Step::Prepare];
    let services = former.contents.iter().filter(|name| !name.starts_with(b".")).chain(&former.listed);
    let mut services: Vec<_> = services.cloned().collect();
    services.sort();
    services.dedup();
    steps.extend(services.into_iter().map(Step::Add));
    // Placeholders such as .gitkeep aren't needed any more.
    steps.extend(former.others.iter().filter(|name| !name.starts_with(b".")).cloned().map(Step::Move));
    steps.push(Step::Remove);
    Ok(steps)
}

/// The services that a `contents` file lists, one per line; `#` begins a comment.
#[must_use]
pub(crate) fn listed(contents: &[u8]) -> Vec<Vec<u8>> {
    let lines = contents.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<Vec<u8>> {
        list.iter().map(|name| name.as_bytes().to_vec()).collect()
    }

    #[test]
    fn everything_moves_before_the_old_folder_is_removed() {
        let former = Former {
            kind: Some(b"bundle".to_vec()),
            contents: names(&["web", ".gitkeep", "db"]),
            listed: names(&["db", "old"]),
            others: names(&["README", ".empty"]),
        };
        let add = |name: &str| Step::Add(name.into());
        let expected =
            [Step::Prepare, add("db"), add("old"), add("web"), Step::Move("README".into()), Step::Remove];
        assert_eq!(plan(&former).unwrap(), expected);
    }

    #[test]
    fn a_bundle_may_lack_a_type_but_not_have_another_one() {
        assert_eq!(plan(&Former::default()).unwrap(), [Step::Prepare, Step::Remove]);
        let oneshot = Former { kind: Some(b"oneshot".to_vec()), ..Former::default() };
        assert!(plan(&oneshot).is_err());
    }

    #[test]
    fn a_list_has_comments_and_blanks() {
        assert_eq!(listed(b"# c\n a \r\n\nb"), names(&["a", "b"]));
    }
}
