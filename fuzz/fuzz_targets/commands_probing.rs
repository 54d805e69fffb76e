//! Reads any bytes as what others say to the attendant for probes: a file of /proc/net, the beginning of a response, a datagram of
//! sd_notify(3), a registration.
#![no_main]

use commands::probing::http_client::{Answer, answer};
use commands::probing::listeners::parse;
use commands::probing::sd_notify::{Said, said};
use ipc::registration::Registration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for listener in parse(bytes) {
        assert!(listener.takes(None, listener.port));
        assert!(listener.takes(Some(listener.address), listener.port));
    }
    // An answer stays the answer, whatever follows.
    let mut seen = Answer::Partial;
    for end in 0..=bytes.len().min(64) {
        let now = answer(&bytes[..end]);
        assert!(seen == Answer::Partial || now == seen, "{seen:?}, then {now:?}");
        if let Answer::Status(code) = now {
            assert!((100..600).contains(&code));
        }
        seen = now;
    }
    if let Some(one) = Registration::of(bytes, std::iter::repeat(())) {
        assert!(one.name.len() + one.record.len() <= bytes.len());
    }
    for one in said(bytes) {
        if let Said::Status(text) = one {
            assert!(!text.contains(&b'\n'));
        }
    }
});
