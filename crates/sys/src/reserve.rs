//! Memory for when there is none: what [`crate::heap::Heap`] gives out after the system's allocator has failed.
//!
//! It is part of the program's image: it costs no page until it is used, and no limit can take it away.  A process that
//! must not end goes on with what it has to do, and takes on nothing new until [`refill`] has found memory again.

use crate::region::Memory;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

/// The length of the reserve in bytes.
const LENGTH: usize = 128 * 1024;

/// As much as the system has to have for the shortage to be over.
const ENOUGH: Layout = match Layout::from_size_align(LENGTH, 16) {
    Ok(layout) => layout,
    Err(_) => Layout::new::<u8>(),
};

static MEMORY: Memory<LENGTH> = Memory::new();

static IN_USE: AtomicBool = AtomicBool::new(false);

/// Whether memory has failed since the last time that [`refill`] found enough of it.
#[must_use]
pub fn is_in_use() -> bool {
    IN_USE.load(Ordering::Relaxed)
}

/// Whether there is memory: if it has failed before, asks the system for as much as the whole reserve.
///
/// Blocks of the reserve that are still needed stay where they are until they grow or are freed.
#[must_use]
pub fn refill() -> bool {
    if !is_in_use() {
        return true;
    }
    // SAFETY: the layout isn't empty, and the block is given back at once.
    let has_enough = unsafe {
        let probe = std::hint::black_box(System.alloc(ENOUGH));
        if !probe.is_null() {
            System.dealloc(probe, ENOUGH);
        }
        !probe.is_null()
    };
    IN_USE.store(!has_enough, Ordering::Relaxed);
    has_enough
}

/// A block of the reserve; null if it has no room.
pub(crate) fn take(layout: Layout) -> *mut u8 {
    IN_USE.store(true, Ordering::Relaxed);
    MEMORY.region().take(layout)
}

/// Whether a block is of the reserve.
pub(crate) fn holds(given: *mut u8) -> bool {
    MEMORY.holds(given)
}

/// # Safety
/// `given` came from [`take`] with this layout.
pub(crate) unsafe fn give_back(given: *mut u8, layout: Layout) {
    // SAFETY: by contract.
    unsafe { MEMORY.region().give_back(given, layout) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::Heap;
    use crate::process::{Ended, Fork, exit, fork, wait_for};
    use rustix::process::{Resource, Rlimit};

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    /// Limits this process to the memory that it has.
    fn limit_memory(to: Option<u64>) {
        let maximum = crate::limit::get(Resource::As).maximum;
        crate::limit::set(Resource::As, &Rlimit { current: to.or(maximum), maximum }).unwrap();
    }

    /// Without memory: whether each step has the effect that it should have.
    fn go_through_a_shortage() -> bool {
        const SIZE: usize = 8 * 1024;
        limit_memory(Some(0));
        let before = is_in_use();
        // What the system's allocator still has comes first.
        // SAFETY: the layout isn't empty.
        let mut blocks = std::iter::repeat_with(|| unsafe { Heap.alloc_zeroed(layout(SIZE)) });
        let Some(given) = blocks.find(|given| given.is_null() || holds(*given)) else { return false };
        if before || given.is_null() || !is_in_use() || refill() {
            return false;
        }
        // SAFETY: each block is used with its layout, and given back once.
        unsafe {
            let is_zero = (0..SIZE).all(|n| given.add(n).read() == 0);
            given.write_bytes(0xa5, SIZE);
            let too_much = Heap.alloc(layout(LENGTH));
            let grown = Heap.realloc(given, layout(SIZE), 2 * SIZE);
            let in_reserve = holds(grown);
            limit_memory(None);
            let is_over = refill() && !is_in_use();
            let moved = Heap.realloc(grown, layout(2 * SIZE), 3 * SIZE);
            let is_whole = MEMORY.region().is_empty();
            let kept = (0..SIZE).all(|n| moved.add(n).read() == 0xa5);
            Heap.dealloc(moved, layout(3 * SIZE));
            is_zero && too_much.is_null() && in_reserve && is_over && !holds(moved) && is_whole && kept
        }
    }

    #[test]
    fn blocks_come_from_the_reserve_while_memory_is_short() {
        match fork().unwrap() {
            Fork::Child => exit(u8::from(!go_through_a_shortage())),
            Fork::Parent(pid) => assert_eq!(wait_for(pid).unwrap(), Ended::Exited(0)),
        }
    }
}
