//! Pure: whether /run can hold a supervision tree, and what makes it usable.
//!
//! /run must belong to the container's user, or be usable by that user without letting other users replace its contents.
//! A private folder below a /run that others may write to, without a sticky bit, doesn't help: scripts use the paths
//! /run/service and /run/s6, and a process that may write to /run can replace what has these names.

use crate::environment::variables::S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES as ACCEPTS;

/// The properties of /run and of the container's user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// The container's user.
    pub(crate) uid: u32,
    /// The container's group.
    pub(crate) gid: u32,
    /// Whether this process has root's rights.
    pub(crate) privileged: bool,
    /// The owner of /run.
    pub(crate) run_uid: u32,
    /// The group of /run.
    pub(crate) run_gid: u32,
    /// The mode of /run, the lower twelve bits.
    pub(crate) run_mode: u32,
    /// Whether S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES is on.
    pub(crate) insecure_accepted: bool,
}

/// What to do with /run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Use it.
    Good,
    /// Use it after a warning.
    Warn(Concern),
    /// Give it to the container's user, with mode 0755.
    Take,
    /// Refuse to start.
    Refuse(Reason),
}

/// Why a usable /run deserves a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concern {
    /// It belongs to root and is sticky.
    RootsAndSticky,
    /// All users may write to it, which the variable accepts.
    WorldWritable,
    /// Its group may write to it, which the variable accepts.
    GroupWritable,
}

/// Why a /run can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The container runs with group 0, which must be able to write to it.
    Group0,
    /// All members of its group, or all users, may write to it.
    OthersMayWrite,
    /// It belongs to another user.
    Foreign,
}

impl std::fmt::Display for Concern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = match self {
            Self::RootsAndSticky => {
                return f.write_str("/run belongs to root; that works as long as only one user runs here");
            }
            Self::WorldWritable => "WORLD",
            Self::GroupWritable => "GROUP",
        };
        write!(f, "/run belongs to root and is {who} WRITABLE, which {ACCEPTS} accepts")
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group0 => {
                f.write_str("it has to be writable for its group 0 and not for others, or be sticky")
            }
            Self::OthersMayWrite => write!(
                f,
                "others may change what is in it (set {ACCEPTS}=1 if nothing else runs here, as in most pods)"
            ),
            Self::Foreign => f.write_str("it belongs to another user"),
        }
    }
}

const STICKY: u32 = 0o1000;
const SETGID: u32 = 0o2000;

