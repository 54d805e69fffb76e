//! Reading one source definition, with a diagnostic for everything that is wrong in it.

use crate::condition::{self, Condition};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::directory::Directory;
use crate::folder::Folder;
use crate::instances;
use crate::probes;
use crate::reload::{self, Reload};
use crate::restart_policy;
use crate::script::Interpreters;
use crate::source_definition::{
    AtomicSource, Data, KEPT_LIMIT, Pipe, ServiceFile, ServiceFiles, ServiceList, SourceBody,
    SourceDefinition, WANTS, is_reserved,
};
use crate::text::{self, Reference, Type};
use files::Kind;
use supervision::control::NAME_MAX;
use tool::{Fatal, diag::show, exec_failure, nearest};

/// Reads one definition directory.
pub(crate) struct DefinitionReader<'a, D> {
    pub(crate) folder: Folder<D>,
    pub(crate) findings: &'a mut Vec<Diagnostic>,
    pub(crate) interpreters: &'a mut Interpreters,
}

impl<D: Directory> DefinitionReader<'_, D> {
    fn add(&mut self, finding: Diagnostic) {
        self.findings.push(finding);
    }

    fn finding(&self, code: Code, severity: Severity, file: &str, text: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, severity, self.path(file), text)
    }

    fn error(&self, code: Code, file: &str, text: impl Into<String>) -> Diagnostic {
        self.finding(code, Severity::Error, file, text)
    }

    /// The path of a file of the directory; of the directory itself for an empty name.
    fn path(&self, file: &str) -> Vec<u8> {
        if file.is_empty() { self.folder.path.clone() } else { self.folder.path_of(file.as_bytes()) }
    }

    fn text(&self, file: &str) -> Result<Option<Vec<u8>>, Fatal> {
        self.folder.text(file.as_bytes())
    }

    /// The definition, or nothing if it has errors; `implied`: it is a bundle even without a `type`.
    pub(crate) fn definition(
        &mut self,
        name: &[u8],
        implied: bool,
    ) -> Result<Option<SourceDefinition>, Fatal> {
        self.misspelt();
        let conditions = condition::parse::read(&self.folder, self.findings)?;
        if implied {
            let contents = self.list("contents.d", "contents")?.unwrap_or_default();
            return Ok(Some(self.whole(name, conditions, SourceBody::Bundle(contents))));
        }
        let Some(text) = self.text("type")? else {
            self.add(no_type(self.folder.path.clone()));
            return Ok(None);
        };
        let Some(service_type) = text::service_type(&text) else {
            let found = show(text.get(..40).unwrap_or(&text).trim_ascii_end());
            let advice = if exec_failure::is_damaged(&text) {
                exec_failure::DAMAGED
            } else if text.contains(&b'\r') {
                "the line ends in a carriage return: save the file with Unix line ends"
            } else {
                "the file must hold one of these words and nothing else"
            };
            let text = format!("\"{found}\" is not a type: write oneshot, longrun or bundle");
            self.add(self.error(Code::TYPE, "type", text).line(1).advice(advice));
            return Ok(None);
        };
        let body = match service_type {
            Type::Bundle => self.bundle()?,
            Type::Oneshot => self.oneshot()?,
            Type::Longrun => {
                self.check_length(name);
                self.longrun()?
            }
        };
        Ok(body.map(|body| self.whole(name, conditions, body)))
    }

    /// What all of it makes; nothing is read after this.
    fn whole(&mut self, name: &[u8], conditions: Vec<Condition>, body: SourceBody) -> SourceDefinition {
        SourceDefinition {
            name: name.to_vec(),
            path: std::mem::take(&mut self.folder.path),
            essential: self.folder.has(b"flag-essential"),
            recommended: self.folder.has(b"flag-recommended"),
            conditions,
            body,
        }
    }

    /// Reports a name that no scan directory takes.
    fn check_length(&mut self, name: &[u8]) {
        if name.len() > NAME_MAX {
            let text = format!("the name of a longrun has at most {NAME_MAX} bytes, not {}", name.len());
            self.add(self.error(Code::NAME, "", text));
        }
    }

    /// Reports entries that are never read and whose names are nearly those of others.  Where a file of the other name is
    /// there, this one may be a copy.
    fn misspelt(&mut self) {
        let names = self.folder.entries().map(|(name, _)| name);
        let found: Vec<_> = names
            .filter_map(|name| meant_by(name).map(|meant| (self.folder.path_of(name), meant)))
            .filter(|(_, meant)| meant.ends_with(".d") || !self.folder.has(meant.as_bytes()))
            .collect();
        for (path, meant) in found {
            let finding =
                Diagnostic::new(Code::MISSPELT, Severity::Warning, path, "not read: no definition has this");
            self.add(finding.advice(format!("did you mean {meant}?")));
        }
    }

    /// Reports the files that exist and are not read for this type.
    fn unused(&mut self, of: &str, files: &[&'static str]) {
        for file in files {
            if self.folder.has(file.as_bytes()) {
                self.add(self.finding(
                    Code::UNUSED,
                    Severity::Note,
                    file,
                    format!("not used: the service is a {of}"),
                ));
            }
        }
    }

    fn check_reference(&mut self, file: &str, reference: &Reference) -> bool {
        if !is_reserved(&reference.name) {
            return true;
        }
        let text = format!("{} is reserved: no service can refer to it", show(&reference.name));
        self.add(self.error(Code::NAME, file, text).line(reference.line));
        false
    }

    fn checked(&mut self, file: &'static str, list: Vec<Reference>) -> ServiceList {
        let list = list.into_iter().filter(|r| self.check_reference(file, r)).collect();
        ServiceList { file, list }
    }

    fn note_carriage_returns(&mut self, file: &str, text: &[u8]) {
        let line = text::first_cr_line(text);
        if line != 0 {
            let finding = self
                .finding(Code::CARRIAGE_RETURN, Severity::Warning, file, "lines end in carriage returns")
                .line(line);
            self.add(finding.advice("they are ignored; save the file with Unix line ends"));
        }
    }

    /// The services that the entries of a directory name; `None` without it.
    fn references(&mut self, directory: &'static str) -> Result<Option<Vec<Reference>>, Fatal> {
        let Some(names) = self.folder.names_in(directory.as_bytes())? else { return Ok(None) };
        let list = names.into_iter().map(|name| Reference { name, line: 0 }).collect();
        Ok(Some(self.checked(directory, list).list))
    }

    /// A list of services: the entries of `DIRECTORY`, or else the lines of `FILE`.
    fn list(&mut self, directory: &'static str, file: &'static str) -> Result<Option<ServiceList>, Fatal> {
        if let Some(list) = self.references(directory)? {
            return Ok(Some(ServiceList { file: directory, list }));
        }
        let Some(text) = self.text(file)? else { return Ok(None) };
        self.note_carriage_returns(file, &text);
        Ok(Some(self.checked(file, text::names(&text))))
    }

    fn bundle(&mut self) -> Result<Option<SourceBody>, Fatal> {
        restart_policy::reject(&self.folder, "bundle", self.findings)?;
        probes::reject(&self.folder, "bundle", self.findings)?;
        self.unused(
            "bundle",
            &[
                "up",
                "down",
                "run",
                "finish",
                "dependencies",
                "dependencies.d",
                WANTS,
                "producer-for",
                "consumer-for",
            ],
        );
        let Some(contents) = self.list("contents.d", "contents")? else {
            let advice = "make a directory contents.d with one empty file for each service";
            self.add(self.error(Code::BUNDLE, "", "a bundle needs its contents").advice(advice));
            return Ok(None);
        };
        Ok(Some(SourceBody::Bundle(contents)))
    }

    fn number(&mut self, file: &str, meaning: &str) -> Result<Option<u32>, Fatal> {
        let Some(text) = self.text(file)? else { return Ok(None) };
        match text::number(&text) {
            Some((n, more)) => {
                if more {
                    let text = "not read: the number is the first line";
                    self.add(self.finding(Code::NUMBER, Severity::Warning, file, text).line(2));
                }
                self.note_carriage_returns(file, &text);
                Ok(Some(n))
            }
            None => {
                let found = show(text.get(..40).unwrap_or(&text).trim_ascii_end());
                let text = format!("\"{found}\" is not {meaning}");
                let advice = "decimal digits only, from 0 to 4294967295, no blanks";
                self.add(self.error(Code::NUMBER, file, text).line(1).advice(advice));
                Ok(None)
            }
        }
    }

    fn common(&mut self) -> Result<AtomicSource, Fatal> {
        let dependencies = self.list("dependencies.d", "dependencies")?.unwrap_or_default();
        let wants = self.references(WANTS)?.unwrap_or_default();
        let ms = "a number of milliseconds";
        Ok(AtomicSource {
            dependencies,
            wants,
            timeout_up: self.number("timeout-up", ms)?.unwrap_or(0),
            timeout_down: self.number("timeout-down", ms)?.unwrap_or(0),
        })
    }

    fn script(&mut self, file: &str) -> Result<Option<Vec<Vec<u8>>>, Fatal> {
        let Some(text) = self.text(file)? else { return Ok(None) };
        let path = self.path(file);
        match crate::script::parse(&path, &text) {
            Ok((argv, findings)) => {
                self.findings.extend(findings);
                Ok(Some(argv))
            }
            Err(error) => {
                self.findings.push(error);
                Ok(None)
            }
        }
    }

    fn oneshot(&mut self) -> Result<Option<SourceBody>, Fatal> {
        restart_policy::reject(&self.folder, "oneshot", self.findings)?;
        probes::reject(&self.folder, "oneshot", self.findings)?;
        self.unused(
            "oneshot",
            &["finish", "notification-fd", "producer-for", "consumer-for", "contents.d", "contents"],
        );
        let common = self.common()?;
        if !self.folder.has(b"up") {
            let advice = if self.folder.has(b"run") {
                "run is a longrun's: write the path of this script into a file up, or longrun into type"
            } else {
                "make a file up that holds one command line; an empty one does nothing"
            };
            self.add(self.error(Code::PROGRAM, "", "a oneshot needs an up file").advice(advice));
        }
        let up = self.script("up")?;
        let down = self.script("down")?.unwrap_or_default();
        let reload = self.script("reload")?.unwrap_or_default();
        // Many images keep a script in `run` and write its path into `up`.
        let named = |argv: &Vec<Vec<u8>>| argv.iter().any(|w| w.ends_with(b"/run"));
        if self.folder.has(b"run") && !up.iter().chain([&down, &reload]).any(named) {
            // Beside an up that does something, it may be left over.
            let idle = up.as_ref().is_some_and(Vec::is_empty);
            let severity = if idle { Severity::Warning } else { Severity::Note };
            let finding = self.finding(
                Code::UNUSED_RUN,
                severity,
                "run",
                "nothing runs this: the service is a oneshot",
            );
            self.add(
                finding.advice("write the path of this script into up, or longrun into type for a daemon"),
            );
        }
        Ok(up.map(|up| SourceBody::Oneshot { common, up, down, reload }))
    }

    /// The one name in a file.
    fn single(&mut self, file: &'static str, what: &str) -> Result<Option<Reference>, Fatal> {
        let Some(text) = self.text(file)? else { return Ok(None) };
        self.note_carriage_returns(file, &text);
        let mut list = text::names(&text);
        match (list.pop(), list.pop()) {
            (Some(only), None) => {
                return Ok(self.check_reference(file, &only).then_some(only));
            }
            (None, _) => {
                self.add(self.error(Code::PIPELINE, file, format!("no name in it: it must hold {what}")))
            }
            (Some(second), Some(_)) => {
                let text = format!("more than one name: it must hold {what}");
                self.add(self.error(Code::PIPELINE, file, text).line(second.line));
            }
        }
        Ok(None)
    }

    fn pipe(&mut self) -> Result<Pipe, Fatal> {
        let producer_for = self.single("producer-for", "the name of one consumer")?;
        let mut consumer_for = None;
        if let Some(text) = self.text("consumer-for")? {
            self.note_carriage_returns("consumer-for", &text);
            let names = self.checked("consumer-for", text::names(&text));
            consumer_for = Some(names.list);
        }
        let last =
            consumer_for.as_ref().is_some_and(|list| !list.is_empty()) && !self.folder.has(b"producer-for");
        let name = if last { self.single("pipeline-name", "the name of the pipeline")? } else { None };
        if !last {
            self.unused_pipeline_name();
        }
        Ok(Pipe { producer_for, consumer_for, name })
    }

    fn unused_pipeline_name(&mut self) {
        if self.folder.has(b"pipeline-name") {
            let text = "not used: only the last consumer of a pipeline, which has no producer-for, names it";
            self.add(self.finding(Code::PIPELINE, Severity::Warning, "pipeline-name", text));
        }
    }

    /// A file that goes into the service directory with its contents.
    fn keep(&mut self, file: &'static str, mode: u32, into: &mut Vec<ServiceFile>) -> Result<(), Fatal> {
        if !self.folder.has(file.as_bytes()) {
            return Ok(());
        }
        let data = self.folder.read(file.as_bytes(), KEPT_LIMIT + 1)?;
        if data.len() > KEPT_LIMIT {
            into.push(ServiceFile { name: file, mode, data: Data::Of(file) });
            return Ok(());
        }
        let data = match mode {
            0o755 => {
                let folder = &self.folder;
                let path = || folder.path_of(file.as_bytes());
                self.interpreters.check_executable(&path, data, self.findings)
            }
            _ => data,
        };
        into.push(ServiceFile { name: file, mode, data: Data::Kept(data) });
        Ok(())
    }

    fn signal(&mut self, file: &'static str, into: &mut Vec<ServiceFile>) -> Result<(), Fatal> {
        let before = into.len();
        self.keep(file, 0o644, into)?;
        if let Some(ServiceFile { data: Data::Kept(data), .. }) = into.get(before)
            && sys::signal::parse(data.trim_ascii()).is_none()
        {
            let text = "not the name or number of a signal: the default is sent";
            self.add(self.finding(Code::SIGNAL, Severity::Warning, file, text));
        }
        Ok(())
    }

    /// `reload`: a signal becomes the file `reload-signal`, too, which supervisors know.
    fn reload(&mut self, into: &mut Vec<ServiceFile>) -> Result<(), Fatal> {
        let Some(text) = self.text(reload::FILE)? else { return Ok(()) };
        self.note_carriage_returns(reload::FILE, &text);
        let read = match reload::parse(&self.path(reload::FILE), &text, self.findings) {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.add(error);
                return Ok(());
            }
        };
        if let Reload::Signal(number) = read {
            if self.folder.has(b"reload-signal") {
                let text = "says what reload-signal says: remove one of them";
                self.add(self.error(Code::RELOAD, reload::FILE, text).line(1));
                return Ok(());
            }
            let number = u32::try_from(number).unwrap_or_default();
            into.push(number_file("reload-signal", number));
        }
        into.push(ServiceFile { name: reload::FILE, mode: 0o644, data: Data::Kept(text) });
        Ok(())
    }

    fn kill_mode(&mut self, into: &mut Vec<ServiceFile>) -> Result<(), Fatal> {
        let Some(text) = self.text("kill-mode")? else { return Ok(()) };
        self.note_carriage_returns("kill-mode", &text);
        let line = text.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii_end();
        if line == b"session" {
            into.push(ServiceFile {
                name: "kill-mode",
                mode: 0o644,
                data: Data::Kept(b"session\n".to_vec()),
            });
        } else {
            let text = format!("{} is not a mode: write session", show(line));
            self.add(self.error(Code::KILL_MODE, "kill-mode", text).line(1).advice(
                "session ends everything that run has started; without the file only run itself is told to end",
            ));
        }
        Ok(())
    }

    fn longrun(&mut self) -> Result<Option<SourceBody>, Fatal> {
        self.unused("longrun", &["up", "contents.d", "contents"]);
        for (file, why) in [
            ("down", "not used: a service is down until something starts it"),
            ("log", "not used: a logger is a service of its own, see producer-for and consumer-for"),
        ] {
            if self.folder.has(file.as_bytes()) {
                self.add(self.finding(Code::UNUSED, Severity::Note, file, why));
            }
        }
        let common = self.common()?;
        let pipe = self.pipe()?;
        let mut files = Vec::new();
        self.run_file(&mut files)?;
        self.keep("finish", 0o755, &mut files)?;
        self.parameters(&mut files)?;
        let (trees, empty) = self.trees();
        let restart = restart_policy::read(&self.folder, self.findings)?.map(Box::new);
        Ok(Some(SourceBody::Longrun { common, pipe, files: ServiceFiles { files, trees, empty }, restart }))
    }

    /// The program that is the service.
    fn run_file(&mut self, files: &mut Vec<ServiceFile>) -> Result<(), Fatal> {
        let (file, text) = match self.folder.kind(b"run") {
            Some(Kind::File) => return self.keep("run", 0o755, files),
            Some(_) => ("run", "not a regular file"),
            None => ("", "a longrun needs a run file"),
        };
        let advice = "run is the program that is the service; it must not go to the background";
        self.add(self.error(Code::PROGRAM, file, text).advice(advice));
        Ok(())
    }

    /// The files that tell the supervisor how to treat the service.
    fn parameters(&mut self, files: &mut Vec<ServiceFile>) -> Result<(), Fatal> {
        let fd = "the number of a file descriptor";
        let mut ready = self.number("notification-fd", fd)?;
        let lock = self.number("lock-fd", fd)?;
        if let Some(probes) = probes::read(&self.folder, self.findings)? {
            match probes::settle(&probes, ready, lock) {
                Ok(settled) => {
                    ready = settled.notification;
                    probes::add_files(settled.record, files);
                }
                Err((file, mistake)) => {
                    self.add(mistake.diagnostic(Code::PROBES, self.path(file)));
                    return Ok(());
                }
            }
        }
        if ready.is_some() && ready == lock {
            self.add(self.error(
                Code::DESCRIPTOR,
                "lock-fd",
                "the same number as in notification-fd: change one of them",
            ));
        }
        for (name, n) in [("notification-fd", ready), ("lock-fd", lock)] {
            files.extend(n.map(|n| number_file(name, n)));
        }
        for (file, meaning) in [
            ("timeout-kill", "a number of milliseconds"),
            ("timeout-finish", "a number of milliseconds"),
            ("max-death-tally", "a number of deaths"),
        ] {
            if let Some(n) = self.number(file, meaning)? {
                files.push(number_file(file, n));
            }
        }
        self.signal("down-signal", files)?;
        self.signal("reload-signal", files)?;
        self.reload(files)?;
        self.kill_mode(files)?;
        for file in ["flag-newpidns", "flag-timeout-killpg"] {
            if self.folder.has(file.as_bytes()) {
                files.push(ServiceFile { name: file, mode: 0o644, data: Data::Kept(Vec::new()) });
            }
        }
        Ok(())
    }

    /// The subdirectories of the service directory: those to copy, and those to make.
    fn trees(&mut self) -> (Vec<&'static str>, Vec<&'static str>) {
        let mut trees = Vec::new();
        for tree in ["data", "env", "instance", "instances", "template"] {
            match self.folder.kind(tree.as_bytes()) {
                None => {}
                Some(Kind::Directory) => trees.push(tree),
                // It says how many instances there are.
                Some(_) if tree == instances::FILE && self.folder.instance.is_some() => {}
                Some(_) => {
                    let mut finding = self.error(Code::KIND, tree, "must be a directory");
                    if tree == instances::FILE {
                        finding = finding.advice(ONLY_OF_SEVERAL);
                    }
                    self.add(finding);
                }
            }
        }
        let mut empty = Vec::new();
        if trees.contains(&"template") {
            empty = ["instance", "instances"].into_iter().filter(|tree| !trees.contains(tree)).collect();
        }
        (trees, empty)
    }
}

