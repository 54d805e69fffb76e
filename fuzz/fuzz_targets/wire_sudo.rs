//! Decodes any bytes as a message of s6-sudoc and as requests to s6-ftrigrd: they are refused, or encode to themselves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{ftrigr, sudo};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = sudo::Request::decode(bytes) {
        assert_eq!(request.encode().as_deref(), Some(bytes));
    }
    let framed = [sudo::CLIENT_BANNER, bytes].concat();
    if let Ok(request) = sudo::Request::decode(&framed) {
        assert_eq!(request.encode(), Some(framed));
    }
    if let Ok(Some((content, length))) = ftrigr::front(bytes) {
        assert_eq!(content.len() + 4, length);
        let _ = ftrigr::Request::decode(content);
    }
    let _ = ftrigr::Request::decode(bytes);
});
