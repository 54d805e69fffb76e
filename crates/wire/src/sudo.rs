//! The messages between `s6-sudoc` and `s6-sudod`.
//!
//! 1. The server writes [`SERVER_BANNER`].
//! 2. The client sends one [message](crate::unix_message) with three descriptors, its standard input, output and
//!    error; its content, numbers being 32 bits, big-endian:
//!
//!    | bytes | what |
//!    |---|---|
//!    | 0–14 | [`CLIENT_BANNER`] |
//!    | 15–18 | number of arguments, at most [`STRINGS_MAX`] |
//!    | 19–22 | number of variables, at most [`STRINGS_MAX`] |
//!    | 23–26 | length of the arguments |
//!    | 27–30 | length of the variables |
//!    | then | the arguments, each with a NUL after it |
//!    | then | the variables, `NAME=VALUE`, each with a NUL after it |
//! 3. The server answers with one byte: 0, the program runs; or an error number.
//! 4. When the program has ended, it sends its status as of wait(2), 32 bits, big-endian.

/// The first bytes from the server.
pub const SERVER_BANNER: &[u8] = b"s6-sudo b v1.0\n";

/// The first bytes of the client's message.
pub const CLIENT_BANNER: &[u8] = b"s6-sudo a v1.0\n";

/// The limit of arguments, and of variables.
pub const STRINGS_MAX: usize = 131_072;

/// The limit of a message in bytes: that of a command line on Linux.
pub const REQUEST_MAX: usize = 6 << 20;

/// The program that the client asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Arguments to append to the server's.
    pub argv: Vec<Vec<u8>>,
    /// `NAME=VALUE` strings.
    pub env: Vec<Vec<u8>>,
}

/// Why a message is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It doesn't begin with the banner.
    Banner,
    /// More arguments or variables than [`STRINGS_MAX`].
    TooMany,
    /// Numbers and lengths don't match the content.
    Damage,
    /// A variable without `=`.
    Variable,
}

fn joined(words: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for word in words {
        if word.contains(&0) {
            return None;
        }
        out.extend_from_slice(word);
        out.push(0);
    }
    Some(out)
}

/// `count` strings, each with a NUL after it.
fn split(bytes: &[u8], count: usize) -> Option<Vec<Vec<u8>>> {
    // Counted first: the strings of a message of NULs alone would take many times its length in memory.
    if bytes.iter().filter(|b| **b == 0).count() != count {
        return None;
    }
    let mut words: Vec<_> = bytes.split(|b| *b == 0).map(<[u8]>::to_vec).collect();
    // What follows the last NUL.
    words.pop().is_some_and(|rest| rest.is_empty()).then_some(words)
}

impl Request {
    /// The content of the message; `None` if a string has a NUL byte, or a limit is exceeded.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let (argv, env) = (joined(&self.argv)?, joined(&self.env)?);
        let mut out = CLIENT_BANNER.to_vec();
        for number in [self.argv.len(), self.env.len(), argv.len(), env.len()] {
            out.extend(u32::try_from(number).ok()?.to_be_bytes());
        }
        out.extend(argv);
        out.extend(env);
        (out.len() <= REQUEST_MAX && self.argv.len() <= STRINGS_MAX && self.env.len() <= STRINGS_MAX)
            .then_some(out)
    }

    /// From the content of a message.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut rest = bytes.strip_prefix(CLIENT_BANNER).ok_or(Flaw::Banner)?;
        let mut numbers = [0_usize; 4];
        for slot in &mut numbers {
            let (number, after) = rest.split_first_chunk::<4>().ok_or(Flaw::Damage)?;
            *slot = usize::try_from(u32::from_be_bytes(*number)).map_err(|_| Flaw::Damage)?;
            rest = after;
        }
        let [argc, envc, arg_length, env_length] = numbers;
        if argc > STRINGS_MAX || envc > STRINGS_MAX {
            return Err(Flaw::TooMany);
        }
        let (argv, env) = rest.split_at_checked(arg_length).ok_or(Flaw::Damage)?;
        if env.len() != env_length {
            return Err(Flaw::Damage);
        }
        let argv = split(argv, argc).ok_or(Flaw::Damage)?;
        let env = split(env, envc).ok_or(Flaw::Damage)?;
        if !env.iter().all(|var| var.contains(&b'=')) {
            return Err(Flaw::Variable);
        }
        Ok(Self { argv, env })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<Vec<u8>> {
        words.iter().map(|w| w.as_bytes().to_vec()).collect()
    }

    #[test]
    fn requests_have_known_bytes() {
        let request = Request { argv: words(&["a", ""]), env: words(&["X=1"]) };
        let bytes = request.encode().unwrap();
        assert_eq!(bytes, b"s6-sudo a v1.0\n\0\0\0\x02\0\0\0\x01\0\0\0\x03\0\0\0\x04a\0\0X=1\0");
        assert_eq!(Request::decode(&bytes), Ok(request));
        for at in 0..bytes.len() {
            assert!(Request::decode(&bytes[..at]).is_err());
        }
        let nothing = Request::default();
        assert_eq!(Request::decode(&nothing.encode().unwrap()), Ok(nothing));
    }

    #[test]
    fn hostile_requests_are_refused() {
        let with = |rest: &[u8]| Request::decode(&[CLIENT_BANNER, rest].concat());
        assert_eq!(Request::decode(b"s6-sudo a v2.0\n"), Err(Flaw::Banner));
        assert_eq!(with(&[0xff; 16]), Err(Flaw::TooMany));
        assert_eq!(with(b"\0\0\0\x01\0\0\0\0\xff\xff\xff\xff\0\0\0\0a\0"), Err(Flaw::Damage));
        assert_eq!(with(b"\0\0\0\x02\0\0\0\0\0\0\0\x02\0\0\0\0a\0"), Err(Flaw::Damage));
        assert_eq!(with(b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02a\0"), Err(Flaw::Variable));
        assert_eq!(Request { argv: words(&["a\0b"]), env: Vec::new() }.encode(), None);
    }

    #[test]
    fn limits() {
        assert_eq!((STRINGS_MAX, REQUEST_MAX), (131_072, 6_291_456));
        let argv = |count: usize| Request { argv: vec![Vec::new(); count], env: Vec::new() };
        let env = |count: usize| Request { argv: Vec::new(), env: vec![b"=".to_vec(); count] };
        for of in [argv, env] {
            let bytes = of(STRINGS_MAX).encode().unwrap();
            assert_eq!(Request::decode(&bytes), Ok(of(STRINGS_MAX)));
            assert_eq!(of(STRINGS_MAX + 1).encode(), None);
        }
        // The banner, four numbers and a NUL come to 32 bytes.
        let long = |length: usize| Request { argv: vec![vec![b'a'; length]], env: Vec::new() }.encode();
        assert_eq!(long(REQUEST_MAX - 32).map(|bytes| bytes.len()), Some(REQUEST_MAX));
        assert_eq!(long(REQUEST_MAX - 31), None);
        let mut header = CLIENT_BANNER.to_vec();
        header.extend([0, 2, 0, 1].iter().chain(&[0; 12]));
        assert_eq!(Request::decode(&header), Err(Flaw::TooMany), "131,073 arguments");
        header[CLIENT_BANNER.len() + 3] = 0;
        assert_eq!(Request::decode(&header), Err(Flaw::Damage), "131,072 arguments, but no bytes");
    }
}
