//! Parses any bytes as the beginning of a connection over HTTP, as they come one after the other: an answer stays the answer,
//! whatever follows, and comes at the latest when the head is as long as it may be.
#![no_main]

use commands::attendant::http::{HEAD_MAX, Parsed, parse, reason, response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes);
    match whole {
        Parsed::Partial => assert!(bytes.len() < HEAD_MAX),
        Parsed::Refused(status) => {
            assert!(!reason(status).is_empty());
            let refused = response(status, "text/plain", b"no\n", false);
            assert!(refused.ends_with(b"\r\n\r\nno\n"));
        }
        Parsed::Read(path, _) => {
            assert!(path.starts_with(b"/") && path.iter().all(|b| b.is_ascii_graphic() && *b != b'?'));
        }
    }
    // A head that is too long is one even if a longer one of it wouldn't be.
    let mut seen = Parsed::Partial;
    for end in (0..=bytes.len()).rev().take(64).collect::<Vec<_>>().into_iter().rev() {
        let now = parse(&bytes[..end]);
        assert!(seen == Parsed::Partial || now == seen, "{seen:?}, then {now:?}");
        seen = now;
    }
    assert_eq!(seen, whole);
});
