//! Making service directories: what `s6-instance-maker` and `s6-usertree-maker` share.
//!
//! Both make a service with a logger, either as service directories (`DIR` and `DIR/log`) or as source directories for
//! s6-rc (`DIR/SERVICE` and `DIR/LOGGER`).

use rustix::io::Errno;
use supervision::control::join;
use tool::file::{make_dir, write};
use tool::{Fatal, Opt, Options, quote};

/// The user of the logger.
pub const LOGGER_USER: Opt = Opt::value('l', "loguser", "run the logger as this user");
/// Time stamps of the log.
pub const STAMPS: Opt = Opt::value('t', "stamptype", "0: no time stamps, 1: TAI64N, 2: ISO 8601, 3: both");
/// Number of archives.
pub const FILES: Opt = Opt::value('n', "nfiles", "keep at most this many old log files");
/// Size of a log file.
pub const FILE_SIZE: Opt = Opt::value('s', "filesize", "begin a new log file at this size, in bytes");
/// Size of all archives.
pub const TOTAL_SIZE: Opt = Opt::value('S', "maxsize", "keep at most this many bytes of old log files");
/// Prefix of a line.
pub const PREFIX: Opt = Opt::value('P', "prefix", "put this before each logged line");
/// Sources for s6-rc.
pub const RC: Opt = Opt::value('r', "service[/logger[/pipeline]]", "make source directories for s6-rc");

/// Names in an s6-rc source.
pub struct Rc {
    /// The service.
    pub service: Vec<u8>,
    /// Its logger.
    pub logger: Option<Vec<u8>>,
    /// The bundle of both.
    pub pipeline: Option<Vec<u8>>,
}

/// How a logger logs.
pub struct Logger {
    user: Option<Vec<u8>>,
    dir: Vec<u8>,
    stamps: u8,
    files: u32,
    size: u64,
    total: u64,
    prefix: Option<Vec<u8>>,
}

/// The logger that the options describe; `None` without a log directory `dir`.
///
/// # Errors
/// A malformed option, or a directory that isn't absolute: code 100.
pub fn logger(options: &Options, dir: Option<&[u8]>) -> Result<Option<Logger>, Fatal> {
    let stamps = options.number::<u8>('t')?.unwrap_or(1);
    if stamps > 3 {
        return Err(Fatal::user("stamptype must be 0, 1, 2 or 3"));
    }
    let (files, size) = (options.number('n')?.unwrap_or(10), options.number('s')?.unwrap_or(1_000_000));
    let total = options.number('S')?.unwrap_or(0);
    let Some(dir) = dir.map(<[u8]>::to_vec) else { return Ok(None) };
    if !dir.starts_with(b"/") {
        return Err(Fatal::user("logdir must be absolute"));
    }
    let (user, prefix) = (options.get('l').map(<[u8]>::to_vec), options.get('P').map(<[u8]>::to_vec));
    Ok(Some(Logger { user, dir, stamps, files, size, total, prefix }))
}

/// `service[/logger[/pipeline]]`.
///
/// # Errors
/// Anything else: code 100.
pub fn parse_rc(names: &[u8]) -> Result<Rc, Fatal> {
    let words: Vec<_> = names.split(|b| *b == b'/').map(<[u8]>::to_vec).collect();
    if names.contains(&b'\n') || words.len() > 3 || words.iter().any(Vec::is_empty) {
        return Err(Fatal::user("-r wants service, service/logger or service/logger/pipeline"));
    }
    let mut words = words.into_iter();
    Ok(Rc { service: words.next().unwrap_or_default(), logger: words.next(), pipeline: words.next() })
}

