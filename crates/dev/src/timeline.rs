//! The start of a container as a picture, a page, a trace, a text or a document.
//!
//! What it consists of, its critical path and the words are those of `s6-overlay boot`.

mod html;
pub mod parts;
mod svg;
mod trace;

use commands::boot::chart::{Form as Columns, chart};
use commands::boot::document::document;
use parts::Timeline;

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Form {
    /// A chart of text, as in `s6-overlay boot`
    #[default]
    Text,
    /// A picture
    Svg,
    /// A page with the picture and a table
    Html,
    /// A trace, for ui.perfetto.dev and chrome://tracing
    Chrome,
    /// For programs: s6-overlay.boot/1
    Json,
}

/// A start in a form; `columns` is the width of a chart of text.
#[must_use]
pub fn print(timeline: &Timeline<'_>, form: Form, columns: usize) -> String {
    let (start, all) = (&timeline.start, timeline.all);
    match form {
        Form::Text => chart(start, all, Columns { width: columns, colour: false, is_ascii: false }),
        Form::Svg => svg::print(timeline),
        Form::Html => html::print(timeline),
        Form::Chrome => trace::print(timeline),
        Form::Json => String::from_utf8_lossy(&document(start, all)).into_owned() + "\n",
    }
}
