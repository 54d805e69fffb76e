//! Where to connect to, and what to ask there.

use crate::restart_policy::value::Value;
use crate::restart_policy::word::{Mistake, Word, rest_of_line, wrong};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use wire::number::decimal;
use wire::probes::Http;

/// The port of `http://` addresses without one.
const HTTP_PORT: u16 = 80;

/// What counts as an answer if nothing is said about it.
const STATUS: (u16, u16) = (200, 399);

/// A port.
pub(super) fn port(text: &[u8]) -> Option<u16> {
    decimal(text).filter(|port| *port > 0)
}

/// An address in numbers, or `localhost`, with its port: `127.0.0.1:80`, `[::1]:80`.
pub(super) fn address(text: &[u8], default: Option<u16>) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let (host, port) = match text.rsplit_once(':').filter(|_| !text.ends_with(']')) {
        Some((host, number)) => (host, port(number.as_bytes())?),
        None => (text, default?),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let ip = match (host, inner) {
        ("localhost", _) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        (_, Some(inner)) => IpAddr::V6(inner.parse::<Ipv6Addr>().ok()?),
        (host, None) => IpAddr::V4(host.parse::<Ipv4Addr>().ok()?),
    };
    Some(SocketAddr::new(ip, port))
}

/// `http URL [STATUS] [header "NAME: VALUE"]…`, by its words behind the first, of which there is one, and the line.
pub(super) fn http(words: &[Word<'_>], content: &[u8], usage: &'static str) -> Value<Http> {
    let Some((url, mut rest)) = words.split_first() else { return Err(Mistake::whole("", usage)) };
    let Some(place) = url.text.strip_prefix(b"http://") else {
        let mut mistake = wrong(url, "http", usage);
        if url.text.starts_with(b"https:") {
            mistake.advice = "TLS isn't spoken here: write exec and a client that the image has".into();
        }
        return Err(mistake);
    };
    let end = place.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(place.len());
    let (host, target) = place.split_at_checked(end).unwrap_or_default();
    let is_plain = target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    let Some(address) = address(host, Some(HTTP_PORT)).filter(|_| is_plain) else {
        return Err(wrong(url, "http", usage));
    };
    let slash = if target.starts_with(b"/") { &b""[..] } else { b"/" };
    let mut http = Http {
        address,
        host: host.to_vec(),
        target: [slash, target].concat(),
        status: STATUS,
        headers: Vec::new(),
    };
    if let Some((word, others)) = rest.split_first()
        && word.text.first().is_some_and(u8::is_ascii_digit)
    {
        http.status = statuses(word.text)
            .ok_or_else(|| wrong(word, "http", "write a status, or a range such as 200-399"))?;
        rest = others;
    }
    while let Some((word, others)) = rest.split_first() {
        if word.text != b"header" {
            return Err(wrong(word, "http", usage));
        }
        let (header, others) = header_at(word, others, content)?;
        match host_in(&header) {
            Some(host) => http.host = host,
            None => http.headers.push(header),
        }
        rest = others;
    }
    Ok(http)
}

/// A status, or a range of them.
fn statuses(text: &[u8]) -> Option<(u16, u16)> {
    let mut parts = text.splitn(2, |byte| *byte == b'-');
    let lowest = decimal(parts.next()?)?;
    let highest = parts.next().map_or(Some(lowest), decimal)?;
    (100 <= lowest && lowest <= highest && highest <= 599).then_some((lowest, highest))
}

/// The value of a header line `Host`.
fn host_in(header: &[u8]) -> Option<Vec<u8>> {
    let (name, value) = header.split_at_checked(5)?;
    name.eq_ignore_ascii_case(b"host:").then(|| value.trim_ascii().to_vec())
}

/// The header line in double quotes behind the word `header`, and the words behind that.
fn header_at<'w, 'a>(
    word: &Word<'_>,
    rest: &'w [Word<'a>],
    content: &[u8],
) -> Value<(Vec<u8>, &'w [Word<'a>])> {
    let bad = |place: &Word<'_>| {
        Mistake::at(place, "not a header line", "write it in double quotes: header \"Host: example.org\"")
    };
    let next = rest.first().ok_or_else(|| bad(word))?;
    let quoted = rest_of_line(next, content).strip_prefix(b"\"").ok_or_else(|| bad(next))?;
    let length = quoted.iter().position(|byte| *byte == b'"').ok_or_else(|| bad(next))?;
    let header = quoted.get(..length).unwrap_or_default();
    let name = header.split(|byte| *byte == b':').next().unwrap_or_default();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let is_sound = name.len() < header.len() && !name.is_empty() && name.iter().all(is_name);
    if !is_sound || header.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(bad(next));
    }
    // The closing quote ends a word.
    let end = usize::try_from(next.column).unwrap_or(usize::MAX).saturating_add(length).saturating_add(1);
    let behind = rest.iter().position(|word| usize::try_from(word.column).unwrap_or(usize::MAX) > end);
    let others = behind.and_then(|at| rest.get(at..)).unwrap_or_default();
    match content.get(end) {
        Some(byte) if !byte.is_ascii_whitespace() => Err(bad(next)),
        _ => Ok((header.to_vec(), others)),
    }
}
