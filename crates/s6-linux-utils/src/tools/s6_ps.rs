//! `s6-ps`: lists the processes.

use crate::ps::field::{self, Context, Field};
use crate::ps::process::{self, Process, Wanted};
use crate::ps::{symbols, text, tree};
use rustix::time::ClockId;
use tool::sorted::Map;
use tool::{Call, Fatal, Opt, OrUnable, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-ps",
    summary: "list the processes",
    operands: "",
    options: &[
        Opt::flag('H', "as a tree, kernel threads first"),
        Opt::value('w', "spacing", "blanks between fields, 1 to 256; default 2"),
        Opt::value('W', "wchanfile", "look up the names of kernel functions in this file"),
        Opt::flag('l', "show more fields"),
        Opt::value('o', "field,field,…", "show these fields"),
    ],
    role: Role::Stay,
    main,
};

/// The fields without options.
const DEFAULT_FIELDS: &str = "user,pid,tty,s,start,args";
/// The fields with `-l`.
const LONG_FIELDS: &str = "user,pid,cpcpu,pmem,vsize,rss,tty,s,start,cttime,args";

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let mut list = DEFAULT_FIELDS.to_owned();
    for (letter, value) in options.iter() {
        match letter {
            'l' => LONG_FIELDS.clone_into(&mut list),
            'o' => list = diag::shown(value),
            _ => {}
        }
    }
    let fields = field::by_names(&list).map_err(Fatal::user)?;
    let spacing = options.number::<usize>('w')?.unwrap_or(2).clamp(1, 256);
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    let wanted = Wanted { args: has("args"), env: has("env"), waits_in: has("wchan") };
    let processes = process::all(wanted).or_unable(|| "list /proc")?;
    let mut out = Out::new();
    let file = options.get('W').filter(|_| wanted.waits_in);
    let symbols = file.map(|path| functions(call, path, &processes, &mut out));
    let context = context(symbols, has("user"), has("group"))?;
    let order = if options.has('H') {
        tree::order(&processes.iter().map(|process| &process.stat).collect::<Vec<_>>())
    } else {
        (0..processes.len()).map(|at| (at, 0)).collect()
    };
    let mut rows = vec![fields.iter().map(|field| field.header.as_bytes().to_vec()).collect::<Vec<_>>()];
    for (process, depth) in order.iter().filter_map(|(at, depth)| Some((processes.get(*at)?, *depth))) {
        rows.push(fields.iter().map(|field| cell(field, process, &context, depth)).collect());
    }
    print(&fields, &rows, spacing, &mut out)?;
    out.finish()
}

/// The names of the kernel functions that processes wait in.
fn functions(call: &Call, path: &[u8], processes: &[Process], out: &mut Out) -> Map<u64, Vec<u8>> {
    let mut addresses: Vec<u64> = processes.iter().map(|p| p.stat.waits_in).filter(|at| *at != 0).collect();
    addresses.sort_unstable();
    addresses.dedup();
    symbols::names(path, &addresses, out).unwrap_or_else(|e| {
        call.warn(e.message());
        Map::new()
    })
}

fn context(symbols: Option<Map<u64, Vec<u8>>>, users: bool, groups: bool) -> Result<Context, Fatal> {
    let nanos = |clock| {
        let time = sys::clock::get(clock);
        i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
    };
    let machine = rustix::system::sysinfo();
    let memory =
        (u128::from(machine.totalram) + u128::from(machine.totalswap)) * u128::from(machine.mem_unit);
    let unable = |e: std::io::Error| Fatal::new(111, format_args!("unable to read the account files: {e}"));
    let users = if users { sys::account::users().map_err(unable)? } else { Vec::new() };
    let groups = if groups { sys::account::groups().map_err(unable)? } else { Vec::new() };
    Ok(Context {
        now: i64::try_from(nanos(ClockId::Realtime)).unwrap_or_default(),
        up: u64::try_from(nanos(ClockId::Boottime) / text::NANOS_PER_TICK).unwrap_or_default(),
        memory: u64::try_from(memory).unwrap_or(u64::MAX),
        page: u64::try_from(rustix::param::page_size()).unwrap_or(4096),
        // The first line with an id determines its name.
        users: users.into_iter().rev().map(|user| (user.uid, user.name)).collect(),
        groups: groups.into_iter().rev().map(|group| (group.gid, group.name)).collect(),
        symbols,
    })
}

fn cell(field: &Field, process: &Process, context: &Context, depth: usize) -> Vec<u8> {
    let mut value = (field.value)(process, context);
    if field.name == "args" && depth > 0 {
        value.splice(0..0, tree::branch(depth).into_bytes());
    }
    value
}

fn print(fields: &[&Field], rows: &[Vec<Vec<u8>>], spacing: usize, out: &mut Out) -> Result<(), Fatal> {
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column).map(Vec::len)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..fields.len()).map(width).collect();
    let mut line = Vec::new();
    for row in rows {
        line.clear();
        for (column, ((cell, field), width)) in row.iter().zip(fields).zip(&widths).enumerate() {
            let padding = width - cell.len().min(*width);
            if field.is_number {
                line.resize(line.len() + padding, b' ');
            }
            line.extend_from_slice(cell);
            if column + 1 < fields.len() {
                let after = if field.is_number { 0 } else { padding };
                line.resize(line.len() + after + spacing, b' ');
            }
        }
        out.line(&line)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_without_options_and_with_l() {
        let headers = |list| {
            let fields = field::by_names(list).unwrap();
            fields.iter().map(|f| f.header).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(headers(DEFAULT_FIELDS), "USER PID TTY STAT START COMMAND");
        assert_eq!(headers(LONG_FIELDS), "USER PID C%CPU %MEM VSZ RSS TTY STAT START CTTIME COMMAND");
    }
}
