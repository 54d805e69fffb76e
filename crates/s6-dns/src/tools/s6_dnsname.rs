//! `s6-dnsname`: prints the names of an address.

use crate::look_up::{HOSTS, NO_HOSTS, RANDOM, TIMEOUT, deadline, print, resolve, use_hosts};
use crate::resolv_conf::address;
use crate::resolver::Resolver;
use std::net::IpAddr;
use tool::{Call, Fatal, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-dnsname",
    summary: "print the names of an address",
    operands: "ip",
    options: &[
        Opt::flag('4', "accept an IPv4 address"),
        Opt::flag('6', "accept an IPv6 address; without -4 and -6: either"),
        NO_HOSTS,
        HOSTS,
        RANDOM,
        TIMEOUT,
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let word = call.shift()?;
    let either = options.has('4') == options.has('6');
    let is_wanted = |ip: &IpAddr| either || options.has('4') == ip.is_ipv4();
    let ip = address(&word).filter(is_wanted).ok_or_else(Fatal::usage)?;
    let deadline = deadline(&options)?;
    let resolver = Resolver::new(&call.env, use_hosts(&options), &|text| call.warn(text))?;
    let names = resolver.names(ip, deadline).map_err(|failure| failure.fatal(&resolve(&word)))?;
    print(names, &options)
}
