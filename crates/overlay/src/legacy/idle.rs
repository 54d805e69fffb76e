//! Which of the overlay's own services have nothing to do in an image, so that nothing needs to be said of them.

use crate::environment::settings::Settings;
use crate::layout::LEGACY_SERVICES;
use crate::legacy::scripts;
use tool::path::join;

/// The overlay's own services.
pub(crate) const OWN: [&[u8]; 3] = [b"fix-attrs", b"legacy-cont-init", b"legacy-services"];

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

fn is_empty(folder: &[u8]) -> bool {
    scripts::list(folder).is_ok_and(|names| names.is_empty())
}
