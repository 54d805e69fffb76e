//! Pure: services as a table, for people or for programs that read lines.

use super::times::{moment, span};
use super::word::{Standing, Word, last_exit, note, standing};
use super::{Service, Snapshot};
use std::time::Duration;
use tool::diag::show;
use wire::board::Phase;
use wire::cgroup::show_size;

/// How a table is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// Columns of the terminal; `None` for fields with tabs between them.
    pub(crate) width: Option<usize>,
    /// Whether lines that need attention are in colour.
    pub(crate) colour: bool,
    /// Moments instead of spans.
    pub(crate) abs_time: bool,
    /// Whether the columns have names.
    pub(crate) header: bool,
}

/// Nothing, or not known.
const NONE: &str = "–";

/// The names of the columns.
const COLUMNS: [&str; 9] = ["SERVICE", "STATE", "FOR", "PID", "RESTARTS", "LAST EXIT", "MEM", "CPU", "NOTE"];

/// The columns that a narrow terminal can do without, the first one first.
const DISPENSABLE: [usize; 6] = [7, 6, 4, 3, 5, 2];

/// Where the notes are.
const NOTE: usize = 8;

/// A line of the table.
struct Line {
    attention: bool,
    cells: [String; 9],
}

/// The container in one line: since when, how many services are ready, memory.
pub(crate) fn summary(all: &Snapshot) -> String {
    let mut standings = Vec::new();
    for service in &all.services {
        let standing = standing(all, service);
        // The table doesn't show them, either.
        if !service.is_own() || !standing.word.is_good() {
            standings.push(standing);
        }
    }
    // What can't be told may be wanted, too.
    let counts = |s: &&Standing| s.wanted || s.word.is_good() || s.word == Word::Unknown;
    let wanted = standings.iter().filter(counts).count();
    let good = standings.iter().filter(|s| s.word.is_good()).count();
    let attention = standings.iter().filter(|s| s.needs_attention()).count();
    let header = all.header.as_ref();
    let (word, since) = match all.phase() {
        Phase::Starting => ("starting", header.and_then(|header| header.begun)),
        Phase::Stopping | Phase::Ending => ("stopping", header.and_then(|header| header.stop_asked)),
        Phase::Running | Phase::Unknown => ("up", header.and_then(|header| header.begun)),
    };
    let mut parts = Vec::new();
    parts.extend(since.map(|since| format!("{word} {}", span(all.ago(since)))));
    parts.push(format!("{good} of {wanted} ready"));
    match attention {
        0 => {}
        1 => parts.push("1 needs you".to_owned()),
        count => parts.push(format!("{count} need you")),
    }
    match all.memory {
        (Some(used), Some(limit)) => {
            parts.push(format!("memory {} of {}", show_size(used), show_size(limit)));
        }
        (Some(used), None) => parts.push(format!("memory {}", show_size(used))),
        _ => {}
    }
    match all.kills {
        None | Some(0) => {}
        Some(1) => parts.push("1 kill by the kernel".to_owned()),
        Some(count) => parts.push(format!("{count} kills by the kernel")),
    }
    let mut text = parts.join(" · ");
    if let Some(header) = header.filter(|header| !header.why.is_empty()) {
        text.push_str(&format!("\n{}", show(&header.why)));
    }
    text
}

fn line(all: &Snapshot, service: &Service, form: Form) -> Line {
    let state = standing(all, service);
    let none = || NONE.to_owned();
    let row = service.row.as_ref();
    let at = |at: Duration| match form.abs_time {
        true => moment(all.now.1.saturating_sub(all.ago(at))),
        false => span(all.ago(at)),
    };
    // Of the whole life: processor time over time.
    let life = row.and_then(|row| row.started).map(|started| all.ago(started).as_millis());
    let percent = |used: u64| (u128::from(used).saturating_mul(100)).checked_div(life?);
    let cells = [
        tool::diag::shown(&service.name),
        state.word.text().to_owned(),
        state.since.map_or_else(none, at),
        row.filter(|row| row.pid != 0).map_or_else(none, |row| row.pid.to_string()),
        service.deaths().map_or_else(none, |count| count.to_string()),
        last_exit(service).unwrap_or_else(none),
        service.memory.map_or_else(none, size),
        service.cpu.and_then(percent).map_or_else(none, |percent| format!("{percent} %")),
        note(all, service, &state),
    ];
    Line { attention: state.needs_attention(), cells }
}

