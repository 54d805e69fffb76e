//! The TLS commands, one file each, named after the command with `-` as `_`.

mod s6_tlsc;
mod s6_tlsc_io;
mod s6_tlsclient;
mod s6_tlsd;
mod s6_tlsd_io;
mod s6_tlsserver;
mod s6_ucspitlsc;
mod s6_ucspitlsd;

use tool::Tool;

/// The program's tools, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_tlsc::TOOL,
    &s6_tlsc_io::TOOL,
    &s6_tlsclient::TOOL,
    &s6_tlsd::TOOL,
    &s6_tlsd_io::TOOL,
    &s6_tlsserver::TOOL,
    &s6_ucspitlsc::TOOL,
    &s6_ucspitlsd::TOOL,
];
