//! The processes in /proc.

use rustix::fs::CWD;
use rustix::io::Errno;
use std::path::Path;
use wire::proc_stat::Stat;

/// All processes, without those that vanish meanwhile.
///
/// # Errors
/// /proc can't be listed.
pub fn all() -> Result<Vec<Stat>, Errno> {
    let mut found = Vec::new();
    files::for_each_entry(files::open_dir(CWD, b"/proc")?, &mut |name, _| {
        if let Some(pid) = wire::number::decimal::<u32>(name.to_bytes()) {
            let text = std::fs::read(Path::new("/proc").join(pid.to_string()).join("stat"));
            found.extend(text.ok().and_then(|text| Stat::parse(&text)));
        }
        Ok(())
    })?;
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
