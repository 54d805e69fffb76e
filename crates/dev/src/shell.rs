//! A small reader of shell scripts: words and how they are put together, with their places.
//!
//! It is no parser of the whole language.  What it doesn't understand it refuses to read, so that nothing is said of it.

use crate::finding::Span;
use crate::text;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A line's end, a semicolon, or the end of the script.
    Plain,
    /// `&`.
    Background,
    /// `|`.
    Pipe,
    /// `&&` or `||`.
    List,
}

/// A word, its quotes removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What it says; of an expansion, its source.
    pub text: String,
    /// Whether nothing in it is replaced by the shell.
    pub literal: bool,
    /// Whether a part of it is quoted.
    pub quoted: bool,
    /// Where it begins in the script, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// A simple command, or a word of the language that stands like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its words, redirections apart.
    pub words: Vec<Word>,
    /// Its redirections, as `2>&1`: operator and target.
    pub redirections: Vec<(String, String)>,
    /// How it ends.
    pub ending: Ending,
    /// In how many of `if`, `while`, `for`, `case`, `{`, `(` and functions it stands.
    pub depth: u32,
}

impl Command {
    /// Its words without assignments in front.
    #[must_use]
    pub fn program(&self) -> &[Word] {
        let assigned = self.words.iter().take_while(|word| is_assignment(word)).count();
        self.words.get(assigned..).unwrap_or_default()
    }

    /// Its first word behind assignments, without a directory.
    #[must_use]
    pub fn name(&self) -> &str {
        base_name(self.program().first().map_or("", |word| word.text.as_str()))
    }
}

/// The last part of a path.
#[must_use]
pub fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_assignment(word: &Word) -> bool {
    word.text.split_once('=').is_some_and(|(name, _)| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// The place of a range of a text; only its first line, if it has more.
#[must_use]
pub fn span_of(text: &[u8], range: std::ops::Range<usize>) -> Span {
    let before = text.get(..range.start).unwrap_or(text);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let inside = text.get(range.clone()).unwrap_or_default();
    let length = inside.iter().position(|byte| *byte == b'\n').unwrap_or(inside.len());
    let column = range.start - begin + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span { line: number(line), column: number(column), end: number(column + length) }
}

/// The words that open a part of a script, and that close one.
const OPENING: [&str; 7] = ["if", "while", "until", "for", "select", "case", "{"];
const CLOSING: [&str; 4] = ["fi", "done", "esac", "}"];
/// The words between, after which a command begins.
const BETWEEN: [&str; 5] = ["then", "else", "elif", "do", "!"];

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    script: Shell,
    words: Vec<Word>,
    redirections: Vec<(String, String)>,
    depth: u32,
    /// The ends of the here-documents that begin at the next line, and whether their tabs are removed.
    documents: Vec<(String, bool)>,
    /// How many `case` are open whose next words are patterns.
    cases: Vec<bool>,
}

/// What a script is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shell {
    /// Its commands, in their order.
    pub commands: Vec<Command>,
    /// The names of its functions.
    pub functions: Vec<String>,
}

