//! The commands of overlay, one file each, named after the command with `-` as `_`.

mod cmdsig;
mod cont_finish;
mod cont_init;
mod fix_attrs;
mod fix_attrs_main;
mod init;
mod logutil_newfifo;
mod logutil_service;
mod logutil_service_main;
mod preinit;
mod printcontenv;
mod rc_init;
mod rc_shutdown;
mod rc_shutdown_final;
mod s6_overlay_consequence;
mod s6_overlay_stat;
mod s6_overlay_suexec;
mod services_down;
mod services_up;
mod stage0;
mod syslogd_prepare;
mod with_contenv;
mod with_retries;

pub(crate) use s6_overlay_suexec::block_env;
use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &cmdsig::TOOL,
    &cont_finish::TOOL,
    &cont_init::TOOL,
    &fix_attrs::TOOL,
    &fix_attrs_main::TOOL,
    &init::TOOL,
    &logutil_newfifo::TOOL,
    &logutil_service::TOOL,
    &logutil_service_main::TOOL,
    &preinit::TOOL,
    &printcontenv::TOOL,
    &rc_init::TOOL,
    &rc_shutdown::TOOL,
    &rc_shutdown_final::TOOL,
    &s6_overlay_consequence::TOOL,
    &s6_overlay_stat::TOOL,
    &s6_overlay_suexec::TOOL,
    &services_down::TOOL,
    &services_up::TOOL,
    &stage0::TOOL,
    &syslogd_prepare::TOOL,
    &with_contenv::TOOL,
    &with_retries::TOOL,
];
