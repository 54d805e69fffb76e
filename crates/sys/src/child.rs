//! A child that goes on in this program without an exec, and with few pages of its own.
//!
//! It is made by clone(2) without shared memory, on a stack of its own, and never returns to its parent's code.  Before
//! its `main` runs, it leaves the parent's memory: from then on it allocates from the region of [`crate::heap`].  The
//! parent's heap and stack are unmapped or released when the child is idle for the first time ([`trim`]): while it has
//! work to do, that would only cost time.  What `main` gets is `Copy` and `'static`: it must not refer to the parent's heap
//! or stack, so it consists of values, of the program's statics, and of [`crate::spawn::Frozen`].

use crate::heap;
use crate::signal::{Set, set_mask};
use rustix::io::Errno;
use rustix::process::Pid;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

/// What lives while the child is idle is shorter than this.
pub const RESIDENT_MAX: usize = heap::LARGE;

/// The unit of the parts: the longest page of any machine.
const UNIT: usize = 64 * 1024;

/// The length of the stack in bytes.
const LENGTH: usize = 2 * UNIT;

/// Memory that the parent makes for all its children, and never touches: a guard, the stack, the region of
/// [`crate::heap`], and another guard.  Null until the first child is made.
static ROOM: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

/// Whether this process is a child that still has its parent's heap and stack.
static HAS_PARENTS: AtomicBool = AtomicBool::new(false);

#[cfg(target_pointer_width = "32")]
use libc::Elf32_Phdr as ProgramHeader;
#[cfg(target_pointer_width = "64")]
use libc::Elf64_Phdr as ProgramHeader;

unsafe extern "C" {
    /// The end of the program's image, which the linker defines.
    static _end: u8;
}

/// Maps the room, unless there is one.
fn prepare() -> Result<(), Errno> {
    const ALL: usize = UNIT + LENGTH + heap::LENGTH + UNIT;
    if !ROOM.load(Ordering::Relaxed).is_null() {
        return Ok(());
    }
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address that the kernel chooses.
    let room = unsafe { libc::mmap(std::ptr::null_mut(), ALL, libc::PROT_NONE, kind, -1, 0) };
    if room == libc::MAP_FAILED {
        return Err(crate::errno::last());
    }
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the range is within the new mapping, which stays.
    if unsafe { libc::mprotect(room.add(UNIT), LENGTH + heap::LENGTH, access) } == -1 {
        return Err(crate::errno::last());
    }
    ROOM.store(room.cast(), Ordering::Relaxed);
    Ok(())
}

/// The lowest address of the stack; the heap follows it.
fn stack_bottom() -> *mut u8 {
    ROOM.load(Ordering::Relaxed).wrapping_add(UNIT)
}

struct Call<'a, T> {
    command_line: &'a [&'a [u8]],
    start: T,
    main: fn(&T, Vec<Vec<u8>>) -> u8,
}

extern "C" fn enter<T: Copy + 'static>(call: *mut c_void) -> c_int {
    // SAFETY: `prepare` has mapped it after the stack, and this process is the first that uses its copy.
    unsafe { heap::leave_parents(stack_bottom().add(LENGTH)) };
    // SAFETY: `fork` passes its own call, of which this process has a copy.
    let Call { command_line, start, main } = unsafe { call.cast::<Call<'_, T>>().read() };
    let words = command_line.iter().map(|word| word.to_vec()).collect();
    crate::args::set_command_line(command_line);
    HAS_PARENTS.store(heap::is_global(), Ordering::Relaxed);
    crate::process::exit(main(&start, words))
}

/// Makes a child that has this command line, runs `main` and exits with its code.  It has copies of all descriptors, and all
/// signals are blocked in it.  `main` gets the command line, too.  The kernel stores the process id in `note` before the
/// child runs.
///
/// # Errors
/// See clone(2).
pub fn fork<T: Copy + 'static>(
    command_line: &[&[u8]],
    start: T,
    note: &AtomicU32,
    main: fn(&T, Vec<Vec<u8>>) -> u8,
) -> Result<Pid, Errno> {
    prepare()?;
    let mut call = Call { command_line, start, main };
    let call = std::ptr::from_mut(&mut call).cast::<c_void>();
    let flags = libc::SIGCHLD | libc::CLONE_PARENT_SETTID;
    let top = stack_bottom().wrapping_add(LENGTH);
    let old = set_mask(&Set::full());
    // SAFETY: the child has its own copy of all memory, and uses the stack alone; the note outlives the call.
    let pid = unsafe { libc::clone(enter::<T>, top.cast(), flags, call, note.as_ptr()) };
    let made = if pid == -1 { Err(crate::errno::last()) } else { Pid::from_raw(pid).ok_or(Errno::AGAIN) };
    set_mask(&old);
    made
}

