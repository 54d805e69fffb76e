//! What an image is started with.

use crate::finding::Finding;
use crate::image::{Image, Target};
use crate::shell::base_name;
use overlay::environment::variables::{TABLE, meaningless, meant_by};

/// Programs that want to be process 1 themselves.
const OTHER_INITS: [&str; 4] = ["tini", "dumb-init", "docker-init", "catatonit"];

/// What the end of a secret's name is.
const SECRETS: [&str; 4] = ["_PASSWORD", "_TOKEN", "_SECRET", "_API_KEY"];

/// Signals that the C overlay doesn't take as an order to stop.
const IGNORED_SIGNALS: [&str; 4] = ["QUIT", "WINCH", "RTMIN+3", "PWR"];

/// The checks of this module; the findings are about the whole image.
pub fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    if !image.config.is_known {
        return;
    }
    variables(image, found);
    entrypoint(image, found);
    healthcheck(image, found);
    contenv(image, found);
    if let Some(signal) = &image.config.stop_signal {
        let name = signal.trim_start_matches("SIG");
        if image.target == Target::S6Overlay && IGNORED_SIGNALS.contains(&name) {
            let text = format!("STOPSIGNAL is {signal}, which the C overlay ignores");
            found.push(
                Finding::new(607, b"", text).advice("remove it: the default, SIGTERM, stops the container"),
            );
        }
    }
}

/// SO402 to SO405, SO407.
fn variables(image: &Image<'_>, found: &mut Vec<Finding>) {
    for (name, value) in &image.config.env {
        if let Some(meant) = meant_by(name.as_bytes()) {
            let text = format!("{name} is no variable of s6-overlay");
            found.push(Finding::new(402, b"", text).advice(format!("did you mean {meant}?")));
        }
        if let Some(text) = meaningless(name.as_bytes(), value.as_bytes()) {
            found.push(Finding::new(403, b"", text));
        }
        // The C overlay bridges a race with it.
        if image.target == Target::Rs && name == "S6_SERVICES_READYTIME" {
            found.push(Finding::new(404, b"", format!("{name} has no effect")).advice("remove it"));
        }
        let is_secret = SECRETS.iter().any(|end| name.ends_with(end)) && !name.ends_with("_FILE");
        if is_secret && !value.is_empty() && !TABLE.iter().any(|row| row.name == name) {
            let text = format!("{name} has a value in the image");
            found.push(
                Finding::new(407, b"", text).advice("give it at run time, or as a file in /run/secrets"),
            );
        }
    }
    let oneshots =
        image.definitions.iter().any(|definition| definition.is_oneshot()) || !image.stages.is_empty();
    // The image below may have set it.
    if oneshots && image.config.is_complete && image.config.variable("S6_BEHAVIOUR_IF_STAGE2_FAILS").is_none()
    {
        let text = "S6_BEHAVIOUR_IF_STAGE2_FAILS isn't set: a failed oneshot or script doesn't end the start";
        found.push(Finding::new(405, b"", text).advice("write ENV S6_BEHAVIOUR_IF_STAGE2_FAILS=2"));
    }
}

/// SO601.
fn entrypoint(image: &Image<'_>, found: &mut Vec<Finding>) {
    let config = &image.config;
    let is_init = |word: &String| word == "/init";
    let entrypoint = config.entrypoint.as_deref().unwrap_or_default();
    let cmd = config.cmd.as_deref().unwrap_or_default();
    let first = entrypoint.first().map_or("", |word| base_name(word));
    let (text, advice) = if config.entrypoint_is_shell && entrypoint.iter().any(is_init) {
        ("ENTRYPOINT is in the shell form: the shell is process 1, not /init", "write ENTRYPOINT [\"/init\"]")
    } else if OTHER_INITS.contains(&first) {
        ("another init is process 1, not /init", "write ENTRYPOINT [\"/init\"], and start without --init")
    } else if entrypoint.first().is_some_and(is_init) && cmd.first().is_some_and(is_init) {
        (
            "/init is ENTRYPOINT and CMD: it is started in itself",
            "remove the CMD, or write the program of the container",
        )
    } else {
        return;
    };
    found.push(Finding::new(601, b"", text).advice(advice));
}

/// SO606.
fn healthcheck(image: &Image<'_>, found: &mut Vec<Finding>) {
    let advice = match image.target {
        Target::Rs => "write HEALTHCHECK CMD [\"/command/s6-overlay\", \"health\"]",
        Target::S6Overlay => "check what the container is for, such as by a request",
    };
    match &image.config.healthcheck {
        // The image below may have one.
        None if !image.config.is_complete => {}
        None => found.push(Finding::new(606, b"", "there is no HEALTHCHECK").advice(advice)),
        Some(words) => {
            let text = words.join(" ");
            if text.contains("pgrep") && text.contains("s6-")
                || text.contains("pidof") && text.contains("s6-")
            {
                let mut finding =
                    Finding::new(606, b"", "HEALTHCHECK looks for a process of s6, which is always there");
                finding.severity = s6_rc::diagnostic::Severity::Warning;
                found.push(finding.advice(advice));
            }
        }
    }
}

/// SO401: a variable of the image in a script that doesn't get it.
fn contenv(image: &Image<'_>, found: &mut Vec<Finding>) {
    let keeps = image.config.variable("S6_KEEP_ENV").is_some_and(|value| !matches!(value, "" | "0"));
    if keeps {
        return;
    }
    const EVERYWHERE: [&str; 8] = ["PATH", "HOME", "USER", "PWD", "SHELL", "TERM", "LANG", "HOSTNAME"];
    let services = image.runs().chain(image.finishes()).map(|(_, script)| script);
    for script in services.filter(|script| !script.has_contenv()) {
        if script.shell().is_none() {
            continue;
        }
        let text = String::from_utf8_lossy(&script.text);
        if text.contains("with-contenv")
            || text.contains("container_environment")
            || text.contains("s6-envdir")
        {
            continue;
        }
        for (name, _) in image.config.env.iter().filter(|(name, _)| !EVERYWHERE.contains(&name.as_str())) {
            let used = [format!("${name}"), format!("${{{name}")].iter().find_map(|word| {
                let at = text.find(word.as_str())?;
                let next = text.get(at + word.len()..)?.chars().next();
                next.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_').then_some(at..at + word.len())
            });
            let Some(range) = used.filter(|_| !text.contains(&format!("{name}="))) else { continue };
            let finding = Finding::new(
                401,
                &script.path,
                format!("{name} is empty here: services don't get the container's variables"),
            );
            let place = crate::shell::span_of(&script.text, range);
            found.push(
                finding
                    .at(place)
                    .advice("begin the script with #!/command/with-contenv and the shell's name"),
            );
            break;
        }
    }
}
