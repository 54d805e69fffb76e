//! What an image is started with.

use crate::finding::Finding;
use crate::image::{Image, Target};
use crate::lints::dockerfile::{Place, finding, remove, replace};
use crate::shell::base_name;
use overlay::environment::variables::{Kind, TABLE, meaningless, meant_by};
use s6_rc::condition::Switches;
use s6_rc::diagnostic::Diagnostic;
use s6_rc::restart_policy::{Elsewhere, Overrides};

/// Programs that want to be process 1 themselves.
const OTHER_INITS: [&str; 4] = ["tini", "dumb-init", "docker-init", "catatonit"];

/// What the end of a secret's name is.
const SECRETS: [&str; 4] = ["_PASSWORD", "_TOKEN", "_SECRET", "_API_KEY"];

/// Signals that the C overlay doesn't take as an order to stop.
const IGNORED_SIGNALS: [&str; 4] = ["QUIT", "WINCH", "RTMIN+3", "PWR"];

/// Words that mean yes to people.
const YES: [&str; 4] = ["true", "yes", "on", "enabled"];

/// The checks of this module.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    if !image.config.is_known {
        return;
    }
    for at in 0..image.config.env.len() {
        variable(image, at, found);
    }
    policies(image, found);
    switches(image, found);
    stage_2(image, found);
    entrypoint(image, found);
    super::health::check(image, found);
    super::contenv::check(image, found);
    if let Some(signal) = &image.config.stop_signal {
        let name = signal.trim_start_matches("SIG");
        if image.target == Target::S6Overlay && IGNORED_SIGNALS.contains(&name) {
            let text = format!("STOPSIGNAL is {signal}, which the C overlay ignores");
            let finding = finding(image, 607, Place::StopSignal, text);
            found.push(finding.advice("remove it: the default, SIGTERM, stops the container"));
        }
    }
}

/// SO402 to SO404, SO407, SO502.
fn variable(image: &Image<'_>, at: usize, found: &mut Vec<Finding>) {
    let Some((name, value)) = image.config.env.get(at) else { return };
    if let Some(meant) = meant_by(name.as_bytes()) {
        let text = format!("{name} is no variable of s6-overlay");
        let finding = finding(image, 402, Place::Name(at), text).advice(format!("did you mean {meant}?"));
        found.push(match replace(image, Place::Name(at), meant) {
            Some(edit) => finding.unsafe_fix(format!("write {meant}"), vec![edit]),
            None => finding,
        });
    }
    // The C overlay bridges a race with it.
    if image.target == Target::Rs && name == "S6_SERVICES_READYTIME" {
        let finding =
            finding(image, 404, Place::Name(at), format!("{name} has no effect")).advice("remove it");
        found.push(match remove(image, at) {
            Some(edit) => finding.safe_fix("remove it", vec![edit]),
            None => finding,
        });
    }
    // What a variable of the build holds isn't known.
    if value.contains('$') {
        return;
    }
    if let Some(text) = meaningless(name.as_bytes(), value.as_bytes()) {
        let finding = finding(image, 403, Place::Value(at), text);
        found.push(match meant_value(name, value) {
            None => finding,
            Some(meant) => {
                let finding = finding.advice(format!("write {meant}"));
                match replace(image, Place::Value(at), &meant) {
                    Some(edit) => finding.unsafe_fix(format!("write {meant}"), vec![edit]),
                    None => finding,
                }
            }
        });
    }
    let is_secret = SECRETS.iter().any(|end| name.ends_with(end)) && !name.ends_with("_FILE");
    if is_secret && !value.is_empty() && !TABLE.iter().any(|row| row.name == name) {
        let text = format!("{name} has a value in the image");
        let advice = "give it at run time, or as a file in /run/secrets";
        found.push(finding(image, 407, Place::Name(at), text).advice(advice));
    }
    if name == "S6_LOGGING_SCRIPT" {
        let mut words: Vec<Vec<u8>> =
            value.split_ascii_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        words.push(b"/log".to_vec());
        if let Err(why) = logger::check_script(&words) {
            let finding = finding(image, 502, Place::Value(at), why);
            found.push(finding.advice("write directives of s6-log, such as n20 s1000000 T"));
        }
    }
}

/// The value that stands for what was meant.
fn meant_value(name: &str, value: &str) -> Option<String> {
    match TABLE.iter().find(|row| row.name == name)?.kind {
        Kind::Milliseconds(_) | Kind::Limit(_) => {
            wire::number::milliseconds(value.as_bytes()).map(|ms| ms.to_string())
        }
        Kind::Switch(_) => YES.contains(&value.to_ascii_lowercase().as_str()).then(|| "1".to_owned()),
        _ => None,
    }
}

/// A variable and its value, if that isn't made of other variables.
fn given<'i>(image: &'i Image<'_>, name: &'static str) -> (&'static str, &'i [u8]) {
    let value = image.config.variable(name).filter(|value| !value.contains('$'));
    (name, value.unwrap_or_default().as_bytes())
}

