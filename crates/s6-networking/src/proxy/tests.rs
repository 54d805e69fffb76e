//! Headers as proxies write them, and damaged ones.

use super::*;
use proptest::prelude::*;

/// Feeds `input` like a reader; returns the result, and how many bytes were read.
fn read(input: &[u8], versions: Versions) -> (Result<Option<Header>, Wrong>, usize) {
    let mut length = 0;
    loop {
        match step(&input[..length], versions) {
            Err(wrong) => return (Err(wrong), length),
            Ok(Step::Done(header)) => return (Ok(Some(header)), length),
            Ok(Step::Read(n)) => {
                assert!(n > 0);
                if length == input.len() {
                    return (Ok(None), length);
                }
                length = (length + n).min(input.len());
            }
        }
    }
}

fn tcp(remote: &str, local: &str) -> Option<Ends> {
    Some(Ends::Tcp { remote: remote.parse().unwrap(), local: local.parse().unwrap() })
}

#[test]
fn the_limits_of_a_header() {
    assert_eq!((MIN_LINE, MAX_LINE), (15, 107));
    assert_eq!(step(&SIGNATURE, Versions::Both), Ok(Step::Read(4)));
    let longest = [&SIGNATURE[..], &[0x21, 0x11, 0xff, 0xff]].concat();
    assert_eq!(step(&longest, Versions::Both), Ok(Step::Read(65_551 - 16)));
}

#[test]
fn lines() {
    let ends = |line: &[u8]| read(line, Versions::Both).0.map(|h| h.unwrap().ends);
    assert_eq!(
        ends(b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"),
        Ok(tcp("192.0.2.1:56324", "192.0.2.2:443"))
    );
    assert_eq!(ends(b"PROXY TCP6 2001:db8::1 ::2 1 65535\r\n"), Ok(tcp("[2001:db8::1]:1", "[::2]:65535")));
    assert_eq!(ends(b"PROXY UNKNOWN\r\n"), Ok(None));
    assert_eq!(ends(b"PROXY UNKNOWN ff:ff 0 0\r\n"), Ok(None));
    let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(91));
    assert_eq!(longest.len(), MAX_LINE);
    assert_eq!(ends(longest.as_bytes()), Ok(None));
}

#[test]
fn wrong_lines() {
    let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
    for line in [
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY \r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        long.as_str(),
    ] {
        assert!(matches!(read(line.as_bytes(), Versions::Both).0, Err(Invalid(_))), "{line:?}");
    }
}

#[test]
fn garbage_is_found_at_its_first_byte() {
    assert_eq!(step(b"G", Versions::Both), Err(Invalid("it begins like no PROXY header")));
    assert!(step(b"P", Versions::Binary).is_err());
    assert!(step(b"\r", Versions::Text).is_err());
    assert_eq!(step(b"", Versions::Both), Ok(Step::Read(15)));
}

fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[command, family], &length, rest].concat()
}

fn extension(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind], &u16::try_from(value.len()).unwrap().to_be_bytes()[..], value].concat()
}

const V4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 4, 1, 0xbb];

#[test]
fn blocks() {
    let ends = |block: &[u8]| read(block, Versions::Both).0.map(|h| h.unwrap().ends);
    assert_eq!(ends(&binary(0x21, 0x11, &V4)), Ok(tcp("192.0.2.1:56324", "192.0.2.2:443")));
    let v6 = [&[0; 15][..], &[1], &[0; 15], &[2], &[0, 7, 0, 8]].concat();
    assert_eq!(ends(&binary(0x21, 0x21, &v6)), Ok(tcp("[::1]:7", "[::2]:8")));
    let mut unix = [0; 216];
    unix[..2].copy_from_slice(b"/r");
    unix[108..].fill(b'l');
    let wanted = Ends::Unix { remote: b"/r".to_vec(), local: vec![b'l'; 108] };
    assert_eq!(ends(&binary(0x21, 0x31, &unix)), Ok(Some(wanted)));
    // The proxy's own connections, and unknown ones.
    assert_eq!(ends(&binary(0x20, 0x00, b"")), Ok(None));
    assert_eq!(ends(&binary(0x20, 0x11, &V4)), Ok(None));
    assert_eq!(ends(&binary(0x21, 0x00, b"whatever")), Ok(None));
}

