//! Descriptors named by their number.

use tool::Fatal;

/// The number of a descriptor.
pub(crate) fn descriptor(word: &[u8]) -> Result<i32, Fatal> {
    wire::number::decimal::<u32>(word).and_then(|n| i32::try_from(n).ok()).ok_or_else(Fatal::usage)
}
