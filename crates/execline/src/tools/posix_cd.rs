//! `posix-cd`: changes the working directory, like the cd utility of POSIX.

use crate::working_directory::change;
use rustix::fs::FileType;
use sys::fs::stat;
use tool::{Call, Env, Fatal, Next, Opt, OrUnable, Out, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "posix-cd",
    summary: "change the working directory and the variables PWD and OLDPWD",
    operands: "[ - | dir ] [ prog... ]",
    options: &[
        Opt::flag('L', "resolve .. by name: it cancels a symbolic link before it (default)"),
        Opt::flag('P', "resolve .. as the file system does"),
    ],
    role: Role::Chain,
    main,
};

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let target = target(call)?;
    let before = working_directory()?;
    let now = if options.last_of("LP") == Some('P') {
        change(&target.path)?;
        working_directory()?
    } else {
        let path = logical(&target.path, call.env.get(b"PWD"), &before);
        let path = canonical(&path, is_directory).map_err(|at| {
            Fatal::new(
                111,
                format_args!(
                    "unable to chdir to {}: {} is not a directory",
                    diag::show(&target.path),
                    diag::show(&at)
                ),
            )
        })?;
        change(&path)?;
        path
    };
    call.env.set(b"OLDPWD", &before);
    call.env.set(b"PWD", &now);
    if target.print {
        let mut out = Out::new();
        out.line(&now)?;
        out.flush()?;
    }
    Next::run_if_any(call.take_args(), call.take_env())
}

fn working_directory() -> Result<Vec<u8>, Fatal> {
    Ok(rustix::process::getcwd(Vec::new()).or_unable(|| "get the working directory")?.into_bytes())
}

fn is_directory(path: &[u8]) -> bool {
    stat(path).is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Directory)
}

/// Where to go, and whether the result is printed.
struct Target {
    path: Vec<u8>,
    print: bool,
}

fn target(call: &mut Call) -> Result<Target, Fatal> {
    let given = if call.args.is_empty() { None } else { Some(call.shift()?) };
    let (path, print) = match given.as_deref() {
        None => (call.env.get(b"HOME"), false),
        Some(b"-") => (call.env.get(b"OLDPWD"), true),
        Some(path) => (Some(path), false),
    };
    let path = path.filter(|p| !p.is_empty()).ok_or_else(Fatal::usage)?.to_vec();
    match in_cdpath(&path, &call.env) {
        Some(path) => Ok(Target { path, print: true }),
        None => Ok(Target { path, print }),
    }
}

/// `path` in the first directory of CDPATH that contains it; `None` for paths that are not searched there.
fn in_cdpath(path: &[u8], env: &Env) -> Option<Vec<u8>> {
    let first = path.split(|b| *b == b'/').next().unwrap_or_default();
    if matches!(first, b"" | b"." | b"..") {
        return None;
    }
    let join = |directory: &[u8]| match directory {
        b"" => [b"./", path].concat(),
        d if d.ends_with(b"/") => [d, path].concat(),
        d => [d, b"/", path].concat(),
    };
    env.get(b"CDPATH")?.split(|b| *b == b':').map(join).find(|p| is_directory(p))
}

/// An absolute path: a relative one starts at PWD, or at the real directory if PWD is not absolute.
fn logical(path: &[u8], pwd: Option<&[u8]>, real: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        return path.to_vec();
    }
    [pwd.filter(|p| p.starts_with(b"/")).unwrap_or(real), b"/", path].concat()
}

/// The path without `.`, `..` and redundant slashes; the error is the prefix before a `..` that isn't a directory.
fn canonical(path: &[u8], is_directory: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>, Vec<u8>> {
    let mut out = Vec::new();
    for name in path.split(|b| *b == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                if !out.is_empty() && !is_directory(&out) {
                    return Err(out);
                }
                let parent = out.iter().rposition(|b| *b == b'/').unwrap_or(0);
                out.truncate(parent);
            }
            name => {
                out.push(b'/');
                out.extend_from_slice(name);
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_resolved_by_name() {
        let go = |path: &str| canonical(path.as_bytes(), |_| true).map(|p| diag::shown(&p)).unwrap();
        assert_eq!(go("/a/./b//../c/"), "/a/c");
        assert_eq!(go("/.."), "/");
        assert_eq!(go("/"), "/");
        assert_eq!(canonical(b"/a/../b", |_| false), Err(b"/a".to_vec()));
    }

    #[test]
    fn relative_paths_start_at_pwd() {
        assert_eq!(logical(b"x", Some(b"/l"), b"/real"), b"/l/x");
        assert_eq!(logical(b"x", Some(b"odd"), b"/real"), b"/real/x");
        assert_eq!(logical(b"/x", Some(b"/l"), b"/real"), b"/x");
    }
}