/// Judges /run.
#[must_use]
pub(crate) fn judge(f: Facts) -> Verdict {
    let all = |bits: u32| f.run_mode & bits == bits;
    if f.run_uid == f.uid {
        return Verdict::Good;
    }
    if f.privileged {
        return Verdict::Take;
    }
    if f.gid == 0 && f.run_gid == 0 && !all(0o007 | STICKY) && !(f.insecure_accepted && all(0o772)) {
        let is_writable = all(0o070) && f.run_mode & 0o002 == 0;
        return if is_writable { Verdict::Good } else { Verdict::Refuse(Reason::Group0) };
    }
    if f.run_uid == 0 {
        let usable = all(0o007 | STICKY) || (f.run_gid == f.gid && all(0o070 | STICKY | SETGID));
        if usable {
            return Verdict::Warn(Concern::RootsAndSticky);
        }
        if f.insecure_accepted && all(0o770) {
            return Verdict::Warn(if all(0o002) { Concern::WorldWritable } else { Concern::GroupWritable });
        }
        if all(0o770) {
            return Verdict::Refuse(Reason::OthersMayWrite);
        }
    }
    Verdict::Refuse(Reason::Foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODES: [u32; 9] = [0o755, 0o770, 0o775, 0o757, 0o777, 0o1775, 0o1777, 0o3775, 0o2777];

    /// One line per user, /run and verdict, with the modes in octal that lead to it.
    #[test]
    fn every_user_and_every_run() {
        let users = [
            ("root with rights", 0, 0, true),
            ("user", 1000, 1000, false),
            ("user of group 0", 1000, 0, false),
        ];
        let users = [&users[..], &[("user with rights", 1000, 1000, true)]].concat();
        let owners =
            [("root:root", 0, 0), ("root:user", 0, 1000), ("user:user", 1000, 1000), ("other:root", 7, 0)];
        let mut lines = Vec::new();
        for (user, uid, gid, privileged) in users {
            for (owner, run_uid, run_gid) in owners {
                for insecure_accepted in [false, true] {
                    let accepted = if insecure_accepted { ", insecure accepted" } else { "" };
                    let mut verdicts: Vec<(Verdict, String)> = Vec::new();
                    for run_mode in MODES {
                        let facts =
                            Facts { uid, gid, privileged, run_uid, run_gid, run_mode, insecure_accepted };
                        let (verdict, mode) = (judge(facts), format!(" {run_mode:04o}"));
                        match verdicts.iter_mut().find(|(known, _)| *known == verdict) {
                            Some((_, modes)) => modes.push_str(&mode),
                            None => verdicts.push((verdict, mode)),
                        }
                    }
                    for (verdict, modes) in verdicts {
                        lines.push(format!("{user}, /run of {owner}{accepted}: {verdict:?}:{modes}"));
                    }
                }
            }
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    const USER: Facts = Facts {
        uid: 1000,
        gid: 1000,
        privileged: false,
        run_uid: 0,
        run_gid: 0,
        run_mode: 0o755,
        insecure_accepted: false,
    };

    fn refused(f: Facts) -> bool {
        matches!(judge(f), Verdict::Refuse(_))
    }

    fn warned(f: Facts) -> bool {
        matches!(judge(f), Verdict::Warn(_))
    }

    #[test]
    fn a_run_of_the_user_is_good() {
        assert_eq!(judge(Facts { run_uid: 1000, ..USER }), Verdict::Good);
        assert_eq!(judge(Facts { uid: 0, run_mode: 0o777, ..USER }), Verdict::Good);
    }

    #[test]
    fn with_roots_rights_it_is_taken() {
        assert_eq!(judge(Facts { privileged: true, run_mode: 0o777, ..USER }), Verdict::Take);
        assert_eq!(judge(Facts { privileged: true, run_uid: 1001, ..USER }), Verdict::Take);
    }

    #[test]
    fn another_user_is_refused() {
        assert!(refused(USER));
        assert!(refused(Facts { run_mode: 0o777, ..USER }));
        assert!(refused(Facts { run_uid: 1001, run_mode: 0o777, insecure_accepted: true, ..USER }));
    }

    #[test]
    fn group_0_needs_to_write_and_others_must_not() {
        let group = Facts { gid: 0, ..USER };
        assert!(refused(group));
        assert!(refused(Facts { run_mode: 0o777, ..group }));
        assert_eq!(judge(Facts { run_mode: 0o775, ..group }), Verdict::Good);
        assert!(warned(Facts { run_mode: 0o1777, ..group }));
    }

    #[test]
    fn a_sticky_run_works_after_a_warning() {
        assert!(warned(Facts { run_mode: 0o1777, ..USER }));
        assert!(refused(Facts { run_gid: 1000, run_mode: 0o1775, ..USER }));
        assert!(warned(Facts { run_gid: 1000, run_mode: 0o3775, ..USER }));
    }

    #[test]
    fn a_writable_run_needs_the_variable() {
        let asked = Facts { insecure_accepted: true, ..USER };
        assert!(warned(Facts { run_mode: 0o777, ..asked }));
        assert!(warned(Facts { run_gid: 1000, run_mode: 0o775, ..asked }));
        assert!(warned(Facts { gid: 0, run_mode: 0o777, ..asked }));
        assert!(refused(Facts { run_mode: 0o757, ..asked }));
    }
}
