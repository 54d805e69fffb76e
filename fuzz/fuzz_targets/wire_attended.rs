//! Reads any bytes as what a definition asks the attendant, and as what the attendant has found out: what was read is written
//! and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{attended, probes};

fuzz_target!(|bytes: &[u8]| {
    if let Some(asked) = probes::decode(bytes)
        && let Some(record) = probes::encode(&asked)
    {
        assert_eq!(probes::decode(&record), Some(asked));
    }
    if let Some(report) = attended::decode(bytes) {
        // Control characters and what is too long are lost when it is written for the first time.
        let text = attended::encode(&report);
        assert!(text.len() <= attended::SIZE_MAX);
        let written = attended::decode(&text);
        assert_eq!(written.as_ref().map(attended::encode), Some(text));
    }
});
