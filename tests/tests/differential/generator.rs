//! Scripts: chains of commands with blocks, made by choices.
//!
//! Deliberate differences (docs/quirks.md) and what Debian's older version doesn't have are avoided where they would
//! come up; a comment says so each time.

use crate::random::Random;
use crate::words::{KEYS, gap, word};

const SEED: u64 = 0x6578_6563_6c69_6e65;

/// The content of the file `lines`.
pub const LINES: &str = "one\ntwo words \n\n  :a:b: \nlast";

/// The content of the file `assignments`.
pub const ASSIGNMENTS: &str = "A = 1\nFOO=\"x\\ty\"\n# B=2\n V=v v \n";

/// The environment beside PATH.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("LC_ALL", "C"),
    ("HOME", "/"),
    ("W", "one two  three "),
    ("X", ":a::b:"),
    ("E", ""),
    ("N", "3:foo,0:,4:a b ,"),
    ("D", "$K"),
    ("FOO", "bar"),
];

/// Avoided: `!`, which is a process id.
const VARIABLES: &[&str] = &["W", "X", "E", "N", "D", "FOO", "NONE", "V"];

/// A script and how it is called.
pub struct Script {
    pub options: Vec<&'static str>,
    pub text: String,
    pub arguments: Vec<&'static str>,
}

/// The script of that number.
pub fn script(number: u64) -> Script {
    let mut r = Random::new(SEED.wrapping_add(number.wrapping_mul(0x1_0000_0001)));
    // -P would leave elgetpositionals and its relatives without a frame: they exit 111 in the reference.
    let options = r.one(&[&[] as &[&str], &[], &[], &["-p"], &["-S2"], &["-s1"], &["-S0"]]);
    let has_frame = matches!(options, [] | ["-p"]);
    let mut arguments: Vec<_> = (0..r.below(6))
        .map(|_| r.one(&["-a", "-b", "-bval", "one", "two words", "", " x", "$K", "--", "-z"]))
        .collect();
    // A word with a space in front is part of a block to the commands that take blocks from the parameters.
    if has_frame && r.once_in(4) {
        arguments.extend([" printf", " blk%s", " x", "", " exit", " 4", ""]);
    }
    let uses_status = r.once_in(2);
    let mut maker = Maker { r, has_frame, uses_status, text: String::new(), budget: 30 };
    maker.chain(0);
    Script { options: options.to_vec(), text: maker.text, arguments }
}

struct Maker {
    r: Random,
    /// Whether positional parameters are in the environment.
    has_frame: bool,
    /// Whether the variable `?` is read.
    uses_status: bool,
    text: String,
    /// How many more commands there may be.
    budget: usize,
}

impl Maker {
    /// Adds words as they are, if any.
    fn put(&mut self, words: &str) -> &mut Self {
        if !words.is_empty() {
            self.text += words;
            self.text += gap(&mut self.r);
        }
        self
    }

    fn word(&mut self) -> &mut Self {
        self.text += &word(&mut self.r);
        self.text += gap(&mut self.r);
        self
    }

    fn words(&mut self, from: usize, choices: usize) -> &mut Self {
        for _ in 0..from + self.r.below(choices) {
            self.word();
        }
        self
    }

    fn one(&mut self, of: &[&str]) -> &mut Self {
        let words = self.r.one(of);
        self.put(words)
    }

    /// A block that runs.
    ///
    /// Avoided: an empty one, which crashes the reference.
    fn block(&mut self, depth: usize) -> &mut Self {
        self.put("{").chain(depth + 1).put("}")
    }

    /// A block of words.
    fn list(&mut self, choices: usize) -> &mut Self {
        self.put("{").words(0, choices).put("}")
    }

    fn chain(&mut self, depth: usize) -> &mut Self {
        let most = [6, 3, 2, 1].get(depth).copied().unwrap_or(0);
        for _ in 0..self.r.below(most + 1) + usize::from(depth == 0) {
            if self.budget == 0 {
                break;
            }
            self.budget -= 1;
            match self.r.below(5) {
                0 | 1 => self.substitution(depth),
                2 => self.control(depth),
                3 if self.has_frame => self.parameters(),
                _ => self.state(depth),
            };
        }
        self.end()
    }

