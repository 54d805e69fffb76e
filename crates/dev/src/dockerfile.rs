//! The instructions of a Dockerfile, and where they stand.

use std::ops::Range;

/// Where a Dockerfile says what an image is started with, in bytes: the whole instructions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// ENTRYPOINT.
    pub entrypoint: Option<Range<usize>>,
    /// CMD.
    pub cmd: Option<Range<usize>>,
    /// USER.
    pub user: Option<Range<usize>>,
    /// HEALTHCHECK.
    pub healthcheck: Option<Range<usize>>,
    /// STOPSIGNAL.
    pub stop_signal: Option<Range<usize>>,
    /// The variables, in the order of [`crate::config::Config::env`].
    pub env: Vec<Assignment>,
    /// The end of the file.
    pub end: usize,
}

/// What the steps of a Dockerfile do to files, as far as that can be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps {
    /// Whether an s6-overlay is installed by them.
    pub install_overlay: bool,
    /// Whether its tarballs of symlinks are.
    pub install_symlinks: bool,
    /// The numbers of its version.
    pub overlay_version: Option<Vec<u32>>,
    /// Whether they change files' modes.
    pub change_modes: bool,
}

impl Steps {
    /// What the lines of a Dockerfile do, those of here-documents among them.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        let has = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
        Self {
            install_overlay: lines.iter().any(|line| {
                has(line, &["s6-overlay-noarch", "s6-overlay/releases/", "install-s6", "install_s6"])
            }),
            install_symlinks: lines.iter().any(|line| has(line, &["overlay-symlinks", "overlay-${"])),
            overlay_version: lines.iter().find_map(|line| overlay_version(line)),
            change_modes: lines.iter().any(|line| has(line, &["chmod"])),
        }
    }
}

/// The version of the overlay that a line of a Dockerfile sets or loads.
fn overlay_version(line: &str) -> Option<Vec<u32>> {
    let before = ["S6_OVERLAY_VERSION=", "S6_VERSION=", "s6-overlay/releases/download/"];
    if let Some(version) = version_2(line) {
        return Some(version);
    }
    let rest = before.iter().find_map(|word| line.split_once(word).map(|(_, rest)| rest))?;
    let rest = rest.trim_start_matches(['"', '\'', 'v']);
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let numbers: Option<Vec<u32>> = rest.get(..end)?.split('.').map(|number| number.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() > 1)
}

/// The four numbers of a version 2 in a line about s6, such as the tag of an image that has it.
fn version_2(line: &str) -> Option<Vec<u32>> {
    if !line.to_ascii_lowercase().contains("s6") {
        return None;
    }
    let words = line.split(|c: char| !c.is_ascii_digit() && c != '.');
    let mut versions =
        words.map(|word| word.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u32>>>());
    versions.find_map(|version| version.filter(|numbers| numbers.len() == 4 && numbers.first() == Some(&2)))
}

/// Where a variable is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Its name.
    pub name: Range<usize>,
    /// Its value, with quotes.
    pub value: Range<usize>,
    /// The whole instruction, if it sets nothing else.
    pub alone: Option<Range<usize>>,
}

/// An instruction: its lines joined.
#[derive(Debug, Default)]
pub struct Instruction {
    text: String,
    /// For each byte of the text, where it stands in the file.
    places: Vec<usize>,
}

/// The instructions of a Dockerfile, without comments and here-documents.
#[must_use]
pub fn instructions(text: &str) -> Vec<Instruction> {
    let mut all = vec![Instruction::default()];
    let mut documents: Vec<String> = Vec::new();
    let mut at = 0;
    for whole in text.split_inclusive('\n') {
        let start = at;
        at += whole.len();
        let line = whole.trim_end();
        if let Some(end) = documents.first() {
            if line.trim_start_matches('\t') == end {
                documents.remove(0);
            }
            continue;
        }
        if line.trim_start().starts_with('#') {
            continue;
        }
        let goes_on = line.ends_with('\\');
        let line = line.strip_suffix('\\').unwrap_or(line);
        if let Some(last) = all.last_mut() {
            last.text.push_str(line);
            last.places.extend(start..start + line.len());
            if !goes_on {
                documents = here_documents(&last.text);
                all.push(Instruction::default());
            }
        }
    }
    all.retain(|instruction| !instruction.text.trim().is_empty());
    all
}

