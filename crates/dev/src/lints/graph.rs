//! What services have to do with each other, and what the compiler can't know of that.

use crate::finding::{Edit, Finding};
use crate::image::{BUNDLES, Definition, Image, SERVICES, Script, Target, Type};
use crate::text::has;
use overlay::boot::omissions::{self, BASE, TOP};
use overlay::boot::sources::USER_BUNDLES;
use overlay::legacy::idle;
use s6_rc::database::{Database, Id};
use s6_rc::diagnostic::Severity;
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
        empty(image, definition, found);
        twice(image, definition, found);
        essential(image, definition, found);
    }
}

fn definition<'i>(image: &'i Image<'_>, database: &Database, id: Id) -> Option<&'i Definition> {
    let name = database.name(id);
    image.definitions.iter().find(|definition| definition.name == name)
}

/// Where programs are that may start a service by its name, beside the scripts of services.
const PROGRAMS: [&[u8]; 7] = [
    b"/etc/s6-overlay/scripts",
    b"/etc/s6-overlay",
    b"/usr/local/bin",
    b"/usr/local/sbin",
    b"/usr/bin",
    b"/usr/sbin",
    b"/",
];

/// SO202: a service that doesn't start with the container, and that nobody else names.
fn idle(image: &Image<'_>, database: &Database, found: &mut Vec<Finding>) {
    let mut idle: Vec<_> =
        omissions::idle(database, TOP).into_iter().filter_map(|id| definition(image, database, id)).collect();
    if idle.is_empty() {
        return;
    }
    let lines = lines_about_s6_rc(image);
    let mut started = take(&mut idle, |d| lines.iter().any(|line| has(line, &d.name)));
    // What is started by its name starts what it needs, too.
    while let Some(definition) = started.pop() {
        let needed = definition.list(image.tree, "dependencies");
        started.extend(take(&mut idle, |d| needed.contains(&d.name)));
    }
    for definition in idle {
        let contents = [BUNDLES, b"/user/contents.d"].concat();
        let name = String::from_utf8_lossy(&definition.name).into_owned();
        let shown = String::from_utf8_lossy(&contents).into_owned();
        let text = "in no user bundle, and nothing that is started needs it";
        let edit = Edit::Create(join(&contents, &definition.name), 0o644, Vec::new());
        let finding = Finding::new(202, &definition.path, text).advice(format!("touch {shown}/{name}"));
        found.push(finding.unsafe_fix(format!("add it to {shown}"), vec![edit]));
    }
}

/// Takes out what `is_taken`.
fn take<'d>(
    all: &mut Vec<&'d Definition>,
    mut is_taken: impl FnMut(&Definition) -> bool,
) -> Vec<&'d Definition> {
    all.extract_if(.., |definition| is_taken(definition)).collect()
}

/// The lines of the image's scripts that have `s6-rc` in them, and so may start a service by its name, or add it to a bundle
/// before the start.
fn lines_about_s6_rc(image: &Image<'_>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut take = |text: &[u8]| {
        let lines = text.split(|byte| *byte == b'\n');
        all.extend(lines.filter(|line| has(line, b"s6-rc")).map(<[u8]>::to_vec));
    };
    image.scripts().for_each(|script| take(&script.text));
    for definition in image.definitions.iter().filter(|definition| definition.is_oneshot()) {
        for file in ["up", "down"] {
            take(&image.tree.read(&definition.path_of(file), 1 << 16).unwrap_or_default());
        }
    }
    let hook = image.config.variable("S6_STAGE2_HOOK").map(|hook| hook.as_bytes().to_vec());
    let programs = PROGRAMS.iter().flat_map(|folder| {
        image.tree.names(folder).into_iter().map(|name| join(folder, &name)).collect::<Vec<_>>()
    });
    for path in programs.chain(hook).filter(|path| image.tree.is_file(path)) {
        let text = image.tree.read(&path, 1 << 16).unwrap_or_default();
        if text.starts_with(b"#!") {
            take(&text);
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
        let mut finding = Finding::new(205, &entry, text).advice("move it to user2/contents.d");
        if image.target == Target::Rs {
            finding.severity = Severity::Warning;
        }
        found.push(finding.safe_fix("move it to user2", vec![Edit::Rename(entry, to)]));
    }
}

