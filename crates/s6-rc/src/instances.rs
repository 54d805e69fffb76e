//! How many instances of a service there are: the file `instances` of a definition whose name ends in `@`.
//!
//! It holds a number, `cpus`, `cpus*N`, or names; or `$NAME`, `${NAME}` or `${NAME:-DEFAULT}`, where a variable says one of
//! these; or `OTHER@`, for as many as that one has.  Each instance is a service `NAME@INSTANCE`, all of them are the bundle
//! `NAME`, and `%i` in the files that the compiler reads stands for the instance.

use crate::condition::Facts;
use tool::Fatal;
use tool::diag::show;
use wire::number::decimal;

/// The file.
pub const FILE: &str = "instances";

/// At most so many instances does a service have.
pub const INSTANCES_MAX: usize = 1000;

/// What stands for the instance.
const MARK: &[u8] = b"%i";

/// What can be written instead.
const WRITE: &str = "write a number up to 1000, cpus, cpus*2, names, or a variable such as ${WORKERS:-2}";

/// What is wrong with a file, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub text: String,
    /// What to write.
    pub advice: String,
    /// The word that it is about.
    pub(crate) word: Vec<u8>,
    /// Nothing says how many there are: the variable isn't set.
    pub(crate) is_unset: bool,
}

impl Mistake {
    fn new(word: &[u8], text: String) -> Self {
        Self { text, advice: WRITE.to_owned(), word: word.to_vec(), is_unset: false }
    }

    /// A mistake at a word, which is shown in quotes before the text.
    pub(crate) fn at(word: &[u8], text: &str) -> Self {
        Self::new(word, format!("\"{}\" {text}", show(word)))
    }
}

/// The words of a text; lines that begin with `#` are ignored.
fn words(text: &[u8]) -> Vec<&[u8]> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii_start().starts_with(b"#"));
    let words = lines.flat_map(|line| line.split(u8::is_ascii_whitespace));
    words.filter(|word| !word.is_empty()).collect()
}

/// The name of the service that has as many, without its `@`, if that is what a text says.
pub(crate) fn other(text: &[u8]) -> Option<Vec<u8>> {
    match words(text).as_slice() {
        [word] => word.strip_suffix(b"@").filter(|name| !name.is_empty()).map(<[u8]>::to_vec),
        _ => None,
    }
}

/// A variable that says how many there are.
#[derive(Debug, PartialEq, Eq)]
struct Variable {
    name: Vec<u8>,
    /// What counts without it.
    default: Option<Vec<u8>>,
}

/// The variable that a text names.
fn variable(text: &[u8]) -> Option<Result<Variable, Mistake>> {
    let whole = words(text).join(&b' ');
    let inner = whole.strip_prefix(b"$")?;
    let (name, default) = match inner.strip_prefix(b"{").map(|inner| inner.strip_suffix(b"}")) {
        None => (inner, None),
        Some(None) => (&b""[..], None),
        Some(Some(inner)) => match inner.windows(2).position(|pair| pair == b":-") {
            Some(at) => (inner.get(..at).unwrap_or_default(), inner.get(at + 2..)),
            None => (inner, None),
        },
    };
    let is_name = name.first().is_some_and(|byte| !byte.is_ascii_digit())
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    Some(if is_name {
        Ok(Variable { name: name.to_vec(), default: default.map(<[u8]>::to_vec) })
    } else {
        Err(Mistake::at(&whole, "names no variable"))
    })
}

