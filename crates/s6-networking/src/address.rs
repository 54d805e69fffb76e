//! Addresses and ports in arguments and variables.

use std::net::{IpAddr, SocketAddr};
use tool::{Env, Fatal, diag};
use wire::number;

/// The limit of addresses tried for one host.
pub(crate) const MAX_ADDRESSES: usize = 16;

/// Parses an IPv4 or IPv6 address.
#[must_use]
pub fn ip(word: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Parses addresses separated by commas, semicolons or blanks, at most [`MAX_ADDRESSES`].
pub(crate) fn ips(word: &[u8]) -> Option<Vec<IpAddr>> {
    let is_separator = |b: &u8| matches!(b, b',' | b';' | b' ' | b'\t' | b'\r' | b'\n');
    let words = word.split(is_separator).filter(|w| !w.is_empty()).take(MAX_ADDRESSES);
    words.map(ip).collect::<Option<Vec<_>>>().filter(|ips| !ips.is_empty())
}

/// Parses a port, a decimal number.
#[must_use]
pub fn port(word: &[u8]) -> Option<u16> {
    number::decimal(word)
}

/// Parses an address and a port, two operands.
///
/// # Errors
/// One of them is invalid: code 100.
pub(crate) fn operands(ip_word: &[u8], port_word: &[u8]) -> Result<SocketAddr, Fatal> {
    let address = ip(ip_word)
        .ok_or_else(|| Fatal::user(format_args!("invalid IP address: {}", diag::show(ip_word))))?;
    let port = port(port_word)
        .ok_or_else(|| Fatal::user(format_args!("invalid port: {}", diag::show(port_word))))?;
    Ok(SocketAddr::new(address, port))
}

/// Reads the variables `${PROTO}SIDEIP` and `${PROTO}SIDEPORT`; the side is LOCAL or REMOTE.
///
/// # Errors
/// One of them isn't set or is invalid: code 100.
pub(crate) fn of_side(env: &Env, protocol: &[u8], side: &str) -> Result<SocketAddr, Fatal> {
    let variable = |suffix: &str| {
        let name = [protocol, side.as_bytes(), suffix.as_bytes()].concat();
        match env.get(&name) {
            Some(value) => Ok((name, value)),
            None => Err(Fatal::user(format_args!("variable {} is not set", diag::show(&name)))),
        }
    };
    let invalid = |name: &[u8], value: &[u8]| {
        Fatal::user(format_args!("invalid variable {}: {}", diag::show(name), diag::show(value)))
    };
    let (name, value) = variable("IP")?;
    let address = ip(value).ok_or_else(|| invalid(&name, value))?;
    let (name, value) = variable("PORT")?;
    let port = port(value).ok_or_else(|| invalid(&name, value))?;
    Ok(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_lists() {
        assert_eq!(ip(b"127.0.0.1").unwrap().to_string(), "127.0.0.1");
        assert_eq!(ip(b"0:0::1").unwrap().to_string(), "::1");
        for bad in [&b""[..], b"127.0.0", b"1.2.3.256", b"localhost", b":::", b"::1%lo", b"1.2.3.4 "] {
            assert_eq!(ip(bad), None, "{bad:?}");
        }
        assert_eq!(ips(b"127.0.0.1, ::1;").unwrap().len(), 2);
        assert_eq!(ips(b"127.0.0.1,x"), None);
        assert_eq!(ips(b""), None);
        assert_eq!(ips(&b"::1,".repeat(40)).unwrap().len(), 16);
    }

    #[test]
    fn ports_fit() {
        assert_eq!(port(b"65535"), Some(65535));
        for bad in [&b""[..], b"65536", b"-1", b"http", b"80 "] {
            assert_eq!(port(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn variables_of_a_side() {
        let env = Env::from_vars(vec![b"TCPREMOTEIP=::1".to_vec(), b"TCPREMOTEPORT=9".to_vec()]);
        assert_eq!(of_side(&env, b"TCP", "REMOTE").unwrap().to_string(), "[::1]:9");
        let missing = of_side(&env, b"TCP", "LOCAL").unwrap_err();
        assert_eq!((missing.code(), missing.message()), (100, "variable TCPLOCALIP is not set"));
        let env = Env::from_vars(vec![b"XREMOTEIP=::1".to_vec(), b"XREMOTEPORT=x".to_vec()]);
        assert_eq!(of_side(&env, b"X", "REMOTE").unwrap_err().message(), "invalid variable XREMOTEPORT: x");
    }
}
