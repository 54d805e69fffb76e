//! The program's heap, and the small one of a forked child that leaves its parent's behind.
//!
//! A child that was made by fork shares its parent's pages until one of them writes.  A parent that lives on writes all the
//! time, and each page that it writes becomes the child's alone, for nothing.  [`crate::child`] therefore releases the
//! parent's heap in the child, which allocates from a region of its own from then on: lowest place first, so that an idle
//! child has few pages.
//!
//! Large blocks are mapped and unmapped one by one.  A program whose global allocator isn't [`Heap`] keeps its heap.
//!
//! The first blocks are of [`crate::early`].  Where the system's allocator has no memory left, [`crate::reserve`] gives some.

use crate::region::Region;
use crate::{early, reserve};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicPtr, Ordering};

/// The region's length in bytes.
pub(crate) const LENGTH: usize = 256 * 1024;

/// Blocks from this length on are mapped one by one: what lives for long is smaller and stays in the lowest pages.
pub const LARGE: usize = 2048;

/// At most so many bytes are in large blocks: a child that is led astray ends, and takes no more.
const LARGE_LIMIT: usize = 64 * 1024 * 1024;

/// The region that this process allocates from; null for the system's heap.
static REGION: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

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
    unsafe { own().set_up(LENGTH) };
}

/// The region that this process allocates from, if it has one.
fn own() -> Region {
    // SAFETY: `leave_parents` has made it this module's.
    unsafe { Region::at(REGION.load(Ordering::Relaxed)) }
}

/// Whether this process allocates from a region.
fn is_own() -> bool {
    !REGION.load(Ordering::Relaxed).is_null()
}

/// Whether the program's allocator is [`Heap`], so that nothing that is allocated from now on is in the parent's heap.
pub(crate) fn is_global() -> bool {
    let probe = Box::new(0_u64);
    let at = std::ptr::from_ref(&*probe) as usize;
    let base = REGION.load(Ordering::Relaxed) as usize;
    (base..base + LENGTH).contains(&at)
}

/// Gives the pages above what is in use back to the system.
pub(crate) fn trim() {
    if is_own() {
        own().trim();
    }
}

/// Whether this process has blocks of its own that are mapped one by one.
pub(crate) fn has_large() -> bool {
    is_own() && *own().mapped() > 0
}

/// The length of a page.
pub(crate) fn page() -> usize {
    rustix::param::page_size()
}

fn is_large(layout: Layout) -> bool {
    layout.size() >= LARGE || layout.align() > align_of::<u128>()
}

/// # Safety
/// This process has left its parent's heap.
unsafe fn map(layout: Layout) -> *mut u8 {
    let mapped = own().mapped();
    if layout.align() > page() || LARGE_LIMIT - *mapped < layout.size() {
        return std::ptr::null_mut();
    }
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address that the kernel chooses.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), layout.size(), access, kind, -1, 0) };
    if start == libc::MAP_FAILED {
        return std::ptr::null_mut();
    }
    *mapped += layout.size();
    start.cast()
}

/// # Safety
/// `given` came from [`map`] with this layout.
unsafe fn unmap(given: *mut u8, layout: Layout) {
    // SAFETY: the mapping is the caller's.
    unsafe { libc::munmap(given.cast(), layout.size()) };
    *own().mapped() -= layout.size();
}

/// Fills a block with zeros, unless it is null.
///
/// # Safety
/// It has at least this length.
unsafe fn zeroed(given: *mut u8, length: usize) -> *mut u8 {
    if !given.is_null() {
        // SAFETY: by contract.
        unsafe { given.write_bytes(0, length) };
    }
    given
}

/// From the system's allocator or, without memory, from the reserve.
///
/// # Safety
/// As of [`GlobalAlloc::alloc`].
unsafe fn later(layout: Layout, alloc: unsafe fn(&System, Layout) -> *mut u8) -> *mut u8 {
    // SAFETY: by contract.
    let given = unsafe { alloc(&System, layout) };
    if given.is_null() { reserve::take(layout) } else { given }
}

// SAFETY: each function gives out blocks of the program's image, or hands on to the system's allocator, or, in a child that
// has left its parent's heap, gives out blocks of the region and mappings; none of them overlap.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract is the same.
        unsafe {
            match is_own() {
                false => {
                    let given = early::take(layout);
                    if given.is_null() { later(layout, System::alloc) } else { given }
                }
                true if is_large(layout) => map(layout),
                true => own().take(layout),
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above; a new mapping is zero.
        unsafe {
            match is_own() {
                false => {
                    let given = early::take_zeroed(layout);
                    if !given.is_null() {
                        return given;
                    }
                    let given = later(layout, System::alloc_zeroed);
                    if reserve::holds(given) { zeroed(given, layout.size()) } else { given }
                }
                true if is_large(layout) => map(layout),
                true => zeroed(own().take(layout), layout.size()),
            }
        }
    }

    unsafe fn dealloc(&self, given: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe {
            match is_own() {
                false if early::holds(given) => early::give_back(given, layout),
                false if reserve::holds(given) => reserve::give_back(given, layout),
                false => System.dealloc(given, layout),
                true if is_large(layout) => unmap(given, layout),
                true => own().give_back(given, layout),
            }
        }
    }

    unsafe fn realloc(&self, given: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; the new layout is valid because `size` is, by the caller's contract.
        unsafe {
            let new = Layout::from_size_align_unchecked(size, layout.align());
            let stays = match is_own() {
                false if early::holds(given) => early::resize(given, layout, new),
                false if reserve::holds(given) => false,
                false => {
                    let moved = System.realloc(given, layout, size);
                    if !moved.is_null() {
                        return moved;
                    }
                    false
                }
                true => !is_large(layout) && !is_large(new) && own().resize(given, layout, new),
            };
            if stays {
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
    fn large_blocks_are_zero_and_bounded() {
        in_child(|| {
            // SAFETY: as above.
            unsafe {
                let given = Heap.alloc_zeroed(layout(100_000));
                let zero = (0..100_000).all(|n| given.add(n).read() == 0) && has_large();
                let moved = Heap.realloc(given, layout(100_000), 20);
                let came_back = *own().mapped() == 0 && !has_large();
                Heap.dealloc(moved, layout(20));
                let refused = Heap.alloc(layout(LARGE_LIMIT + 1)).is_null();
                zero && came_back && refused
            }
        });
    }
}
