//! `s6-overlay health`: whether the container is ready, alive, started; for HEALTHCHECK and for probes.
//!
//! It takes no lock, asks nobody, and needs no privilege.  Its exit codes are 0 and 1 only, whatever happens.

use crate::json::Json;
use crate::status::Snapshot;
use crate::status::choice::choose;
use crate::status::details::is_optional;
use crate::status::gather::{gather, host_state};
use crate::status::health::{Asked, problems};
use crate::status::place::{Place, RUN};
use overlay::environment::settings::Settings;
use std::time::Duration;
use tool::{Call, Fatal, Next, Opt, Options, Out, Outcome, Role, Tool, clock};

pub static TOOL: Tool = Tool {
    name: "s6-overlay health",
    summary: "tell whether the container is ready, alive or started, with one line a problem",
    operands: "[ name... ]",
    options: &[
        READY,
        Opt::flag('l', "whether nothing but a new container could help").long("live"),
        STARTED,
        Opt::flag('j', "as JSON").long("json"),
        RUN,
    ],
    role: Role::Stay,
    main,
};

/// `--ready`, of several commands.
pub(super) const READY: Opt = Opt::flag(
    'r',
    "whether all that is wanted is up, and ready where that is declared (if nothing else is asked)",
)
.long("ready");

/// `--started`, of several commands.
pub(super) const STARTED: Opt = Opt::flag('s', "whether the start is over, with success").long("started");

/// The most that is printed: an engine keeps so much.
const OUTPUT_MAX: usize = 4096;

/// Room for the line that says how many problems aren't printed.
const REST: usize = 64;

/// How long process 1 may be in a system call without interruption before it counts as hanging.
const HANGS: Duration = Duration::from_secs(1);

fn main(call: &mut Call) -> Outcome {
    // Docker has other uses for the other codes.
    answer(call).map_err(|why| why.with_code(1))
}

fn answer(call: &mut Call) -> Outcome {
    let options = call.options_anywhere()?;
    let words = call.take_args();
    let asked = asked(&options);
    let place = Place::of(call, &options);
    let found = find(call, &place, asked, &words)?;
    let mut out = Out::new();
    if options.has('j') {
        out.line(&document(asked, &found))?;
    } else {
        out.put(lines(asked, &found).as_bytes())?;
    }
    out.flush()?;
    Ok(Next::Exit(u8::from(!found.is_empty())))
}

/// What options ask for.
pub(super) fn asked(options: &Options) -> Asked {
    match options.last_of("rls") {
        Some('l') => Asked::Live,
        Some('s') => Asked::Started,
        _ => Asked::Ready,
    }
}

/// What stands against a yes.
pub(super) fn find(
    call: &Call,
    place: &Place,
    asked: Asked,
    words: &[Vec<u8>],
) -> Result<Vec<String>, Fatal> {
    let all = gather(place, false)?;
    let chosen = choose(&all, words)?;
    let etc = Settings::of_container(&call.env).etc();
    let mut host = if asked == Asked::Live { host_state(&all) } else { b'S' };
    if host == b'D' {
        let _ = clock::poll_until(&mut [], Some(clock::now().saturating_add(HANGS)));
        host = host_state(&all);
    }
    Ok(problems(&all, asked, (&chosen, !words.is_empty()), host, &|name| is_optional(&etc, name)))
}

/// What stands against a yes of the whole container; `etc` is the folder of the image's files, `host` the state of process 1.
pub(crate) fn of_all(all: &Snapshot, etc: &[u8], asked: Asked, host: u8) -> Vec<String> {
    let every: Vec<usize> = (0..all.services.len()).collect();
    problems(all, asked, (&every, false), host, &|name| is_optional(etc, name))
}

/// The answer: a line a problem, in as many bytes as an engine keeps.
pub(crate) fn lines(asked: Asked, found: &[String]) -> String {
    if found.is_empty() {
        return asked.word().to_owned() + "\n";
    }
    let mut text = String::new();
    for (before, problem) in found.iter().enumerate() {
        let line = format!("not {}: {problem}\n", asked.word());
        if text.len().saturating_add(line.len()).saturating_add(REST) > OUTPUT_MAX {
            let more = found.len().saturating_sub(before);
            text.push_str(&format!("not {}: and {more} more\n", asked.word()));
            break;
        }
        text.push_str(&line);
    }
    text
}

fn document(asked: Asked, found: &[String]) -> Vec<u8> {
    let mut json = Json::new(b'{');
    json.text("schema", Some(b"s6-overlay.health/1"));
    json.text("asked", Some(asked.word().as_bytes()));
    json.truth("ok", found.is_empty());
    // Half of the limit: quotes and escapes take room, too.
    let fits = |sum: &mut usize, problem: &String| {
        *sum = sum.saturating_add(problem.len());
        *sum < OUTPUT_MAX / 2
    };
    let mut sum = 0;
    let shown = found.iter().take_while(|problem| fits(&mut sum, problem));
    json.texts("problems", &mut shown.map(String::as_bytes));
    json.finish(b'}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_keeps_all_of_it() {
        assert_eq!(lines(Asked::Live, &[]), "live\n");
        let found: Vec<String> = (0..500).map(|n| format!("service-{n} is down")).collect();
        let text = lines(Asked::Ready, &found);
        assert!(text.len() <= OUTPUT_MAX && text.starts_with("not ready: service-0 is down\n"));
        let said = text.lines().count() - 1;
        assert!(text.ends_with(&format!("not ready: and {} more\n", 500 - said)), "{text}");
        assert!(document(Asked::Ready, &found).len() <= OUTPUT_MAX);
        assert_eq!(
            document(Asked::Started, &["a \"b\"".to_owned()]),
            br#"{"schema":"s6-overlay.health/1","asked":"started","ok":false,"problems":["a \"b\""]}"#
        );
        assert_eq!(lines(Asked::Ready, &found[..1]), "not ready: service-0 is down\n");
    }
}