    /// What a chain ends with.
    fn end(&mut self) -> &mut Self {
        match self.r.below(12) {
            0 => self.put("exit").one(&["", "1", "3", "0", "255"]),
            1 => self.put("eltest").comparison(),
            2 if self.has_frame => self.put("dollarat").one(&["", "-n", "-d,", "-d:", "-0", "-n -d/"]),
            3 => self.put("printenv").variable(),
            4 => self.put("sh -c \"printf '<%s>' \\\"$0\\\" \\\"$V\\\" \\\"$FOO\\\"\"").word(),
            _ => self.put("printf \"[%s]\\n\" --").words(1, 5),
        }
    }

    /// Avoided: `-ef` with a file that isn't there, and integers with something behind them.
    fn comparison(&mut self) -> &mut Self {
        match self.r.below(7) {
            0 => self
                .one(&["1", "007", "-3", "12"])
                .one(&["-eq", "-ne", "-lt", "-ge"])
                .one(&["1", "7", "-3", "13"]),
            1 => self.put("-n").put("${K}x"),
            2 => self.put("-z").put("\"\""),
            3 => self.one(&["-f", "-d", "-e", "-r", "-s", "-L"]).one(&["lines", "/", "nowhere"]),
            4 => self.put("( a = a ) -a").one(&["!", ""]).put("( a = b )"),
            5 => self.put("a -o a = b"),
            _ => self.put("a${K}").one(&["=", "!=", "=="]).put("a${K}"),
        }
    }

    fn transform(&mut self) -> &mut Self {
        self.one(&["", "", "-s", "-s", "-sC", "-sn", "-sCn", "-n", "-C"]).one(&[
            "",
            "",
            "-d:",
            "-d:",
            "-d\" :\"",
            "-d\"\\n\"",
        ])
    }

    fn substitution(&mut self, depth: usize) -> &mut Self {
        match self.r.below(9) {
            0 | 1 => self.put("define").transform().one(KEYS).word(),
            2 | 3 => self.import(),
            4 => {
                self.put("multisubstitute {");
                // A key that is bound twice ends the command; also that is the same.
                for key in ["K", "L", "KK"] {
                    match self.r.below(3) {
                        0 => self.put("define").transform().put(key).word(),
                        1 => self.put("importas -D").word().put(key).variable(),
                        _ if self.has_frame => self.put("elgetpositionals").one(&["", "-P2"]),
                        _ => self,
                    };
                }
                self.put("}")
            }
            // 2.9.3 puts the pattern's matches in the same order.
            5 => self.put("elglob").one(&["", "-v", "-0", "-m"]).one(KEYS).one(&[
                "l*",
                "s?ript",
                "[ls]*",
                "/etc/pass*",
                "no*",
            ]),
            6 => self.put("multidefine").one(&["-d:", "-C -d:", "-r", "-rd:"]).word().one(&[
                "{ K L }",
                "{ K \"\" KK }",
                "{ L }",
            ]),
            // Avoided: `?` after backtick, which 2.9.3 sets in fewer cases.
            7 if !self.uses_status => self
                .put("backtick")
                .one(&["", "-E", "-N", "-I", "-x", "-D dflt"])
                .one(&["V", "K"])
                .block(depth),
            _ => self.put("heredoc 0").word().put("withstdinas").one(&["", "-E", "-N"]).one(&["V", "K"]),
        }
    }

    fn import(&mut self) -> &mut Self {
        self.put("importas")
            .one(&["", "-u", "-i", "-D dflt", "-D \"\"", "-iu"])
            .transform()
            .one(KEYS)
            .variable()
    }

    fn variable(&mut self) -> &mut Self {
        if self.uses_status && self.r.once_in(4) { self.put("?") } else { self.one(VARIABLES) }
    }

