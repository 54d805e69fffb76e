//! The compiler: source directories in, a compiled database out.
//!
//! A compiled database is a directory: `db` ([`crate::format`]) and `servicedirs/NAME`, a service directory for each
//! longrun.  It never changes, so readers take no lock.  It is made under another name beside its place and
//! renamed when it is whole: no half-made one is ever seen, and nothing is left behind by a failure.

use crate::condition::prune::{By, Pruned, pipeline, prune};
use crate::condition::{Examined, Facts, Switches};
use crate::database::{Body, Database, Service};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::directory::Directory;
use crate::folder::{READABLE, with_umask};
use crate::resolve::resolve;
use crate::restart_policy::overrides::{Elsewhere, Overrides, Subject};
use crate::source::{Sources, read_sources};
use crate::source_definition::{Data, ServiceFiles, SourceBody, SourceDefinition};
use files::{Owners, Permissions, Unfinished, copy_file, copy_tree, create, open_dir};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, CWD, Mode};
use rustix::io::Errno;
use tool::path::{join, split};
use tool::{Fatal, OrUnable, diag::show};

/// What compiling gave.
#[derive(Debug)]
pub struct Report {
    /// Everything found in the sources, in no particular order.
    pub diagnostics: Vec<Diagnostic>,
    /// The database; `None` if an error is among the diagnostics, and then nothing was written.
    pub database: Option<Database>,
    /// The service directories, by number of the service; empty if nothing was written.
    pub servicedirs: Vec<ServiceDir>,
    /// What isn't in the container, and what has conditions.
    pub examined: Vec<Examined>,
    /// Why the container isn't to start, if that is so, and then nothing was written.
    pub refusal: Option<String>,
}

impl Report {
    fn new(diagnostics: Vec<Diagnostic>, database: Option<Database>) -> Self {
        Self { diagnostics, database, servicedirs: Vec::new(), examined: Vec::new(), refusal: None }
    }
}

/// A service directory of a compiled database.
#[derive(Debug, Default)]
pub struct ServiceDir {
    /// Its files.
    pub(crate) files: Vec<&'static str>,
    /// Whether it has subdirectories.
    pub(crate) has_trees: bool,
}

impl ServiceDir {
    /// Whether it has a record of what is to be found out about the service.
    #[must_use]
    pub fn is_probed(&self) -> bool {
        self.files.contains(&wire::probes::FILE)
    }
}

/// Checks source directories as [`compile_with_bundles`] does, and writes nothing; `open` opens one by its path.
///
/// # Errors
/// A source could not be read, or a condition couldn't be evaluated.
pub fn check<D: Directory>(
    sources: &[Vec<u8>],
    bundles: &[&[u8]],
    variables: Option<Variables<'_>>,
    open: impl Fn(&[u8]) -> Result<D, Errno>,
) -> Result<Report, Fatal> {
    let counts = variables.and_then(|variables| variables.counts);
    let mut read = read_sources(sources, bundles, counts, open)?;
    let Pruned { examined, refusal } = apply(&mut read, variables, bundles)?;
    let mut diagnostics = read.findings;
    let database = resolve(&read.definitions, &read.broken, &mut diagnostics).map(|(database, _)| database);
    Ok(Report { examined, refusal, ..Report::new(diagnostics, database) })
}

/// Compiles source directories into `destination`, which must not exist.
///
/// # Errors
/// A system call failed, or `destination` exists: code 111.  What is wrong with the definitions is in the report.
pub fn compile(destination: &[u8], sources: &[Vec<u8>]) -> Result<Report, Fatal> {
    compile_sources(Some(destination), sources, &[], None).map(|(mut report, empty)| {
        report.diagnostics.extend(empty.into_iter().map(|source| {
            let text = "the source is empty: it holds no definition directory";
            Diagnostic::new(Code::STRAY, Severity::Warning, source, text)
        }));
        report
    })
}

