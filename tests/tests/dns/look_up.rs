//! What the look-ups print, and their codes.

use crate::network::{Network, same};
use crate::{Outcome, Test};

pub const TESTS: &[(&str, Test)] = &[
    ("look_up::addresses", addresses),
    ("look_up::records", records),
    ("look_up::names_of_addresses", names_of_addresses),
    ("look_up::aliases", aliases),
    ("look_up::nothing_there", nothing_there),
    ("look_up::suffixes", suffixes),
    ("look_up::hosts_come_first", hosts_come_first),
    ("look_up::random_order", random_order),
    ("look_up::access_by_name", access_by_name),
];

fn addresses(network: &Network) -> Outcome {
    same(&network.run("s6-dnsip4 a.example")?, "10.0.0.1\n10.0.0.2\n")?;
    same(&network.run("s6-dnsip6 A.Example.")?, "2001:db8::1\n")?;
    same(&network.run("s6-dnsip a.example")?, "2001:db8::1\n10.0.0.1\n10.0.0.2\n")?;
    same(&network.run("s6-dnsip only4.example")?, "10.0.0.4\n")?;
    same(&network.run("s6-dnsip only6.example")?, "2001:db8::6\n")?;
    same(&network.run("s6-dnsip6 mapped.example")?, "::ffff:a00:1\n")
}

fn records(network: &Network) -> Outcome {
    same(&network.run("s6-dnsmx a.example")?, "10 mail.example.\n20 mail2.example.\n")?;
    same(&network.run("s6-dnsns a.example")?, "ns1.example.\n")?;
    same(&network.run("s6-dnssoa a.example")?, "ns1.example. hostmaster.example. 2026 1 2 3 4\n")?;
    same(&network.run("s6-dnssrv smtp tcp a.example")?, "1 2 25 mail.example.\n")?;
    // The strings of a record are one text.
    same(&network.run("s6-dnstxt a.example")?, "\"v=spf1-all\"\n\"say|hi|\"\n")
}

fn names_of_addresses(network: &Network) -> Outcome {
    same(&network.run("s6-dnsname 10.0.0.1")?, "a.example.\nother.example.\n")?;
    same(&network.run("s6-dnsname -6 2001:db8::1")?, "six.example.\n")?;
    same(
        &network.run("s6-dnsname -4 10.0.0.2")?,
        "s6-dnsname: fatal: unable to resolve 10.0.0.2: no such domain\n2\n",
    )
}

fn aliases(network: &Network) -> Outcome {
    same(&network.run("s6-dnsip4 alias.example")?, "10.0.0.1\n10.0.0.2\n")?;
    same(&network.run("s6-dnsip4 loop1.example")?, "1\n")?;
    let expected = "unable to resolve chain0.example: chain of more than 16 aliases\n2\n";
    same(&network.run("s6-dnsip4 chain0.example")?, &format!("s6-dnsip4: fatal: {expected}"))?;
    same(&network.run("s6-dnsip4 chain1.example")?, "10.0.0.17\n")?;
    same(&network.run("s6-dnsmx alias.example")?, "10 mail.example.\n20 mail2.example.\n")
}

fn nothing_there(network: &Network) -> Outcome {
    let no = |tool: &str, name: &str| format!("{tool}: fatal: unable to resolve {name}: no such domain\n2\n");
    for tool in ["s6-dnsip", "s6-dnsip4", "s6-dnsip6", "s6-dnsmx", "s6-dnsns", "s6-dnssoa"] {
        same(&network.run(&format!("{tool} nothing.example"))?, "1\n")?;
        same(&network.run(&format!("{tool} no.example"))?, &no(tool, "no.example"))?;
    }
    same(&network.run("s6-dnstxt only4.example")?, "1\n")?;
    same(&network.run("s6-dnssrv a b no.example")?, &no("s6-dnssrv", "_a._b.no.example"))?;
    let long = "x".repeat(64);
    let told = network.run(&format!("s6-dnsip4 {long}.example"))?;
    same(&told[told.len() - 4..], "111\n")
}

