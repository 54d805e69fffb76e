//! `forstdin`: a loop over the lines of standard input.

use crate::input::{Cut, Items};
use crate::pool::{self, Pool};
use crate::variable::check_name;
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool};

/// The options of [`cut`].
const CUT: [Opt; 6] = [
    Opt::flag('N', "keep the delimiter"),
    Opt::flag('n', "drop the delimiter, and a last line without one (default)"),
    Opt::flag('C', "leave out empty lines"),
    Opt::flag('c', "empty lines count (default)"),
    Opt::flag('0', "lines end with a null character"),
    Opt::value('d', "delim", "lines end with any of these characters; with none, input is netstrings"),
];

/// All options, which forbacktickx has too.
pub(super) const OPTIONS: [Opt; 12] = {
    let mut all = [CUT[0]; 12];
    let mut i = 0;
    while i < 6 {
        all[i] = pool::OPTIONS[i];
        all[i + 6] = CUT[i];
        i += 1;
    }
    all
};

pub static TOOL: Tool = Tool {
    name: "forstdin",
    summary: "run a program once for each line of standard input",
    operands: "var loop...",
    options: &OPTIONS,
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if call.args.len() < 2 {
        return Err(Fatal::usage());
    }
    let variable = call.shift()?;
    check_name(&variable)?;
    let body = call.take_args();
    let mut pool = Pool::new(&options, variable, body, Vec::new())?;
    let mut items = Items::new(rustix::stdio::stdin(), cut(&options));
    match each(call, &mut pool, &mut items)? {
        Done::Broken(code) => Ok(Next::Exit(code)),
        Done::All(0) => Ok(Next::Exit(1)),
        Done::All(_) => Ok(Next::SUCCESS),
    }
}

/// How input is to be cut.
pub(super) fn cut(options: &Options) -> Cut {
    let delimiters = match options.last_of("0d") {
        Some('0') => vec![0],
        Some(_) => options.get('d').unwrap_or_default().to_vec(),
        None => vec![b'\n'],
    };
    Cut { delimiters, chomp: options.last_of("Nn") != Some('N'), crunch: options.last_of("Cc") == Some('C') }
}

/// How a loop came to its end.
pub(super) enum Done {
    /// An exit code ended it.
    Broken(u8),
    /// After so many items.
    All(usize),
}

/// Runs the pool's body for each item.
pub(super) fn each(call: &Call, pool: &mut Pool<'_>, items: &mut Items<'_>) -> Result<Done, Fatal> {
    let mut count = 0;
    while let Some(item) = items.next().or_unable(|| "read input")? {
        count += 1;
        if let Some(code) = pool.start(call, &item)? {
            return Ok(Done::Broken(code));
        }
    }
    pool.finish()?;
    Ok(Done::All(count))
}
