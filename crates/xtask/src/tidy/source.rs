//! What the rules read.

/// A file of the workspace.
pub struct Source {
    /// Its path from the top, with `/`.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl Source {
    /// The text up to the unit tests in it.
    pub fn without_tests(&self) -> &str {
        let mut starts = self.text.match_indices("#[cfg(test)]\n").map(|(at, _)| at);
        let has_them = |at: &usize| {
            let mut item = self.text[*at..].lines().skip_while(|line| line.starts_with("#["));
            item.next().is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
        };
        starts.find(has_them).map_or(&self.text, |at| &self.text[..at])
    }
}