/// Gives the pages that are not in use back to the system, and the first time the parent's memory; for a child that is
/// about to wait for long.
pub fn trim() {
    // The kernel tells this process's own mappings from the parent's as little as one mapping from its neighbour.
    if !heap::has_large() && HAS_PARENTS.swap(false, Ordering::Relaxed) {
        release_parents_memory();
    }
    heap::trim();
    if !ROOM.load(Ordering::Relaxed).is_null() {
        release_stack();
    }
}

/// Gives back the part of the stack that isn't in use.
///
/// Out of line, with a small frame: the room below it that stays is [`MARGIN`], wherever in a caller's frame it would stand.
#[inline(never)]
fn release_stack() {
    let here = 0_u8;
    let bottom = stack_bottom() as usize;
    // What this function calls needs a little room below its own frame.
    let used = (std::ptr::from_ref(std::hint::black_box(&here)) as usize).saturating_sub(MARGIN)
        & !(heap::page() - 1);
    if (bottom..bottom + LENGTH).contains(&used) {
        // SAFETY: what lies below this frame holds nothing that anybody reads.
        unsafe { libc::madvise(stack_bottom().cast(), used - bottom, libc::MADV_DONTNEED) };
    }
}

/// The room that madvise(2) and its wrapper need on the stack.
const MARGIN: usize = 512;

/// At most this many mappings are released.
const RANGES: usize = 32;

/// A child has no use for what its parent has on its heap and stack.
fn release_parents_memory() {
    crate::early::release();
    let room = stack_bottom() as usize;
    let mut ranges = [(0_usize, 0_usize); RANGES];
    let mut count = 0;
    let mut stack = None;
    each_mapping(&mut |line| {
        let Some((start, end)) = range(line) else { return };
        if line.ends_with(b" [stack]") {
            stack = Some((start, end));
        } else if is_heap(line)
            && let Some(room) = ranges.get_mut(count)
        {
            *room = (start, end);
            count += 1;
        }
    });
    let kept = thread_data();
    // SAFETY: only the address counts.
    let image_end = (&raw const _end as usize).next_multiple_of(heap::page());
    for (start, end) in ranges.into_iter().take(count) {
        // The heap may follow the program's data without a gap.
        let start = if start < image_end { image_end } else { start };
        if (start..end).contains(&room) {
            continue;
        }
        match &kept {
            Some(kept) if kept.start >= start && kept.start < end => {
                release(start, kept.start);
                release(kept.end, end);
            }
            Some(_) => release(start, end),
            None => {}
        }
    }
    if let Some((start, end)) = stack {
        // The arguments, which the kernel shows, are at its end.
        let end = crate::args::start().map_or(end, |at| at & !(heap::page() - 1)).min(end);
        if start < end {
            // SAFETY: this process runs on another stack.
            unsafe { libc::madvise(start as *mut c_void, end - start, libc::MADV_DONTNEED) };
        }
    }
}

/// Unmaps private memory that the parent allocated, and that nothing in this process refers to from here on.
fn release(start: usize, end: usize) {
    if start < end {
        // SAFETY: by contract nothing refers to it.
        unsafe { libc::munmap(start as *mut c_void, end - start) };
    }
}

/// The page of this thread's descriptor and its thread-local data; `None` if they may not fit into one.
fn thread_data() -> Option<std::ops::Range<usize>> {
    /// More than the C library's own part takes.
    const OWN: usize = 2048;
    // SAFETY: the auxiliary vector leads to the program's headers, which are part of the program.
    let headers = unsafe {
        let at = libc::getauxval(libc::AT_PHDR) as *const ProgramHeader;
        let count = usize::try_from(libc::getauxval(libc::AT_PHNUM)).ok()?;
        if at.is_null() {
            return None;
        }
        std::slice::from_raw_parts(at, count)
    };
    let length = headers.iter().find(|header| header.p_type == libc::PT_TLS).map_or(0, |h| h.p_memsz);
    if usize::try_from(length).ok()?.checked_add(OWN)? > heap::page() {
        return None;
    }
    // SAFETY: gives the address of this thread's descriptor.
    let thread = unsafe { libc::pthread_self() } as usize & !(heap::page() - 1);
    Some(thread..thread + heap::page())
}

