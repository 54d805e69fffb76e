//! What the relay does with lines, as the variables select it.

use crate::environment::settings::Settings;
use crate::environment::variables::{S6_LOG_FORMAT, S6_LOG_KEEP, S6_LOG_PREFIX, S6_LOGGING};
use tool::diag;

/// The format of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// What was written, byte for byte.
    Plain,
    /// `SERVICE: LINE`; a further piece of a long line is `SERVICE+: PIECE`.
    Prefix,
    /// An object with time, service, stream and message; a piece that isn't the last of its line has `"partial":true`.
    Json,
    /// `STAMP LINE`, as it is kept, with a TAI64N stamp; a further piece of a long line is `STAMP+PIECE`.
    Kept,
}

/// What the relay does with lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handling {
    /// How they are passed on.
    pub(crate) format: Format,
    /// How many bytes of each service are kept.
    pub(crate) kept: u32,
}

impl Handling {
    /// What the variables select; `None` without a relay.  `warn` receives what is wrong with them.
    pub(crate) fn wanted(settings: &Settings<'_>, warn: impl Fn(&str)) -> Option<Self> {
        let format = settings.text(S6_LOG_FORMAT);
        let wanted = match format.as_deref() {
            Some(b"json") => Some(Format::Json),
            Some(other) => {
                warn(&format!("{S6_LOG_FORMAT} is {}, but the only format is json", diag::show(other)));
                None
            }
            None => None,
        };
        // `/init` doesn't start with a size that is none.
        let kept = settings.size(S6_LOG_KEEP).unwrap_or_default();
        let wanted = wanted.or_else(|| settings.switch(S6_LOG_PREFIX).then_some(Format::Prefix));
        let wanted = wanted.or_else(|| (kept > 0).then_some(Format::Plain));
        if wanted.is_some() && settings.number(S6_LOGGING) != 0 {
            warn(&format!(
                "{S6_LOGGING} takes all output into its log: {S6_LOG_PREFIX}, {S6_LOG_FORMAT} and {S6_LOG_KEEP} have no effect"
            ));
            return None;
        }
        wanted.map(|format| Self { format, kept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tool::Env;

    #[test]
    fn json_comes_before_the_prefix_and_s6_logging_before_both() {
        for (set, expected, warnings) in [
            (&[][..], None, 0),
            (&["S6_LOG_PREFIX=0"], None, 0),
            (&["S6_LOG_PREFIX=1"], Some(Format::Prefix), 0),
            (&["S6_LOG_FORMAT=json"], Some(Format::Json), 0),
            (&["S6_LOG_FORMAT=json", "S6_LOG_PREFIX=1"], Some(Format::Json), 0),
            (&["S6_LOG_FORMAT=xml"], None, 1),
            (&["S6_LOG_FORMAT=xml", "S6_LOG_PREFIX=1"], Some(Format::Prefix), 1),
            (&["S6_LOG_FORMAT=json", "S6_LOGGING=0"], Some(Format::Json), 0),
            (&["S6_LOG_FORMAT=json", "S6_LOGGING=1"], None, 1),
            (&["S6_LOG_PREFIX=1", "S6_LOGGING=2"], None, 1),
            (&["S6_LOGGING=1"], None, 0),
            (&["S6_LOG_KEEP=256k"], Some(Format::Plain), 0),
            (&["S6_LOG_KEEP=0"], None, 0),
            (&["S6_LOG_KEEP=much"], None, 0),
            (&["S6_LOG_KEEP=256k", "S6_LOG_PREFIX=1"], Some(Format::Prefix), 0),
            (&["S6_LOG_KEEP=256k", "S6_LOG_FORMAT=json"], Some(Format::Json), 0),
            (&["S6_LOG_KEEP=256k", "S6_LOGGING=1"], None, 1),
        ] {
            let env = Env::from_vars(set.iter().map(|v| v.as_bytes().to_vec()).collect());
            let warned = std::cell::Cell::new(0);
            let wanted = Handling::wanted(&Settings::of_container(&env), |_| warned.set(warned.get() + 1));
            assert_eq!((wanted.map(|w| w.format), warned.get()), (expected, warnings), "{set:?}");
            let kept = if set.contains(&"S6_LOG_KEEP=256k") { 256 << 10 } else { 0 };
            assert!(wanted.is_none_or(|wanted| wanted.kept == kept), "{set:?}");
        }
    }
}
