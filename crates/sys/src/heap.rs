//! The program's heap, and the small one of a forked child that leaves its parent's behind.
//!
//! A child that was made by fork shares its parent's pages until one of them writes.  A parent that lives on writes all the
//! time, and each page that it writes becomes the child's alone, for nothing.  [`crate::child`] therefore releases the
//! parent's heap in the child, which allocates from a region of its own from then on: lowest place first, so that an idle
//! child has few pages.
//!
//! Large blocks are mapped and unmapped one by one.  A program whose global allocator isn't [`Heap`] keeps its heap.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicPtr, Ordering};

/// The region's length in bytes.
pub(crate) const LENGTH: usize = 256 * 1024;

/// The unit of blocks, and their alignment.
const UNIT: usize = 16;

/// Blocks from this length on are mapped one by one: what lives for long is smaller and stays in the lowest pages.
const LARGE: usize = 1024;

/// At most so many bytes are in large blocks: a child that is led astray ends, and takes no more.
const LARGE_LIMIT: usize = 64 * 1024 * 1024;

/// The region that this process allocates from; null for the system's heap.
static REGION: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

/// The region's own data, at its beginning.
struct State {
    /// Everything from here on, as an offset, is free.
    top: usize,
    /// The highest that `top` has been since the last [`trim`].
    peak: usize,
    /// The first free block below `top`, 0 for none.
    free: usize,
    /// The bytes in large blocks.
    large: usize,
}

/// A free block's own data, at its beginning; the blocks are in the order of their offsets.
struct Free {
    length: usize,
    /// The next one's offset, 0 for none.
    next: usize,
}

/// The first offset that is given out.
const FIRST: usize = size_of::<State>().next_multiple_of(UNIT);

/// The global allocator of a program that forks children with [`crate::child`].
#[derive(Debug, Clone, Copy)]
pub struct Heap;

/// Makes this process, a forked child, allocate from a region from now on.
///
/// # Safety
/// The region has [`LENGTH`] bytes, is aligned to a page, and is used by nothing else.
pub(crate) unsafe fn leave_parents(region: *mut u8) {
    REGION.store(region, Ordering::Relaxed);
    // SAFETY: the region is this module's from now on.
    unsafe { *state() = State { top: FIRST, peak: FIRST, free: 0, large: 0 } };
}

/// Whether this process allocates from a region.
fn is_own() -> bool {
    !base().is_null()
}

/// Whether the program's allocator is [`Heap`], so that nothing that is allocated from now on is in the parent's heap.
pub(crate) fn is_global() -> bool {
    let probe = Box::new(0_u64);
    let at = std::ptr::from_ref(&*probe) as usize;
    (base() as usize..base() as usize + LENGTH).contains(&at)
}

/// Gives the pages above what is in use back to the system.
pub(crate) fn trim() {
    if !is_own() {
        return;
    }
    // SAFETY: the state was set up by `leave_parents`.
    let state = unsafe { &mut *state() };
    let page = page();
    let first = state.top.next_multiple_of(page);
    let end = state.peak.next_multiple_of(page).min(LENGTH);
    if first < end {
        // SAFETY: nothing from `top` on is in use.
        unsafe { libc::madvise(base().add(first).cast(), end - first, libc::MADV_DONTNEED) };
    }
    state.peak = state.top;
}

/// The length of a page.
pub(crate) fn page() -> usize {
    rustix::param::page_size()
}

fn base() -> *mut u8 {
    REGION.load(Ordering::Relaxed)
}

fn state() -> *mut State {
    base().cast()
}

fn rounded(layout: Layout) -> usize {
    layout.size().max(1).next_multiple_of(UNIT)
}

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE || layout.align() > UNIT
}

/// The free block at an offset.
///
/// # Safety
/// There is one, or the caller makes one there.
unsafe fn block(at: usize) -> *mut Free {
    // SAFETY: offsets of blocks are within the region and multiples of its unit.
    unsafe { base().add(at).cast() }
}

/// # Safety
/// This process has left its parent's heap.
unsafe fn take(layout: Layout) -> *mut u8 {
    let length = rounded(layout);
    // SAFETY: the state and the free blocks are this module's own, and one thread uses them.
    unsafe {
        let state = &mut *state();
        let (mut before, mut at) = (0, state.free);
        while at != 0 {
            let Free { length: found, next } = block(at).read();
            if found > length {
                (*block(at)).length = found - length;
                return base().add(at + found - length);
            }
            if found == length {
                if before == 0 {
                    state.free = next
                } else {
                    (*block(before)).next = next
                }
                return base().add(at);
            }
            (before, at) = (at, next);
        }
        if LENGTH - state.top < length {
            return std::ptr::null_mut();
        }
        let given = base().add(state.top);
        state.top += length;
        state.peak = state.peak.max(state.top);
        given
    }
}

/// # Safety
/// `given` came from [`take`] with this layout.
unsafe fn give_back(given: *mut u8, layout: Layout) {
    let mut length = rounded(layout);
    let mut at = given as usize - base() as usize;
    // SAFETY: as in `take`.
    unsafe {
        let state = &mut *state();
        let (mut before, mut next) = (0, state.free);
        let mut before_that = 0;
        while next != 0 && next < at {
            before_that = before;
            before = next;
            next = (*block(next)).next;
        }
        if next != 0 && at + length == next {
            let after = block(next).read();
            length += after.length;
            next = after.next;
        }
        let merges = before != 0 && before + (*block(before)).length == at;
        if merges {
            at = before;
            length += (*block(before)).length;
            before = before_that;
        }
        let link = if at + length == state.top {
            state.top = at;
            next
        } else {
            block(at).write(Free { length, next });
            at
        };
        if before == 0 { state.free = link } else { (*block(before)).next = link }
    }
}

