//! A source directory, `s`, and a place for what becomes of it.

use s6_rc::compile::Report;
use s6_rc::diagnostic::Severity;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

pub struct Sources(tempfile::TempDir);

impl Sources {
    /// With these files in `s`.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join("s").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(dir)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.path().join(name).as_os_str().as_bytes().to_vec()
    }

    /// The findings of such a severity, without the path of the temporary directory.
    pub fn said(&self, report: &Report, is_it: impl Fn(Severity) -> bool) -> Vec<String> {
        let top = format!("{}/s/", self.path().display());
        let found = report.diagnostics.iter().filter(|finding| is_it(finding.severity));
        let mut found: Vec<_> = found.map(|finding| finding.to_string().replace(&top, "")).collect();
        found.sort();
        found
    }
}
