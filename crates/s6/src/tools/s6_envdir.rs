//! `s6-envdir`: changes the environment by the files of a directory, then runs a program.
//!
//! A file named `F` sets the variable `F` to its first line, without blanks and carriage returns at its end; an empty
//! file removes it.  Files whose names begin with a dot or contain `=` are ignored.

use files::read_file;
use rustix::fs::CWD;
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-envdir",
    summary: "run a program in an environment changed by the files of a directory",
    operands: "dir prog...",
    options: &[
        Opt::flag('I', "continue if the directory doesn't exist"),
        Opt::flag('i', "fail with code 111 if the directory doesn't exist (default)"),
        Opt::flag('n', "keep blanks at the end, or with -f the last newline"),
        Opt::flag('f', "take whole files, newlines included"),
        Opt::flag('L', "take more than the first 4096 bytes of a file"),
        Opt::value('c', "nullis", "turn NUL bytes into the first character of nullis, not into newlines"),
    ],
    role: Role::Chain,
    main,
};

/// The limit of a value in bytes, without -L.
const VALUE_LIMIT: usize = 4096;

/// How a file becomes a value.
#[derive(Debug, Clone, Copy)]
struct Reading {
    verbatim: bool,
    unchomped: bool,
    unclamped: bool,
    nul: u8,
}

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let nul = match options.get('c') {
        Some(text) => *text.first().ok_or_else(Fatal::usage)?,
        None => b'\n',
    };
    let (verbatim, unchomped, unclamped) = (options.has('f'), options.has('n'), options.has('L'));
    let reading = Reading { verbatim, unchomped, unclamped, nul };
    let dir = call.shift()?;
    if call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let mut env = call.take_env();
    match files::open_dir(CWD, &dir) {
        Err(Errno::NOENT) if options.last_of("iI") == Some('I') => {}
        opened => {
            let fd = opened.or_unable_to("open", &dir)?;
            apply(&fd, &dir, reading, &mut env)?;
        }
    }
    Next::run(call.take_args(), env)
}

fn apply(fd: &OwnedFd, dir: &[u8], reading: Reading, env: &mut Env) -> Result<(), Fatal> {
    for name in files::names(fd).or_unable_to("read", dir)? {
        if name.starts_with(b".") || name.contains(&b'=') {
            continue;
        }
        let content = read_file(fd, &name, if reading.unclamped { usize::MAX } else { VALUE_LIMIT })
            .or_unable(|| format!("read {}/{}", diag::show(dir), diag::show(&name)))?;
        if content.is_empty() {
            env.unset(&name);
        } else {
            env.set(&name, &value(&content, reading));
        }
    }
    Ok(())
}

fn value(content: &[u8], reading: Reading) -> Vec<u8> {
    let mut value = content;
    if reading.verbatim {
        if !reading.unchomped {
            value = value.strip_suffix(b"\n").unwrap_or(value);
        }
    } else {
        value = value.split(|b| *b == b'\n').next().unwrap_or_default();
        if !reading.unchomped {
            let blanks = value.iter().rev().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count();
            value = value.get(..value.len() - blanks).unwrap_or_default();
        }
    }
    value.iter().map(|b| if *b == 0 { reading.nul } else { *b }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str, flags: &str) -> Vec<u8> {
        let (verbatim, unchomped) = (flags.contains('f'), flags.contains('n'));
        value(content.as_bytes(), Reading { verbatim, unchomped, unclamped: false, nul: b':' })
    }

    #[test]
    fn first_line_without_blanks() {
        assert_eq!(read("l1 \t \nl2\n", ""), b"l1");
        assert_eq!(read(" x", ""), b" x");
        assert_eq!(read("x\r\ny\r\n", ""), b"x");
        assert_eq!(read("x \ny", "n"), b"x ");
        assert_eq!(read("\n", ""), b"");
        assert_eq!(read("a\0b\0c\n", ""), b"a:b:c");
    }

    #[test]
    fn whole_files() {
        assert_eq!(read("a\nb \n\n", "f"), b"a\nb \n");
        assert_eq!(read("a\nb\n", "fn"), b"a\nb\n");
    }
}
