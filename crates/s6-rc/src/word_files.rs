//! Files of definitions whose contents are a few words: reading them, where an image may have a file of that name by chance.

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::directory::Directory;
use crate::folder::Folder;
use crate::restart_policy::word::{Mistake, Word, words};
use files::Kind;
use tool::Fatal;

/// What some files have in common.
#[derive(Debug)]
pub(crate) struct Topic {
    /// Their names.
    pub(crate) files: &'static [&'static str],
    /// What is found in them.
    pub(crate) code: Code,
    /// What they are about.
    pub(crate) about: &'static str,
    /// Why a service without a daemon has none of them.
    pub(crate) needless: &'static str,
}

/// The value of a file, and where its first word stands.
#[derive(Debug, Clone)]
pub(crate) struct Given<T> {
    pub(crate) value: T,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Reads one definition's files about a topic.
pub(crate) struct Reader<'a, D> {
    pub(crate) topic: &'static Topic,
    pub(crate) folder: &'a Folder<D>,
    pub(crate) findings: &'a mut Vec<Diagnostic>,
}

impl<D: Directory> Reader<'_, D> {
    /// Whether one of the files is there.
    pub(crate) fn has_any(&self) -> bool {
        self.folder.entries().any(|(name, _)| self.topic.files.iter().any(|file| file.as_bytes() == name))
    }

    /// The text of a file; `None` if there is none, or a file that has the name by chance.
    pub(crate) fn text(&mut self, file: &str) -> Result<Option<Vec<u8>>, Fatal> {
        let kind = self.folder.kind(file.as_bytes());
        let text = match kind {
            None => return Ok(None),
            Some(Kind::File) => self.folder.text(file.as_bytes())?.filter(|text| !is_program(text)),
            Some(_) => None,
        };
        if text.is_none() {
            let what = if kind == Some(Kind::File) { "it is a program" } else { "it is not a regular file" };
            let finding = Diagnostic::new(
                self.topic.code,
                Severity::Warning,
                self.folder.path_of(file.as_bytes()),
                format!("not read: {what}"),
            );
            let advice = format!("give it another name: {file} is a file about {}", self.topic.about);
            self.findings.push(finding.advice(advice));
        }
        Ok(text)
    }

    /// The value of a file; a mistake is added to the findings.
    pub(crate) fn value<T>(
        &mut self,
        file: &str,
        parse: fn(&[Word<'_>]) -> Result<T, Mistake>,
    ) -> Result<Option<Given<T>>, Fatal> {
        let Some(text) = self.text(file)? else { return Ok(None) };
        let found = words(&text).and_then(|words| {
            let (line, column) = words.first().map_or((0, 0), |word| (word.line, word.column));
            parse(&words).map(|value| Given { value, line, column })
        });
        match found {
            Ok(given) => Ok(Some(given)),
            Err(mistake) => {
                self.add(file, mistake);
                Ok(None)
            }
        }
    }

    /// Adds a mistake in a file to the findings.
    pub(crate) fn add(&mut self, file: &str, mistake: Mistake) {
        self.findings.push(mistake.diagnostic(self.topic.code, self.folder.path_of(file.as_bytes())));
    }

    /// Reports the files in the definition of a service that isn't a longrun.
    pub(crate) fn reject(&mut self, of: &str) -> Result<(), Fatal> {
        let files = if self.has_any() { self.topic.files } else { &[] };
        for file in files {
            if self.text(file)?.is_some() {
                let text = format!("a {of} {}", self.topic.needless);
                self.add(file, Mistake::whole(text, "remove it, or write longrun into type"));
            }
        }
        Ok(())
    }
}

/// Whether a text is a script or a binary, which images keep beside `run`.
pub(crate) fn is_program(text: &[u8]) -> bool {
    text.starts_with(b"#!") || text.starts_with(b"\x7fELF")
}

#[cfg(test)]
pub(crate) mod tests;
