//! The arguments and the environment as the kernel passed them.

use std::ffi::{CStr, CString, c_char, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Where the kernel put the strings of arguments and environment, one after the other.
static START: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());
static LENGTH: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" {
    /// The C library's environment pointer; set before `main` runs.
    static environ: *const *const c_char;
}

/// Copies the argument vector that `main` got.
///
/// # Safety
/// `argv` points to `argc` pointers to NUL-terminated strings, as `main` gets them.
pub unsafe fn from_raw(argc: c_int, argv: *const *const c_char) -> Vec<Vec<u8>> {
    let count = usize::try_from(argc).unwrap_or(0);
    // SAFETY: the caller vouches for the vector, which ends with a null pointer.
    unsafe { remember(argv) };
    (0..count)
        .map(|i| {
            // SAFETY: the caller vouches for `argc` valid strings behind `argv`.
            unsafe { CStr::from_ptr(*argv.add(i)) }.to_bytes().to_vec()
        })
        .collect()
}

/// Executes `program` with the words `front` and, behind them, the arguments that `main` got without the first; the
/// environment stays.  Returns the error's number.  It allocates nothing and can't panic, for the setuid program.
///
/// # Safety
/// `front` holds pointers to NUL-terminated strings, and `argv` points to `argc` of them, as `main` gets them.
#[must_use]
pub unsafe fn pass_on(
    program: &CStr,
    front: &[*const c_char],
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    let room = (front.len() + count + 1) * size_of::<*const c_char>();
    // SAFETY: a new mapping at an address that the kernel chooses; all writes are within the room that was counted, which
    // is zero, so the vector ends with a null pointer.
    unsafe {
        let words = libc::mmap(std::ptr::null_mut(), room, access, kind, -1, 0);
        if words != libc::MAP_FAILED {
            let vector = words.cast::<*const c_char>();
            vector.copy_from_nonoverlapping(front.as_ptr(), front.len());
            if count > 1 {
                vector.add(front.len()).copy_from_nonoverlapping(argv.add(1), count - 1);
            }
            libc::execve(program.as_ptr(), vector, environ);
        }
        *libc::__errno_location()
    }
}

/// Notes where the strings are, as far as they follow each other.
///
/// # Safety
/// `argv` is what `main` got.
unsafe fn remember(argv: *const *const c_char) {
    // SAFETY: both vectors hold NUL-terminated strings and end with a null pointer.
    unsafe {
        let start = *argv;
        let mut end = start;
        for mut p in [argv, environ] {
            while !p.is_null() && *p == end && !end.is_null() {
                end = end.add(CStr::from_ptr(end).to_bytes().len() + 1);
                p = p.add(1);
            }
        }
        START.store(start.cast_mut(), Ordering::Relaxed);
        LENGTH.store((end as usize).saturating_sub(start as usize), Ordering::Relaxed);
    }
}

/// Changes the arguments that /proc/PID/cmdline, and so ps, shows for the process; cut to the room that there is.
///
/// It uses the room of the arguments and of the environment, which is empty from then on: who needs it has copied it.  The name that ps shows where
/// it shows no arguments is what follows the last slash of the first word.
pub fn set_title(title: &[u8]) {
    let command = title.split(|b| b" \0".contains(b)).next().unwrap_or_default();
    let name = command.rsplit(|b| *b == b'/').next().unwrap_or_default();
    if let Ok(name) = CString::new(name) {
        let _ = rustix::thread::set_name(&name);
    }
    let start = START.load(Ordering::Relaxed).cast::<u8>();
    let Some(room) = LENGTH.load(Ordering::Relaxed).checked_sub(1) else { return };
    if start.is_null() {
        return;
    }
    let title = title.get(..room).unwrap_or(title);
    // SAFETY: the strings lie in the process's own writable stack, LENGTH bytes from START on.  Nothing reads them
    // any more: the arguments were copied, and the C library is told that there is no environment.
    unsafe {
        libc::clearenv();
        std::ptr::write_bytes(start, 0, room + 1);
        std::ptr::copy_nonoverlapping(title.as_ptr(), start, title.len());
    }
}

/// The address of the arguments as the kernel put them; `None` if they aren't known.
pub(crate) fn start() -> Option<usize> {
    Some(START.load(Ordering::Relaxed) as usize).filter(|at| *at != 0)
}

/// The process's memory as the kernel describes it: prctl(2), `PR_SET_MM_MAP`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Memory {
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    start_brk: u64,
    brk: u64,
    start_stack: u64,
    arg_start: u64,
    arg_end: u64,
    env_start: u64,
    env_end: u64,
    auxv: usize,
    auxv_size: u32,
    exe_fd: u32,
}

