//! Reads any bytes as the parts of pid 1's journal and as a supervisor's state: they are refused, or what was read is
//! written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::host_journal::{HEADER, Header, InFlight, RECORDS, Record};
use wire::supervisor_slot::{COPIES, State};

fuzz_target!(|bytes: &[u8]| {
    if let Some(event) = InFlight::unpack(bytes) {
        assert_eq!(InFlight::unpack(&event.pack()), Some(event));
    }
    // One with more descriptors than a policy may have isn't written.
    if let Some(header) = Header::unpack(bytes)
        && let Some(packed) = header.pack(&mut [0; HEADER.1])
    {
        assert_eq!(Header::unpack(packed), Some(header));
    }
    if let Some(record) = Record::unpack(bytes) {
        assert_eq!(Record::unpack(Record::pack(record.as_ref(), &mut [0; RECORDS.1])), Some(record));
    }
    if let Some(state) = State::unpack(bytes) {
        assert_eq!(State::unpack(state.pack(&mut [0; COPIES.1])), Some(state));
    }
});
