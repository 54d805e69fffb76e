//! The checksum of records that others may read while they are written: FNV-1a, 32 bits.

/// The checksum of a record whose own checksum is its first four bytes.
pub(crate) fn of_record(record: &[u8]) -> u32 {
    fnv(record.get(4..).unwrap_or_default())
}

/// FNV-1a of some bytes.
pub(crate) fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Puts the checksum at the beginning of a record.
pub(crate) fn seal<const N: usize>(mut record: [u8; N]) -> [u8; N] {
    let sum = of_record(&record).to_be_bytes();
    if let Some(place) = record.first_chunk_mut() {
        *place = sum;
    }
    record
}

/// What follows the checksum of a record, if that is right.
pub(crate) fn open(record: &[u8]) -> Option<&[u8]> {
    let (sum, rest) = record.split_first_chunk()?;
    (u32::from_be_bytes(*sum) == fnv(rest)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_sums() {
        // Of the pages about FNV: of nothing, and of "a" and "foobar".
        assert_eq!([&b""[..], b"a", b"foobar"].map(fnv), [0x811c_9dc5, 0xe40c_292c, 0xbf9c_f968]);
        let sealed = seal(*b"....foobar");
        assert_eq!(sealed, *b"\xbf\x9c\xf9\x68foobar");
        assert_eq!(open(&sealed), Some(&b"foobar"[..]));
        assert_eq!((open(b"\xbf\x9c\xf9\x68foobaz"), open(b"\xbf\x9c")), (None, None));
    }
}
