//! The DNS tools against servers of our own: each test has a network and an /etc of its own, so that port 53 and
//! /etc/resolv.conf are the test's.  Messages are made and read here by another library than the tools', simple-dns.
//! Needs root, for the namespaces.
#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "an ordinary test program")]

mod filters;
mod forged;
mod look_up;
mod network;
mod server;
mod servers;
mod show;
mod skadnsd;
mod zone;

use libtest_mimic::{Arguments, Failed, Trial};
use network::Network;
use tests::image;

type Outcome = Result<(), Failed>;
type Test = fn(&Network) -> Outcome;

fn main() {
    let arguments = Arguments::from_args();
    let commands = if arguments.list { Ok(Default::default()) } else { commands() };
    let commands = commands.unwrap_or_else(|why| {
        eprintln!("dns: {why}");
        std::process::exit(2)
    });
    let groups = [filters::TESTS, forged::TESTS, look_up::TESTS, servers::TESTS, show::TESTS, skadnsd::TESTS];
    let trials = groups
        .concat()
        .into_iter()
        .map(|(name, test)| {
            let commands = commands.clone();
            Trial::test(name, move || test(&Network::enter(&commands)?))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn commands() -> Result<std::path::PathBuf, String> {
    if !rustix::process::geteuid().is_root() {
        return Err("these tests need root: they make networks of their own".into());
    }
    Ok(image::distribution()?.join("command"))
}