/// SO409.
fn policies(image: &Image<'_>, found: &mut Vec<Finding>) {
    if let Err(diagnostics) = Overrides::parse(given(image, "S6_RESTART"), given(image, "S6_ON_FAILURE")) {
        report(image, diagnostics, found);
    }
}

/// SO410.
fn switches(image: &Image<'_>, found: &mut Vec<Finding>) {
    let [disable, enable, require] = ["S6_DISABLE", "S6_ENABLE", "S6_REQUIRE"].map(|name| given(image, name));
    let switches = Switches::new(disable, enable, require);
    let Some(database) = image.compiled().ok().and_then(|compiled| compiled.database.as_ref()) else {
        return;
    };
    let services = database.services().iter().map(|service| service.name.as_slice());
    let names: Vec<&[u8]> =
        services.chain(database.bundles().iter().map(|bundle| bundle.name.as_slice())).collect();
    let legacy: Vec<Vec<u8>> = image.legacy.iter().map(|service| service.name.clone()).collect();
    // What isn't here may be in the image below, or be made by a script.
    let oneshot = image.definitions.iter().any(|definition| definition.is_oneshot());
    let grows = !image.is_whole || !image.stages.is_empty() || oneshot;
    let mut diagnostics = Vec::new();
    switches.check_names(&names, Elsewhere { names: &legacy, grows }, &mut diagnostics);
    report(image, diagnostics, found);
}

/// Adds what was found in values of variables.
fn report(image: &Image<'_>, diagnostics: Vec<Diagnostic>, found: &mut Vec<Finding>) {
    for diagnostic in diagnostics {
        let name = String::from_utf8_lossy(&diagnostic.file).into_owned();
        let at = image.config.env.iter().rposition(|(known, _)| *known == name).unwrap_or(0);
        let finding =
            finding(image, diagnostic.code.0, Place::Value(at), format!("{name}: {}", diagnostic.text));
        found.push(finding.advice(diagnostic.advice.unwrap_or_default()));
    }
}

/// SO405.
fn stage_2(image: &Image<'_>, found: &mut Vec<Finding>) {
    let oneshots =
        image.definitions.iter().any(|definition| definition.is_oneshot()) || !image.stages.is_empty();
    // The image below may have set it.
    if oneshots && image.config.is_complete && image.config.variable("S6_BEHAVIOUR_IF_STAGE2_FAILS").is_none()
    {
        let text = "S6_BEHAVIOUR_IF_STAGE2_FAILS isn't set: a failed oneshot or script doesn't end the start";
        let finding = Finding::new(405, b"", text);
        found.push(finding.advice("write ENV S6_BEHAVIOUR_IF_STAGE2_FAILS=2"));
    }
}

/// SO601.
fn entrypoint(image: &Image<'_>, found: &mut Vec<Finding>) {
    let config = &image.config;
    let is_init = |word: &String| word == "/init";
    let entrypoint = config.entrypoint.as_deref().unwrap_or_default();
    let cmd = config.cmd.as_deref().unwrap_or_default();
    let first = entrypoint.first().map_or("", |word| base_name(word));
    // What stands behind /init goes to the command.
    let behind = entrypoint.iter().position(is_init).and_then(|at| entrypoint.get(at..));
    let list = |words: &[String]| format!("ENTRYPOINT {}", serde_json::json!(words));
    let (place, text, advice, fixed) = if config.entrypoint_is_shell && behind.is_some() {
        let text = "ENTRYPOINT is in the shell form: the shell is process 1, not /init";
        (Place::Entrypoint, text, "write ENTRYPOINT [\"/init\"]", behind.map(list))
    } else if OTHER_INITS.contains(&first) {
        let advice = "write ENTRYPOINT [\"/init\"], and start without --init";
        (Place::Entrypoint, "another init is process 1, not /init", advice, behind.map(list))
    } else if entrypoint.first().is_some_and(is_init) && cmd.first().is_some_and(is_init) {
        let text = "/init is ENTRYPOINT and CMD: it is started in itself";
        let advice = "remove the CMD, or write the program of the container";
        (Place::Cmd, text, advice, (cmd.len() == 1).then(String::new))
    } else if starts_nothing(image) {
        let text = "there is neither an ENTRYPOINT nor a CMD: nothing starts the services";
        (Place::Entrypoint, text, "write ENTRYPOINT [\"/init\"]", None)
    } else {
        return;
    };
    let finding = finding(image, 601, place, text).advice(advice);
    let edit = fixed.as_ref().and_then(|text| replace(image, place, text));
    found.push(match (edit, fixed) {
        (Some(edit), Some(text)) if text.is_empty() => finding.safe_fix("remove it", vec![edit]),
        (Some(edit), Some(text)) => finding.safe_fix(format!("write {text}"), vec![edit]),
        _ => finding,
    });
}

/// Whether all that is known of an image with services is that it starts nothing; a Dockerfile's base may say more.
fn starts_nothing(image: &Image<'_>) -> bool {
    let config = &image.config;
    let has_services = !image.definitions.is_empty() || !image.legacy.is_empty() || !image.stages.is_empty();
    config.is_complete
        && !config.steps.install_overlay
        && config.entrypoint.is_none()
        && config.cmd.is_none()
        && has_services
}
