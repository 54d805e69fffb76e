//! Recorded cases wait for events: a `sleep` of a case's own shell needs a comment that gives its reason.
//!
//! What counts is what the shell of the case runs in the foreground: not the programs and services that a case makes
//! (in quotes or here documents), and not the pauses of a loop that waits for something (`until … do sleep`).

use super::complaint::Complaint;
use super::source::Source;

/// What waits.
const SLEEPS: &[&str] = &["sleep", "usleep"];
/// After what a command begins.
const BEFORE: &[&str] = &["", ";", "&", "|", "(", "{", "do", "then", "else"];

/// Complains about each sleep without a comment, on its line or the one above.
pub fn check(sources: &[Source]) -> Vec<Complaint> {
    let cases = sources.iter().filter(|s| s.path.ends_with(".cases"));
    cases.flat_map(|s| sleeps(&s.text).map(|line| Complaint::new(&s.path, line, WHAT))).collect()
}

const WHAT: &str = "sleep: wait for an event, or state in a comment what doesn't happen meanwhile";

/// The lines with a sleep that no comment explains.
fn sleeps(text: &str) -> impl Iterator<Item = usize> {
    let mut reader = Reader::default();
    let mut was_comment = false;
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        let explained = std::mem::replace(&mut was_comment, line.trim_start().starts_with('#'));
        let (code, has_comment) = reader.read(line)?;
        (waits(&code) && !has_comment && !explained).then_some(number)
    })
}

/// Whether a line of shell code sleeps in the foreground, outside a loop that waits.
fn waits(code: &str) -> bool {
    let words: Vec<&str> = code.split_whitespace().collect();
    let is_loop = words.iter().any(|word| matches!(*word, "until" | "while"));
    let is_sleep = |at: usize| {
        let before = if at == 0 { "" } else { words[at - 1] };
        let rest = words[at + 1..].iter().find(|word| matches!(**word, ";" | "&" | "|" | ")" | "}"));
        SLEEPS.contains(&words[at]) && BEFORE.contains(&before) && rest != Some(&"&")
    };
    !is_loop && (0..words.len()).any(is_sleep)
}

/// Reads a file of cases line by line.
#[derive(Default)]
struct Reader {
    /// In recorded output.
    is_output: bool,
    /// The line that ends the here document.
    document: Option<String>,
    /// The quote that is open.
    quote: Option<char>,
}

impl Reader {
    /// The commands on a line of script, quoted text left out and operators apart, and whether a comment follows.
    /// `None` for lines that are no script.
    fn read(&mut self, line: &str) -> Option<(String, bool)> {
        if line.starts_with("@@ ") {
            *self = Self { is_output: line.starts_with("@@ expect"), ..Self::default() };
            return None;
        }
        if self.is_output {
            return None;
        }
        if let Some(end) = &self.document {
            if line.trim_start_matches('\t') == end {
                self.document = None;
            }
            return None;
        }
        let mut code = String::new();
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match (self.quote, c) {
                (Some(quote), c) if c == quote => self.quote = None,
                (None | Some('"'), '\\') => rest = rest.get(1..).unwrap_or_default(),
                (Some(_), _) => {}
                (None, '\'' | '"') => {
                    self.quote = Some(c);
                    code.push('_');
                }
                (None, '#') if code.is_empty() || code.ends_with([' ', '\t']) => return Some((code, true)),
                (None, '<') if rest.starts_with('<') => {
                    let word = rest[1..].trim_start_matches(['-', ' ']);
                    let word = word.split([' ', ';', '&', '|', ')']).next().unwrap_or_default();
                    self.document = Some(word.replace(['\'', '"', '\\'], ""));
                    rest = &rest[1..];
                }
                // Redirections such as `2>&1` start nothing in the background.
                (None, '&') if code.ends_with(['<', '>']) => code.push(c),
                (None, ';' | '&' | '|' | '(' | ')' | '{' | '}') => code.extend([' ', c, ' ']),
                (None, c) => code.push(c),
            }
        }
        Some((code, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(script: &str) -> Vec<usize> {
        sleeps(script).collect()
    }

    #[test]
    fn a_sleep_needs_a_comment() {
        assert_eq!(lines("@@ case a\nf; sleep 0.1; g\n@@ expect 0\nsleep 1\n"), [2]);
        assert_eq!(
            lines("@@ case a\nf && sleep 0.1  # nothing comes\n# nothing comes\nusleep 100\n"),
            [0_usize; 0]
        );
        assert_eq!(lines("@@ case a\nif a; then sleep 1; fi\n{ sleep 1 2>&1; }\n"), [2, 3]);
    }

    #[test]
    fn loops_programs_and_processes_in_the_background_are_no_waits() {
        for line in [
            "until test -e x; do n=$((n+1)); sleep 0.1; done",
            "mk a 'sleep 1; exec b'",
            "x /run <<'E'\nsleep 1\nE",
            "cat >x <<-E; f\n\tsleep 1\n\tE",
            "sh -c \"\nsleep 1\n\"",
            "sleep 1000 <>f & p=$!",
            "s6-setlock l sleep 1",
            "s6-sleep 1",
        ] {
            assert_eq!(lines(&format!("@@ case a\n{line}\n")), [0_usize; 0], "{line}");
        }
        assert_eq!(lines("@@ case a\nx <<E\nE\nsleep 1\n"), [4]);
    }
}