/// Where a definition says that it needs a service.
fn dependency(image: &Image<'_>, definition: &Definition, name: &str) -> Vec<u8> {
    let entry = definition.path_of(&format!("dependencies.d/{name}"));
    if image.tree.lstat(&entry).is_some() { entry } else { definition.path_of("dependencies") }
}

/// SO207: a bundle of the image's own with nothing in it.
fn empty(image: &Image<'_>, definition: &Definition, found: &mut Vec<Finding>) {
    let is_users = USER_BUNDLES.contains(&definition.name.as_slice());
    let may_be_filled = !image.is_whole || image.config.variable("S6_STAGE2_HOOK").is_some();
    if definition.kind != Some(Type::Bundle)
        || is_users
        || may_be_filled
        || !definition.list(image.tree, "contents").is_empty()
    {
        return;
    }
    if !definition.has("contents.d") && !definition.has("contents") {
        return;
    }
    let mut finding = Finding::new(207, &definition.path, "the bundle is empty: to start it starts nothing");
    finding.severity = Severity::Warning;
    found.push(finding.advice("touch contents.d/NAME in it for each of its services, or remove it"));
}

/// SO209: a pipeline is a dependency already.
fn twice(image: &Image<'_>, definition: &Definition, found: &mut Vec<Finding>) {
    let Some(consumer) = definition.list(image.tree, "producer-for").into_iter().next() else { return };
    if !definition.list(image.tree, "dependencies").contains(&consumer) {
        return;
    }
    let name = String::from_utf8_lossy(&consumer).into_owned();
    let entry = dependency(image, definition, &name);
    let text = format!("it is a producer for {name}, and so needs it already");
    let finding = Finding::new(209, &entry, text).advice("remove it");
    found.push(match image.tree.lstat(&definition.path_of(&format!("dependencies.d/{name}"))) {
        Some(_) => finding.safe_fix("remove it", vec![Edit::Remove(entry)]),
        None => finding,
    });
}

/// SO210.
fn essential(image: &Image<'_>, definition: &Definition, found: &mut Vec<Finding>) {
    if !definition.has("flag-essential") {
        return;
    }
    for name in definition.list(image.tree, "dependencies") {
        let needed = image.definitions.iter().find(|d| d.name == name && (d.is_longrun() || d.is_oneshot()));
        if needed.is_none_or(|needed| needed.has("flag-essential")) {
            continue;
        }
        let name = String::from_utf8_lossy(&name).into_owned();
        let text = format!(
            "the service is essential, and {name}, which it needs, isn't: it can't be stopped either"
        );
        let finding = Finding::new(210, &dependency(image, definition, &name), text);
        found.push(
            finding.advice(format!(
                "create flag-essential in {name}'s definition, too, so that it is said there"
            )),
        );
    }
}

/// SO206.
fn readiness(image: &Image<'_>, definition: &Definition, found: &mut Vec<Finding>) {
    if !definition.is_oneshot() || waits_itself(image, definition) {
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
        found.push(Finding::new(206, &dependency(image, definition, &name), text).advice(advice));
    }
}

/// Whether a oneshot tries again until what it needs is there: a loop with a pause in it.
fn waits_itself(image: &Image<'_>, definition: &Definition) -> bool {
    let up = image.tree.read(&definition.path_of("up"), 1 << 16).unwrap_or_default();
    let words = execline::parse(&up).unwrap_or_default();
    let scripts = words.iter().filter(|word| word.starts_with(b"/"));
    let mut texts = scripts.filter_map(|path| Script::read(image.tree, path)).map(|script| script.text);
    let loops = |text: &[u8]| {
        has(text, b"sleep")
            && [&b"while"[..], b"until", b"for ", b"loopwhile"].iter().any(|word| has(text, word))
    };
    loops(&up) || texts.any(|text| loops(&text))
}
