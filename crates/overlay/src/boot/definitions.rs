//! The definitions of a container's services: compiled, without those that aren't to be in it.

use crate::boot::conditions;
use crate::boot::facts::Container;
use crate::boot::omissions::{self, BASE, TOP};
use crate::boot::sources::Sources;
use crate::environment::overrides::{overrides, switches};
use crate::environment::settings::Settings;
use crate::layout::{DATABASE, SOURCES};
use crate::legacy::{idle, scripts};
use crate::pid1::NAME;
use s6_rc::compile::{Report, Variables, compile_with_bundles, print_report};
use s6_rc::condition::{Examined, Facts, Switches, told};
use s6_rc::database::Database;
use s6_rc::diagnostic::{Code, Diagnostic};
use s6_rc::init::Compiled;
use s6_rc::restart_policy::{Elsewhere, Overrides};
use std::rc::Rc;
use tool::path::join;
use tool::{Fatal, diag};

/// The name in messages about definitions.
const COMPILER: &str = "s6-rc-compile";

/// What every container has.
pub const FIXED: [&[u8]; 5] = {
    let [one, two, three] = idle::OWN;
    [one, two, three, BASE, TOP]
};

/// What variables say of services.
#[derive(Debug)]
pub struct Wishes {
    /// Of the ends of daemons.
    overrides: Overrides,
    /// Of what is in the container.
    switches: Switches,
}

/// The definitions of a container.
#[derive(Debug)]
pub struct Definitions {
    /// The database.
    pub compiled: Compiled,
    /// What isn't in the container, and what has conditions.
    pub examined: Vec<Examined>,
}

/// Compiles the definitions for a start, and reports what they seem to have left out.
pub(crate) fn definitions(
    settings: &Settings<'_>,
    verbosity: u32,
    facts: &Container<'_>,
) -> Result<(Wishes, Definitions), Fatal> {
    let wishes = Wishes::read(settings)?;
    let etc = settings.etc();
    let found = wishes.compile(DATABASE.as_bytes(), settings, (&etc, verbosity), facts)?;
    if !found.examined.is_empty() {
        conditions::write(&found.examined, false, settings);
    }
    if verbosity >= 2 {
        for line in omissions::find(&found.compiled.database, TOP, &etc) {
            diag::info(COMPILER, &line);
        }
    }
    Ok((wishes, found))
}

/// Reports what is wrong with variables.
fn invalid_variable(findings: &[Diagnostic], verbosity: u32) -> Fatal {
    print_report(COMPILER, verbosity, findings);
    Fatal::new(1, "a variable is invalid")
}

/// The names of the services that aren't s6-rc's.
fn legacy_names(etc: &[u8]) -> Vec<Vec<u8>> {
    scripts::list(&join(etc, b"services.d")).unwrap_or_default()
}

impl Wishes {
    /// What the variables of a container say; what is wrong with them is reported.
    ///
    /// # Errors
    /// A variable is invalid: 1.
    pub fn read(settings: &Settings<'_>) -> Result<Self, Fatal> {
        let overrides =
            overrides(settings).map_err(|findings| invalid_variable(&findings, settings.verbosity()))?;
        Ok(Self { overrides, switches: switches(settings) })
    }

    fn is_empty(&self) -> bool {
        self.overrides.is_empty() && self.switches.is_empty()
    }

    /// Checks the names in the variables once more, now that scripts have made the services that they make.
    ///
    /// # Errors
    /// A variable names no service: 1.
    pub fn check_again(
        &self,
        database: &Database,
        examined: &[Examined],
        settings: &Settings<'_>,
    ) -> Result<(), Fatal> {
        if self.is_empty() {
            return Ok(());
        }
        let mut findings = Vec::new();
        let mut elsewhere = legacy_names(&settings.etc());
        // What isn't in this container has a name all the same.
        for one in examined {
            if one.absent.is_some() {
                elsewhere.push(one.name.clone());
            }
        }
        let elsewhere = Elsewhere { names: &elsewhere, grows: false };
        let services = database.services().iter().map(|service| (service.name.as_slice(), None));
        self.overrides.check_names(services, elsewhere, &mut findings);
        let mut names: Vec<&[u8]> = Vec::new();
        for service in database.services() {
            names.push(&service.name);
        }
        for bundle in database.bundles() {
            names.push(&bundle.name);
        }
        self.switches.check_names(&names, elsewhere, &mut findings);
        if findings.is_empty() { Ok(()) } else { Err(invalid_variable(&findings, settings.verbosity())) }
    }

