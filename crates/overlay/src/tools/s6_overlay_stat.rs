//! `s6-overlay-stat`: prints owner and permissions of a file as shell assignments.

use rustix::fs::{AtFlags, CWD};
use tool::{Call, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay-stat",
    summary: "print owner and permissions of a file as shell assignments",
    operands: "path",
    options: &[],
    role: Role::Chain,
    main,
};

/// The names of the bits of a mode, from the lowest.
const BITS: [&str; 12] = ["ox", "ow", "or", "gx", "gw", "gr", "ux", "uw", "ur", "os", "gs", "us"];

fn permissions(mode: u32) -> String {
    BITS.iter().enumerate().filter(|(i, _)| mode >> i & 1 == 1).map(|(_, name)| *name).collect()
}

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let path = call.shift()?;
    let stat = sys::fs::statat(CWD, path.as_slice(), AtFlags::empty()).or_unable_to("stat", &path)?;
    let users = sys::account::users().or_unable(|| "read /etc/passwd")?;
    let groups = sys::account::groups().or_unable(|| "read /etc/group")?;
    let user = users.into_iter().find(|u| u.uid == stat.st_uid).map(|u| u.name).unwrap_or_default();
    let group = groups.into_iter().find(|g| g.gid == stat.st_gid).map(|g| g.name).unwrap_or_default();
    let mut out = Out::new();
    for (name, value) in [
        ("uid=", stat.st_uid.to_string().into_bytes()),
        ("user=", user),
        ("gid=", stat.st_gid.to_string().into_bytes()),
        ("group=", group),
        ("perms=", permissions(stat.st_mode).into_bytes()),
    ] {
        out.line(&[name.as_bytes(), &value].concat())?;
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_named_from_the_lowest_bit() {
        assert_eq!(permissions(0o755), "oxorgxgruxuwur");
        assert_eq!(permissions(0o1777), "oxoworgxgwgruxuwuros");
    }
}
