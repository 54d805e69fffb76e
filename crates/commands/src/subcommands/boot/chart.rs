//! Pure: a start as a chart of text.

use super::start::{Part, Sort, Start};
use crate::status::word::{ended, note, standing};
use crate::status::{OWN, Snapshot};
use std::time::Duration;

/// How a chart is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// The width in columns.
    pub(super) width: usize,
    /// Whether the critical path and failures are in colour.
    pub(super) colour: bool,
    /// Whether there is nothing but ASCII.
    pub(super) is_ascii: bool,
}

/// The narrowest chart, and the widest one.
const WIDTHS: (usize, usize) = (30, 300);

/// From this width on, there is room for words at the end of a line.
const ROOM_FOR_WORDS: usize = 64;

/// Columns of a time.
const TIME: usize = 7;

/// Columns from a number at the scale to the next one, at least.
const TICK: usize = 8;

/// How many of the slowest are named.
const SLOWEST: usize = 3;

/// One of the overlay's own services is shown if it took more than this part of the start.
const OWN_PART: u32 = 50;

/// What is in a cell of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Empty,
    Waits,
    Runs,
    NotReady,
    /// Less than a cell.
    Short,
}

impl Cell {
    fn sign(self, is_ascii: bool) -> char {
        match (self, is_ascii) {
            (Self::Empty, _) => ' ',
            (Self::Waits, false) => '·',
            (Self::Waits, true) => '.',
            (Self::Runs, false) => '█',
            (Self::Runs, true) => '#',
            (Self::NotReady, false) => '▒',
            (Self::NotReady, true) => '=',
            (Self::Short, false) => '▏',
            (Self::Short, true) => '|',
        }
    }
}

/// A time in a few columns, to be compared with others: `0.4 ms`, `980 ms`, `4.10 s`, `130 s`; its blank ends no line.
pub(super) fn time(span: Duration) -> String {
    match span.as_millis() {
        0..10 => format!("{}.{}\u{a0}ms", span.as_millis(), span.subsec_micros() % 1000 / 100),
        ms @ 10..1000 => format!("{ms}\u{a0}ms"),
        1000..100_000 => format!("{}.{:02}\u{a0}s", span.as_secs(), span.subsec_millis() / 10),
        100_000..86_400_000 => format!("{}\u{a0}s", span.as_secs()),
        _ => ">\u{a0}1\u{a0}d".to_owned(),
    }
}

/// Microseconds.
pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// A line of the chart.
struct Line<'a> {
    part: &'a Part,
    name: &'a str,
    has_failed: bool,
    words: String,
    /// Instead of a bar: what it waits for.
    waits: Option<String>,
}

/// The chart of a start.
pub(super) fn chart(start: &Start, all: &Snapshot, form: Form) -> String {
    let width = form.width.clamp(WIDTHS.0, WIDTHS.1);
    let lines = lines(start, all);
    let longest = |of: &dyn Fn(&Line<'_>) -> usize| lines.iter().map(of).max().unwrap_or_default();
    let names = longest(&|line| line.name.chars().count()).min(width / 4);
    let words = if width < ROOM_FOR_WORDS { 0 } else { longest(&|line| line.words.chars().count()) };
    // Between them: a blank, the mark and another one; a blank; a blank, if there are words.
    let others = names
        .saturating_add(words)
        .saturating_add(TIME)
        .saturating_add(4)
        .saturating_add(usize::from(words > 0));
    let area = width.saturating_sub(others);
    let mut text = wrapped(&headline(start), width);
    text.push_str(&format!("{:names$}   {}\n", "", scale(start.took, area)));
    for line in &lines {
        let Line { part, name, has_failed, words: said, waits } = line;
        let mark = match (has_failed, part.is_critical) {
            (true, _) => '!',
            (false, true) => '*',
            (false, false) => ' ',
        };
        let bar = match waits {
            Some(waits) => cut(waits, area),
            None => bar(start, part, area).iter().map(|cell| cell.sign(form.is_ascii)).collect(),
        };
        let took = if part.began.is_some() { time(start.took(part)) } else { String::new() };
        let said = if words > 0 { said.as_str() } else { "" };
        let shown = format!("{:names$} {mark} {bar:area$} {took:>TIME$} {said}", cut(name, names));
        let shown = shown.trim_end();
        match (form.colour, mark) {
            (true, '!') => text.push_str(&format!("\x1b[31m{shown}\x1b[0m\n")),
            (true, '*') => text.push_str(&format!("\x1b[1m{shown}\x1b[0m\n")),
            _ => text.extend([shown, "\n"]),
        }
    }
    let sign = |cell: Cell| cell.sign(form.is_ascii);
    let (waits, runs, not_ready) = (sign(Cell::Waits), sign(Cell::Runs), sign(Cell::NotReady));
    let legend = format!(
        "{waits}\u{a0}waits {runs}\u{a0}runs {not_ready}\u{a0}not\u{a0}ready\u{a0}yet *\u{a0}critical\u{a0}path !\u{a0}failed"
    );
    text.push_str(&wrapped(&legend, width));
    text.push_str(&wrapped(&slowest(start), width));
    if start.is_cut {
        text.push_str(&wrapped(CUT, width));
    }
    for remark in &all.remarks {
        text.push_str(&wrapped(&format!("({remark})"), width));
    }
    let text = text.replace('\u{a0}', " ");
    if form.is_ascii { text.replace('…', "~") } else { text }
}

/// What is said of a start that isn't all in the record.
pub(super) const CUT: &str =
    "(newer events have taken the place of some of this start in the record: parts may be missing here)";

fn headline(start: &Start) -> String {
    let took = time(start.took);
    let what = match start.code {
        Some(0) => format!("the start took {took}"),
        Some(code) => format!("the start has failed with code {code} after {took}"),
        None => format!("the start isn't over after {took}"),
    };
    format!("{what}, {} of it on the critical path", time(start.critical()))
}

fn slowest(start: &Start) -> String {
    let name = |at: usize| start.part(at).map(|part| part.name.clone()).unwrap_or_default();
    let one = |at: &usize| {
        let took = start.part(*at).map(|part| start.took(part)).unwrap_or_default();
        format!("{} {}", name(*at), time(took))
    };
    let mut text = start.slowest(SLOWEST).iter().map(one).collect::<Vec<_>>().join(", ");
    if !text.is_empty() {
        text.insert_str(0, "slowest: ");
    }
    if let Some((at, took)) = start.without() {
        text.push_str(&format!("; without {} the start would have taken {}", name(at), time(took)));
    }
    text
}

/// The lines: what has begun, in that order, and what it never came to.
fn lines<'a>(start: &'a Start, all: &Snapshot) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for at in start.in_order() {
        let Some(part) = start.part(at) else { continue };
        let has_failed = part.has_failed() || (start.code.is_some() && part.over.is_none());
        let is_own = OWN.iter().any(|own| own == &part.name.as_bytes());
        if has_failed || !is_own || start.took(part).saturating_mul(OWN_PART) > start.took {
            let name = match part.sort {
                Sort::Script => part.name.rsplit('/').next().unwrap_or_default(),
                _ => &part.name,
            };
            lines.push(Line { part, name, has_failed, words: words(start, part), waits: None });
        }
    }
    for (at, service) in (0..).zip(&all.services) {
        let Some(part) = start.part(at).filter(|part| part.began.is_none()) else { continue };
        let standing = standing(all, service);
        if service.in_boot && !service.is_own() && !standing.waits_for.is_empty() {
            let note = note(all, service, &standing);
            let waits = Some(if note.starts_with("for ") { "waits ".to_owned() + &note } else { note });
            let (name, has_failed) = (part.name.as_str(), start.code.is_some());
            lines.push(Line { part, name, has_failed, words: String::new(), waits });
        }
    }
    lines
}

