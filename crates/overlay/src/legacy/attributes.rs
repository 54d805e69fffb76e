//! Lines of fix-attrs.d: which owner and modes a path is to have.
//!
//! `path recurse account fmode dmode`, separated by blanks.  The path may be a pattern; recurse is `true` or
//! anything else; the account is `user`, or `user:group` where either may be a number, and after a comma a
//! `uid:gid` to fall back to; the modes are octal, for files and for folders.  Empty lines and lines that begin
//! with `#` say nothing.

use wire::number;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Path or pattern.
    pub path: Vec<u8>,
    /// Whether everything in a folder is concerned.
    pub recurse: bool,
    /// The owner.
    pub account: Account,
    /// Mode of files.
    pub file_mode: u32,
    /// Mode of folders.
    pub folder_mode: u32,
}

/// Who shall own it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    user: Vec<u8>,
    group: Option<Vec<u8>>,
    fallback: Option<(u32, u32)>,
}

/// What the account files say.
pub trait Accounts {
    /// User id and primary group id of a user name.
    fn user(&self, name: &[u8]) -> Option<(u32, u32)>;
    /// Group id of a group name.
    fn group(&self, name: &[u8]) -> Option<u32>;
}

/// The rules of a file, each with its line number from 1; or what is wrong with the line.
pub fn parse(text: &[u8]) -> Vec<(usize, Result<Rule, &'static str>)> {
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
    /// User id and group id; `None` if a name is unknown and there is no fallback.
    pub fn resolve(&self, accounts: &impl Accounts) -> Option<(u32, u32)> {
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
    fn the_documented_accounts() {
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
    fn lines() {
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
