//! `s6-overlay status`: what the services are doing.

use super::health::of_all;
use super::terminal::{columns, has_colour};
use crate::status::choice::choose;
use crate::status::details::{add_messages, besides, text as text_of};
use crate::status::gather::{add_policies, gather, host_state};
use crate::status::health::Asked;
use crate::status::json::{FIELDS, document};
use crate::status::place::{Place, RUN};
use crate::status::table::{Form, said_last, summary, table};
use crate::status::why::{self, asked, troubled};
use crate::status::word::standing;
use crate::status::{NOT_RUNNING, Snapshot, probed};
use overlay::environment::settings::Settings;
use rustix::event::{PollFd, PollFlags};
use rustix::stdio::{stdin, stdout};
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::time::Duration;
use tool::{Call, Fatal, Next, Opt, Options, Out, Outcome, Role, Tool, clock, diag::show, did_you_mean};

pub static TOOL: Tool = Tool {
    name: "s6-overlay status",
    summary: "show what the services are doing; all there is to know of those that are named",
    operands: "[ name... ]",
    options: &[
        Opt::value(
            '\x01',
            "[fields]",
            "as JSON; only these fields of each service, with commas between them",
        )
        .long("json"),
        Opt::flag('w', "again and again: q ends it; without a terminal, only lines that have changed")
            .long("watch"),
        Opt::flag('p', "fields with tabs between them, for programs").long("plain"),
        Opt::flag('H', "without the names of the columns").long("no-header"),
        Opt::flag('a', "moments instead of spans").long("abs-time"),
        Opt::flag('q', "print nothing: only the exit code").long("quiet"),
        Opt::flag(
            'y',
            "why they are as they are, and what they wait for; without a name, those that aren't well",
        )
        .long("why"),
        RUN,
    ],
    role: Role::Stay,
    main,
};

/// How often a terminal is painted again.
const REPAINT: Duration = Duration::from_secs(1);

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let words = call.take_args();
    let place = Place::of(call, &options);
    let asked = Asking { call, options: &options, words: &words, fields: fields(&options)? };
    if !options.has('w') {
        let mut all = if options.has('q') { gather(&place, false)? } else { look(&place)? };
        return asked.once(&place, &mut all);
    }
    if options.has('\x01') || options.has('q') || options.has('y') {
        return Err(Fatal::user(
            "--watch goes with none of --json, --quiet and --why (see s6-overlay events --json)",
        ));
    }
    if isatty(stdout()) && !options.has('p') { asked.repaint(&place) } else { asked.follow(&place) }
}

/// Everything about a container.
fn look(place: &Place) -> Result<Snapshot, Fatal> {
    let mut all = gather(place, true)?;
    add_messages(place, &mut all);
    Ok(all)
}

/// The fields that `--json` names.
fn fields(options: &Options) -> Result<Vec<&'static str>, Fatal> {
    let named = options.get('\x01').unwrap_or_default().split(|b| *b == b',').filter(|word| !word.is_empty());
    let known = |word: &[u8]| match FIELDS.iter().find(|field| field.as_bytes() == word) {
        Some(field) => Ok(*field),
        None => {
            let meant = did_you_mean(word, FIELDS.iter().copied(), "");
            Err(Fatal::user(format_args!("--json: there is no field {}{meant}", show(word))))
        }
    };
    named.map(known).collect()
}

/// The document about a container; `etc` is the folder of the image's files.
pub(crate) fn whole(all: &Snapshot, etc: &[u8]) -> Vec<u8> {
    of_some(all, &(0..all.services.len()).collect::<Vec<_>>(), etc, &[])
}

/// The document with these services, and these fields of each, or all.
fn of_some(all: &Snapshot, chosen: &[usize], etc: &[u8], fields: &[&str]) -> Vec<u8> {
    let is = |asked| of_all(all, etc, asked, host_state(all)).is_empty();
    document(all, chosen, (is(Asked::Ready), is(Asked::Live)), fields)
}

/// A call.
struct Asking<'a> {
    call: &'a Call,
    options: &'a Options,
    words: &'a [Vec<u8>],
    fields: Vec<&'static str>,
}

