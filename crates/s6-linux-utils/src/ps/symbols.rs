//! Looks up names of kernel functions by address, in lines `ADDRESS TYPE NAME` of /proc/kallsyms or a System.map.

use tool::sorted::Map;
use tool::{Fatal, Input, Out};

/// The names of the functions at these addresses.
///
/// # Errors
/// The file can't be read.
pub(crate) fn names(path: &[u8], addresses: &[u64], out: &mut Out) -> Result<Map<u64, Vec<u8>>, Fatal> {
    let mut found = Map::new();
    let mut input = Input::file(path)?;
    while let Some(line) = input.next(out)? {
        if let Some((address, name)) = symbol(line.text)
            && addresses.contains(&address)
            && !found.contains(&address)
        {
            found.set(address, name.to_vec());
        }
    }
    Ok(found)
}

fn symbol(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
    let address = u64::from_str_radix(std::str::from_utf8(words.next()?).ok()?, 16).ok()?;
    words.next()?;
    Some((address, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(
            symbol(b"ffffffff81000000 T do_wait\t[mod]"),
            Some((0xffff_ffff_8100_0000, b"do_wait".as_slice()))
        );
        assert_eq!(symbol(b"ffff T"), None);
        assert_eq!(symbol(b"xyz T a"), None);
    }
}