/// # Safety
/// This process has left its parent's heap.
unsafe fn map(layout: Layout) -> *mut u8 {
    // SAFETY: the state is set up.
    let state = unsafe { &mut *state() };
    if layout.align() > page() || LARGE_LIMIT - state.large < layout.size() {
        return std::ptr::null_mut();
    }
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address that the kernel chooses.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), layout.size(), access, kind, -1, 0) };
    if start == libc::MAP_FAILED {
        return std::ptr::null_mut();
    }
    state.large += layout.size();
    start.cast()
}

/// # Safety
/// `given` came from [`map`] with this layout.
unsafe fn unmap(given: *mut u8, layout: Layout) {
    // SAFETY: the mapping is the caller's, and the state is set up.
    unsafe {
        libc::munmap(given.cast(), layout.size());
        (*state()).large -= layout.size();
    }
}

// SAFETY: each function hands on to the system's allocator, or, in a child that has left its parent's heap, gives out
// parts of the region and mappings that overlap nothing else.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the same.
        unsafe {
            match is_own() {
                false => System.alloc(layout),
                true if is_large(layout) => map(layout),
                true => take(layout),
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above; a new mapping is zero.
        unsafe {
            match is_own() {
                false => System.alloc_zeroed(layout),
                true if is_large(layout) => map(layout),
                true => {
                    let given = take(layout);
                    if !given.is_null() {
                        given.write_bytes(0, layout.size());
                    }
                    given
                }
            }
        }
    }

    unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe {
            match is_own() {
                false => System.dealloc(given, layout),
                true if is_large(layout) => unmap(given, layout),
                true => give_back(given, layout),
            }
        }
    }

    unsafe fn realloc(&self, given: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; the new layout is valid because `size` is, by the caller's contract.
        unsafe {
            if !is_own() {
                return System.realloc(given, layout, size);
            }
            let new = Layout::from_size_align_unchecked(size, layout.align());
            if !is_large(layout) && !is_large(new) && rounded(layout) == rounded(new) {
                return given;
            }
            let moved = self.alloc(new);
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(given, moved, layout.size().min(size));
                self.dealloc(given, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Ended, Fork, exit, fork, wait_for};

    /// Runs the rule in a child, which has the region to itself.
    fn in_child(rule: fn() -> bool) {
        match fork().unwrap() {
            Fork::Child => {
                let region = Box::leak(Box::new([0_u128; LENGTH / 16]));
                // SAFETY: it is long enough, and nothing else uses it.
                unsafe { leave_parents(region.as_mut_ptr().cast()) };
                exit(u8::from(!rule()))
            }
            Fork::Parent(pid) => assert_eq!(wait_for(pid).unwrap(), Ended::Exited(0)),
        }
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn freed_blocks_join_and_the_top_comes_down() {
        in_child(|| {
            // SAFETY: each block is given back once, with its layout.
            unsafe {
                let blocks = [40, 100, 16, 700, 1].map(|n| (Heap.alloc(layout(n)), layout(n)));
                for (given, layout) in blocks {
                    given.write_bytes(0xa5, layout.size());
                }
                let ends = blocks.map(|(given, layout)| given as usize + rounded(layout));
                let adjacent = (1..5).all(|n| ends[n - 1] == blocks[n].0 as usize);
                for n in [1, 3, 2, 0] {
                    Heap.dealloc(blocks[n].0, blocks[n].1);
                }
                let one = (*state()).free == FIRST && (*block(FIRST)).next == 0;
                let again = Heap.alloc(layout(700));
                Heap.dealloc(again, layout(700));
                Heap.dealloc(blocks[4].0, blocks[4].1);
                adjacent && one && (*state()).top == FIRST && (*state()).free == 0
            }
        });
    }

    #[test]
    fn any_order_of_calls_leaves_nothing_behind() {
        in_child(|| {
            let mut seed = 7_u32;
            let mut next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 16) as usize
            };
            let mut live: [(*mut u8, usize); 32] = [(std::ptr::null_mut(), 0); 32];
            for _ in 0..20_000 {
                let (place, size) = (next() % live.len(), 1 + next() % 1200);
                let (given, old) = live[place];
                // SAFETY: a block is given back once, with its layout.
                unsafe {
                    if given.is_null() {
                        let given = Heap.alloc(layout(size));
                        given.write_bytes(place as u8, size);
                        live[place] = (given, size);
                    } else {
                        if (0..old).any(|n| given.add(n).read() != place as u8) {
                            return false;
                        }
                        Heap.dealloc(given, layout(old));
                        live[place].0 = std::ptr::null_mut();
                    }
                }
            }
            for (given, size) in live.into_iter().filter(|(given, _)| !given.is_null()) {
                // SAFETY: likewise.
                unsafe { Heap.dealloc(given, layout(size)) };
            }
            // SAFETY: the state is set up.
            unsafe { (*state()).top == FIRST && (*state()).free == 0 }
        });
    }

    #[test]
    fn large_blocks_are_zero_and_bounded() {
        in_child(|| {
            // SAFETY: as above.
            unsafe {
                let given = Heap.alloc_zeroed(layout(100_000));
                let zero = (0..100_000).all(|n| given.add(n).read() == 0);
                let moved = Heap.realloc(given, layout(100_000), 20);
                let came_back = (*state()).large == 0;
                Heap.dealloc(moved, layout(20));
                let refused = Heap.alloc(layout(LARGE_LIMIT + 1)).is_null();
                zero && came_back && refused
            }
        });
    }
}
