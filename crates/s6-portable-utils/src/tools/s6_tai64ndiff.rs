//! `s6-tai64ndiff`: replaces the TAI64N time stamp at the start of each line by the time since the previous line.

use tool::{Call, Input, Out, Outcome, Role, Tool};
use wire::tai::{PACKED, Tai64n, nine_digits};

pub static TOOL: Tool = Tool {
    name: "s6-tai64ndiff",
    summary: "replace time stamps by time differences",
    operands: "",
    options: &[],
    role: Role::Stay,
    main,
};

/// The length of a stamp: `@` and two digits per byte.
const LABEL: usize = 1 + 2 * PACKED;

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let (mut input, mut out) = (Input::lines(), Out::new());
    let mut before = None;
    while let Some(line) = input.next(&mut out)? {
        let now = Tai64n::from_label(line.text);
        let mut text = line.text;
        if let Some(now) = now {
            out.put(&before.map_or(*b"[          .          ]", |before| prefix(before, now)))?;
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

/// The length of the text that replaces a stamp.
const PREFIX: usize = 23;

/// The signed difference: seconds in ten columns, nanoseconds in nine.  Longer seconds, after a blank, cut off the end.
fn prefix(before: Tai64n, now: Tai64n) -> [u8; PREFIX] {
    let is_negative = now < before;
    let (from, to) = if is_negative { (now, before) } else { (before, now) };
    let borrow = u32::from(to.nanos < from.nanos);
    let mut seconds = to.seconds - from.seconds - u64::from(borrow);
    let nanos = to.nanos + borrow * 1_000_000_000 - from.nanos;

    // Room for all digits of 64 bits, a sign and a blank.
    let mut whole = [b' '; 22];
    let mut used = 0;
    for place in whole.iter_mut().rev() {
        if seconds == 0 && used > 0 {
            if is_negative {
                *place = b'-';
                used += 1;
            }
            break;
        }
        *place = b'0' + (seconds % 10) as u8;
        seconds /= 10;
        used += 1;
    }
    let places = if used > 10 { used + 1 } else { 10 };
    let text = [b"[", whole.get(whole.len() - places..).unwrap_or_default(), b".", &nine_digits(nanos), b" "];
    let mut out = [b']'; PREFIX];
    let (most, _) = out.split_at_mut(PREFIX - 1);
    most.iter_mut().zip(text.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let t = |seconds, nanos| Tai64n { seconds, nanos };
        let text = |before, now| String::from_utf8(prefix(before, now).to_vec()).unwrap();
        assert_eq!(text(t(5, 0), t(6, 0)), "[         1.000000000 ]");
        assert_eq!(text(t(5, 0), t(2, 0)), "[        -3.000000000 ]");
        assert_eq!(text(t(2, 500_000_000), t(1, 0)), "[        -1.500000000 ]");
        assert_eq!(text(t(2, 0), t(1, 500_000_000)), "[        -0.500000000 ]");
        assert_eq!(text(t(2, 0), t(268_435_458, 1)), "[ 268435456.000000001 ]");
        assert_eq!(text(t(5, 999_999_999), t(6, 0)), "[         0.000000001 ]");
        assert_eq!(text(t(0, 0), t(12_345_678_901, 123_456_789)), "[ 12345678901.12345678]");
        assert_eq!(text(t(0, 0), t(1 << 62, 5)), "[ 4611686018427387904.]");
        for (a, b) in [(0, u64::MAX), (u64::MAX, 0), (9, 9)] {
            assert!(text(t(a, 0), t(b, 999_999_999)).ends_with(']'));
        }
    }
}