/// A size that is short: `96 M`.
fn size(bytes: u64) -> String {
    let short = show_size(bytes);
    short.strip_suffix("iB").map_or(short.clone(), str::to_owned)
}

/// The table of some services.
pub(crate) fn table(all: &Snapshot, chosen: &[usize], form: Form) -> String {
    let lines: Vec<Line> = all.names(chosen).map(|service| line(all, service, form)).collect();
    let mut head = COLUMNS.map(str::to_owned);
    if form.abs_time {
        head[2] = "SINCE".to_owned();
    }
    let head = Line { attention: false, cells: head };
    let with_head = form.header.then_some(&head).into_iter().chain(&lines);
    let Some(width) = form.width else {
        return with_head.fold(String::new(), |text, line| text + &line.cells.join("\t") + "\n");
    };
    let widths = widths(&head, &lines, width);
    let mut text = String::new();
    for line in with_head {
        let mut shown = String::from(if line.attention { "!" } else { " " });
        for (cell, width) in line.cells.iter().zip(widths) {
            if let Some(width) = width {
                let missing = width.saturating_sub(cell.chars().count());
                shown.push_str(&format!(" {cell}{:missing$} ", ""));
            }
        }
        let note = line.cells.get(NOTE).filter(|note| widths[NOTE].is_none() && !note.is_empty());
        let is_head = std::ptr::eq(line, &raw const head);
        if let Some(note) = note.filter(|_| !is_head) {
            shown.truncate(shown.trim_end().len());
            shown.push_str(&format!("\n    {note}"));
        }
        let shown = shown.trim_end();
        match form.colour && line.attention {
            true => text.push_str(&format!("\x1b[31m{shown}\x1b[0m\n")),
            false => text.extend([shown, "\n"]),
        }
    }
    text
}

/// A line for each of these services of which it is known what it said last.
pub(crate) fn said_last(all: &Snapshot, chosen: &[usize], form: Form) -> String {
    let line = |service: &Service| {
        let text = format!("{} said last: {}", show(&service.name), show(service.message.as_deref()?));
        Some(fit(&text, form.width.unwrap_or(usize::MAX)) + "\n")
    };
    all.names(chosen).filter_map(line).collect()
}

