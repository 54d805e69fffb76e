//! Writes a definition of a service, with comments that say what each file is for.

use crate::image::{BUNDLES, SERVICES};
use s6_rc::probes::{Place, look_at};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// How it is found out when a daemon is ready.
#[derive(Debug, Clone, Default)]
pub enum Readiness {
    /// It isn't.
    #[default]
    None,
    /// By a script, with s6-notifyoncheck.
    Script,
    /// By these lines of the file `ready`.
    Lines(Vec<String>),
}

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The service's name.
    pub name: String,
    /// Whether it is done once.
    pub oneshot: bool,
    /// Whether it has a logger.
    pub logger: bool,
    /// How it is found out when it is ready.
    pub readiness: Readiness,
    /// What its file `instances` says, if there are several of it.
    pub instances: Option<String>,
    /// Who it runs as; root, if nobody is said.
    pub user: Option<String>,
}

/// A file to write: its path below the root, its permissions and its contents.
type File = (PathBuf, u32, String);

fn below(directory: &[u8], rest: &str) -> PathBuf {
    let directory = directory.strip_prefix(b"/").unwrap_or(directory);
    Path::new(std::ffi::OsStr::from_bytes(directory)).join(rest)
}

/// Why a name can't be a service's.
fn fault(name: &str) -> Option<&'static str> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
    if name.is_empty() || !name.chars().all(is_safe) || name.starts_with(['.', '-']) {
        return Some("use letters, digits and - _ . @ +, with a letter or a digit first");
    }
    (name.starts_with("s6rc-") || name.starts_with("s6-rc-"))
        .then_some("names of that kind are the service manager's own")
}

fn files(wanted: &Wanted) -> Vec<File> {
    let Wanted { name, oneshot, logger, readiness, instances, user } = wanted;
    let definition = |file: &str| below(SERVICES, &format!("{name}/{file}"));
    // Of several, the bundle of all is started.
    let all_of = name.strip_suffix('@').unwrap_or(name);
    let mut all = vec![
        (definition("type"), 0o644, if *oneshot { "oneshot\n" } else { "longrun\n" }.to_owned()),
        (definition("dependencies.d/base"), 0o644, String::new()),
        (below(BUNDLES, &format!("user/contents.d/{all_of}")), 0o644, String::new()),
    ];
    let count = instances.as_ref().map(|count| {
        format!("# How many there are; %i is which one, and INSTANCE in its programs.\n{count}\n")
    });
    all.extend(count.map(|text| (definition("instances"), 0o644, text)));
    let drop = user.as_ref().map(|user| format!("s6-setuidgid {user} ")).unwrap_or_default();
    if *oneshot {
        let script = format!("/etc/s6-overlay/scripts/{all_of}");
        let text = format!(
            "#!/command/with-contenv sh\n# Done once at the start. A code other than 0 is a failure.\nset -e\n\nexec {drop}true\n"
        );
        all.push((definition("up"), 0o644, format!("# One command line, which no shell reads.\n{script}\n")));
        all.push((PathBuf::from(script.trim_start_matches('/')), 0o755, text));
        return all;
    }
    let errors = if *logger { "exec 2>&1\n" } else { "" };
    let has_script = matches!(readiness, Readiness::Script);
    let check = if has_script { "s6-notifyoncheck -d " } else { "" };
    let text = format!(
        "#!/command/with-contenv sh\n# The daemon takes the place of this shell, and stays in the foreground.\n{errors}exec {drop}{check}{all_of}\n"
    );
    all.push((definition("run"), 0o755, text));
    if let Readiness::Lines(lines) = readiness {
        let text = format!("# All of these must hold: then the daemon is ready.\n{}\n", lines.join("\n"));
        all.push((definition("ready"), 0o644, text));
    }
    if has_script {
        let text = "#!/bin/sh\n# Asked every second until it exits with 0: then the daemon is ready.\nexec test -S /run/NAME.sock\n";
        all.push((definition("notification-fd"), 0o644, "3\n".into()));
        all.push((definition("data/check"), 0o755, text.replace("NAME", all_of)));
    }
    if *logger {
        all.extend(logger_files(name, all_of));
    }
    all
}

/// The files of a logger; each one of several services has its own.
fn logger_files(name: &str, all_of: &str) -> Vec<File> {
    let (logger, one, run) = match name != all_of {
        true => {
            let run =
                format!("importas -i INSTANCE INSTANCE\nlogutil-service /var/log/{all_of}-${{INSTANCE}}\n");
            (format!("{all_of}-log@"), "%i", run)
        }
        false => (format!("{name}-log"), "", format!("logutil-service /var/log/{name}\n")),
    };
    let log = |file: &str| below(SERVICES, &format!("{logger}/{file}"));
    let mut all = vec![
        (below(SERVICES, &format!("{name}/producer-for")), 0o644, format!("{logger}{one}\n")),
        (log("type"), 0o644, "longrun\n".into()),
        (log("consumer-for"), 0o644, format!("{name}{one}\n")),
        (log("run"), 0o755, format!("#!/command/execlineb -P\n{run}")),
        (below(BUNDLES, &format!("user/contents.d/{all_of}-log")), 0o644, String::new()),
    ];
    if name != all_of {
        all.push((log("instances"), 0o644, format!("{name}\n")));
    }
    all
}

/// Writes a definition below a root directory; gives what to say about it.
///
/// # Errors
/// The name can't be a service's, a file is there already, or can't be written: then nothing is.
pub fn write(top: &Path, wanted: &Wanted) -> io::Result<String> {
    if let Some(fault) = fault(&wanted.name) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {fault}", wanted.name)));
    }
    let invalid = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    match (&wanted.instances, wanted.name.strip_suffix('@').is_some_and(|base| !base.is_empty())) {
        (Some(_), false) => return invalid(format!("{0}: write {0}@: there are several of it", wanted.name)),
        (None, true) => return invalid(format!("{}: write --instances, such as --instances=2", wanted.name)),
        (Some(count), true) => {
            if let Err((text, advice)) = s6_rc::instances::look_at(count.as_bytes()) {
                return invalid(format!("--instances: {text} ({advice})"));
            }
        }
        (None, false) => {}
    }
    if let Readiness::Lines(lines) = &wanted.readiness {
        for line in lines {
            let fault = match look_at(line.as_bytes(), Place::Ready) {
                Ok(Some(_)) if !line.contains('\n') => continue,
                Ok(_) => "it asks nothing (write such as listen 8080)".to_owned(),
                Err(fault) => fault,
            };
            let text = format!("--ready \"{}\": {fault}", line.escape_debug());
            return invalid(text);
        }
    }
    let mut files = files(wanted);
    files.sort();
    if let Some((path, ..)) = files.iter().find(|(path, ..)| top.join(path).symlink_metadata().is_ok()) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is there already", top.join(path).display()),
        ));
    }
    let mut out = String::new();
    for (path, mode, text) in &files {
        let place = top.join(path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&place, text)?;
        fs::set_permissions(&place, fs::Permissions::from_mode(*mode))?;
        out.push_str(&format!("{}\n", place.display()));
    }
    out.push_str(&format!(
        "\nin the Dockerfile:\n  COPY {}/ /\nto check it:\n  s6-overlay-dev check {}\n",
        top.display(),
        top.display()
    ));
    Ok(out)
}
