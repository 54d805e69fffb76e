//! A file in memory that is written by stores, without a system call.
//!
//! The file can't shrink (a seal forbids it) and all of it that is mapped is allocated, so a store never faults.
//! A forked child doesn't have the mapping, unless madvise(2) is denied: nothing that it does can change what its parent wrote.
#![expect(clippy::disallowed_methods, reason = "here they have another way")]

use crate::Errno;
use crate::missing::is_missing;
use rustix::fs::{FallocateFlags, FileType, MemfdFlags, Mode, OFlags, SealFlags};
use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering, compiler_fence};

/// The unit of lengths: the length of the first mapping, and the multiple to which lengths are rounded up.
const UNIT: usize = 16 * 1024;

/// Where a file without a name is made on kernels before 3.17, which have no files in memory: usually in memory, too.
const PLACES: [&str; 3] = ["/dev/shm", "/run", "/tmp"];

/// Makes a file in memory, close-on-exec, that can grow but not shrink.
///
/// On kernels before 3.17 it is a file without a name, which only a process with this one's rights can shrink.
///
/// # Errors
/// There is no memory, or no descriptor.
pub fn memory_file(name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 don't have the flag; later ones warn without it.
    let made = rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL)
        .or_else(|_| rustix::fs::memfd_create(name, flags));
    let fd = match made {
        Err(e) if is_missing(e) => return nameless_file(name).map_err(|_| e),
        made => made?,
    };
    // A file without the seal is refused by [`Mapping::new`].
    let _ = rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK);
    Ok(fd)
}

/// Makes a file and removes its name.
fn nameless_file(name: &CStr) -> Result<OwnedFd, Errno> {
    let mut unique = [0; 8];
    crate::random::fill_distinct(&mut unique);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut made = Err(Errno::NOENT);
    for place in PLACES {
        let path = format!("{place}/.{}:new:{:016x}", name.to_string_lossy(), u64::from_ne_bytes(unique));
        made = crate::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)
            .and_then(|fd| crate::fs::unlink(&path).map(|()| fd));
        if made.is_ok() {
            break;
        }
    }
    made
}

/// Whether the file is one of [`memory_file`].
fn is_memory_file(fd: impl AsFd) -> Result<bool, Errno> {
    let seals = rustix::fs::fcntl_get_seals(&fd);
    if seals.is_ok_and(|seals| seals.contains(SealFlags::SHRINK)) {
        return Ok(true);
    }
    let st = crate::fs::fstat(&fd)?;
    let is_own = st.st_uid == rustix::process::geteuid().as_raw();
    Ok(FileType::from_raw_mode(st.st_mode).is_file() && st.st_nlink == 0 && is_own && st.st_mode & 0o077 == 0)
}

/// A mapping of the beginning of such a file, or of a part of it.  It stays until the process ends or executes another program.
#[derive(Debug)]
pub struct Mapping {
    start: *mut u8,
    length: usize,
}

