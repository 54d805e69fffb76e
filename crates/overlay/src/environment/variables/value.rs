//! Values that mean nothing for the kind of their variable, so that its default counts.

use super::{Kind, S6_LOGGING, TABLE};
use crate::environment::contenv::is_nonzero;
use tool::diag::show;
use wire::number;

/// What to say about the value of a variable that means nothing; `None` if it does mean something, and for S6_LOGGING,
/// which has a message of its own.
#[must_use]
pub fn meaningless(name: &[u8], value: &[u8]) -> Option<String> {
    let row = TABLE.iter().find(|row| row.name.as_bytes() == name && row.name != S6_LOGGING.name)?;
    if value.is_empty() || number::decimal::<u32>(value.trim_ascii_end()).is_some() {
        return None;
    }
    let (counts, wanted) = match row.kind {
        Kind::Number(default) => (default, "a number".to_owned()),
        Kind::Milliseconds(default) | Kind::Limit(default) => (default, milliseconds(value)),
        Kind::Switch(_) if is_nonzero(value) || value.trim_ascii().iter().all(u8::is_ascii_digit) => {
            return None;
        }
        Kind::Switch(_) => (0, "1 to turn it on".to_owned()),
        _ => return None,
    };
    Some(format!("{}={} means nothing, so {counts} counts: write {wanted}", row.name, show(value)))
}

/// How the time is written that was probably meant.
fn milliseconds(value: &[u8]) -> String {
    let fits = number::milliseconds(value).filter(|ms| u32::try_from(*ms).is_ok());
    fits.map_or_else(|| "a number of milliseconds".to_owned(), |ms| format!("milliseconds, {ms}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_mean_nothing_lead_to_what_to_write() {
        let mut lines = Vec::new();
        for (name, value) in [
            ("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "5s"),
            ("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "2 min"),
            ("S6_KILL_GRACETIME", "soon"),
            ("S6_KILL_GRACETIME", "99999999h"),
            ("S6_KILL_GRACETIME", "-1"),
            ("S6_VERBOSITY", "quiet"),
            ("S6_BEHAVIOUR_IF_STAGE2_FAILS", "stop"),
            ("S6_KEEP_ENV", "yes"),
            ("S6_KEEP_ENV", "true"),
        ] {
            lines.push(meaningless(name.as_bytes(), value.as_bytes()).unwrap_or_default());
        }
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_means_something_is_not_reported() {
        for (name, value) in [
            ("S6_KILL_GRACETIME", "5000"),
            ("S6_KILL_GRACETIME", ""),
            ("S6_KILL_GRACETIME", "5000\n"),
            ("S6_KEEP_ENV", "0"),
            ("S6_KEEP_ENV", " 1 "),
            ("S6_KEEP_ENV", "99999999999"),
            ("S6_LOGGING", "all"),
            ("S6_STAGE2_HOOK", "5s"),
            ("PATH", "x"),
            ("OTHER", "x"),
        ] {
            assert_eq!(meaningless(name.as_bytes(), value.as_bytes()), None, "{name}={value:?}");
        }
    }
}