/// What there is to say at the end of a line.
fn words(start: &Start, part: &Part) -> String {
    match (part.wstat, part.over, part.ends) {
        (Some(0), ..) | (None, Some(_), 0) if part.has_readiness => "ready".to_owned(),
        (Some(0), ..) if part.sort == Sort::Script => "cont-init.d".to_owned(),
        (Some(0), ..) | (None, Some(_), 0) => String::new(),
        (Some(wstat), ..) => ended(wstat),
        (None, _, 1) => "ended once".to_owned(),
        (None, _, 2..) => format!("ended {} times", part.ends),
        (None, None, 0) if part.sort == Sort::Longrun && part.ran.is_some() => "not ready".to_owned(),
        (None, None, 0) if start.code.is_none() => "goes on".to_owned(),
        (None, None, 0) => "not over".to_owned(),
    }
}

/// A text in at most so many columns.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// Words in lines of at most so many columns; nothing for none.
fn wrapped(text: &str, width: usize) -> String {
    let (mut lines, mut column) = (String::new(), 0_usize);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let length = word.chars().count();
        if column > 0 && column.saturating_add(length).saturating_add(1) > width {
            lines.push('\n');
            column = 0;
        }
        if column > 0 {
            lines.push(' ');
            column = column.saturating_add(1);
        }
        lines.push_str(word);
        column = column.saturating_add(length);
    }
    if column > 0 {
        lines.push('\n');
    }
    lines
}

/// The column of a moment in so many that a start takes.
fn column(at: Duration, took: Duration, area: usize) -> usize {
    let cell = u128::from(micros(at)).saturating_mul(area as u128).checked_div(u128::from(micros(took)));
    cell.and_then(|cell| usize::try_from(cell).ok()).unwrap_or_default()
}

/// The bar of a part.
fn bar(start: &Start, part: &Part, area: usize) -> Vec<Cell> {
    let at = |moment: Duration| column(moment, start.took, area);
    let began = part.began.unwrap_or_default();
    let over = start.over(part).unwrap_or_default();
    let first = at(began).min(area.saturating_sub(1));
    let runs_until = if part.sort == Sort::Longrun { part.ran.unwrap_or(over) } else { over };
    let waits = if part.sort == Sort::Step { first } else { at(start.changed.unwrap_or_default()) };
    let mut cells = vec![Cell::Empty; at(over).clamp(first, area)];
    for (column, cell) in cells.iter_mut().enumerate() {
        *cell = match column {
            _ if column < waits => Cell::Empty,
            _ if column < first => Cell::Waits,
            _ if column < at(runs_until) => Cell::Runs,
            _ => Cell::NotReady,
        };
    }
    if cells.len() == first {
        cells.push(Cell::Short);
    }
    cells
}

/// The scale over the bars.
fn scale(took: Duration, area: usize) -> String {
    let mut text = String::from("0");
    let Some(step) = step(took, area) else { return text };
    let mut at = step;
    while at < took {
        let from = column(at, took, area);
        let label = time(at).replace(".00", "").replace('\u{a0}', " ");
        if from.saturating_add(label.len()) > area {
            break;
        }
        let missing = from.saturating_sub(text.len());
        text.push_str(&format!("{:missing$}{label}", ""));
        at = at.saturating_add(step);
    }
    text
}

/// The time from a number at the scale to the next one: 1, 2 or 5 of a power of ten.
fn step(took: Duration, area: usize) -> Option<Duration> {
    let mut power = Duration::from_micros(100);
    while power < took {
        for factor in [1, 2, 5] {
            let step = power.saturating_mul(factor);
            if column(step, took, area) >= TICK {
                return Some(step);
            }
        }
        power = power.saturating_mul(10);
    }
    None
}
