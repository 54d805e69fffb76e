//! `s6-overlay version`: prints which version this is.

use overlay::layout::VERSION;
use std::sync::{Mutex, PoisonError};
use tool::{Call, Fatal, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay version",
    summary: "print the version, the architecture and the commit",
    operands: "",
    options: &[Opt::flag('j', "as JSON").long("json")],
    role: Role::Stay,
    main,
};

/// What only the build knows.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// The setuid program, which `s6-overlay install` writes; empty if there is none.
    pub setuid: &'static [u8],
    /// The commit that the program was built from, if that is known.
    pub commit: Option<&'static str>,
}

static BUILD: Mutex<Build> = Mutex::new(Build { setuid: &[], commit: None });

/// Sets what the build knows; called once, at the start of the process.
pub fn set_build(build: Build) {
    *BUILD.lock().unwrap_or_else(PoisonError::into_inner) = build;
}

/// What the build knows.
pub(crate) fn build() -> Build {
    *BUILD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    if !call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let commit = build().commit;
    let mut out = Out::new();
    out.line(if options.has('j') { json(commit) } else { line(commit) }.as_bytes())?;
    out.finish()
}

/// The version for people; also the contents of the file `VERSION` in the package.
pub(crate) fn line(commit: Option<&str>) -> String {
    let commit = commit.map(|commit| [", ", commit].concat()).unwrap_or_default();
    let (own, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    format!("s6-overlay-rs {own} (s6-overlay {VERSION}), {arch}{commit}")
}

/// The same as labels of a metric.
pub(crate) fn labels() -> String {
    let (own, arch, commit) =
        (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, build().commit.unwrap_or_default());
    format!(r#"{{version="{own}",s6_overlay="{VERSION}",arch="{arch}",commit="{commit}"}}"#)
}

fn json(commit: Option<&str>) -> String {
    let commit = commit.map(|commit| ["\"", commit, "\""].concat());
    let commit = commit.as_deref().unwrap_or("null");
    let (own, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    format!(r#"{{"version":"{own}","s6_overlay":"{VERSION}","arch":"{arch}","commit":{commit}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_left_out_where_it_is_unknown() {
        let (own, arch) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
        assert_eq!(line(None), format!("s6-overlay-rs {own} (s6-overlay 3.2.3.2), {arch}"));
        assert_eq!(line(Some("abc")), format!("s6-overlay-rs {own} (s6-overlay 3.2.3.2), {arch}, abc"));
        let expected = |commit| {
            format!(r#"{{"version":"{own}","s6_overlay":"3.2.3.2","arch":"{arch}","commit":{commit}}}"#)
        };
        assert_eq!((json(None), json(Some("abc"))), (expected("null"), expected("\"abc\"")));
    }
}
