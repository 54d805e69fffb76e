//! How many processors a container may use.

use files::read_file;
use rustix::fs::CWD;
use rustix::thread::sched_getaffinity;
use tool::path::split;
use wire::cgroup::{Version, path, processors};

/// At most this much is read of a file.
const FILE_MAX: usize = 8192;

/// Where control groups are, as a container sees them: of version 2, and of version 1's controller.
const ROOTS: [(&str, Version); 2] = [("/sys/fs/cgroup", Version::Two), ("/sys/fs/cgroup/cpu", Version::One)];

/// At most so many groups are above a process.
const DEPTH_MAX: usize = 32;

/// The processors that this process may run on, or fewer if its control group, or one above it that can be seen, has a smaller
/// quota; at least one.
pub(super) fn cpus() -> u32 {
    let allowed = sched_getaffinity(None).map_or(1, |set| set.count());
    let own = read_file(CWD, b"/proc/self/cgroup", FILE_MAX).unwrap_or_default();
    let mut quotas = Vec::new();
    for (root, version) in ROOTS {
        quotas.extend(quota(root.as_bytes(), version));
        // Where a container sees the groups of others, too, its own is below.
        let mut below = path(&own, "cpu", version).unwrap_or_default();
        for _ in 0..DEPTH_MAX {
            if below.len() < 2 {
                break;
            }
            quotas.extend(quota(&[root.as_bytes(), below].concat(), version));
            below = split(below).0;
        }
    }
    processors(allowed, &quotas)
}

/// What a group's files say.
fn quota(group: &[u8], version: Version) -> Option<Vec<u8>> {
    let read = |name: &str| read_file(CWD, &[group, b"/", name.as_bytes()].concat(), FILE_MAX).ok();
    match version {
        Version::Two => read("cpu.max"),
        Version::One => {
            let quota = read("cpu.cfs_quota_us")?;
            Some([quota.trim_ascii(), b" ", read("cpu.cfs_period_us")?.trim_ascii()].concat())
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_machine_has_processors() {
        assert!(super::cpus() > 0);
    }
}
