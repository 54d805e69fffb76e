//! The code blocks of a page of the guide, or of the recipes.
//!
//! In the guide a section, from one heading of the second level to the next, is one example: an image and what is done with
//! it.  A recipe's page is one as a whole.
//!
//! - ` ```console `: a session.  A line that begins with `$ ` is a command (continued by `> ` lines), what follows is its
//!   output; `...` stands for anything, on a line of its own for any lines.
//! - ` ```dockerfile `: how the image is made; without it, as the guide's first page says.
//! - ` ```files `: one small file a line: its path, blanks, its only line, or `(empty)`.
//! - any other: a file.  The paragraph right above ends with its path in backquotes, and a colon.  It is the image's if it
//!   begins with a slash, otherwise one beside the Dockerfile.
//!
//! Files that begin with `#!` are executable.  What the reader sees is all that there is: nothing is hidden in the
//! info string but `untested="why"`.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// What one example is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A section.
    Section,
    /// The whole page.
    Page,
}

/// A section or page with code.
#[derive(Debug, Default)]
pub struct Example {
    /// The heading of its first section.
    pub title: String,
    /// How the image is made.
    pub dockerfile: Vec<Line>,
    /// Path and content.
    pub files: Vec<(String, String)>,
    /// What is done with it.
    pub steps: Vec<Step>,
}

/// A line of the page.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number, from 1.
    pub number: usize,
    /// Its text.
    pub text: String,
}

/// A command of a session and its output.
#[derive(Debug, Clone)]
pub struct Step {
    /// The command.
    pub command: Line,
    /// What it is expected to say.
    pub says: Vec<String>,
}

/// A code block.
struct Block {
    section: String,
    info: String,
    /// The path that the paragraph above names.
    path: Option<String>,
    /// The line of its first content.
    first: usize,
    text: String,
}

impl Block {
    fn language(&self) -> &str {
        self.info.split_whitespace().next().unwrap_or_default()
    }

    /// Why it isn't run.
    fn reason(&self) -> Option<&str> {
        self.info.split_once(" untested=\"")?.1.strip_suffix('"')
    }

    fn lines(&self) -> impl Iterator<Item = Line> {
        let numbered = (self.first..).zip(self.text.lines());
        numbered.map(|(number, text)| Line { number, text: text.to_owned() })
    }
}

/// The options that GitHub has.
#[must_use]
pub fn markdown() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

fn blocks(text: &str) -> Vec<Block> {
    let line_of = |offset: usize| text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1;
    let mut found: Vec<Block> = Vec::new();
    let mut section = String::new();
    let (mut in_heading, mut in_block) = (false, false);
    // The last code of the paragraph, and whether nothing but a colon came after it.
    let mut path = None;
    for (event, range) in Parser::new_ext(text, markdown()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => {
                section.clear();
                in_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::CodeBlock(kind)) => {
                in_block = true;
                let (info, above) = match kind {
                    CodeBlockKind::Fenced(info) => (info.to_string(), 1),
                    CodeBlockKind::Indented => (String::new(), 0),
                };
                let path = path.take().filter(|(_, colon)| *colon).map(|(path, _)| path);
                let first = line_of(range.start) + above;
                found.push(Block { section: section.clone(), info, path, first, text: String::new() });
            }
            Event::End(TagEnd::CodeBlock) => in_block = false,
            Event::Text(words) if in_block => {
                if let Some(block) = found.last_mut() {
                    block.text.push_str(&words);
                }
            }
            Event::Code(words) | Event::Text(words) if in_heading => section.push_str(&words),
            Event::Code(words) => path = is_path(&words).then(|| (words.to_string(), false)),
            Event::Text(words) => path = path.map(|(path, _)| (path, &*words == ":")),
            Event::Start(Tag::Paragraph) => path = None,
            _ => {}
        }
    }
    found
}

fn is_path(words: &str) -> bool {
    words.contains(['/', '.']) && !words.contains(' ')
}

/// A page and its section that the test `engines` plays.
const PLAYED_BY_ENGINES: (&str, &str) = ("README.md", "Put it in an image");

/// What is wrong with the blocks of a page: the line, and why.
#[must_use]
pub fn check(page: &str, text: &str, scope: Scope) -> Vec<(usize, String)> {
    let mut wrong = Vec::new();
    let blocks = blocks(text);
    for block in &blocks {
        if (page, block.section.as_str()) == PLAYED_BY_ENGINES {
            continue;
        }
        let runs = blocks.iter().any(|b| {
            let together = scope == Scope::Page || b.section == block.section;
            together && b.language() == "console" && b.reason().is_none()
        });
        let why = match (block.language(), block.reason()) {
            (_, Some("")) => "an empty reason",
            (_, Some(_)) => continue,
            _ if block.info.contains(' ') => "only untested=\"why\" may follow the language",
            ("console" | "dockerfile" | "files", None) if runs => continue,
            (_, None) if !runs => "no session of this section runs it, and no reason is given for that",
            (_, None) if block.path.is_none() => "the paragraph above doesn't end with the path of this file",
            _ => continue,
        };
        wrong.push((block.first, why.to_owned()));
    }
    wrong
}

/// The blocks that are quoted from another page, whose session prints them: that page's path, and their lines.
///
/// They say so by `untested="played in PAGE"`.
pub fn quotes(text: &str) -> Vec<(String, Vec<Line>)> {
    let quoted = |block: &Block| {
        let page = block.reason()?.strip_prefix("played in ")?.to_owned();
        Some((page, block.lines().collect()))
    };
    blocks(text).iter().filter_map(quoted).collect()
}

/// The examples of a page.
#[must_use]
pub fn examples(text: &str, scope: Scope) -> Vec<Example> {
    let mut all: Vec<Example> = Vec::new();
    for block in blocks(text) {
        if block.reason().is_some() {
            continue;
        }
        if all.last().is_none_or(|example| scope == Scope::Section && example.title != block.section) {
            all.push(Example { title: block.section.clone(), ..Example::default() });
        }
        let Some(example) = all.last_mut() else { continue };
        match block.language() {
            "console" => example.steps.extend(steps(&block)),
            "dockerfile" => example.dockerfile.extend(block.lines()),
            "files" => example.files.extend(block.lines().filter_map(|line| small_file(&line.text))),
            _ => example.files.extend(block.path.clone().map(|path| (path, block.text.clone()))),
        }
    }
    all.retain(|example| !example.steps.is_empty());
    all
}

fn small_file(line: &str) -> Option<(String, String)> {
    let (path, rest) = line.split_once(char::is_whitespace)?;
    let content = match rest.trim() {
        "(empty)" => String::new(),
        text => format!("{text}\n"),
    };
    Some((path.to_owned(), content))
}

fn steps(block: &Block) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        let more = steps.last_mut().filter(|step| step.command.text.ends_with('\\') && step.says.is_empty());
        if let (Some(step), Some(rest)) = (more, line.text.strip_prefix("> ")) {
            step.command.text.pop();
            step.command.text.push_str(rest);
        } else if let Some(command) = line.text.strip_prefix("$ ") {
            let command = Line { number: line.number, text: command.to_owned() };
            steps.push(Step { command, says: Vec::new() });
        } else if let Some(step) = steps.last_mut() {
            step.says.push(line.text);
        } else {
            // No command prints this, so the session fails by it.
            let command = Line { number: line.number, text: String::new() };
            steps.push(Step { command, says: vec![line.text] });
        }
    }
    steps
}
