//! What is done as in former versions.

use crate::finding::{Edit, Finding, Span};
use crate::image::{BUNDLES, Image, LegacyService, SERVICES};
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
        // The one of the image below is merged with it.
        found.push(match image.tree.is_uppermost(&new) {
            false => finding.safe_fix(format!("move it to {shown}"), vec![Edit::Rename(old, new)]),
            true => finding,
        });
    }
    // There is nothing else in version 2.
    if image.is_version_2() {
        return;
    }
    for service in &image.legacy {
        let text = "a service of services.d is restarted and stopped, but has neither dependencies nor a logger of its own kind";
        let finding =
            Finding::new(702, &service.path, text).advice("make it a longrun in /etc/s6-overlay/s6-rc.d");
        found.push(match as_longrun(image, service) {
            Some(edits) => finding.unsafe_fix("make it a longrun", edits),
            None => finding,
        });
    }
    let Some(severity) = image.bad_mode() else { return };
    for script in &image.stages {
        let meta = script.meta;
        if meta.kind == Kind::File && meta.mode & 0o111 == 0 {
            let text = format!("it isn't executable: its mode is {:04o}", meta.mode);
            let finding = Finding::new(703, &script.path, text).at(Span::line(1));
            let mut finding = finding.chmod(meta.mode | 0o111);
            finding.severity = severity;
            found.push(finding);
        }
    }
}

/// What makes a definition of a service of services.d; it no longer comes after all that is in the bundle user.
fn as_longrun(image: &Image<'_>, service: &LegacyService) -> Option<Vec<Edit>> {
    let new = join(SERVICES, &service.name);
    let member = join(&join(BUNDLES, b"user/contents.d"), &service.name);
    // A logger becomes a definition of its own, and what down says isn't said there.
    let has_more =
        [&b"log"[..], b"down"].iter().any(|file| image.tree.lstat(&join(&service.path, file)).is_some());
    if has_more
        || image.tree.lstat(&new).is_some()
        || !image.tree.is_uppermost(&service.path)
        || service.run.is_none()
    {
        return None;
    }
    let file = |name: &[u8]| join(&service.path, name);
    Some(vec![
        Edit::Create(file(b"type"), 0o644, b"longrun\n".to_vec()),
        Edit::Create(file(b"dependencies.d/base"), 0o644, Vec::new()),
        Edit::Create(member, 0o644, Vec::new()),
        Edit::Rename(service.path.clone(), new),
    ])
}
