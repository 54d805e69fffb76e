//! SARIF 2.1.0, which code scanning takes.

use crate::finding::{Edit, Finding, Fix, Span};
use crate::registry::{self, Lint};
use crate::report::Report;
use crate::shell::span_of;
use s6_rc::diagnostic::Severity;
use serde_json::{Value, json};

/// What the format's own schema is called.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// As much of a file is read to find the place of a fix.
const FILE_MAX: usize = 1 << 20;

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

pub fn print(report: &Report<'_>) -> String {
    let rules: Vec<Value> = registry::LINTS.iter().map(rule).collect();
    let results: Vec<Value> = report.findings.iter().map(|finding| result(report, finding)).collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "s6-overlay-dev", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "utf16CodeUnits",
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

fn rule(lint: &Lint) -> Value {
    json!({
        "id": lint.code.to_string(),
        "shortDescription": { "text": lint.title },
        "fullDescription": { "text": format!("At run time: {}", lint.effect) },
        "help": { "text": lint.page, "markdown": lint.page },
        "defaultConfiguration": { "level": level(lint.severity) },
    })
}

/// A path as SARIF has it: relative to the directory that is checked in.
fn location(path: &str) -> Value {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' | b'+' => {
                uri.push(char::from(byte))
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    json!({ "uri": uri.trim_start_matches('/'), "uriBaseId": "%SRCROOT%" })
}

fn result(report: &Report<'_>, finding: &Finding) -> Value {
    let mut physical = json!({ "artifactLocation": location(&report.path(finding)) });
    let text = finding.span.and_then(|_| report.tree.read(&finding.path, FILE_MAX)).unwrap_or_default();
    if let (Some(span), Some(object)) =
        (finding.span.map(|span| in_utf16(&text, span)), physical.as_object_mut())
    {
        let mut region = json!({ "startLine": span.line });
        if let (true, Some(region)) = (span.column > 0, region.as_object_mut()) {
            region.insert("startColumn".into(), span.column.into());
            region.insert("endColumn".into(), span.end.max(span.column).into());
        }
        object.insert("region".into(), region);
    }
    let advice = finding.advice.as_ref().map(|advice| format!(" ({advice})")).unwrap_or_default();
    let mut result = json!({
        "ruleId": finding.code.to_string(),
        "level": level(finding.severity),
        "message": { "text": format!("{}{advice}", finding.text) },
        "locations": [{ "physicalLocation": physical }],
        "partialFingerprints": { "s6OverlayDev/v1": report.fingerprint(finding) },
    });
    if let (Some(fix), Some(object)) = (&finding.fix, result.as_object_mut()) {
        // Of files' modes and names, SARIF knows nothing.
        object.insert("properties".into(), json!({ "fix": { "what": fix.what, "safe": fix.safe } }));
    }
    let changes = finding.fix.as_ref().map(|fix| changes(report, fix)).unwrap_or_default();
    if let (Some(fix), false, Some(object)) = (&finding.fix, changes.is_empty(), result.as_object_mut()) {
        let fixes = json!([{ "description": { "text": fix.what }, "artifactChanges": changes }]);
        object.insert("fixes".into(), fixes);
    }
    result
}

/// A place whose columns count what SARIF counts, not bytes.
fn in_utf16(text: &[u8], span: Span) -> Span {
    let index = usize::try_from(span.line).unwrap_or(1).saturating_sub(1);
    let line = text.split(|byte| *byte == b'\n').nth(index).unwrap_or_default();
    let column = |column: u32| {
        let bytes = usize::try_from(column).unwrap_or(0).saturating_sub(1);
        let before = String::from_utf8_lossy(line.get(..bytes.min(line.len())).unwrap_or_default());
        let beyond = bytes.saturating_sub(line.len());
        u32::try_from(before.encode_utf16().count() + beyond + 1).unwrap_or(u32::MAX)
    };
    match span.column {
        0 => span,
        _ => Span { column: column(span.column), end: column(span.end), ..span },
    }
}

/// The changes of a fix that SARIF can say: those of a file's contents.
fn changes(report: &Report<'_>, fix: &Fix) -> Vec<Value> {
    let one = |edit: &Edit| {
        let (path, region, text) = match edit {
            Edit::Replace(path, range, text) => {
                let old = report.tree.read(path, FILE_MAX)?;
                let place = |at: usize| in_utf16(&old, span_of(&old, at..at));
                let (start, end) = (place(range.start), place(range.end));
                let region = json!({
                    "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column
                });
                (path, region, text)
            }
            Edit::Create(path, _, text) => {
                (path, json!({ "startLine": 1, "startColumn": 1, "endColumn": 1 }), text)
            }
            Edit::Mode(..) | Edit::Rename(..) | Edit::Remove(..) => return None,
        };
        Some(json!({
            "artifactLocation": location(&report.shown(path)),
            "replacements": [{ "deletedRegion": region, "insertedContent": { "text": String::from_utf8_lossy(text) } }],
        }))
    };
    fix.edits.iter().filter_map(one).collect()
}
