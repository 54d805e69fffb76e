//! Reads any bytes as a status board and as a record of events, as they are and with right checksums: what was read is written
//! and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::board::{self, Header, Row};
use wire::record::{self, Event, Ring};

fuzz_target!(|bytes: &[u8]| {
    if let Some(header) = Header::unpack(bytes) {
        assert_eq!(Header::unpack(&header.pack()), Some(header));
    }
    for place in board::places(bytes) {
        if let board::Place::Row(row) = place {
            assert_eq!(board::Place::of(&row.pack()), board::Place::Row(row));
        }
    }
    let _ = record::clocks(bytes);
    for ring in Ring::ALL {
        let newest = record::newest(record::places(bytes, ring), None);
        for place in record::places(bytes, ring) {
            if let record::Place::Event(number, event) = place {
                assert!(newest.is_some());
                assert_eq!(record::Place::of(&event.pack(number)), record::Place::Event(number, event));
            }
        }
    }
    // Few inputs have a right checksum: the rest of one is made into a name that is written.
    let row = Row { name: bytes.to_vec(), ..Row::default() };
    assert!(matches!(board::Place::of(&row.pack()), board::Place::Row(read) if bytes.starts_with(&read.name)));
    let event = Event { name: record::Name::new(bytes), ..Event::default() };
    assert_eq!(record::Place::of(&event.pack(1)), record::Place::Event(1, event));
});
