//! Pure: a start as a chart of text.

use super::start::{Part, Sort, Start};
use crate::status::Snapshot;
use crate::status::table::fit;
use crate::status::word::{ended, note, standing};
use overlay::legacy::idle::OWN;

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
const OWN_PART: u64 = 50;

/// What bars consist of: waiting, running, not ready, and less than a column.
const SIGNS: [char; 4] = ['·', '█', '▒', '▏'];

/// The same in ASCII.
const ASCII: [char; 4] = ['.', '#', '=', '|'];

/// Microseconds of a day.
const DAY: u64 = 86_400_000_000;

/// A time in a few columns, to be compared with others: `0.4 ms`, `980 ms`, `4.10 s`, `130 s`; its blank ends no line.
fn time(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{}\u{a0}ms", micros / 1000, micros % 1000 / 100),
        10_000..1_000_000 => format!("{}\u{a0}ms", micros / 1000),
        1_000_000..100_000_000 => format!("{}.{:02}\u{a0}s", micros / 1_000_000, micros % 1_000_000 / 10_000),
        100_000_000..DAY => format!("{}\u{a0}s", micros / 1_000_000),
        DAY.. => ">\u{a0}1\u{a0}d".to_owned(),
    }
}

/// A line of the chart.
struct Line<'a> {
    part: &'a Part,
    mark: char,
    /// At its end; if it hasn't begun, instead of a bar.
    words: String,
}

impl Line<'_> {
    fn name(&self) -> &str {
        match self.part.sort {
            Sort::Script => self.part.name.rsplit('/').next().unwrap_or_default(),
            _ => &self.part.name,
        }
    }
}

/// The chart of a start.
pub(super) fn chart(start: &Start, all: &Snapshot, form: Form) -> String {
    let width = form.width.clamp(WIDTHS.0, WIDTHS.1);
    let signs = if form.is_ascii { ASCII } else { SIGNS };
    let lines = lines(start, all);
    let (mut names, mut words) = (0, 0);
    for line in &lines {
        names = names.max(line.name().chars().count());
        if line.part.began.is_some() && width >= ROOM_FOR_WORDS {
            words = words.max(line.words.chars().count());
        }
    }
    names = names.min(width / 4);
    // Between them: a blank, the mark and another one; a blank; a blank, if there are words.
    let area = [names, words, TIME, 4, usize::from(words > 0)]
        .iter()
        .fold(width, |left, part| left.saturating_sub(*part));
    let mut text = wrapped(&headline(start), width);
    text.push_str(&format!("{:names$}   {}\n", "", scale(start.took, area)));
    for line in &lines {
        let (bar, took, said) = match line.part.began {
            Some(began) => {
                let said = if words > 0 { line.words.as_str() } else { "" };
                (bar(start, line.part, began, area, signs), time(line.part.took), said)
            }
            None => (fit(&line.words, area), String::new(), ""),
        };
        let (name, mark) = (fit(line.name(), names), line.mark);
        let shown = format!("{name:names$} {mark} {bar:area$} {took:>TIME$} {said}");
        let (before, after) = match mark {
            '!' if form.colour => ("\x1b[31m", "\x1b[0m"),
            '*' if form.colour => ("\x1b[1m", "\x1b[0m"),
            _ => ("", ""),
        };
        text.extend([before, shown.trim_end(), after, "\n"]);
    }
    let [waits, runs, not_ready, _] = signs;
    let legend = format!(
        "{waits}\u{a0}waits {runs}\u{a0}runs {not_ready}\u{a0}not\u{a0}ready\u{a0}yet *\u{a0}critical\u{a0}path !\u{a0}failed"
    );
    text.push_str(&wrapped(&legend, width));
    text.push_str(&wrapped(&slowest(start), width));
    let mut remark = |remark: &str| text.push_str(&wrapped(&format!("({remark})"), width));
    if start.is_cut {
        remark(CUT);
    }
    all.remarks.iter().for_each(|text| remark(text));
    let text = text.replace('\u{a0}', " ");
    if form.is_ascii { text.replace('…', "~") } else { text }
}

/// What is said of a start that isn't all in the record.
pub(super) const CUT: &str =
    "newer events have taken the place of some of this start in the record: parts may be missing here";

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
    let mut text = String::new();
    for part in start.slowest(SLOWEST).into_iter().filter_map(|at| start.part(at)) {
        text.extend([if text.is_empty() { "slowest: " } else { ", " }, &part.name, " ", &time(part.took)]);
    }
    if let Some((part, took)) = start.without() {
        text.extend(["; without ", &part.name, " the start would have taken ", &time(took)]);
    }
    text
}

/// The lines: what has begun, in that order, and what it never came to.
fn lines<'a>(start: &'a Start, all: &Snapshot) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for part in start.order.iter().filter_map(|at| start.part(*at)) {
        let has_failed = part.has_failed() || (start.code.is_some() && part.over.is_none());
        let is_own = OWN.iter().any(|own| own == &part.name.as_bytes());
        if has_failed || !is_own || part.took.saturating_mul(OWN_PART) > start.took {
            let mark = match (has_failed, part.is_critical) {
                (true, _) => '!',
                (false, true) => '*',
                (false, false) => ' ',
            };
            lines.push(Line { part, mark, words: words(start, part) });
        }
    }
    for (service, part) in all.services.iter().zip(&start.parts) {
        let standing = standing(all, service);
        if part.began.is_none() && service.in_boot && !service.is_own() && !standing.waits_for.is_empty() {
            let note = note(all, service, &standing);
            let words = if note.starts_with("for ") { "waits ".to_owned() + &note } else { note };
            lines.push(Line { part, mark: if start.code.is_some() { '!' } else { ' ' }, words });
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
fn column(at: u64, took: u64, area: usize) -> usize {
    let cell = at.saturating_mul(area as u64).checked_div(took).unwrap_or_default();
    usize::try_from(cell).unwrap_or(usize::MAX)
}

/// The bar of a part.
fn bar(
    start: &Start,
    part: &Part,
    began: u64,
    area: usize,
    [waits, runs, not_ready, short]: [char; 4],
) -> String {
    let at = |moment: u64| column(moment, start.took, area);
    let first = at(began).min(area.saturating_sub(1));
    let end = at(part.end()).clamp(first, area);
    let runs_until = if part.sort == Sort::Longrun { at(part.ran.unwrap_or_default()) } else { end };
    let from = if part.sort == Sort::Step { first } else { at(start.changed.unwrap_or_default()) };
    let mut bar = String::new();
    for column in 0..end {
        bar.push(match () {
            () if column < first => {
                if column < from {
                    ' '
                } else {
                    waits
                }
            }
            () if column < runs_until => runs,
            () => not_ready,
        });
    }
    if end == first {
        bar.push(short);
    }
    bar
}

/// The scale over the bars.
fn scale(took: u64, area: usize) -> String {
    let mut text = String::from("0");
    let Some(step) = step(took, area) else { return text };
    let mut at = step;
    while at < took {
        let label = time(at).replace(".00", "");
        let (from, before) = (column(at, took, area), text.chars().count());
        if from.saturating_add(label.chars().count()) > area {
            break;
        }
        text.push_str(&format!("{:1$}{label}", "", from.saturating_sub(before)));
        at = at.saturating_add(step);
    }
    text
}

/// The time from a number at the scale to the next one: 1, 2 or 5 of a power of ten.
fn step(took: u64, area: usize) -> Option<u64> {
    let mut power = 100_u64;
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
