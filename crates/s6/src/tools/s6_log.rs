//! `s6-log`: reads lines, selects them by a script, and puts them into log directories and other places.

use logger::{DEFAULT_LINE_END_LIMIT, DEFAULT_LINE_LIMIT, Logger, MIN_LINE_LIMIT, Settings};
use std::os::fd::RawFd;
use std::time::Duration;
use tool::{Call, Fatal, Opt, Options, OrUnable, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-log",
    summary: "sort lines into self-rotating log directories",
    operands: "logging script...",
    options: &[
        Opt::value('d', "notif", "write a newline to this descriptor when ready"),
        Opt::flag('q', "be quieter"),
        Opt::flag('v', "be more verbose"),
        Opt::flag('b', "don't read before everything is written"),
        Opt::flag('p', "don't exit on SIGTERM"),
        Opt::value('l', "linelimit", "split longer lines; default 8192, 0 is never"),
        Opt::value(
            't',
            "ms",
            "on SIGTERM, wait at most this long for the end of a line; default 2000, 0 is no limit",
        ),
    ],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let settings = settings(&options)?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let script = logger::parse(&call.args).map_err(Fatal::user)?;
    if script.has_trailing() && !settings.is_quiet {
        call.warn("directives after the last action have no effect");
    }
    sys::fd::ensure_standard().or_unable(|| "open /dev/null")?;
    let settings = Settings { execlineb: execlineb(call), ..settings };
    Logger::open(script, settings, call)?.run()
}

/// The settings of the options, without the program that runs processors.
fn settings(options: &Options) -> Result<Settings, Fatal> {
    let mut verbosity = 1_u32;
    for (letter, _) in options.iter() {
        match letter {
            'q' => verbosity = verbosity.saturating_sub(1),
            'v' => verbosity = verbosity.saturating_add(1),
            _ => {}
        }
    }
    let line_limit = match options.number::<u32>('l')? {
        None => DEFAULT_LINE_LIMIT,
        Some(0) => 0,
        Some(n) => (n as usize).max(MIN_LINE_LIMIT),
    };
    let line_end_limit = match options.number::<u32>('t')? {
        None => Some(DEFAULT_LINE_END_LIMIT),
        Some(0) => None,
        Some(ms) => Some(Duration::from_millis(ms.into())),
    };
    let notification = options.number::<RawFd>('d')?;
    if let Some(number) = notification
        && (number < 3 || !sys::fd::is_open(number))
    {
        return Err(Fatal::user(format_args!("invalid notification descriptor: {number}")));
    }
    Ok(Settings {
        is_quiet: verbosity == 0,
        is_blocking: options.has('b'),
        ignores_term: options.has('p'),
        line_end_limit,
        line_limit,
        notification,
        execlineb: Vec::new(),
    })
}

/// Where execlineb is: beside this binary, else in PATH.
fn execlineb(call: &Call) -> Vec<u8> {
    let file = tool::tool_file("execlineb");
    if file.contains(&b'/') {
        return file;
    }
    let in_path =
        call.path.iter().flat_map(|p| p.split(|b| *b == b':')).map(|dir| [dir, b"/", &file].concat());
    let mut found =
        in_path.filter(|file| sys::fs::access(file.as_slice(), rustix::fs::Access::EXEC_OK).is_ok());
    found.next().unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Settings, Fatal> {
        let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
        settings(&Options::take(TOOL.options, &mut args)?)
    }

    #[test]
    fn a_line_limit_is_8192_by_default_and_at_least_48_or_none() {
        let limit = |words: &[&str]| parsed(words).unwrap().line_limit;
        assert_eq!(limit(&[]), 8192);
        assert_eq!(
            ["-l0", "-l1", "-l47", "-l48", "-l49", "-l99999"].map(|w| limit(&[w])),
            [0, 48, 48, 48, 49, 99_999]
        );
        assert_eq!(parsed(&["-lx"]).err().map(|fatal| fatal.code()), Some(100));
    }

    #[test]
    fn the_end_of_a_line_is_waited_for_for_2_s_by_default() {
        let limit = |words: &[&str]| parsed(words).unwrap().line_end_limit;
        assert_eq!(limit(&[]), Some(Duration::from_millis(2000)));
        assert_eq!([limit(&["-t0"]), limit(&["-t", "5"])], [None, Some(Duration::from_millis(5))]);
    }

    #[test]
    fn a_notification_descriptor_is_open_and_at_least_3() {
        assert_eq!(parsed(&[]).unwrap().notification, None);
        for number in ["-1", "0", "1", "2", "1000000"] {
            let fatal = parsed(&["-d", number]).err().unwrap();
            let text = format!("invalid notification descriptor: {number}");
            assert_eq!((fatal.code(), fatal.message()), (100, text.as_str()));
        }
        let (_reader, writer) = std::io::pipe().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&writer);
        assert_eq!(parsed(&["-d", &number.to_string()]).unwrap().notification, Some(number));
    }

    #[test]
    fn a_logger_is_quiet_if_q_outweighs_v() {
        for (words, quiet) in
            [(&[][..], false), (&["-q"], true), (&["-qv"], false), (&["-qqv"], false), (&["-vqq"], true)]
        {
            assert_eq!(parsed(words).unwrap().is_quiet, quiet, "{words:?}");
        }
        let settings = parsed(&["-bp"]).unwrap();
        assert!(settings.is_blocking && settings.ignores_term);
        let settings = parsed(&[]).unwrap();
        assert!(!settings.is_blocking && !settings.ignores_term);
    }
}