/// The instances that a text without variables says, in their order; `cpus`: how many processors there are.
///
/// # Errors
/// What is wrong with it.
pub fn plain(text: &[u8], cpus: impl FnOnce() -> u32) -> Result<Vec<Vec<u8>>, Mistake> {
    let words = words(text);
    if let [word] = words.as_slice() {
        if word.iter().all(u8::is_ascii_digit) {
            let count = decimal::<usize>(word).filter(|count| *count <= INSTANCES_MAX);
            return count.map(numbered).ok_or_else(|| too_many(word));
        }
        if let Some(rest) = word.strip_prefix(b"cpus")
            && let Some(factor) =
                if rest.is_empty() { Some(1) } else { rest.strip_prefix(b"*").and_then(decimal::<usize>) }
        {
            // Big machines have as many as there may be.
            let count = usize::try_from(cpus()).unwrap_or(INSTANCES_MAX).saturating_mul(factor);
            return Ok(numbered(count.min(INSTANCES_MAX)));
        }
        if word.first().is_some_and(u8::is_ascii_digit) {
            return Err(Mistake::at(word, "is not a number of instances"));
        }
    }
    let mut found: Vec<Vec<u8>> = Vec::new();
    for word in words {
        let is_name = word.first().is_some_and(u8::is_ascii_alphanumeric)
            && word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte));
        if !is_name {
            return Err(Mistake::at(word, "is not the name of an instance"));
        }
        if found.iter().any(|other| other == word) {
            return Err(Mistake::at(word, "is there twice"));
        }
        if found.len() == INSTANCES_MAX {
            return Err(too_many(word));
        }
        found.push(word.to_vec());
    }
    if found.is_empty() {
        return Err(Mistake::new(b"", "there is nothing in it".to_owned()));
    }
    Ok(found)
}

fn too_many(word: &[u8]) -> Mistake {
    Mistake::new(word, format!("\"{}\" is more than {INSTANCES_MAX} instances", show(word)))
}

/// Looks at what a file says, for programs that write such files: its text may name a variable.
///
/// # Errors
/// What is wrong with it, and what to write instead.
pub fn look_at(text: &[u8]) -> Result<(), (String, String)> {
    let done = match variable(text) {
        None if other(text).is_some() => Ok(()),
        None => plain(text, || 1).map(drop),
        Some(Ok(Variable { default: Some(default), .. })) => plain(&default, || 1).map(drop),
        Some(named) => named.map(drop),
    };
    done.map_err(|mistake| (mistake.text, mistake.advice))
}

/// Whether instances have the names that a number gives them, rather than their own.
#[must_use]
pub fn is_numbered(names: &[Vec<u8>]) -> bool {
    numbered(names.len()).iter().all(|number| names.contains(number))
}

/// The names of so many instances.
fn numbered(count: usize) -> Vec<Vec<u8>> {
    (1..=count).map(|number| number.to_string().into()).collect()
}

/// The instances that a text says, of a service with this name; what was asked for by hand counts first.  Without facts there are
/// no variables, and one processor; a service whose variable isn't set has one instance then, which is a finding only.
///
/// # Errors
/// The variables can't be read.  Inside: what is wrong with the text, or with a variable's value.
pub(crate) fn instances(
    name: &[u8],
    text: &[u8],
    facts: Option<&dyn Facts>,
) -> Result<Result<Vec<Vec<u8>>, Mistake>, Fatal> {
    let cpus = || facts.map_or(1, Facts::cpus);
    let word = || words(text).first().map_or_else(Vec::new, |word| word.to_vec());
    if let Some(asked) = facts.and_then(|facts| facts.scaled(name)) {
        return Ok(plain(&asked, cpus).map_err(|mistake| Mistake { word: word(), ..mistake }));
    }
    let Variable { name: variable, default } = match variable(text) {
        None => return Ok(plain(text, cpus)),
        Some(Err(mistake)) => return Ok(Err(mistake)),
        Some(Ok(found)) => found,
    };
    let value = match facts {
        Some(facts) => facts.variable(&variable)?.filter(|value| !value.trim_ascii().is_empty()),
        None => None,
    };
    let shown = show(&variable);
    let found = match (value, default) {
        (Some(value), _) => plain(&value, cpus).map_err(|mistake| Mistake {
            text: format!("the variable {shown} doesn't say how many: {}", mistake.text),
            advice: "give it a number up to 1000, cpus, cpus*2, or names".to_owned(),
            ..mistake
        }),
        (None, Some(default)) => plain(&default, cpus),
        (None, None) => Err(Mistake {
            advice: format!("write ${{{shown}:-2}}, where 2 is for a container without it"),
            is_unset: true,
            ..Mistake::new(
                b"",
                format!("nothing says how many there are where the variable {shown} isn't set"),
            )
        }),
    };
    Ok(found.map_err(|mistake| Mistake { word: word(), ..mistake }))
}

