//! The keys of what the host waits for on behalf of process 1's policy.

/// The FIFO for requests.
pub(crate) const REQUESTS: u32 = 0;

/// The pipe on which the boot child announces that it becomes the CMD.
pub(crate) const NOTICE: u32 = 1;

/// The FIFO for commands to the service whose work process 1 does.
pub(crate) const SHUTDOWND: u32 = 2;

/// The keeper's end.
pub(crate) const KEEPER: u32 = 3;

/// The first one of the ends of the processes that are left.
pub(crate) const FIRST_END: u32 = 16;
