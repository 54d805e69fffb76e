//! Which of the overlay's own services have nothing to do in an image: nothing needs to be said of them, nor a process to be
//! started for them.

use crate::environment::settings::Settings;
use crate::layout::{LEGACY_SERVICES, SERVICE_SCRIPTS};
use crate::legacy::{scripts, start_services};
use crate::texts;
use tool::path::join;

/// The overlay's own services.
pub const OWN: [&[u8]; 3] = [b"fix-attrs", b"legacy-cont-init", SERVICES];

/// The one of them that starts and stops the services of services.d.
pub const SERVICES: &[u8] = b"legacy-services";

/// Those that have nothing to do at the start: their folders in the image are empty, or aren't there.
pub(crate) fn at_start(settings: &Settings<'_>) -> Vec<&'static [u8]> {
    let folders: [&[u8]; 3] = [b"fix-attrs.d", b"cont-init.d", b"services.d"];
    let etc = settings.etc();
    OWN.into_iter()
        .zip(folders)
        .filter(|(_, folder)| is_empty(&join(&etc, folder)))
        .map(|(own, _)| own)
        .collect()
}

/// Those that have nothing to do at the stop.
pub(crate) fn at_stop(settings: &Settings<'_>) -> Vec<&'static [u8]> {
    let [fix_attrs, cont_init, services] = OWN;
    let finish = Some(cont_init).filter(|_| is_empty(&join(&settings.etc(), b"cont-finish.d")));
    let services = Some(services).filter(|_| is_empty(LEGACY_SERVICES.as_bytes()));
    [Some(fix_attrs), finish, services].into_iter().flatten().collect()
}

/// Carries out the command line of one of these services, if its script is one that starts our program, and has nothing to
/// do; otherwise gives `false`.
pub(crate) fn carry_out(argv: &[Vec<u8>], settings: &Settings<'_>) -> bool {
    let [path] = argv else { return false };
    let name = path.strip_prefix(SERVICE_SCRIPTS.as_bytes()).and_then(|name| name.strip_prefix(b"/"));
    let etc = settings.etc();
    let folder = match name {
        Some(b"fix-attrs") => join(&etc, b"fix-attrs.d"),
        Some(b"cont-init") => join(&etc, b"cont-init.d"),
        Some(b"cont-finish") => join(&etc, b"cont-finish.d"),
        Some(b"services-up") => join(&etc, b"services.d"),
        Some(b"services-down") => LEGACY_SERVICES.as_bytes().to_vec(),
        _ => return false,
    };
    is_empty(&folder)
        && texts::starts_the_program(path)
        && (name != Some(b"services-up") || start_services::make_folder().is_ok())
}

fn is_empty(folder: &[u8]) -> bool {
    scripts::list(folder).is_ok_and(|names| names.is_empty())
}
