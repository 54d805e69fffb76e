//! What is done as in former versions.

use crate::finding::{Edit, Finding, Span};
use crate::image::{BUNDLES, Image, SERVICES};
use files::Kind;
use overlay::boot::sources::USER_BUNDLES;
use tool::path::join;

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    for bundle in USER_BUNDLES {
        let old = join(SERVICES, bundle);
        if !image.tree.is_directory(&old) || !image.knows_user_bundles() {
            continue;
        }
        let text = "user bundles have had a place of their own since version 3.2.3.0";
        let new = join(BUNDLES, bundle);
        let shown = String::from_utf8_lossy(&new).into_owned();
        let finding = Finding::new(701, &old, text).advice(format!("git mv it to {shown}"));
        found.push(match image.tree.lstat(&new) {
            None => finding.safe_fix(format!("move it to {shown}"), vec![Edit::Rename(old, new)]),
            Some(_) => finding,
        });
    }
    for service in &image.legacy {
        let text = "a service of services.d is restarted and stopped, but has neither dependencies nor a logger of its own kind";
        found.push(
            Finding::new(702, &service.path, text).advice("make it a longrun in /etc/s6-overlay/s6-rc.d"),
        );
    }
    for script in &image.stages {
        let meta = script.meta;
        if meta.kind == Kind::File && meta.mode & 0o111 == 0 && !image.config.steps.change_modes {
            let text = format!("it isn't executable: its mode is {:04o}", meta.mode);
            let finding = Finding::new(703, &script.path, text).at(Span::line(1));
            found.push(finding.chmod(meta.mode | 0o111));
        }
    }
}
