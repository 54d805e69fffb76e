//! As a picture: a row for each part, with its three phases.

use super::parts::{Timeline, kind, plain};
use crate::svg::{LETTER, Rows, SMALL_LETTER, Svg, columns, fit};
use commands::boot::said::{Line, headline, slowest, step, time};
use commands::boot::start::{Part, Sort};
use std::collections::BTreeMap;

/// The width of the picture.
const WIDTH: i32 = 960;
/// Around everything.
const MARGIN: i32 = 24;
/// The height of a row, and of a bar in it.
const ROW: i32 = 26;
const BAR: i32 = 14;
/// Columns of a name, and of what is said at the end of a row.
const NAME: usize = 26;
const WORDS: usize = 24;
/// For a mark before the name.
const MARK: i32 = 18;
/// For a time.
const TIME: i32 = 64;
/// From a number at the scale to the next one, at least.
const TICK: i32 = 72;
/// Columns of a line of text.
const TEXT: usize = ((WIDTH - 2 * MARGIN) / SMALL_LETTER) as usize;
/// The width of a sign in the legend.
const SIGN: i32 = 22;
/// More ends of a daemon than this aren't marked.
const ENDS_MAX: usize = 50;

const STYLE: &str = include_str!("timeline.css");

/// The picture of a start.
pub(super) fn print(timeline: &Timeline<'_>) -> String {
    Chart::new(timeline).draw()
}

struct Chart<'a> {
    timeline: &'a Timeline<'a>,
    lines: Vec<Line<'a>>,
    /// Where bars begin, and how wide all are.
    left: i32,
    area: i32,
    /// The upper side of the first row.
    top: i32,
}

impl<'a> Chart<'a> {
    fn new(timeline: &'a Timeline<'a>) -> Self {
        let lines = timeline.lines();
        let names = lines.iter().map(|line| columns(&fit(line.name(), NAME))).max().unwrap_or_default();
        let words = lines.iter().filter(|line| line.part.began.is_some());
        let words = words.map(|line| columns(&fit(&line.words, WORDS))).max().unwrap_or_default();
        let left = MARGIN + MARK + LETTER * names + 12;
        let right = WIDTH - MARGIN - TIME - if words > 0 { SMALL_LETTER * words + 12 } else { 0 };
        let heading = i32::try_from(wrapped(&plain(&headline(&timeline.start))).len()).unwrap_or(1);
        Self { timeline, lines, left, area: right - left - 8, top: MARGIN + heading * ROW + 24 }
    }

    /// Where a moment is.
    fn x(&self, at: u64) -> i32 {
        let took = u128::from(self.timeline.start.took.max(1));
        let shift = u128::from(at).min(took) * u128::try_from(self.area).unwrap_or_default() / took;
        self.left + i32::try_from(shift).unwrap_or_default()
    }

    /// The upper side of a row.
    fn y(&self, row: usize) -> i32 {
        self.top + ROW * i32::try_from(row).unwrap_or_default()
    }

    fn draw(&self) -> String {
        let bottom = self.y(self.lines.len());
        let below: Vec<String> = std::iter::once(plain(&slowest(&self.timeline.start)))
            .chain(self.timeline.remarks().into_iter().map(|remark| format!("({remark})")))
            .flat_map(|text| wrapped(&text))
            .collect();
        let legend = self.legend();
        let text = bottom + 22 + ROW + legend.last().map_or(0, |(_, y, ..)| *y);
        let height = text + 22 + ROW * (i32::try_from(below.len()).unwrap_or_default() - 1);
        let mut svg = Svg::new((WIDTH, height), "the start of a container", STYLE);
        self.define(&mut svg);
        svg.rect("ground", (0, 0), (WIDTH, height), 0);
        for (number, text) in wrapped(&plain(&headline(&self.timeline.start))).iter().enumerate() {
            svg.label(
                "headline",
                (MARGIN, MARGIN + 12 + ROW * i32::try_from(number).unwrap_or_default()),
                text,
            );
        }
        for row in (0..self.lines.len()).step_by(2) {
            svg.rect("stripe", (MARGIN, self.y(row)), (WIDTH - 2 * MARGIN, ROW), 3);
        }
        self.scale(&mut svg, bottom);
        self.path(&mut svg);
        for (row, line) in self.lines.iter().enumerate() {
            self.row(&mut svg, row, line);
        }
        for (x, y, sign, meaning) in legend {
            explain(&mut svg, sign, (x, bottom + 22 + y), meaning);
        }
        for (number, line) in below.iter().enumerate() {
            svg.label("", (MARGIN, text + 4 + ROW * i32::try_from(number).unwrap_or_default()), line);
        }
        svg.finish()
    }

