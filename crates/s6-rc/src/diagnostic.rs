//! What is wrong with a service definition: a value that knows the place, the fault and the way out.

use tool::diag::shown;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Legal, and often meant so: a file that is never read, a service that no bundle starts.
    Note,
    /// It compiles, and will not do what its author expects.
    Warning,
    /// There is no database.
    Error,
}

/// What kind of mistake it is: a number for documentation, for programs and for silencing; it never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl std::fmt::Display for Code {
    /// `SO105`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SO{:03}", self.0)
    }
}

/// Defines a constant for each code, and the list of all.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// All that the compiler finds.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    /// `type` is missing or isn't a type.
    TYPE = 101;
    /// A longrun without `run`, or a oneshot without `up`.
    PROGRAM = 102;
    /// What is executed has no interpreter line and is no program.
    NOT_EXECUTABLE = 104;
    /// Shell syntax where no shell reads.
    SHELL_SYNTAX = 105;
    /// An interpreter line that is only a comment.
    COMMENT = 106;
    /// A `run` that nothing runs.
    UNUSED_RUN = 107;
    /// Lines that end in carriage returns.
    CARRIAGE_RETURN = 108;
    /// An interpreter that can't be executed.
    INTERPRETER = 109;
    /// A program that can't be executed, named by `up`, `down` or `reload`.
    COMMAND = 112;
    /// A file that no definition has, with a name like one that is read.
    MISSPELT = 113;
    /// Not a number.
    NUMBER = 114;
    /// Another kind of file than the one that is meant.
    KIND = 117;
    /// A service that is defined twice.
    DUPLICATE = 118;
    /// A name that no service can have.
    NAME = 119;
    /// A file that isn't used for a service of its type.
    UNUSED = 120;
    /// Not a signal.
    SIGNAL = 121;
    /// `reload` says nothing that can be done.
    RELOAD = 122;
    /// `kill-mode` names no mode.
    KILL_MODE = 123;
    /// Two things on one file descriptor.
    DESCRIPTOR = 124;
    /// Something in a source directory that defines nothing.
    STRAY = 125;
    /// A syntax error in the language of execline.
    SYNTAX = 126;
    /// A name that nothing defines.
    UNDEFINED = 201;
    /// A service that nothing starts.
    UNREACHED = 202;
    /// Services that need each other.
    CYCLE = 203;
    /// A bundle without contents, or one that contains itself.
    BUNDLE = 207;
    /// A pipeline whose ends don't agree.
    PIPELINE = 208;
    /// A name in `wants.d` that nothing defines.
    WANTED = 211;
    /// `instances` doesn't say how many there are.
    INSTANCES = 212;
    /// `instances` has a variable that may not be set.
    INSTANCES_UNSET = 213;
    /// What is said about restarts is no value, or makes no sense together.
    RESTART = 315;
    /// A second service that the container is for.
    SECOND_MAIN = 319;
    /// `only-if` has a line that is no condition.
    CONDITION = 320;
    /// What is said about readiness or liveness asks nothing, or contradicts something.
    PROBES = 321;
    /// S6_RESTART or S6_ON_FAILURE says what can't be done.
    POLICY_VARIABLE = 409;
    /// S6_DISABLE, S6_ENABLE or S6_REQUIRE has a name that makes no sense there.
    SWITCH = 410;
}

/// One finding about the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of mistake it is.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// The file or directory, as the source directory was given.
    pub file: Vec<u8>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column in bytes, from 1.
    pub column: Option<u32>,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Diagnostic {
    /// A finding about a whole file or directory.
    #[must_use]
    pub fn new(code: Code, severity: Severity, file: Vec<u8>, text: impl Into<String>) -> Self {
        Self { code, severity, file, line: None, column: None, text: text.into(), advice: None }
    }

    /// An error about a whole file or directory.
    pub(crate) fn error(code: Code, file: Vec<u8>, text: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, file, text)
    }

    /// The same at a line; 0 means none in particular.
    pub(crate) fn line(mut self, line: u32) -> Self {
        self.line = (line != 0).then_some(line);
        self
    }

    /// The same at a column of its line.
    pub(crate) fn column(mut self, column: u32) -> Self {
        self.column = (column != 0).then_some(column);
        self
    }

    /// The same with advice.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl std::fmt::Display for Diagnostic {
    /// `FILE:LINE:COLUMN: TEXT (ADVICE) [CODE]` on one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(&self.file))?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        write!(f, ": {}", self.text)?;
        if let Some(advice) = &self.advice {
            write!(f, " ({advice})")?;
        }
        write!(f, " [{}]", self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_one_line() {
        let d = Diagnostic::error(Code::SYNTAX, b"s/a\n/up".to_vec(), "unmatched {")
            .line(2)
            .column(7)
            .advice("close it");
        assert_eq!(d.to_string(), "s/a\\n/up:2:7: unmatched { (close it) [SO126]");
        assert_eq!(Diagnostic::error(Code::TYPE, b"s".to_vec(), "x").line(0).to_string(), "s: x [SO101]");
    }
}