/// What a container, its variables, and the overlay say about the definitions of an image.
#[derive(Clone, Copy)]
pub struct Variables<'a> {
    /// About the ends of daemons.
    pub overrides: &'a Overrides,
    /// The services that aren't s6-rc's.
    pub elsewhere: Elsewhere<'a>,
    /// The source directory of the overlay's own services.
    pub own: &'a [u8],
    /// What to leave out, add and require.
    pub switches: &'a Switches,
    /// What conditions ask; `None`: they aren't asked, and nothing is left out.
    pub facts: Option<&'a dyn Facts>,
    /// What the numbers of instances depend on; `None`: on nothing, each variable is unset.
    pub counts: Option<&'a dyn Facts>,
    /// The names of the services and bundles that every container has.
    pub fixed: &'a [&'a [u8]],
}

/// As [`compile`], or without a `destination` writes nothing; a service that `bundles` names is a bundle even without its
/// `type` and contents, an empty one if no source defines it, and has the contents of all sources that do.  A source may be
/// empty.
///
/// # Errors
/// As [`compile`].
pub fn compile_with_bundles(
    destination: Option<&[u8]>,
    sources: &[Vec<u8>],
    bundles: &[&[u8]],
    variables: Option<Variables<'_>>,
) -> Result<Report, Fatal> {
    compile_sources(destination, sources, bundles, variables).map(|(report, _)| report)
}