/// Calls `each` with the lines of /proc/self/maps, without allocating.
fn each_mapping(each: &mut dyn FnMut(&[u8])) {
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
    let Ok(file) = crate::fs::open("/proc/self/maps", flags, rustix::fs::Mode::empty()) else { return };
    let mut buffer = [0_u8; 2048];
    let mut filled = 0;
    while let Ok(count @ 1..) = rustix::io::read(&file, &mut buffer[filled..]) {
        filled += count;
        let mut from = 0;
        while let Some(length) = buffer[from..filled].iter().position(|b| *b == b'\n') {
            each(&buffer[from..from + length]);
            from += length + 1;
        }
        if from == 0 && filled == buffer.len() {
            // A name that is longer than any that counts.
            from = filled;
        }
        buffer.copy_within(from..filled, 0);
        filled -= from;
    }
}

/// The addresses of a line of /proc/self/maps.
fn range(line: &[u8]) -> Option<(usize, usize)> {
    let (start, rest) = line.split_at_checked(line.iter().position(|b| *b == b'-')?)?;
    let (end, _) = rest.split_at_checked(rest.iter().position(|b| *b == b' ')?)?;
    let number = |digits: &[u8]| usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    Some((number(start)?, number(end.get(1..)?)?))
}

/// Whether a line of /proc/self/maps is private memory that the process may write, of no file.
fn is_heap(line: &[u8]) -> bool {
    let mut words = line.split(|b| *b == b' ').filter(|w| !w.is_empty()).skip(1);
    let private = words.next().is_some_and(|access| access.starts_with(b"rw") && access.ends_with(b"p"));
    let no_file = words.nth(2) == Some(b"0");
    private && no_file && matches!(words.next(), None | Some(b"[heap]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{Ended, wait_for};

    #[test]
    fn a_child_runs_on_its_own_stack_with_its_own_heap() {
        static NOTE: AtomicU32 = AtomicU32::new(0);
        let parents = vec![7_u8; 100];
        crate::args::prepare_command_lines();
        let pid = fork(&[b"one", b"two"], (3_u8, 4_u8), &NOTE, |(a, b), line| {
            let named = std::fs::read("/proc/self/cmdline").unwrap() == b"one\0two\0";
            if !named || line != [b"one", b"two"] {
                return 1;
            }
            let words: Vec<String> = (0..100).map(|n| format!("word {n}")).collect();
            // It has a mapping of its own, which stays.
            let large = std::hint::black_box(vec![1_u8; 5000]);
            trim();
            let sum: u32 = large.iter().map(|byte| u32::from(*byte)).sum();
            drop(large);
            trim();
            if sum != 5000 {
                return 2;
            }
            let here = 0_u8;
            let at = std::ptr::from_ref(&here) as usize;
            let own = (stack_bottom() as usize..stack_bottom() as usize + LENGTH).contains(&at);
            if own && words.len() == 100 { *a + *b } else { 0 }
        })
        .unwrap();
        assert_eq!(NOTE.load(Ordering::Relaxed), pid.as_raw_nonzero().get().unsigned_abs());
        assert_eq!(wait_for(pid).unwrap(), Ended::Exited(7));
        assert_eq!(parents, [7; 100]);
    }

    #[test]
    fn mappings_as_the_kernel_lists_them() {
        let heap = b"0084d000-0086e000 rw-p 00000000 00:00 0                                  [heap]";
        assert_eq!(range(heap), Some((0x84d000, 0x86e000)));
        let rows: [(&[u8], bool); 7] = [
            (heap, true),
            (b"7f8e5a200000-7f8e5a201000 rw-p 00000000 00:00 0 ", true),
            (b"7f8e5a200000-7f8e5a201000 r--p 00000000 00:00 0 ", false),
            (b"7f8e5a200000-7f8e5a201000 rw-s 00000000 00:01 1025 /memfd:s6-svscan (deleted)", false),
            (b"00200000-002e0000 rw-p 00012000 fe:00 77 /command/s6-overlay", false),
            (b"7ffd5c000000-7ffd5c021000 rw-p 00000000 00:00 0 [stack]", false),
            (b"7ffd5c1b8000-7ffd5c1ba000 r-xp 00000000 00:00 0 [vdso]", false),
        ];
        for (line, expected) in rows {
            assert_eq!(is_heap(line), expected, "{}", line.escape_ascii());
        }
        assert_eq!(range(b"nonsense"), None);
    }
}
