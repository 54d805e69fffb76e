//! One JSON document.

use crate::finding::{Edit, Finding};
use crate::registry::word;
use crate::report::Report;
use serde_json::{Value, json};

pub fn print(report: &Report<'_>) -> String {
    let findings: Vec<Value> = report.findings.iter().map(|finding| one(report, finding)).collect();
    let document = json!({ "schema": "s6-overlay-dev.check/1", "findings": findings });
    format!("{document:#}\n")
}

fn one(report: &Report<'_>, finding: &Finding) -> Value {
    let columns = finding.span.filter(|span| span.column > 0);
    json!({
        "code": finding.code.to_string(),
        "severity": word(finding.severity),
        "path": report.path(finding),
        "line": finding.span.map(|span| span.line),
        "column": columns.map(|span| span.column),
        "end_column": columns.map(|span| span.end),
        "message": finding.text,
        "at_run_time": report.effect(finding),
        "advice": finding.advice,
        "fingerprint": report.fingerprint(finding),
        "fix": finding.fix.as_ref().map(|fix| json!({
            "safe": fix.safe,
            "what": fix.what,
            "paths": fix.edits.iter().map(Edit::path).map(|path| report.shown(path)).collect::<Vec<_>>(),
        })),
    })
}
