//! User bundles: from `s6-rc.d/user` to `user-bundles.d/user`.

/// The bundles that images fill.
pub(crate) const NAMES: &[&[u8]] = &[b"user", b"user2"];

/// What is found in a bundle's former folder.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Former {
    /// The first word of `type`, if there is one.
    pub(crate) kind: Option<Vec<u8>>,
    /// What is in `contents.d`.
    pub(crate) contents: Vec<Vec<u8>>,
    /// The lines of the file `contents`.
    pub(crate) listed: Vec<Vec<u8>>,
    /// Everything else in the folder.
    pub(crate) others: Vec<Vec<u8>>,
}

/// A step, in the order in which they are done: at every moment both places together hold all services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The new folder has to be there, with `contents.d` and a `type` that says `bundle`.
    Prepare,
    /// A service gets an (empty) file in the new `contents.d`.
    Add(Vec<u8>),
    /// Something of the folder goes to the new one, under its name.
    Move(Vec<u8>),
    /// The former folder goes, with `type`, `contents`, `contents.d` and what is in that.
    Remove,
}

/// The steps; an error says why a human has to look.
///
/// # Errors
/// The folder isn't a bundle.
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
    // Placeholders such as .gitkeep have nothing to hold any more.
    steps.extend(former.others.iter().filter(|name| !name.starts_with(b".")).cloned().map(Step::Move));
    steps.push(Step::Remove);
    Ok(steps)
}

/// The services that a `contents` file lists: one a line, `#` begins a comment.
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
    fn everything_goes_to_the_new_place_and_then_the_old_one_goes() {
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
    fn a_type_may_be_missing_but_not_another_one() {
        assert_eq!(plan(&Former::default()).unwrap(), [Step::Prepare, Step::Remove]);
        let oneshot = Former { kind: Some(b"oneshot".to_vec()), ..Former::default() };
        assert!(plan(&oneshot).is_err());
    }

    #[test]
    fn lists() {
        assert_eq!(listed(b"# c\n a \r\n\nb"), names(&["a", "b"]));
    }
}
