//! `s6-overlay logs`: prints the logs of services, merged by time.
//!
//! A merge holds one line of each log, so memory is bounded, however long the logs are.

mod find;
mod line;
mod source;

use crate::status::times::parse_span;
use find::{Log, Services, elsewhere};
use line::{Format, Line};
use overlay::boot::catch_all;
use overlay::environment::settings::Settings;
use overlay::environment::variables::S6_LOGGING_SCRIPT;
use posix_regex::Regex;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use source::Source;
use std::os::fd::{AsFd, OwnedFd};

use tool::{
    Call, Env, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Setup, Tool, clock, diag, local_time,
    try_spawn,
};
use wire::calendar::parse;
use wire::number;
use wire::tai::Tai64n;
use wire::zone::Zone;

pub static TOOL: Tool = Tool {
    name: "s6-overlay logs",
    summary: "print the logs of services, merged by time",
    operands: "[ name... ]",
    options: &[
        Opt::flag('f', "go on with what is logged from now on").long("follow"),
        Opt::value('n', "lines", "only the last lines; with -f 10 unless given, otherwise all").long("lines"),
        Opt::value(
            's',
            "time",
            "only from then on: 90 (seconds), 10m, 2h or 1d ago, or 2026-11-30T12:00:00Z",
        )
        .long("since"),
        Opt::value('g', "regex", "only lines that match this extended regular expression").long("grep"),
        Opt::flag('j', "an object for each line, as JSON").long("json"),
    ],
    role: Role::Stay,
    main,
};

/// How many lines come before those that are followed.
const LINES_BEFORE: u64 = 10;

/// The exit code if a named service has no log.
const NO_LOG: u8 = 1;

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let follows = options.has('f');
    let since = match options.get('s') {
        Some(word) => since(word, clock::wall()).ok_or_else(|| {
            let word = diag::show(word);
            Fatal::user(format_args!(
                "--since: {word} is no time: write 90, 10m, 2h, 1d or 2026-11-30T12:00:00Z"
            ))
        })?,
        None => Tai64n::default(),
    };
    let regex = options.get('g').map(Regex::extended).transpose();
    let regex = regex.map_err(|why| Fatal::user(format_args!("--grep: {why}")))?;
    let asked = options.number::<u64>('n')?;
    let default = (follows && !options.has('s')).then_some(LINES_BEFORE);
    let format = match options.has('j') {
        true => Format::Json,
        false if rustix::termios::isatty(rustix::stdio::stdout()) => Format::Terminal,
        false => Format::Text,
    };
    let settings = Settings::new(&call.env);
    let script = settings.directives(S6_LOGGING_SCRIPT);
    let zone = local_time::of_tz(catch_all::time_zone(&settings, &script).as_deref());
    let services = Services::of_container();
    let mut sources = Vec::new();
    let is_complete = collect(call, &services, &mut sources)?;
    if sources.is_empty() {
        return Err(Fatal::silent(NO_LOG));
    }
    let decompress = |program: &'static str, file: OwnedFd| decompressed(call, program, &file);
    let mut merge = Merge { sources, zone, since, regex, format, decompress: &decompress, out: Out::new() };
    let watch = if follows { Some(merge.watch()?) } else { None };
    merge.print_last(asked.or(default))?;
    if let Some(watch) = watch {
        return merge.follow(&watch);
    }
    merge.out.flush()?;
    Ok(Next::Exit(if is_complete { 0 } else { NO_LOG }))
}

/// The time that a word stands for: so long ago, or RFC 3339, in local time without an offset.
fn since(word: &[u8], now: Tai64n) -> Option<Tai64n> {
    if let Some(ago) = parse_span(word) {
        let ago = i64::try_from(ago.as_secs()).unwrap_or(i64::MAX);
        return Some(Tai64n::from_unix(now.unix_seconds().saturating_sub(ago), now.nanos));
    }
    let (date, nanos, rest) = parse(word)?;
    let offset = match rest {
        [b'Z' | b'z'] => 0,
        [] => {
            let as_utc = date.unix();
            let local = local_time::local(as_utc)?.unix();
            local.saturating_sub(as_utc)
        }
        [sign @ (b'+' | b'-'), hours @ .., b':', tens, ones] if hours.len() == 2 => {
            let hours = number::decimal::<i64>(hours).filter(|hours| (0..24).contains(hours))?;
            let minutes =
                number::decimal::<i64>(&[*tens, *ones]).filter(|minutes| (0..60).contains(minutes))?;
            let seconds = hours.saturating_mul(3600).saturating_add(minutes.saturating_mul(60));
            if *sign == b'-' { seconds.saturating_neg() } else { seconds }
        }
        _ => return None,
    };
    Some(Tai64n::from_unix(date.unix().saturating_sub(offset), nanos))
}

