//! Parses /etc/resolv.conf, a hosts file, its compiled form, and messages of a client of `skadnsd`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use s6_dns::hosts::{Hosts, compile, parse};
use s6_dns::name::{Name, Suffixes};
use s6_dns::resolv_conf::ResolvConf;
use s6_dns::families::Families;
use s6_dns::skadns::{Inbox, Request};

fuzz_target!(|data: &[u8]| {
    let conf = ResolvConf::parse(data);
    assert!(conf.named.len() <= 16 && conf.suffixes.iter().all(|s| !s.is_empty()));
    let _ = Name::qualify(b"host", conf.search_list());
    if let Some(name) = Name::from_text(data) {
        assert_eq!(Name::from_text(&name.text()), Some(name));
    }
    let (records, _) = parse(data);
    let compiled = Hosts::Compiled(compile(records.clone()).unwrap());
    let parsed = Hosts::Parsed(records.clone());
    for key in records.keys() {
        let name = &key[3..];
        assert_eq!(
            compiled.addresses(name, Families::BOTH, Suffixes::NONE),
            parsed.addresses(name, Families::BOTH, Suffixes::NONE)
        );
    }
    let damaged = Hosts::Compiled(data.to_vec());
    let _ = damaged.addresses(b"a.b", Families::BOTH, Suffixes::NONE);
    let _ = damaged.names([10, 0, 0, 1].into());
    let mut inbox = Inbox::default();
    inbox.put(data);
    while let Ok(Some(message)) = inbox.message() {
        let _ = Request::parse(&message);
    }
});
