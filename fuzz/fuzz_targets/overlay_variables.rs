//! Gives the overlay's variables any values, and takes any names for misspelt ones: each message is one line, and says
//! something of a variable that there is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use overlay::environment::variables::{TABLE, meaningless, meant_by};

fuzz_target!(|data: &[u8]| {
    let Some((number, value)) = data.split_first() else { return };
    let row = &TABLE[usize::from(*number) % TABLE.len()];
    if let Some(text) = meaningless(row.name.as_bytes(), value) {
        assert!(text.starts_with(row.name) && !text.bytes().any(|b| b.is_ascii_control()), "{text}");
    }
    for name in [value.to_vec(), [b"S6_", value].concat(), [row.name.as_bytes(), value].concat()] {
        if let Some(meant) = meant_by(&name) {
            assert!(TABLE.iter().any(|row| row.name == meant && row.name.as_bytes() != name), "{meant}");
        }
    }
});
