//! The options of s6-linux-init, which s6-linux-init-telinit has, too.

use tool::Opt;

/// For every process but process 1, s6-linux-init is s6-linux-init-telinit.
pub(crate) const OPTIONS: &[Opt] = &[
    Opt::value('v', "verbosity", "0: no warnings; default 1"),
    Opt::value(
        'c',
        "basedir",
        "the directory made by s6-linux-init-maker; default /etc/s6-linux-init/current",
    ),
    Opt::value('p', "path", "the initial PATH; default /command:/usr/bin:/bin"),
    Opt::value('s', "dir", "store the environment in this directory"),
    Opt::value('m', "umask", "the initial umask, octal; default 022"),
    Opt::value('d', "dev", "mount a devtmpfs on this directory"),
    Opt::value('D', "runlevel", "the initial runlevel; default \"default\""),
    Opt::flag('n', "remount /run instead of mounting a tmpfs"),
    Opt::flag('N', "leave /run unchanged"),
    Opt::flag('C', "this is a container"),
    Opt::flag('B', "there is no catch-all logger"),
    Opt::value('W', "fd", "wait until the other end of this descriptor is closed"),
];