    fn define(&self, svg: &mut Svg) {
        svg.open("defs", &[]);
        let size = [("width", "6"), ("height", "6"), ("patternUnits", "userSpaceOnUse")];
        for id in ["unready", "unready-failed"] {
            svg.open("pattern", &[&[("id", id)], &size[..]].concat());
            svg.rect(if id == "unready" { "under" } else { "under failed" }, (0, 0), (6, 6), 0);
            svg.path(if id == "unready" { "stroke" } else { "stroke failed" }, "M-1 1L1 -1M0 6L6 0M5 7L7 5");
            svg.close();
        }
        svg.close();
    }

    fn scale(&self, svg: &mut Svg, bottom: i32) {
        let took = self.timeline.start.took;
        let step = step(took, &|step| self.x(step) - self.left >= TICK);
        let mut at = 0;
        while at <= took {
            let x = self.x(at);
            svg.path("grid", &format!("M{x} {}V{bottom}", self.top - 6));
            let label = if at == 0 { "0".to_owned() } else { plain(&time(at)).replace(".00", "") };
            if at == 0 || x + SMALL_LETTER * columns(&label) / 2 <= WIDTH - MARGIN {
                svg.label("small middle", (x, self.top - 12), &label);
            }
            let Some(next) = step.and_then(|step| at.checked_add(step)) else { break };
            at = next;
        }
    }

    /// The critical path: from the end of each bar on it to the beginning of the next one.
    fn path(&self, svg: &mut Svg) {
        let rows = self.lines.iter().enumerate();
        let critical = rows.filter(|(_, line)| line.part.is_critical && line.part.began.is_some());
        let critical: BTreeMap<(u64, usize), &Part> =
            critical.map(|(row, line)| ((line.part.began.unwrap_or_default(), row), line.part)).collect();
        let all: Vec<(&(u64, usize), &&Part)> = critical.iter().collect();
        for pair in all.windows(2) {
            let [((_, row), part), ((began, next), _)] = pair else { continue };
            let (x, to) = (self.x(part.end().min(*began)), self.x(*began));
            let (from, down) = (self.y(*row) + ROW / 2 + BAR / 2, self.y(*next) + ROW / 2);
            svg.path("critical", &format!("M{x} {from}V{down}H{to}"));
        }
    }

    fn row(&self, svg: &mut Svg, row: usize, line: &Line<'_>) {
        let (part, middle) = (line.part, self.y(row) + ROW / 2);
        svg.open("g", &[]);
        svg.title(&self.about(line));
        if let Some(mark) = line.mark() {
            svg.label("mark", (MARGIN + 6, middle + 5), mark.encode_utf8(&mut [0; 4]));
        }
        let name = fit(line.name(), NAME);
        let class = if part.is_critical { "name strong" } else { "name" };
        svg.name(class, (MARGIN + MARK, middle + 5), &name);
        match part.began {
            Some(began) => {
                self.bar(svg, line, began, middle);
                svg.label(
                    "small end",
                    (self.left + self.area + 8 + TIME - 8, middle + 4),
                    &plain(&time(part.took)),
                );
                let words = fit(&line.words, WORDS);
                let place = (self.left + self.area + TIME + 12, middle + 4);
                svg.label(if line.has_failed { "failed-words" } else { "small" }, place, &words);
            }
            None => {
                let room = usize::try_from(self.area / SMALL_LETTER).unwrap_or_default();
                svg.label("small slanted", (self.left, middle + 4), &fit(&line.words, room));
            }
        }
        svg.close();
    }

    /// What is shown for a row under the pointer.
    fn about(&self, line: &Line<'_>) -> String {
        let part = line.part;
        let mut about = format!("{} ({})", part.name, kind(part.sort));
        let moments = [("began", part.began), ("process", part.ran), ("over", part.over)];
        for (what, at) in moments {
            about.extend(at.map(|at| format!("\n{what} after {}", plain(&time(at)))));
        }
        let needs = part.needs.iter().filter_map(|at| self.timeline.start.part(*at));
        let needs: Vec<&str> = needs.map(|need| need.name.as_str()).collect();
        if !needs.is_empty() {
            about.push_str(&format!("\nafter {}", needs.join(", ")));
        }
        if !line.words.is_empty() {
            about.push_str(&format!("\n{}", line.words));
        }
        about
    }

