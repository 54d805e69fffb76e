//! Searching in bytes.

const LOW: u64 = 0x0101_0101_0101_0101;
/// The high bit of each byte of a word.
pub(crate) const HIGH: u64 = 0x8080_8080_8080_8080;

/// The place of the first byte that is one of these two.
///
/// Eight bytes at a time: a byte of a word is zero where the subtraction borrows into its high bit.
#[inline]
pub fn find_either(text: &[u8], a: u8, b: u8) -> Option<usize> {
    let (all_a, all_b) = (eight(a), eight(b));
    let mut at = 0;
    while let Some(block) = text.get(at..).and_then(|t| t.first_chunk::<16>()) {
        let all = u128::from_le_bytes(*block);
        let (first, second) = (marks(all as u64, all_a, all_b), marks((all >> 64) as u64, all_a, all_b));
        if first | second != 0 {
            // The lowest mark is right; a higher one may be due to its borrow.
            let within = if first != 0 { first.trailing_zeros() } else { 64 + second.trailing_zeros() };
            return Some(at + (within / 8) as usize);
        }
        at += 16;
    }
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|byte| *byte == a || *byte == b).map(|i| at + i)
}

/// Bytes of a word that are one of two have their high bits set; so may others above the first of them.
#[inline(always)]
fn marks(word: u64, all_a: u64, all_b: u64) -> u64 {
    (zeros(word ^ all_a) | zeros(word ^ all_b)) & HIGH
}

/// A word of eight times this byte.
#[inline(always)]
pub(crate) fn eight(byte: u8) -> u64 {
    LOW * u64::from(byte)
}

/// Of the bits in HIGH those of zero bytes are set; so may others above the first of them. Other bits mean nothing.
#[inline(always)]
pub(crate) fn zeros(word: u64) -> u64 {
    word.wrapping_sub(LOW) & !word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_found_wherever_they_are() {
        for length in 0..60 {
            let mut text = vec![b'\x0b'; length];
            assert_eq!(find_either(&text, b'\n', 0), None);
            for at in 0..length {
                for end in [b'\n', 0] {
                    text[at] = end;
                    assert_eq!(find_either(&text, b'\n', 0), Some(at));
                    assert_eq!(find_either(&text, end, end), Some(at));
                    text[at] = 0x80;
                }
                text[at] = 1;
            }
        }
    }
}
