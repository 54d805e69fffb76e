//! Parses any bytes as a script: the result is an error that can be explained, or a valid command line, which parses to
//! itself after it is quoted.
#![no_main]

use execline::{MAX_SIZE, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    let argv = match parse(script) {
        Ok(argv) => argv,
        Err(e) => {
            assert!(usize::try_from(e.at.line).unwrap() <= script.split(|b| *b == b'\n').count());
            assert!(e.explain(script).ends_with('^'));
            return;
        }
    };
    assert!(argv.iter().map(|word| word.len() + 1).sum::<usize>() <= MAX_SIZE);
    assert!(argv.iter().all(|word| !word.contains(&0)));
    let mut written = Vec::new();
    for word in &argv {
        written.push(b'"');
        for b in word {
            written.extend(format!("\\0x{b:02x}").bytes());
        }
        written.extend(b"\" ");
    }
    assert_eq!(parse(&written).as_ref(), Ok(&argv));
});
