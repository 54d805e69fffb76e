//! Substitutes any value, transformed in any way, for any key in any words: the result stays within the size limit, and
//! without keys nothing changes.  NUL bytes separate options, delimiters, key, value and words.
#![no_main]

use execline::MAX_SIZE;
use execline::substitute::Substitutions;
use execline::transform::Transform;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut parts = data.split(|b| *b == 0).map(<[u8]>::to_vec);
    let mut next = || parts.next().unwrap_or_default();
    let options = next().first().copied().unwrap_or(0);
    let transform = Transform {
        crunch: options & 1 != 0,
        chomp: options & 2 != 0,
        split: options & 4 != 0,
        delimiters: next(),
    };
    let (key, value) = (next(), next());
    let words: Vec<_> = parts.collect();
    assert_eq!(Substitutions::new().apply(words.clone()).as_ref(), Ok(&words));
    let Some(values) = transform.apply(value) else { return };
    let mut substitutions = Substitutions::new();
    if substitutions.add(&key, values).is_err() {
        return;
    }
    if let Ok(done) = substitutions.apply(words) {
        assert!(done.iter().map(|word| word.len() + 1).sum::<usize>() <= MAX_SIZE);
    }
});
