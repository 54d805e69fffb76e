//! What variables say about services: S6_RESTART and S6_ON_FAILURE about the ends of daemons, S6_DISABLE, S6_ENABLE and
//! S6_REQUIRE about what is in the container.

use super::settings::Settings;
use super::variables::{S6_DISABLE, S6_ENABLE, S6_ON_FAILURE, S6_REQUIRE, S6_RESTART};
use s6_rc::condition::Switches;
use s6_rc::diagnostic::Diagnostic;
use s6_rc::restart_policy::Overrides;

/// The overrides in the variables.
///
/// # Errors
/// Words that can't be understood.
pub(crate) fn overrides(settings: &Settings<'_>) -> Result<Overrides, Vec<Diagnostic>> {
    let [restart, on_failure] = [S6_RESTART, S6_ON_FAILURE].map(|v| settings.text(v).unwrap_or_default());
    if restart.is_empty() && on_failure.is_empty() {
        return Ok(Overrides::default());
    }
    Overrides::parse((S6_RESTART.name, &restart), (S6_ON_FAILURE.name, &on_failure))
}

/// What is left out, added and required.
pub(crate) fn switches(settings: &Settings<'_>) -> Switches {
    let text = |variable| settings.text(variable).unwrap_or_default();
    Switches::new(
        (S6_DISABLE.name, &text(S6_DISABLE)),
        (S6_ENABLE.name, &text(S6_ENABLE)),
        (S6_REQUIRE.name, &text(S6_REQUIRE)),
    )
}