fn suffixes(network: &Network) -> Outcome {
    network.etc("resolv.conf", "nameserver 127.0.0.1\nsearch search.example second.example\n")?;
    same(&network.run("s6-dnsqualify host")?, "host.search.example.\nhost.second.example.\nhost.\n")?;
    same(&network.run("s6-dnsip4 host")?, "10.0.0.8\n")?;
    same(&network.asked().join(" "), "host/A")?;
    same(&network.run("s6-dnsip4 -q host")?, "10.0.0.7\n")?;
    same(&network.run("s6-dnsip4 -q host.")?, "10.0.0.8\n")?;
    network.etc("resolv.conf", "nameserver 127.0.0.1\nsearch a.b\noptions ndots:1\n")?;
    same(&network.run("s6-dnsqualify host")?, "host.a.b.\nhost.\n")?;
    same(&network.run("s6-dnsqualify host.x")?, "host.x.\nhost.x.a.b.\n")?;
    network.etc("resolv.conf", "nameserver 127.0.0.1\nsearch search.example second.example\n")?;
    same(&network.run("s6-dnsip -q here")?, "10.0.0.9\n")?;
    same(&network.run("s6-dnsip4 -q a.example")?, "10.0.0.1\n10.0.0.2\n")?;
    let qualify = |list| network.run_with("s6-dnsip4 -q host", &[("DNSQUALIFY", list)], "");
    same(&qualify("second.example\tsearch.example")?, "10.0.0.7\n")?;
    same(&qualify("")?, "10.0.0.8\n")?;
    network.asked();
    same(
        &network.run_with("s6-dnsip -q no", &[("DNSQUALIFY", "a.example b.example")], "")?,
        "s6-dnsip: fatal: unable to resolve no: no such domain\n2\n",
    )?;
    let all = ["no.a.example", "no.b.example", "no"].map(|name| format!("{name}/A {name}/AAAA"));
    let [first, second, bare] = all;
    same(&network.asked().join(" "), &format!("{first} {second} {bare}"))
}

fn hosts_come_first(network: &Network) -> Outcome {
    network.etc("hosts", "10.9.9.9 a.example short # comment\n10.0.0.1 local.example\n")?;
    same(&network.run("s6-dnsip4 -h a.example")?, "10.9.9.9\n")?;
    same(&network.run("s6-dnsip -h short")?, "10.9.9.9\n")?;
    same(&network.run("s6-dnsname -h 10.0.0.1")?, "local.example.\n")?;
    same(&network.asked().join(" "), "")?;
    // What the file doesn't know, the DNS may.
    same(&network.run("s6-dnsip6 -h a.example")?, "2001:db8::1\n")?;
    network.etc("hosts", "10.9.9.9.9 a.example\n10.9.9.8 a.example\n")?;
    let warning = "s6-dnsip4: warning: /etc/hosts: line 1 is skipped: 10.9.9.9.9 is no IP address\n";
    same(&network.run("s6-dnsip4 -h a.example")?, &format!("10.9.9.8\n{warning}"))?;
    network.etc("hosts", "10.0.0.1 local.example\n")?;
    same(&network.run("s6-dnsip4 -h -H a.example")?, "10.0.0.1\n10.0.0.2\n")?;
    same(&network.run("s6-dnsip4 -h only4.example")?, "10.0.0.4\n")
}

fn random_order(network: &Network) -> Outcome {
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2 {
        let told = network.run("s6-dnsip4 -r a.example")?;
        let mut lines: Vec<_> = told.lines().collect();
        lines.sort_unstable();
        same(&lines.join(" "), "10.0.0.1 10.0.0.2")?;
        seen.insert(told);
    }
    Ok(())
}

/// To have no name is no failure; only a strict check of names wants one.
fn access_by_name(network: &Network) -> Outcome {
    let access = |options: &str, remote: &str| {
        let sides = [("TCPLOCALIP", "127.0.0.9"), ("TCPLOCALPORT", "80"), ("TCPREMOTEPORT", "1")];
        let env = [&sides[..], &[("PROTO", "TCP"), ("TCPREMOTEIP", remote)]].concat();
        let told = network.run_with(&format!("s6-tcpserver-access -v0 {options} /usr/bin/env"), &env, "")?;
        let wanted = told.lines().filter(|line| line.contains("HOST=") || !line.contains('='));
        Ok::<_, libtest_mimic::Failed>(wanted.collect::<Vec<_>>().join(" "))
    };
    same(&access("-w", "10.0.0.1")?, "TCPREMOTEHOST=a.example.")?;
    same(&access("-wp", "10.0.0.1")?, "TCPREMOTEHOST=a.example.")?;
    same(&access("-w", "10.0.0.2")?, "")?;
    same(&access("-p", "10.0.0.2")?, "")?;
    same(&access("-wp", "10.0.0.2")?, "1")
}
