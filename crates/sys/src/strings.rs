//! Argument vectors and environments as execve(2) takes them.

use rustix::io::Errno;
use std::ffi::c_char;

/// Strings for exec: NUL-terminated, with a vector of pointers to them.
#[derive(Debug)]
pub struct Strings {
    /// One after the other; the pointers point into it, and it doesn't change.
    bytes: Vec<u8>,
    pointers: Vec<*const c_char>,
    /// Instead of the others.
    frozen: Option<Frozen>,
}

/// Strings for exec in memory of their own, which nothing writes to any more: forked children share it for good.
#[derive(Debug, Clone, Copy)]
pub struct Frozen(*const *const c_char);

impl Strings {
    /// From byte strings.
    ///
    /// # Errors
    /// `INVAL` if one has a NUL byte.
    pub fn new<S: AsRef<[u8]>>(strings: &[S]) -> Result<Self, Errno> {
        let length = |s: &S| s.as_ref().len().saturating_add(1);
        let mut bytes = Vec::<u8>::with_capacity(strings.iter().map(length).sum());
        let mut pointers = Vec::with_capacity(strings.len().saturating_add(1));
        for string in strings.iter().map(AsRef::as_ref) {
            if string.contains(&0) {
                return Err(Errno::INVAL);
            }
            // The room is enough, so what was written before stays where it is.
            pointers.push(bytes.as_ptr().wrapping_add(bytes.len()).cast());
            bytes.extend_from_slice(string);
            bytes.push(0);
        }
        pointers.push(std::ptr::null());
        Ok(Self { bytes, pointers, frozen: None })
    }

    /// The environment that the process got, without a copy: empty after [`crate::args::set_title`].
    #[must_use]
    pub fn of_environment() -> Self {
        static NONE: Block = Block([std::ptr::null()]);
        let block = crate::args::environment_block();
        Self::from(Frozen(if block.is_null() { NONE.0.as_ptr() } else { block }))
    }

    /// Moves the strings into memory that is never written again, and never freed.
    ///
    /// # Errors
    /// There is no memory for them.
    pub fn freeze(&mut self) -> Result<Frozen, Errno> {
        if let Some(frozen) = self.frozen {
            return Ok(frozen);
        }
        let table = self.pointers.len() * size_of::<*const c_char>();
        let room = self.bytes.len() + table;
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address that the kernel chooses.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), room, access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(crate::errno::last());
        }
        let pointers = start.cast::<*const c_char>();
        // SAFETY: all writes are within the room that was counted; the mapping is zero, so the table ends with a null
        // pointer.
        unsafe {
            let copy = start.cast::<u8>().add(table);
            std::ptr::copy_nonoverlapping(self.bytes.as_ptr(), copy, self.bytes.len());
            for (n, string) in self.pointers.iter().filter(|string| !string.is_null()).enumerate() {
                pointers.add(n).write(copy.add(string.addr() - self.bytes.as_ptr().addr()).cast());
            }
            libc::mprotect(start, room, libc::PROT_READ);
        }
        let frozen = Frozen(pointers.cast_const());
        *self = Self::from(frozen);
        Ok(frozen)
    }

    /// The vector, which ends with a null pointer and lives as long as this.
    pub(crate) fn as_ptr(&self) -> *const *const c_char {
        self.frozen.map_or(self.pointers.as_ptr(), |Frozen(pointers)| pointers)
    }
}

/// A vector that ends at once.
struct Block([*const c_char; 1]);

// SAFETY: it points nowhere.
unsafe impl Sync for Block {}

impl From<Frozen> for Strings {
    fn from(frozen: Frozen) -> Self {
        Self { bytes: Vec::new(), pointers: Vec::new(), frozen: Some(frozen) }
    }
}
