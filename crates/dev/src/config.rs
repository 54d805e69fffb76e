//! What an image is started with: what `docker inspect` prints, or a Dockerfile says.

use crate::dockerfile::{Instruction, Places, Steps, instructions};
use serde_json::Value;

/// What is known of it; `None` where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Whether anything is known at all.
    pub is_known: bool,
    /// The words of ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// Whether ENTRYPOINT is in the shell form.
    pub entrypoint_is_shell: bool,
    /// The words of CMD.
    pub cmd: Option<Vec<String>>,
    /// Names and values of ENV.
    pub env: Vec<(String, String)>,
    /// USER.
    pub user: Option<String>,
    /// The words of HEALTHCHECK's command; an empty list for NONE.
    pub healthcheck: Option<Vec<String>>,
    /// STOPSIGNAL.
    pub stop_signal: Option<String>,
    /// Whether nothing of it can be said elsewhere, such as by the image that a Dockerfile begins with.
    pub is_complete: bool,
    /// What the steps of a Dockerfile do.
    pub steps: Steps,
    /// After how many seconds the engine kills a container that it has told to stop.
    pub stop_timeout: Option<u64>,
    /// Where a Dockerfile says it.
    pub places: Option<Places>,
}

impl Config {
    /// Reads the output of `docker inspect`, the configuration of an OCI image, or a Dockerfile.
    ///
    /// # Errors
    /// It is JSON, and isn't one of these.
    pub fn read(text: &str) -> Result<Self, String> {
        match text.trim_start().chars().next() {
            Some('{' | '[') => Self::of_json(&serde_json::from_str(text).map_err(|e| e.to_string())?),
            _ => Ok(Self::of_dockerfile(text)),
        }
    }

    /// Reads the configuration of an image in an archive, which may say nothing at all.
    ///
    /// # Errors
    /// It isn't JSON.
    pub fn of_image(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        Ok(Self::of_settings(value.get("config").unwrap_or(&Value::Null)))
    }

    fn of_json(value: &Value) -> Result<Self, String> {
        let value = value.get(0).unwrap_or(value);
        let config = ["Config", "config"].iter().find_map(|name| value.get(name)).unwrap_or(value);
        if !["Entrypoint", "Cmd", "Env", "User"].iter().any(|name| config.get(name).is_some()) {
            return Err("no configuration of an image: neither Entrypoint, Cmd, Env nor User is in it".into());
        }
        Ok(Self::of_settings(config))
    }

    fn of_settings(config: &Value) -> Self {
        let words = |name: &str| {
            let list = config.get(name)?.as_array()?;
            Some(texts(list))
        };
        let text = |name: &str| config.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let test = config.get("Healthcheck").and_then(|health| health.get("Test")).and_then(Value::as_array);
        let healthcheck = test.map(|test| {
            let words = texts(test);
            match words.split_first() {
                Some((first, rest)) if first == "CMD" || first == "CMD-SHELL" => rest.to_vec(),
                _ => Vec::new(),
            }
        });
        let env = words("Env").unwrap_or_default();
        let env = env.iter().filter_map(|entry| entry.split_once('='));
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            is_known: true,
            entrypoint: words("Entrypoint").filter(|words| !words.is_empty()),
            entrypoint_is_shell: false,
            cmd: words("Cmd").filter(|words| !words.is_empty()),
            env: env.collect(),
            user: text("User").map(str::to_owned),
            healthcheck,
            stop_signal: text("StopSignal").map(str::to_owned),
            is_complete: true,
            steps: Steps::default(),
            stop_timeout: config.get("StopTimeout").and_then(Value::as_u64),
            places: None,
        }
    }

    /// What the last stage of a Dockerfile says, and those that it begins with; what its base says isn't known.
    fn of_dockerfile(text: &str) -> Self {
        let steps = Steps::of(text);
        let mut config = Self { places: Some(Places::default()), ..Self::default() };
        let mut current = String::new();
        let mut stages: Vec<(String, Self)> = Vec::new();
        for line in instructions(text) {
            let (word, rest) = line.words();
            if word.eq_ignore_ascii_case("FROM") {
                let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
                let base = words.next().unwrap_or_default();
                let name = words.nth(1).unwrap_or_default();
                stages.push((std::mem::take(&mut current), std::mem::take(&mut config)));
                let stage = stages.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(base));
                config = match stage {
                    Some((_, stage)) => stage.clone(),
                    None => Self {
                        is_complete: base == "scratch",
                        places: Some(Places::default()),
                        ..Self::default()
                    },
                };
                current = name.to_owned();
            } else {
                config.instruction(&line);
            }
        }
        // An image without the overlay says nothing about it.
        config.is_complete |= steps.install_overlay;
        if let Some(places) = &mut config.places {
            places.end = text.len();
        }
        Self { is_known: true, steps, ..config }
    }

    /// Takes an instruction of a Dockerfile.
    fn instruction(&mut self, line: &Instruction) {
        let (word, rest) = line.words();
        let mut places = self.places.take().unwrap_or_default();
        let place = Some(line.place());
        match word.to_ascii_uppercase().as_str() {
            "ENTRYPOINT" => {
                self.entrypoint_is_shell = !rest.starts_with('[');
                self.entrypoint = Some(exec_form(rest));
                places.entrypoint = place;
            }
            "CMD" => {
                self.cmd = Some(exec_form(rest));
                places.cmd = place;
            }
            "USER" => {
                self.user = Some(rest.to_owned());
                places.user = place;
            }
            "STOPSIGNAL" => {
                self.stop_signal = Some(rest.to_owned());
                places.stop_signal = place;
            }
            "HEALTHCHECK" => {
                let command = rest.find("CMD").and_then(|at| rest.get(at + 3..)).map(str::trim);
                self.healthcheck = Some(command.map(exec_form).unwrap_or_default());
                places.healthcheck = place;
            }
            "ENV" => {
                for (pair, place) in line.assignments() {
                    self.env.push(pair);
                    places.env.push(place);
                }
            }
            _ => {}
        }
        self.places = Some(places);
    }

    /// The value of a variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The texts in a list.
