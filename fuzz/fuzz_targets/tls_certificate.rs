//! Reads any bytes as the certificate of a TLS peer.

#![no_main]

use libfuzzer_sys::fuzz_target;
use s6_tls::Certificate;

fuzz_target!(|data: &[u8]| {
    if let Some(certificate) = Certificate::read(data) {
        assert!(!certificate.subject.chars().any(char::is_control));
        assert_eq!((certificate.not_before.len(), certificate.not_after.len()), (15, 15));
    }
});
