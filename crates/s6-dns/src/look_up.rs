//! What the tools that look something up share: their options, the look-up, and how its results are printed.

use crate::families::Families;
use crate::random;
use crate::record::{Data, Type};
use crate::resolver::Resolver;
use tool::clock::{self, Moment};
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Out, Outcome, diag};

pub(crate) const QUALIFY: Opt =
    Opt::flag('q', "try the suffixes of resolv.conf or DNSQUALIFY; the first name that exists is used");
pub(crate) const NO_HOSTS: Opt = Opt::flag('H', "don't search the hosts file (default)");
pub(crate) const HOSTS: Opt = Opt::flag('h', "search the hosts file first");
pub(crate) const RANDOM: Opt = Opt::flag('r', "print in random order");
pub(crate) const TIMEOUT: Opt =
    Opt::value('t', "timeout", "give up after this many milliseconds, with code 99; 0: never (default)");

/// The options of a look-up in the DNS.
pub(crate) const LOOK_UP: &[Opt] = &[QUALIFY, RANDOM, TIMEOUT];
/// The options of a look-up in the DNS and the hosts file.
pub(crate) const WITH_HOSTS: &[Opt] = &[QUALIFY, NO_HOSTS, HOSTS, RANDOM, TIMEOUT];

/// The deadline that `-t` sets.
pub(crate) fn deadline(options: &Options) -> Result<Option<Moment>, Fatal> {
    Ok(clock::deadline(options.number('t')?))
}

/// Whether `-h` and `-H` ask for the hosts file.
pub(crate) fn use_hosts(options: &Options) -> bool {
    options.last_of("hH") == Some('h')
}

/// The main function of a tool that looks up addresses.
pub(crate) fn addresses(call: &mut Call, families: Families) -> Outcome {
    let options = call.options()?;
    let name = call.shift()?;
    let deadline = deadline(&options)?;
    let resolver = Resolver::new(&call.env, use_hosts(&options), &|text| call.warn(text))?;
    let found = resolver.addresses(&name, families, options.has('q'), deadline);
    let found = found.map_err(|failure| failure.fatal(&resolve(&name)))?;
    print(found.into_iter().map(|ip| wire::ip::text(ip).into_bytes()).collect(), &options)
}

/// The main function of a tool that looks up records of a type; its operand is the name.
pub(crate) fn records(call: &mut Call, rtype: Type) -> Outcome {
    let options = call.options()?;
    let name = call.shift()?;
    records_of(call, &options, &name, rtype)
}

/// Looks up and prints the records of a name.
pub(crate) fn records_of(call: &Call, options: &Options, name: &[u8], rtype: Type) -> Outcome {
    let deadline = deadline(options)?;
    let resolver = Resolver::new(&call.env, false, &|text| call.warn(text))?;
    let found = resolver.look_up(name, &[rtype], options.has('q'), deadline);
    let found = found.map_err(|failure| failure.fatal(&resolve(name)))?;
    print(found.iter().map(Data::text).collect(), options)
}

/// What a look-up of this name does, for its errors.
pub(crate) fn resolve(name: &[u8]) -> String {
    format!("resolve {}", diag::show(name))
}

/// Prints the results, in random order with `-r`; code 1 if there are none.
pub(crate) fn print(mut lines: Vec<Vec<u8>>, options: &Options) -> Outcome {
    if lines.is_empty() {
        return Ok(Next::Exit(1));
    }
    if options.has('r') {
        random::shuffle(&mut lines).or_unable(|| "get random numbers")?;
    }
    let mut out = Out::new();
    for line in lines {
        out.line(&line)?;
    }
    out.finish()
}
