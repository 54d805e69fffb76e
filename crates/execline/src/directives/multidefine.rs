//! The directive `multidefine`, alone or in multisubstitute.

use crate::binding::{Bindings, CHOMP, CRUNCH, DELIMITERS, NO_CHOMP, NO_CRUNCH, split, transform};
use crate::blocks::Blocks;
use crate::transform::Transform;
use tool::{Env, Fatal, Opt, Options};

/// Its options.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::flag('0', "substitute no word for keys in excess, rather than the empty one"),
    Opt::flag('r', "the last key gets all remaining words"),
    CRUNCH,
    NO_CRUNCH,
    NO_CHOMP,
    CHOMP,
    DELIMITERS,
];

/// Takes the directive's words from the front of `args`, and binds.
pub(crate) fn bind(args: &mut Vec<Vec<u8>>, env: &Env, bindings: &mut Bindings) -> Result<(), Fatal> {
    let options = Options::take(OPTIONS, args)?;
    if args.len() < 2 {
        return Err(Fatal::usage());
    }
    let value = args.remove(0);
    let keys = Blocks::of("multidefine", env).take_or(args, Fatal::usage)?;
    if keys.is_empty() {
        return Err(Fatal::user("empty block"));
    }
    let words = split(&value, &Transform { split: true, ..transform(&options) })?;
    for (key, values) in assign(&keys, words, options.has('r'), options.has('0')) {
        bindings.bind(key, values)?;
    }
    Ok(())
}

/// Assigns the words to the keys in order; an empty key uses up a word without binding it.
fn assign(
    keys: &[Vec<u8>],
    words: Vec<Vec<u8>>,
    all_to_last: bool,
    none_for_rest: bool,
) -> Vec<(&[u8], Vec<Vec<u8>>)> {
    let mut words = words.into_iter();
    let mut assigned = Vec::new();
    for (i, key) in keys.iter().enumerate() {
        let mut values: Vec<_> = words.next().into_iter().collect();
        if values.is_empty() && !none_for_rest {
            values.push(Vec::new());
        }
        if all_to_last && i + 1 == keys.len() {
            values.extend(words.by_ref());
        }
        if !key.is_empty() {
            assigned.push((key.as_slice(), values));
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(keys: &str, words: &str, all: bool, none: bool) -> String {
        let split = |s: &str| s.split(' ').map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
        let show = |v: &[Vec<u8>]| v.iter().map(|w| tool::diag::shown(w)).collect::<Vec<_>>().join("+");
        let keys = split(keys);
        let all = assign(&keys, split(words), all, none);
        all.iter().map(|(k, v)| format!("{}={}", tool::diag::show(k), show(v))).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_are_assigned_in_order() {
        assert_eq!(assigned("X Y", "a b c", false, false), "X=a Y=b");
        assert_eq!(assigned("X Y", "a b c", true, false), "X=a Y=b+c");
        assert_eq!(assigned("X  Z", "a b c", false, false), "X=a Z=c");
        assert_eq!(assigned("X Y", "a", true, false), "X=a Y=");
        assert_eq!(assign(&[b"X".to_vec()], Vec::new(), false, true), [(&b"X"[..], Vec::new())]);
    }
}
