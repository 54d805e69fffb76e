//! The resolver: looks up names and addresses in the hosts file and the DNS.

use crate::exchange::{Exchange, Pool};
use crate::failure::Failure;
use crate::families::Families;
use crate::hosts::Hosts;
use crate::message::Question;
use crate::name::{Name, Suffixes};
use crate::query::Query;
use crate::record::{A, AAAA, Data, PTR, Type};
use crate::resolv_conf::ResolvConf;
use std::net::IpAddr;
use tool::clock::Moment;
use tool::{Env, Fatal};

/// The limit of questions asked at once.
const MAX_CONCURRENT: usize = 32;

/// The servers to ask, and the hosts file.
#[derive(Debug)]
pub struct Resolver {
    conf: ResolvConf,
    hosts: Hosts,
}

impl Resolver {
    /// Reads /etc/resolv.conf, DNSCACHEIP, DNSQUALIFY and, with `use_hosts`, the hosts file; `warn` reports what is invalid
    /// there, which is ignored.
    ///
    /// # Errors
    /// A file can't be read: code 111.
    pub fn new(env: &Env, use_hosts: bool, warn: &dyn Fn(&str)) -> Result<Self, Fatal> {
        let hosts = if use_hosts { Hosts::read(warn)? } else { Hosts::None };
        Ok(Self { conf: ResolvConf::read(env, warn)?, hosts })
    }

    /// The addresses of a name: those in the hosts file if it has any, else those in the DNS, IPv6 first.  With `qualify`,
    /// the suffixes of resolv.conf are tried, and the first name that exists is used.  It may have no addresses.
    ///
    /// # Errors
    /// Why there is no answer; [`Failure::is_answer`] tells whether a server said so.
    pub fn addresses(
        &self,
        name: &[u8],
        families: Families,
        qualify: bool,
        deadline: Option<Moment>,
    ) -> Result<Vec<IpAddr>, Failure> {
        let known = self.hosts.addresses(name, families, self.suffixes(qualify))?;
        if !known.is_empty() {
            return Ok(known);
        }
        let types: &[Type] = match families {
            Families { v4: true, v6: true } => &[AAAA, A],
            Families { v6: true, .. } => &[AAAA],
            _ => &[A],
        };
        let found = self.look_up(name, types, qualify, deadline)?;
        Ok(found
            .into_iter()
            .filter_map(|data| if let Data::Address(ip) = data { Some(ip) } else { None })
            .collect())
    }

    /// The names of an address: those in the hosts file if it has any, else those in the DNS, which end with a dot.
    ///
    /// # Errors
    /// As [`Resolver::addresses`].
    pub fn names(&self, ip: IpAddr, deadline: Option<Moment>) -> Result<Vec<Vec<u8>>, Failure> {
        let known = self.hosts.names(ip)?;
        if !known.is_empty() {
            return Ok(known);
        }
        self.first_of(&[Name::reverse(ip)], &[PTR], deadline).map(names)
    }

    /// As [`Resolver::names`] for several addresses; the questions are asked concurrently.
    pub fn names_of(&self, ips: &[IpAddr], deadline: Option<Moment>) -> Vec<Result<Vec<Vec<u8>>, Failure>> {
        let mut found: Vec<_> = ips.iter().map(|ip| self.hosts.names(*ip)).collect();
        let mut pool = Pool::new();
        for (number, (ip, names)) in ips.iter().zip(&found).enumerate() {
            if names.as_ref().is_ok_and(Vec::is_empty) {
                let question = Question { name: Name::reverse(*ip), rtype: PTR, recursive: true };
                let query = Query::new(question, self.conf.servers(), true).with_schedule(self.conf.schedule);
                pool.push(number, Exchange::new(query, deadline, &mut |_| {}));
            }
        }
        while !pool.is_empty() {
            let done = match pool.wait([], None) {
                Ok(([], done)) => done,
                Err(e) => return ips.iter().map(|_| Err(e.into())).collect(),
            };
            for (number, exchange, outcome) in done {
                if let Some(slot) = found.get_mut(number) {
                    *slot = outcome.and_then(|message| exchange.query().question().data(&message)).map(names);
                }
            }
        }
        found
    }

    /// The records of a name in the DNS that have one of these types.
    ///
    /// # Errors
    /// As [`Resolver::addresses`].
    pub fn look_up(
        &self,
        name: &[u8],
        types: &[Type],
        qualify: bool,
        deadline: Option<Moment>,
    ) -> Result<Vec<Data>, Failure> {
        let names = Name::qualify(name, self.suffixes(qualify)).ok_or(Failure::NameTooLong)?;
        self.first_of(&names, types, deadline)
    }

