//! Names of terminals from their device numbers.

use rustix::fs::{FileType, major, makedev, minor};

/// The name below /dev, or `(MAJOR:MINOR)` if there is none.
pub(crate) fn name(device: u32) -> String {
    // The kernel's `new_encode_dev` packs the number: minor bits 0 to 7, major, minor bits 8 to 19.
    let (high, low) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    let id = makedev(high, low);
    let usual = match (high, low) {
        (4, 0..64) => Some(format!("tty{low}")),
        (136..144, _) => Some(format!("pts/{}", u64::from(high - 136) << 20 | u64::from(low))),
        _ => None,
    };
    usual
        .or_else(|| name_in_sysfs(high, low))
        .filter(|name| is_device(name, id))
        .unwrap_or_else(|| format!("({}:{})", major(id), minor(id)))
}

/// The device's name in sysfs.
fn name_in_sysfs(high: u32, low: u32) -> Option<String> {
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
    fn a_device_without_a_name_is_shown_by_numbers() {
        // Major 240, reserved for experiments, minor 513.
        assert_eq!(name(0x20_f001), "(240:513)");
    }
}
