//! Which program a command ends up as, and where its words stand.

use crate::finding::Span;
use crate::image::Script;
use crate::shell::{Command, Word, base_name, span_of};

/// Where a word of a script stands.
pub(super) fn at(script: &Script, word: &Word) -> Span {
    span_of(&script.text, word.start..word.end)
}

/// A program in front of another one.
struct Front {
    name: &'static str,
    /// The letters of its options that a word of their own follows.
    with_value: &'static str,
    /// How many words follow its options.
    operands: usize,
}

const fn front(name: &'static str, with_value: &'static str, operands: usize) -> Front {
    Front { name, with_value, operands }
}

/// Programs that become another one, or start it.
const IN_FRONT: [Front; 20] = [
    front("exec", "a", 0),
    front("env", "uCS", 0),
    front("nice", "n", 0),
    front("ionice", "cn", 0),
    front("nohup", "", 0),
    front("setsid", "", 0),
    front("stdbuf", "ioe", 0),
    front("command", "", 0),
    front("with-contenv", "", 0),
    front("s6-setuidgid", "", 1),
    front("s6-softlimit", "acdflmoprst", 0),
    front("s6-notifyoncheck", "3sTtwnc", 0),
    front("s6-env", "i", 0),
    front("s6-envdir", "", 1),
    front("s6-applyuidgid", "ugG", 0),
    front("su-exec", "", 1),
    front("gosu", "", 1),
    front("setpriv", "", 0),
    front("chpst", "uUbe/nlLmdopfcrt", 0),
    front("fdmove", "", 2),
];

/// The words from the program that a command ends up as.
pub(super) fn final_program(command: &Command) -> &[Word] {
    let mut words = command.program();
    while let Some((first, rest)) = words.split_first() {
        let Some(front) = IN_FRONT.iter().find(|front| front.name == base_name(&first.text)) else { break };
        let mut at = 0;
        while let Some(word) =
            rest.get(at).filter(|word| word.text.starts_with('-') || word.text.contains('='))
        {
            // The value of the last letter is the next word, unless it is in the same one.
            let value = word.text.strip_prefix('-').is_some_and(|letters| {
                letters.find(|letter| front.with_value.contains(letter)) == letters.len().checked_sub(1)
                    && !letters.is_empty()
            });
            at += 1 + usize::from(value);
        }
        let Some(next) = rest.get(at + front.operands..) else { return &[] };
        words = next;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::final_program;

    #[test]
    fn what_stands_in_front_is_passed_over() {
        for (line, expected) in [
            ("exec web", "web"),
            ("A=b exec nice -n 5 web -n", "web"),
            (
                "exec s6-notifyoncheck -d -n 300 -w 1000 -c \"nc -z localhost 80\" s6-setuidgid abc web --x",
                "web",
            ),
            ("env -u HOME A=b ionice -c2 -n7 web", "web"),
            ("exec -a name web", "web"),
            ("s6-applyuidgid -U -u 5 fdmove -c 2 1 web", "web"),
            ("exec", ""),
        ] {
            let shell = crate::shell::read(line.as_bytes()).unwrap();
            let program = final_program(shell.commands.last().unwrap());
            assert_eq!(program.first().map_or("", |word| word.text.as_str()), expected, "{line}");
        }
    }
}
