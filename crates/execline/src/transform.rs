//! What happens to a value before it is substituted: crunch, chomp, split, in that order.

use wire::netstring;

/// Which transformations a value goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transform {
    /// Of several delimiters in a row only the first stays.
    pub crunch: bool,
    /// A delimiter at the very end goes; when splitting, a last word without a delimiter goes instead.
    pub chomp: bool,
    /// Each delimiter ends a word; otherwise the value is one word.
    pub split: bool,
    /// The bytes that are delimiters.  If there are none, a value that is split must be a sequence of netstrings.
    pub delimiters: Vec<u8>,
}

impl Default for Transform {
    /// The value as it is; delimiters are space, newline, carriage return and tab.
    fn default() -> Self {
        Self { crunch: false, chomp: false, split: false, delimiters: b" \n\r\t".to_vec() }
    }
}

impl Transform {
    /// The words that `value` stands for; `None` if it should be netstrings and is not.
    #[must_use]
    pub fn apply(&self, mut value: Vec<u8>) -> Option<Vec<Vec<u8>>> {
        let delimits = |b: &u8| self.delimiters.contains(b);
        if self.crunch {
            let mut after_delimiter = false;
            value.retain(|b| {
                let stays = !(after_delimiter && delimits(b));
                after_delimiter = delimits(b);
                stays
            });
        }
        let mut chomped = false;
        if self.chomp && value.last().is_some_and(delimits) {
            value.pop();
            chomped = true;
        }
        if !self.split {
            return Some(vec![value]);
        }
        if self.delimiters.is_empty() {
            return netstring::decode_all(&value)
                .map(|words| words.into_iter().map(<[u8]>::to_vec).collect());
        }
        let mut words: Vec<Vec<u8>> = value.split(delimits).map(<[u8]>::to_vec).collect();
        // What follows the last delimiter is a word only if it is something.
        if let Some(last) = words.pop().filter(|last| !last.is_empty() && (chomped || !self.chomp)) {
            words.push(last);
        }
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(letters: &str, delimiters: &str, value: &str) -> Option<Vec<String>> {
        let has = |c| letters.contains(c);
        let t = Transform {
            crunch: has('C'),
            chomp: has('n'),
            split: has('s'),
            delimiters: delimiters.as_bytes().to_vec(),
        };
        Some(t.apply(value.into())?.into_iter().map(|w| String::from_utf8(w).unwrap()).collect())
    }

    fn words(letters: &str, value: &str) -> Vec<String> {
        apply(letters, " ", value).unwrap()
    }

    #[test]
    fn as_it_is() {
        assert_eq!(words("", " a  b "), [" a  b "]);
        assert_eq!(words("", ""), [""]);
    }

    #[test]
    fn crunching_keeps_the_first() {
        assert_eq!(apply("C", " \n", "\n a \n\n b  ").unwrap(), ["\na b "]);
        assert_eq!(apply("C", "", "a  b").unwrap(), ["a  b"]);
    }

    #[test]
    fn chomping_takes_one() {
        assert_eq!(words("n", "a  "), ["a "]);
        assert_eq!(words("Cn", "a  "), ["a"]);
        assert_eq!(words("n", "a"), ["a"]);
    }

    #[test]
    fn splitting() {
        assert_eq!(words("s", "a b"), ["a", "b"]);
        assert_eq!(words("s", "  a  b "), ["", "", "a", "", "b"]);
        assert_eq!(words("s", ""), [""; 0]);
        assert_eq!(words("s", " "), [""]);
    }

    #[test]
    fn chomping_drops_an_unterminated_word() {
        assert_eq!(words("sn", "a b"), ["a"]);
        assert_eq!(words("sn", "a b "), ["a", "b"]);
        assert_eq!(words("sn", "a  "), ["a"]);
        assert_eq!(words("sn", "a"), [""; 0]);
    }

    #[test]
    fn netstrings() {
        assert_eq!(apply("s", "", "1:a,2:bb,0:,").unwrap(), ["a", "bb", ""]);
        assert_eq!(apply("s", "", "").unwrap(), [""; 0]);
        assert_eq!(apply("s", "", "1:a"), None);
    }
}
