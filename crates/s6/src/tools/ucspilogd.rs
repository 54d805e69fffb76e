//! `ucspilogd`: turns the codes at the start of syslog messages into names.

use logger::syslog;
use tool::{Call, Input, Opt, Out, Outcome, Role, Tool};
use wire::tai::Tai64n;

pub static TOOL: Tool = Tool {
    name: "ucspilogd",
    summary: "turn syslog codes into names",
    operands: "[ var... ]",
    options: &[Opt::value('D', "undef", "print this for a variable that isn't set; default <undefined>")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let undefined = options.get('D').unwrap_or(b"<undefined>");
    let mut head = Vec::new();
    for name in &call.args {
        head.extend_from_slice(call.env.get(name).unwrap_or(undefined));
        head.extend_from_slice(b": ");
    }
    let (mut input, mut out) = (Input::separated_by([b'\n', 0]), Out::new());
    while let Some(line) = input.next(&mut out)? {
        let (stamp, message) = line.text.split_at(stamp_length(line.text));
        let (names, text) = syslog::split(message);
        out.put(stamp)?;
        out.put(&head)?;
        out.put(names.as_bytes())?;
        out.line(text)?;
    }
    out.finish()
}

/// The length of a time stamp and a space before the message.
fn stamp_length(line: &[u8]) -> usize {
    const LENGTH: usize = 26;
    match line.get(..LENGTH) {
        Some(start) if start.ends_with(b" ") && Tai64n::from_label(start).is_some() => LENGTH,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_stay_in_front() {
        assert_eq!(stamp_length(b"@400000000000000a00000000 <13>x"), 26);
        assert_eq!(stamp_length(b"@400000000000000a00000000"), 0);
        assert_eq!(stamp_length(b"@400000000000000a0000000g <13>x"), 0);
    }
}