impl Mapping {
    /// Maps at least `length` bytes of the file, which grows if it is shorter.
    ///
    /// # Errors
    /// There is no memory, or the file isn't one of [`memory_file`]: `INVAL`.
    pub fn new(fd: BorrowedFd<'_>, length: usize) -> Result<Self, Errno> {
        let length = allocate(fd, length)?;
        let (access, null) = (libc::PROT_READ | libc::PROT_WRITE, std::ptr::null_mut());
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start = unsafe { libc::mmap(null, length, access, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
        if start == libc::MAP_FAILED {
            return Err(crate::errno::last());
        }
        // Where that is denied, children have the mapping, too, and leave it alone.
        // SAFETY: the range is the mapping that was just made, and nothing in a child refers to it.
        let _ = unsafe { libc::madvise(start, length, libc::MADV_DONTFORK) };
        Ok(Self { start: start.cast(), length })
    }

    /// Grows the mapping to at least `length` bytes.
    ///
    /// # Errors
    /// There is no memory; the mapping stays as it was.
    pub fn grow(&mut self, fd: BorrowedFd<'_>, length: usize) -> Result<(), Errno> {
        if length <= self.length {
            return Ok(());
        }
        let length = allocate(fd, length.max(self.length.saturating_mul(2)))?;
        // SAFETY: the whole mapping moves, and no reference into it exists.
        let start = unsafe { libc::mremap(self.start.cast(), self.length, length, libc::MREMAP_MAYMOVE) };
        if start == libc::MAP_FAILED {
            return Err(crate::errno::last());
        }
        *self = Self { start: start.cast(), length };
        Ok(())
    }

    /// Maps `length` bytes of the file from `at` on, a multiple of the page's length; they must be allocated.
    ///
    /// # Errors
    /// There is no memory, or the file isn't as long.
    pub fn part(fd: BorrowedFd<'_>, at: u64, length: usize) -> Result<Self, Errno> {
        let end = at.checked_add(length as u64).ok_or(Errno::INVAL)?;
        let size = u64::try_from(crate::fs::fstat(fd)?.st_size).unwrap_or_default();
        if !is_memory_file(fd)? || size < end {
            return Err(Errno::INVAL);
        }
        let (access, null) = (libc::PROT_READ | libc::PROT_WRITE, std::ptr::null_mut());
        let at = libc::off_t::try_from(at).map_err(|_| Errno::INVAL)?;
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start = unsafe { libc::mmap(null, length, access, libc::MAP_SHARED, fd.as_raw_fd(), at) };
        if start == libc::MAP_FAILED {
            return Err(crate::errno::last());
        }
        Ok(Self { start: start.cast(), length })
    }

    /// Copies bytes from `at`, which another process may be changing; `false` if there aren't so many.
    pub fn load(&self, at: usize, bytes: &mut [u8]) -> bool {
        if at.checked_add(bytes.len()).is_none_or(|end| end > self.length) {
            return false;
        }
        // SAFETY: the range is inside the mapping; volatile, since another process may write to it.
        unsafe {
            for (n, byte) in bytes.iter_mut().enumerate() {
                *byte = self.start.add(at + n).read_volatile();
            }
        }
        true
    }

    /// The word at `at`, a multiple of its size, which other processes see change at once.
    #[must_use]
    pub fn word(&self, at: usize) -> Option<&AtomicU32> {
        let fits = at.checked_add(size_of::<u32>()).is_some_and(|end| end <= self.length);
        if !fits || !at.is_multiple_of(size_of::<u32>()) {
            return None;
        }
        // SAFETY: inside the mapping, aligned since the mapping is, and only used atomically or copied by `load`.
        Some(unsafe { AtomicU32::from_ptr(self.start.add(at).cast()) })
    }

    /// read(2) into the mapping at `at`, at most `count` bytes: what was read is there even if this process is killed.
    ///
    /// # Errors
    /// See read(2); `FAULT` if the range isn't inside the mapping.
    pub fn read_into(&self, fd: BorrowedFd<'_>, at: usize, count: usize) -> Result<usize, Errno> {
        if at.checked_add(count).is_none_or(|end| end > self.length) {
            return Err(Errno::FAULT);
        }
        // SAFETY: the range is inside the mapping, and no reference into it is used meanwhile.
        let n = unsafe { libc::read(fd.as_raw_fd(), self.start.add(at).cast(), count) };
        usize::try_from(n).map_err(|_| crate::errno::last())
    }

    /// The length of the mapping in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Stores bytes at `at`; `false` if they don't fit.
    pub fn store(&self, at: usize, bytes: &[u8]) -> bool {
        if at.checked_add(bytes.len()).is_none_or(|end| end > self.length) {
            return false;
        }
        // SAFETY: the range is inside the mapping, whose memory is allocated and can't be taken away; `bytes` is
        // no part of it, since no reference into it is ever given out.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.add(at), bytes.len()) };
        // The store precedes what follows, which may be a fault.
        compiler_fence(Ordering::SeqCst);
        true
    }
}

/// Allocates `length` bytes, rounded up, for the file; returns the length.
fn allocate(fd: impl AsFd, length: usize) -> Result<usize, Errno> {
    if !is_memory_file(&fd)? {
        return Err(Errno::INVAL);
    }
    let length = length.max(1).checked_next_multiple_of(UNIT).ok_or(Errno::NOMEM)?;
    let grow = || rustix::fs::fallocate(&fd, FallocateFlags::empty(), 0, length as u64);
    match rustix::io::retry_on_intr(grow) {
        Err(e) if is_missing(e) || e == Errno::OPNOTSUPP => fill_up(&fd, length)?,
        done => done?,
    }
    Ok(length)
}

/// Makes the file that long by writing to it.
fn fill_up(fd: impl AsFd, length: usize) -> Result<(), Errno> {
    let mut end = usize::try_from(crate::fs::fstat(&fd)?.st_size).unwrap_or(usize::MAX);
    while end < length {
        let zeros = [0; 4096];
        let rest = zeros.get(..length.saturating_sub(end)).unwrap_or(&zeros);
        end = end.saturating_add(rustix::io::pwrite(&fd, rest, end as u64)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(fd: &OwnedFd, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let count = rustix::io::pread(fd, &mut bytes, at).unwrap();
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn what_is_stored_is_in_the_file() {
        let fd = memory_file(c"test").unwrap();
        let mut mapping = Mapping::new(fd.as_fd(), 100).unwrap();
        assert_eq!(mapping.length(), UNIT);
        assert!(mapping.store(7, b"abc"));
        assert!(mapping.store(UNIT - 1, b"z"));
        assert!(!mapping.store(UNIT - 1, b"zz"));
        assert!(!mapping.store(usize::MAX, b"z"));
        assert_eq!((content(&fd, 7, 3), content(&fd, UNIT as u64 - 1, 9)), (b"abc".to_vec(), b"z".to_vec()));
        mapping.grow(fd.as_fd(), UNIT + 1).unwrap();
        assert!(mapping.store(UNIT, b"grown"));
        assert_eq!((content(&fd, 7, 3), content(&fd, UNIT as u64, 5)), (b"abc".to_vec(), b"grown".to_vec()));
    }

    #[test]
    fn a_part_is_the_same_memory() {
        let fd = memory_file(c"test").unwrap();
        let whole = Mapping::new(fd.as_fd(), 4 * UNIT).unwrap();
        let part = Mapping::part(fd.as_fd(), 2 * UNIT as u64, UNIT).unwrap();
        assert!(whole.store(2 * UNIT + 8, b"there"));
        let mut bytes = [0; 5];
        assert!(part.load(8, &mut bytes) && !part.load(UNIT - 4, &mut bytes));
        assert_eq!(&bytes, b"there");
        part.word(16).unwrap().store(7, Ordering::Relaxed);
        assert_eq!(whole.word(2 * UNIT + 16).map(|word| word.load(Ordering::Relaxed)), Some(7));
        assert!(part.word(UNIT - 3).is_none() && part.word(UNIT).is_none());
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"read").unwrap();
        assert_eq!(part.read_into(reader.as_fd(), 32, 64), Ok(4));
        assert_eq!(part.read_into(reader.as_fd(), UNIT - 1, 2), Err(Errno::FAULT));
        assert!(whole.load(2 * UNIT + 32, &mut bytes[..4]));
        assert_eq!(&bytes[..4], b"read");
        assert_eq!(Mapping::part(fd.as_fd(), 4 * UNIT as u64, UNIT).err(), Some(Errno::INVAL));
    }

    #[test]
    fn the_file_cannot_shrink_and_others_are_refused() {
        let fd = memory_file(c"test").unwrap();
        Mapping::new(fd.as_fd(), 1).unwrap();
        assert_eq!(rustix::fs::ftruncate(&fd, 0), Err(Errno::PERM));
        let other = rustix::fs::memfd_create(c"other", MemfdFlags::CLOEXEC).unwrap();
        assert!(Mapping::new(other.as_fd(), 1).is_err());
    }

    #[test]
    fn without_files_in_memory_a_file_without_a_name_serves() {
        let fd = nameless_file(c"test").unwrap();
        let mut mapping = Mapping::new(fd.as_fd(), 1).unwrap();
        assert!(mapping.store(UNIT - 1, b"z"));
        fill_up(&fd, 2 * UNIT - 7).unwrap();
        assert_eq!(content(&fd, UNIT as u64 - 1, 2 * UNIT).len(), UNIT - 6);
        mapping.grow(fd.as_fd(), 2 * UNIT).unwrap();
        assert_eq!(content(&fd, UNIT as u64 - 1, 1), b"z");
    }

    #[test]
    fn a_forked_child_does_not_have_it() {
        let fd = memory_file(c"test").unwrap();
        let mapping = Mapping::new(fd.as_fd(), 1).unwrap();
        assert!(mapping.store(0, b"parent"));
        match crate::process::fork().unwrap() {
            crate::process::Fork::Child => {
                mapping.store(0, b"child");
                crate::process::exit(0)
            }
            crate::process::Fork::Parent(pid) => {
                let ended = crate::process::wait_for(pid).unwrap();
                assert_eq!(ended, crate::process::Ended::Killed(11));
            }
        }
        assert_eq!(content(&fd, 0, 6), b"parent");
    }
}
