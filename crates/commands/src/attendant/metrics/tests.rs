//! Documents of containers with services of any name.

use super::*;
use crate::status::tests::{longrun, oneshot, probed, running};
use wire::attended::Report;
use wire::board::{Cause, State};

#[test]
fn a_container_as_metrics() {
    let mut all = running();
    let mut web = longrun("we\"b\\1\n", State::Backoff);
    if let Some(row) = &mut web.row {
        (row.cause, row.wstat, row.deaths, row.starts, row.failures) = (Cause::Memory, 9, 6, 7, 6);
    }
    web.memory = Some(7_340_032);
    let live = Some(Liveness::Failing(b"listen 80".to_vec()));
    let db = probed("db", State::Ready, Report { live, ..Report::default() });
    all.services = vec![oneshot("base", true, Some((true, Some(0)))), db, web];
    (all.memory, all.kills) = ((Some(420_478_976), None), Some(1));
    insta::assert_snapshot!(metrics(&all, [false, true, true], "{version=\"0\"}"));
}

#[test]
fn a_name_is_there_once_and_different_ones_stay_different() {
    let mut all = running();
    let names: [&[u8]; 7] =
        [b"a\\n", b"a\n", b"a\\u{a}", b"a\xff", b"a\\xff", b"a\"", "a\u{fffd}".as_bytes()];
    let labels: Vec<String> = names.iter().map(|name| label(name)).collect();
    for (at, one) in labels.iter().enumerate() {
        assert!(!labels[..at].contains(one), "{one}");
        let inner = one.strip_prefix("service=\"").and_then(|rest| rest.strip_suffix('"')).unwrap();
        // Only as the format has it: a backslash before a backslash, a quote or an n; and no control characters.
        let plain = inner.replace("\\\\", "").replace("\\\"", "");
        assert!(!plain.contains(['\\', '"']) && !plain.contains(char::is_control), "{one}");
    }
    all.services = vec![longrun("a", State::Up), longrun("a", State::Down), longrun("b", State::Up)];
    assert_eq!(different(&all.services).map(|service| service.name[0]).collect::<Vec<_>>(), b"ab");
}
