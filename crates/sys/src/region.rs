//! A region of memory that is given out in blocks: lowest place first, and freed blocks join.

use std::alloc::Layout;
use std::cell::UnsafeCell;

/// The unit of blocks, and their alignment.
pub(crate) const UNIT: usize = 16;

/// The region's own data, at its beginning; zeros until [`Region::set_up`].
struct State {
    /// The region's length.
    length: usize,
    /// Everything from here on, as an offset, is free.
    top: usize,
    /// The highest that `top` has been since the last [`Region::trim`].
    peak: usize,
    /// The first free block below `top`, 0 for none.
    free: usize,
    /// The bytes in blocks that are mapped one by one, beside the region.
    mapped: usize,
}

/// A free block's own data, at its beginning; the blocks are in the order of their offsets.
struct Free {
    length: usize,
    /// The next one's offset, 0 for none.
    next: usize,
}

/// The first offset that is given out.
const FIRST: usize = size_of::<State>().next_multiple_of(UNIT);

/// The length of a block.
pub(crate) fn rounded(layout: Layout) -> usize {
    layout.size().max(1).next_multiple_of(UNIT)
}

/// Memory of the program's image for one region: it costs no page until it is used, and no limit can take it away.
#[repr(C, align(16))]
pub(crate) struct Memory<const LENGTH: usize>(UnsafeCell<[u8; LENGTH]>);

// SAFETY: one thread uses it.
unsafe impl<const LENGTH: usize> Sync for Memory<LENGTH> {}

impl<const LENGTH: usize> Memory<LENGTH> {
    pub(crate) const fn new() -> Self {
        const { assert!(align_of::<Self>() >= UNIT && LENGTH > FIRST) };
        Self(UnsafeCell::new([0; LENGTH]))
    }

    pub(crate) fn start(&self) -> *mut u8 {
        self.0.get().cast()
    }

    /// The region, which is set up if it wasn't.
    pub(crate) fn region(&self) -> Region {
        // SAFETY: the memory is aligned, has this length, and nothing but its region uses it.
        unsafe {
            let region = Region::at(self.start());
            if !region.is_set_up() {
                region.set_up(LENGTH);
            }
            region
        }
    }

    /// Whether a block is of this memory.
    pub(crate) fn holds(&self, given: *mut u8) -> bool {
        (given as usize).wrapping_sub(self.start() as usize) < LENGTH
    }
}

/// A region, by its address.  One thread uses it.
#[derive(Clone, Copy)]
pub(crate) struct Region(*mut u8);

impl Region {
    /// The region at this address.
    ///
    /// # Safety
    /// Nothing else uses the memory there, which is aligned to the unit; it is set up before the other functions are called.
    pub(crate) const unsafe fn at(start: *mut u8) -> Self {
        Self(start)
    }

    /// Makes all of it free.
    ///
    /// # Safety
    /// The memory has this length.
    pub(crate) unsafe fn set_up(self, length: usize) {
        // SAFETY: the region is this module's from now on.
        unsafe { *self.state() = State { length, top: FIRST, peak: FIRST, free: 0, mapped: 0 } };
    }

    /// Whether it has been set up.
    pub(crate) fn is_set_up(self) -> bool {
        // SAFETY: the memory is zero until it is set up.
        unsafe { (*self.state()).length != 0 }
    }

    /// Whether no block is given out.
    #[cfg(test)]
    pub(crate) fn is_empty(self) -> bool {
        // SAFETY: the region is set up.
        unsafe { (*self.state()).top == FIRST && (*self.state()).free == 0 }
    }

