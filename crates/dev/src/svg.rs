//! Writes pictures as SVG: elements with their attributes, everything escaped, the same bytes for the same picture.
//!
//! There is no script in them, and no font but the generic ones: what a letter takes is estimated, rather too much than too
//! little, and names are told how long to be (`textLength`).

use quick_xml::escape::escape;
use std::borrow::Cow;
use std::fmt::Write;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What a letter of a name takes, in the size that names have.
pub const LETTER: i32 = 8;

/// What a letter of other text takes at most on average, in the size that those have.
pub const SMALL_LETTER: i32 = 7;

/// A picture that is being written.
#[derive(Debug)]
pub struct Svg {
    out: String,
    open: Vec<&'static str>,
}

/// Text as XML may have it: what it may not is replaced.
fn legal(text: &str) -> Cow<'_, str> {
    let is_legal =
        |c: char| !matches!(c, '\0'..'\t' | '\u{b}' | '\u{c}' | '\u{e}'..' ' | '\u{fffe}' | '\u{ffff}');
    let text = match text.chars().all(is_legal) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.chars().map(|c| if is_legal(c) { c } else { '\u{fffd}' }).collect()),
    };
    match escape(text.as_ref()) {
        Cow::Borrowed(_) => text,
        Cow::Owned(escaped) => Cow::Owned(escaped),
    }
}

/// Places for what stands side by side, in as many rows as that takes.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The next place.
    pub(crate) at: (i32, i32),
    /// Where rows begin.
    pub(crate) left: i32,
    /// Where they end.
    pub(crate) right: i32,
    /// How high they are.
    pub(crate) height: i32,
}

impl Rows {
    /// The place of something so wide, after which so much stays free.
    pub(crate) fn place(&mut self, width: i32, gap: i32) -> (i32, i32) {
        if self.at.0 + width > self.right && self.at.0 > self.left {
            self.at = (self.left, self.at.1 + self.height);
        }
        let place = self.at;
        self.at.0 += width + gap;
        place
    }
}

impl Svg {
    /// A picture of this size, with what it shows and how it looks; `style` is CSS of ours.
    #[must_use]
    pub fn new((width, height): (i32, i32), title: &str, style: &str) -> Self {
        let mut new = Self { out: String::new(), open: Vec::new() };
        let view = format!("0 0 {width} {height}");
        new.open(
            "svg",
            &[
                ("xmlns", "http://www.w3.org/2000/svg"),
                ("width", &width.to_string()),
                ("height", &height.to_string()),
                ("viewBox", &view),
                ("class", "s6"),
                ("role", "img"),
                ("aria-label", title),
            ],
        );
        let _ = writeln!(new.out, "<style>{}</style>", style.trim());
        new
    }

    fn begin(&mut self, tag: &'static str, attributes: &[(&str, &str)]) {
        let _ = write!(self.out, "<{tag}");
        for (name, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(self.out, " {name}=\"{}\"", legal(value));
        }
    }

    /// Begins an element.
    pub fn open(&mut self, tag: &'static str, attributes: &[(&str, &str)]) {
        self.begin(tag, attributes);
        self.out.push_str(">\n");
        self.open.push(tag);
    }

    /// An element without content.
    pub fn element(&mut self, tag: &'static str, attributes: &[(&str, &str)]) {
        self.begin(tag, attributes);
        self.out.push_str("/>\n");
    }

    /// An element with text.
    pub fn text(&mut self, tag: &'static str, attributes: &[(&str, &str)], text: &str) {
        self.begin(tag, attributes);
        let _ = writeln!(self.out, ">{}</{tag}>", legal(text));
    }

    /// Text that begins at a point, or has its middle or end there, as the class says.
    pub fn label(&mut self, class: &str, (x, y): (i32, i32), text: &str) {
        self.text("text", &[("class", class), ("x", &x.to_string()), ("y", &y.to_string())], text);
    }

    /// A name, which begins at a point and takes exactly what was reckoned with.
    pub fn name(&mut self, class: &str, (x, y): (i32, i32), text: &str) {
        let (x, y, length) = (x.to_string(), y.to_string(), (LETTER * columns(text)).to_string());
        let place = [("class", class), ("x", &x), ("y", &y), ("textLength", &length)];
        self.text("text", &[&place[..], &[("lengthAdjust", "spacingAndGlyphs")]].concat(), text);
    }

    /// A rectangle.
    pub fn rect(&mut self, class: &str, (x, y): (i32, i32), (width, height): (i32, i32), round: i32) {
        let [x, y, width, height, round] = [x, y, width, height, round].map(|number| number.to_string());
        let round = if round == "0" { "" } else { &round };
        let place = [("x", x.as_str()), ("y", &y), ("width", &width), ("height", &height), ("rx", round)];
        self.element("rect", &[&[("class", class)], &place[..]].concat());
    }

    /// A line.
    pub fn path(&mut self, class: &str, path: &str) {
        self.element("path", &[("class", class), ("d", path)]);
    }

    /// What is shown when the pointer is on the element that was begun last.
    pub fn title(&mut self, text: &str) {
        self.text("title", &[], text);
    }

    /// Ends the element that was begun last.
    pub fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            let _ = writeln!(self.out, "</{tag}>");
        }
    }

    /// The whole picture.
    #[must_use]
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }
}

/// How many columns a text has.
#[must_use]
pub fn columns(text: &str) -> i32 {
    i32::try_from(text.width()).unwrap_or(i32::MAX / 64)
}

/// A text of at most so many columns: the middle of a longer one is left out.
#[must_use]
pub fn fit(text: &str, most: usize) -> Cow<'_, str> {
    if text.width() <= most {
        return Cow::Borrowed(text);
    }
    let taken = |chars: &mut dyn Iterator<Item = char>, most: usize| -> Vec<char> {
        let mut sum = 0;
        let fits = |c: &char| {
            sum += c.width().unwrap_or_default();
            sum <= most
        };
        chars.take_while(fits).collect()
    };
    let end = most.saturating_sub(1) / 3;
    let last = taken(&mut text.chars().rev(), end);
    let first = taken(&mut text.chars(), most.saturating_sub(end + 1));
    Cow::Owned(first.into_iter().chain(['…']).chain(last.into_iter().rev()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_escaped() {
        let mut svg = Svg::new((1, 2), "\"><script>", "");
        svg.open("g", &[("id", "a\"b"), ("class", "")]);
        svg.title("</title> & \u{1}\u{ffff}\n");
        let expected = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\" height=\"2\" viewBox=\"0 0 1 2\" class=\"s6\" \
                        role=\"img\" aria-label=\"&quot;&gt;&lt;script&gt;\">\n<style></style>\n<g id=\"a&quot;b\">\n\
                        <title>&lt;/title&gt; &amp; \u{fffd}\u{fffd}\n</title>\n</g>\n</svg>\n";
        assert_eq!(svg.finish(), expected);
    }

    #[test]
    fn long_texts_lose_their_middle() {
        assert_eq!(fit("worker", 6), "worker");
        assert_eq!(fit("a-service-with-a-long-name", 12), "a-servic…ame");
        assert_eq!(fit("漢字漢字漢字", 7), "漢字…字");
        for most in 0..20 {
            assert!(fit("ab漢字cdefghijklmn", most).width() <= most.max(1), "{most}");
        }
    }
}
