//! What all benches share: statistics and how they print, and what processes cost.

/// The middle of the values; NaN without any.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.wrapping_sub(1)), at(middle)) }
}

/// Seconds as milliseconds, for people.
pub fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1000.0)
}

/// Seconds as a number of microseconds, for people.
pub fn microseconds(seconds: f64) -> String {
    format!("{:.1}", seconds * 1_000_000.0)
}

/// Memory of processes, in KiB.
#[derive(Debug, Default, Clone, Copy)]
pub struct Memory {
    /// Private dirty pages.
    pub private: u64,
    /// Private clean pages: of files, mapped by this process only.
    pub clean: u64,
    /// Memory that is no file's.
    pub anonymous: u64,
    /// Proportional set size.
    pub proportional: u64,
}

impl Memory {
    /// What a process has; `None` if it is gone.
    pub fn of(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let field = |name: &str| -> u64 {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.and_then(|v| v.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
        };
        let (private, clean) = (field("Private_Dirty:"), field("Private_Clean:"));
        Some(Self { private, clean, anonymous: field("Anonymous:"), proportional: field("Pss:") })
    }
}

/// The processes in the container's pid namespace.
pub fn processes_of(container: &sandbox::Container) -> std::io::Result<Vec<u32>> {
    let namespace = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/pid"));
    let own = namespace(container.pid())?;
    let entries = std::fs::read_dir("/proc")?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter(|pid| namespace(*pid).is_ok_and(|other| other == own)).collect())
}

impl std::iter::Sum for Memory {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            private: sum.private + one.private,
            clean: sum.clean + one.clean,
            anonymous: sum.anonymous + one.anonymous,
            proportional: sum.proportional + one.proportional,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(milliseconds(0.01234), "12.3 ms");
        assert_eq!(microseconds(0.000_012_34), "12.3");
    }
}
