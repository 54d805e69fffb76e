//! A source definition: what a service definition directory says, before any name in it is looked up.

use crate::condition::Condition;
use crate::restart_policy::service_policy::ServicePolicy;
use crate::text::Reference;
use tool::path::join;

/// The largest file of a service directory that is kept in memory between reading and writing; longer ones (a
/// `run` that is a program) are copied from file to file.
pub(crate) const KEPT_LIMIT: usize = 64 << 10;

/// One definition directory.
#[derive(Debug)]
pub(crate) struct SourceDefinition {
    pub(crate) name: Vec<u8>,
    /// `SOURCE/NAME`, as the source was given.
    pub(crate) path: Vec<u8>,
    pub(crate) essential: bool,
    pub(crate) recommended: bool,
    /// What has to hold for it to be in a container.
    pub(crate) conditions: Vec<Condition>,
    pub(crate) body: SourceBody,
}

impl SourceDefinition {
    /// A bundle of nothing.
    pub(crate) fn empty_bundle(name: &[u8], path: Vec<u8>) -> Self {
        Self {
            name: name.to_vec(),
            path,
            essential: false,
            recommended: false,
            conditions: Vec::new(),
            body: SourceBody::Bundle(ServiceList::default()),
        }
    }

    /// Whether it names this service: as a dependency, a part, or the next one in a pipeline.
    pub(crate) fn refers_to(&self, name: &[u8]) -> bool {
        let is_in = |list: &[Reference]| list.iter().any(|r| r.name == name);
        let depends = |common: &AtomicSource| is_in(&common.dependencies.list);
        match &self.body {
            SourceBody::Bundle(contents) => is_in(&contents.list),
            SourceBody::Oneshot { common, .. } => depends(common),
            SourceBody::Longrun { common, pipe, .. } => {
                depends(common)
                    || pipe.producer_for.as_ref().is_some_and(|r| r.name == name)
                    || pipe.consumer_for.as_ref().is_some_and(|list| is_in(list))
            }
        }
    }

    /// What its type is called.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.body {
            SourceBody::Bundle(_) => "bundle",
            SourceBody::Oneshot { .. } => "oneshot",
            SourceBody::Longrun { .. } => "longrun",
        }
    }

    /// The path of a file of its directory, for messages.
    pub(crate) fn path_of(&self, file: &str) -> Vec<u8> {
        join(&self.path, file.as_bytes())
    }
}

/// Whether a name is kept for the service manager itself.
pub(crate) fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(b"s6rc-") || name.starts_with(b"s6-rc-")
}

/// What depends on the type.
#[derive(Debug)]
pub(crate) enum SourceBody {
    Bundle(ServiceList),
    Oneshot {
        common: AtomicSource,
        up: Vec<Vec<u8>>,
        down: Vec<Vec<u8>>,
        reload: Vec<Vec<u8>>,
    },
    Longrun {
        common: AtomicSource,
        pipe: Pipe,
        files: ServiceFiles,
        /// What happens when the daemon ends; `None`: what the reference does.
        restart: Option<Box<ServicePolicy>>,
    },
}

/// A list of services, and the file or directory that holds it.
#[derive(Debug, Default)]
pub(crate) struct ServiceList {
    pub(crate) file: &'static str,
    pub(crate) list: Vec<Reference>,
}

/// The directory of the names of what a service wants.
pub(crate) const WANTS: &str = "wants.d";

/// What all atomic services have.
#[derive(Debug, Default)]
pub(crate) struct AtomicSource {
    pub(crate) dependencies: ServiceList,
    /// What it starts after, if that is there: the entries of [`WANTS`].
    pub(crate) wants: Vec<Reference>,
    /// Milliseconds, 0 for no limit.
    pub(crate) timeout_up: u32,
    /// Milliseconds, 0 for no limit.
    pub(crate) timeout_down: u32,
}

/// A longrun's place in a pipeline.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    pub(crate) producer_for: Option<Reference>,
    pub(crate) consumer_for: Option<Vec<Reference>>,
    pub(crate) name: Option<Reference>,
}

/// A file of the service directory to make.
#[derive(Debug)]
pub(crate) struct ServiceFile {
    pub(crate) name: &'static str,
    pub(crate) mode: u32,
    pub(crate) data: Data,
}

/// The contents of such a file.
#[derive(Debug)]
pub(crate) enum Data {
    Kept(Vec<u8>),
    /// Those of this file of the definition directory.
    Of(&'static str),
}

/// What the service directory is made of.
#[derive(Debug, Default)]
pub(crate) struct ServiceFiles {
    pub(crate) files: Vec<ServiceFile>,
    /// Subdirectories to copy as they are.
    pub(crate) trees: Vec<&'static str>,
    /// Subdirectories to make if they aren't copied.
    pub(crate) empty: Vec<&'static str>,
}

#[cfg(test)]
mod tests {
    use super::{KEPT_LIMIT, is_reserved};

    #[test]
    fn names_of_the_service_manager_are_reserved() {
        let names: [&[u8]; 4] = [b"s6rc-x", b"s6-rc-x", b"s6rc", b"s6-log"];
        assert_eq!(names.map(is_reserved), [true, true, false, false]);
    }

    #[test]
    fn files_up_to_64_kibibytes_are_kept_in_memory() {
        assert_eq!(KEPT_LIMIT, 65_536);
    }
}
