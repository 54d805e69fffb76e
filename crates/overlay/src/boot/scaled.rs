//! The numbers of instances that `s6-overlay scale` was given: they stand until the container ends.
//!
//! The file has a line for each service, `NAME=` and what its file `instances` would say.

use crate::layout::SCALED;
use files::{Permissions, Replace, Writers, read_regular_file, replace_at};
use rustix::fs::CWD;
use tool::{Fatal, OrUnable};

/// The largest file that is read.
const SIZE_MAX: usize = 1 << 20;

/// What was asked for: names of services, and what their files would say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scaled(Vec<(Vec<u8>, Vec<u8>)>);

impl Scaled {
    /// What was asked for in this container so far.
    #[must_use]
    pub fn read() -> Self {
        Self::parse(&read_regular_file(CWD, SCALED.as_bytes(), SIZE_MAX).unwrap_or_default())
    }

    fn parse(text: &[u8]) -> Self {
        let mut found = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let mut parts = line.splitn(2, |byte| *byte == b'=');
            if let (Some(name), Some(said)) = (parts.next(), parts.next()) {
                found.set(name, said);
            }
        }
        found
    }

    fn encode(&self) -> Vec<u8> {
        let lines = self.0.iter().map(|(name, said)| [name, &b"="[..], said, b"\n"].concat());
        lines.collect::<Vec<_>>().concat()
    }

    /// Makes it count for whatever compiles the definitions from now on.
    ///
    /// # Errors
    /// The file can't be written: code 111.
    pub fn write(&self) -> Result<(), Fatal> {
        let how = Replace::with(Permissions::Exact(0o644), Writers::One);
        replace_at(CWD, SCALED.as_bytes(), &self.encode(), how).or_unable_to("write", SCALED.as_bytes())
    }

    /// What was said of a service.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<Vec<u8>> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, said)| said.clone())
    }

    /// Takes a new word for a service.
    pub fn set(&mut self, name: &[u8], said: &[u8]) {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_vec(), said.to_vec()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each_service() {
        let mut scaled = Scaled::parse(b"web=2\nnonsense\nworker=mail import\n");
        assert_eq!(scaled.get(b"worker"), Some(b"mail import".to_vec()));
        scaled.set(b"web", b"cpus");
        assert_eq!(scaled.encode(), b"worker=mail import\nweb=cpus\n");
        assert_eq!(Scaled::parse(&scaled.encode()), scaled);
        assert_eq!(scaled.get(b"nonsense"), None);
    }
}
