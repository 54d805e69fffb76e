//! `check`.

use super::input::{Input, Opened, is_stdin};
use super::outcome::{FAILED, FOUND, Outcome, USAGE};
use crate::config::Config;
use crate::finding::Finding;
use crate::format::{Format, print};
use crate::image::{Extra, Image, Target, complete};
use crate::presence::{Fact, foresee, read_env};
use crate::report::{Map, Report};
use crate::settings::{self, Settings};
use crate::shell::span_of;
use crate::silence::{self, Selection};
use crate::tree::{DOCKERFILE, SETTINGS, Tree};
use crate::{diff, fix, lints};
use clap::ArgMatches;
use s6_rc::diagnostic::Severity;
use std::collections::BTreeSet;
use std::fs;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// No configuration of an image is longer, in bytes.
const TEXT_MAX: u64 = 1 << 24;

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
    /// Show instead which services would be in a container with these variables, beside the image's own: a file as
    /// docker run --env-file takes it; - reads standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "format", "stats", "strict", "security", "stop_timeout", "settings", "deny", "warn", "allow", "baseline", "fix",
        "diff", "unsafe_fixes",
    ])]
    env: Option<PathBuf>,
    /// With --env: what is so in the container, as only-if has it, such as "memory >= 1G" or "! tty"
    #[arg(long, value_name = "TEST", requires = "env")]
    fact: Vec<String>,
    /// Print how often each code was found instead
    #[arg(long, conflicts_with = "format")]
    stats: bool,
    /// Look for what is right in many images, too
    #[arg(long)]
    strict: bool,
    /// Look for rights that services may not need, too
    #[arg(long)]
    security: bool,
    /// After how many seconds the engine kills a container that it has told to stop
    #[arg(long, value_name = "SECONDS")]
    stop_timeout: Option<u64>,
    /// What is right here; without it, check.toml in PATH or at the root of its repository
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Where a part of the image is in the repository, as etc=docker/rootfs/etc
    #[arg(long, value_name = "FROM=TO", value_parser = Map::parse)]
    map: Vec<Map>,
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
    /// Fix what can be fixed without a second look
    #[arg(long)]
    fix: bool,
    /// Show what --fix would change, as a patch, and change nothing
    #[arg(long, conflicts_with = "stats")]
    diff: bool,
    /// With --fix and --diff: fix what needs a second look, too
    #[arg(long = "unsafe")]
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

    /// What the image is started with: what is said of it, or else what the image itself says.  A Dockerfile becomes a file
    /// beside the image.
    fn config(&self, input: &str, opened: &mut Opened) -> Result<Config, Outcome> {
        let own = opened.config.take();
        let Some(path) = &self.config else { return Ok(own.unwrap_or_default()) };
        let is_input = is_stdin(path);
        let text = if is_input { input.to_owned() } else { read(path)? };
        let config = Config::read(&text);
        let config = config.map_err(|e| Outcome::failed(USAGE, format_args!("{}: {e}", path.display())))?;
        if config.places.is_some() {
            opened.tree.add_beside(DOCKERFILE, (!is_input).then(|| path.clone()), text.into_bytes());
        }
        Ok(config)
    }

    /// What is right here.
    fn settings(&self, tree: &mut Tree) -> Result<Settings, Outcome> {
        let Some(path) = self.settings.clone().or_else(|| settings::find(&self.input.path)) else {
            return Ok(Settings::default());
        };
        let text = read(&path)?;
        let settings = Settings::read(&text).map_err(|mistake| {
            let at = span_of(text.as_bytes(), mistake.place);
            let place = format!("{}:{}:{}", path.display(), at.line, at.column);
            Outcome::failed(USAGE, format_args!("{place}: {}", mistake.text))
        })?;
        tree.add_beside(SETTINGS, Some(path), text.into_bytes());
        Ok(settings)
    }

    /// The files, and what is found in them; `input` is what standard input holds.
    fn findings(
        &self,
        options: &[(Selection, Option<Severity>)],
        input: &str,
    ) -> Result<(Opened, Vec<Finding>), Outcome> {
        let mut opened = self.input.open()?;
        let is_whole = complete(&mut opened.tree);
        let mut config = self.config(input, &mut opened)?;
        config.stop_timeout = self.stop_timeout.or(config.stop_timeout);
        let settings = self.settings(&mut opened.tree)?;
        let mut image = Image::read(&opened.tree, config, self.target, is_whole);
        image.extra = Extra { strict: self.strict, security: self.security };
        let mut findings = lints::findings(&image);
        silence::by_allowances(&image, &settings, &mut findings);
        silence::by_options(&mut findings, options);
        drop(image);
        Ok((opened, findings))
    }

    /// Says which services would be in a container with the variables of a file; `input` is what standard input holds.
    fn foresee(&self, path: &Path, input: &str) -> Result<Outcome, Outcome> {
        let text = if is_stdin(path) { input.to_owned() } else { read(path)? };
        let env = read_env(&text, |name| std::env::var(name).ok());
        let mut opened = self.input.open()?;
        let is_whole = complete(&mut opened.tree);
        let config = self.config(input, &mut opened)?;
        let image = Image::read(&opened.tree, config, self.target, is_whole);
        let facts: Vec<_> = self.fact.iter().map(|text| Fact::read(text)).collect();
        let found = foresee(&image, &env, &facts).map_err(|e| Outcome::failed(FAILED, e))?;
        let mut out = found.text;
        if !found.findings.is_empty() {
            out = print(&self.report(&opened.tree, &found.findings), self.format);
        }
        let code = if found.is_refused || !found.findings.is_empty() { FOUND } else { 0 };
        Ok(Outcome { out, err: opened.notes.clone(), code })
    }

    fn report<'a>(&'a self, tree: &'a Tree, findings: &'a [Finding]) -> Report<'a> {
        Report { tree, findings, target: self.target, color: colors(), maps: &self.map }
    }

    /// Whether the options make sense together.
    fn check_options(&self) -> Result<(), Outcome> {
        if self.unsafe_fixes && !self.fix && !self.diff {
            return Err(Outcome::failed(USAGE, "--unsafe is for --fix and --diff"));
        }
        let readers = [self.config.as_deref(), self.env.as_deref()];
        let readers = readers.into_iter().flatten().filter(|path| is_stdin(path)).count();
        if readers + usize::from(self.input.has_stdin()) > 1 {
            return Err(Outcome::failed(USAGE, "standard input can be read once"));
        }
        Ok(())
    }

    /// Fixes what is found in a directory; gives a line for each.
    fn fix(&self, opened: &Opened, findings: &[Finding]) -> Result<String, Outcome> {
        if !opened.is_directory {
            let path = self.input.path.display();
            let text = format_args!(
                "{path} isn't a directory, so nothing in it is fixed; --diff shows what would be"
            );
            return Err(Outcome::failed(USAGE, text));
        }
        let done = fix::apply(&opened.tree, findings, self.unsafe_fixes).map_err(cannot_mend)?;
        Ok(done.iter().map(|line| format!("fixed: {line}\n")).collect())
    }

    /// Checks the image, and fixes it if that is wanted; the severities are what [`Self::severities`] gives.
    pub fn run(&self, options: &[(Selection, Option<Severity>)]) -> Result<Outcome, Outcome> {
        self.check_options()?;
        let mut input = String::new();
        if [&self.config, &self.env].into_iter().flatten().any(|path| is_stdin(path)) {
            let cannot = |e| Outcome::failed(FAILED, format_args!("unable to read standard input: {e}"));
            std::io::stdin().take(TEXT_MAX).read_to_string(&mut input).map_err(cannot)?;
        }
        if let Some(path) = &self.env {
            return self.foresee(path, &input);
        }
        let (mut opened, mut findings) = self.findings(options, &input)?;
        let mut outcome = Outcome { err: opened.notes.clone(), ..Outcome::default() };
        if self.fix && !self.diff {
            outcome.err.push_str(&self.fix(&opened, &findings)?);
            (opened, findings) = self.findings(options, &input)?;
        }
        let tree = &opened.tree;
        if let Some((path, e)) = tree.unread().into_iter().next() {
            let path = tool::diag::show(&tree.shown(&path)).to_string();
            return Err(Outcome::failed(FAILED, format_args!("unable to read {path}: {e}")));
        }
        let changes = self.diff.then(|| fix::changes(tree, &findings, self.unsafe_fixes));
        self.leave_out_known(tree, &mut findings)?;
        let report = self.report(tree, &findings);
        match changes {
            Some(changes) => {
                outcome.out = diff::print(tree, &changes.map_err(cannot_mend)?);
                outcome.err.push_str(&format!("{}\n", report.summary()));
            }
            None if self.stats => outcome.out = report.statistics(),
            None => outcome.out = print(&report, self.format),
        }
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            outcome.code = FOUND;
        }
        Ok(outcome)
    }

    /// Leaves out what the baseline has; makes it if it isn't there.
    fn leave_out_known(&self, tree: &Tree, findings: &mut Vec<Finding>) -> Result<(), Outcome> {
        let Some(path) = &self.baseline else { return Ok(()) };
        match fs::read_to_string(path) {
            Ok(text) => {
                let known = fingerprints(&text);
                findings.retain(|finding| !known.contains(&self.report(tree, &[]).fingerprint(finding)));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let cannot =
                    |e| Outcome::failed(FAILED, format_args!("unable to write {}: {e}", path.display()));
                fs::write(path, print(&self.report(tree, findings), Format::Json)).map_err(cannot)?;
                findings.clear();
            }
            Err(e) => {
                return Err(Outcome::failed(FAILED, format_args!("unable to read {}: {e}", path.display())));
            }
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, Outcome> {
    let cannot = |e| Outcome::failed(FAILED, format_args!("unable to read {}: {e}", path.display()));
    let read = |file: fs::File| {
        let mut text = String::new();
        file.take(TEXT_MAX).read_to_string(&mut text).map(|_| text)
    };
    fs::File::open(path).and_then(read).map_err(cannot)
}

fn cannot_mend(e: std::io::Error) -> Outcome {
    Outcome::failed(FAILED, format_args!("unable to fix: {e}"))
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
