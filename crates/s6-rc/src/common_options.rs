//! The options that several commands share: their lines in the commands' tables, and their defaults.

use rustix::fs::CWD;
use std::time::Duration;
use tool::clock::{self, Moment};
use tool::{Fatal, Opt, Options, OrUnable, Out, diag::show};

/// Where the live state is by default.
pub(crate) const LIVE: &[u8] = b"/run/s6-rc";

/// The link to the compiled database that a machine boots by default.
const BOOT_DATABASE: &[u8] = b"/etc/s6-rc/compiled/current";

/// Where the repository is by default.
const REPOSITORY: &[u8] = b"/var/lib/s6-rc/repository";

/// How much a command reports by default: failures and warnings.
const VERBOSITY: u32 = 1;

/// `-b` of a command that takes a lock.
pub(crate) const BLOCK: Opt = Opt::flag('b', "wait for other commands instead of failing").long("block");

/// `-v` of a command that changes the state of services.
pub(crate) const CHANGE_VERBOSITY: Opt =
    Opt::value('v', "verbosity", "0: silent; 1: failures; 2: transitions; 3: more").long("verbosity");

/// `-v` of a command that works on a repository.
pub(crate) const REPOSITORY_VERBOSITY: Opt =
    Opt::value('v', "verbosity", "0: errors only; 1: warnings too; 2: what is done").long("verbosity");

/// `-l` of a command that works on a live state.
pub(crate) const LIVE_DIR: Opt = Opt::value('l', "live", "the live directory").long("livedir");

/// `-r` of a command that works on a repository.
pub(crate) const REPOSITORY_DIR: Opt = Opt::value('r', "repo", "the repository").long("repodir");

/// `-t` of a command that waits.
pub(crate) const TIMEOUT: Opt = Opt::value('t', "ms", "give up after this time").long("timeout");

/// `-h` of a command that compiles; accepted, and without effect.
pub(crate) const FDHOLDER_USER: Opt =
    Opt::value('h', "user", "the user of the pipe holder; pipes are held by the supervisor here")
        .long("fdholder-user");

/// `-K` of a command that replaces a database.
pub(crate) const KEEP_OLD: Opt = Opt::flag('K', "keep the old database and print its path").long("keep-old");

/// `-E` of a command that changes a set.
pub(crate) const SPARE_ESSENTIAL: Opt =
    Opt::flag('E', "leave essential services alone (the default)").long("no-force-essential");

/// `-e` of a command that changes a set.
pub(crate) const FORCE_ESSENTIAL: Opt =
    Opt::flag('e', "change essential services too").long("force-essential");

/// `-n` of a command that changes a set.
pub(crate) const DRY_RUN: Opt = Opt::flag('n', "only print what would be done").long("dry-run");

/// `-f` of a command that switches databases.
pub(crate) const CONVERSION_FILE: Opt =
    Opt::value('f', "file", "what old services are called now, and which to restart").long("conversion-file");

/// How much is reported.
///
/// # Errors
/// A value that isn't a number is a usage error.
pub(crate) fn verbosity(options: &Options) -> Result<u32, Fatal> {
    Ok(options.number('v')?.unwrap_or(VERBOSITY))
}

/// How long the command may take; `None` without a limit, which `-t 0` asks for, too.
///
/// # Errors
/// A value that isn't a number of milliseconds is a usage error.
pub(crate) fn timeout(options: &Options) -> Result<Option<Duration>, Fatal> {
    let milliseconds = options.number::<u32>('t')?.filter(|ms| *ms != 0);
    Ok(milliseconds.map(|ms| Duration::from_millis(ms.into())))
}

/// When the command gives up, counted from now.
///
/// # Errors
/// As of [`timeout`].
pub(crate) fn deadline(options: &Options) -> Result<Option<Moment>, Fatal> {
    Ok(timeout(options)?.map(|limit| clock::now() + limit))
}

