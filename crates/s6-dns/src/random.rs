//! Random numbers from the kernel, which make answers hard to forge.

use rustix::io::Errno;
use sys::random::fill;

/// A number of 16 bits.
pub(crate) fn number() -> Result<u16, Errno> {
    let mut bytes = [0; 2];
    fill(&mut bytes)?;
    Ok(u16::from_ne_bytes(bytes))
}

/// Shuffles a list.
pub(crate) fn shuffle<T>(list: &mut [T]) -> Result<(), Errno> {
    for last in (1..list.len()).rev() {
        let mut bytes = [0; 8];
        fill(&mut bytes)?;
        let count = u64::try_from(last).unwrap_or(u64::MAX) + 1;
        let chosen = usize::try_from(u64::from_ne_bytes(bytes) % count).unwrap_or(last);
        list.swap(last, chosen);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffled_list_has_the_same_elements() {
        let mut list: Vec<_> = (0..100).collect();
        shuffle(&mut list).unwrap();
        // The chance that it stays sorted is 1 in 100!.
        assert!(!list.is_sorted());
        list.sort_unstable();
        assert_eq!(list, (0..100).collect::<Vec<_>>());
    }
}
