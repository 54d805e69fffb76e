//! `s6-format-filter`: prints each line in a format.

use tool::{Call, Fatal, Input, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-format-filter",
    summary: "print lines in a format",
    operands: "format [ args... ]",
    options: &[],
    role: Role::Stay,
    main,
};

/// A piece of the format.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Line,
}

fn main(call: &mut Call) -> Outcome {
    call.only_operands()?;
    let format = call.shift()?;
    let mut words = vec![call.argv0.clone()];
    words.extend(call.take_args());
    let pieces =
        parse(&format, &words).map_err(|why| Fatal::new(111, format_args!("invalid format: {why}")))?;
    let (mut input, mut out) = (Input::lines(), Out::new());
    while let Some(line) = input.next(&mut out)? {
        for piece in &pieces {
            match piece {
                Piece::Text(text) => out.put(text)?,
                Piece::Line => out.put(line.text)?,
            }
        }
        if line.is_terminated {
            out.put(b"\n")?;
        }
    }
    out.finish()
}

/// Parses a format, with the words for `%0` to `%9`; word 0 is the command's name.
fn parse(format: &[u8], words: &[Vec<u8>]) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let mut bytes = format.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            text.push(*byte);
            continue;
        }
        match bytes.next() {
            Some(b'%') => text.push(b'%'),
            Some(b's') => {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Line);
            }
            Some(digit @ b'0'..=b'9') => match words.get(usize::from(digit - b'0')) {
                Some(word) => text.extend_from_slice(word),
                None => return Err(format!("%{} has no argument", char::from(*digit))),
            },
            Some(other) => return Err(format!("unknown sequence %{}", diag::show(&[*other]))),
            None => return Err(String::from("it ends with %")),
        }
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences() {
        let words = [b"cmd".to_vec(), b"a".to_vec()];
        let text = |t: &str| Piece::Text(t.as_bytes().to_vec());
        assert_eq!(
            parse(b"<%s> %1-%0 100%%", &words),
            Ok(vec![text("<"), Piece::Line, text("> a-cmd 100%")])
        );
        for bad in [&b"%2"[..], b"a%", b"%x"] {
            assert!(parse(bad, &words).is_err(), "{bad:?}");
        }
    }
}
