//! Ports that two services want.

use crate::finding::Finding;
use crate::image::{Image, Script, Target};
use crate::lints::probes;
use crate::shell::span_of;
use crate::text::has;
use std::collections::BTreeMap;
use std::ops::Range;
use tool::path::{join, split};

/// How this machine is called.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "0.0.0.0"];

/// Where a service says which port it is ready by: the file, its text, and the port's place in it.
type Said = (Vec<u8>, Vec<u8>, u16, Range<usize>);

/// SO801: two services that count as ready when somebody listens on the same port.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    let mut known: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
    let by_script = image.runs().filter_map(|(name, script)| Some((name, by_check(image, script)?)));
    let directories = probes::directories(image).filter(|_| image.target == Target::Rs);
    let by_file = directories.filter_map(|(name, path, _)| Some((name, by_ready(image, path)?)));
    for (name, (path, text, port, place)) in by_script.chain(by_file) {
        match known.get(&port) {
            None => {
                known.insert(port, name.to_vec());
            }
            Some(other) if other == name => {}
            Some(other) => {
                let other = String::from_utf8_lossy(other).into_owned();
                let finding = Finding::new(
                    801,
                    &path,
                    format!("it is ready when port {port} answers, and so is {other}"),
                );
                let advice = "ask for the port that this service listens on";
                found.push(finding.at(span_of(&text, place)).advice(advice));
            }
        }
    }
}

/// The port that s6-notifyoncheck asks for.
fn by_check(image: &Image<'_>, script: &Script) -> Option<Said> {
    if !has(&script.text, b"s6-notifyoncheck") {
        return None;
    }
    let file = join(split(&script.path).0, b"data/check");
    let own = Script::read(image.tree, &file);
    [Some(script), own.as_ref()].into_iter().flatten().find_map(|script| {
        let (port, place) = port(&script.text)?;
        Some((script.path.clone(), script.text.clone(), port, place))
    })
}

/// The first port that the file `ready` asks for.
fn by_ready(image: &Image<'_>, directory: &[u8]) -> Option<Said> {
    let all = probes::asked(image, directory).into_iter();
    let mut ready = all.filter(|one| one.path.ends_with(b"/ready"));
    ready.find_map(|one| {
        let (port, _) = one.port()?;
        let place = one.range(port.to_string().as_bytes());
        Some((one.path, one.text, port, place))
    })
}

/// The port of this machine that a check asks, as `nc -z localhost 80` or `/dev/tcp/localhost/80`.
fn port(text: &[u8]) -> Option<(u16, Range<usize>)> {
    let text = std::str::from_utf8(text).ok()?;
    let is_edge = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '/' | ';' | '<' | '>');
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    for part in text.split(is_edge) {
        words.push((at, part));
        at += part.len() + 1;
    }
    words.retain(|(_, word)| !word.is_empty());
    let asks = |word: &str| matches!(word, "nc" | "tcp" | "ncat");
    words.windows(2).enumerate().find_map(|(index, pair)| {
        let [(_, host), (start, number)] = pair else { return None };
        let before = words.get(index.saturating_sub(4)..index)?;
        let port = number.parse::<u16>().ok()?;
        let fits = HERE.contains(host) && before.iter().any(|(_, word)| asks(word));
        fits.then(|| (port, *start..*start + number.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::port;

    #[test]
    fn the_port_that_is_asked() {
        for (text, expected) in [
            (
                "exec s6-notifyoncheck -d -n 300 -w 1000 -c \"nc -z localhost 80\" s6-setuidgid abc web",
                Some(80),
            ),
            ("#!/bin/bash\n: </dev/tcp/127.0.0.1/5432\n", Some(5432)),
            ("nc -z -w 1 127.0.0.1 90", Some(90)),
            ("nc -z db 90", None),
            ("curl http://localhost:80/", None),
            ("nc -zU /run/x.sock", None),
        ] {
            assert_eq!(port(text.as_bytes()).map(|(port, _)| port), expected, "{text}");
        }
    }
}