static MEMORY: OnceLock<Option<Memory>> = OnceLock::new();

/// Reads what [`set_command_line`] needs; forked children inherit it.
pub fn prepare_command_lines() {
    MEMORY.get_or_init(|| {
        let stat = std::fs::read("/proc/self/stat").ok()?;
        // The name, which may hold anything, ends with the last parenthesis; field 3 follows.
        let rest = stat.get(stat.iter().rposition(|b| *b == b')')?.checked_add(2)?..)?;
        let fields: Vec<u64> = rest
            .split(|b| b.is_ascii_whitespace())
            .map(|field| std::str::from_utf8(field).ok().and_then(|f| f.parse().ok()).unwrap_or_default())
            .collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Memory {
            start_code: field(26)?,
            end_code: field(27)?,
            start_stack: field(28)?,
            start_data: field(45)?,
            end_data: field(46)?,
            start_brk: field(47)?,
            arg_start: field(48)?,
            arg_end: field(49)?,
            env_start: field(50)?,
            env_end: field(51)?,
            brk: 0,
            auxv: 0,
            auxv_size: 0,
            exe_fd: u32::MAX,
        })
    });
}

/// Changes the arguments to exactly these, of any length, and the name to the first one.
///
/// Where the kernel can't be asked for that, they are what [`set_title`] makes of them.
pub fn set_command_line(words: &[&[u8]]) {
    let mut line = words.join(&0);
    if let Ok(name) = CString::new(words.first().copied().unwrap_or_default()) {
        let _ = rustix::thread::set_name(&name);
    }
    let known = MEMORY.get().copied().flatten();
    if let Some(memory) = known {
        line.push(0);
        // Never freed: the kernel reads it there.
        let line = Vec::leak(line.clone());
        let arg_start = line.as_ptr() as u64;
        // SAFETY: asks for the end of the heap.
        let brk = unsafe { libc::sbrk(0) } as u64;
        let memory = Memory { arg_start, arg_end: arg_start + line.len() as u64, brk, ..memory };
        let size = size_of::<Memory>();
        // SAFETY: the structure is the kernel's, and describes memory of this process.
        let rc = unsafe { libc::prctl(libc::PR_SET_MM, libc::PR_SET_MM_MAP, &memory, size, 0) };
        if rc == 0 {
            return;
        }
        // SAFETY: it was leaked above, and nothing refers to it.
        drop(unsafe { Box::from_raw(line) });
    }
    set_title(&words.join(&0));
}

/// The environment that the process got: null-terminated, or null; [`set_title`] makes an end of it.
pub(crate) fn environment_block() -> *const *const c_char {
    // SAFETY: reads the C library's pointer; no other thread changes it (there is none).
    unsafe { environ }
}

/// Calls `each` with the strings of the environment that the process got, up to the one for which it has a result.
fn find_string<T>(mut each: impl FnMut(&[u8]) -> Option<T>) -> Option<T> {
    let mut next = environment_block();
    // SAFETY: the vector is null, or it has NUL-terminated strings and ends with a null pointer, and no other thread changes
    // it (there is none).
    unsafe {
        while !next.is_null() && !(*next).is_null() {
            let found = each(CStr::from_ptr(*next).to_bytes());
            if found.is_some() {
                return found;
            }
            next = next.add(1);
        }
    }
    None
}

/// Copies the environment that the process got: `NAME=VALUE` strings, in the order of the environment block.
#[must_use]
pub fn environment() -> Vec<Vec<u8>> {
    let mut vars = Vec::new();
    find_string::<()>(|var| {
        vars.push(var.to_vec());
        None
    });
    vars
}

/// A copy of the value of a variable of the environment that the process got; of a name that occurs twice, the first one
/// counts.
#[must_use]
pub fn variable(name: &[u8]) -> Option<Vec<u8>> {
    find_string(|var| match var.strip_prefix(name)?.split_first()? {
        (b'=', value) => Some(value.to_vec()),
        _ => None,
    })
}

/// The file that exec was called with, as it was given there; `None` where the kernel doesn't provide it.
#[must_use]
pub fn executed_file() -> Option<Vec<u8>> {
    // SAFETY: reads the auxiliary vector, which the kernel has put behind the environment.
    let name = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const c_char;
    // SAFETY: the entry is null or points to a NUL-terminated string that lives as long as the process.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_bytes().to_vec())
}
