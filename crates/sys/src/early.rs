//! The memory that the first blocks of a program come from: part of the program's image, as [`crate::reserve`] is.
//!
//! Most programs that a container runs are over after a few hundred small allocations.  The C library's allocator would ask
//! the kernel for memory four times for these, each time at another place; here they share the first pages after the
//! program's variables.  Once a block doesn't fit, the program isn't one of these: the system's allocator gives out all
//! further ones, and what is freed here stays unused.

use crate::region::{Memory, UNIT};
use std::alloc::Layout;
use std::sync::atomic::{AtomicBool, Ordering};

/// The length in bytes.
const LENGTH: usize = 32 * 1024;

/// Longer blocks are for the system's allocator: they say nothing of how many follow.
const LARGEST: usize = LENGTH / 4;

static MEMORY: Memory<LENGTH> = Memory::new();

/// Whether a block didn't fit.
static IS_FULL: AtomicBool = AtomicBool::new(false);

/// A block; null for a large one, and from the first time on that one doesn't fit.
pub(crate) fn take(layout: Layout) -> *mut u8 {
    let is_large = layout.size() > LARGEST || layout.align() > UNIT;
    if is_large || IS_FULL.load(Ordering::Relaxed) {
        return std::ptr::null_mut();
    }
    let given = MEMORY.region().take(layout);
    if given.is_null() {
        IS_FULL.store(true, Ordering::Relaxed);
    }
    given
}

/// As [`take`], filled with zeros; memory that was never given out is zero, and isn't touched.
pub(crate) fn take_zeroed(layout: Layout) -> *mut u8 {
    let untouched = MEMORY.region().peak();
    let given = take(layout);
    if !given.is_null() {
        let used = (untouched as usize).saturating_sub(given as usize).min(layout.size());
        // SAFETY: the block is at least as long.
        unsafe { given.write_bytes(0, used) };
    }
    given
}

/// Whether a block is of this memory.
pub(crate) fn holds(given: *mut u8) -> bool {
    MEMORY.holds(given)
}

/// # Safety
/// `given` came from [`take`] or [`take_zeroed`] with this layout.
pub(crate) unsafe fn give_back(given: *mut u8, layout: Layout) {
    // SAFETY: by contract.
    unsafe { MEMORY.region().give_back(given, layout) };
}

/// Makes a block longer or shorter where it is; whether that was possible.
///
/// # Safety
/// As of [`give_back`]; the block has the new length from then on.
pub(crate) unsafe fn resize(given: *mut u8, layout: Layout, new: Layout) -> bool {
    // SAFETY: by contract.
    unsafe { MEMORY.region().resize(given, layout, new) }
}

/// Gives all of it back to the system, for a child that has left its parent's memory.
pub(crate) fn release() {
    let page = rustix::param::page_size();
    let start = MEMORY.start() as usize;
    let (first, end) = (start.next_multiple_of(page), (start + LENGTH) & !(page - 1));
    if first < end {
        // SAFETY: by contract nothing refers to it.
        unsafe { libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_DONTNEED) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Ended, Fork, exit, fork, wait_for};

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    /// Runs the rule in a child, which has the memory to itself.
    fn in_child(rule: fn() -> bool) {
        match fork().unwrap() {
            Fork::Child => exit(u8::from(!rule())),
            Fork::Parent(pid) => assert_eq!(wait_for(pid).unwrap(), Ended::Exited(0)),
        }
    }

    #[test]
    fn used_memory_is_zeroed_and_large_blocks_change_nothing() {
        in_child(|| {
            // SAFETY: each block is used with its layout, and given back once.
            unsafe {
                let given = take(layout(100));
                given.write_bytes(0xa5, 100);
                give_back(given, layout(100));
                let zero = take_zeroed(layout(300));
                let is_zero = (0..300).all(|n| zero.add(n).read() == 0);
                let strict = Layout::from_size_align(8, 64).unwrap();
                let refused = take(layout(LARGEST + 1)).is_null() && take(strict).is_null();
                given == zero && is_zero && refused && holds(take(layout(LARGEST)))
            }
        });
    }

    #[test]
    fn the_first_block_that_does_not_fit_is_the_end() {
        in_child(|| {
            let count = std::iter::repeat_with(|| take(layout(1000))).take_while(|b| !b.is_null()).count();
            // SAFETY: the block was given out.
            unsafe { give_back(MEMORY.region().peak().sub(1008), layout(1000)) };
            count == LENGTH / 1008 && take(layout(8)).is_null()
        });
    }
}