/// A text with the instance in place of every `%i`.
pub(crate) fn fill(text: &[u8], instance: &[u8]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(text.len() + instance.len());
    let mut rest = text;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        filled.extend_from_slice(rest.get(..at).unwrap_or_default());
        filled.extend_from_slice(instance);
        rest = rest.get(at + MARK.len()..).unwrap_or_default();
    }
    filled.extend_from_slice(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        match plain(text.as_bytes(), || 3) {
            Ok(names) if names.len() > 8 => format!("{} names", names.len()),
            Ok(names) => show(&names.join(&b' ')).to_string(),
            Err(mistake) => mistake.text,
        }
    }

    #[test]
    fn a_file_says_a_number_or_names() {
        for (text, expected) in [
            ("3\n", "1 2 3"),
            ("# workers\n 0 \n", ""),
            ("1000", "1000 names"),
            ("1001", "\"1001\" is more than 1000 instances"),
            ("99999999999999999999999", "\"99999999999999999999999\" is more than 1000 instances"),
            ("cpus", "1 2 3"),
            ("cpus*2", "1 2 3 4 5 6"),
            ("cpus*0", ""),
            ("cpus*99999", "1000 names"),
            ("cpus*x", "\"cpus*x\" is not the name of an instance"),
            ("cpus/2", "\"cpus/2\" is not the name of an instance"),
            ("-1", "\"-1\" is not the name of an instance"),
            ("1.5", "\"1.5\" is not a number of instances"),
            ("mail\nimport-v2 x.y\n", "mail import-v2 x.y"),
            ("8080 8081", "8080 8081"),
            ("mail ../x", "\"../x\" is not the name of an instance"),
            ("mail a@b", "\"a@b\" is not the name of an instance"),
            ("mail mail", "\"mail\" is there twice"),
            (" \n# nothing\n", "there is nothing in it"),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
        let many: Vec<String> = (0..=INSTANCES_MAX).map(|n| format!("n{n}")).collect();
        assert_eq!(said(&many.join(" ")), "\"n1000\" is more than 1000 instances");
    }

    #[test]
    fn a_variable_has_a_default_or_must_be_set() {
        let parsed = |text: &str| variable(text.as_bytes()).map(|found| found.map_err(|m| m.text));
        let is = |name: &str, default: Option<&str>| {
            Some(Ok(Variable { name: name.into(), default: default.map(Into::into) }))
        };
        for (text, expected) in [
            ("$WORKERS\n", is("WORKERS", None)),
            ("${WORKERS}", is("WORKERS", None)),
            ("${WORKERS:-2}", is("WORKERS", Some("2"))),
            ("# queues\n${QUEUES:-mail import}\n", is("QUEUES", Some("mail import"))),
            ("${A:-}", is("A", Some(""))),
            ("2", None),
            ("$", Some(Err("\"$\" names no variable".into()))),
            ("${A", Some(Err("\"${A\" names no variable".into()))),
            ("$2", Some(Err("\"$2\" names no variable".into()))),
            ("$A-x", Some(Err("\"$A-x\" names no variable".into()))),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn every_mark_becomes_the_instance() {
        assert_eq!(fill(b"%i-%i%%i x", b"12"), b"12-12%12 x");
        assert_eq!(fill(b"", b"12"), b"");
        assert_eq!(fill(b"% i%", b"12"), b"% i%");
    }

    #[test]
    fn what_may_be_written_is_looked_at() {
        for text in ["3", "cpus*2", "$A", "${A:-2}", "a b", "b@"] {
            assert_eq!(look_at(text.as_bytes()), Ok(()), "{text}");
        }
        for text in ["", "1.5", "$", "${A:-}", "@"] {
            assert!(look_at(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn numbered_instances_have_no_names_of_their_own() {
        let is = |text: &str| is_numbered(&plain(text.as_bytes(), || 3).unwrap());
        assert!(is("0") && is("3") && is("cpus") && is("2 1"));
        assert!(!is("many") && !is("8080 8081") && !is("1 3"));
    }

    #[test]
    fn another_service_has_as_many() {
        assert_eq!(other(b"worker@\n"), Some(b"worker".to_vec()));
        for text in ["worker", "@", "a@ b@", ""] {
            assert_eq!(other(text.as_bytes()), None, "{text}");
        }
    }
}
