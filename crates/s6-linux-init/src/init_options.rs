//! The options of s6-linux-init, which s6-linux-init-telinit has, too; some of them s6-linux-init-maker writes into its command
//! line and has itself.

use tool::Opt;

/// `-p`: PATH of all processes.
pub(crate) const PATH: Opt = Opt::value('p', "path", "the initial PATH; default /command:/usr/bin:/bin");

/// `-m`: the umask of all processes.
pub(crate) const UMASK: Opt = Opt::value('m', "umask", "the initial umask, octal; default 022");

/// `-d`: where devices are.
pub(crate) const DEVTMPFS: Opt = Opt::value('d', "dev", "mount a devtmpfs on this directory");

/// `-D`: the runlevel to boot into.
pub(crate) const RUNLEVEL: Opt = Opt::value('D', "runlevel", "the initial runlevel; default \"default\"");

/// `-n`: /run exists.
pub(crate) const REMOUNT_RUN: Opt = Opt::flag('n', "remount /run instead of mounting a tmpfs");

/// `-N`: /run is ready.
pub(crate) const LEAVE_RUN: Opt = Opt::flag('N', "leave /run unchanged");

/// For every process but process 1, s6-linux-init is s6-linux-init-telinit.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::value('v', "verbosity", "0: no warnings; default 1"),
    Opt::value(
        'c',
        "basedir",
        "the directory made by s6-linux-init-maker; default /etc/s6-linux-init/current",
    ),
    PATH,
    Opt::value('s', "dir", "store the environment in this directory"),
    UMASK,
    DEVTMPFS,
    RUNLEVEL,
    REMOUNT_RUN,
    LEAVE_RUN,
    Opt::flag('C', "this is a container"),
    Opt::flag('B', "there is no catch-all logger"),
    Opt::value('W', "fd", "wait until the other end of this descriptor is closed"),
];