/// Compiles sources, and writes the result if there is a `destination`; gives also the empty ones.
fn compile_sources(
    destination: Option<&[u8]>,
    sources: &[Vec<u8>],
    bundles: &[&[u8]],
    variables: Option<Variables<'_>>,
) -> Result<(Report, Vec<Vec<u8>>), Fatal> {
    if let Some(destination) = destination
        && sys::fs::statat(CWD, destination, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    {
        return Err(Fatal::unable(format_args!("mkdir {}", show(destination)), Errno::EXIST));
    }
    let counts = variables.and_then(|variables| variables.counts);
    let mut read = read_sources(sources, bundles, counts, |path| open_dir(CWD, path))?;
    let Pruned { examined, refusal } = apply(&mut read, variables, bundles)?;
    let mut diagnostics = read.findings;
    let resolved = resolve(&read.definitions, &read.broken, &mut diagnostics);
    let Some((database, definitions)) = resolved.filter(|_| refusal.is_none()) else {
        return Ok((Report { refusal, ..Report::new(diagnostics, None) }, read.empty));
    };
    let servicedirs = match destination {
        Some(destination) => with_umask(|| write(destination, &database, &definitions))?,
        None => Vec::new(),
    };
    Ok((Report { servicedirs, examined, ..Report::new(diagnostics, Some(database)) }, read.empty))
}

/// Makes the definitions what a container and its variables say.
fn apply(read: &mut Sources, variables: Option<Variables<'_>>, bundles: &[&[u8]]) -> Result<Pruned, Fatal> {
    let Some(variables) = variables else { return Ok(Pruned::default()) };
    override_policies(read, variables);
    select(read, variables, bundles)
}

/// Takes out of the definitions what the container is without.
fn select(read: &mut Sources, variables: Variables<'_>, bundles: &[&[u8]]) -> Result<Pruned, Fatal> {
    let Variables { switches, facts, fixed, mut elsewhere, own, .. } = variables;
    if !switches.is_empty() {
        elsewhere.grows |= has_scripts(read, own);
        let mut names: Vec<&[u8]> = Vec::new();
        for definition in &read.definitions {
            names.push(&definition.name);
            names.extend(pipeline(definition));
        }
        for broken in read.broken.keys() {
            names.push(broken);
        }
        switches.check_names(&names, elsewhere, &mut read.findings);
        switches.check_sense(fixed, &mut read.findings);
    }
    match facts {
        Some(facts) => prune(read, By { switches, facts, bundles, fixed }),
        None => Ok(Pruned::default()),
    }
}

/// Whether there are scripts of the image's own that may make services.
fn has_scripts(read: &Sources, own: &[u8]) -> bool {
    let mut definitions = read.definitions.iter();
    definitions.any(|definition| definition.type_name() == "oneshot" && split(&definition.path).0 != own)
}

/// Merges what variables say about the ends of daemons into the definitions.
fn override_policies(read: &mut Sources, variables: Variables<'_>) {
    let Variables { overrides, mut elsewhere, own, .. } = variables;
    if overrides.is_empty() {
        return;
    }
    elsewhere.grows |= has_scripts(read, own);
    for definition in &mut read.definitions {
        let own = split(&definition.path).0 == own;
        if let SourceBody::Longrun { files, restart, .. } = &mut definition.body {
            let finish = files.files.iter().any(|file| file.name == "finish");
            let of = Subject { name: &definition.name, finish, own };
            read.findings.extend(overrides.apply(of, restart).err());
        }
    }
    let defined = read.definitions.iter().map(|definition| {
        let kind = definition.type_name();
        (definition.name.as_slice(), (kind != "longrun").then_some(kind))
    });
    let broken = read.broken.keys().map(|name| (name.as_slice(), None));
    overrides.check_names(defined.chain(broken), elsewhere, &mut read.findings);
}

/// Prints what a report holds to standard error in the name of a program: errors always, warnings at verbosity 1,
/// notes at 2.
pub fn print_report(program: &str, verbosity: u32, diagnostics: &[Diagnostic]) {
    for finding in diagnostics {
        match finding.severity {
            Severity::Error => tool::diag::fatal(program, finding),
            Severity::Warning if verbosity >= 1 => tool::diag::warn(program, finding),
            Severity::Note if verbosity >= 2 => tool::diag::info(program, finding),
            _ => {}
        }
    }
}

fn write(
    destination: &[u8],
    database: &Database,
    definitions: &[Option<&SourceDefinition>],
) -> Result<Vec<ServiceDir>, Fatal> {
    let (parent, name) = split(destination);
    let parent_fd = open_dir(CWD, parent).or_unable_to("mkdir", destination)?;
    let made = Unfinished::make(parent_fd.as_fd(), name).or_unable_to("mkdir", destination)?;
    let path = join(parent, made.path());
    let servicedirs = fill(parent_fd.as_fd(), made.path(), &path, database, definitions)?;
    made.finish(0o755).or_unable(|| format!("rename {} to {}", show(&path), show(destination)))?;
    Ok(servicedirs)
}

fn fill(
    parent: BorrowedFd<'_>,
    name: &[u8],
    path: &[u8],
    database: &Database,
    definitions: &[Option<&SourceDefinition>],
) -> Result<Vec<ServiceDir>, Fatal> {
    let dir = open_dir(parent, name).or_unable_to("open", path)?;
    let unable = |what: &[u8]| format!("write to {}", show(&join(path, what)));
    create(&dir, b"db", &crate::format::encode(database), READABLE).or_unable(|| unable(b"db"))?;
    sys::fs::mkdirat(&dir, "servicedirs", Mode::from_raw_mode(0o755)).or_unable(|| unable(b"servicedirs"))?;
    let servicedirs = open_dir(dir.as_fd(), b"servicedirs").or_unable(|| unable(b"servicedirs"))?;
    let services = database.services().iter().zip(definitions);
    let made = services.map(|(service, definition)| match definition {
        Some(SourceDefinition { path, body: SourceBody::Longrun { files, restart, .. }, .. }) => {
            let pipes = pipe_files(database, service);
            let mut made = service_directory(servicedirs.as_fd(), &service.name, path, files, pipes)?;
            if let Some(policy) = restart {
                let target = join(&service.name, wire::restart_policy::FILE.as_bytes());
                policy.write(servicedirs.as_fd(), &target).or_unable_to("write", &target)?;
                made.files.push(wire::restart_policy::FILE);
            }
            Ok(made)
        }
        _ => Ok(ServiceDir::default()),
    });
    made.collect()
}

/// The host of the service directories keeps a pipe for each name in a `pipe-in` or `pipe-out`; a pipe is named after
/// the consumer that reads it.
fn pipe_files<'a>(
    database: &'a Database,
    service: &'a Service,
) -> impl Iterator<Item = (&'static str, &'a [u8])> {
    let (consumer, is_read) = match &service.body {
        Body::Longrun { consumer, producers } => (*consumer, !producers.is_empty()),
        Body::Oneshot { .. } => (None, false),
    };
    let input = is_read.then_some(("pipe-in", service.name.as_slice()));
    input.into_iter().chain(consumer.map(|c| ("pipe-out", database.name(c))))
}

