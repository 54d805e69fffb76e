//! The commands of s6-linux-init, one file each, named after the command with `-` as `_`.

mod halt;
mod poweroff;
mod reboot;
mod s6_linux_init;
mod s6_linux_init_echo;
mod s6_linux_init_hpr;
mod s6_linux_init_logouthookd;
mod s6_linux_init_maker;
mod s6_linux_init_nuke;
mod s6_linux_init_shutdown;
mod s6_linux_init_shutdownd;
mod s6_linux_init_telinit;
mod s6_linux_init_umountall;
mod shutdown;
mod telinit;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &halt::TOOL,
    &poweroff::TOOL,
    &reboot::TOOL,
    &s6_linux_init::TOOL,
    &s6_linux_init_echo::TOOL,
    &s6_linux_init_hpr::TOOL,
    &s6_linux_init_logouthookd::TOOL,
    &s6_linux_init_maker::TOOL,
    &s6_linux_init_nuke::TOOL,
    &s6_linux_init_shutdown::TOOL,
    &s6_linux_init_shutdownd::TOOL,
    &s6_linux_init_telinit::TOOL,
    &s6_linux_init_umountall::TOOL,
    &shutdown::TOOL,
    &telinit::TOOL,
];