/// Reads a script; `None` if it isn't understood.
#[must_use]
pub fn read(text: &[u8]) -> Option<Shell> {
    let mut reader = Reader {
        text,
        at: 0,
        script: Shell::default(),
        words: Vec::new(),
        redirections: Vec::new(),
        depth: 0,
        documents: Vec::new(),
        cases: Vec::new(),
    };
    reader.read()?;
    (reader.depth == 0 && reader.documents.is_empty()).then_some(reader.script)
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn read(&mut self) -> Option<()> {
        while self.at < self.text.len() {
            match self.peek(0) {
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'\\' if self.peek(1) == b'\n' => self.at += 2,
                b'#' => self.skip_line(),
                b'\n' => {
                    self.at += 1;
                    self.finish(Ending::Plain);
                    self.skip_documents()?;
                }
                b';' if self.peek(1) == b';' => {
                    self.at += 2;
                    self.finish(Ending::Plain);
                    *self.cases.last_mut()? = true;
                }
                b';' => {
                    self.at += 1;
                    self.finish(Ending::Plain);
                }
                b'&' if self.peek(1) == b'&' => self.operator(2, Ending::List),
                b'&' if self.peek(1) == b'>' => self.redirection()?,
                b'&' => self.operator(1, Ending::Background),
                b'|' if self.peek(1) == b'|' => self.operator(2, Ending::List),
                b'|' if self.cases.last() == Some(&true) => self.at += 1,
                b'|' => self.operator(1 + usize::from(self.peek(1) == b'&'), Ending::Pipe),
                b'(' if self.words.len() == 1 && self.peek(1) == b')' => {
                    // A function's head.
                    self.at += 2;
                    self.script.functions.extend(self.words.drain(..).map(|word| word.text));
                }
                b'(' if self.words.is_empty() && self.peek(1) != b'(' => {
                    self.at += 1;
                    if self.cases.last() != Some(&true) {
                        self.depth += 1;
                    }
                }
                b')' if self.cases.last() == Some(&true) => {
                    // The end of a pattern.
                    self.at += 1;
                    self.words.clear();
                    *self.cases.last_mut()? = false;
                }
                b')' => {
                    self.at += 1;
                    self.finish(Ending::Plain);
                    self.depth = self.depth.checked_sub(1)?;
                }
                b'(' => return None,
                b'<' | b'>' => self.redirection()?,
                b'0'..=b'9' if self.is_numbered_redirection() => self.redirection()?,
                _ => self.word()?,
            }
        }
        self.finish(Ending::Plain);
        Some(())
    }

    fn skip_line(&mut self) {
        while self.at < self.text.len() && self.peek(0) != b'\n' {
            self.at += 1;
        }
    }

    fn operator(&mut self, length: usize, ending: Ending) {
        self.at += length;
        self.finish(ending);
    }

    /// Ends the command; words of the language in front of it open and close parts.
    fn finish(&mut self, ending: Ending) {
        let words = std::mem::take(&mut self.words);
        let redirections = std::mem::take(&mut self.redirections);
        if !words.is_empty() || !redirections.is_empty() {
            self.script.commands.push(Command { words, redirections, ending, depth: self.depth });
        } else if ending != Ending::Plain
            && let Some(last) = self.script.commands.last_mut()
        {
            // After a part in braces, say.
            last.ending = ending;
        }
    }

    fn is_numbered_redirection(&self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        matches!(rest.get(digits), Some(b'<' | b'>'))
    }

    fn redirection(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
        while matches!(self.peek(0), b'<' | b'>' | b'&' | b'|') {
            self.at += 1;
        }
        let mut operator = String::from_utf8_lossy(self.text.get(start..self.at)?).into_owned();
        let is_document = operator.ends_with("<<");
        let strips = is_document && self.peek(0) == b'-';
        if self.peek(0) == b'-' {
            self.at += 1;
            if !is_document {
                self.redirections.push((operator, "-".into()));
                return Some(());
            }
        }
        while matches!(self.peek(0), b' ' | b'\t') {
            self.at += 1;
        }
        if self.peek(0) == b'(' {
            // A process as a file, which only some shells know.
            return None;
        }
        let before = self.words.len();
        self.word()?;
        let target = self.words.drain(before..).next()?.text;
        if is_document {
            self.documents.push((target, strips));
        } else {
            operator.retain(|c| c != '|');
            self.redirections.push((operator, target));
        }
        Some(())
    }

    /// Goes over the here-documents that begin here.
    fn skip_documents(&mut self) -> Option<()> {
        for (end, strips) in std::mem::take(&mut self.documents) {
            loop {
                let rest = self.text.get(self.at..)?;
                if rest.is_empty() {
                    return None;
                }
                let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                let mut line = rest.get(..length)?;
                if strips {
                    line = line.trim_ascii_start();
                }
                self.at += length + usize::from(length < rest.len());
                if line == end.as_bytes() {
                    break;
                }
            }
        }
        Some(())
    }

    /// Goes over what stands between quotes, or between brackets that may hold others.
    fn skip_to(&mut self, open: u8, close: u8) -> Option<()> {
        let mut depth = 1;
        while depth > 0 {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\'' if close != b'\'' => self.skip_single()?,
                b'"' if close != b'"' => self.skip_to(b'"', b'"')?,
                _ if byte == close => depth -= 1,
                _ if byte == open => depth += 1,
                _ => {}
            }
        }
        Some(())
    }

    fn skip_single(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.iter().position(|byte| *byte == b'\'')? + 1;
        Some(())
    }

    fn word(&mut self) -> Option<()> {
        let start = self.at;
        let (mut text, mut literal, mut quoted) = (Vec::new(), true, false);
        while let Some(byte) = self.text.get(self.at).copied() {
            let from = self.at;
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')' => break,
                b'\\' => {
                    if self.peek(1) != b'\n' {
                        text.push(self.peek(1));
                    }
                    self.at += 2;
                }
                b'\'' => {
                    self.at += 1;
                    self.skip_single()?;
                    text.extend(self.text.get(from + 1..self.at - 1)?);
                    quoted = true;
                }
                b'"' => {
                    self.at += 1;
                    self.skip_double()?;
                    let inside = self.text.get(from + 1..self.at - 1)?;
                    literal &= !inside.iter().any(|byte| matches!(byte, b'$' | b'`'));
                    text.extend(inside);
                    quoted = true;
                }
                b'`' => {
                    self.at += 1;
                    while *self.text.get(self.at)? != b'`' {
                        self.at += 1 + usize::from(self.peek(0) == b'\\');
                    }
                    self.at += 1;
                    literal = false;
                    text.extend(self.text.get(from..self.at)?);
                }
                b'$' => {
                    self.expansion()?;
                    literal = false;
                    text.extend(self.text.get(from..self.at)?);
                }
                _ => {
                    literal &= !matches!(byte, b'*' | b'?' | b'[') || self.words.is_empty();
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        if self.at == start {
            return None;
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let word = Word { text, literal, quoted, start, end: self.at };
        self.take(word)
    }

    fn expansion(&mut self) -> Option<()> {
        self.at += 1;
        match self.peek(0) {
            b'(' => {
                self.at += 1;
                self.skip_to(b'(', b')')
            }
            b'{' => {
                self.at += 1;
                self.skip_to(b'{', b'}')
            }
            b'\'' => None,
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
                    self.at += 1;
                }
                Some(())
            }
            _ => {
                self.at += 1;
                Some(())
            }
        }
    }

    fn skip_double(&mut self) -> Option<()> {
        loop {
            match *self.text.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                b'$' => self.expansion()?,
                _ => self.at += 1,
            }
        }
    }

    /// Takes a word; where a command begins, the words of the language open and close parts.
    fn take(&mut self, word: Word) -> Option<()> {
        let begins = self.words.is_empty() && word.literal && !word.quoted;
        let text = word.text.as_str();
        if self.cases.last() == Some(&true) && !(begins && text == "esac") {
            self.words.push(word);
            return Some(());
        }
        if begins && CLOSING.contains(&text) {
            self.depth = self.depth.checked_sub(1)?;
            if text == "esac" {
                self.cases.pop()?;
            }
        } else if begins && OPENING.contains(&text) {
            self.depth += 1;
            if text == "case" || text == "for" || text == "select" {
                self.words.push(word);
            }
        } else if begins && BETWEEN.contains(&text) {
        } else if begins && (text == "function" || text == "[[" || text.starts_with("((")) {
            return if text == "[[" { self.skip_test() } else { None };
        } else if text == "in"
            && self.words.len() == 2
            && self.words.first().is_some_and(|w| w.text == "case")
        {
            self.words.clear();
            self.cases.push(true);
        } else {
            self.words.push(word);
        }
        Some(())
    }

    /// Goes over `[[ … ]]`.
    fn skip_test(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let end = text::find(rest, b"]]")?;
        if rest.get(..end)?.contains(&b'\n') {
            return None;
        }
        self.words.push(Word {
            text: "[[".into(),
            literal: true,
            quoted: false,
            start: self.at,
            end: self.at,
        });
        self.at += end + 2;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let Some(script) = read(text.as_bytes()) else { return "not understood".into() };
        let one = |c: &Command| {
            let words: Vec<_> = c
                .words
                .iter()
                .map(|w| if w.literal { w.text.clone() } else { format!("<{}>", w.text) })
                .chain(c.redirections.iter().map(|(operator, target)| format!("{operator}{target}")))
                .collect();
            format!("{}{} {:?}", "  ".repeat(c.depth as usize), words.join(" "), c.ending)
        };
        script.commands.iter().map(one).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn commands_of_scripts() {
        let scripts = [
            "#!/bin/sh\nset -e\nexec nginx -g 'daemon off;'\n",
            "mkdir -p a && chown \"$U:$G\" a; cd a\nrun 2>&1 | tee log &\n",
            "if [ -n \"$A\" ]; then\n  x\nelse y; fi\nz\n",
            "for f in *.sh; do . \"$f\"; done\nexec a\n",
            "case \"$1\" in\n a|b) one ;;\n *) two\n ;;\nesac\nlast\n",
            "f() {\n  inner\n}\nf $(cat x | y) `w` ${A:-b c}\n",
            "cat <<EOF >file\n$not a command; (\nEOF\nnext\n",
            "( sub ) && a=1 b=2 prog >/dev/null 2>&1\n",
            "while read -r l; do echo $l; done <in\n",
            "if [[ -f x && -d y ]]; then a; fi",
            "a \\\n  b # comment ' \n",
            "if true; then\n",
            "x=(1 2)\n",
            "diff <(a) <(b)\n",
            "echo 'open\n",
        ];
        let all: Vec<_> = scripts.iter().map(|text| format!("{text}-----\n{}\n", shown(text))).collect();
        insta::assert_snapshot!(all.join("=====\n"));
    }

    #[test]
    fn places_are_lines_and_columns() {
        let text = b"one\ntwo three\n";
        assert_eq!(span_of(text, 8..13), Span { line: 2, column: 5, end: 10 });
        assert_eq!(span_of(text, 0..6), Span { line: 1, column: 1, end: 4 });
    }
}
