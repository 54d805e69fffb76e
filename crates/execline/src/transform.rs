//! Transforms a value before it is substituted: crunch, chomp, split, in that order.

use wire::netstring;

/// The transformations of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transform {
    /// Collapses a run of delimiters into its first.
    pub crunch: bool,
    /// Removes a delimiter at the end; when splitting, drops a last word that no delimiter ends.
    pub chomp: bool,
    /// Splits the value into words, each ended by a delimiter; otherwise the value is one word.
    pub split: bool,
    /// The delimiters.  If empty, a value that is split must be a sequence of netstrings.
    pub delimiters: Vec<u8>,
}

impl Default for Transform {
    /// The identity; delimiters are space, newline, carriage return and tab.
    fn default() -> Self {
        Self { crunch: false, chomp: false, split: false, delimiters: b" \n\r\t".to_vec() }
    }
}

impl Transform {
    /// The words of `value`; `None` if it should be netstrings and isn't.
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
        // What follows the last delimiter is a word only if it isn't empty.
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
    fn the_default_changes_nothing() {
        assert_eq!(Transform::default().apply(b" a\t".to_vec()).unwrap(), [b" a\t"]);
        assert_eq!(Transform::default().delimiters, b" \n\r\t");
        assert_eq!(words("", " a  b "), [" a  b "]);
        assert_eq!(words("", ""), [""]);
    }

    #[test]
    fn crunching_keeps_the_first_of_a_run() {
        assert_eq!(apply("C", " \n", "\n a \n\n b  ").unwrap(), ["\na b "]);
        assert_eq!(apply("C", "", "a  b").unwrap(), ["a  b"]);
    }

    #[test]
    fn chomping_removes_one_delimiter() {
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
