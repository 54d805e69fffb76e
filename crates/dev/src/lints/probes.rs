//! What `ready` and `live` ask, where it compiles and isn't what is meant.

use crate::finding::{Edit, Finding};
use crate::image::{Image, Target};
use crate::lints::scripts;
use crate::shell::span_of;
use crate::text::find;
use s6_rc::probes::{Line, Place, look_at};
use std::net::IpAddr;
use std::ops::Range;
use tool::path::join;
use wire::probes::{Kind, Probe};

/// Longer files hold no such lines.
const FILE_MAX: usize = 1 << 16;
/// The parts of a definition that its service directory has.
const COPIED: [&[u8]; 5] = [b"./data/", b"./env/", b"./instance/", b"./instances/", b"./template/"];

/// A line of a file.
pub(super) struct Asked {
    /// The file.
    pub(super) path: Vec<u8>,
    /// Its contents.
    pub(super) text: Vec<u8>,
    /// Where the line stands in it, without its end.
    pub(super) place: Range<usize>,
    pub(super) probe: Probe,
}

impl Asked {
    /// A finding about a part of the line; about all of it, if there is no such part.
    fn finding(&self, code: u16, part: &[u8], text: impl Into<String>) -> Finding {
        Finding::new(code, &self.path, text).at(span_of(&self.text, self.range(part)))
    }

    /// Where a part of the line stands in the file.
    pub(super) fn range(&self, part: &[u8]) -> Range<usize> {
        let line = self.text.get(self.place.clone()).unwrap_or_default();
        match find(line, part) {
            Some(at) => self.place.start + at..self.place.start + at + part.len(),
            None => self.place.clone(),
        }
    }

    /// The port of this machine that is asked, and whether only the service's own processes count.
    pub(super) fn port(&self) -> Option<(u16, bool)> {
        let is_here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
        match &self.probe.kind {
            Kind::Listen(_, port) => Some((*port, true)),
            Kind::Tcp(address) => is_here(address.ip()).then(|| (address.port(), false)),
            Kind::Http(http) => is_here(http.address.ip()).then(|| (http.address.port(), false)),
            _ => None,
        }
    }
}

/// The lines without a mistake that a service directory has.
pub(super) fn asked(image: &Image<'_>, directory: &[u8]) -> Vec<Asked> {
    let mut all = Vec::new();
    for place in [Place::Ready, Place::Live] {
        let path = join(directory, place.file().as_bytes());
        let Some(text) = image.tree.read(&path, FILE_MAX) else { continue };
        let mut start = 0;
        for line in text.split(|byte| *byte == b'\n') {
            let end = start + line.len();
            if let Ok(Some(Line::Probe(probe))) = look_at(line, place) {
                let (path, text) = (path.clone(), text.clone());
                all.push(Asked { path, text, place: start..end, probe });
            }
            start = end + 1;
        }
    }
    all
}

/// The directories of all daemons, and whether what they hold is copied whole.
pub(super) fn directories<'i>(image: &'i Image<'_>) -> impl Iterator<Item = (&'i [u8], &'i [u8], bool)> {
    let defined = image.definitions.iter().filter(|definition| definition.is_longrun());
    let defined = defined.map(|d| (d.name.as_slice(), d.path.as_slice(), false));
    defined.chain(image.legacy.iter().map(|s| (s.name.as_slice(), s.path.as_slice(), true)))
}

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    if image.target != Target::Rs {
        return;
    }
    for (_, directory, is_whole) in directories(image) {
        let all = asked(image, directory);
        for one in &all {
            match &one.probe.kind {
                Kind::Exec(words) => program(image, directory, is_whole, one, words, found),
                Kind::Log(expression) => found.extend(hopeless(one, expression)),
                _ => {}
            }
        }
        other_port(&all, found);
    }
}