/// The live directory.
pub(crate) fn live_dir(options: &Options) -> &[u8] {
    options.get('l').unwrap_or(LIVE)
}

/// The link to the database to boot.
pub(crate) fn boot_database(options: &Options) -> &[u8] {
    options.get('c').unwrap_or(BOOT_DATABASE)
}

/// The directory of the repository.
pub(crate) fn repository_dir(options: &Options) -> &[u8] {
    options.get('r').unwrap_or(REPOSITORY)
}

/// Removes a database that another one has replaced; prints its path instead with `-K`.
///
/// # Errors
/// Code 111: it can't be removed, or the path can't be printed.
pub(crate) fn release(old: &[u8], options: &Options) -> Result<(), Fatal> {
    if !options.has('K') {
        return files::remove_tree(CWD, old).or_unable_to("remove", old);
    }
    let mut out = Out::new();
    out.line(old)?;
    out.flush()
}

/// Checks that a path begins at the root.
///
/// # Errors
/// It doesn't: code 100.
pub(crate) fn check_absolute(path: &[u8]) -> Result<(), Fatal> {
    if path.starts_with(b"/") {
        return Ok(());
    }
    Err(Fatal::user(format_args!("{} is not an absolute path", show(path))))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command's options, from its words.
    fn given(words: &[&str]) -> Options {
        let path = Opt::value('c', "bootdb", "");
        let defined = [REPOSITORY_VERBOSITY, TIMEOUT, LIVE_DIR, path, REPOSITORY_DIR];
        Options::take(&defined, &mut words.iter().map(|w| w.as_bytes().to_vec()).collect()).unwrap()
    }

    #[test]
    fn defaults_are_those_of_the_pages() {
        let none = given(&[]);
        assert_eq!(verbosity(&none).unwrap(), 1);
        assert_eq!(timeout(&none).unwrap(), None);
        assert_eq!(deadline(&none).unwrap(), None);
        assert_eq!(live_dir(&none), b"/run/s6-rc");
        assert_eq!(boot_database(&none), b"/etc/s6-rc/compiled/current");
        assert_eq!(repository_dir(&none), b"/var/lib/s6-rc/repository");
    }

    #[test]
    fn values_replace_the_defaults() {
        let all = given(&["-v", "0", "-t", "1500", "-l", "/l", "-c", "/c", "-r", "/r"]);
        assert_eq!(verbosity(&all).unwrap(), 0);
        assert_eq!(timeout(&all).unwrap(), Some(Duration::from_millis(1500)));
        assert_eq!((live_dir(&all), boot_database(&all)), (&b"/l"[..], &b"/c"[..]));
        assert_eq!(repository_dir(&all), b"/r");
    }

    #[test]
    fn a_time_out_of_0_is_no_limit() {
        assert_eq!(timeout(&given(&["-t0"])).unwrap(), None);
        assert_eq!(deadline(&given(&["-t0"])).unwrap(), None);
    }

    #[test]
    fn a_deadline_is_the_time_out_from_now() {
        let before = clock::now();
        let deadline = deadline(&given(&["-t1000"])).unwrap().unwrap();
        assert!(deadline >= before + Duration::from_secs(1));
        assert!(deadline <= clock::now() + Duration::from_secs(1));
    }

    #[test]
    fn numbers_are_decimal() {
        for words in [["-v", "x"], ["-v", "-1"], ["-v", ""]] {
            assert_eq!(verbosity(&given(&words)).unwrap_err().code(), 100, "{words:?}");
        }
        for words in [["-t", "1s"], ["-t", "4294967296"]] {
            assert_eq!(timeout(&given(&words)).unwrap_err().code(), 100, "{words:?}");
        }
    }

    #[test]
    fn a_path_must_begin_at_the_root() {
        assert!(check_absolute(b"/a").is_ok());
        for path in [&b""[..], b"a/b", b"./a"] {
            assert_eq!(check_absolute(path).unwrap_err().code(), 100, "{path:?}");
        }
    }
}
