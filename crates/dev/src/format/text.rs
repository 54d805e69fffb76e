//! For people: the place as a picture, what happens at run time, and what to do.

use crate::finding::Finding;
use crate::registry::{self, word};
use crate::report::Report;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use s6_rc::diagnostic::Severity;

/// As much of a file is shown at most, in bytes.
const SHOWN_MAX: usize = 1 << 16;
/// A longer line isn't shown.
const LINE_MAX: usize = 300;

pub fn print(report: &Report<'_>) -> String {
    let renderer = if report.color { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for finding in report.findings {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let code = finding.code.to_string();
        let path = report.path(finding);
        let title = registry::find(finding.code).map_or(word(finding.severity), |lint| lint.title);
        let group = Group::with_title(level.primary_title(title).id(&code));
        let source = source(report, finding);
        let mut group = match (&source, finding.span) {
            (Some((text, range)), Some(span)) => group.element(
                Snippet::source(text.as_str())
                    .line_start(usize::try_from(span.line).unwrap_or(1))
                    .path(&path)
                    .fold(false)
                    .annotation(AnnotationKind::Primary.span(range.clone()).label(&finding.text)),
            ),
            _ => group.element(Origin::path(&path)).element(Level::NOTE.no_name().message(&finding.text)),
        };
        let effect = report.effect(finding);
        group = group.element(Level::NOTE.with_name(Some("at run time")).message(effect));
        let fixes = finding
            .fix
            .as_ref()
            .map_or("", |fix| if fix.safe { " [--fix does that]" } else { " [--fix --unsafe does that]" });
        if let Some(advice) = &finding.advice {
            group = group.element(Level::HELP.with_name(Some("fix")).message(format!("{advice}{fixes}")));
        }
        out.push_str(&renderer.render(&[group]).to_string());
        out.push_str("\n\n");
    }
    out.push_str(&report.summary());
    if let Some(first) = report.findings.first() {
        out.push_str(&format!("; s6-overlay-dev explain {}", first.code));
    }
    out.push('\n');
    out
}

/// The line of a finding, and which of its bytes it is about.
fn source(report: &Report<'_>, finding: &Finding) -> Option<(String, std::ops::Range<usize>)> {
    let span = finding.span?;
    let text = report.tree.read(&finding.path, SHOWN_MAX)?;
    let index = usize::try_from(span.line).ok()?.checked_sub(1)?;
    let line = text.split(|byte| *byte == b'\n').nth(index)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // What a terminal would act on isn't shown.
    let line =
        std::str::from_utf8(line).ok().filter(|line| !line.chars().any(|c| c.is_control() && c != '\t'))?;
    if line.len() > LINE_MAX {
        return None;
    }
    let column = |n: u32| usize::try_from(n).unwrap_or(1).saturating_sub(1).min(line.len());
    let range =
        if span.column == 0 { 0..line.len() } else { column(span.column)..column(span.end.max(span.column)) };
    let fits = line.is_char_boundary(range.start) && line.is_char_boundary(range.end);
    fits.then(|| (line.to_owned(), range))
}