fn texts(list: &[Value]) -> Vec<String> {
    list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

/// The words of the JSON form, or those of the shell form at its blanks.
fn exec_form(text: &str) -> Vec<String> {
    let list: Option<Vec<Value>> = serde_json::from_str(text).ok();
    match list {
        Some(list) => texts(&list),
        None => text.split_whitespace().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_s_last_stage_counts() {
        let text = "FROM a AS b\nENV X=1\nUSER nobody\nFROM b\nENV A=1 B=\"two words\" \\\n  C=x\nENV OLD form of it\n\
                    # comment\nENTRYPOINT [\"/init\"]\nCMD nginx -g 'daemon off;'\nHEALTHCHECK --interval=1s CMD curl -f x\n\
                    STOPSIGNAL SIGQUIT\n";
        let config = Config::read(text).unwrap();
        insta::assert_debug_snapshot!(config);
    }

    #[test]
    fn a_stage_begins_with_another_one() {
        let text = "FROM --platform=x debian AS base\nARG S6_OVERLAY_VERSION=\"v3.1.6.2\"\nENV A=1\nFROM alpine AS other\n\
                    ENV B=1\nRUN curl https://x/s6-overlay-noarch.tar.xz | tar x\nFROM Base\nENV C=1\n";
        let config = Config::read(text).unwrap();
        let names: Vec<&str> = config.env.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "C"]);
        assert!(config.is_complete);
        assert_eq!(config.steps.overlay_version, Some(vec![3, 1, 6, 2]));
        assert!(Config::read("FROM scratch\nCOPY . /\n").unwrap().is_complete);
        let unknown = Config::read("FROM base\nCOPY --chmod=755 . /\n").unwrap();
        assert!(!unknown.is_complete && unknown.steps.change_modes && !unknown.steps.install_overlay);
    }

    #[test]
    fn what_docker_inspect_prints() {
        let text = r#"[{"Id": "x", "Config": {"Entrypoint": ["/init"], "Cmd": null, "Env": ["PATH=/bin", "A=b=c"], "User": "",
            "Healthcheck": {"Test": ["CMD", "s6-overlay", "health"]}, "StopSignal": "SIGTERM"}}]"#;
        let config = Config::read(text).unwrap();
        assert_eq!(config.entrypoint, Some(vec!["/init".to_owned()]));
        assert_eq!((config.cmd.clone(), config.user.clone()), (None, None));
        assert_eq!(config.variable("A"), Some("b=c"));
        assert_eq!(config.healthcheck, Some(vec!["s6-overlay".to_owned(), "health".to_owned()]));
        assert!(Config::read("{\"x\": 1}").is_err());
        assert!(Config::read("[").is_err());
    }
}
