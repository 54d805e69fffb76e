//! Reads any bytes as a record of probes, as a report about a service and as a registration: what was read is written and read
//! again as the same.
#![no_main]

use ipc::registration::Registration;
use libfuzzer_sys::fuzz_target;
use wire::{attended, probes};

fuzz_target!(|bytes: &[u8]| {
    if let Some(record) = probes::decode(bytes) {
        let written = probes::encode(&record).expect("what was read isn't too long");
        assert_eq!(probes::decode(&written), Some(record));
    }
    if let Some(report) = attended::decode(bytes) {
        let again = attended::decode(&attended::encode(&report)).expect("it has a process id");
        assert_eq!(attended::decode(&attended::encode(&again)), Some(again));
    }
    if let Some(one) = Registration::of(bytes, std::iter::repeat(())) {
        assert!(one.name.len() + one.record.len() <= bytes.len());
    }
});