    fn bar(&self, svg: &mut Svg, line: &Line<'_>, began: u64, middle: i32) {
        let part = line.part;
        let (first, end) = (self.x(began), self.x(part.end()));
        let until = if part.sort == Sort::Longrun {
            self.x(part.ran.unwrap_or(began)).clamp(first, end)
        } else {
            end
        };
        if let Some(from) = self
            .timeline
            .start
            .changed
            .map(|at| self.x(at))
            .filter(|from| part.sort != Sort::Step && *from < first - 2)
        {
            svg.path("waits", &format!("M{from} {middle}H{}", first - 2));
        }
        let y = middle - BAR / 2;
        let class = |phase: &str| {
            let kind = if part.sort == Sort::Longrun { "longrun" } else { "others" };
            let kind = if line.has_failed { "failed" } else { kind };
            format!("{phase} {kind}")
        };
        if until > first || end == until {
            svg.rect(&class("runs"), (first, y), ((until - first).max(2), BAR), 0);
        }
        if end > until {
            let class = if line.has_failed { "not-ready-failed" } else { "not-ready" };
            svg.rect(class, (until, y), (end - until, BAR), 0);
        }
        if part.is_critical {
            svg.rect("outline", (first - 1, y - 1), ((end - first).max(2) + 2, BAR + 2), 2);
        }
        for at in self.timeline.ends_of(line).iter().take(ENDS_MAX) {
            svg.path("ended", &tick((self.x(*at), y)));
        }
    }

    /// The signs that are in the picture, with their places and what they mean.
    fn legend(&self) -> Vec<(i32, i32, &'static str, &'static str)> {
        let has = |which: &dyn Fn(&Line<'_>) -> bool| self.lines.iter().any(which);
        let begun = |line: &Line<'_>| line.part.began.is_some();
        let all = [
            (has(&|line| begun(line) && line.part.sort != Sort::Step), "waits", "waits for what it needs"),
            (has(&|line| begun(line) && line.part.sort == Sort::Longrun), "longrun", "daemon starts"),
            (has(&|line| begun(line) && line.part.sort != Sort::Longrun), "others", "script or step runs"),
            (has(&|line| line.part.has_readiness), "not-ready", "not ready yet"),
            (has(&|line| line.part.is_critical), "outline", "* critical path"),
            (has(&|line| !self.timeline.ends_of(line).is_empty()), "ended", "daemon ended"),
            (has(&|line| line.has_failed), "failed", "! failed"),
        ];
        let mut rows = Rows { at: (MARGIN, 0), left: MARGIN, right: WIDTH - MARGIN, height: ROW };
        let signs = all.into_iter().filter(|(is_there, ..)| *is_there);
        signs
            .map(|(_, sign, text)| {
                let (x, y) = rows.place(SIGN + 6 + SMALL_LETTER * columns(text), 14);
                (x, y, sign, text)
            })
            .collect()
    }
}

/// Draws a sign of the legend.
fn explain(svg: &mut Svg, sign: &str, (x, y): (i32, i32), text: &str) {
    let top = y - BAR / 2;
    match sign {
        "waits" => svg.path("waits", &format!("M{x} {y}h{SIGN}")),
        "ended" => svg.path("ended", &tick((x + SIGN / 2, top))),
        "outline" => svg.rect("outline", (x, top), (SIGN, BAR), 2),
        "not-ready" => svg.rect("not-ready", (x, top), (SIGN, BAR), 0),
        kind => svg.rect(&format!("runs {kind}"), (x, top), (SIGN, BAR), 0),
    }
    svg.label("small", (x + SIGN + 6, y + 4), text);
}

/// The sign for the end of a daemon, at the upper side of a bar.
fn tick((x, y): (i32, i32)) -> String {
    format!("M{} {}h8l-4 6ZM{x} {y}v{BAR}", x - 4, y - 4)
}

/// A text in lines that fit.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word = fit(word, TEXT);
        match lines.last_mut().filter(|line| columns(line) + columns(&word) < TEXT as i32) {
            Some(line) => line.extend([" ", word.as_ref()]),
            None => lines.push(word.into_owned()),
        }
    }
    lines
}
