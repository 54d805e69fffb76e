//! The text of an address, as the reference writes it: in variables, logs and the names of access rules.

use std::net::IpAddr;

/// `192.0.2.1`, or groups of hexadecimal digits where the longest run of at least two zeros is `::`.  IPv6 addresses that
/// an IPv4 address is embedded in are no exception: `::ffff:c000:201`.
#[must_use]
pub fn text(ip: IpAddr) -> String {
    match ip {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => {
            let [.., high, low] = v6.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        _ => ip.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_addresses_are_hexadecimal() {
        let text = |ip: &str| text(ip.parse().unwrap());
        assert_eq!(text("::ffff:10.0.0.1"), "::ffff:a00:1");
        assert_eq!(text("::ffff:0.0.0.0"), "::ffff:0:0");
        assert_eq!(text("::10.0.0.1"), "::a00:1");
        assert_eq!(text("2001:DB8:0:0::1"), "2001:db8::1");
        assert_eq!(text("10.0.0.1"), "10.0.0.1");
    }
}
