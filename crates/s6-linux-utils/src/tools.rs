//! The commands of s6-linux-utils, one file each, named after the command with `-` as `_`.

mod fstab2s6rc;
mod rngseed;
mod s6_chroot;
mod s6_freeramdisk;
mod s6_hostname;
mod s6_linux_utils;
mod s6_logwatch;
mod s6_mount;
mod s6_pivotchroot;
mod s6_ps;
mod s6_swapoff;
mod s6_swapon;
mod s6_umount;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &fstab2s6rc::TOOL,
    &rngseed::TOOL,
    &s6_chroot::TOOL,
    &s6_freeramdisk::TOOL,
    &s6_hostname::TOOL,
    &s6_linux_utils::TOOL,
    &s6_logwatch::TOOL,
    &s6_mount::TOOL,
    &s6_pivotchroot::TOOL,
    &s6_ps::TOOL,
    &s6_swapoff::TOOL,
    &s6_swapon::TOOL,
    &s6_umount::TOOL,
];
