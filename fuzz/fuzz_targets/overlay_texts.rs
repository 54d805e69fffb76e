//! Reads any bytes as one of the overlay's text files, which images edit: alone, and behind what was installed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use overlay::texts::{State, compare};
use tool::script::{INTERPRETER, take_call, tool_name};

/// One that says how much is printed.
fn installed() -> Vec<u8> {
    format!("#!{INTERPRETER} rc-init\n\nexec rc-init\nv=2\necho\n").into_bytes()
}

fuzz_target!(|bytes: &[u8]| {
    let installed = &installed()[..];
    let name = tool_name(bytes);
    if let Some(name) = name {
        assert!(!name.is_empty() && bytes.starts_with(b"#!"));
    }
    if compare(bytes, installed) != State::Replaced {
        assert_eq!(name, tool_name(installed));
    }
    let edited = [installed, bytes].concat();
    assert_eq!(compare(&edited, &edited), State::AsInstalled);
    assert_ne!(compare(&edited, installed), State::Replaced);
    let mut argv: Vec<Vec<u8>> = bytes.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
    let count = argv.len();
    let taken = take_call(&mut argv);
    assert_eq!(argv.len() + if taken.is_some() { 2 } else { 0 }, count);
});
