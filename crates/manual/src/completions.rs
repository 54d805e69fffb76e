//! What shells complete after `s6-overlay`: subcommands, their options and, where a service is meant, the services' names.

use commands::{COMMANDS, Command};
use tool::Opt;

use crate::files::Files;

/// What prints the names of the services, one a line.
const SERVICES: &str = "s6-overlay status --plain --no-header 2>/dev/null | cut -f 1";

/// The files by their paths below `/usr/share`.
pub fn files() -> Files {
    let mut files = Files::new();
    files.insert("bash-completion/completions/s6-overlay".into(), bash());
    files.insert("zsh/site-functions/_s6-overlay".into(), zsh());
    files.insert("fish/vendor_completions.d/s6-overlay.fish".into(), fish());
    files
}

/// What a subcommand's operands are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operands {
    Subcommands,
    Services,
    Others,
}

fn operands(command: &Command) -> Operands {
    let text = command.tool.operands.to_ascii_lowercase();
    match () {
        () if text.contains("subcommand") => Operands::Subcommands,
        () if text.contains("name") => Operands::Services,
        () => Operands::Others,
    }
}

/// The words of an option.
fn words(option: &Opt) -> Vec<String> {
    let short = (option.short >= ' ').then(|| format!("-{}", option.short));
    short.into_iter().chain(option.long.map(|long| format!("--{long}"))).collect()
}

fn options(command: &Command) -> impl Iterator<Item = &'static Opt> {
    const HELP: &Opt = &Opt::flag('h', "print usage, options and examples").long("help");
    command.tool.options.iter().chain([HELP])
}

fn subcommands() -> String {
    COMMANDS.iter().map(Command::word).collect::<Vec<_>>().join(" ")
}

fn bash() -> String {
    let mut text = format!(
        "# s6-overlay's completions for bash\n_s6_overlay() {{\n\
         \tlocal word=${{COMP_WORDS[COMP_CWORD]}} choices=\n\
         \tif ((COMP_CWORD == 1)); then\n\t\tchoices='{} --help --version --list'\n\telse\n\t\tcase ${{COMP_WORDS[1]}} in\n",
        subcommands()
    );
    for command in COMMANDS {
        let known: Vec<_> = options(command).flat_map(words).collect();
        text.push_str(&format!("\t\t{}) choices='{}'", command.word(), known.join(" ")));
        match operands(command) {
            Operands::Subcommands => text.push_str(&format!("' {}'", subcommands())),
            Operands::Services => text
                .push_str(&format!("\n\t\t\tif [[ $word != -* ]]; then choices=$({SERVICES}); fi\n\t\t\t")),
            Operands::Others => {}
        }
        text.push_str(" ;;\n");
    }
    text.push_str(
        "\t\tesac\n\tfi\n\tCOMPREPLY=($(compgen -W \"$choices\" -- \"$word\"))\n}\n\
         complete -o default -F _s6_overlay s6-overlay\n",
    );
    text
}

/// A text within single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn zsh() -> String {
    let described = |word: &str, help: &str| quoted(&format!("{}:{help}", word.replace(':', "\\:")));
    let all: Vec<_> = COMMANDS.iter().map(|c| described(c.word(), c.tool.summary)).collect();
    let mut text = format!(
        "#compdef s6-overlay\n# s6-overlay's completions for zsh\nlocal -a subcommands choices services\n\
         subcommands=({})\nif ((CURRENT == 2)); then\n\t_describe subcommand subcommands\n\treturn\nfi\ncase $words[2] in\n",
        all.join(" ")
    );
    for command in COMMANDS {
        let known: Vec<_> =
            options(command).flat_map(|o| words(o).into_iter().map(|w| described(&w, o.help))).collect();
        text.push_str(&format!("{})\n\tchoices=({})\n", command.word(), known.join(" ")));
        text.push_str(match operands(command) {
            Operands::Subcommands => "\t_describe subcommand subcommands\n",
            Operands::Services => "\tservices=(${(f)\"$(SERVICES)\"})\n\t_describe service services\n",
            Operands::Others => "\t_files\n",
        });
        text.push_str("\t;;\n");
    }
    text.push_str("esac\n[[ $PREFIX == -* ]] && _describe option choices\n");
    text.replace("SERVICES", SERVICES)
}

fn fish() -> String {
    let mut text = String::from("# s6-overlay's completions for fish\n");
    let top = "complete -c s6-overlay -n __fish_use_subcommand";
    for command in COMMANDS {
        text.push_str(&format!("{top} -f -a {} -d {}\n", command.word(), quoted(command.tool.summary)));
    }
    for command in COMMANDS {
        let within = format!("complete -c s6-overlay -n '__fish_seen_subcommand_from {}'", command.word());
        for option in options(command) {
            let short = if option.short >= ' ' { format!(" -s {}", option.short) } else { String::new() };
            let long = option.long.map(|long| format!(" -l {long}")).unwrap_or_default();
            // A value that may be left out is no word of its own.
            let value = option.value.filter(|value| !value.starts_with('[')).map_or("", |_| " -r");
            text.push_str(&format!("{within}{short}{long}{value} -d {}\n", quoted(option.help)));
        }
        match operands(command) {
            Operands::Subcommands => text.push_str(&format!("{within} -f -a '{}'\n", subcommands())),
            Operands::Services => text.push_str(&format!("{within} -f -a '({SERVICES})'\n")),
            Operands::Others => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    /// What bash offers after these words.
    fn offered(words: &str) -> String {
        let script = format!(
            "{}\nCOMP_WORDS=({words} '')\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             [[ '{words}' == *' ' ]] || {{ unset 'COMP_WORDS[-1]'; COMP_CWORD=$((COMP_CWORD - 1)); }}\n\
             _s6_overlay\necho \"${{COMPREPLY[@]}}\"",
            bash()
        );
        let output = Command::new("bash").arg("-c").arg(script).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn bash_offers_subcommands_and_options() {
        assert_eq!(offered("s6-overlay ins"), "install");
        assert_eq!(offered("s6-overlay help ins"), "install");
        assert_eq!(offered("s6-overlay install --f"), "--force");
        assert_eq!(offered("s6-overlay install --root x --dr"), "--dry-run");
        assert!(offered("s6-overlay ").starts_with(&subcommands()));
    }

    /// Where they are installed, the other shells read their files without a complaint.
    #[test]
    fn the_shells_can_read_their_files() {
        for (shell, text) in [("bash", bash()), ("zsh", zsh()), ("fish", fish())] {
            let Ok(status) = Command::new(shell).args(["-n", "-c"]).arg(&text).stdin(Stdio::null()).status()
            else {
                continue;
            };
            assert!(status.success(), "{shell}: {text}");
        }
    }

    #[test]
    fn every_subcommand_and_option_is_in_each_file() {
        for (path, text) in files() {
            for command in COMMANDS {
                assert!(text.contains(command.word()), "{path}: {}", command.word());
                for option in command.tool.options.iter().filter_map(|option| option.long) {
                    assert!(text.contains(option), "{path}: {} --{option}", command.word());
                }
            }
        }
    }
}