/// A text in at most so many columns.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// The width of each column; `None` for those that are left out: without contents, or because the terminal is too narrow.
fn widths(head: &Line, lines: &[Line], limit: usize) -> [Option<usize>; 9] {
    let mut widths = [None; 9];
    for (column, width) in widths.iter_mut().enumerate() {
        let cell = |line: &Line| line.cells.get(column).map_or(0, |cell| cell.chars().count());
        let is_empty =
            |line: &Line| line.cells.get(column).is_none_or(|cell| cell == NONE || cell.is_empty());
        if column < 2 || !lines.iter().all(is_empty) {
            *width = lines.iter().map(cell).max().map(|longest| longest.max(cell(head)));
        }
    }
    let is_too_wide = |widths: &[Option<usize>; 9]| {
        let sum = |sum: usize, width: &usize| sum.saturating_add(*width).saturating_add(2);
        widths.iter().flatten().fold(0, sum) > limit
    };
    // Beside a note, two columns can be done without; for more of them it has a line of its own.
    let mut inline = widths;
    for column in DISPENSABLE.iter().take(2) {
        if is_too_wide(&inline) {
            inline.get_mut(*column).into_iter().for_each(|width| *width = None);
        }
    }
    if !is_too_wide(&inline) {
        return inline;
    }
    widths[NOTE] = None;
    for column in DISPENSABLE {
        if is_too_wide(&widths) {
            widths.get_mut(column).into_iter().for_each(|width| *width = None);
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{longrun, oneshot, running};
    use wire::board::{Cause, Row, State};

    fn sample() -> Snapshot {
        let mut all = running();
        let mut postgres = longrun("postgres", State::Ready);
        let mut mailer = longrun("mailer", State::Backoff);
        for (service, row) in [
            (&mut postgres, Row { pid: 41, cause: Cause::None, ..Row::default() }),
            (
                &mut mailer,
                Row {
                    cause: Cause::Own,
                    wstat: 0x100,
                    deaths: 6,
                    failures: 6,
                    next_start: Some(Duration::from_secs(118)),
                    ..Row::default()
                },
            ),
        ] {
            let old = service.row.take().unwrap();
            service.row = Some(Row {
                state: old.state,
                since: old.since,
                flags: old.flags,
                started: Some(Duration::from_secs(50)),
                starts: 1,
                ..row
            });
        }
        (postgres.memory, postgres.cpu) = (Some(96 << 20), Some(1000));
        all.services = vec![mailer, oneshot("migrate", true, Some((true, Some(0)))), postgres];
        (all.memory, all.kills) = ((Some(401 << 20), Some(512 << 20)), Some(1));
        all
    }

    fn shown(width: Option<usize>) -> String {
        let form = Form { width, colour: false, abs_time: false, header: true };
        table(&sample(), &[0, 1, 2], form)
    }

    #[test]
    fn a_terminal_of_any_width_gets_a_table() {
        insta::assert_snapshot!(
            [120, 80, 60, 40, 10].map(|width| format!("{width}:\n{}", shown(Some(width)))).join("\n")
        );
        for width in [120, 80, 60, 40] {
            for line in shown(Some(width)).lines() {
                assert!(line.chars().count() <= width.max(45), "{width}: {line}");
            }
        }
    }

    #[test]
    fn what_was_said_last_is_a_line() {
        let mut all = sample();
        all.services[0].message =
            Some(b"ECONNREFUSED \x1b[2J 10.0.0.7:25, and more than there is room for".to_vec());
        let said = |width| {
            said_last(
                &all,
                &[0, 1],
                Form { width: Some(width), colour: false, abs_time: false, header: true },
            )
        };
        assert_eq!(said(40), "mailer said last: ECONNREFUSED \\u{1b}[2…\n");
        assert_eq!(
            said(usize::MAX),
            "mailer said last: ECONNREFUSED \\u{1b}[2J 10.0.0.7:25, and more than there is room for\n"
        );
    }

    #[test]
    fn a_pipe_gets_tabs() {
        assert_eq!(
            shown(None),
            "SERVICE\tSTATE\tFOR\tPID\tRESTARTS\tLAST EXIT\tMEM\tCPU\tNOTE\n\
             mailer\tbackoff\t40 s\t–\t6\t1\t–\t–\tnext start in 18 s, 6 failures in a row\n\
             migrate\tdone\t1 min\t–\t–\t0\t–\t–\ttook 4.1 s\n\
             postgres\tready\t40 s\t41\t0\t–\t96 M\t2 %\t\n"
        );
    }

    #[test]
    fn colours_moments_and_no_names_of_columns() {
        let form = Form { width: Some(200), colour: true, abs_time: true, header: false };
        let text = table(&sample(), &[0, 2], form);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("\x1b[31m! mailer") && lines[0].ends_with("\x1b[0m"), "{text}");
        assert!(
            lines[1].starts_with("  postgres") && lines[1].contains("2026-11-29T17:45:20.000000Z"),
            "{text}"
        );
    }

    #[test]
    fn the_container_in_a_line() {
        let mut all = sample();
        let first =
            "up 1 min · 2 of 3 ready · 1 needs you · memory 401 MiB of 512 MiB · 1 kill by the kernel";
        assert_eq!(summary(&all), first);
        if let Some(header) = &mut all.header {
            (header.phase, header.stop_asked) = (Phase::Stopping, Some(Duration::from_secs(98)));
            header.why = b"stops: SIGTERM from process 7".to_vec();
        }
        (all.memory, all.kills) = ((Some(1 << 20), None), None);
        assert_eq!(
            summary(&all),
            "stopping 2 s · 2 of 3 ready · 1 needs you · memory 1 MiB\nstops: SIGTERM from process 7"
        );
    }
}
