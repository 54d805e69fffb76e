//! The commands of s6-dns, one file each, named after the command with `-` as `_`.

mod debug;
mod filter;
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

use crate::families::Families;
use crate::random;
use crate::record::Type;
use crate::resolver::Resolver;
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Out, Outcome, Tool, diag};

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

const QUALIFY: Opt =
    Opt::flag('q', "try the suffixes of resolv.conf or DNSQUALIFY; the first name that exists is used");
const NO_HOSTS: Opt = Opt::flag('H', "don't search the hosts file (default)");
const HOSTS: Opt = Opt::flag('h', "search the hosts file first");
const RANDOM: Opt = Opt::flag('r', "print in random order");
const TIMEOUT: Opt =
    Opt::value('t', "timeout", "give up after this many milliseconds, with code 99; 0: never (default)");

/// The options of a look-up in the DNS.
const LOOK_UP: &[Opt] = &[QUALIFY, RANDOM, TIMEOUT];
/// The options of a look-up in the DNS and the hosts file.
const WITH_HOSTS: &[Opt] = &[QUALIFY, NO_HOSTS, HOSTS, RANDOM, TIMEOUT];

fn deadline(options: &Options) -> Result<Option<Moment>, Fatal> {
    Ok(clock::deadline(options.number('t')?))
}

fn use_hosts(options: &Options) -> bool {
    options.last_of("hH") == Some('h')
}

/// The main function of a tool that looks up addresses.
fn addresses(call: &mut Call, families: Families) -> Outcome {
    let options = call.options()?;
    let name = call.shift()?;
    let deadline = deadline(&options)?;
    let resolver = Resolver::new(&call.env, use_hosts(&options))?;
    let found = resolver.addresses(&name, families, options.has('q'), deadline);
    let found = found.map_err(|failure| failure.fatal(&resolve(&name)))?;
    print(found.into_iter().map(|ip| wire::ip::text(ip).into_bytes()).collect(), &options)
}

/// The main function of a tool that looks up records of a type; its operand is the name.
fn records(call: &mut Call, rtype: Type) -> Outcome {
    let options = call.options()?;
    let name = call.shift()?;
    records_of(call, &options, &name, rtype)
}

fn records_of(call: &Call, options: &Options, name: &[u8], rtype: Type) -> Outcome {
    let deadline = deadline(options)?;
    let resolver = Resolver::new(&call.env, false)?;
    let found = resolver.look_up(name, &[rtype], options.has('q'), deadline);
    let found = found.map_err(|failure| failure.fatal(&resolve(name)))?;
    print(found.iter().map(crate::record::Data::text).collect(), options)
}

fn resolve(name: &[u8]) -> String {
    format!("resolve {}", diag::show(name))
}

/// Prints the results, in random order with `-r`; code 1 if there are none.
fn print(mut lines: Vec<Vec<u8>>, options: &Options) -> Outcome {
    if lines.is_empty() {
        return Ok(Next::Exit(1));
    }
    if options.has('r') {
        random::shuffle(&mut lines).or_unable(|| "get random numbers")?;
    }
    let mut out = Out::new();
    for line in lines {
        out.line(&line)?;
    }
    out.finish()
}
