//! The command line.

use crate::config::Config;
use crate::drawing::{self, Form};
use crate::finding::Finding;
use crate::format::{Format, print};
use crate::graph::{self, Graph};
use crate::image::{Image, Target, complete};
use crate::new::{self, Wanted};
use crate::registry;
use crate::report::Report;
use crate::silence::{self, Selection};
use crate::tree::Tree;
use crate::{fix, lints};
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use s6_rc::diagnostic::Severity;
use std::collections::BTreeSet;
use std::fs;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

/// Found at a level that is denied.
const FOUND: u8 = 1;
/// A wrong command line.
const USAGE: u8 = 100;
/// Something can't be read or written.
const FAILED: u8 = 111;

/// Finds mistakes in images of s6-overlay before they run.
#[derive(Debug, Parser)]
#[command(
    name = "s6-overlay-dev",
    version,
    after_help = "Exit codes: 0 nothing found, 1 found, 100 wrong usage, 111 something can't be read."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the services of an image
    Check(Check),
    /// Explain a code, with an example that fails and one that works
    Explain {
        /// Such as SO105; without one, all codes are listed
        code: Option<String>,
    },
    /// Show what needs what
    Graph(Picture),
    /// Write a definition, with comments
    New(New),
}

/// The options of `graph`.
#[derive(Debug, Args)]
struct Picture {
    /// A root directory, or the directory of a repository that is copied to one
    #[arg(default_value = "/")]
    path: PathBuf,
    /// The root directory that the image is built on; several, from above to below
    #[arg(long, value_name = "DIR")]
    base: Vec<PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Only what is around these services or bundles
    #[arg(long = "of", value_name = "NAME")]
    names: Vec<String>,
    /// With --of: what they need
    #[arg(long)]
    up: bool,
    /// With --of: what needs them
    #[arg(long)]
    down: bool,
    /// With --of: at most so many steps away
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// Show edges that follow from others, too, and those to base
    #[arg(long)]
    all_edges: bool,
    /// Fail if this file isn't what would be printed
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
}