    /// The bytes in blocks that are mapped one by one.
    pub(crate) fn mapped(self) -> &'static mut usize {
        // SAFETY: the region is set up and stays; one thread uses it, for one expression at a time.
        unsafe { &mut (*self.state()).mapped }
    }

    /// The end of what has ever been given out since the last [`Region::trim`].
    pub(crate) fn peak(self) -> *mut u8 {
        // SAFETY: the region is set up.
        unsafe { self.0.add((*self.state()).peak) }
    }

    fn state(self) -> *mut State {
        self.0.cast()
    }

    /// The free block at an offset.
    ///
    /// # Safety
    /// There is one, or the caller makes one there.
    unsafe fn block(self, at: usize) -> *mut Free {
        // SAFETY: offsets of blocks are within the region and multiples of its unit.
        unsafe { self.0.add(at).cast() }
    }

    /// Gives out a block; null if none is long enough, or as strictly aligned.
    pub(crate) fn take(self, layout: Layout) -> *mut u8 {
        if layout.align() > UNIT {
            return std::ptr::null_mut();
        }
        let length = rounded(layout);
        // SAFETY: the state and the free blocks are this module's own, and one thread uses them.
        unsafe {
            let state = &mut *self.state();
            let (mut before, mut at) = (0, state.free);
            while at != 0 {
                let Free { length: found, next } = self.block(at).read();
                if found > length {
                    (*self.block(at)).length = found - length;
                    return self.0.add(at + found - length);
                }
                if found == length {
                    if before == 0 {
                        state.free = next
                    } else {
                        (*self.block(before)).next = next
                    }
                    return self.0.add(at);
                }
                (before, at) = (at, next);
            }
            if state.length - state.top < length {
                return std::ptr::null_mut();
            }
            let given = self.0.add(state.top);
            state.top += length;
            state.peak = state.peak.max(state.top);
            given
        }
    }

    /// # Safety
    /// `given` came from [`Region::take`] with this layout.
    pub(crate) unsafe fn give_back(self, given: *mut u8, layout: Layout) {
        let mut length = rounded(layout);
        let mut at = given as usize - self.0 as usize;
        // SAFETY: as in `take`.
        unsafe {
            let state = &mut *self.state();
            let (mut before, mut next) = (0, state.free);
            let mut before_that = 0;
            while next != 0 && next < at {
                before_that = before;
                before = next;
                next = (*self.block(next)).next;
            }
            if next != 0 && at + length == next {
                let after = self.block(next).read();
                length += after.length;
                next = after.next;
            }
            let merges = before != 0 && before + (*self.block(before)).length == at;
            if merges {
                at = before;
                length += (*self.block(before)).length;
                before = before_that;
            }
            let link = if at + length == state.top {
                state.top = at;
                next
            } else {
                self.block(at).write(Free { length, next });
                at
            };
            if before == 0 { state.free = link } else { (*self.block(before)).next = link }
        }
    }

    /// Makes a block longer or shorter where it is, if it is the last one or keeps its length; whether it did.
    ///
    /// # Safety
    /// `given` came from [`Region::take`] with this layout; it has the new one from then on.
    pub(crate) unsafe fn resize(self, given: *mut u8, layout: Layout, new: Layout) -> bool {
        let at = given as usize - self.0 as usize;
        // SAFETY: as in `take`.
        let state = unsafe { &mut *self.state() };
        if rounded(layout) == rounded(new) {
            return true;
        }
        if at + rounded(layout) != state.top || state.length - at < rounded(new) {
            return false;
        }
        state.top = at + rounded(new);
        state.peak = state.peak.max(state.top);
        true
    }

    /// Gives the pages above what is in use back to the system.
    pub(crate) fn trim(self) {
        // SAFETY: the region is set up.
        let state = unsafe { &mut *self.state() };
        let page = rustix::param::page_size();
        let first = state.top.next_multiple_of(page);
        let end = state.peak.next_multiple_of(page).min(state.length);
        if first < end {
            // SAFETY: nothing from `top` on is in use.
            unsafe { libc::madvise(self.0.add(first).cast(), end - first, libc::MADV_DONTNEED) };
        }
        state.peak = state.top;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: usize = 64 * 1024;

    fn region() -> Region {
        let memory = Box::leak(Box::new([0_u128; LENGTH / 16]));
        // SAFETY: it has the length, and nothing else uses it.
        unsafe {
            let region = Region::at(memory.as_mut_ptr().cast());
            region.set_up(LENGTH);
            region
        }
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn freed_blocks_join_and_the_top_comes_down() {
        let region = region();
        // SAFETY: each block is given back once, with its layout.
        unsafe {
            let blocks = [40, 100, 16, 700, 1].map(|n| (region.take(layout(n)), layout(n)));
            for (given, layout) in blocks {
                given.write_bytes(0xa5, layout.size());
            }
            let ends = blocks.map(|(given, layout)| given as usize + rounded(layout));
            assert!((1..5).all(|n| ends[n - 1] == blocks[n].0 as usize));
            for n in [1, 3, 2, 0] {
                region.give_back(blocks[n].0, blocks[n].1);
            }
            assert_eq!(((*region.state()).free, (*region.block(FIRST)).next), (FIRST, 0));
            let again = region.take(layout(700));
            region.give_back(again, layout(700));
            region.give_back(blocks[4].0, blocks[4].1);
        }
        assert!(region.is_empty());
    }

    #[test]
    fn any_order_of_calls_leaves_nothing_behind() {
        let region = region();
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
                    let given = region.take(layout(size));
                    given.write_bytes(place as u8, size);
                    live[place] = (given, size);
                } else if region.resize(given, layout(old), layout(size)) {
                    assert!((0..old.min(size)).all(|n| given.add(n).read() == place as u8));
                    given.write_bytes(place as u8, size);
                    live[place].1 = size;
                } else {
                    assert!((0..old).all(|n| given.add(n).read() == place as u8));
                    region.give_back(given, layout(old));
                    live[place].0 = std::ptr::null_mut();
                }
            }
        }
        for (given, size) in live.into_iter().filter(|(given, _)| !given.is_null()) {
            // SAFETY: likewise.
            unsafe { region.give_back(given, layout(size)) };
        }
        assert!(region.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let region = region();
        assert!(region.take(layout(LENGTH)).is_null());
        assert!(region.take(Layout::from_size_align(8, 4096).unwrap()).is_null());
        assert!(!region.take(layout(LENGTH - FIRST)).is_null());
        assert!(region.take(layout(1)).is_null());
    }
}
