//! A filter of system calls, seccomp(2), for tests: certain calls of this process, and of all that it starts, fail with
//! an error, as under an old kernel or under a container engine's profile.

use crate::Errno;

/// A call that fails: its number on x86-64 and in the 32-bit ABI of that machine, and the error's number.
///
/// A number that isn't given isn't filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// Its number on x86-64.
    pub x86_64: Option<u32>,
    /// Its number on i386.
    pub i386: Option<u32>,
    /// The error's number.
    pub error: u16,
}

/// `AUDIT_ARCH_X86_64` and `AUDIT_ARCH_I386` of linux/audit.h.
const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;

/// Operations of the filter's machine, linux/filter.h: load a word of `struct seccomp_data`, jump if equal, jump, return.
const LOAD: u16 = 0x20;
const JUMP_IF: u16 = 0x15;
const JUMP: u16 = 0x05;
const RETURN: u16 = 0x06;

/// Where `struct seccomp_data` has the number of the call and the ABI.
const NUMBER: u32 = 0;
const ABI: u32 = 4;

const ALLOW: u32 = 0x7fff_0000;
const FAIL: u32 = 0x0005_0000;

fn operation(code: u16, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt, jf, k }
}

/// The program: for each ABI a section that begins with the loaded number and ends with the permission.
fn program(denied: &[Denied]) -> Vec<libc::sock_filter> {
    let section = |number: fn(&Denied) -> Option<u32>| {
        let calls = denied.iter().filter_map(|call| Some((number(call)?, call.error)));
        let checks = calls.flat_map(|(number, error)| {
            [operation(JUMP_IF, 0, 1, number), operation(RETURN, 0, 0, FAIL | u32::from(error))]
        });
        let ends = [operation(RETURN, 0, 0, ALLOW)];
        std::iter::once(operation(LOAD, 0, 0, NUMBER)).chain(checks).chain(ends).collect::<Vec<_>>()
    };
    let mut program = vec![operation(LOAD, 0, 0, ABI)];
    for (abi, body) in [(X86_64, section(|call| call.x86_64)), (I386, section(|call| call.i386))] {
        program.push(operation(JUMP_IF, 1, 0, abi));
        program.push(operation(JUMP, 0, 0, u32::try_from(body.len()).unwrap_or_default()));
        program.extend(body);
    }
    program.push(operation(RETURN, 0, 0, ALLOW));
    program
}

/// Makes these calls fail from now on.  Without privileges, the process also gives up gaining any.
///
/// # Errors
/// The kernel has no filters, or there are too many calls.
pub fn deny(denied: &[Denied]) -> Result<(), Errno> {
    let mut program = program(denied);
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::INVAL)?,
        filter: program.as_mut_ptr(),
    };
    let install = || {
        // SAFETY: the structure describes the live program, which the kernel copies.
        match unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) } {
            0 => Ok(()),
            _ => Err(crate::errno::last()),
        }
    };
    match install() {
        Err(Errno::ACCESS) => {
            rustix::thread::set_no_new_privs(true)?;
            install()
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denied_call_fails_and_others_work() {
        let number = u32::try_from(libc::SYS_getpriority).unwrap();
        let denied = Denied { x86_64: Some(number), i386: None, error: 38 };
        let in_child = || {
            deny(&[denied]).ok()?;
            // SAFETY: asks for numbers.
            let answers =
                unsafe { (libc::syscall(libc::SYS_getpriority, 0, 0), libc::syscall(libc::SYS_getppid)) };
            let error = std::io::Error::last_os_error().raw_os_error();
            (answers.0 == -1 && answers.1 > 0 && error == Some(38)).then_some(())
        };
        match crate::process::fork().unwrap() {
            crate::process::Fork::Child => crate::process::exit(in_child().is_none().into()),
            crate::process::Fork::Parent(pid) => {
                let code = crate::process::wait_for(pid).unwrap().code();
                assert_eq!(code, 0);
            }
        }
    }
}
