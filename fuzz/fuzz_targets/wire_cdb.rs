//! Reads any bytes as a cdb and as the record of an access rule: records lie within the bytes, and each can be looked up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ipc::access_rules::{pack, unpack};
use wire::cdb::{build, find, records};

fuzz_target!(|cdb: &[u8]| {
    let _ = find(cdb, b"uid/0");
    if let Some(all) = records(cdb) {
        let size: usize = all.iter().map(|(key, data)| key.len() + data.len()).sum();
        assert!(size <= cdb.len());
        let owned: Vec<_> = all.iter().map(|(key, data)| (key.to_vec(), data.to_vec())).collect();
        let rebuilt = build(&owned).unwrap();
        for (key, _) in &all {
            let first = all.iter().find(|(other, _)| other == key).map(|(_, data)| *data);
            assert_eq!(find(&rebuilt, key), first);
        }
    }
    if let Some(verdict) = unpack(cdb) {
        if let Some(packed) = pack(&verdict) {
            assert_eq!(unpack(&packed), Some(verdict));
        }
    }
});
