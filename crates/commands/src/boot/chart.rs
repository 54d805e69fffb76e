//! Pure: a start as a chart of text.

use super::said::{CUT, headline, lines, slowest, step, time};
use super::start::{Part, Sort, Start};
use crate::status::Snapshot;
use crate::status::table::fit;

/// How a chart is written.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The width in columns.
    pub width: usize,
    /// Whether the critical path and failures are in colour.
    pub colour: bool,
    /// Whether there is nothing but ASCII.
    pub is_ascii: bool,
}

/// The narrowest chart, and the widest one.
const WIDTHS: (usize, usize) = (30, 300);

/// From this width on, there is room for words at the end of a line.
const ROOM_FOR_WORDS: usize = 64;

/// Columns of a time.
const TIME: usize = 7;

/// Columns from a number at the scale to the next one, at least.
const TICK: usize = 8;

/// What bars consist of: waiting, running, not ready, and less than a column.
const SIGNS: [char; 4] = ['·', '█', '▒', '▏'];

/// The same in ASCII.
const ASCII: [char; 4] = ['.', '#', '=', '|'];

/// The chart of a start.
pub fn chart(start: &Start, all: &Snapshot, form: Form) -> String {
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
        let mark = line.mark().unwrap_or(' ');
        let name = fit(line.name(), names);
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
    let Some(step) = step(took, &|step| column(step, took, area) >= TICK) else { return text };
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
