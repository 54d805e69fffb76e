//! The container's variables in scripts: those that don't get them, and those that take them for granted.

use crate::finding::{Edit, Finding};
use crate::image::{Image, Language, Script};
use crate::shell::{base_name, span_of};
use crate::text::has;
use crate::variables::{self, Use};

/// Variables that are there, or are the shell's own.
const EVERYWHERE: [&str; 30] = [
    "PATH", "HOME", "USER", "PWD", "OLDPWD", "SHELL", "TERM", "LANG", "LC_ALL", "HOSTNAME", "TZ", "UID",
    "EUID", "GID", "PUID", "PGID", "UMASK", "IFS", "RANDOM", "SECONDS", "PPID", "OPTARG", "OPTIND", "REPLY",
    "LINENO", "CPU", "DEBUG", "GROUPS", "FUNCNAME", "TMPDIR",
];

/// SO401, SO408.
pub(super) fn check(image: &Image<'_>, found: &mut Vec<Finding>) {
    let keeps = image.config.variable("S6_KEEP_ENV").is_some_and(|value| !matches!(value, "" | "0"));
    if keeps {
        return;
    }
    let services = image.runs().chain(image.finishes()).map(|(_, script)| script);
    for script in services.filter(|script| !script.has_contenv()) {
        gets_nothing(image, script, found);
    }
    // Which variables there are is known only of a whole configuration.
    if image.config.is_complete && !image.config.steps.install_overlay {
        for script in image.scripts().filter(|script| script.has_contenv()) {
            takes_for_granted(image, script, found);
        }
    }
}

/// What a script reads, if nothing else decides what its variables are.
fn reads(script: &Script) -> Option<Vec<Use>> {
    let shell = script.shell()?;
    let is_open = |name: &str| matches!(name, "." | "source" | "eval" | "s6-envdir");
    if shell.commands.iter().any(|command| command.words.iter().any(|word| is_open(base_name(&word.text)))) {
        return None;
    }
    let text = String::from_utf8_lossy(&script.text);
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    if body.contains("with-contenv") || body.contains("container_environment") || body.contains("s6-env") {
        return None;
    }
    let mut uses = variables::read(&script.text)?;
    uses.retain(|one| !is_set(&text, shell, &one.name) && !EVERYWHERE.contains(&one.name.as_str()));
    Some(uses)
}

/// Whether a script itself gives a variable a value.
fn is_set(text: &str, shell: &crate::shell::Shell, name: &str) -> bool {
    const SETTING: [&str; 12] = [
        "read",
        "for",
        "local",
        "export",
        "declare",
        "typeset",
        "readonly",
        "getopts",
        "mapfile",
        "readarray",
        "unset",
        "printf",
    ];
    let assigns = [format!("{name}="), format!("{name}+=")];
    let named = shell
        .commands
        .iter()
        .filter(|command| command.words.iter().any(|word| SETTING.contains(&word.text.as_str())));
    assigns.iter().any(|assign| text.contains(assign.as_str()))
        || named.flat_map(|command| &command.words).any(|word| word.text == name)
}

/// SO401: a variable of the image in a script that doesn't get it.
fn gets_nothing(image: &Image<'_>, script: &Script, found: &mut Vec<Finding>) {
    let uses = reads(script).unwrap_or_default();
    let Some(one) = uses.iter().find(|one| image.config.env.iter().any(|(name, _)| *name == one.name)) else {
        return;
    };
    let text = format!("{} is empty here: services don't get the container's variables", one.name);
    let finding = Finding::new(401, &script.path, text)
        .at(span_of(&script.text, one.place.clone()))
        .advice("begin the script with #!/command/with-contenv and the shell's name");
    let shell = match script.interpreter.as_slice() {
        [env, shell] if base_name(env) == "env" => Some(shell.as_str()),
        [shell] => Some(base_name(shell)),
        _ => None,
    };
    let end = script.text.iter().position(|byte| *byte == b'\n');
    found.push(match (shell, end) {
        (Some(shell), Some(end)) => {
            let line = format!("#!/command/with-contenv {shell}");
            let edit = Edit::Replace(script.path.clone(), 0..end, line.clone().into_bytes());
            finding.safe_fix(format!("begin it with {line}"), vec![edit])
        }
        _ => finding,
    });
}

/// SO408: a variable that nothing sets, in a script that doesn't say what happens without it.
fn takes_for_granted(image: &Image<'_>, script: &Script, found: &mut Vec<Finding>) {
    if script.language != Language::Shell || script.interpreter.iter().any(|word| base_name(word) == "bashio")
    {
        return;
    }
    let is_known = |name: &str| {
        name.len() < 3
            || name.bytes().any(|b| b.is_ascii_lowercase())
            || name.starts_with("BASH")
            || name.starts_with("S6_")
            || image.config.variable(name).is_some()
    };
    let stops = has(&script.text, b"set -")
        && script.shell().is_some_and(|shell| {
            let sets = shell.commands.iter().filter(|command| command.name() == "set");
            sets.flat_map(|command| &command.words)
                .any(|w| w.text.starts_with('-') && w.text.contains('u') || w.text == "nounset")
        });
    let uses = reads(script).filter(|_| !stops).unwrap_or_default();
    let Some(one) = uses.iter().find(|one| !is_known(&one.name) && !is_thought_of(image, &one.name)) else {
        return;
    };
    let text = format!("nothing sets {}, and nothing says what happens without it", one.name);
    let advice = format!("write ${{{0}:?it has to be set}}, or a default: ${{{0}:-value}}", one.name);
    let place = span_of(&script.text, one.place.clone());
    found.push(Finding::new(408, &script.path, text).at(place).advice(advice));
}

/// Whether a script of the image tests a variable, has a default for it, or sets it for the others.
fn is_thought_of(image: &Image<'_>, name: &str) -> bool {
    image.scripts().any(|script| {
        let text = String::from_utf8_lossy(&script.text);
        text.lines().filter(|line| line.contains(name)).any(|line| {
            let after = [":", "-", "?", "=", "+"].iter().any(|op| line.contains(&format!("{name}{op}")));
            after
                || ["[", "test ", "case ", "container_environment", "if ", "export "]
                    .iter()
                    .any(|word| line.contains(word))
        })
    })
}
