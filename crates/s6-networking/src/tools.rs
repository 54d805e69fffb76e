//! The commands of s6-networking, one file each, named after the command with `-` as `_`.

mod proxy_server;
mod s6_clockadd;
mod s6_clockview;
mod s6_getservbyname;
mod s6_ident_client;
mod s6_sntpclock;
mod s6_taiclock;
mod s6_taiclockd;
mod s6_tcpclient;
mod s6_tcpserver;
mod s6_tcpserver_access;
mod s6_tcpserver_socketbinder;
mod s6_tcpserverd;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &proxy_server::TOOL,
    &s6_clockadd::TOOL,
    &s6_clockview::TOOL,
    &s6_getservbyname::TOOL,
    &s6_ident_client::TOOL,
    &s6_sntpclock::TOOL,
    &s6_taiclock::TOOL,
    &s6_taiclockd::TOOL,
    &s6_tcpclient::TOOL,
    &s6_tcpserver::TOOL,
    &s6_tcpserver_access::TOOL,
    &s6_tcpserver_socketbinder::TOOL,
    &s6_tcpserverd::TOOL,
];