    /// Compiles the definitions of a container into `destination`, and reports what is wrong with them, and what isn't in the
    /// container.  `etc` is the folder of the image's files.
    ///
    /// # Errors
    /// A variable or a definition is invalid, or what has to be in the container isn't: 1.  The system failed: 111.
    pub fn compile(
        &self,
        destination: &[u8],
        settings: &Settings<'_>,
        (etc, verbosity): (&[u8], u32),
        facts: &Container<'_>,
    ) -> Result<Definitions, Fatal> {
        let report = self.report((settings, etc), Some((destination, facts)), &mut |text| {
            if verbosity >= 1 {
                diag::warn(COMPILER, text);
            }
        })?;
        print_report(COMPILER, verbosity.saturating_sub(1), &report.diagnostics);
        if let Some(why) = report.refusal {
            return Err(Fatal::new(1, why));
        }
        let Some(database) = report.database else {
            return Err(Fatal::new(1, "the service definitions are invalid"));
        };
        if let Some(text) = told(&report.examined).filter(|_| verbosity >= 2) {
            diag::info(NAME, text);
        }
        let compiled = Compiled { database: Rc::new(database), servicedirs: report.servicedirs };
        Ok(Definitions { compiled, examined: report.examined })
    }

    /// What the compiler says of the definitions of a container.  They go to a destination, if there is one, without what the
    /// container is without.
    fn report(
        &self,
        (settings, etc): (&Settings<'_>, &[u8]),
        into: Option<(&[u8], &Container<'_>)>,
        warn: &mut dyn FnMut(&str),
    ) -> Result<Report, Fatal> {
        let Sources { directories, implied } = Sources::find(settings, etc, warn).present(warn);
        let has_scripts = || scripts::list(&join(etc, b"cont-init.d")).is_ok_and(|list| !list.is_empty());
        let (names, grows) =
            if self.is_empty() { (Vec::new(), false) } else { (legacy_names(etc), has_scripts()) };
        let here = Container::new(*settings, None);
        let counts = into.map_or(&here, |(_, facts)| facts);
        let variables = Variables {
            overrides: &self.overrides,
            elsewhere: Elsewhere { names: &names, grows },
            own: SOURCES.as_bytes(),
            switches: &self.switches,
            facts: into.map(|(_, facts)| facts as &dyn Facts),
            counts: Some(counts),
            fixed: &FIXED,
        };
        compile_with_bundles(into.map(|(destination, _)| destination), &directories, implied, Some(variables))
    }
}

/// Checks the definitions as a start does, but for conditions, and compiles nothing.  What is said of no single place goes to
/// `warn`.
///
/// # Errors
/// The system failed: 111.
pub fn check(settings: &Settings<'_>, warn: &mut dyn FnMut(&str)) -> Result<Vec<Diagnostic>, Fatal> {
    let (overrides, mut diagnostics) = match overrides(settings) {
        Ok(overrides) => (overrides, Vec::new()),
        Err(findings) => (Overrides::default(), findings),
    };
    let etc = settings.etc();
    let mut report =
        Wishes { overrides, switches: switches(settings) }.report((settings, &etc), None, warn)?;
    if let Some(database) = &report.database {
        omissions::find(database, TOP, &etc).iter().for_each(|line| warn(line));
        // Said of all of them, and without those that are meant so.
        report.diagnostics.retain(|finding| finding.code != Code::UNREACHED);
    }
    diagnostics.extend(report.diagnostics);
    Ok(diagnostics)
}
