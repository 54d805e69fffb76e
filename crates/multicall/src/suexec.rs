//! The setuid program, `s6-overlay-suexec`, whatever `argv[0]` is.
//!
//! It does what needs the setuid bit and nothing else: as process 1 it becomes root, if root can become the container's user
//! again; anywhere else it gives up what the bit gave it.  Then it is the other program's tool of that name, which gets one
//! word more if this was process 1 and ids have changed: what they were.
//!
//! It allocates nothing and can't panic, so that of the standard library hardly anything is in it.
#![cfg_attr(not(test), no_main)]
#![allow(unsafe_code)]

#[cfg(no_unwinder)]
mod unwinder;

#[cfg(not(test))]
use rustix::{
    fs::{Gid, Uid},
    io::Errno,
    process,
    thread::{CapabilitySet, set_thread_res_gid, set_thread_res_uid},
};
#[cfg(not(test))]
use std::ffi::{CStr, c_char, c_int};

#[cfg(not(test))]
const NAME: &CStr = c"s6-overlay-suexec";

/// The program's entry: `argc` and `argv` as the kernel hands them over.
///
/// # Safety
/// Called once by the C start-up code with a valid argument vector.
#[cfg(not(test))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    let (uid, gid) = (process::getuid(), process::getgid());
    let (euid, egid) = (process::geteuid(), process::getegid());
    let is_init = process::getpid().is_init();
    let mut text = [0; _];
    write_ids([uid, euid].map(Uid::as_raw), [gid, egid].map(Gid::as_raw), &mut text);
    let both = [NAME.as_ptr(), text.as_ptr().cast()];
    let mut front = &both[..1];
    if (euid, egid) != (uid, gid) {
        if is_init {
            front = &both;
        }
        let to = if is_init && euid.is_root() && is_able() { (Uid::ROOT, Gid::ROOT) } else { (uid, gid) };
        if set_thread_res_gid(to.1, to.1, to.1).is_err() || set_thread_res_uid(to.0, to.0, to.0).is_err() {
            return failed(b"change user and group\n", 111);
        }
    }
    // SAFETY: its own words end with a null byte, and the others are those that this was called with.
    let error = unsafe { sys::args::pass_on(overlay::layout::PROGRAM, front, argc, argv) };
    failed(b"execute s6-overlay\n", if error == Errno::NOENT.raw_os_error() { 127 } else { 126 })
}

/// Whether root may prepare /run here and become the user again.
#[cfg(not(test))]
fn is_able() -> bool {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::CHOWN;
    rustix::thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

#[cfg(not(test))]
fn failed(to_do: &[u8], code: c_int) -> c_int {
    for text in [NAME.to_bytes(), b": fatal: unable to ", to_do] {
        let _ = rustix::io::write(rustix::stdio::stderr(), text);
    }
    code
}

/// Four numbers of ten digits, what is behind each, and a null byte.
type Text = [u8; 45];

/// Writes the ids as the tool reads them, the effective ones last: a colon behind each.
fn write_ids([uid, euid]: [u32; 2], [gid, egid]: [u32; 2], text: &mut Text) {
    let mut free = text.iter_mut();
    let mut put = |byte| {
        if let Some(place) = free.next() {
            *place = byte;
        }
    };
    for id in [uid, gid, euid, egid] {
        let mut unit = 1_000_000_000;
        while unit > 0 {
            if id >= unit || unit == 1 {
                put(b'0' + (id / unit % 10) as u8);
            }
            unit /= 10;
        }
        put(b':');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_colon_behind_each() {
        let mut text = [0; _];
        write_ids([0, 7], [1000, 10], &mut text);
        assert!(text.starts_with(b"0:1000:7:10:\0"));
        write_ids([u32::MAX; 2], [u32::MAX; 2], &mut text);
        assert_eq!(text.to_vec(), [b"4294967295:".repeat(4), vec![0]].concat());
    }
}
