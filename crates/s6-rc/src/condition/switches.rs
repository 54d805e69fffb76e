//! What variables leave out, add and require, for images that one doesn't build.

use crate::diagnostic::{Code, Diagnostic};
use crate::restart_policy::overrides::{Elsewhere, Given, undefined};
use tool::diag::show;

/// A variable, and its value: names, before each of which a `?` may say that nothing needs to have it.
#[derive(Debug, Clone, Default)]
struct List {
    variable: &'static str,
    text: Vec<u8>,
}

impl List {
    /// Gives each name to `each`, and whether nothing needs to have it.
    fn each(&self, each: &mut dyn FnMut(&[u8], bool)) {
        for word in self.text.split(u8::is_ascii_whitespace) {
            match word.strip_prefix(b"?") {
                Some(name) => each(name, true),
                None if word.is_empty() => {}
                None => each(word, false),
            }
        }
    }

    fn has(&self, name: &[u8]) -> bool {
        let mut has = false;
        self.each(&mut |other, _| has |= other == name);
        has
    }
}

/// What the variables say.
#[derive(Debug, Clone, Default)]
pub struct Switches {
    disabled: List,
    enabled: List,
    required: List,
}

impl Switches {
    /// The names in three variables: of services that aren't to be in the container, of those that are to be started though no
    /// bundle has them, and of those without which it isn't to start.
    #[must_use]
    pub fn new(disabled: Given<'_>, enabled: Given<'_>, required: Given<'_>) -> Self {
        let list = |(variable, text): Given<'_>| List { variable, text: text.to_vec() };
        Self { disabled: list(disabled), enabled: list(enabled), required: list(required) }
    }

    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.disabled.text.is_empty() && self.enabled.text.is_empty() && self.required.text.is_empty()
    }

    /// Why a service isn't to be in the container, if that is so.
    #[must_use]
    pub fn disables(&self, name: &[u8]) -> Option<String> {
        self.disabled.has(name).then(|| format!("{} has it", self.disabled.variable))
    }

    /// What makes a service one without which the container isn't to start, if anything does; `main`: its definition says that
    /// the container is for it.
    #[must_use]
    pub fn requires(&self, name: &[u8], main: bool) -> Option<&'static str> {
        let named = self.required.has(name).then_some(self.required.variable);
        named.or_else(|| main.then_some("its file main"))
    }

    /// Gives the names of those to be started in any case.
    pub(crate) fn each_enabled(&self, each: &mut dyn FnMut(&[u8])) {
        self.enabled.each(&mut |name, _| each(name));
    }

    /// Reports the names that nothing has; `names` are those of all services and bundles.
    pub fn check_names(&self, names: &[&[u8]], elsewhere: Elsewhere<'_>, findings: &mut Vec<Diagnostic>) {
        if elsewhere.grows {
            return;
        }
        for list in [&self.disabled, &self.enabled, &self.required] {
            list.each(&mut |name, may_be_unknown| {
                if may_be_unknown || names.contains(&name) || elsewhere.names.iter().any(|n| n == name) {
                    return;
                }
                let mut names = names.iter().copied().chain(elsewhere.names.iter().map(Vec::as_slice));
                let mut finding = undefined(Code::SWITCH, list.variable, name, &mut names);
                let advice = finding.advice.take().unwrap_or_default();
                finding.advice = Some(format!("{advice}; write ?{} if it may be missing", show(name)));
                findings.push(finding);
            });
        }
    }

    /// Reports the names that can't be switched off: those of `fixed`, and those that are to be added, too.
    pub(crate) fn check_sense(&self, fixed: &[&[u8]], findings: &mut Vec<Diagnostic>) {
        let List { variable, .. } = self.disabled;
        self.disabled.each(&mut |name, _| {
            let (text, advice) = match () {
                () if fixed.contains(&name) => ("is a part of every container", "remove it"),
                () if self.enabled.has(name) => {
                    ("is there and in S6_ENABLE", "remove it from one of the two")
                }
                () => return,
            };
            let text = format!("{} {text}", show(name));
            findings.push(Diagnostic::error(Code::SWITCH, variable.into(), text).advice(advice));
        });
    }
}
