//! Reads any bytes as the parts of pid 1's journal and as a supervisor's state: they are refused, or what was read is
//! written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::host_journal::{Header, InFlight, Record};
use wire::supervisor_slot::State;

fuzz_target!(|bytes: &[u8]| {
    if let Some(event) = InFlight::unpack(bytes) {
        assert_eq!(InFlight::unpack(&event.pack()), Some(event));
    }
    // One with more descriptors than a policy may have isn't written.
    if let Some(header) = Header::unpack(bytes)
        && let Some(packed) = header.pack()
    {
        assert_eq!(Header::unpack(&packed), Some(header));
    }
    if let Some(record) = Record::unpack(bytes) {
        assert_eq!(Record::unpack(&Record::pack(record.as_ref())), Some(record));
    }
    if let Some(state) = State::unpack(bytes) {
        assert_eq!(State::unpack(&state.pack()), Some(state));
    }
});
