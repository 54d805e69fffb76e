//! `s6-swapon`: turns swap space on.

use tool::{Call, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::fstab;

pub static TOOL: Tool = Tool {
    name: "s6-swapon",
    summary: "turn swap space on",
    operands: "[ device ]",
    options: &[Opt::flag('a', "turn on the swap space in /etc/fstab without the option noauto").long("all")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    if !options.has('a') {
        let device = call.shift()?;
        sys::device::swap_on(&device).or_unable_to("swap on", &device)?;
        return Ok(Next::SUCCESS);
    }
    call.refuse_operands("-a")?;
    let text = std::fs::read("/etc/fstab").or_unable(|| "read /etc/fstab")?;
    let mut failed = 0_u8;
    for entry in fstab::entries(&text).iter().filter(|e| e.is_swap() && !e.has(b"noauto")) {
        if let Err(e) = sys::device::swap_on(&entry.device) {
            failed = failed.saturating_add(1);
            call.warn(format_args!("unable to swap on {}: {}", diag::show(&entry.device), sys::strerror(e)));
        }
    }
    Ok(Next::Exit(failed))
}