    fn suffixes(&self, qualify: bool) -> Suffixes<'_> {
        if qualify { self.conf.search_list() } else { Suffixes::NONE }
    }

    /// The records of the first name that exists.  All names are looked up concurrently.
    fn first_of(
        &self,
        names: &[Name],
        types: &[Type],
        deadline: Option<Moment>,
    ) -> Result<Vec<Data>, Failure> {
        let mut questions = Vec::new();
        for name in names {
            for rtype in types {
                questions.push(Question { name: name.clone(), rtype: *rtype, recursive: true });
            }
        }
        let mut answers: Vec<Option<Result<Vec<Data>, Failure>>> = vec![None; questions.len()];
        let mut waiting = questions.iter().enumerate();
        let mut pool = Pool::new();
        loop {
            while pool.len() < MAX_CONCURRENT
                && let Some((number, question)) = waiting.next()
            {
                let query = Query::new(question.clone(), self.conf.servers(), true);
                let query = query.with_schedule(self.conf.schedule);
                pool.push(number, Exchange::new(query, deadline, &mut |_| {}));
            }
            if let Some(verdict) = verdict(&answers, types.len()) {
                return verdict;
            }
            let ([], done) = pool.wait([], None)?;
            for (number, exchange, outcome) in done {
                if let Some(answer) = answers.get_mut(number) {
                    *answer = Some(outcome.and_then(|message| exchange.query().question().data(&message)));
                }
            }
        }
    }
}

/// The names among records.
fn names(data: Vec<Data>) -> Vec<Vec<u8>> {
    data.into_iter().filter_map(|d| if let Data::Name(name) = d { Some(name.text()) } else { None }).collect()
}

/// The result that the answers so far allow, if any; each name has one answer for each type.
fn verdict(
    answers: &[Option<Result<Vec<Data>, Failure>>],
    types: usize,
) -> Option<Result<Vec<Data>, Failure>> {
    let mut first_failure = None;
    for of_name in answers.chunks(types.max(1)) {
        let of_name: Vec<_> = of_name.iter().map(Option::as_ref).collect::<Option<_>>()?;
        let failures = || of_name.iter().filter_map(|answer| answer.as_ref().err().copied());
        if failures().any(|failure| failure == Failure::TimedOut) {
            return Some(Err(Failure::TimedOut));
        }
        let found: Vec<_> =
            of_name.iter().filter_map(|answer| answer.as_ref().ok()).flatten().cloned().collect();
        if !found.is_empty() {
            return Some(Ok(found));
        }
        // Whether this name exists is unknown, so a later one must not replace it.
        if let Some(failure) = failures().find(|failure| is_inconclusive(*failure)) {
            return Some(Err(failure));
        }
        if of_name.iter().any(|answer| answer.is_ok()) {
            return Some(Ok(found));
        }
        first_failure = first_failure.or(failures().next());
    }
    Some(Err(first_failure.unwrap_or(Failure::NoServer)))
}

/// Whether a failure leaves open whether the name exists.
fn is_inconclusive(failure: Failure) -> bool {
    !failure.is_answer() || matches!(failure, Failure::Malformed | Failure::TooManyAliases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_on(letters: &str, types: usize) -> String {
        let ip = |n: u8| Data::Address(IpAddr::from([10, 0, 0, n]));
        let answers: Vec<_> = (0..)
            .zip(letters.bytes())
            .map(|(place, letter)| match letter {
                b'?' => None,
                b'e' => Some(Ok(vec![])),
                b'x' => Some(Err(Failure::NoSuchName)),
                b's' => Some(Err(Failure::ServerFailure)),
                b't' => Some(Err(Failure::TimedOut)),
                b'n' => Some(Err(Failure::NoServer)),
                _ => Some(Ok(vec![ip(place)])),
            })
            .collect();
        match verdict(&answers, types) {
            None => "wait".into(),
            Some(Err(failure)) => format!("{failure:?}"),
            Some(Ok(data)) => data.iter().map(|d| String::from_utf8(d.text()).unwrap() + " ").collect(),
        }
    }

    #[test]
    fn the_first_name_that_exists_counts() {
        assert_eq!(verdict_on("?a", 1), "wait");
        assert_eq!(verdict_on("xa?", 1), "10.0.0.1 ");
        assert_eq!(verdict_on("xea", 1), "");
        assert_eq!(verdict_on("xxs", 1), "NoSuchName");
        assert_eq!(verdict_on("sxx", 1), "ServerFailure");
        assert_eq!(verdict_on("xta", 1), "TimedOut");
    }

    #[test]
    fn both_families_are_waited_for() {
        assert_eq!(verdict_on("a?", 2), "wait");
        assert_eq!(verdict_on("ab", 2), "10.0.0.0 10.0.0.1 ");
        assert_eq!(verdict_on("sb", 2), "10.0.0.1 ");
        assert_eq!(verdict_on("te", 2), "TimedOut");
        assert_eq!(verdict_on("ne", 2), "NoServer");
        assert_eq!(verdict_on("na", 2), "10.0.0.1 ");
        assert_eq!(verdict_on("xe", 2), "");
        assert_eq!(verdict_on("xxab", 2), "10.0.0.2 10.0.0.3 ");
    }
}
