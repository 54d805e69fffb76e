//! Parts of paths, as defined by basename and dirname of POSIX.

/// The last component, without trailing slashes; `/` for the root, `.` for the empty path.
pub(crate) fn basename(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |i| i + 1);
    if end == 0 {
        return path.get(..1).unwrap_or(b".");
    }
    let name = path.get(..end).unwrap_or_default();
    name.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

/// The path before the last component; `.` if there is none.
pub(crate) fn dirname(path: &[u8]) -> &[u8] {
    let trimmed = |p: &[u8]| p.iter().rposition(|b| *b != b'/').map_or(0, |i| i + 1);
    let name = path.get(..trimmed(path)).unwrap_or_default();
    match name.iter().rposition(|b| *b == b'/') {
        None if name.is_empty() && !path.is_empty() => b"/",
        None => b".",
        Some(slash) => {
            let parent = path.get(..slash).unwrap_or_default();
            match parent.get(..trimmed(parent)) {
                Some(rest) if !rest.is_empty() => rest,
                _ => b"/",
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (path, dir, base) in [
            ("a", ".", "a"),
            ("/a", "/", "a"),
            ("a/b", "a", "b"),
            ("/usr/lib/", "/usr", "lib"),
            ("a//b", "a", "b"),
            ("/", "/", "/"),
            ("//", "/", "/"),
            ("..", ".", ".."),
            ("a/.", "a", "."),
            ("", ".", "."),
            ("//a", "/", "a"),
        ] {
            assert_eq!(
                (dirname(path.as_bytes()), basename(path.as_bytes())),
                (dir.as_bytes(), base.as_bytes()),
                "{path}"
            );
        }
    }
}