#[test]
fn wrong_blocks() {
    let wrong = |block: &[u8]| read(block, Versions::Both).0.unwrap_err();
    let invalid = |block: &[u8]| assert!(matches!(wrong(block), Invalid(_)), "{block:?}");
    invalid(&binary(0x11, 0x11, &V4));
    invalid(&binary(0x22, 0x11, &V4));
    invalid(&binary(0x21, 0x41, &V4));
    invalid(&binary(0x21, 0x13, &V4));
    invalid(&binary(0x21, 0x11, &V4[..11]));
    invalid(&binary(0x21, 0x21, &V4));
    assert_eq!(wrong(&binary(0x21, 0x12, &V4)), Wrong::Unsupported("datagrams"));
}

#[test]
fn extensions_describe_tls() {
    let inner =
        [extension(0x21, b"TLSv1.3"), extension(0x22, b"me"), extension(0x23, b"C"), extension(0x25, b"?")];
    let with = |flags: u8, inner: &[u8]| {
        let ssl = extension(0x20, &[&[flags, 0, 0, 0, 0], inner].concat());
        binary(
            0x21,
            0x11,
            &[&V4[..], &extension(0x02, b"example.org"), &extension(0xee, b"\0"), &ssl].concat(),
        )
    };
    let tls = |block: &[u8]| read(block, Versions::Binary).0.map(|h| h.unwrap().tls);
    let text = |t: &str| Some(t.as_bytes().to_vec());
    let name = Tls { server_name: text("example.org"), ..Tls::default() };
    let all = Tls {
        protocol: text("TLSv1.3"),
        cipher: text("C"),
        common_name: text("me"),
        server_name: text("example.org"),
    };
    assert_eq!(tls(&with(1, &inner.concat())), Ok(all));
    assert_eq!(tls(&with(0, &inner.concat())), Ok(name));
    assert!(tls(&with(1, &inner.concat()[..5])).is_err());
    assert!(tls(&with(1, &extension(0x02, b"x"))).is_err());
    assert!(tls(&with(1, &extension(0x21, b"a\0b"))).is_err());
    assert!(tls(&binary(0x21, 0x11, &[&V4[..], &extension(0x21, b"x")].concat())).is_err());
    assert!(tls(&binary(0x21, 0x11, &[&V4[..], &extension(0x20, b"x")].concat())).is_err());
}

proptest! {
    #[test]
    fn nothing_after_a_header_is_read(
        remote: (u32, u16), local: (u128, u16), text: bool, after in proptest::collection::vec(any::<u8>(), 0..40)
    ) {
        let (v4, v6) = (Ipv4Addr::from(remote.0), Ipv6Addr::from(local.0));
        let header = if text {
            format!("PROXY TCP4 {v4} {v4} {} {}\r\n", remote.1, local.1).into_bytes()
        } else {
            let ports = [remote.1.to_be_bytes(), local.1.to_be_bytes()].concat();
            binary(0x21, 0x21, &[&v6.octets()[..], &v6.octets(), &ports].concat())
        };
        let ip = if text { IpAddr::from(v4) } else { IpAddr::from(v6) };
        let ends = Ends::Tcp { remote: SocketAddr::new(ip, remote.1), local: SocketAddr::new(ip, local.1) };
        let (result, length) = read(&[&header[..], &after].concat(), Versions::Both);
        prop_assert_eq!(length, header.len(), "nothing after a header is read");
        prop_assert_eq!(result, Ok(Some(Header { ends: Some(ends), tls: Tls::default() })), "a header gives its ends");
        for cut in 0..header.len() {
            prop_assert_eq!(read(&header[..cut], Versions::Both).0, Ok(None), "a header that is cut short is waited for");
        }
    }

    #[test]
    fn any_bytes_parse_or_fail(mut input in proptest::collection::vec(any::<u8>(), 0..200), start in 0..3) {
        if start == 1 { input.splice(..0, SIGNATURE.into_iter().chain([0x21, 0x11, 0])); }
        if start == 2 { input.splice(..0, LINE_START.iter().copied()); }
        let _ = read(&input, Versions::Both);
    }
}
