//! How findings are printed: for people, and for the programs that show them where people look.

mod github;
mod gitlab;
mod json;
mod junit;
mod sarif;
mod text;

use crate::registry::word;
use crate::report::Report;

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// Pictures of the places, for people
    #[default]
    Text,
    /// One line for each
    Concise,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub's workflows
    Github,
    /// GitLab's code quality report
    Gitlab,
    /// JUnit's XML
    Junit,
}

/// A report in a form.
#[must_use]
pub fn print(report: &Report<'_>, format: Format) -> String {
    match format {
        Format::Text => text::print(report),
        Format::Concise => concise(report),
        Format::Json => json::print(report),
        Format::Sarif => sarif::print(report),
        Format::Github => github::print(report),
        Format::Gitlab => gitlab::print(report),
        Format::Junit => junit::print(report),
    }
}

/// One line for each finding.
fn concise(report: &Report<'_>) -> String {
    let mut out = String::new();
    for finding in report.findings {
        let advice = finding.advice.as_ref().map(|advice| format!(" ({advice})")).unwrap_or_default();
        let (place, severity) = (report.place(finding), word(finding.severity));
        out.push_str(&format!("{place}: {severity}: {}{advice} [{}]\n", finding.text, finding.code));
    }
    out
}