/// Opens the logs of the services that are asked for; whether each of these has one.
fn collect(call: &Call, services: &Services, sources: &mut Vec<Source>) -> Result<bool, Fatal> {
    let settings = Settings::new(&call.env);
    let (mut logs, mut missing): (Vec<Log>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
    for service in services.named(&call.args)? {
        let own = services.logs(&service);
        if own.is_empty() {
            missing.push(service);
        }
        for log in own {
            // A logger is found by each of its producers.
            if !logs.iter().any(|known| (&known.dir, &known.file) == (&log.dir, &log.file)) {
                logs.push(log);
            }
        }
    }
    let mut is_complete = true;
    for Log { name, dir, file } in logs {
        match Source::open(&name, &dir, &file) {
            Ok(source) => sources.push(source),
            Err(e) => {
                is_complete = false;
                call.warn(unreadable(&name, &dir, e));
            }
        }
    }
    if call.args.is_empty() {
        if sources.is_empty() && is_complete {
            call.warn(elsewhere(b"no service", &settings).replace("no service has no", "no service has a"));
        }
        return Ok(is_complete);
    }
    for service in &missing {
        call.warn(elsewhere(service, &settings));
    }
    Ok(is_complete && missing.is_empty())
}

/// Why a log can't be read, and who may.
fn unreadable(name: &[u8], dir: &[u8], e: Errno) -> String {
    let (name, shown) = (diag::show(name), diag::show(dir));
    let text = format!("unable to read the log of {name} in {shown}: {}", sys::strerror(e));
    match (e, sys::fs::stat(dir)) {
        (Errno::ACCESS, Ok(st)) => format!(
            "{text}: it belongs to {}:{} and has mode {:04o}, you are {}: use docker exec -u 0",
            st.st_uid,
            st.st_gid,
            st.st_mode & 0o7777,
            rustix::process::geteuid().as_raw()
        ),
        _ => text,
    }
}

/// Starts a program of the image that decompresses a file; gives its output.
fn decompressed(call: &Call, program: &str, file: &OwnedFd) -> Result<(OwnedFd, Pid), Errno> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    let fds = [(file.as_fd(), 0), (writer.as_fd(), 1)];
    let argv = vec![program.into(), b"-dc".to_vec()];
    let env = Env::from_vars(call.env.vars().to_vec());
    let pid = try_spawn(call, argv, env, &Setup { fds: &fds, ..Setup::default() })?;
    Ok((reader, pid))
}

/// What is done with a line, by the name before it.
type Each<'a> = &'a mut dyn FnMut(&[u8], &Line, &mut Printer<'_>) -> Result<(), Fatal>;

/// The logs that are merged, and what of them is printed.
struct Merge<'a> {
    sources: Vec<Source>,
    zone: Zone,
    since: Tai64n,
    regex: Option<Regex>,
    format: Format,
    decompress: source::Decompress<'a>,
    out: Out,
}

impl Merge<'_> {
    /// Prints the last lines, or all.
    fn print_last(&mut self, lines: Option<u64>) -> Result<(), Fatal> {
        let mut left_out = 0;
        for source in &mut self.sources {
            source.skip_before(self.since);
        }
        if let Some(lines) = lines {
            if self.regex.is_none() {
                for source in &mut self.sources {
                    source.skip_all_but(lines, self.decompress);
                }
            }
            let mut count = 0_u64;
            self.each(false, &mut |_, _, _| {
                count = count.saturating_add(1);
                Ok(())
            })?;
            left_out = count.saturating_sub(lines);
        }
        let mut passed = 0_u64;
        self.each(false, &mut |name, line, printer| {
            passed = passed.saturating_add(1);
            if passed > left_out { printer.print(name, line) } else { Ok(()) }
        })
    }

    /// Calls `each` with the lines that are asked for, in their order; from the start, unless the logs are followed.
    fn each(&mut self, follows: bool, each: Each<'_>) -> Result<(), Fatal> {
        let Self { sources, zone, since, regex, format, decompress, out } = self;
        for source in sources.iter_mut() {
            if !follows {
                source.rewind();
            }
            if source.next.is_none() {
                source.advance(follows, zone, *decompress);
            }
        }
        let mut printer = Printer { format: *format, out };
        loop {
            let mut first: Option<&mut Source> = None;
            for source in sources.iter_mut() {
                let key = |source: &Source| source.next.as_ref().map(|line| line.key);
                if let Some(at) = key(source)
                    && first.as_ref().is_none_or(|first| key(first).is_none_or(|least| at < least))
                {
                    first = Some(source);
                }
            }
            let Some(source) = first else { return Ok(()) };
            if let Some(line) = source.next.take()
                && line.key >= *since
                && regex.as_mut().is_none_or(|regex| regex.is_match(&line.text))
            {
                each(&source.name, &line, &mut printer)?;
            }
            source.advance(follows, zone, *decompress);
        }
    }

    /// Watches the directories of the logs.
    fn watch(&self) -> Result<OwnedFd, Fatal> {
        let events = inotify::init(inotify::CreateFlags::CLOEXEC).or_unable(|| "watch the logs")?;
        let wanted =
            inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
        for source in &self.sources {
            inotify::add_watch(&events, source.path(), wanted).or_unable_to("watch", source.path())?;
        }
        Ok(events)
    }

    /// Prints what is logged from now on.
    fn follow(mut self, watch: &OwnedFd) -> Outcome {
        let mut seen = [0; 4096];
        loop {
            self.each(true, &mut |name, line, printer| printer.print(name, line))?;
            self.out.flush()?;
            // Even without requested events, poll(2) reports that the reader of the output has gone.
            let stdout = PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty());
            let mut fds = [PollFd::new(watch, PollFlags::IN), stdout];
            match poll(&mut fds, None) {
                Err(Errno::INTR) => continue,
                done => done.or_unable(|| "poll")?,
            };
            let [event, reader] = fds.map(|fd| fd.revents());
            if !event.is_empty() {
                // The events are discarded: the files themselves are examined.
                rustix::io::retry_on_intr(|| rustix::io::read(watch, &mut seen))
                    .or_unable(|| "watch the logs")?;
            } else if reader.intersects(PollFlags::ERR | PollFlags::HUP) {
                return Ok(Next::SUCCESS);
            }
        }
    }
}

/// Prints lines.
struct Printer<'a> {
    format: Format,
    out: &'a mut Out,
}

impl Printer<'_> {
    fn print(&mut self, name: &[u8], line: &Line) -> Result<(), Fatal> {
        let mut text = Vec::with_capacity(line.text.len().saturating_add(80));
        line::print(self.format, name, line, &mut text);
        self.out.put(&text)
    }
}

#[cfg(test)]
mod tests;
