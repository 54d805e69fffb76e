//! `s6-overlay install`: installs the overlay from this program, in an image without tar, xz or a shell.
//!
//! It makes what the tarballs hold, with the same owners, modes and links.  What is there already is kept, so it can be
//! repeated, also with more options.  Files of others are replaced only with `--force`.

use super::version::{Build, build, line};
use crate::install::{Extras, Obstacle, Plan, Programs, Root, Step, Wanted, contents};
use overlay::layout::VERSION;
use std::borrow::Cow;
use tool::{Call, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-overlay install",
    summary: "lay out the overlay in a root file system: what its tarballs hold",
    operands: "",
    options: &[
        Opt::value('r', "dir", "the root file system, by default /").long("root"),
        Opt::flag('s', "also the links in /usr/bin, for old scripts").long("symlinks"),
        Opt::flag('l', "also the services of syslogd").long("syslogd"),
        Opt::flag('f', "replace files that are in the way").long("force"),
        Opt::flag('n', "only print what would be done").long("dry-run"),
    ],
    role: Role::Stay,
    main,
};

/// The limit of obstacles that are named; the others are counted.
const OBSTACLES_SHOWN_MAX: usize = 10;

fn main(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    if !call.args.is_empty() {
        return Err(Fatal::usage());
    }
    let program = read_this_program()?;
    let Build { setuid, commit } = build();
    let version = line(commit) + "\n";
    let programs = Programs { program: &program, setuid, version: version.as_bytes() };
    let extras = Extras { symlinks: options.has('s'), syslogd: options.has('l') };
    let root = Root::open(options.get('r').unwrap_or(b"/"))?;
    let force = options.has('f');
    if !force {
        refuse_another_version(&root)?;
    }
    let plan = Plan::new(&root, contents(&programs, extras)?, force)?;
    refuse_obstacles(call, &root, &plan)?;
    if options.has('n') {
        return show(&root, &plan);
    }
    plan.carry_out(&root)?;
    if !root.privileged {
        call.warn("not root: the files belong to the caller, and s6-overlay-suexec isn't setuid");
    } else if setuid.is_empty() {
        call.warn("this build holds no s6-overlay-suexec of its own: it is a link, and not setuid");
    }
    let replaced = plan.steps.iter().filter(|(_, _, step)| *step == Step::Replace).count();
    let made = plan.steps.len().saturating_sub(replaced);
    call.info(format_args!(
        "s6-overlay {VERSION} is in {}: {made} files and links made, {replaced} replaced, {} were there",
        root.shown(""),
        plan.kept
    ));
    Ok(Next::SUCCESS)
}

/// The contents of this program's file.
fn read_this_program() -> Result<Vec<u8>, Fatal> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let read = || {
        // Without /proc, the path that it was executed by remains.
        std::fs::read("/proc/self/exe").or_else(|why| {
            let file = sys::args::executed_file().ok_or(why)?;
            std::fs::read(OsStr::from_bytes(&file))
        })
    };
    read().or_unable(|| "read this program's own file")
}

/// Refuses a root with another version, all of whose links would be in the way.
fn refuse_another_version(root: &Root) -> Result<(), Fatal> {
    let link = "package/admin/s6-overlay";
    let Some(target) = root.link(link)? else { return Ok(()) };
    let ours = format!("s6-overlay-{VERSION}");
    let leaf = target.rsplit('/').next().unwrap_or_default();
    if leaf == ours {
        return Ok(());
    }
    Err(Fatal::user(format_args!(
        "{} leads to {leaf}: another version is installed; begin with an image without it, or use --force, which \
         turns all links to {ours} and leaves the other's directories",
        root.shown(link)
    )))
}

/// Refuses to install if something is in the way, and names it.
fn refuse_obstacles(call: &Call, root: &Root, plan: &Plan<'_>) -> Result<(), Fatal> {
    if plan.obstacles.is_empty() {
        return Ok(());
    }
    let mut shown: Vec<String> =
        plan.obstacles.iter().map(|(path, obstacle)| describe(root, path, obstacle)).collect();
    shown.dedup();
    for text in shown.iter().take(OBSTACLES_SHOWN_MAX) {
        call.warn(text);
    }
    let forceable = plan.obstacles.iter().all(|(_, o)| matches!(o, Obstacle::Foreign(_)));
    let fix = if forceable { "remove them, or let --force replace them" } else { "remove them" };
    let more = match shown.len().saturating_sub(OBSTACLES_SHOWN_MAX) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Err(Fatal::user(format_args!("these{more} are in the way, nothing was changed: {fix}")))
}

/// Describes an obstacle for a message.
fn describe(root: &Root, path: &str, obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Foreign(what) => format!("{}: {what}", root.shown(path)),
        Obstacle::Directory => format!("{}: a directory, where a file or link is to be", root.shown(path)),
        Obstacle::Blocked(at) if at.is_empty() => format!("{}: not a directory", root.shown(path)),
        Obstacle::Blocked(at) => format!("{}: not a directory", root.shown(at)),
    }
}

/// Prints the plan, one step per line.
fn show(root: &Root, plan: &Plan<'_>) -> Outcome {
    let mut out = Out::new();
    for (path, wanted, step) in &plan.steps {
        let verb = if *step == Step::Replace { "replace" } else { "make" };
        let what: Cow<'_, str> = match wanted {
            Wanted::Directory => "/".into(),
            Wanted::File { content, mode, .. } => format!(" {mode:04o} {} bytes", content.len()).into(),
            Wanted::Link(target) => format!(" -> {target}").into(),
        };
        out.line(format!("{verb} {}{what}", root.shown(path)).as_bytes())?;
    }
    out.finish()
}
