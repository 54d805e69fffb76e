//! What the substitution commands share, alone or inside multisubstitute: they collect keys and values, then rewrite
//! the rest of the command line.

use crate::substitute::Substitutions;
use crate::transform::Transform;
use tool::{Call, Env, Fatal, Next, Opt, Options, Outcome, diag};

/// The options of [`transform`].
pub(crate) const SPLIT: Opt = Opt::flag('s', "split the value");
pub(crate) const CRUNCH: Opt = Opt::flag('C', "crunch: collapse a run of delimiters into its first");
pub(crate) const NO_CRUNCH: Opt = Opt::flag('c', "don't crunch (default)");
pub(crate) const CHOMP: Opt = Opt::flag('n', "chomp: remove a delimiter at the end");
pub(crate) const NO_CHOMP: Opt = Opt::flag('N', "don't chomp (default)");
pub(crate) const DELIMITERS: Opt =
    Opt::value('d', "delim", "the delimiters; if empty, split values are netstrings (default: white space)");

/// The transformation that a command's options ask for.
pub(crate) fn transform(options: &Options) -> Transform {
    let mut t = Transform { split: options.has('s'), ..Transform::default() };
    t.chomp = options.last_of("nN") == Some('n');
    t.crunch = options.last_of("Cc") == Some('C');
    if let Some(delimiters) = options.get('d') {
        t.delimiters = delimiters.to_vec();
    }
    t
}

/// Keys with their values, and the variables to remove.
pub(crate) struct Bindings {
    keys: Substitutions,
    unexport: Vec<Vec<u8>>,
    bad_key: u8,
}

impl Bindings {
    /// Starts empty; `bad_key` is the exit code for a key that is empty or bound twice.
    pub(crate) fn new(bad_key: u8) -> Self {
        Self { keys: Substitutions::new(), unexport: Vec::new(), bad_key }
    }

    /// Binds a key.
    pub(crate) fn bind(&mut self, key: &[u8], values: Vec<Vec<u8>>) -> Result<(), Fatal> {
        self.keys
            .add(key, values)
            .map_err(|_| Fatal::new(self.bad_key, format_args!("bad substitution key: {}", diag::show(key))))
    }

    /// Binds a key to a transformed value.
    pub(crate) fn bind_transformed(&mut self, key: &[u8], value: &[u8], t: &Transform) -> Result<(), Fatal> {
        self.bind(key, split(value, t)?)
    }

    /// Removes a variable when the bindings are applied.
    pub(crate) fn unexport(&mut self, name: &[u8]) {
        self.unexport.push(name.to_vec());
    }

    /// Rewrites a command line and an environment.
    pub(crate) fn apply(&self, argv: Vec<Vec<u8>>, mut env: Env) -> Result<(Vec<Vec<u8>>, Env), Fatal> {
        let argv =
            self.keys.apply(argv).map_err(|_| Fatal::new(111, "the substituted command line is too long"))?;
        for name in &self.unexport {
            env.unset(name);
        }
        Ok((argv, env))
    }

    /// Runs the rest of the call's arguments, rewritten.
    pub(crate) fn run_rest(&self, call: &mut Call) -> Outcome {
        let (argv, env) = self.apply(call.take_args(), call.take_env())?;
        Next::run_if_any(argv, env)
    }
}

/// Transforms a value into words.
pub(crate) fn split(value: &[u8], t: &Transform) -> Result<Vec<Vec<u8>>, Fatal> {
    t.apply(value.to_vec()).ok_or_else(|| Fatal::new(111, "the value is not a sequence of netstrings"))
}