/// Makes the directory of a service with the files of the definition in `source`, and those that name its pipes.
fn service_directory<'a>(
    servicedirs: BorrowedFd<'_>,
    name: &[u8],
    source: &[u8],
    files: &ServiceFiles,
    pipes: impl Iterator<Item = (&'static str, &'a [u8])>,
) -> Result<ServiceDir, Fatal> {
    let unable = |what: &str| format!("make {} in the service directory of {}", what, show(name));
    let mode = Mode::from_raw_mode(0o755);
    sys::fs::mkdirat(servicedirs, name, mode).or_unable(|| unable("files"))?;
    let has_trees = !(files.trees.is_empty() && files.empty.is_empty());
    let mut made = ServiceDir { files: Vec::with_capacity(files.files.len()), has_trees };
    for file in &files.files {
        let target = join(name, file.name.as_bytes());
        let mode = Permissions::LessUmask(file.mode);
        match &file.data {
            Data::Kept(data) => create(servicedirs, &target, data, mode),
            Data::Of(origin) => {
                let from = join(source, origin.as_bytes());
                copy_file(CWD, &from, servicedirs, &target, mode)
            }
        }
        .or_unable(|| unable(file.name))?;
        made.files.push(file.name);
    }
    for (file, pipe) in pipes {
        let line = [pipe, b"\n"].concat();
        create(servicedirs, &join(name, file.as_bytes()), &line, READABLE).or_unable(|| unable(file))?;
        made.files.push(file);
    }
    for tree in &files.trees {
        let (from, to) = (join(source, tree.as_bytes()), join(name, tree.as_bytes()));
        copy_tree(CWD, &from, servicedirs, &to, Owners::Kept).or_unable(|| unable(tree))?;
    }
    for tree in &files.empty {
        sys::fs::mkdirat(servicedirs, join(name, tree.as_bytes()), mode).or_unable(|| unable(tree))?;
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::compile;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn the_report_knows_every_file_of_a_service_directory() {
        let tmp = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let place = tmp.path().join(path);
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
            std::fs::write(place, text).unwrap();
        };
        for (name, producer, consumer) in [("a", "consumer-for", "b"), ("b", "producer-for", "a")] {
            write(&format!("s/{name}/type"), "longrun\n");
            write(&format!("s/{name}/{producer}"), consumer);
            for file in ["run", "finish"] {
                write(&format!("s/{name}/{file}"), "#!/proc/self/exe\n");
            }
        }
        for (file, text) in [
            ("notification-fd", "3"),
            ("lock-fd", "4"),
            ("timeout-kill", "5"),
            ("timeout-finish", "6"),
            ("max-death-tally", "7"),
            ("down-signal", "HUP"),
            ("reload-signal", "USR1"),
            ("kill-mode", "session"),
            ("flag-newpidns", ""),
            ("flag-timeout-killpg", ""),
            ("restart-delay", "100"),
        ] {
            write(&format!("s/b/{file}"), text);
        }
        write("s/a/ready", "listen 80");
        write("s/tree/type", "longrun\n");
        write("s/tree/run", "#!/proc/self/exe\n");
        write("s/tree/env/NAME", "value");
        let [destination, source] =
            ["c", "s"].map(|name| tmp.path().join(name).as_os_str().as_bytes().to_vec());
        let report = compile(&destination, &[source]).unwrap();
        let database = report.database.unwrap();
        let mut checked = Vec::new();
        for (service, made) in database.services().iter().zip(&report.servicedirs) {
            if service.is_internal() {
                continue;
            }
            let name = String::from_utf8(service.name.clone()).unwrap();
            let entries = std::fs::read_dir(tmp.path().join("c/servicedirs").join(&name)).unwrap();
            let (trees, files): (Vec<_>, Vec<_>) =
                entries.map(Result::unwrap).partition(|entry| entry.file_type().unwrap().is_dir());
            let mut found: Vec<_> = files.iter().map(|f| f.file_name().into_string().unwrap()).collect();
            found.sort_unstable();
            let mut known = made.files.clone();
            known.sort_unstable();
            assert_eq!(known, found, "{name}");
            assert_eq!(made.has_trees, !trees.is_empty(), "{name}");
            checked.push((name, found.len()));
        }
        assert_eq!(checked, [("a".into(), 6), ("b".into(), 14), ("tree".into(), 1)]);
    }
}
