//! Prints a whole message, as `s6-dnsq` and `s6-dnsqr` do: a line for the header and for each question and record.

use crate::failure::Failure;
use crate::message::{Record, name};
use crate::record::Data;
use domain::base::Message;
use domain::base::iana::Class;
use domain::base::message::RecordSection;

/// Appends the text of a message; unless the question was `recursive`, the flags of recursion are called weird.
///
/// # Errors
/// The message is malformed; the text covers what precedes the damage.
pub fn dump(message: &[u8], recursive: bool, text: &mut Vec<u8>) -> Result<(), Failure> {
    let length = message.len();
    let message = Message::from_slice(message).map_err(|_| Failure::Malformed)?;
    let counts = message.header_counts();
    let (questions, answers) = (counts.qdcount(), counts.ancount());
    let (authority, additional) = (counts.nscount(), counts.arcount());
    let head = format!("{length} bytes, {questions}+{answers}+{authority}+{additional} records");
    text.extend_from_slice(head.as_bytes());
    header(message.as_slice(), recursive, text);
    for question in message.question() {
        let question = question.map_err(|_| Failure::Malformed)?;
        text.extend_from_slice(b"query: ");
        if question.qclass() != Class::IN {
            text.extend(format!("weird class ({}) - ", question.qclass().to_int()).bytes());
        }
        text.extend(format!("{} ", question.qtype().to_int()).bytes());
        text.extend(name(question.qname()).text());
        text.push(b'\n');
    }
    let mut section = Some(message.answer().map_err(|_| Failure::Malformed)?);
    for intro in ["answer", "authority", "additional"] {
        let Some(records) = section.take() else { break };
        section = lines(records, intro, text)?;
    }
    Ok(())
}

/// Appends the flags, each after a comma.
fn header(message: &[u8], recursive: bool, text: &mut Vec<u8>) {
    let (high, low) = match message {
        [_, _, high, low, ..] => (*high, *low),
        _ => (0, 0),
    };
    let mut append_if = |holds: bool, what: String| {
        if holds {
            text.extend_from_slice(b", ");
            text.extend_from_slice(what.as_bytes());
        }
    };
    let weird = if recursive { "" } else { "weird " };
    let operation = high >> 3 & 15;
    append_if(high & 0x80 != 0, "response".into());
    append_if(operation != 0, format!("weird op ({operation})"));
    append_if(high & 4 != 0, "authoritative".into());
    append_if(high & 2 != 0, "truncated".into());
    append_if(high & 1 != 0, format!("{weird}rd"));
    append_if(low & 0x80 != 0, format!("{weird}ra"));
    let code = match low & 15 {
        0 => "noerror".into(),
        1 => "fmterror".into(),
        2 => "servfail".into(),
        3 => "nxdomain".into(),
        4 => "notimpl".into(),
        5 => "refused".into(),
        other => format!("weird rcode ({other})"),
    };
    append_if(true, code);
    let rest = low >> 4 & 7;
    append_if(rest != 0, format!("weird z ({rest})"));
    text.push(b'\n');
}

/// Appends the records of a section; returns the next section.
fn lines<'a>(
    mut records: RecordSection<'a, [u8]>,
    intro: &str,
    text: &mut Vec<u8>,
) -> Result<Option<RecordSection<'a, [u8]>>, Failure> {
    for record in &mut records {
        let record = record.map_err(|_| Failure::Malformed)?;
        text.extend(format!("{intro}: ").bytes());
        if record.class() != Class::IN {
            let class = record.class().to_int();
            text.extend(format!("weird class ({class}), not attempting to analyze record\n").bytes());
        } else if let Some(record) = Record::read(&record, |_| true)? {
            text.extend(record.owner.text());
            text.extend(format!(" {} {} ", record.ttl, Data::type_name(record.rtype)).bytes());
            text.extend(record.data.text());
            text.push(b'\n');
        }
    }
    records.next_section().map_err(|_| Failure::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_full() {
        let mut message = b"\x12\x34\x85\xa3\0\x01\0\x02\0\x01\0\x01\x01A\0\0\x01\0\x01".to_vec();
        message.extend(b"\xc0\x0c\0\x01\0\x01\0\0\x0e\x10\0\x04\x0a\0\0\x01");
        message.extend(b"\xc0\x0c\0\x63\0\x01\0\0\0\x05\0\x02\x01z");
        message.extend(b"\0\0\x02\0\x01\0\0\0\x05\0\x04\x01b\xc0\x0c");
        message.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
        let mut text = Vec::new();
        dump(&message, true, &mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "75 bytes, 1+2+1+1 records, response, authoritative, rd, ra, nxdomain, weird z (2)\n\
             query: 1 a.\n\
             answer: a. 3600 A 10.0.0.1\n\
             answer: a. 5 unknown rtype 99 length 2: \"\\0x01z\"\n\
             authority: . 5 NS b.a.\n\
             additional: weird class (1232), not attempting to analyze record\n"
        );
        for cut in 0..message.len() {
            let mut text = Vec::new();
            assert!(dump(&message[..cut], false, &mut text).is_err(), "{cut}");
        }
    }
}
