//! What the compiler says of the definitions.

use crate::compiled;
use crate::finding::{Edit, Finding};
use crate::image::Image;
use crate::tree::Tree;
use s6_rc::diagnostic::Code;
use tool::path::join;

/// A longer file is cut.
const FILE_MAX: usize = 1 << 16;
/// What the compiler finds for itself, and finds out about this machine, not about the image.
const LEFT_TO_OTHERS: [Code; 4] = [Code::INTERPRETER, Code::COMMAND, Code::CARRIAGE_RETURN, Code::UNREACHED];

/// Everything that the compiler says of an image.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    let compiled = match image.compiled() {
        Ok(compiled) => compiled,
        Err(e) => {
            found.push(Finding::new(117, b"", format!("the definitions can't be read: {e}")));
            return;
        }
    };
    for diagnostic in compiled.diagnostics.iter().filter(|d| !LEFT_TO_OTHERS.contains(&d.code)) {
        // What isn't here may be in the image below.
        let elsewhere = [Code::UNDEFINED, Code::TYPE, Code::BUNDLE, Code::STRAY, Code::PROGRAM];
        if !image.is_whole
            && elsewhere.contains(&diagnostic.code)
            && !["is not a type", "contain each other"].iter().any(|text| diagnostic.text.contains(text))
        {
            continue;
        }
        let mut finding = compiled::finding(diagnostic);
        if let Some(word) = word_at(image.tree, &finding)
            && let Some(span) = &mut finding.span
        {
            span.end = span.column + word;
        }
        if diagnostic.code == Code::MISSPELT
            && let Some(meant) = meant(finding.advice.as_deref()).map(str::to_owned)
        {
            let to = join(tool::path::split(&finding.path).0, meant.as_bytes());
            let edit = Edit::Rename(finding.path.clone(), to);
            finding = finding.unsafe_fix(format!("rename it to {meant}"), vec![edit]);
        }
        found.push(finding);
    }
}

/// The name in `did you mean NAME?`.
fn meant(advice: Option<&str>) -> Option<&str> {
    advice?.strip_prefix("did you mean ")?.strip_suffix('?')
}

/// The length of the word that a finding points to.
fn word_at(tree: &Tree, finding: &Finding) -> Option<u32> {
    let span = finding.span.filter(|span| span.column > 0)?;
    let text = tree.read(&finding.path, FILE_MAX)?;
    let line = text.split(|byte| *byte == b'\n').nth(usize::try_from(span.line).ok()?.checked_sub(1)?)?;
    let word = line.get(usize::try_from(span.column).ok()?.checked_sub(1)?..)?;
    let length = word.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
    u32::try_from(length.max(1)).ok()
}