/// The options of `new`.
#[derive(Debug, Args)]
struct New {
    /// The service's name
    name: String,
    /// The directory that the image copies to its root
    #[arg(long, value_name = "DIR", default_value = "rootfs")]
    root: PathBuf,
    /// Something that is done once, not a daemon
    #[arg(long, conflicts_with_all = ["logger", "ready"])]
    oneshot: bool,
    /// With a logger
    #[arg(long)]
    logger: bool,
    /// With a check that says when it is ready
    #[arg(long)]
    ready: bool,
    /// Who it runs as
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

/// The options of `check`.
#[derive(Debug, Args)]
struct Check {
    /// A root directory, or the directory of a repository that is copied to one
    #[arg(default_value = "/")]
    path: PathBuf,
    /// The root directory that the image is built on; several, from above to below
    #[arg(long, value_name = "DIR")]
    base: Vec<PathBuf>,
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

/// What a run has printed, and its exit code.
#[derive(Debug, Default)]
pub struct Outcome {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

impl Outcome {
    fn failed(code: u8, text: impl std::fmt::Display) -> Self {
        Self { err: format!("s6-overlay-dev: fatal: {text}\n"), code, ..Self::default() }
    }
}

/// Runs a command line.
#[must_use]
pub fn run(args: impl IntoIterator<Item = std::ffi::OsString>) -> Outcome {
    let matches = match Cli::command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(e) if e.use_stderr() => return Outcome { err: e.to_string(), code: USAGE, ..Outcome::default() },
        Err(e) => return Outcome { out: e.to_string(), ..Outcome::default() },
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(e) => return Outcome { err: e.to_string(), code: USAGE, ..Outcome::default() },
    };
    match cli.command {
        Command::Explain { code: None } => {
            let line = |lint: &registry::Lint| {
                format!("{} {:7} {}\n", lint.code, registry::word(lint.severity), lint.title)
            };
            Outcome { out: registry::LINTS.iter().map(line).collect(), ..Outcome::default() }
        }
        Command::Explain { code: Some(code) } => match registry::code(&code).and_then(registry::find) {
            Some(lint) => Outcome { out: lint.page.to_owned(), ..Outcome::default() },
            None => Outcome::failed(
                USAGE,
                format_args!("there is no lint {code}: s6-overlay-dev explain lists all"),
            ),
        },
        Command::Graph(picture) => picture.run().unwrap_or_else(|outcome| outcome),
        Command::New(New { name, root, oneshot, logger, ready, user }) => {
            match new::write(&root, &Wanted { name, oneshot, logger, readiness: ready, user }) {
                Ok(out) => Outcome { out, ..Outcome::default() },
                Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => Outcome::failed(USAGE, e),
                Err(e) => Outcome::failed(FAILED, e),
            }
        }
        Command::Check(check) => {
            let matches = matches.subcommand_matches("check").unwrap_or(&matches);
            let options = check.severities(matches);
            check.run(&options).unwrap_or_else(|outcome| outcome)
        }
    }
}

impl Check {
    /// What --deny, --warn and --allow say, in the order of the command line.
    fn severities(&self, matches: &ArgMatches) -> Vec<(Selection, Option<Severity>)> {
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

    fn run(&self, options: &[(Selection, Option<Severity>)]) -> Result<Outcome, Outcome> {
        let mut tree = tree(&self.path, &self.base)?;
        let is_whole = complete(&mut tree);
        let mut findings = self.findings(&tree, is_whole, options)?;
        let mut outcome = Outcome::default();
        if self.fix {
            let cannot = |e| Outcome::failed(FAILED, format_args!("unable to mend: {e}"));
            let fixed = fix::apply(&tree, &findings, self.unsafe_fixes).map_err(cannot)?;
            outcome.err = fixed.done.iter().map(|line| format!("mended: {line}\n")).collect();
            tree = self::tree(&self.path, &self.base)?;
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

/// The files of an image: a directory over others.
fn tree(path: &Path, base: &[PathBuf]) -> Result<Tree, Outcome> {
    let mut tree = Tree::default();
    for path in std::iter::once(path).chain(base.iter().map(PathBuf::as_path)) {
        let cannot = |e| Outcome::failed(FAILED, format_args!("unable to open {}: {e}", path.display()));
        tree.add_directory(path).map_err(cannot)?;
    }
    Ok(tree)
}

impl Picture {
    fn run(&self) -> Result<Outcome, Outcome> {
        let mut tree = tree(&self.path, &self.base)?;
        let is_whole = complete(&mut tree);
        let image = Image::read(&tree, Config::default(), Target::Rs, is_whole);
        let compiled = image.compiled().map_err(|e| Outcome::failed(FAILED, e))?;
        let Some(database) = &compiled.database else {
            let path = self.path.display();
            let text = format_args!("the definitions don't compile: s6-overlay-dev check {path} says why");
            return Err(Outcome::failed(FOUND, text));
        };
        let selection = graph::Selection {
            names: self.names.clone(),
            up: self.up,
            down: self.down,
            depth: self.depth,
            all_edges: self.all_edges,
        };
        let graph = Graph::of(database).select(&selection).map_err(|e| Outcome::failed(USAGE, e))?;
        let out = drawing::print(&graph, self.format);
        let Some(path) = &self.check else { return Ok(Outcome { out, ..Outcome::default() }) };
        let cannot = |e| Outcome::failed(FAILED, format_args!("unable to read {}: {e}", path.display()));
        match fs::read_to_string(path).map_err(cannot)? == out {
            true => Ok(Outcome::default()),
            false => {
                let text = format_args!("{} isn't the graph of {}", path.display(), self.path.display());
                Err(Outcome::failed(FOUND, text))
            }
        }
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
