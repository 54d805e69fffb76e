//! The commands of s6-dns, one file each, named after the command with `-` as `_`.

mod s6_dns_hosts_compile;
mod s6_dnsip;
mod s6_dnsip4;
mod s6_dnsip4_filter;
mod s6_dnsip6;
mod s6_dnsip6_filter;
mod s6_dnsmx;
mod s6_dnsname;
mod s6_dnsname_filter;
mod s6_dnsns;
mod s6_dnsq;
mod s6_dnsqr;
mod s6_dnsqualify;
mod s6_dnssoa;
mod s6_dnssrv;
mod s6_dnstxt;
mod s6_randomip;
mod skadnsd;

use tool::Tool;

/// The suite's part of the tool table, sorted by name.
pub const TOOLS: &[&Tool] = &[
    &s6_dns_hosts_compile::TOOL,
    &s6_dnsip::TOOL,
    &s6_dnsip4::TOOL,
    &s6_dnsip4_filter::TOOL,
    &s6_dnsip6::TOOL,
    &s6_dnsip6_filter::TOOL,
    &s6_dnsmx::TOOL,
    &s6_dnsname::TOOL,
    &s6_dnsname_filter::TOOL,
    &s6_dnsns::TOOL,
    &s6_dnsq::TOOL,
    &s6_dnsqr::TOOL,
    &s6_dnsqualify::TOOL,
    &s6_dnssoa::TOOL,
    &s6_dnssrv::TOOL,
    &s6_dnstxt::TOOL,
    &s6_randomip::TOOL,
    &skadnsd::TOOL,
];
