//! Whether a logger may write to its log directory, and in one line why not.

use rustix::fs::{Access, FileType, Stat};
use rustix::io::Errno;
use tool::{Fatal, OrUnable, diag};

/// Checks that this process may log into a directory, which need not exist yet.
///
/// # Errors
/// It may not: the message names the directory or file, its owner and its mode; code 111.
pub(crate) fn check(dir: &[u8]) -> Result<(), Fatal> {
    let allowed = |path: &[u8], access| sys::fs::access(path, access);
    let need = Access::WRITE_OK | Access::EXEC_OK;
    let (place, st) = match sys::fs::stat(dir) {
        Ok(st) if !FileType::from_raw_mode(st.st_mode).is_dir() => {
            return Err(Fatal::new(
                111,
                format_args!("unable to log into {}: it is no directory", diag::show(dir)),
            ));
        }
        Ok(st) => (dir.to_vec(), st),
        Err(Errno::NOENT) => {
            let parent = parent(dir);
            let st = sys::fs::stat(parent.as_slice()).or_unable(|| {
                format!("log into {}, which has to be made in {}", diag::show(dir), diag::show(&parent))
            })?;
            (parent, st)
        }
        Err(e) => return Err(Fatal::unable(format_args!("log into {}", diag::show(dir)), e)),
    };
    allowed(&place, need).map_err(|e| refusal(dir, &place, &st, e))?;
    for name in ["lock", "current", "state"] {
        let file = [dir, b"/", name.as_bytes()].concat();
        if let Ok(st) = sys::fs::stat(file.as_slice()) {
            allowed(&file, Access::WRITE_OK).map_err(|e| refusal(dir, &file, &st, e))?;
        }
    }
    Ok(())
}

/// The directory that holds a path.
fn parent(path: &[u8]) -> Vec<u8> {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |i| i.saturating_add(1));
    let name = path.get(..end).unwrap_or_default();
    match name.iter().rposition(|b| *b == b'/') {
        None => b".".to_vec(),
        Some(0) => b"/".to_vec(),
        Some(slash) => name.get(..slash).unwrap_or_default().to_vec(),
    }
}

fn refusal(dir: &[u8], place: &[u8], st: &Stat, e: Errno) -> Fatal {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let (dir, place) = (diag::show(dir), diag::show(place));
    let text = format!(
        "unable to log into {dir}: {}: the logger runs as {uid}:{gid}, {place} belongs to {}:{} and has mode {:04o}",
        sys::strerror(e),
        st.st_uid,
        st.st_gid,
        st.st_mode & 0o7777
    );
    Fatal::new(111, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_of_a_path_ignores_trailing_slashes() {
        for (path, expected) in [("/a/b/", "/a"), ("/a", "/"), ("./a", "."), ("..", "."), ("a//b", "a/")] {
            assert_eq!(parent(path.as_bytes()), expected.as_bytes(), "{path}");
        }
    }
}
