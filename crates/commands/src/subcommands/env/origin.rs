//! Pure: where the value of a variable comes from, and whether it may be shown.

use tool::Env;

/// Where values come from that the container has, too.
pub(super) const CONTAINER: &str = "container";

/// What a shell sets for the programs that it runs.
const SHELL: [&[u8]; 4] = [b"PWD", b"OLDPWD", b"SHLVL", b"_"];

/// Words in names of variables whose values are secrets.
const SECRETS: [&[u8]; 7] =
    [b"PASSWORD", b"PASSWD", b"PASSPHRASE", b"SECRET", b"TOKEN", b"CREDENTIAL", b"PRIVATE"];

/// Ends of parts of such names.
const SECRET_ENDS: [&[u8]; 3] = [b"KEY", b"PASS", b"PWD"];

/// Values that files have: the variable, the content, and what to call the file.
pub(super) type Files = Vec<(Vec<u8>, Vec<u8>, String)>;

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: Vec<u8>,
    /// `None` if only the container has it.
    pub(super) value: Option<Vec<u8>>,
    /// Where the value comes from, or why there is none.
    pub(super) from: String,
}

/// The variables of a process, and those that only the container has, by name.
pub(super) fn rows(seen: &Env, container: &Env, files: &Files) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (name, value) in seen.iter() {
        if rows.iter().any(|row| row.name == name) {
            continue;
        }
        let of_container = container.get(name);
        let from = if of_container == Some(value) {
            CONTAINER.to_owned()
        } else {
            let whence = whence(name, value, files);
            match of_container {
                Some(_) => format!("{whence}; the container has another value"),
                None => whence,
            }
        };
        rows.push(Row { name: name.to_vec(), value: Some(value.to_vec()), from });
    }
    for (name, _) in container.iter().filter(|(name, _)| seen.get(name).is_none()) {
        rows.push(Row { name: name.to_vec(), value: None, from: "only the container has it".to_owned() });
    }
    rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    rows
}

/// Where a value comes from that isn't the container's.
fn whence(name: &[u8], value: &[u8], files: &Files) -> String {
    let is_of = |content: &[u8]| content.strip_suffix(b"\n").unwrap_or(content) == value;
    match files.iter().find(|(of, content, _)| of == name && is_of(content)) {
        Some((_, _, from)) => from.clone(),
        None if SHELL.contains(&name) => "the shell".to_owned(),
        None => "run".to_owned(),
    }
}

/// Whether a variable's name says that its value is a secret; `NAME_FILE` holds a path.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let name = name.to_ascii_uppercase();
    let parts = || name.split(|b| matches!(b, b'_' | b'-' | b'.'));
    let has = |word: &[u8]| name.windows(word.len()).any(|part| part == word);
    let ends = |part: &[u8]| SECRET_ENDS.iter().any(|end| part.ends_with(end));
    !name.ends_with(b"_FILE")
        && name != b"PWD"
        && name != b"OLDPWD"
        && (SECRETS.iter().any(|word| has(word)) || parts().any(ends))
}

/// A value without the password of a URL in it, and whether there was one.
pub(super) fn masked(value: &[u8]) -> (Vec<u8>, bool) {
    let find = |text: &[u8], what: &[u8]| text.windows(what.len()).position(|part| part == what);
    let masked = || {
        let start = find(value, b"://")?.checked_add(3)?;
        let (head, rest) = value.split_at_checked(start)?;
        let host = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let at = rest.get(..host)?.iter().rposition(|b| *b == b'@')?;
        let colon = rest.get(..at)?.iter().position(|b| *b == b':')?;
        Some([head, rest.get(..=colon)?, b"***", rest.get(at..)?].concat())
    };
    masked().map_or_else(|| (value.to_vec(), false), |text| (text, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for name in [
            "DB_PASSWORD",
            "api_token",
            "AWS_SECRET_ACCESS_KEY",
            "APIKEY",
            "KEY",
            "MYSQL_PWD",
            "Passwd",
            "X-KEY",
        ] {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
        for name in ["PATH", "PWD", "OLDPWD", "KEYBOARD", "DB_PASSWORD_FILE", "HOME", "", "BYPASSES"] {
            assert!(!is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn passwords_in_urls_are_masked() {
        for (value, expected) in [
            ("postgres://u:p@host/db", "postgres://u:***@host/db"),
            ("http://u:p@q@host", "http://u:***@host"),
            ("http://u@host", "http://u@host"),
            ("http://host/a:b@c", "http://host/a:b@c"),
            ("://:@", "://:***@"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(masked(value.as_bytes()).0).unwrap(), expected);
        }
    }

    #[test]
    fn each_value_has_its_origin() {
        let env = |vars: &[&str]| Env::from_vars(vars.iter().map(|v| v.as_bytes().to_vec()).collect());
        let container = env(&["A=1", "B=1", "PATH=/bin", "ONLY=x", "S_FILE=/run/secrets/s"]);
        let seen = env(&[
            "A=1",
            "B=2",
            "PATH=/command:/bin",
            "S=secret",
            "E=e",
            "PWD=/",
            "X=x",
            "X=y",
            "S_FILE=/run/secrets/s",
        ]);
        let file = |name: &str, content: &str, from: &str| {
            (name.as_bytes().to_vec(), content.as_bytes().to_vec(), from.to_owned())
        };
        let files = vec![
            file("E", "e\n", "/run/service/web/env/E"),
            file("B", "3", "/run/service/web/env/B"),
            file("PATH", "/command:/bin\n", "/init"),
            file("S", "secret\n", "/run/secrets/s, by S_FILE"),
        ];
        let shown: Vec<String> = rows(&seen, &container, &files)
            .iter()
            .map(|row| {
                let value = row.value.as_deref().map(String::from_utf8_lossy);
                format!("{} {value:?}: {}", String::from_utf8_lossy(&row.name), row.from)
            })
            .collect();
        insta::assert_snapshot!(shown.join("\n"));
    }
}
