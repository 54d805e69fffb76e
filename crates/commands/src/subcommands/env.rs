//! `s6-overlay env`: prints the environment of a service's process, of the CMD's, or the container's, and where each value comes
//! from.

mod origin;

use crate::json::Json;
use crate::status::NOT_RUNNING;
use crate::status::choice::named;
use crate::status::gather::gather;
use crate::status::place::Place;
use origin::{Files, Row, is_secret, masked, rows};
use overlay::environment::contenv;
use overlay::layout::{SCANDIR, STAGE_ENV};
use overlay::log_dirs::{path, run_file, words};
use rustix::fs::CWD;
use rustix::io::Errno;
use tool::path::join;
use tool::{Call, Env, Fatal, Opt, Out, Outcome, Role, Tool, diag};
use wire::board::State;

pub static TOOL: Tool = Tool {
    name: "s6-overlay env",
    summary: "print the environment of a service, the CMD or the container, and where it comes from",
    operands: "[ name | --cmd ] [ variable ]",
    options: &[
        Opt::flag('c', "of the CMD's process").long("cmd"),
        Opt::flag('d', "only what differs from the container's variables").long("diff"),
        Opt::flag('j', "an object for each variable, as JSON").long("json"),
        Opt::flag('r', "also values of variables that look like secrets").long("reveal"),
    ],
    role: Role::Stay,
    main,
};

/// The limit of an environment in bytes.
const ENVIRONMENT_MAX: usize = 4 << 20;

/// The limit of a file with a value in bytes.
const FILE_MAX: usize = 128 << 10;

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let mut words = call.take_args().into_iter();
    let is_command = options.has('c');
    let (service, variable) = (if is_command { None } else { words.next() }, words.next());
    if words.next().is_some() {
        return Err(Fatal::usage());
    }
    let mut container = Env::new();
    match contenv::is_kept(&call.env) {
        true => container = call.env.clone(),
        false => contenv::load(&mut container)?,
    }
    let service = service.as_deref();
    let (seen, files) = if is_command || service.is_some() {
        (of_process(process(&Place::of(call, &options), service)?)?, files_of(service, &container))
    } else {
        (container.clone(), Files::default())
    };
    let mut found = rows(&seen, &container, &files);
    if options.has('d') {
        found.retain(|row| row.from != origin::CONTAINER);
    } else {
        found.retain(|row| row.value.is_some());
    }
    if let Some(variable) = &variable {
        found.retain(|row| row.name == *variable);
        if found.is_empty() && !options.has('d') {
            return Err(Fatal::new(1, format_args!("{} isn't set", diag::show(variable))));
        }
    }
    let mut out = Out::new();
    for row in &found {
        let line = if options.has('j') { object(row, options.has('r')) } else { text(row, options.has('r')) };
        out.line(&line)?;
    }
    out.finish()
}

/// The process of a service, or without a name the CMD's; and what to call it.
fn process(place: &Place, service: Option<&[u8]>) -> Result<(u32, String), Fatal> {
    let all = gather(place, false)?;
    let (pid, shown) = match service {
        None => (all.header.as_ref().map(|header| header.command), "the CMD".to_owned()),
        Some(name) => {
            let row = named(&all, name)?.row.as_ref();
            let pid = row.map_or(Some(0), |row| match row.state {
                State::Unknown => None,
                State::Finishing => Some(0),
                _ => Some(row.pid),
            });
            (pid, diag::shown(name))
        }
    };
    match pid {
        None => Err(Fatal::new(
            111,
            format_args!("it can't be told which process is {shown}: {}", all.remarks.join(", ")),
        )),
        Some(0) => {
            Err(Fatal::new(NOT_RUNNING, format_args!("{shown} isn't running, so it has no environment")))
        }
        Some(pid) => Ok((pid, shown)),
    }
}

/// The environment that a process was started with.
fn of_process((pid, shown): (u32, String)) -> Result<Env, Fatal> {
    let path = format!("/proc/{pid}/environ");
    let bytes = files::read_file(CWD, path.as_bytes(), ENVIRONMENT_MAX).map_err(|e| {
        let text = format!("unable to read the environment of {shown}: {}", sys::strerror(e));
        let uid = rustix::process::geteuid().as_raw();
        match e {
            Errno::ACCESS | Errno::PERM => Fatal::new(
                111,
                format_args!("{text}: only root and its own user may, you are {uid}: use docker exec -u 0"),
            ),
            _ => Fatal::new(111, text),
        }
    })?;
    Ok(Env::from_vars(bytes.split(|b| *b == 0).filter(|v| !v.is_empty()).map(<[u8]>::to_vec).collect()))
}

/// Where values of a service, or of the CMD, may come from: directories with a file for each variable, and files that variables
/// name.
fn files_of(service: Option<&[u8]>, container: &Env) -> Files {
    let mut folders: Vec<Vec<u8>> = Vec::new();
    if let Some(service) = service {
        let dir = join(SCANDIR.as_bytes(), service);
        folders.push(join(&dir, b"env"));
        for folder in words(&run_file(&dir)).filter_map(|word| path(word, &dir)) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
    }
    let mut found = Files::default();
    folders.push(STAGE_ENV.into());
    for folder in folders {
        let names = files::names_at(CWD, &folder).unwrap_or_default();
        for name in names.into_iter().take(1000) {
            let file = join(&folder, &name);
            if let Ok(value) = files::read_no_fifo(CWD, &file, FILE_MAX) {
                let from =
                    if folder == STAGE_ENV.as_bytes() { "/init".to_owned() } else { diag::shown(&file) };
                found.push((name, value, from));
            }
        }
    }
    for (name, file) in container.iter() {
        if let Some(stem) = name.strip_suffix(b"_FILE")
            && let Ok(value) = files::read_no_fifo(CWD, file, FILE_MAX)
        {
            let from = format!("{}, by {}", diag::show(file), diag::show(name));
            found.push((stem.to_vec(), value, from));
        }
    }
    found
}

/// The value as it may be shown.
fn value(row: &Row, reveals: bool) -> (Vec<u8>, bool) {
    let value = row.value.as_deref().unwrap_or_default();
    match (reveals, is_secret(&row.name)) {
        (true, _) => (value.to_vec(), false),
        (false, true) => (b"***".to_vec(), true),
        (false, false) => masked(value),
    }
}

/// `NAME=VALUE (where it comes from)`.
fn text(row: &Row, reveals: bool) -> Vec<u8> {
    let value = row.value.as_ref().map(|_| format!("={}", diag::show(&value(row, reveals).0)));
    format!("{}{} ({})", diag::show(&row.name), value.unwrap_or_default(), row.from).into_bytes()
}

/// An object; `value` is null for a variable that only the container has.
fn object(row: &Row, reveals: bool) -> Vec<u8> {
    let (value, is_masked) = value(row, reveals);
    let mut json = Json::new(b'{');
    json.text("name", Some(&row.name));
    json.text("value", row.value.as_ref().map(|_| value.as_slice()));
    json.text("from", Some(row.from.as_bytes()));
    if is_masked {
        json.truth("masked", true);
    }
    json.finish(b'}')
}
