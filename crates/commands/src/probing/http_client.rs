//! Pure: a request of HTTP/1.1, and the status code of the response.

use wire::probes::Http;

/// The longest first line of a response, in bytes.
pub const LINE_MAX: usize = 1024;

/// The request of a probe.
#[must_use]
pub fn request(probe: &Http) -> Vec<u8> {
    let mut text = [b"GET ", &probe.target[..], b" HTTP/1.1\r\nHost: ", &probe.host].concat();
    text.extend_from_slice(b"\r\nUser-Agent: s6-overlay\r\nAccept: */*\r\nConnection: close\r\n");
    for header in &probe.headers {
        text.extend_from_slice(header);
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    text
}

/// What the beginning of a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Its first line isn't complete.
    Partial,
    /// The status code.
    Status(u16),
    /// No response of HTTP/1.
    Malformed,
}

/// What these bytes are, the first ones that have come.  `HTTP/1.1 ` and three digits are enough.
#[must_use]
pub fn answer(bytes: &[u8]) -> Answer {
    let mut expected = b"HTTP/1.0 000".iter().zip(bytes);
    let fits = |(place, byte): (&u8, &u8)| match place {
        b'0' => byte.is_ascii_digit(),
        _ => place == byte,
    };
    if !expected.all(fits) {
        return Answer::Malformed;
    }
    match bytes.get(9..12) {
        Some([hundreds @ b'1'..=b'5', tens, ones]) => {
            let digit = |byte: &u8| u16::from(byte.wrapping_sub(b'0'));
            match bytes.get(12) {
                None => Answer::Partial,
                Some(b' ' | b'\r' | b'\n') => Answer::Status(
                    digit(hundreds)
                        .saturating_mul(100)
                        .saturating_add(digit(tens).saturating_mul(10))
                        .saturating_add(digit(ones)),
                ),
                Some(_) => Answer::Malformed,
            }
        }
        Some(_) => Answer::Malformed,
        None => Answer::Partial,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_code_is_in_the_first_line() {
        let whole = b"HTTP/1.1 503 Service Unavailable\r\n";
        for length in 0..13 {
            assert_eq!(answer(&whole[..length]), Answer::Partial, "{length}");
        }
        for (text, expected) in [
            (&whole[..], Answer::Status(503)),
            (b"HTTP/1.0 200\r\n", Answer::Status(200)),
            (b"HTTP/1.1 200\n", Answer::Status(200)),
            (b"SSH-2.0-OpenSSH", Answer::Malformed),
            (b"HTTP/2 200", Answer::Malformed),
            (b"HTTP/1.1 2000 ", Answer::Malformed),
            (b"HTTP/1.1 600 ", Answer::Malformed),
            (b"HTTP/1.1 2x0 ", Answer::Malformed),
            (b"\x15\x03\x01", Answer::Malformed),
        ] {
            assert_eq!(answer(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_request_has_what_a_server_needs() {
        let probe = Http {
            address: std::net::SocketAddr::from(([127, 0, 0, 1], 80)),
            host: b"web:80".to_vec(),
            target: b"/up?x".to_vec(),
            status: (200, 399),
            headers: vec![b"X: y".to_vec()],
        };
        let text = "GET /up?x HTTP/1.1\r\nHost: web:80\r\nUser-Agent: s6-overlay\r\nAccept: */*\r\n\
            Connection: close\r\nX: y\r\n\r\n";
        assert_eq!(request(&probe), text.as_bytes());
    }
}