/// Where a file `instances` has its place.
const ONLY_OF_SEVERAL: &str =
    "a file of this name says how many instances there are of a service whose name ends in @";

/// The error of a definition directory without a type.
pub(crate) fn no_type(path: Vec<u8>) -> Diagnostic {
    let advice = "every definition directory needs a file type with oneshot, longrun or bundle in it";
    Diagnostic::error(Code::TYPE, path, "there is no type file").advice(advice)
}

/// The entries of definitions that are read, those about restarts and probes apart.
const ENTRIES: [&str; 34] = [
    "type",
    "up",
    "down",
    "reload",
    "run",
    "finish",
    "contents",
    "contents.d",
    "dependencies",
    "dependencies.d",
    WANTS,
    "producer-for",
    "consumer-for",
    "pipeline-name",
    "notification-fd",
    "lock-fd",
    "timeout-up",
    "timeout-down",
    "timeout-kill",
    "timeout-finish",
    "max-death-tally",
    "down-signal",
    "reload-signal",
    "flag-essential",
    "flag-recommended",
    "flag-newpidns",
    "flag-timeout-killpg",
    condition::FILE,
    "data",
    "env",
    "instance",
    "instances",
    "template",
    "log",
];

/// Names that resemble none of these, but mean one of them.
const MEANT: [(&str, &str); 8] = [
    ("depends", "dependencies.d"),
    ("depends.d", "dependencies.d"),
    ("dependency", "dependencies.d"),
    ("requires.d", "dependencies.d"),
    ("wants", WANTS),
    ("after.d", WANTS),
    ("content", "contents.d"),
    ("finish.sh", "finish"),
];

