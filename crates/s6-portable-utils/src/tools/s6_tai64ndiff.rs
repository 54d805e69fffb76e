//! `s6-tai64ndiff`: turns the TAI64N time stamps at the start of lines into the time since the line before.

use tool::{Call, Input, Out, Outcome, Role, Tool};
use wire::tai::{PACKED, Tai64n};

pub static TOOL: Tool = Tool {
    name: "s6-tai64ndiff",
    summary: "turn time stamps into time differences",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

/// Length of a stamp: `@` and two digits a byte.
const LABEL: usize = 1 + 2 * PACKED;

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let (mut input, mut out) = (Input::lines(), Out::new());
    let mut before = None;
    while let Some(line) = input.next(&mut out)? {
        let now = Tai64n::from_label(line.text);
        let mut text = line.text;
        if let Some(now) = now {
            let head = before.map_or(String::from("[          .          ]"), |before| prefix(before, now));
            out.put(head.as_bytes())?;
            text = text.get(LABEL..).unwrap_or_default();
        }
        before = now;
        out.put(text)?;
        if line.is_terminated {
            out.put(b"\n")?;
        }
    }
    out.finish()
}

/// Length of what takes the place of a stamp.
const PREFIX: usize = 23;

/// The difference with its sign: seconds in ten places, nanoseconds in nine.  More seconds take places from the end.
fn prefix(before: Tai64n, now: Tai64n) -> String {
    let nanos = |t: Tai64n| i128::from(t.seconds) * 1_000_000_000 + i128::from(t.nanos);
    let difference = nanos(now) - nanos(before);
    let (sign, size) = (if difference < 0 { "-" } else { "" }, difference.unsigned_abs());
    let seconds = format!("{sign}{}", size / 1_000_000_000);
    let text = format!("[{seconds:>10}.{:09} ", size % 1_000_000_000);
    format!("{text:.width$}]", width = PREFIX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let t = |seconds, nanos| Tai64n { seconds, nanos };
        assert_eq!(prefix(t(5, 0), t(6, 0)), "[         1.000000000 ]");
        assert_eq!(prefix(t(5, 0), t(2, 0)), "[        -3.000000000 ]");
        assert_eq!(prefix(t(2, 500_000_000), t(1, 0)), "[        -1.500000000 ]");
        assert_eq!(prefix(t(2, 0), t(1, 500_000_000)), "[        -0.500000000 ]");
        assert_eq!(prefix(t(2, 0), t(268_435_458, 1)), "[ 268435456.000000001 ]");
        assert_eq!(prefix(t(5, 999_999_999), t(6, 0)), "[         0.000000001 ]");
        assert_eq!(prefix(t(0, 0), t(12_345_678_901, 123_456_789)), "[12345678901.123456789]");
        assert_eq!(prefix(t(0, 0), t(1 << 62, 5)), "[4611686018427387904.0]");
        for (a, b) in [(0, u64::MAX), (u64::MAX, 0), (9, 9)] {
            assert_eq!(prefix(t(a, 0), t(b, 999_999_999)).len(), PREFIX);
        }
    }
}
