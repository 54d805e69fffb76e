//! JUnit's XML: a test case for each finding.

use crate::report::Report;
use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestSuite};
use s6_rc::diagnostic::Severity;

pub fn print(report: &Report<'_>) -> String {
    let mut suite = TestSuite::new("s6-overlay-dev check");
    for finding in report.findings {
        let status = match finding.severity {
            Severity::Note => TestCaseStatus::success(),
            Severity::Error | Severity::Warning => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type(finding.code.to_string());
                let advice = finding.advice.as_ref().map(|advice| format!(" ({advice})")).unwrap_or_default();
                status.set_message(format!("{}{advice}", finding.text));
                status
            }
        };
        let mut case = TestCase::new(report.place(finding), status);
        case.set_classname(finding.code.to_string());
        suite.add_test_case(case);
    }
    if report.findings.is_empty() {
        suite.add_test_case(TestCase::new("nothing found", TestCaseStatus::success()));
    }
    let mut xml = Xml::new("s6-overlay-dev");
    xml.add_test_suite(suite);
    xml.to_string().map(|xml| xml + "\n").unwrap_or_default()
}