/// Makes `dir`: the service and its logger, as source directories if `rc` names them.  `fill(dir, is_source)` writes the
/// service's own files.
///
/// # Errors
/// A directory exists, or the system failed: code 111.
pub fn make(
    dir: &[u8],
    rc: Option<&Rc>,
    logger: Option<&Logger>,
    fill: impl Fn(&[u8], bool) -> Result<(), Fatal>,
) -> Result<(), Fatal> {
    let Some(rc) = rc else {
        make_dir(dir, 0o755)?;
        fill(dir, false)?;
        if let Some(logger) = logger {
            let log = join(dir, &[b"log"]);
            make_dir(&log, 0o755)?;
            write_logger(&log, logger, false)?;
        }
        return Ok(());
    };
    if rc.logger.is_some() != logger.is_some() {
        return Err(Fatal::user("a logger's name and a log directory go together"));
    }
    match make_dir(dir, 0o755) {
        Err(fatal) if sys::fs::stat(dir).map(drop) == Err(Errno::NOENT) => return Err(fatal),
        _ => {}
    }
    let service = join(dir, &[&rc.service]);
    make_dir(&service, 0o755)?;
    fill(&service, true)?;
    write(&join(&service, &[b"type"]), b"longrun\n", 0o644)?;
    if let (Some(name), Some(logger)) = (&rc.logger, logger) {
        write(&join(&service, &[b"producer-for"]), &line(name), 0o644)?;
        let log = join(dir, &[name]);
        make_dir(&log, 0o755)?;
        write_logger(&log, logger, true)?;
        write(&join(&log, &[b"type"]), b"longrun\n", 0o644)?;
        write(&join(&log, &[b"consumer-for"]), &line(&rc.service), 0o644)?;
        if let Some(pipeline) = &rc.pipeline {
            write(&join(&log, &[b"pipeline-name"]), &line(pipeline), 0o644)?;
        }
    }
    Ok(())
}

/// Writes a `run` script and the file of its notification descriptor.  Files of a source for s6-rc aren't executable.
///
/// # Errors
/// The system failed: code 111.
pub fn write_run(dir: &[u8], script: &[u8], is_source: bool) -> Result<(), Fatal> {
    write(&join(dir, &[b"notification-fd"]), b"3\n", 0o644)?;
    write(&join(dir, &[b"run"]), script, if is_source { 0o644 } else { 0o755 })
}

fn write_logger(dir: &[u8], logger: &Logger, is_source: bool) -> Result<(), Fatal> {
    write_run(dir, &logger_script(logger), is_source)
}

fn logger_script(logger: &Logger) -> Vec<u8> {
    let mut script = b"#!/command/execlineb -P\n".to_vec();
    if let Some(user) = &logger.user {
        script.extend([b"s6-setuidgid ", quote(user).as_slice(), b"\n"].concat());
    }
    script.extend(b"s6-log -b -d 3 --");
    if logger.stamps & 1 != 0 {
        script.extend(b" t");
    }
    if logger.stamps & 2 != 0 {
        script.extend(b" T");
    }
    script.extend(format!(" n{} s{}", logger.files, logger.size).into_bytes());
    if logger.total != 0 {
        script.extend(format!(" S{}", logger.total).into_bytes());
    }
    if let Some(prefix) = &logger.prefix {
        script.push(b' ');
        script.extend(quote(&[b"p", prefix.as_slice()].concat()));
    }
    script.push(b' ');
    script.extend(quote(&logger.dir));
    script.push(b'\n');
    script
}

fn line(word: &[u8]) -> Vec<u8> {
    [word, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_s6_rc() {
        let rc = parse_rc(b"web/web-log/web-pipeline").unwrap();
        assert_eq!((rc.service.as_slice(), rc.logger.as_deref()), (&b"web"[..], Some(&b"web-log"[..])));
        for bad in [&b"/x"[..], b"a/", b"a//b", b"a/b/c/d", b""] {
            assert!(parse_rc(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_script_of_a_logger() {
        let (user, prefix) = (Some(b"log".to_vec()), Some(b"web: ".to_vec()));
        let logger =
            Logger { user, dir: b"/var/log/x".to_vec(), stamps: 3, files: 5, size: 4096, total: 7, prefix };
        let script = String::from_utf8(logger_script(&logger)).unwrap();
        let last = script.lines().last().unwrap();
        assert_eq!(last, "s6-log -b -d 3 -- t T n5 s4096 S7 \"pweb: \" \"/var/log/x\"");
    }
}
