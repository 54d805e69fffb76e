//! GitLab's code quality report: an array of issues.

use crate::report::Report;
use s6_rc::diagnostic::Severity;
use serde_json::{Value, json};

pub fn print(report: &Report<'_>) -> String {
    let issues = report.findings.iter().map(|finding| {
        let severity = match finding.severity {
            Severity::Error => "major",
            Severity::Warning => "minor",
            Severity::Note => "info",
        };
        json!({
            "description": finding.text,
            "check_name": finding.code.to_string(),
            "fingerprint": report.fingerprint(finding),
            "severity": severity,
            "location": {
                "path": report.path(finding),
                "lines": { "begin": finding.span.map_or(1, |span| span.line) },
            },
        })
    });
    format!("{:#}\n", Value::Array(issues.collect()))
}
