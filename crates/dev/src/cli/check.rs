//! `check`.

use super::input::Input;
use super::outcome::{FAILED, FOUND, Outcome, USAGE};
use crate::config::Config;
use crate::finding::Finding;
use crate::format::{Format, print};
use crate::image::{Image, Target, complete};
use crate::report::Report;
use crate::silence::{self, Selection};
use crate::tree::Tree;
use crate::{fix, lints};
use clap::ArgMatches;
use s6_rc::diagnostic::Severity;
use std::collections::BTreeSet;
use std::fs;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

/// The options of `check`.
#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    input: Input,
    /// What the image is started with: a Dockerfile, or the output of docker inspect; - reads standard input
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Which s6-overlay the image is for
    #[arg(long, value_enum, default_value_t)]
    target: Target,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Make these errors: a code, the beginning of codes, or warnings or notes
    #[arg(long, value_name = "CODES", value_parser = Selection::parse)]
    deny: Vec<Selection>,
    /// Make these warnings
    #[arg(long, value_name = "CODES", value_parser = Selection::parse)]
    warn: Vec<Selection>,
    /// Leave these out
    #[arg(long, value_name = "CODES", value_parser = Selection::parse)]
    allow: Vec<Selection>,
    /// Leave out what this report in JSON has already; it is made if it isn't there
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Mend what can be mended without a second look
    #[arg(long)]
    fix: bool,
    /// With --fix: mend what needs a second look, too
    #[arg(long = "unsafe", requires = "fix")]
    unsafe_fixes: bool,
}

impl Check {
    /// What --deny, --warn and --allow say, in the order of the command line.
    pub fn severities(&self, matches: &ArgMatches) -> Vec<(Selection, Option<Severity>)> {
        let mut all = Vec::new();
        for (name, severity, list) in [
            ("deny", Some(Severity::Error), &self.deny),
            ("warn", Some(Severity::Warning), &self.warn),
            ("allow", None, &self.allow),
        ] {
            let places = matches.indices_of(name).into_iter().flatten();
            all.extend(places.zip(list).map(|(at, selection)| (at, selection.clone(), severity)));
        }
        all.sort_by_key(|(at, ..)| *at);
        all.into_iter().map(|(_, selection, severity)| (selection, severity)).collect()
    }

    fn config(&self) -> Result<Config, Outcome> {
        let Some(path) = &self.config else { return Ok(Config::default()) };
        let mut text = String::new();
        let read = match path.as_os_str() == "-" {
            true => std::io::stdin().read_to_string(&mut text).map(|_| text),
            false => fs::read_to_string(path),
        };
        let cannot = |e| Outcome::failed(FAILED, format_args!("unable to read {}: {e}", path.display()));
        let text = read.map_err(cannot)?;
        Config::read(&text).map_err(|e| Outcome::failed(USAGE, format_args!("{}: {e}", path.display())))
    }

    fn findings(
        &self,
        tree: &Tree,
        is_whole: bool,
        options: &[(Selection, Option<Severity>)],
    ) -> Result<Vec<Finding>, Outcome> {
        let image = Image::read(tree, self.config()?, self.target, is_whole);
        let mut findings = lints::findings(&image);
        silence::by_comments(tree, &mut findings);
        silence::by_options(&mut findings, options);
        Ok(findings)
    }

    fn report<'a>(&self, tree: &'a Tree, findings: &'a [Finding]) -> Report<'a> {
        Report { tree, findings, target: self.target, color: colors() }
    }

    /// Checks the image, and mends it if that is wanted; the severities are what [`Self::severities`] gives.
    pub fn run(&self, options: &[(Selection, Option<Severity>)]) -> Result<Outcome, Outcome> {
        let mut tree = self.input.tree()?;
        let is_whole = complete(&mut tree);
        let mut findings = self.findings(&tree, is_whole, options)?;
        let mut outcome = Outcome::default();
        if self.fix {
            let cannot = |e| Outcome::failed(FAILED, format_args!("unable to mend: {e}"));
            let fixed = fix::apply(&tree, &findings, self.unsafe_fixes).map_err(cannot)?;
            outcome.err = fixed.done.iter().map(|line| format!("mended: {line}\n")).collect();
            tree = self.input.tree()?;
            complete(&mut tree);
            findings = self.findings(&tree, is_whole, options)?;
        }
        if let Some((path, e)) = tree.unread().into_iter().next() {
            let path = tool::diag::show(&tree.shown(&path)).to_string();
            return Err(Outcome::failed(FAILED, format_args!("unable to read {path}: {e}")));
        }
        if let Some(path) = &self.baseline {
            match fs::read_to_string(path) {
                Ok(text) => {
                    let known = fingerprints(&text);
                    findings.retain(|finding| !known.contains(&self.report(&tree, &[]).fingerprint(finding)));
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    let cannot =
                        |e| Outcome::failed(FAILED, format_args!("unable to write {}: {e}", path.display()));
                    fs::write(path, print(&self.report(&tree, &findings), Format::Json)).map_err(cannot)?;
                    findings.clear();
                }
                Err(e) => {
                    return Err(Outcome::failed(
                        FAILED,
                        format_args!("unable to read {}: {e}", path.display()),
                    ));
                }
            }
        }
        outcome.out = print(&self.report(&tree, &findings), self.format);
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            outcome.code = FOUND;
        }
        Ok(outcome)
    }
}

/// The fingerprints in a report in JSON.
fn fingerprints(text: &str) -> BTreeSet<String> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let findings = value.get("findings").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    findings.iter().filter_map(|finding| Some(finding.get("fingerprint")?.as_str()?.to_owned())).collect()
}

/// Whether standard output takes colours.
fn colors() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
