//! A service definition as it stands in its directory, before any name in it is looked up.

use crate::text::Reference;

/// The largest file of a service directory that is kept in memory between reading and writing; longer ones (a
/// `run` that is a program) are copied from file to file.
pub(crate) const HELD: usize = 64 << 10;

/// One definition directory.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: Vec<u8>,
    /// `SOURCE/NAME`, as the source was given.
    pub(crate) path: Vec<u8>,
    pub(crate) essential: bool,
    pub(crate) recommended: bool,
    pub(crate) body: Body,
}

impl Definition {
    /// A bundle of nothing.
    pub(crate) fn empty_bundle(name: &[u8], path: Vec<u8>) -> Self {
        Self {
            name: name.to_vec(),
            path,
            essential: false,
            recommended: false,
            body: Body::Bundle(Names::default()),
        }
    }
}

/// What depends on the type.
#[derive(Debug)]
pub(crate) enum Body {
    Bundle(Names),
    Oneshot { common: Common, up: Vec<Vec<u8>>, down: Vec<Vec<u8>>, reload: Vec<Vec<u8>> },
    Longrun { common: Common, pipe: Pipe, files: ServiceFiles },
}

/// A list of services, and the file or directory that holds it.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) file: &'static str,
    pub(crate) list: Vec<Reference>,
}

/// What all atomic services have.
#[derive(Debug, Default)]
pub(crate) struct Common {
    pub(crate) dependencies: Names,
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
    /// The contents; `None`: copy them from the definition directory.
    pub(crate) data: Option<Vec<u8>>,
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