/// All entries of definitions that are read.
pub fn entries() -> impl Iterator<Item = &'static str> {
    ENTRIES.into_iter().chain(restart_policy::FILES).chain(probes::FILES)
}

/// The entry that a name was probably meant to be; `None` for one that is read, and for one that resembles none.
fn meant_by(name: &[u8]) -> Option<&'static str> {
    if name.starts_with(b".") || entries().any(|entry| entry.as_bytes() == name) {
        return None;
    }
    if let Some((_, meant)) = MEANT.iter().find(|(other, _)| other.as_bytes() == name) {
        return Some(meant);
    }
    // Short names are near to each other, and to those of scripts that people keep here.
    let near = entries().filter(|entry| entry.len() >= 4 && name.len() >= 4);
    // Folders are the form to recommend; `main` and `live` are near to words that mean something else.
    let near = near.filter(|entry| !["contents", "dependencies", "main", "live"].contains(entry));
    nearest(name, near).filter(|(differences, entry)| differences * 4 <= entry.len()).map(|(_, entry)| entry)
}

fn number_file(name: &'static str, n: u32) -> ServiceFile {
    ServiceFile { name, mode: 0o644, data: Data::Kept(format!("{n}\n").into()) }
}

#[cfg(test)]
mod tests {
    use super::{entries, meant_by};

