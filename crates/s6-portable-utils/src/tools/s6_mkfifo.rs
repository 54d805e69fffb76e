//! `s6-mkfifo`: creates named pipes.

use rustix::fs::{CWD, FileType, Mode};
use tool::{Call, Fatal, Next, Opt, Options, OrUnable, Outcome, Role, Tool};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-mkfifo",
    summary: "create named pipes",
    operands: "fifo...",
    options: &[Opt::value('m', "mode", "exact permissions, octal, whatever the umask")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let (mode, applies_umask) = permissions(&options)?;
    if !applies_umask {
        rustix::process::umask(Mode::empty());
    }
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    for fifo in &call.args {
        sys::fs::mknodat(CWD, fifo.as_slice(), FileType::Fifo, Mode::from_raw_mode(mode), 0)
            .or_unable_to("make fifo", fifo)?;
    }
    Ok(Next::SUCCESS)
}

/// The permissions, and whether the umask applies to them.
fn permissions(options: &Options) -> Result<(u32, bool), Fatal> {
    match options.get('m') {
        None => Ok((0o666, true)),
        Some(word) => {
            let mode = number::octal(word).filter(|m| *m <= 0o7777).ok_or_else(Fatal::usage)?;
            Ok((mode, false))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifos_are_for_everybody_but_for_the_umask() {
        let permissions = |words: &[&str]| {
            let mut args = words.iter().map(|w| w.as_bytes().to_vec()).collect();
            permissions(&Options::take(TOOL.options, &mut args).unwrap()).map_err(|e| e.code())
        };
        assert_eq!(permissions(&[]), Ok((0o666, true)));
        assert_eq!(permissions(&["-m", "600"]), Ok((0o600, false)));
        assert_eq!(permissions(&["-m", "7777"]), Ok((0o7777, false)));
        assert_eq!([permissions(&["-m", "10000"]), permissions(&["-m", "8"])], [Err(100), Err(100)]);
    }
}
