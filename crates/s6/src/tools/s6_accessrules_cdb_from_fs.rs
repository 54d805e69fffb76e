//! `s6-accessrules-cdb-from-fs`: compiles a directory of access rules into a cdb.

use files::{Kind, Permissions, Replace, Writers, follow, names_at, replace_at};
use ipc::access_rules::{Rules, Verdict, pack};
use rustix::fs::CWD;
use tool::{Call, Fatal, Next, Opt, OrUnable, Outcome, Role, Tool, diag};
use wire::number;

pub static TOOL: Tool = Tool {
    name: "s6-accessrules-cdb-from-fs",
    summary: "compile access rules into a cdb",
    operands: "cdbfile dir",
    options: &[Opt::value('m', "mode", "permissions of cdbfile, octal; default 0600").long("mode")],
    role: Role::Stay,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mode = match options.get('m') {
        None => 0o600,
        Some(word) => {
            rustix::process::umask(rustix::fs::Mode::empty());
            number::octal(word).filter(|m| *m <= 0o777).ok_or_else(Fatal::usage)?
        }
    };
    let (file, dir) = (call.shift()?, call.shift()?);
    let rules = Rules::Dir(dir.clone());
    let mut records = Vec::new();
    for kind in subdirectories(&dir)? {
        for rule in subdirectories(&[&dir[..], b"/", &kind].concat())? {
            let key = [&kind[..], b"/", &rule].concat();
            let verdict = rules.look_up(&key)?;
            if verdict != Verdict::Unknown {
                let data = pack(&verdict)
                    .ok_or_else(|| Fatal::user(format_args!("rule {} is too long", diag::show(&key))))?;
                records.push((key, data));
            }
        }
    }
    let cdb = wire::cdb::build(&records).ok_or_else(|| Fatal::user("the rules are too long"))?;
    let how = Replace { sync: true, ..Replace::with(Permissions::LessUmask(mode), Writers::Many) };
    replace_at(CWD, &file, &cdb, how).or_unable_to("write", &file)?;
    Ok(Next::SUCCESS)
}

/// The names of the directories in a directory, sorted.
fn subdirectories(dir: &[u8]) -> Result<Vec<Vec<u8>>, Fatal> {
    let mut names = names_at(CWD, dir).or_unable_to("list", dir)?;
    // Links to directories are rules, too.
    names.retain(|name| {
        !name.starts_with(b".") && follow(CWD, &[dir, b"/", name].concat()) == Kind::Directory
    });
    Ok(names)
}
