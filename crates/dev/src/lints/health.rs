//! HEALTHCHECK.

use crate::finding::Finding;
use crate::image::{Image, Target};
use crate::lints::dockerfile::{Place, append, finding, replace};
use crate::shell::base_name;
use s6_rc::diagnostic::Severity;

/// The line that asks this project's program.
const OURS: &str = "HEALTHCHECK CMD [\"/command/s6-overlay\", \"health\"]";

/// SO406, SO606.
pub(super) fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    let (advice, line) = match image.target {
        Target::Rs => (format!("write {OURS}"), Some(OURS)),
        Target::S6Overlay => ("check what the container is for, such as by a request".to_owned(), None),
    };
    let Some(words) = &image.config.healthcheck else {
        // The image below may have one.
        if !image.config.is_complete {
            return;
        }
        let finding = Finding::new(606, b"", "there is no HEALTHCHECK").advice(advice);
        found.push(match line.and_then(|line| append(image, line)) {
            Some(edit) => finding.unsafe_fix("add one", vec![edit]),
            None => finding,
        });
        return;
    };
    let all = words.join(" ");
    let bad = |text: String| {
        let mut finding = finding(image, 606, Place::Healthcheck, text).advice(advice.as_str());
        finding.severity = Severity::Warning;
        match line.and_then(|line| replace(image, Place::Healthcheck, line)) {
            Some(edit) => finding.unsafe_fix(format!("write {OURS}"), vec![edit]),
            None => finding,
        }
    };
    if ["pgrep", "pidof"].iter().any(|program| all.contains(program)) && all.contains("s6-") {
        found.push(bad("HEALTHCHECK looks for a process of s6, which is always there".to_owned()));
        return;
    }
    let Some(program) = words.first() else { return };
    bare(image, program, found);
    let is_plain = program.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
    let is_of_shell =
        matches!(program.as_str(), "test" | "exit" | "true" | "false" | "if" | "for" | "while" | "set");
    if image.is_whole && is_plain && !is_of_shell && !is_ours(program) && image.program(program).is_none() {
        found.push(bad(format!("HEALTHCHECK starts {program}, which isn't in the image")));
    }
}

fn is_ours(program: &str) -> bool {
    let name = base_name(program);
    name.starts_with("s6-") || matches!(name, "with-contenv" | "execlineb" | "importas")
}

/// SO406: an engine starts a HEALTHCHECK with the image's PATH, which doesn't lead to s6's programs by itself.
fn bare(image: &Image<'_>, program: &str, found: &mut Vec<Finding>) {
    if program.contains('/') || !is_ours(program) || program == "s6-overlay" {
        return;
    }
    let path = image.config.variable("PATH");
    // A Dockerfile's base may have set it, or have links to the programs.
    let is_known = image.config.is_complete || path.is_some();
    let leads_there =
        path.is_some_and(|path| path.contains('$') || path.split(':').any(|part| part == "/command"));
    let usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let is_linked = usual.iter().any(|part| image.tree.is_file(format!("{part}/{program}").as_bytes()));
    if !is_known || leads_there || is_linked {
        return;
    }
    let text = format!("HEALTHCHECK starts {program}, and PATH doesn't lead to /command");
    let finding = finding(image, 406, Place::Healthcheck, text).advice(format!("write /command/{program}"));
    found.push(match full_path(image, program) {
        Some(edit) => finding.safe_fix(format!("write /command/{program}"), vec![edit]),
        None => finding,
    });
}

/// The program's path in the place of its name.
fn full_path(image: &Image<'_>, program: &str) -> Option<crate::finding::Edit> {
    let crate::finding::Edit::Replace(file, range, _) = replace(image, Place::Healthcheck, "x")? else {
        return None;
    };
    let text = image.tree.read(&file, 1 << 20)?;
    let old = String::from_utf8(text.get(range.clone())?.to_vec()).ok()?;
    let at = old.find("CMD")?;
    let (before, after) = old.split_at(at + 3);
    let new = format!("{before}{}", after.replacen(program, &format!("/command/{program}"), 1));
    Some(crate::finding::Edit::Replace(file, range, new.into_bytes()))
}
