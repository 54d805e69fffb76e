//! Man pages, in roff.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, roman};
use tool::{Opt, usage_line};

use crate::files::Files;
use crate::markdown::sentence;
use crate::pages::{Page, Suite};

/// All pages, as `man1/NAME.1`.
pub fn files(suites: &[Suite]) -> Result<Files, String> {
    let mut files = Files::new();
    for suite in suites {
        for found in &suite.pages {
            let (name, section) = (found.file_name(), found.section);
            let text = page(suite.name, found).map_err(|why| format!("docs/tools/extra/{name}.md: {why}"))?;
            files.insert(format!("man{section}/{name}.{section}"), text);
        }
    }
    Ok(files)
}

fn page(suite: &str, page: &Page) -> Result<String, String> {
    let tool = page.tool;
    let mut roff = Roff::new();
    // No date: a page is the same whenever it is made.
    let (name, section) = (page.file_name(), page.section.to_string());
    roff.control("TH", [name.as_str(), &section, "\"\"", suite, "s6-overlay"]);
    roff.control("SH", ["NAME"]).text([roman(format!("{name} - {}", tool.summary))]);
    let line = usage_line(tool);
    let rest = line.strip_prefix(tool.name).unwrap_or_default().to_owned();
    roff.control("SH", ["SYNOPSIS"]).text([bold(tool.name), roman(rest)]);
    roff.control("SH", ["DESCRIPTION"]).text([roman(sentence(tool.summary))]);
    if !tool.options.is_empty() {
        roff.control("SH", ["OPTIONS"]);
        for option in tool.options {
            roff.control("TP", []).text(form(option)).text([roman(sentence(option.help))]);
        }
    }
    prose(&page.extra, &mut roff)?;
    Ok(roff.render())
}

/// An option as it is written, its value in italics.
fn form(option: &Opt) -> Vec<Inline> {
    let mut form = Vec::new();
    if option.short >= ' ' {
        form.push(bold(format!("-{}", option.short)));
    }
    if let Some(long) = option.long {
        if !form.is_empty() {
            form.push(roman(", "));
        }
        form.push(bold(format!("--{long}")));
    }
    match option.value {
        Some(value) if value.starts_with('[') => {
            form.extend([roman("[="), italic(value.trim_matches(['[', ']'])), roman("]")]);
        }
        Some(value) => form.extend([roman(" "), italic(value)]),
        None => {}
    }
    form
}

/// Markdown as roff: headings of the second level, paragraphs, lists, code, emphasis; links keep their texts.
fn prose(markdown: &str, roff: &mut Roff) -> Result<(), String> {
    let mut inlines: Vec<Inline> = Vec::new();
    let (mut strong, mut emphasis, mut code) = (false, false, false);
    let mut heading = String::new();
    let mut in_heading = false;
    // Within an item, whose first paragraph follows its bullet without a break.
    let mut in_item = false;
    let flush = |inlines: &mut Vec<Inline>, roff: &mut Roff| {
        if !inlines.is_empty() {
            roff.text(std::mem::take(inlines));
        }
    };
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) => in_heading = true,
            Event::End(TagEnd::Heading(_)) => {
                in_heading = false;
                roff.control("SH", [std::mem::take(&mut heading).to_uppercase().as_str()]);
            }
            Event::Text(text) if in_heading => heading.push_str(&text),
            Event::Start(Tag::Paragraph) if !in_item => _ = roff.control("PP", []),
            Event::Start(Tag::Item) => {
                in_item = true;
                roff.control("IP", ["\\(bu", "2"]);
            }
            Event::End(TagEnd::Item) => {
                flush(&mut inlines, roff);
                in_item = false;
            }
            Event::End(TagEnd::Paragraph) => flush(&mut inlines, roff),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => {
                code = true;
                roff.control("PP", []).control("RS", ["4"]).control("nf", []);
            }
            Event::End(TagEnd::CodeBlock) => {
                code = false;
                roff.control("fi", []).control("RE", []);
            }
            Event::Text(text) if code => _ = roff.text([roman(text.trim_end_matches('\n'))]),
            Event::Start(Tag::Strong) => strong = true,
            Event::End(TagEnd::Strong) => strong = false,
            Event::Start(Tag::Emphasis) => emphasis = true,
            Event::End(TagEnd::Emphasis) => emphasis = false,
            Event::Text(text) if strong => inlines.push(bold(text.as_ref())),
            Event::Text(text) if emphasis => inlines.push(italic(text.as_ref())),
            Event::Text(text) => inlines.push(roman(text.as_ref())),
            Event::Code(text) => inlines.push(bold(text.as_ref())),
            Event::SoftBreak => inlines.push(roman("\n")),
            Event::Start(Tag::Paragraph | Tag::List(None) | Tag::Link { .. })
            | Event::End(TagEnd::List(_) | TagEnd::Link) => {}
            other => return Err(format!("man pages can't have this: {other:?}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_becomes_roff() {
        let mut roff = Roff::new();
        prose("## Exit codes\n\nAs `x`\nand [y](z).\n\n- one\n- two\n\n```sh\n.a\n  b\n```\n", &mut roff)
            .unwrap();
        let expected = ".SH \"EXIT CODES\"\n.PP\nAs \\fBx\\fR\nand y.\n.IP \\(bu 2\none\n.IP \\(bu 2\ntwo\n.PP\n.RS 4\n.nf\n\
            \\&.a\n  b\n.fi\n.RE\n";
        assert_eq!(roff.to_roff(), expected);
    }

    #[test]
    fn what_a_man_page_can_t_have_is_refused() {
        assert!(prose("# too high\n", &mut Roff::new()).is_err());
        assert!(prose("1. counted\n", &mut Roff::new()).is_err());
    }

    #[test]
    fn every_tool_has_a_page_in_roff() {
        let files = files(&crate::pages::suites().unwrap()).unwrap();
        let page = &files["man1/s6-svc.1"];
        assert!(page.contains(".TH s6-svc 1 \"\" s6 s6-overlay\n"), "{page}");
        assert!(page.contains("\n.TP\n\\fB\\-T\\fR \\fItimeout\\fR\n"), "{page}");
        assert!(files.contains_key("man8/s6-mount.8"));
    }
}
