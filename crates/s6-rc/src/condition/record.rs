//! What was examined, as bytes: a line a service, whose fields have zero bytes between them: name, kind, `+` or `-` and why it
//! isn't there, what it is absent without, and its answers.

use super::Examined;

/// At most so many services are read.
const SERVICES_MAX: usize = 10_000;

/// Adds a service to the bytes of a list.
pub fn encode(one: &Examined, bytes: &mut Vec<u8>) {
    let (sign, reason) = one.absent.as_deref().map_or(("+", ""), |reason| ("-", reason));
    let fields: [&[u8]; 9] = [
        &one.name,
        &[0, one.kind, 0],
        sign.as_bytes(),
        reason.as_bytes(),
        &[0],
        &one.without,
        &[0],
        &one.answers,
        b"\n",
    ];
    fields.iter().for_each(|field| bytes.extend_from_slice(field));
}

/// The list in bytes; lines that aren't whole are left out.
#[must_use]
pub fn decode(bytes: &[u8]) -> Vec<Examined> {
    let mut found = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').take(SERVICES_MAX) {
        found.extend(service(line));
    }
    found
}

fn service(line: &[u8]) -> Option<Examined> {
    let mut fields = line.splitn(5, |byte| *byte == 0);
    let name = fields.next().filter(|name| !name.is_empty())?.to_vec();
    let [kind] = *fields.next()? else { return None };
    let (sign, reason) = fields.next()?.split_first()?;
    let absent = (*sign == b'-').then(|| String::from_utf8_lossy(reason).into_owned());
    let (without, answers) = (fields.next()?.to_vec(), fields.next()?.to_vec());
    Some(Examined { name, kind, absent, without, answers, pipeline: Vec::new() })
}
