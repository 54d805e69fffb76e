//! `s6-linux-init-shutdown`: stops the machine at a given time.

use crate::shutdown;
use tool::{Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-linux-init-shutdown",
    summary: "stop the machine at a given time",
    operands: shutdown::OPERANDS,
    options: shutdown::OPTIONS,
    role: Role::Stay,
    main: shutdown::main,
};

#[cfg(test)]
mod tests {
    use super::TOOL;

    #[test]
    fn it_takes_the_options_of_shutdown() {
        assert_eq!(
            tool::usage_line(&TOOL),
            "s6-linux-init-shutdown [ -hHPprkcafFi ] [ -t sec ] time [ message ]"
        );
    }
}
