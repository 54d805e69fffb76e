//! Whether /run is fit for a supervision tree, and what makes it so: the pure decision.
//!
//! /run must belong to the container's user, or be usable by it without letting anybody else replace what is
//! in it.  A private folder below a /run that others may write to, without a sticky bit, would be no help: scripts know
//! the paths /run/service and /run/s6, and a process that may write to /run may put something else under these names.

use crate::environment::variables::S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES as ACCEPTS;

/// What /run is like, and for whom it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    /// The container's user.
    pub(crate) uid: u32,
    /// The container's group.
    pub(crate) gid: u32,
    /// Root's rights are at hand to fix things.
    pub(crate) privileged: bool,
    /// Owner of /run.
    pub(crate) run_uid: u32,
    /// Group of /run.
    pub(crate) run_gid: u32,
    /// Mode of /run, the lower twelve bits.
    pub(crate) run_mode: u32,
    /// S6_YES_I_WANT_A_WORLD_WRITABLE_RUN_BECAUSE_KUBERNETES
    pub(crate) insecure_accepted: bool,
}

/// What to do with /run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: it is good.
    Good,
    /// Nothing, but it should be known.
    Warn(Concern),
    /// Give it to the container's user with mode 0755.
    Take,
    /// It can't be used.
    Refuse(Reason),
}

/// Why a /run that can be used is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concern {
    /// It belongs to root and is sticky.
    RootsAndSticky,
    /// Everybody may write to it, which was accepted.
    WorldWritable,
    /// Its group may write to it, which was accepted.
    GroupWritable,
}

/// Why a /run can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The container runs with group 0, which has to be able to write.
    Group0,
    /// Everybody else in its group, or everybody, may write to it.
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

/// The verdict.
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
    fn ones_own_is_good() {
        assert_eq!(judge(Facts { run_uid: 1000, ..USER }), Verdict::Good);
        assert_eq!(judge(Facts { uid: 0, run_mode: 0o777, ..USER }), Verdict::Good);
    }

    #[test]
    fn root_fixes() {
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
    fn group_0() {
        let group = Facts { gid: 0, ..USER };
        assert!(refused(group));
        assert!(refused(Facts { run_mode: 0o777, ..group }));
        assert_eq!(judge(Facts { run_mode: 0o775, ..group }), Verdict::Good);
        assert!(warned(Facts { run_mode: 0o1777, ..group }));
    }

    #[test]
    fn sticky_folders_work() {
        assert!(warned(Facts { run_mode: 0o1777, ..USER }));
        assert!(refused(Facts { run_gid: 1000, run_mode: 0o1775, ..USER }));
        assert!(warned(Facts { run_gid: 1000, run_mode: 0o3775, ..USER }));
    }

    #[test]
    fn kubernetes() {
        let asked = Facts { insecure_accepted: true, ..USER };
        assert!(warned(Facts { run_mode: 0o777, ..asked }));
        assert!(warned(Facts { run_gid: 1000, run_mode: 0o775, ..asked }));
        assert!(warned(Facts { gid: 0, run_mode: 0o777, ..asked }));
        assert!(refused(Facts { run_mode: 0o757, ..asked }));
    }
}
