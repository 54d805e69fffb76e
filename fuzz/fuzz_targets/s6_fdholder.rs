//! Sends any requests with any number of descriptors to an fd-holder: each is answered or ends the connection, the store
//! stays within its limit, and a decoded request encodes to itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ipc::access_rules::Grant;
use ipc::fdholder::{Rights, Session, Store};
use wire::fdholder::{Request, decode_dump, decode_entries, decode_list};
use wire::tai::Tai64n;

fuzz_target!(|messages: Vec<(u8, Vec<u8>)>| {
    let all = ["STORE_REGEX", "RETRIEVE_REGEX", "LIST", "GETDUMP", "SETDUMP"];
    let env = all.map(|name| (format!("S6_FDHOLDER_{name}").into_bytes(), Some(Vec::new()))).to_vec();
    let mut session = Session::new(Rights::of(&Grant { env, exec: Vec::new() }).unwrap());
    let mut store: Store<u8> = Store::new(4);
    for (fds, bytes) in messages {
        if let Some(request) = Request::decode(&bytes) {
            let encoded = request.encode().unwrap();
            assert_eq!(Request::decode(&encoded), Some(request));
        }
        let _ = (decode_list(&bytes), decode_dump(&bytes), decode_entries(&bytes));
        match session.take(&mut store, &bytes, vec![7; usize::from(fds % 5)]) {
            Ok(replies) => assert!(!replies.is_empty()),
            Err(_) => break,
        }
        assert!(store.len() <= 4);
    }
    store.expire(Tai64n { seconds: u64::MAX, nanos: 999_999_999 });
    assert!(store.is_empty());
});
