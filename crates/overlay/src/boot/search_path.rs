//! The PATH that everything in the container gets.

/// Adds /bin, /usr/bin and /command in front where they are missing; what was there keeps its order.
#[must_use]
pub fn complete(path: &[u8]) -> Vec<u8> {
    let mut dirs: Vec<&[u8]> =
        if path.is_empty() { vec![b"/bin"] } else { path.split(|b| *b == b':').collect() };
    for needed in [&b"/bin"[..], b"/usr/bin", b"/command"] {
        if !dirs.contains(&needed) {
            dirs.insert(0, needed);
        }
    }
    dirs.join(&b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_goes_in_front() {
        assert_eq!(complete(b""), b"/command:/usr/bin:/bin");
        assert_eq!(complete(b"/usr/bin:/bin"), b"/command:/usr/bin:/bin");
        assert_eq!(complete(b"/opt/x:/bin"), b"/command:/usr/bin:/opt/x:/bin");
        assert_eq!(complete(b"/bin:/usr/sbin:/usr/bin:/command"), b"/bin:/usr/sbin:/usr/bin:/command");
    }
}
