//! The names of the two ends of a connection.

use s6_dns::failure::Failure;
use s6_dns::resolver::Resolver;
use std::net::IpAddr;
use tool::clock::Moment;

/// Looks up the first name of each wanted address, concurrently.
pub(crate) fn names(
    resolver: &Resolver,
    wanted: [Option<IpAddr>; 2],
    deadline: Option<Moment>,
) -> [Result<Option<Vec<u8>>, Failure>; 2] {
    let ips: Vec<IpAddr> = wanted.into_iter().flatten().collect();
    let mut found = resolver.names_of(&ips, deadline).into_iter();
    wanted.map(|ip| match ip.and_then(|_| found.next()) {
        Some(names) => names.map(|names| names.into_iter().next()),
        None => Ok(None),
    })
}
