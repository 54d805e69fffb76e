//! The lines of fix-attrs.d: owner and modes of a path.
//!
//! A line is `path recurse account fmode dmode`, separated by blanks.
//!
//! | field | what it is |
//! |---|---|
//! | path | a path or a pattern |
//! | recurse | `true`: everything below the path, too; anything else: only the path |
//! | account | `user`, or `user:group` where either may be a number; after a comma a `uid:gid` to fall back to |
//! | fmode, dmode | the modes of files and of folders, in octal |
//!
//! Empty lines and lines that begin with `#` are ignored.

use wire::number;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// The path or pattern.
    pub(crate) path: Vec<u8>,
    /// Whether everything below a folder is changed, too.
    pub(crate) recurse: bool,
    /// The owner.
    pub(crate) account: Account,
    /// The mode of files.
    pub(crate) file_mode: u32,
    /// The mode of folders.
    pub(crate) folder_mode: u32,
}

/// An owner as a line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    user: Vec<u8>,
    group: Option<Vec<u8>>,
    fallback: Option<(u32, u32)>,
}

/// The account files.
pub(crate) trait Accounts {
    /// The user id and primary group id of a user.
    fn user(&self, name: &[u8]) -> Option<(u32, u32)>;
    /// The id of a group.
    fn group(&self, name: &[u8]) -> Option<u32>;
}

/// Parses a file: for each line its number, from 1, and its rule or what is wrong with it.
pub(crate) fn parse(text: &[u8]) -> Vec<(usize, Result<Rule, &'static str>)> {
    let numbered = text.split(|b| *b == b'\n').zip(1..).map(|(l, i)| (i, l.trim_ascii()));
    let lines = numbered.filter(|(_, l)| !l.is_empty() && !l.starts_with(b"#"));
    lines.map(|(number, line)| (number, parse_line(line))).collect()
}

fn parse_line(line: &[u8]) -> Result<Rule, &'static str> {
    let mut fields = line.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty());
    let mut next = || fields.next().ok_or("five fields are needed: path recurse account fmode dmode");
    let (path, recurse, account, file_mode, folder_mode) = (next()?, next()?, next()?, next()?, next()?);
    let mode = |word| number::octal(word).filter(|m| *m <= 0o7777).ok_or("a mode isn't an octal number");
    Ok(Rule {
        path: path.to_vec(),
        recurse: recurse == b"true",
        account: parse_account(account)?,
        file_mode: mode(file_mode)?,
        folder_mode: mode(folder_mode)?,
    })
}

fn split_once(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |b| *b == at);
    (parts.next().unwrap_or_default(), parts.next())
}

fn parse_account(text: &[u8]) -> Result<Account, &'static str> {
    let (account, fallback) = split_once(text, b',');
    let fallback = match fallback {
        None => None,
        Some(ids) => {
            let (uid, gid) = split_once(ids, b':');
            let uid = number::decimal(uid).ok_or("the fallback after the comma isn't uid:gid")?;
            let gid = match gid {
                None => uid,
                Some(gid) => number::decimal(gid).ok_or("the fallback after the comma isn't uid:gid")?,
            };
            Some((uid, gid))
        }
    };
    let (user, group) = split_once(account, b':');
    Ok(Account { user: user.to_vec(), group: group.map(<[u8]>::to_vec), fallback })
}

impl Account {
    /// The user id and group id; `None` if a name is unknown and there is no fallback.
    pub(crate) fn resolve(&self, accounts: &impl Accounts) -> Option<(u32, u32)> {
        let Some(group) = &self.group else {
            return accounts.user(&self.user).or(self.fallback);
        };
        let uid = accounts.user(&self.user).map(|(uid, _)| uid).or_else(|| number::decimal(&self.user));
        let gid = accounts.group(group).or_else(|| number::decimal(group));
        Some((uid.or(self.fallback.map(|f| f.0))?, gid.or(self.fallback.map(|f| f.1))?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files;

    impl Accounts for Files {
        fn user(&self, name: &[u8]) -> Option<(u32, u32)> {
            (name == b"daemon").then_some((2, 2))
        }

        fn group(&self, name: &[u8]) -> Option<u32> {
            (name == b"daemon").then_some(2)
        }
    }

    fn ids(account: &str) -> Option<(u32, u32)> {
        parse_account(account.as_bytes()).unwrap().resolve(&Files)
    }

    #[test]
    fn accounts_resolve_as_documented() {
        for (account, expected) in [
            ("daemon", (2, 2)),
            ("daemon,3:4", (2, 2)),
            ("2:2,3:4", (2, 2)),
            ("daemon:11111,3:4", (2, 11111)),
            ("11111:daemon,3:4", (11111, 2)),
            ("daemon:daemon,3:4", (2, 2)),
            ("daemon:unexisting,3:4", (2, 4)),
            ("unexisting:daemon,3:4", (3, 2)),
            ("11111:11111,3:4", (11111, 11111)),
            ("nobody,32768:32768", (32768, 32768)),
        ] {
            assert_eq!(ids(account), Some(expected), "{account}");
        }
        assert_eq!(ids("unexisting"), None);
        assert_eq!(ids("unexisting:daemon"), None);
    }

    #[test]
    fn a_line_has_five_fields_and_octal_modes() {
        let text = b"# x\n#y\n\n  \n/d true daemon 0600 2700\n/f false daemon 0600\n/g yes daemon 8 0\n/h false a,b 0 0";
        let rules = parse(text);
        assert_eq!(
            rules.iter().map(|(n, r)| (*n, r.is_ok())).collect::<Vec<_>>(),
            [(5, true), (6, false), (7, false), (8, false)]
        );
        let rule = rules[0].1.clone().unwrap();
        assert!(rule.recurse);
        assert_eq!((rule.file_mode, rule.folder_mode), (0o600, 0o2700));
    }
}
