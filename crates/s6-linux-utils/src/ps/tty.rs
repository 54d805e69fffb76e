//! Names of terminals from their device numbers.

use rustix::fs::{FileType, major, makedev, minor};

/// The name below /dev, or `(MAJOR:MINOR)` if it isn't there.
pub(crate) fn name(device: u32) -> String {
    // The kernel packs the number as `new_encode_dev` does: minor bits 0 to 7, major, minor bits 8 to 19.
    let (high, low) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    let id = makedev(high, low);
    let usual = match (high, low) {
        (4, 0..64) => Some(format!("tty{low}")),
        (136..144, _) => Some(format!("pts/{}", u64::from(high - 136) << 20 | u64::from(low))),
        _ => None,
    };
    usual
        .or_else(|| by_event(high, low))
        .filter(|name| is_device(name, id))
        .unwrap_or_else(|| format!("({}:{})", major(id), minor(id)))
}

/// The name that sysfs tells.
fn by_event(high: u32, low: u32) -> Option<String> {
    let text = std::fs::read_to_string(format!("/sys/dev/char/{high}:{low}/uevent")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("DEVNAME=")).map(str::to_owned)
}

fn is_device(name: &str, id: u64) -> bool {
    sys::fs::stat(format!("/dev/{name}")).is_ok_and(|found| {
        FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == id
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_no_terminal_has_numbers() {
        // Major 240, reserved for experiments, minor 513.
        assert_eq!(name(0x20_f001), "(240:513)");
    }
}
