//! Parses bytes from the network: PROXY headers, IDENT answers, packets of time servers.

#![no_main]

use libfuzzer_sys::fuzz_target;
use s6_networking::proxy::{self, Step, Versions};
use s6_networking::{clock, ident, sntp, taiclock};
use wire::tai::Tai64n;

fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    match choice % 4 {
        0 => header(data),
        1 => {
            if let Some(ident::Answer::User(name)) = ident::parse(data, 12, 34) {
                assert!(!name.contains(&0) && name.len() <= 512);
            }
        }
        2 => {
            if let Some((query, packet)) = data.split_at_checked(sntp::LENGTH) {
                let _ = sntp::answer(query, packet);
            }
        }
        _ => {
            let query = taiclock::query(Tai64n::default(), [7; 8]);
            let _ = taiclock::answer(&query, data);
            let mut packet = data.to_vec();
            if taiclock::reply(&mut packet, Tai64n::default()) {
                assert!(packet.len() == data.len() && packet[16..] == data[16..]);
            }
            if let Some(difference) = clock::unpack(data) {
                assert_eq!(clock::pack(difference).as_ref().map(|p| &p[..]), Some(data));
            }
        }
    }
});

/// Reads like proxy-server; no read may pass the end of a header.
fn header(data: &[u8]) {
    for versions in [Versions::Text, Versions::Binary, Versions::Both] {
        let mut length = 0;
        while let Ok(step) = proxy::step(&data[..length], versions) {
            match step {
                Step::Read(more) => {
                    assert!(more > 0 && length + more <= 16 + 65_535);
                    if length == data.len() {
                        break;
                    }
                    length = (length + more).min(data.len());
                }
                Step::Done(_) => {
                    // No shorter start is a header.
                    assert!(!matches!(proxy::step(&data[..length - 1], versions), Ok(Step::Done(_))));
                    break;
                }
            }
        }
    }
}
