//! Pure: the PATH of everything in the container.

use crate::environment::variables::PATH;

/// Puts the missing directories of the default in front; the others keep their order.
#[must_use]
pub(crate) fn complete(path: &[u8]) -> Vec<u8> {
    let mut dirs: Vec<&[u8]> =
        if path.is_empty() { Vec::new() } else { path.split(|b| *b == b':').collect() };
    for needed in PATH.kind.0.as_bytes().rsplit(|b| *b == b':') {
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
    fn missing_directories_go_in_front() {
        assert_eq!(complete(b""), b"/command:/usr/bin:/bin");
        assert_eq!(complete(b"/usr/bin:/bin"), b"/command:/usr/bin:/bin");
        assert_eq!(complete(b"/opt/x:/bin"), b"/command:/usr/bin:/opt/x:/bin");
        assert_eq!(complete(b"/bin:/usr/sbin:/usr/bin:/command"), b"/bin:/usr/sbin:/usr/bin:/command");
    }
}
