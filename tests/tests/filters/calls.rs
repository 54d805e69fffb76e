//! The system calls that old kernels don't have and that profiles of container engines deny.

use sandbox::Denied;

/// A call: its name, its numbers on x86-64 and on i386.
pub type Call = (&'static str, Option<u32>, Option<u32>);

const fn both(name: &'static str, x86_64: u32, i386: u32) -> Call {
    (name, Some(x86_64), Some(i386))
}

/// From number 403 on, all machines have the same numbers.
const fn same(name: &'static str, number: u32) -> Call {
    (name, Some(number), Some(number))
}

const fn only_i386(name: &'static str, number: u32) -> Call {
    (name, None, Some(number))
}

/// Those that came after Linux 3.10, in their order.
pub const NEWER: &[Call] = &[
    both("sched_setattr", 314, 351),
    both("sched_getattr", 315, 352),
    both("renameat2", 316, 353),
    both("seccomp", 317, 354),
    both("getrandom", 318, 355),
    both("memfd_create", 319, 356),
    both("bpf", 321, 357),
    both("execveat", 322, 358),
    both("userfaultfd", 323, 374),
    both("membarrier", 324, 375),
    both("mlock2", 325, 376),
    both("copy_file_range", 326, 377),
    both("preadv2", 327, 378),
    both("pwritev2", 328, 379),
    both("pkey_mprotect", 329, 380),
    both("pkey_alloc", 330, 381),
    both("statx", 332, 383),
    both("io_pgetevents", 333, 385),
    both("rseq", 334, 386),
    only_i386("socket", 359),
    only_i386("socketpair", 360),
    only_i386("bind", 361),
    only_i386("connect", 362),
    only_i386("listen", 363),
    only_i386("accept4", 364),
    only_i386("getsockopt", 365),
    only_i386("setsockopt", 366),
    only_i386("getsockname", 367),
    only_i386("sendmsg", 370),
    only_i386("recvmsg", 372),
    only_i386("clock_gettime64", 403),
    only_i386("clock_settime64", 404),
    only_i386("clock_getres_time64", 406),
    only_i386("clock_nanosleep_time64", 407),
    only_i386("timerfd_settime64", 411),
    only_i386("utimensat_time64", 412),
    only_i386("pselect6_time64", 413),
    only_i386("ppoll_time64", 414),
    only_i386("recvmmsg_time64", 417),
    only_i386("rt_sigtimedwait_time64", 421),
    only_i386("futex_time64", 422),
    same("pidfd_send_signal", 424),
    same("io_uring_setup", 425),
    same("open_tree", 428),
    same("move_mount", 429),
    same("fsopen", 430),
    same("pidfd_open", 434),
    same("clone3", 435),
    same("close_range", 436),
    same("openat2", 437),
    same("pidfd_getfd", 438),
    same("faccessat2", 439),
    same("process_madvise", 440),
    same("epoll_pwait2", 441),
    same("mount_setattr", 442),
    same("landlock_create_ruleset", 444),
    same("memfd_secret", 447),
    same("process_mrelease", 448),
    same("futex_waitv", 449),
    same("cachestat", 451),
    same("fchmodat2", 452),
    same("futex_wait", 455),
    same("statmount", 457),
    same("listmount", 458),
    same("mseal", 462),
];

/// Older ones that profiles deny, or that emulations of a kernel don't have.
pub const DENIED: &[Call] = &[
    both("add_key", 248, 286),
    both("keyctl", 250, 288),
    both("ptrace", 101, 26),
    both("process_vm_readv", 310, 347),
    both("personality", 135, 136),
    both("kcmp", 312, 349),
    both("perf_event_open", 298, 336),
    both("name_to_handle_at", 303, 341),
    both("mount", 165, 21),
    both("umount2", 166, 52),
    both("unshare", 272, 310),
    both("setns", 308, 346),
    both("reboot", 169, 88),
    both("sethostname", 170, 74),
    both("clock_settime", 227, 264),
    both("syslog", 103, 103),
    both("prlimit64", 302, 340),
    both("waitid", 247, 284),
    both("inotify_init1", 294, 332),
    both("splice", 275, 313),
    both("fallocate", 285, 324),
    both("capget", 125, 184),
    both("prctl", 157, 172),
    both("getcpu", 309, 318),
    both("sysinfo", 99, 116),
    both("madvise", 28, 219),
    both("setpriority", 141, 97),
    both("sync", 162, 36),
];

/// The errors that a call that isn't there is answered with: no permission, and no such call.
pub const ERRORS: [(&str, u16); 2] = [("EPERM", 1), ("ENOSYS", 38)];

/// The call, failing with this error.
pub fn failing(call: &Call, error: u16) -> Denied {
    Denied { x86_64: call.1, i386: call.2, error }
}
