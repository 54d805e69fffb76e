//! What services have to do with each other, and what the compiler can't know of that.

use crate::finding::{Edit, Finding};
use crate::image::{BUNDLES, Definition, Image, SERVICES};
use overlay::boot::omissions::{self, BASE};
use overlay::boot::services::TOP;
use overlay::legacy::idle;
use s6_rc::database::{Database, Id};
use tool::path::join;

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    if let Some(database) = image.compiled().ok().and_then(|compiled| compiled.database.as_ref()) {
        idle(image, database, found);
        early(image, database, found);
    }
    for definition in &image.definitions {
        legacy_services(image, definition, found);
        readiness(image, definition, found);
    }
}

fn definition<'i>(image: &'i Image<'_>, database: &Database, id: Id) -> Option<&'i Definition> {
    let name = database.name(id);
    image.definitions.iter().find(|definition| definition.name == name)
}

/// SO202: a service that doesn't start with the container, and that nobody else names.
fn idle(image: &Image<'_>, database: &Database, found: &mut Vec<Finding>) {
    let starts = lines_about_s6_rc(image);
    for id in omissions::idle(database, TOP) {
        let Some(definition) = definition(image, database, id) else { continue };
        // Somebody may start it by its name.
        if starts.iter().any(|line| line.windows(definition.name.len()).any(|word| word == definition.name)) {
            continue;
        }
        let contents = [BUNDLES, b"/user/contents.d"].concat();
        let name = String::from_utf8_lossy(&definition.name).into_owned();
        let shown = String::from_utf8_lossy(&contents).into_owned();
        let text = "in no user bundle, and nothing that is started needs it";
        let edit = Edit::Create(join(&contents, &definition.name), 0o644, Vec::new());
        let finding = Finding::new(202, &definition.path, text).advice(format!("touch {shown}/{name}"));
        found.push(finding.unsafe_fix(format!("add it to {shown}"), vec![edit]));
    }
}

/// The lines of the image's scripts that have `s6-rc` in them, and so may start a service by its name.
fn lines_about_s6_rc(image: &Image<'_>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut take = |text: &[u8]| {
        let lines = text.split(|byte| *byte == b'\n');
        all.extend(lines.filter(|line| line.windows(5).any(|five| five == b"s6-rc")).map(<[u8]>::to_vec));
    };
    image.scripts().for_each(|script| take(&script.text));
    for definition in image.definitions.iter().filter(|definition| definition.is_oneshot()) {
        for file in ["up", "down"] {
            take(&image.tree.read(&definition.path_of(file), 1 << 16).unwrap_or_default());
        }
    }
    all
}

/// SO204, if there is anything to be prepared.
fn early(image: &Image<'_>, database: &Database, found: &mut Vec<Finding>) {
    let prepares = [&b"/etc/cont-init.d"[..], b"/etc/fix-attrs.d"]
        .iter()
        .any(|folder| image.tree.names(folder).iter().any(|name| !name.starts_with(b".")));
    if !prepares {
        return;
    }
    for id in omissions::early(database, TOP) {
        let Some(definition) = definition(image, database, id) else { continue };
        let text = "it doesn't need base: it may start before cont-init.d and fix-attrs.d are done";
        let advice = "touch dependencies.d/base in its definition";
        let finding = Finding::new(204, &definition.path, text).advice(advice);
        let edit = Edit::Create(definition.path_of("dependencies.d/base"), 0o644, Vec::new());
        found.push(match definition.has("dependencies") {
            true => finding,
            false => finding.safe_fix("add dependencies.d/base", vec![edit]),
        });
    }
}

/// SO205.
fn legacy_services(image: &Image<'_>, definition: &Definition, found: &mut Vec<Finding>) {
    if !definition.list(image.tree, "dependencies").iter().any(|name| name == idle::SERVICES) {
        return;
    }
    for source in [BUNDLES, SERVICES] {
        let entry = join(&join(source, b"user/contents.d"), &definition.name);
        if image.tree.lstat(&entry).is_none() {
            continue;
        }
        let to = join(&join(source, b"user2/contents.d"), &definition.name);
        let name = String::from_utf8_lossy(&definition.name).into_owned();
        let text = format!("{name} needs legacy-services, which comes after the bundle user");
        let finding = Finding::new(205, &entry, text).advice("move it to user2/contents.d");
        found.push(finding.safe_fix("move it to user2", vec![Edit::Rename(entry, to)]));
    }
}

/// SO206.
fn readiness(image: &Image<'_>, definition: &Definition, found: &mut Vec<Finding>) {
    if !definition.is_oneshot() {
        return;
    }
    for name in definition.list(image.tree, "dependencies") {
        let Some(needed) = image.definitions.iter().find(|d| d.name == name && d.is_longrun()) else {
            continue;
        };
        let says_so = ["notification-fd", "ready"].iter().any(|file| needed.has(file));
        // A logger is there as soon as its pipe is.
        let is_logger = needed.has("consumer-for");
        if says_so || is_logger || name.as_slice() == BASE {
            continue;
        }
        let name = String::from_utf8_lossy(&name).into_owned();
        let text = format!("{name}, which it needs, doesn't say when it is ready");
        let advice = format!(
            "create notification-fd in {name}'s definition, and let it write there, or check with s6-notifyoncheck"
        );
        let entry = definition.path_of(&format!("dependencies.d/{name}"));
        let path =
            if image.tree.lstat(&entry).is_some() { entry } else { definition.path_of("dependencies") };
        found.push(Finding::new(206, &path, text).advice(advice));
    }
}
