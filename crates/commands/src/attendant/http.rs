//! Pure: requests and responses of HTTP/1, as far as an endpoint needs them that is only read.
//!
//! A request is its first line and its fields, up to the empty line; what follows is nothing to us, since each connection has
//! one response and ends.  The grammar is that of RFC 9112, strictly: what isn't of it is answered with 400, and so is whatever
//! two readers might understand differently (two fields `Host`, folded lines, blanks before a colon).

/// The longest head of a request, in bytes.
pub const HEAD_MAX: usize = 8192;

/// What the beginning of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// The head isn't complete.
    Partial,
    /// Somebody wants to read this path, which begins with a slash and has no query; `true` if only the fields of the response
    /// are wanted.
    Read(&'a [u8], bool),
    /// The status code to refuse it with.
    Refused(u16),
}

/// What these bytes are, the first ones that have come.
#[must_use]
pub fn parse(bytes: &[u8]) -> Parsed<'_> {
    let mut lines = Lines(bytes.get(..HEAD_MAX).unwrap_or(bytes));
    let first = lines.next();
    // What can't become a first line, as from a client that wants TLS, isn't waited for.
    if !first.unwrap_or(lines.0).iter().all(|b| matches!(b, b' '..=b'~' | b'\r')) {
        return Parsed::Refused(400);
    }
    let Some(first) = first else { return unfinished(bytes) };
    let (mut hosts, mut is_sound) = (0_usize, true);
    loop {
        let Some(line) = lines.next() else { return unfinished(bytes) };
        if line.is_empty() {
            break;
        }
        is_sound &= is_field(line);
        hosts = hosts
            .saturating_add(line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"host:")).into());
    }
    let mut words = first.split(|b| *b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Parsed::Refused(400);
    };
    let is_current = match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => *minor > b'0',
        _ => return Parsed::Refused(400),
    };
    let is_target = !target.is_empty() && target.iter().all(u8::is_ascii_graphic);
    // Since version 1.1 a request says which host it is for.
    if !is_sound || !is_token(method) || !is_target || hosts > 1 || (is_current && hosts == 0) {
        return Parsed::Refused(400);
    }
    if method != b"GET" && method != b"HEAD" {
        return Parsed::Refused(405);
    }
    // The form that is for proxies has the host before the path.
    let path = match target.strip_prefix(b"http://") {
        Some(rest) => rest.iter().position(|b| *b == b'/').and_then(|at| rest.get(at..)).unwrap_or(b"/"),
        None => target,
    };
    if !path.starts_with(b"/") {
        return Parsed::Refused(400);
    }
    Parsed::Read(path.split(|b| *b == b'?').next().unwrap_or_default(), method == b"HEAD")
}

/// A head without its end.
fn unfinished(bytes: &[u8]) -> Parsed<'_> {
    if bytes.len() < HEAD_MAX { Parsed::Partial } else { Parsed::Refused(431) }
}

/// The complete lines, without their ends; what is left isn't one.
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|b| *b == b'\n')?;
        let line = self.0.get(..end)?;
        self.0 = self.0.get(end.saturating_add(1)..).unwrap_or_default();
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// Whether a line is a field: a name, a colon, and a value without control characters.
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|b| *b == b':') else { return false };
    let (name, value) = line.split_at(colon);
    is_token(name) && !value.iter().any(|b| b.is_ascii_control() && *b != b'\t')
}

