//! What `s6-dnsq` and `s6-dnsqr` share: they ask one question, optionally show its exchanges, and print the whole answer.

use crate::dump::dump;
use crate::exchange::{Stage, ask as ask_servers};
use crate::failure::Failure;
use crate::look_up::deadline;
use crate::message::Question;
use crate::name::Name;
use crate::query::{Ask, Query, Schedule, Transport};
use crate::record::type_from_text;
use std::net::IpAddr;
use tool::{Call, Fatal, Opt, Options, Out, Outcome, diag};

pub(crate) const TO_STDOUT: Opt = Opt::flag('1', "show the exchanges on standard output");
pub(crate) const TO_STDERR: Opt = Opt::flag('2', "show the exchanges on standard error (default)");
pub(crate) const LEVEL: Opt = Opt::value(
    'D',
    "level",
    "the messages to show: 0: none (default), 1: received ones, 2: sent ones, 3: both",
);

/// Takes the type and the name from the operands.
pub(crate) fn question(call: &mut Call, recursive: bool) -> Result<Question, Fatal> {
    let (rtype, text) = (call.shift()?, call.shift()?);
    let rtype = type_from_text(&rtype).ok_or_else(Fatal::usage)?;
    let name = Name::from_text(&text)
        .ok_or_else(|| Fatal::user(format_args!("{} is no domain name", diag::show(&text))))?;
    Ok(Question { name, rtype, recursive })
}

/// Asks and prints the answer.
pub(crate) fn ask(options: &Options, question: Question, servers: &[IpAddr], schedule: Schedule) -> Outcome {
    let deadline = deadline(options)?;
    let level = options.number::<u32>('D')?.unwrap_or(0);
    let to_stdout = options.last_of("12") == Some('1');
    let recursive = question.recursive;
    let to_do = format!("resolve {} of type {}", diag::show(&question.name.text()), question.rtype);
    // Without EDNS, whose record would be in the answer.
    let query = Query::new(question, servers, false).with_schedule(schedule);
    let mut shown = Ok(());
    let answer = ask_servers(query, deadline, &mut |stage| {
        if level & if matches!(stage, Stage::Received(_)) { 1 } else { 2 } != 0 && shown.is_ok() {
            shown = show(&describe(&stage), to_stdout);
        }
    });
    shown?;
    let answer = answer.map_err(|failure| {
        failure.fatal(&to_do).with_code(if failure == Failure::TimedOut { 99 } else { 2 })
    })?;
    let mut text = Vec::new();
    let read = dump(&answer, recursive, &mut text);
    let mut out = Out::new();
    out.put(&text)?;
    let outcome = out.finish();
    read.map_err(|failure| failure.fatal("read the answer").with_code(111))?;
    outcome
}

fn show(text: &[u8], to_stdout: bool) -> Result<(), Fatal> {
    if to_stdout {
        let mut out = Out::new();
        out.line(text)?;
        out.finish().map(drop)
    } else {
        diag::line(&String::from_utf8_lossy(text));
        Ok(())
    }
}

/// Describes a stage in a paragraph.
fn describe(stage: &Stage<'_>) -> Vec<u8> {
    let target = |ask: &Ask| {
        let transport = if ask.transport == Transport::Udp { "UDP" } else { "TCP" };
        format!("{} by {transport}", wire::ip::text(ask.server))
    };
    let (head, message) = match stage {
        Stage::Asking(ask) => (format!("asking {}:\n", target(ask)), Some(ask.message.as_slice())),
        Stage::Asked(ask, timeout) => {
            (format!("asked {}, waiting up to {} s\n", target(ask), timeout.as_secs()), None)
        }
        Stage::Received(message) => ("received:\n".to_owned(), Some(*message)),
    };
    let mut text = head.into_bytes();
    if let Some(message) = message
        && dump(message, true, &mut text).is_err()
    {
        text.extend_from_slice(b"(the rest can't be read)\n");
    }
    text
}
