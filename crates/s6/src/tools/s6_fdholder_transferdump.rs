//! `s6-fdholder-transferdump`: stores everything from one fd holder in another one.

use ipc::fdholder;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-fdholder-transferdump",
    summary: "copy all descriptors of an fd holder to another one",
    operands: "pathfrom pathto",
    options: &[Opt::value(
        't',
        "timeoutfrom:timeoutto",
        "give up on the first holder, and on the other, after this many milliseconds",
    )],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (first, second) = options.get('t').map_or(Ok((None, None)), timeouts)?;
    let (from, to) = (call.shift()?, call.shift()?);
    let mut source = fdholder::connect(&from, first)?;
    let dump = source.get_dump().map_err(|e| fdholder::refused("get the dump", e))?;
    drop(source);
    let mut destination = fdholder::connect(&to, second)?;
    destination.set_dump(&dump).map_err(|e| fdholder::refused("set the dump", e).with_code(2))?;
    Ok(Next::SUCCESS)
}

/// The two time-outs of `FROM:TO`.  Either may be missing, the second one with its colon.
fn timeouts(word: &[u8]) -> Result<(Option<u32>, Option<u32>), Fatal> {
    let mut parts = word.splitn(2, |b| *b == b':');
    let mut next = || match parts.next() {
        None | Some([]) => Ok(None),
        Some(digits) => number::decimal(digits).map(Some).ok_or_else(Fatal::usage),
    };
    Ok((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_timeouts() {
        let read = |word: &str| timeouts(word.as_bytes()).ok();
        assert_eq!(read("1:2"), Some((Some(1), Some(2))));
        assert_eq!(read("1"), Some((Some(1), None)));
        assert_eq!(read(":2"), Some((None, Some(2))));
        assert_eq!(read("1:"), Some((Some(1), None)));
        for bad in ["x", "1:x", "1:2:3"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
