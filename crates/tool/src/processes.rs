//! The processes that /proc shows.

use rustix::fs::{CWD, Dir, Mode, OFlags};
use rustix::io::Errno;
use std::path::Path;
use sys::fs::openat;
use wire::proc_stat::Stat;

/// All processes; those that vanish meanwhile are left out.
///
/// # Errors
/// /proc can't be listed.
pub fn all() -> Result<Vec<Stat>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut found = Vec::new();
    for entry in Dir::new(openat(CWD, "/proc", flags, Mode::empty())?)? {
        if let Some(pid) = wire::number::decimal::<u32>(entry?.file_name().to_bytes()) {
            let text = std::fs::read(Path::new("/proc").join(pid.to_string()).join("stat"));
            found.extend(text.ok().and_then(|text| Stat::parse(&text)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_listed() {
        let own = u64::from(std::process::id());
        assert!(all().unwrap().iter().any(|stat| stat.pid == own));
    }
}