impl Asking<'_> {
    /// Answers, and gives the exit code.
    fn once(&self, place: &Place, all: &mut Snapshot) -> Outcome {
        let mut chosen = choose(all, self.words)?;
        let mut reasons = None;
        if self.options.has('y') {
            let asked = asked(all, &if self.words.is_empty() { troubled(all) } else { chosen.clone() });
            add_policies(all, place, &asked);
            reasons = Some(why::text(all, &asked));
            chosen = asked.into_iter().map(|(at, _)| at).collect();
        }
        let all = &*all;
        let mut out = Out::new();
        if self.options.has('\x01') {
            out.line(&of_some(all, &chosen, &Settings::of_container(&self.call.env).etc(), &self.fields))?;
        } else if !self.options.has('q') {
            let text = reasons.unwrap_or_else(|| self.shown(place, all, &chosen));
            out.put(text.as_bytes())?;
        }
        out.flush()?;
        let is_good = all.names(&chosen).all(|service| standing(all, service).word.is_good());
        Ok(Next::Exit(if self.words.is_empty() || is_good { 0 } else { NOT_RUNNING }))
    }

    /// What a person reads.
    fn shown(&self, place: &Place, all: &Snapshot, chosen: &[usize]) -> String {
        let form = self.form();
        if form.width.is_none() {
            return table(all, chosen, form);
        }
        let mut text = String::new();
        if self.words.is_empty() {
            text.extend([summary(all).as_str(), "\n"]);
            let mut chosen = chosen.to_vec();
            chosen.retain(|at| {
                let service = all.services.get(*at);
                service.is_some_and(|s| !s.is_own() || !standing(all, s).word.is_good())
            });
            text.push_str(&table(all, &chosen, form));
            text.push_str(&said_last(all, &chosen, form));
        } else {
            let etc = Settings::of_container(&self.call.env).etc();
            for service in all.names(chosen) {
                text.push_str(&text_of(all, service, &besides(place, &etc, all, service)));
            }
        }
        for remark in &all.remarks {
            text.push_str(&format!("({remark})\n"));
        }
        text
    }

    fn form(&self) -> Form {
        // Without a terminal, as under `docker exec` without -t, lines may be as long as they like.
        let without = if isatty(stdout()) { 80 } else { usize::MAX };
        let width = columns(self.call).unwrap_or(without);
        Form {
            width: (!self.options.has('p')).then_some(width),
            colour: has_colour(self.call),
            abs_time: self.options.has('a'),
            header: !self.options.has('H'),
        }
    }

    /// Paints a terminal each second, until a key ends it.
    fn repaint(&self, place: &Place) -> Outcome {
        let saved = Keys::take();
        let painted = loop {
            let painted = look(place).and_then(|all| {
                let chosen = choose(&all, self.words)?;
                let rows = tcgetwinsize(stdout()).map_or(0, |size| usize::from(size.ws_row));
                let mut out = Out::new();
                out.put(screen(&self.shown(place, &all, &chosen), rows).as_bytes())?;
                out.flush()
            });
            if painted.is_err() || saved.wait(REPAINT) {
                break painted;
            }
        };
        drop(saved);
        painted.map(|()| Next::SUCCESS)
    }

    /// Prints each line that has changed but for its times, as long as the container is there.
    fn follow(&self, place: &Place) -> Outcome {
        let mut last: Vec<(Vec<u8>, String)> = Vec::new();
        let form = Form { width: None, colour: false, abs_time: true, header: false };
        loop {
            let changes = place.changes();
            let all = gather(place, false)?;
            let mut out = Out::new();
            for at in choose(&all, self.words)? {
                let line = table(&all, &[at], form);
                let Some(service) = all.services.get(at) else { continue };
                // Times to a next start count down.
                let state = standing(&all, service);
                let pid = service.row.as_ref().map_or(0, |row| row.pid);
                let deaths = service.deaths().unwrap_or_default();
                let told = probed::note(service);
                let waits_for = state.waits_for.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
                let what = format!("{} {pid} {deaths} {waits_for} {told}", state.word.text());
                match last.iter_mut().find(|(name, _)| *name == service.name) {
                    Some((_, before)) if *before == what => continue,
                    Some((_, before)) => *before = what,
                    None => last.push((service.name.clone(), what)),
                }
                out.put(line.as_bytes())?;
            }
            out.flush()?;
            changes.wait(None, None);
        }
    }
}

/// What paints a text over a terminal with so many rows, 0 if that isn't known: from its top, as much as fits.
fn screen(text: &str, rows: usize) -> String {
    let count = text.lines().count();
    // The last row is the cursor's.
    let fits = if rows == 0 || count < rows { count } else { rows.saturating_sub(2) };
    let mut painted = "\x1b[H".to_owned();
    for line in text.lines().take(fits) {
        painted.extend([line, "\x1b[K\n"]);
    }
    if fits < count {
        painted.push_str(&format!("… {} more lines\x1b[K\n", count.saturating_sub(fits)));
    }
    painted + "\x1b[J"
}

/// The terminal's keys, one by one and without an echo; as they were again when this is dropped.
struct Keys(Option<Termios>);

impl Keys {
    fn take() -> Self {
        let Ok(saved) = tcgetattr(stdin()) else { return Self(None) };
        let mut raw = saved.clone();
        // Signals, too: ^C would leave the terminal like this.
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        let _ = tcsetattr(stdin(), OptionalActions::Now, &raw);
        Self(Some(saved))
    }

    /// Waits this long; whether a key ends it: `q`, ^C, ^D or ^\, or the end of the input.
    fn wait(&self, span: Duration) -> bool {
        let deadline = clock::now().saturating_add(span);
        let (input, mut buffer) = (stdin(), [0; 64]);
        let watched = self.0.is_some();
        loop {
            let mut fds = [PollFd::new(&input, PollFlags::IN)];
            let fds: &mut [PollFd<'_>] = if watched { &mut fds } else { &mut [] };
            match clock::poll_until(fds, Some(deadline)) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(_) => return true,
            }
            match rustix::io::read(input, &mut buffer) {
                Ok(0) | Err(_) => return true,
                Ok(count) => {
                    let keys = buffer.get(..count).unwrap_or_default();
                    if keys.iter().any(|key| b"qQ\x03\x04\x1c".contains(key)) {
                        return true;
                    }
                }
            }
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(saved) = &self.0 {
            let _ = tcsetattr(stdin(), OptionalActions::Now, saved);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_has_what_fits() {
        let painted = |rows| screen("a\nb\nc\n", rows).replace('\x1b', "^");
        let all = "^[Ha^[K\nb^[K\nc^[K\n^[J";
        assert_eq!([0, 4, 50].map(painted), [all; 3]);
        assert_eq!(painted(3), "^[Ha^[K\n… 2 more lines^[K\n^[J");
        assert_eq!([1, 2].map(painted), ["^[H… 3 more lines^[K\n^[J"; 2]);
    }
}