/// The ends of the here-documents that begin behind an instruction.
fn here_documents(text: &str) -> Vec<String> {
    let word = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if !matches!(word.as_str(), "RUN" | "COPY" | "ADD") {
        return Vec::new();
    }
    let after = text.split("<<").skip(1);
    let ends = after.filter_map(|rest| {
        let rest = rest.strip_prefix('-').unwrap_or(rest).trim_start_matches(['"', '\'']);
        let end: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        end.chars().next().is_some_and(|first| !first.is_ascii_digit()).then_some(end)
    });
    ends.collect()
}

impl Instruction {
    /// Its name, and what follows.
    #[must_use]
    pub fn words(&self) -> (&str, &str) {
        let text = self.text.trim();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        (word, rest.trim())
    }

    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Range<usize> {
        let start = self.text.len() - self.text.trim_start().len();
        self.range(start..self.text.trim_end().len())
    }

    /// Where a part of its text stands.
    fn range(&self, part: Range<usize>) -> Range<usize> {
        let start = self.places.get(part.start).or(self.places.last()).copied().unwrap_or(0);
        let last =
            part.end.checked_sub(1).filter(|last| *last >= part.start).and_then(|last| self.places.get(last));
        start..last.map_or(start, |last| last + 1)
    }

    /// `NAME=value NAME="value"`, or `NAME value` in the old form: names, values, and where they stand.
    #[must_use]
    pub fn assignments(&self) -> Vec<((String, String), Assignment)> {
        let (_, text) = self.words();
        let base = self.text.trim_end().len() - text.len();
        let whole = self.place();
        let first = text.split(char::is_whitespace).next().unwrap_or_default();
        let assignment = |name: Range<usize>, value: Range<usize>| Assignment {
            name: self.range(base + name.start..base + name.end),
            value: self.range(base + value.start..base + value.end),
            alone: None,
        };
        let mut all = Vec::new();
        if !first.contains('=') {
            let value = text.get(first.len()..).unwrap_or_default().trim();
            let place = assignment(0..first.len(), text.len() - value.len()..text.len());
            all.push(((first.to_owned(), value.to_owned()), place));
        } else {
            let mut at = 0;
            while let Some((name, after)) = text.get(at..).and_then(|rest| rest.split_once('=')) {
                let (value, length) = value(after);
                let begin = at + name.len() - name.trim_start().len();
                let from = at + name.len() + 1;
                let place = assignment(begin..begin + name.trim().len(), from..from + length);
                all.push(((name.trim().to_owned(), value), place));
                at = from + length;
            }
        }
        if let [(_, place)] = all.as_mut_slice() {
            place.alone = Some(whole);
        }
        all
    }
}

/// A value without its quotes, and how long it is with them.
fn value(text: &str) -> (String, usize) {
    let (mut value, mut quote, mut escaped) = (String::new(), None, false);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            ('\\', _) => escaped = true,
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => return (value, at),
            (c, _) => value.push(c),
        }
    }
    (value, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_to_the_text() {
        let text =
            "FROM x\nENV A=1 B=\"two words\" \\\n  # a comment\n  C=x\nENV OLD form of it\n  ENV ONE='1'  \n";
        let mut shown = Vec::new();
        for instruction in instructions(text) {
            shown.push(format!("{:?}", &text[instruction.place()]));
            for ((name, value), place) in
                instruction.assignments().into_iter().filter(|_| instruction.words().0 == "ENV")
            {
                let alone = place.alone.map(|place| &text[place]);
                shown.push(format!(
                    "  {name} {value}: {:?} {:?} {alone:?}",
                    &text[place.name], &text[place.value]
                ));
            }
        }
        insta::assert_snapshot!(shown.join("\n"));
    }

    #[test]
    fn what_is_in_a_here_document_is_no_instruction() {
        let text = "RUN <<EOF\nUSER x\nCMD y\nEOF\nCOPY <<-'a' <<b /\n\ta\nUSER z\nb\nUSER me\n";
        let names: Vec<_> = instructions(text).iter().map(|i| i.words().1.to_owned()).collect();
        assert_eq!(names, ["<<EOF", "<<-'a' <<b /", "me"]);
    }
}
