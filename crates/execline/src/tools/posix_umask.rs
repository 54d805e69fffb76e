//! `posix-umask`: prints or sets the file creation mask, like the umask utility of POSIX.

use rustix::fs::Mode;
use tool::{Call, Fatal, Next, Opt, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "posix-umask",
    summary: "print or set the file creation mask",
    operands: "[ mask ] [ prog... ]",
    options: &[Opt::flag('S', "print it in symbolic form")],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let old = rustix::process::umask(Mode::empty());
    rustix::process::umask(old);
    let old = old.bits() & 0o777;
    if call.args.is_empty() {
        let mut out = Out::new();
        let text = if options.has('S') { symbolic(old) } else { format!("{old:04o}") };
        out.line(text.as_bytes())?;
        return out.finish();
    }
    let word = call.shift()?;
    let mask = wire::number::octal(&word).or_else(|| parse(&word, old));
    let mask = mask.ok_or_else(|| Fatal::new(1, "invalid mode string"))?;
    rustix::process::umask(Mode::from_bits_truncate(mask & 0o777));
    Next::run_if_any(call.take_args(), call.take_env())
}

/// The permissions that a mask allows, in the form `u=rwx,g=rx,o=`.
fn symbolic(mask: u32) -> String {
    let class = |name: char, shift: u32| {
        let allowed = !(mask >> shift);
        let mut text = format!("{name}=");
        text.extend(
            [(4, 'r'), (2, 'w'), (1, 'x')].iter().filter(|(bit, _)| allowed & bit != 0).map(|(_, c)| c),
        );
        text
    };
    [class('u', 6), class('g', 3), class('o', 0)].join(",")
}

/// Applies a symbolic mode to the mask `old`; `None` if it is malformed.
fn parse(text: &[u8], old: u32) -> Option<u32> {
    let mut allowed = !old & 0o777;
    for clause in text.split(|b| *b == b',') {
        let operator = clause.iter().position(|b| matches!(b, b'+' | b'-' | b'='))?;
        let (classes, mut actions) = clause.split_at_checked(operator)?;
        let mut shifts = Vec::new();
        for b in classes {
            match b {
                b'u' => shifts.push(6),
                b'g' => shifts.push(3),
                b'o' => shifts.push(0),
                b'a' => shifts.extend([6, 3, 0]),
                _ => return None,
            }
        }
        if shifts.is_empty() {
            shifts.extend([6, 3, 0]);
        }
        while let Some((operator, rest)) = actions.split_first() {
            let end = rest.iter().position(|b| matches!(b, b'+' | b'-' | b'=')).unwrap_or(rest.len());
            let (rights, next) = rest.split_at_checked(end)?;
            let bits = permissions(rights, allowed)?;
            for shift in &shifts {
                let bits = bits << shift;
                match operator {
                    b'+' => allowed |= bits,
                    b'-' => allowed &= !bits,
                    _ => allowed = allowed & !(7 << shift) | bits,
                }
            }
            actions = next;
        }
    }
    Some(!allowed & 0o777)
}

/// Three permission bits: from letters of `rwxXst`, or copied from a class.
fn permissions(letters: &[u8], allowed: u32) -> Option<u32> {
    match letters {
        b"u" => return Some(allowed >> 6 & 7),
        b"g" => return Some(allowed >> 3 & 7),
        b"o" => return Some(allowed & 7),
        _ => {}
    }
    let bit = |b: &u8| match b {
        b'r' => Some(4),
        b'w' => Some(2),
        b'x' | b'X' => Some(1),
        b's' | b't' => Some(0),
        _ => None,
    };
    letters.iter().try_fold(0, |bits, b| Some(bits | bit(b)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbolic_modes() {
        let set = |text: &str, old| parse(text.as_bytes(), old);
        assert_eq!(set("u=rwx,g=rx,o=", 0), Some(0o027));
        assert_eq!(set("g+w,o-r", 0o027), Some(0o007));
        assert_eq!(set("u=g", 0o027), Some(0o227));
        assert_eq!(set("+w", 0o227), Some(0o005));
        assert_eq!(set("u-w+x=r", 0), Some(0o300));
        for bad in ["zz", "", "u", "u=z", "u+r,", "u+rg", "b+r"] {
            assert_eq!(set(bad, 0), None, "{bad}");
        }
    }

    #[test]
    fn masks_print() {
        assert_eq!(symbolic(0o027), "u=rwx,g=rx,o=");
        assert_eq!(symbolic(0o333), "u=r,g=r,o=r");
    }
}
