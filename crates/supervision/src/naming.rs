//! The mistake of naming a service where its directory is wanted.

use crate::control::join;
use rustix::fs::{AtFlags, CWD};
use tool::diag::show;
use tool::{Fatal, similar};

/// The scan directory of a container.
pub(crate) const SCANDIR: &[u8] = b"/run/service";

/// Adds to an error what to write instead, if one of these service directories is the name of a service of the container, or
/// resembles one.
#[must_use]
pub fn advised(fatal: Fatal, tool: &str, dirs: &[Vec<u8>]) -> Fatal {
    let advice = dirs.iter().find_map(|dir| advice(tool, dir, SCANDIR)).unwrap_or_default();
    fatal.and(&advice)
}

/// What to write instead of `dir`, for the end of a message; empty for a path, for what is there, and for a name that resembles
/// no service's.
#[must_use]
pub fn advice_for(tool: &str, dir: &[u8]) -> String {
    advice(tool, dir, SCANDIR).unwrap_or_default()
}

fn advice(tool: &str, dir: &[u8], scandir: &[u8]) -> Option<String> {
    let is_there = |path: &[u8]| sys::fs::statat(CWD, path, AtFlags::empty()).is_ok();
    if dir.contains(&b'/') || dir.is_empty() || is_there(dir) {
        return None;
    }
    let path = join(scandir, &[dir]);
    if is_there(&path) {
        let path = show(&path);
        return Some(format!(" (services are named by their directories: write {tool} {path})"));
    }
    let names = files::names(files::open_dir(CWD, scandir).ok()?).ok()?;
    let meant = similar(dir, names.iter().map(Vec::as_slice).filter(|name| !name.starts_with(b".")))?;
    Some(format!(" (did you mean {tool} {}?)", show(&join(scandir, &[meant]))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_name_leads_to_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["web", "mailer", ".s6-svscan"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let scandir = dir.path().as_os_str().as_bytes();
        let advice = |name: &str| advice("s6-svstat", name.as_bytes(), scandir).unwrap_or_default();
        let at = |name: &str| tool::diag::shown(&join(scandir, &[name.as_bytes()]));
        assert_eq!(
            advice("web"),
            format!(" (services are named by their directories: write s6-svstat {})", at("web"))
        );
        assert_eq!(advice("mialer"), format!(" (did you mean s6-svstat {}?)", at("mailer")));
        for other in ["", ".", "./web", "/run/web", "cron", "s6-svscan"] {
            assert_eq!(advice(other), "", "{other}");
        }
        let fatal = advised(Fatal::new(1, "unable to"), "s6-svc", &[b"/x".to_vec(), b"no-such".to_vec()]);
        assert_eq!((fatal.code(), fatal.message()), (1, "unable to"));
    }
}
