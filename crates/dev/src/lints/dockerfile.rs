//! Findings about what an image is started with: where the Dockerfile says it, and how that is changed.

use crate::finding::{Edit, Finding};
use crate::image::Image;
use crate::shell::span_of;
use crate::tree::DOCKERFILE;
use std::ops::Range;

/// As much of a Dockerfile is read.
const FILE_MAX: usize = 1 << 20;

/// A part of a Dockerfile.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// ENTRYPOINT.
    Entrypoint,
    /// CMD.
    Cmd,
    /// USER.
    User,
    /// HEALTHCHECK.
    Healthcheck,
    /// STOPSIGNAL.
    StopSignal,
    /// The name of a variable, by its number.
    Name(usize),
    /// Its value.
    Value(usize),
}

fn range(image: &Image<'_>, place: Place) -> Option<Range<usize>> {
    let places = image.config.places.as_ref()?;
    match place {
        Place::Entrypoint => places.entrypoint.clone(),
        Place::Cmd => places.cmd.clone(),
        Place::User => places.user.clone(),
        Place::Healthcheck => places.healthcheck.clone(),
        Place::StopSignal => places.stop_signal.clone(),
        Place::Name(at) => places.env.get(at).map(|env| env.name.clone()),
        Place::Value(at) => places.env.get(at).map(|env| env.value.clone()),
    }
}

/// A finding about a part of the Dockerfile, or about the whole image if there is none.
pub(super) fn finding(image: &Image<'_>, code: u16, place: Place, text: impl Into<String>) -> Finding {
    let Some(range) = range(image, place) else { return Finding::new(code, b"", text) };
    let file = image.tree.read(DOCKERFILE, FILE_MAX).unwrap_or_default();
    Finding::new(code, DOCKERFILE, text).at(span_of(&file, range))
}

/// Another text in the place of a part; an empty one takes its line away.
pub(super) fn replace(image: &Image<'_>, place: Place, text: &str) -> Option<Edit> {
    let mut range = range(image, place)?;
    if text.is_empty() {
        range = with_line_end(image, range);
    }
    Some(Edit::Replace(DOCKERFILE.to_vec(), range, text.as_bytes().to_vec()))
}

fn with_line_end(image: &Image<'_>, range: Range<usize>) -> Range<usize> {
    let file = image.tree.read(DOCKERFILE, FILE_MAX).unwrap_or_default();
    range.start..range.end + usize::from(file.get(range.end) == Some(&b'\n'))
}

/// No variable any more; `None` if more than its own words would have to be changed.
pub(super) fn remove(image: &Image<'_>, at: usize) -> Option<Edit> {
    let env = image.config.places.as_ref()?.env.get(at)?;
    let range = match &env.alone {
        Some(whole) => with_line_end(image, whole.clone()),
        None => {
            let file = image.tree.read(DOCKERFILE, FILE_MAX)?;
            let line = file.get(..env.name.start)?.rsplit(|byte| *byte == b'\n').next()?;
            // Without it, the line before might go on in an empty one.
            if line.trim_ascii().is_empty() {
                return None;
            }
            let blanks = line.len() - line.trim_ascii_end().len();
            env.name.start - blanks..env.value.end
        }
    };
    Some(Edit::Replace(DOCKERFILE.to_vec(), range, Vec::new()))
}

/// A new line at the end.
pub(super) fn append(image: &Image<'_>, line: &str) -> Option<Edit> {
    let end = image.config.places.as_ref()?.end;
    let file = image.tree.read(DOCKERFILE, FILE_MAX)?;
    let before = if file.is_empty() || file.ends_with(b"\n") { "" } else { "\n" };
    Some(Edit::Replace(DOCKERFILE.to_vec(), end..end, format!("{before}{line}\n").into_bytes()))
}
