//! `s6-instance-maker`: makes the service directory of an instanced service from a template.

use crate::control::join;
use crate::instance::{copy_tree, make_dir, quote, write_file};
use rustix::io::Errno;
use tool::{Call, Fatal, Next, Opt, Options, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-instance-maker",
    summary: "make an instanced service from a template",
    operands: "template dir",
    options: &[
        Opt::value('c', "maxinstances", "plan for at most so many instances"),
        Opt::value('u', "user", "run the instances as this user"),
        Opt::value('l', "loguser", "run the logger as this user"),
        Opt::value('L', "logdir", "log to this directory, an absolute path"),
        Opt::value('t', "stamptype", "0: no time stamps, 1: TAI64N, 2: ISO 8601, 3: both"),
        Opt::value('n', "nfiles", "keep at most so many old log files"),
        Opt::value('s', "filesize", "begin a new log file at this size, in bytes"),
        Opt::value('S', "maxsize", "keep at most so many bytes of old log files"),
        Opt::value('P', "prefix", "put this before each logged line"),
        Opt::value('r', "service[/logger[/pipeline]]", "make source directories for s6-rc"),
    ],
    role: Role::Stay,
    main,
};

/// Names in an s6-rc source.
struct Rc {
    service: Vec<u8>,
    logger: Option<Vec<u8>>,
    pipeline: Option<Vec<u8>>,
}

struct Logger {
    user: Option<Vec<u8>>,
    dir: Vec<u8>,
    stamps: u8,
    files: u32,
    size: u64,
    total: u64,
    prefix: Option<Vec<u8>>,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut most = options.number::<u32>('c')?.unwrap_or(500).clamp(2, 90_000);
    let user = options.get('u').unwrap_or_default();
    let logger = logger(&options)?;
    let rc = options.get('r').map(parse_rc).transpose()?;
    let (template, dir) = (call.shift()?, call.shift()?);
    if user.iter().any(|b| b" \t\n".contains(b)) {
        return Err(Fatal::user("invalid user"));
    }
    let Some(rc) = rc else {
        if logger.is_some() {
            most = most.saturating_mul(2);
        }
        make_dir(&dir, 0o755)?;
        write_service(&dir, user, most, 0o755)?;
        make_dir(&join(&dir, &[b"instance"]), 0o755)?;
        make_dir(&join(&dir, &[b"instances"]), 0o755)?;
        copy_tree(&template, &join(&dir, &[b"template"]))?;
        if let Some(logger) = logger {
            let log = join(&dir, &[b"log"]);
            make_dir(&log, 0o755)?;
            write_logger(&log, &logger, 0o755)?;
        }
        return Ok(Next::SUCCESS);
    };
    if rc.logger.is_some() != logger.is_some() {
        return Err(Fatal::user("a logger's name and a log directory go together"));
    }
    match make_dir(&dir, 0o755) {
        Err(fatal) if rustix::fs::stat(&dir).map(drop) == Err(Errno::NOENT) => return Err(fatal),
        _ => {}
    }
    let service = join(&dir, &[&rc.service]);
    make_dir(&service, 0o755)?;
    write_service(&service, user, most, 0o644)?;
    write_file(&join(&service, &[b"type"]), b"longrun\n", 0o644)?;
    copy_tree(&template, &join(&service, &[b"template"]))?;
    if let (Some(name), Some(logger)) = (&rc.logger, logger) {
        write_file(&join(&service, &[b"producer-for"]), &line(name), 0o644)?;
        let log = join(&dir, &[name]);
        make_dir(&log, 0o755)?;
        write_logger(&log, &logger, 0o644)?;
        write_file(&join(&log, &[b"type"]), b"longrun\n", 0o644)?;
        write_file(&join(&log, &[b"consumer-for"]), &line(&rc.service), 0o644)?;
        if let Some(pipeline) = &rc.pipeline {
            write_file(&join(&log, &[b"pipeline-name"]), &line(pipeline), 0o644)?;
        }
    }
    Ok(Next::SUCCESS)
}

fn line(word: &[u8]) -> Vec<u8> {
    [word, b"\n"].concat()
}

fn logger(options: &Options) -> Result<Option<Logger>, Fatal> {
    let stamps = options.number::<u8>('t')?.unwrap_or(1);
    if stamps > 3 {
        return Err(Fatal::user("stamptype must be 0, 1, 2 or 3"));
    }
    let (files, size) = (options.number('n')?.unwrap_or(10), options.number('s')?.unwrap_or(1_000_000));
    let total = options.number('S')?.unwrap_or(0);
    let Some(dir) = options.get('L').map(<[u8]>::to_vec) else { return Ok(None) };
    if !dir.starts_with(b"/") {
        return Err(Fatal::user("logdir must be absolute"));
    }
    let (user, prefix) = (options.get('l').map(<[u8]>::to_vec), options.get('P').map(<[u8]>::to_vec));
    Ok(Some(Logger { user, dir, stamps, files, size, total, prefix }))
}

/// `service[/logger[/pipeline]]`.
fn parse_rc(names: &[u8]) -> Result<Rc, Fatal> {
    let words: Vec<_> = names.split(|b| *b == b'/').map(<[u8]>::to_vec).collect();
    if names.contains(&b'\n') || words.len() > 3 || words.iter().any(Vec::is_empty) {
        return Err(Fatal::user("-r wants service, service/logger or service/logger/pipeline"));
    }
    let mut words = words.into_iter();
    Ok(Rc { service: words.next().unwrap_or_default(), logger: words.next(), pipeline: words.next() })
}

/// The service that hosts the instances; s6-rc wants no executable files.
fn write_service(dir: &[u8], user: &[u8], most: u32, run_mode: u32) -> Result<(), Fatal> {
    let mut script = b"#!/command/execlineb -P\nfdmove -c 2 1\n".to_vec();
    if !user.is_empty() {
        script.extend([b"s6-setuidgid ", quote(user).as_slice(), b"\n"].concat());
    }
    script.extend(format!("s6-svscan -d 3 -C {most} -- instance\n").into_bytes());
    write_file(&join(dir, &[b"notification-fd"]), b"3\n", 0o644)?;
    write_file(&join(dir, &[b"run"]), &script, run_mode)
}

fn write_logger(dir: &[u8], logger: &Logger, run_mode: u32) -> Result<(), Fatal> {
    write_file(&join(dir, &[b"notification-fd"]), b"3\n", 0o644)?;
    write_file(&join(dir, &[b"run"]), &logger_script(logger), run_mode)
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
    fn a_loggers_script() {
        let (user, prefix) = (Some(b"log".to_vec()), Some(b"web: ".to_vec()));
        let logger =
            Logger { user, dir: b"/var/log/x".to_vec(), stamps: 3, files: 5, size: 4096, total: 7, prefix };
        let script = String::from_utf8(logger_script(&logger)).unwrap();
        let last = script.lines().last().unwrap();
        assert_eq!(last, "s6-log -b -d 3 -- t T n5 s4096 S7 \"pweb: \" \"/var/log/x\"");
    }
}
