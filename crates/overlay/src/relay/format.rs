//! The format of lines that the relay passes on, and which one the variables select.

use crate::environment::settings::Settings;
use crate::environment::variables::{S6_LOG_FORMAT, S6_LOG_PREFIX, S6_LOGGING};
use tool::diag;

/// The format of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `SERVICE: LINE`; a further piece of a long line is `SERVICE+: PIECE`.
    Prefix,
    /// An object with time, service, stream and message; a piece that isn't the last of its line has `"partial":true`.
    Json,
}

impl Format {
    /// The format that the variables select; `None` without a relay.  `warn` receives what is wrong with them.
    pub(crate) fn wanted(settings: &Settings<'_>, warn: impl Fn(&str)) -> Option<Self> {
        let format = settings.text(S6_LOG_FORMAT);
        let wanted = match format.as_deref() {
            Some(b"json") => Some(Self::Json),
            Some(other) => {
                warn(&format!("{S6_LOG_FORMAT} is {}, but the only format is json", diag::show(other)));
                None
            }
            None => None,
        };
        let wanted = wanted.or_else(|| settings.switch(S6_LOG_PREFIX).then_some(Self::Prefix));
        if wanted.is_some() && settings.number(S6_LOGGING) != 0 {
            warn(&format!(
                "{S6_LOGGING} takes all output into its log: {S6_LOG_PREFIX} and {S6_LOG_FORMAT} have no effect"
            ));
            return None;
        }
        wanted
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
        ] {
            let env = Env::from_vars(set.iter().map(|v| v.as_bytes().to_vec()).collect());
            let warned = std::cell::Cell::new(0);
            let wanted = Format::wanted(&Settings::of_container(&env), |_| warned.set(warned.get() + 1));
            assert_eq!((wanted, warned.get()), (expected, warnings), "{set:?}");
        }
    }
}