/// SO112: the program of a check, which runs in the service directory.
fn program(
    image: &Image<'_>,
    directory: &[u8],
    is_whole: bool,
    one: &Asked,
    words: &[Vec<u8>],
    found: &mut Vec<Finding>,
) {
    let Some(program) = words.first() else { return };
    let shown = String::from_utf8_lossy(program);
    let span = span_of(&one.text, one.range(program));
    if program.starts_with(b"/") {
        scripts::named(image, &one.path, span, program, found);
    } else if program.contains(&b'/') {
        let inside = program.strip_prefix(b"./").unwrap_or(program);
        let path = join(directory, inside);
        let is_copied = is_whole || COPIED.iter().any(|part| [b"./", inside].concat().starts_with(part));
        if image.tree.is_file(&path) && !is_copied {
            let text =
                format!("{shown} isn't in the service directory, which has only data of the definition");
            let advice = "move it into data, and write ./data/ in front of its name";
            found.push(one.finding(112, program, text).advice(advice));
        } else if image.tree.is_file(&path) {
            scripts::named(image, &one.path, span, &path, found);
        } else {
            let text = format!("there is no {shown} in the service directory");
            found.push(one.finding(112, program, text).advice("create it, or name a program that exists"));
        }
    } else if image.is_whole && image.program(&shown).is_none() {
        let text = format!("there is no {shown} in the image");
        found.push(
            one.finding(112, program, text).advice("install it, or ask with listen, tcp, unix or http"),
        );
    }
}

/// SO323: an expression that matches no line, or hardly one.
fn hopeless(one: &Asked, expression: &[u8]) -> Option<Finding> {
    let quote = |byte: u8| {
        let inner = expression.strip_prefix(&[byte])?.strip_suffix(&[byte])?;
        (!inner.is_empty()).then_some(inner)
    };
    for (byte, name) in [(b'"', "quotes"), (b'\'', "quotes"), (b'/', "slashes")] {
        let Some(inner) = quote(byte) else { continue };
        let text = format!("the {name} are a part of the expression: only a line with both of them matches");
        let finding = one.finding(323, expression, text).advice(format!("remove the {name}"));
        let edit = Edit::Replace(one.path.clone(), one.range(expression), inner.to_vec());
        return Some(finding.unsafe_fix(format!("remove the {name}"), vec![edit]));
    }
    let (text, advice) = match impossible(expression)? {
        Impossible::LineEnd => {
            ("no line has a line end in it", "ask with two lines of ready: both have to hold")
        }
        Impossible::Behind => {
            ("nothing follows the end of a line, which $ stands for", "write \\$ for the character")
        }
        Impossible::Before => {
            ("nothing precedes the start of a line, which ^ stands for", "write \\^ for the character")
        }
    };
    Some(one.finding(323, expression, text).advice(advice))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Impossible {
    LineEnd,
    Behind,
    Before,
}

/// Why an expression that compiles matches no line, if that can be seen.
fn impossible(expression: &[u8]) -> Option<Impossible> {
    let mut at = 0;
    let mut bracket = false;
    while let Some(byte) = expression.get(at) {
        let next = expression.get(at + 1);
        match byte {
            b'\\' if !bracket => {
                if next == Some(&b'n') {
                    return Some(Impossible::LineEnd);
                }
                at += 1;
            }
            b'[' if !bracket => {
                bracket = true;
                // A bracket that comes first is one of the set.
                at += usize::from(next == Some(&b'^'));
                at += usize::from(expression.get(at + 1) == Some(&b']'));
            }
            b']' => bracket = false,
            b'$' if !bracket && next.is_some_and(|next| !b")|*?{$".contains(next)) => {
                return Some(Impossible::Behind);
            }
            b'^' if !bracket && at > 0 && expression.get(at - 1).is_some_and(|b| !b"(|^*?".contains(b)) => {
                return Some(Impossible::Before);
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// SO324: a check asks a port of this machine, and the service is said to listen on others.
fn other_port(all: &[Asked], found: &mut Vec<Finding>) {
    let listens: Vec<u16> =
        all.iter().filter_map(Asked::port).filter(|(_, own)| *own).map(|(port, _)| port).collect();
    let Some(first) = listens.first() else { return };
    for one in all {
        let Some((port, false)) = one.port() else { continue };
        if !listens.contains(&port) {
            let text = format!("port {port} is asked, and the service listens on {first}");
            let advice = format!("ask port {first}, or write listen {port} into ready, too");
            found.push(one.finding(324, port.to_string().as_bytes(), text).advice(advice));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Impossible, impossible};

    #[test]
    fn expressions_that_match_no_line() {
        for (expression, expected) in [
            ("ready", None),
            ("^ready$", None),
            ("(^ready|up$)", None),
            ("costs \\$5", None),
            ("[$^]x", None),
            ("[^]$]x", None),
            ("a[\\n]b", None),
            ("(a$|^b)*c", None),
            ("$ready", Some(Impossible::Behind)),
            ("costs $5", Some(Impossible::Behind)),
            ("2^10", Some(Impossible::Before)),
            ("a\\nb", Some(Impossible::LineEnd)),
        ] {
            assert_eq!(impossible(expression.as_bytes()), expected, "{expression}");
        }
    }
}
