//! What a dry run prints instead of a transition: a command that does the same.

use crate::database::Id;
use crate::work::Work;
use tool::diag::show;

/// The command for a longrun; `has_readiness`: it has a `notification-fd`.
pub(crate) fn longrun(work: Work, servicedir: &[u8], has_readiness: bool) -> Vec<u8> {
    let options: &[u8] = match (work, has_readiness) {
        (Work::Start, true) => b"-uwU",
        (Work::Start, false) => b"-uwu",
        (Work::Stop, _) => b"-dwD",
        (Work::Reload, _) => b"-l",
    };
    [b"s6-rc-dryrun: s6-svc ", options, b" -- ", servicedir].concat()
}

/// The command for the oneshot of this number, and its name.
pub(crate) fn oneshot(work: Work, live: &[u8], id: Id, name: &[u8]) -> Vec<u8> {
    let (live, word, name) = (show(live), work.script().word(), show(name));
    format!("s6-rc-dryrun: s6-rc-oneshot-run -l {live} {word} {id} # {name}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{longrun, oneshot};
    use crate::work::Work;

    #[test]
    fn each_transition_has_its_command() {
        let of = |work, ready| String::from_utf8(longrun(work, b"/l/web", ready)).unwrap();
        assert_eq!(of(Work::Start, true), "s6-rc-dryrun: s6-svc -uwU -- /l/web");
        assert_eq!(of(Work::Start, false), "s6-rc-dryrun: s6-svc -uwu -- /l/web");
        assert_eq!(of(Work::Stop, true), "s6-rc-dryrun: s6-svc -dwD -- /l/web");
        assert_eq!(of(Work::Stop, false), "s6-rc-dryrun: s6-svc -dwD -- /l/web");
        assert_eq!(of(Work::Reload, true), "s6-rc-dryrun: s6-svc -l -- /l/web");
        let of = |work| String::from_utf8(oneshot(work, b"/l", 7, b"mount")).unwrap();
        assert_eq!(of(Work::Start), "s6-rc-dryrun: s6-rc-oneshot-run -l /l up 7 # mount");
        assert_eq!(of(Work::Stop), "s6-rc-dryrun: s6-rc-oneshot-run -l /l down 7 # mount");
        assert_eq!(of(Work::Reload), "s6-rc-dryrun: s6-rc-oneshot-run -l /l reload 7 # mount");
    }
}
