//! The loop that forstdin and forbacktickx share: a program for each item of the input.

use crate::input::{Items, Splitting};
use crate::pool::{self, Pool};
use tool::{Call, Fatal, Opt, Options, OrUnable};

/// The options of [`splitting`].
const SPLITTING: [Opt; 6] = [
    Opt::flag('N', "keep the delimiter"),
    Opt::flag('n', "drop the delimiter, and a last line without one (default)"),
    Opt::flag('C', "skip empty lines"),
    Opt::flag('c', "don't skip empty lines (default)"),
    Opt::flag('0', "lines end with a null character"),
    Opt::value('d', "delim", "lines end with any of these characters; if empty, input is netstrings"),
];

/// All options of a loop.
pub(crate) const OPTIONS: [Opt; 12] = {
    let mut all = [SPLITTING[0]; 12];
    let mut i = 0;
    while i < 6 {
        all[i] = pool::OPTIONS[i];
        all[i + 6] = SPLITTING[i];
        i += 1;
    }
    all
};

/// How the options split the input.
pub(crate) fn splitting(options: &Options) -> Splitting {
    let delimiters = match options.last_of("0d") {
        Some('0') => vec![0],
        Some(_) => options.get('d').unwrap_or_default().to_vec(),
        None => vec![b'\n'],
    };
    Splitting {
        delimiters,
        chomp: options.last_of("Nn") != Some('N'),
        crunch: options.last_of("Cc") == Some('C'),
    }
}

/// How a loop ended.
pub(crate) enum LoopEnd {
    /// By an exit code that ends it.
    Broken(u8),
    /// After all items: how many.
    All(usize),
}

/// Runs the pool's body for each item.
pub(crate) fn run_for_each(
    call: &Call,
    pool: &mut Pool<'_>,
    items: &mut Items<'_>,
) -> Result<LoopEnd, Fatal> {
    let mut count = 0;
    while let Some(item) = items.next().or_unable(|| "read input")? {
        count += 1;
        if let Some(code) = pool.start(call, &item)? {
            return Ok(LoopEnd::Broken(code));
        }
    }
    pool.wait_for_all()?;
    Ok(LoopEnd::All(count))
}
