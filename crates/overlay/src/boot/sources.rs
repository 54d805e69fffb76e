//! The source directories of a container's services.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_RUNTIME_BUNDLEDIR;
use crate::layout::SOURCES;
use rustix::fs::{AtFlags, CWD, FileType};
use rustix::io::Errno;
use tool::diag;
use tool::path::{join, split};

/// The bundles that images fill.  They often have no `type`, and `user2` is often missing; they count as bundles anyway.
pub const USER_BUNDLES: &[&[u8]] = &[b"user", b"user2"];

/// The source directories of s6-rc.
pub(crate) struct Sources {
    /// The image's services, its user bundles, and the overlay's own.
    pub(crate) directories: Vec<Vec<u8>>,
    /// The bundles that exist even if their definition is incomplete or missing.
    pub(crate) implied: &'static [&'static [u8]],
}

impl Sources {
    /// Finds the source directories of the image, whose files are in the folder `etc`, and warns of a deprecated one.
    pub(crate) fn find(settings: &Settings<'_>, etc: &[u8], warn: &mut dyn FnMut(&str)) -> Self {
        let services = services(etc);
        let image = split(&services).0;
        if is_folder(&join(&services, b"user")) {
            let shown = diag::show(image);
            warn(&format!(
                "user bundles in {shown}/s6-rc.d are deprecated, put them into {shown}/user-bundles.d [SO701]"
            ));
            let mut directories = vec![services, SOURCES.as_bytes().to_vec()];
            // A package may have added its services to the new place.
            let bundles = join(etc, S6_RUNTIME_BUNDLEDIR.kind.0.as_bytes());
            if is_folder(&bundles) {
                directories.push(bundles);
            }
            return Self { directories, implied: USER_BUNDLES };
        }
        let bundles = settings.path(S6_RUNTIME_BUNDLEDIR, etc);
        Self { directories: vec![services, bundles, SOURCES.as_bytes().to_vec()], implied: USER_BUNDLES }
    }

    /// Without the image's directories that aren't there, each of which is warned of: a mount on /etc/s6-overlay may hide
    /// them.  The overlay's own has to be there.
    pub(crate) fn present(mut self, warn: &mut dyn FnMut(&str)) -> Self {
        self.directories.retain(|directory| {
            let is_missing = matches!(sys::fs::stat(directory.as_slice()), Err(Errno::NOENT));
            if is_missing && directory != SOURCES.as_bytes() {
                let shown = diag::show(directory);
                warn(&format!("there is no {shown}: it counts as empty (is something mounted over it?)"));
                return false;
            }
            true
        });
        self
    }
}

/// The source directory of the image's services; `etc` is the folder of its files.
pub(crate) fn services(etc: &[u8]) -> Vec<u8> {
    join(etc, b"s6-overlay/s6-rc.d")
}

fn is_folder(path: &[u8]) -> bool {
    let stat = sys::fs::statat(CWD, path, AtFlags::empty());
    stat.is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tool::Env;

    #[test]
    fn bundles_are_beside_the_services_or_where_the_variable_says() {
        let found = |variables: &[&str]| {
            let env = Env::from_vars(variables.iter().map(|v| v.as_bytes().to_vec()).collect());
            let settings = Settings::of_container(&env);
            let sources = Sources::find(&settings, &settings.etc(), &mut |_| ());
            assert_eq!(sources.implied, USER_BUNDLES);
            sources.directories.iter().map(|d| diag::shown(d)).collect::<Vec<_>>()
        };
        let profile = "S6_RUNTIME_PROFILE=none-such";
        let image = "/etc/cont-profile.d/none-such/s6-overlay";
        let services = format!("{image}/s6-rc.d");
        assert_eq!(found(&[profile]), [services.clone(), format!("{image}/user-bundles.d"), SOURCES.into()]);
        assert_eq!(
            found(&[profile, "S6_RUNTIME_BUNDLEDIR=/bundles"]),
            [services, "/bundles".into(), SOURCES.into()]
        );
    }
}
