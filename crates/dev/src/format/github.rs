//! Annotations of GitHub's workflows: commands on standard output.

use crate::registry::word;
use crate::report::Report;
use s6_rc::diagnostic::Severity;

/// GitHub shows no more annotations of a kind for a step; how many more there are is a line of the log.
const SHOWN_MAX: usize = 10;

pub fn print(report: &Report<'_>) -> String {
    let mut out = String::new();
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let kind = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let all: Vec<_> = report.findings.iter().filter(|finding| finding.severity == severity).collect();
        for finding in all.iter().take(SHOWN_MAX) {
            let mut properties = Vec::new();
            if !finding.path.is_empty() {
                properties.push(format!("file={}", property(&report.path(finding))));
            }
            if let Some(span) = finding.span {
                properties.push(format!("line={}", span.line));
                if span.column > 0 {
                    properties.push(format!("col={},endColumn={}", span.column, span.end));
                }
            }
            properties.push(format!("title={}", finding.code));
            let advice = finding.advice.as_ref().map(|advice| format!(" ({advice})")).unwrap_or_default();
            out.push_str(&format!(
                "::{kind} {}::{}\n",
                properties.join(","),
                data(&format!("{}{advice}", finding.text))
            ));
        }
        if all.len() > SHOWN_MAX {
            let more = all.len() - SHOWN_MAX;
            let plural = if more == 1 { "" } else { "s" };
            out.push_str(&format!("s6-overlay-dev: {more} more {}{plural}\n", word(severity)));
        }
    }
    out
}

/// A message, escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, escaped.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
