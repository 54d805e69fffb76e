//! What `s6-head` and `s6-tail` share of their options.

use tool::Opt;

/// So many lines are printed, unless another number is asked for.
pub(crate) const DEFAULT_LINES: u8 = 10;

/// `-1` to `-9`.
pub(crate) const DIGITS: [Opt; 9] = [
    Opt::flag('1', "as -n 1; so do -2 to -9"),
    Opt::flag('2', "as -n 2"),
    Opt::flag('3', "as -n 3"),
    Opt::flag('4', "as -n 4"),
    Opt::flag('5', "as -n 5"),
    Opt::flag('6', "as -n 6"),
    Opt::flag('7', "as -n 7"),
    Opt::flag('8', "as -n 8"),
    Opt::flag('9', "as -n 9"),
];