fn is_token(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// The words for the status codes that there are.
const REASONS: [(u16, &str); 7] = [
    (200, "OK"),
    (400, "Bad Request"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (431, "Request Header Fields Too Large"),
    (500, "Internal Server Error"),
    (503, "Service Unavailable"),
];

/// The words for a status code.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    REASONS.iter().find(|(code, _)| *code == status).map_or("", |(_, reason)| reason)
}

/// A response with this content; with `is_head` only what would stand before it.
#[must_use]
pub fn response(status: u16, kind: &str, content: &[u8], is_head: bool) -> Vec<u8> {
    let allow = if status == 405 { "Allow: GET, HEAD\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\n{allow}Connection: close\r\n\r\n",
        reason(status),
        content.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend(if is_head { b"" } else { content });
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let read = |path: &'static str| Parsed::Read(path.as_bytes(), false);
        let refused = Parsed::Refused;
        for (request, expected) in [
            ("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n", read("/readyz")),
            ("GET /readyz HTTP/1.1\r\nHost:\r\nUser-Agent: a: b\tc\r\n\r\nbody", read("/readyz")),
            ("GET /readyz HTTP/1.0\r\n\r\n", read("/readyz")),
            ("GET /readyz HTTP/1.0\n\n", read("/readyz")),
            ("HEAD /metrics?x=1?y HTTP/1.1\r\nhOST: x\r\n\r\n", Parsed::Read(b"/metrics", true)),
            ("GET http://a:1/livez?q HTTP/1.1\r\nHost: a:1\r\n\r\n", read("/livez")),
            ("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", read("/")),
            ("", Parsed::Partial),
            ("GET /readyz HTTP/1.1\r", Parsed::Partial),
            ("GET /readyz HTTP/1.1\r\nHost: x\r\n\r", Parsed::Partial),
            ("POST /readyz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", refused(405)),
            ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", refused(405)),
            ("get / HTTP/1.0\r\n\r\n", refused(405)),
            // No text, or not of this protocol.
            ("\x16\x03\x01", refused(400)),
            ("GET /\u{e9}", refused(400)),
            ("\x16\x03\n", refused(400)),
            ("\r\n\r\n", refused(400)),
            ("GET /\r\n\r\n", refused(400)),
            ("GET  / HTTP/1.0\r\n\r\n", refused(400)),
            ("GET / HTTP/1.0 \r\n\r\n", refused(400)),
            ("GET / HTTP/2.0\r\n\r\n", refused(400)),
            ("GET / HTTP/1.10\r\n\r\n", refused(400)),
            ("GET / http/1.0\r\n\r\n", refused(400)),
            ("GET * HTTP/1.0\r\n\r\n", refused(400)),
            ("GET readyz HTTP/1.0\r\n\r\n", refused(400)),
            ("GET /\x7f HTTP/1.0\r\n\r\n", refused(400)),
            ("GET /\r HTTP/1.0\r\n\r\n", refused(400)),
            ("G(T / HTTP/1.0\r\n\r\n", refused(400)),
            // A host, once.
            ("GET / HTTP/1.1\r\n\r\n", refused(400)),
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", refused(400)),
            // Fields that aren't.
            ("GET / HTTP/1.0\r\nHost : a\r\n\r\n", refused(400)),
            ("GET / HTTP/1.0\r\nA: b\r\n c\r\n\r\n", refused(400)),
            ("GET / HTTP/1.0\r\nA\r\n\r\n", refused(400)),
            ("GET / HTTP/1.0\r\n: a\r\n\r\n", refused(400)),
            ("GET / HTTP/1.0\r\nA: \0\r\n\r\n", refused(400)),
            ("GET / HTTP/1.0\r\nA: b\rc\r\n\r\n", refused(400)),
        ] {
            assert_eq!(parse(request.as_bytes()), expected, "{request:?}");
        }
    }

    #[test]
    fn a_head_has_its_limit() {
        let of = |length: usize| {
            let (start, end) = ("GET /livez HTTP/1.0\r\nA: ", "\r\n\r\n");
            [start, &"x".repeat(length - start.len() - end.len()), end].concat().into_bytes()
        };
        assert_eq!(parse(&of(HEAD_MAX)), Parsed::Read(b"/livez", false));
        assert_eq!(parse(&of(HEAD_MAX + 1)), Parsed::Refused(431));
        assert_eq!(parse(&[b'x'; HEAD_MAX]), Parsed::Refused(431));
        assert_eq!(parse(&[b'x'; HEAD_MAX - 1]), Parsed::Partial);
    }

    #[test]
    fn a_response_has_its_length_and_ends_the_connection() {
        let text = |is_head| {
            String::from_utf8(response(503, "text/plain; charset=utf-8", b"not ready\n", is_head)).unwrap()
        };
        insta::assert_snapshot!(text(false).replace('\r', ""));
        assert_eq!([text(true), "not ready\n".into()].concat(), text(false));
        assert!(text(false).matches('\n').count() == text(false).matches("\r\n").count() + 1);
        let refused = String::from_utf8(response(405, "text/plain", b"", false)).unwrap();
        assert!(refused.contains("\r\nAllow: GET, HEAD\r\n"));
        assert!(REASONS.iter().all(|(status, words)| reason(*status) == *words && !words.is_empty()));
    }
}
