//! `docs/tools/`: an index, and a page for each suite.

use crate::files::Files;
use crate::pages::{Page, Suite};
use tool::{option_form, usage_line};

const NOTE: &str =
    "<!-- Made from the tools' definitions and docs/tools/extra by `cargo xtask docs`. -->\n\n";

/// The index and the pages, by file name; `introduction` opens the index.
pub fn files(suites: &[Suite], introduction: &str) -> Files {
    let mut files = Files::new();
    let mut index = format!("{NOTE}{}\n", introduction.trim_end());
    for suite in suites.iter().filter(|suite| !suite.pages.is_empty()) {
        let file = format!("{}.md", suite.name);
        index.push_str(&format!("\n## [{}]({file})\n\n| tool | what it does |\n|---|---|\n", suite.name));
        for Page { tool, .. } in &suite.pages {
            let anchor = tool.name.replace(' ', "-");
            index.push_str(&format!("| [{}]({file}#{anchor}) | {} |\n", tool.name, cell(tool.summary)));
        }
        let mut text = format!("{NOTE}# {}\n", suite.name);
        for page in &suite.pages {
            text.push_str(&section(page));
        }
        files.insert(file, text);
    }
    files.insert("README.md".to_owned(), index);
    files
}

fn section(Page { tool, extra, .. }: &Page) -> String {
    let mut text = format!("\n## {}\n\n{}\n\n", tool.name, sentence(tool.summary));
    text.push_str(&format!("```text\n{}\n```\n", usage_line(tool)));
    if !tool.options.is_empty() {
        text.push_str("\n| option | what it does |\n|---|---|\n");
        for option in tool.options {
            text.push_str(&format!("| `{}` | {} |\n", cell(&option_form(option)), cell(option.help)));
        }
    }
    if !extra.is_empty() {
        text.push('\n');
        text.push_str(&demoted(extra.trim_end()));
        text.push('\n');
    }
    text
}

/// The text of a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A phrase as a sentence.
pub fn sentence(phrase: &str) -> String {
    let mut letters = phrase.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// The same with headings one level lower; code stays.
fn demoted(markdown: &str) -> String {
    let mut in_code = false;
    let mut lines = Vec::new();
    for line in markdown.lines() {
        in_code ^= line.starts_with("```");
        lines.push(if line.starts_with('#') && !in_code { format!("#{line}") } else { line.to_owned() });
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tool::{Next, Opt, Role, Tool};

    #[test]
    fn a_suite_s_page_and_the_index() {
        static TOOL: Tool = Tool {
            name: "s6-x",
            summary: "do x",
            operands: "file",
            options: &[Opt::value('w', "u|d", "wait")],
            role: Role::Stay,
            main: |_| Ok(Next::SUCCESS),
        };
        let extra = "## Notes\n\n```sh\n# a comment\n```\n".to_owned();
        let suites = [Suite { name: "s6", pages: vec![Page { tool: &TOOL, section: 1, extra }] }];
        let files = files(&suites, "# Tools\n");
        assert!(files["README.md"].contains("# Tools\n\n## [s6](s6.md)\n"), "{}", files["README.md"]);
        assert!(files["README.md"].ends_with("| [s6-x](s6.md#s6-x) | do x |\n"));
        let expected = "# s6\n\n## s6-x\n\nDo x.\n\n```text\ns6-x [ -w u|d ] file\n```\n\n| option | what it does |\n\
            |---|---|\n| `-w u\\|d` | wait |\n\n### Notes\n\n```sh\n# a comment\n```\n";
        assert_eq!(files["s6.md"].strip_prefix(NOTE), Some(expected));
    }
}