    fn control(&mut self, depth: usize) -> &mut Self {
        match self.r.below(14) {
            0 | 1 => self.put("foreground").block(depth),
            2 => self.put("if").one(&["", "-n", "-X", "-t", "-x5", "-nx6"]).block(depth),
            3 => self.put("ifelse").one(&["", "-n"]).block(depth).block(depth),
            4 => self.put("ifte").one(&["", "-n"]).block(depth).block(depth).condition(),
            5 => self
                .put("foreground { ifthenelse")
                .one(&["", "-s"])
                .block(depth)
                .block(depth)
                .block(depth)
                .end()
                .put("}"),
            6 | 7 => self
                .put("foreground { forx")
                .one(&["", "-E", "-x3", "-o0", "-Ex1,3"])
                .one(&["K", "V"])
                .list(4)
                .chain(depth + 1)
                .put("}"),
            8 => self
                .put("foreground { redirfd -r 0 lines forstdin")
                .one(&["", "-E", "-C", "-d:", "-Ed:", "-x3"])
                .one(&["K", "V"])
                .chain(depth + 1)
                .put("}"),
            9 => self
                .put("foreground { forbacktickx")
                .one(&["", "-E", "-C", "-d:", "-Ed:"])
                .one(&["K", "V"])
                .put("{ printf")
                .put("\"a:b\\\\nc\\\\n\"")
                .put("}")
                .chain(depth + 1)
                .put("}"),
            10 => self.put("pipeline").block(depth).put("foreground { cat }"),
            // Avoided: values of several lines, each of which matches by itself in 2.9.3.
            11 => self
                .put("foreground { case")
                .one(&["", "-s", "-i", "-N"])
                .one(&["foo", "FAB", "xyz", "fofo", "bcd", "\"\"", "f\\ o"])
                .put("{ [a-f]*")
                .block(depth)
                .put("foo")
                .block(depth)
                .put("}")
                .end()
                .put("}"),
            12 => self.put("background").block(depth).put("wait { }"),
            _ => self
                .put("foreground { loopwhilex")
                .one(&["-n exit 0", "exit 3", "-x3 exit 3", "-x1,4 exit 4"])
                .put("}"),
        }
    }

    /// The rest of an ifte: the test.
    fn condition(&mut self) -> &mut Self {
        // ifte's test is the rest of the line.
        self.put("if { exit 0 }")
    }

    fn parameters(&mut self) -> &mut Self {
        match self.r.below(6) {
            0 | 1 => self.put("elgetpositionals").one(&["", "-P1", "-P3"]),
            2 => self.put("elgetopt").one(&["ab:", "a", "z:"]),
            // Avoided: more than there are in a frame with gaps, which isn't looked at in the reference.
            3 => self.put("shift").one(&["", "-n1", "-n0", "-n2", "-b1"]),
            4 => self.put("foreground { runblock").one(&["1", "2", "-n1 1", "-r 1"]).put("}"),
            _ => self.put("foreground { dollarat -d, }"),
        }
    }

    fn state(&mut self, depth: usize) -> &mut Self {
        match self.r.below(16) {
            0 | 1 => self.put("export").one(&["V", "FOO", "W", "a.b"]).word(),
            2 => self.put("unexport").one(&["V", "FOO", "NONE"]),
            3 => self.put("fdmove").one(&["-c 7 1", "-c 1 2", "3 0"]),
            4 => self.put("redirfd").one(&[
                "-w 1 out",
                "-a 1 out",
                "-u 1 out",
                "-x 1 lines",
                "-r 0 lines",
                "-r 0 nowhere",
                "-c 1 nowhere",
            ]),
            5 => self.put("fdclose").one(&["0", "5", "1"]),
            6 => self.put("heredoc 0").word().put("foreground { cat }"),
            // Without a PATH, Debian's commands would not be found.  Avoided: a frame with gaps, which has another
            // exit code in the reference.
            7 => {
                self.has_frame = false;
                self.put("importas PATHS PATH emptyenv")
                    .one(&["", "-p", "-c", "-o"])
                    .put("env PATH=$PATHS LC_ALL=C")
            }
            8 => self.put("umask").one(&["027", "0", "777"]).put("foreground { sh -c umask }"),
            9 => self.put("cd").one(&["/", ".", "nowhere"]).put("foreground { pwd }"),
            10 => self.put("exec").one(&["", "-a name", "-l"]),
            11 => self.put("tryexec").one(&["{ nowhere", "{ exit", "{ sh -c exit\\ 5"]).put("}"),
            // Its arguments must not begin with what is an option.
            12 => self
                .put("foreground { execlineb")
                .one(&["-Pc", "-S1 -c", "-s2 -c", "-c"])
                .put("\"printf <%s> -- $1 $@ $# ${0}\" x")
                .words(0, 3)
                .put("}"),
            // Avoided: export-array, which 2.9.3 doesn't have.
            13 => self.put("foreground { homeof").one(&["root", "nobody", "no-such-account"]).put("}"),
            // Avoided: `envfile -`, which closes standard input in the reference.
            14 => self.put("envfile").one(&["assignments", "lines", "nowhere"]),
            _ => self.put("foreground").block(depth),
        }
    }
}
