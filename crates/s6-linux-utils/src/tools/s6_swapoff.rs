//! `s6-swapoff`: turns swap space off.

use tool::{Call, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-swapoff",
    summary: "turn swap space off",
    operands: "[ device ]",
    options: &[Opt::flag('a', "turn off all swap space in /proc/swaps").long("all")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if !options.has('a') {
        let device = call.shift()?;
        sys::device::swap_off(&device).or_unable_to("swap off", &device)?;
        return Ok(Next::SUCCESS);
    }
    call.refuse_operands("-a")?;
    let text = std::fs::read("/proc/swaps").or_unable(|| "read /proc/swaps")?;
    let mut failed = 0_u8;
    for device in devices(&text) {
        if let Err(e) = sys::device::swap_off(device) {
            failed = failed.saturating_add(1);
            call.warn(format_args!("unable to swap off {}: {}", diag::show(device), sys::strerror(e)));
        }
    }
    Ok(Next::Exit(failed))
}

/// The devices in /proc/swaps, whose first line is a heading.
fn devices(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| *b == b'\n')
        .skip(1)
        .filter_map(|line| line.split(u8::is_ascii_whitespace).next())
        .filter(|device| !device.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_column_without_its_heading() {
        let text = b"Filename\tType\tSize\n/dev/sda2  partition\t1\n/swap file 2\n";
        assert_eq!(devices(text).collect::<Vec<_>>(), [&b"/dev/sda2"[..], b"/swap"]);
    }
}