    #[test]
    fn a_misspelt_entry_leads_to_the_one_that_is_read() {
        for (name, meant) in [
            ("dependency.d", "dependencies.d"),
            ("dependecies.d", "dependencies.d"),
            ("dependencies-d", "dependencies.d"),
            ("depends.d", "dependencies.d"),
            ("Dependencies.d", "dependencies.d"),
            ("content.d", "contents.d"),
            ("timeout_up", "timeout-up"),
            ("notification_fd", "notification-fd"),
            ("tpye", ""),
            ("types", "type"),
            ("finnish", "finish"),
            ("producer_for", "producer-for"),
            ("flag-esential", "flag-essential"),
            ("downsignal", "down-signal"),
            ("restart_delay", "restart-delay"),
            ("onfailure", "on-failure"),
            ("on-fail", ""),
            ("restart-limits", "restart-limit"),
            ("success-exits", "success-exit"),
        ] {
            assert_eq!(meant_by(name.as_bytes()).unwrap_or_default(), meant, "{name}");
        }
        for other in [
            "run.sh",
            "run2",
            "up.sh",
            "script",
            "start",
            "setup",
            "check",
            "conf",
            "README.md",
            "logs",
            "nginx.conf",
            "mail",
            "start",
            "restart.sh",
            ".typ",
        ] {
            assert_eq!(meant_by(other.as_bytes()), None, "{other}");
        }
        for entry in entries() {
            assert_eq!(meant_by(entry.as_bytes()), None, "{entry}");
        }
    }
}
