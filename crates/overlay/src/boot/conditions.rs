//! What was found out about services that have conditions or aren't in the container, for `s6-overlay status`.

use crate::environment::settings::Settings;
use crate::environment::variables::S6_STATUS_MODE;
use crate::layout::EXAMINED;
use crate::pid1::NAME;
use files::{Permissions, Replace, Writers, read_regular_file, replace_at};
use rustix::fs::CWD;
use s6_rc::condition::{Examined, LEGACY, decode, encode};
use tool::diag;

/// The largest file that is read.
const SIZE_MAX: usize = 1 << 20;

/// What is known about the services of a container, in its file [`EXAMINED`].
#[must_use]
pub fn read(path: &[u8]) -> Vec<Examined> {
    decode(&read_regular_file(CWD, path, SIZE_MAX).unwrap_or_default())
}

/// Writes what was found out: of the services of services.d (`legacy`), or of all others; what was known of the rest stays.
pub fn write(examined: &[Examined], legacy: bool, settings: &Settings<'_>) {
    let mut bytes = Vec::new();
    examined.iter().for_each(|one| encode(one, &mut bytes));
    for one in read(EXAMINED.as_bytes()) {
        if (one.kind == LEGACY) != legacy {
            encode(&one, &mut bytes);
        }
    }
    let mode = settings.umask(S6_STATUS_MODE).map_or(0o644, |mode| mode.as_raw_mode());
    let how = Replace::with(Permissions::Exact(mode), Writers::One);
    if let Err(why) = replace_at(CWD, EXAMINED.as_bytes(), &bytes, how) {
        diag::warn(NAME, format_args!("unable to write {EXAMINED}: {}", sys::strerror(why)));
    }
}
