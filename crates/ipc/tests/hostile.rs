//! Bytes from outside that nobody meant well: databases of rules, and the requests of the fd holder's, s6-sudo's and
//! s6-ftrigrd's clients.  The same properties as the fuzz targets have, on generated input.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use ipc::access_rules::{Grant, pack, unpack};
use ipc::fdholder::{Rights, Session, Store};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use wire::cdb::{build, find, records};
use wire::fdholder::{Entry, Request};
use wire::tai::Tai64n;
use wire::{ftrigr, sudo};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

/// A request, whole or with a byte changed, and a number of descriptors.
fn message() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let id = || vec(1_u8..4, 1..4);
    let entry = || {
        (any::<u64>(), 0..1_000_000_000_u32, id())
            .prop_map(|(seconds, nanos, id)| Entry { limit: Tai64n { seconds, nanos }, id })
    };
    let request = prop_oneof![
        entry().prop_map(Request::Store),
        id().prop_map(Request::Delete),
        (id(), any::<bool>()).prop_map(|(id, delete)| Request::Retrieve { id, delete }),
        proptest::strategy::Just(Request::List),
        proptest::strategy::Just(Request::GetDump),
        (0..9_u32).prop_map(Request::SetDump),
        vec(entry(), 1..4).prop_map(Request::Part),
    ];
    (request, any::<proptest::sample::Index>(), any::<u8>(), 0..8_usize).prop_map(
        |(request, at, byte, kind)| {
            let fds = request.descriptors();
            let mut bytes = request.encode().unwrap();
            if kind == 0 {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            (bytes, if kind == 1 { fds + 1 } else { fds })
        },
    )
}

proptest! {
    #[test]
    fn a_holder_keeps_its_bounds(messages in vec(message(), 0..60)) {
        let all = ["STORE_REGEX", "RETRIEVE_REGEX", "LIST", "GETDUMP", "SETDUMP"];
        let env = all.map(|name| (format!("S6_FDHOLDER_{name}").into_bytes(), Some(Vec::new()))).to_vec();
        let mut session = Session::new(Rights::of(&Grant { env, exec: Vec::new() }).unwrap());
        let mut store = Store::new(4);
        for (bytes, fds) in messages {
            if let Some(request) = Request::decode(&bytes) {
                assert_eq!(Request::decode(&request.encode().unwrap()), Some(request));
            }
            let Ok(replies) = session.take(&mut store, &bytes, vec![7_u8; fds]) else { continue };
            assert!(!replies.is_empty());
            assert!(store.len() <= 4);
        }
        store.expire(Tai64n { seconds: u64::MAX, nanos: 0 });
        assert!(store.is_empty());
    }

    #[test]
    fn a_damaged_cdb_is_survived(
        rules in vec((vec(any::<u8>(), 0..9), bytes()), 0..9),
        at in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut cdb = build(&rules).unwrap();
        for (key, _) in &rules {
            let first = rules.iter().find(|(other, _)| other == key).map(|(_, data)| data.as_slice());
            assert_eq!(find(&cdb, key), first);
        }
        let at = at.index(cdb.len());
        cdb[at] = byte;
        for (key, _) in &rules {
            let _ = find(&cdb, key);
        }
        if let Some(all) = records(&cdb) {
            assert!(all.iter().map(|(key, data)| key.len() + data.len()).sum::<usize>() <= cdb.len());
        }
    }

    #[test]
    fn any_bytes_are_a_request_or_none(bytes in bytes()) {
        let framed = [sudo::CLIENT_BANNER, &bytes].concat();
        if let Ok(request) = sudo::Request::decode(&framed) {
            assert_eq!(request.encode(), Some(framed));
        }
        let _ = (ftrigr::front(&bytes), ftrigr::Request::decode(&bytes), Request::decode(&bytes));
        if let Some(verdict) = unpack(&bytes) && let Some(packed) = pack(&verdict) {
            assert_eq!(unpack(&packed), Some(verdict));
        }
    }

    #[test]
    fn what_a_client_sends_arrives(
        argv in vec(vec(1_u8.., 0..9), 0..9),
        names in vec(vec(b'A'..=b'Z', 1..5), 0..9),
    ) {
        let env = names.into_iter().map(|name| [&name[..], b"=x"].concat()).collect();
        let request = sudo::Request { argv, env };
        assert_eq!(sudo::Request::decode(&request.encode().unwrap()), Ok(request));
    }
}
