//! Parses a message as the answer to a question, and prints it like `s6-dnsq`: it is refused or read within bounds, and
//! the text has no control characters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use s6_dns::dump::dump;
use s6_dns::message::Question;
use s6_dns::name::Name;

/// The types with a parser of their own, and one without.
const TYPES: [u16; 12] = [1, 2, 5, 6, 12, 13, 15, 16, 28, 33, 99, 257];

fuzz_target!(|data: (u8, &[u8])| {
    let (choice, message) = data;
    let rtype = TYPES[usize::from(choice) % TYPES.len()];
    let question = Question { name: Name::from_text(b"a.example").unwrap(), rtype, recursive: true };
    let _ = question.reply(0x1234, message);
    if let Ok(found) = question.data(message) {
        for data in found {
            let text = data.text();
            assert!(text.iter().all(|b| (b' '..=b'~').contains(b)), "{text:?}");
            // 255 bytes of a name are at most four times as many in text; the rest is in the message itself.
            assert!(text.len() <= 4 * message.len() + 4 * 4 * 255);
        }
    }
    let mut text = Vec::new();
    let _ = dump(message, true, &mut text);
    assert!(text.iter().all(|b| (b' '..=b'~').contains(b) || *b == b'\n'));
});
