//! `s6-usertree-maker`: makes the service of a supervision tree that belongs to a user.

use crate::maker;
use tool::quote;
use tool::{Call, Fatal, Next, Opt, Outcome, Role, Tool};

pub static TOOL: Tool = Tool {
    name: "s6-usertree-maker",
    summary: "make the service of a user's own supervision tree",
    operands: "user logdir dir",
    options: &[
        Opt::value('d', "userscandir", "the tree's scan directory; ${HOME}/service by default"),
        Opt::value('p', "path", "the tree's PATH; /command:/usr/bin:/bin by default"),
        Opt::value('E', "envdir", "add the variables of this directory to the tree's environment"),
        Opt::value('e', "var", "substitute in this variable of the directory; repeatable"),
        maker::RC,
        maker::LOGGER_USER,
        maker::STAMPS,
        maker::FILES,
        maker::FILE_SIZE,
        maker::TOTAL_SIZE,
        maker::PREFIX,
    ],
    role: Role::Stay,
    main,
};

/// What is substituted in the scan directory, in PATH, and in the variables of `-e`.
const IDENTITY: [&str; 5] = ["USER", "HOME", "UID", "GID", "GIDLIST"];

fn main(call: &mut Call) -> Outcome {
    let options = call.options()?;
    let rc = options.get('r').map(maker::parse_rc).transpose()?;
    let (user, log, dir) = (call.shift()?, call.shift()?, call.shift()?);
    let logger = maker::logger(&options, Some(&log))?;
    if rc.as_ref().is_some_and(|rc| rc.logger.is_none()) {
        return Err(Fatal::user(
            "-r wants service/logger or service/logger/pipeline: the tree is always logged",
        ));
    }
    let scandir = options.get('d').unwrap_or(b"${HOME}/service");
    if !scandir.starts_with(b"/") && !scandir.starts_with(b"${HOME}/") {
        return Err(Fatal::user("userscandir must be absolute, or begin with ${HOME}/"));
    }
    let tree = Tree {
        user: &user,
        scandir,
        path: options.get('p').unwrap_or(tool::DEFAULT_PATH),
        envdir: options.get('E'),
        substituted: options.iter().filter(|(letter, _)| *letter == 'e').map(|(_, name)| name).collect(),
    };
    if tree.substituted.iter().any(|name| name.is_empty() || name.contains(&b'=')) {
        return Err(Fatal::user("-e wants the name of a variable"));
    }
    let script = tree.script();
    maker::make(&dir, rc.as_ref(), logger.as_ref(), |dir, is_source| {
        maker::write_run(dir, &script, is_source)
    })?;
    Ok(Next::SUCCESS)
}

struct Tree<'a> {
    user: &'a [u8],
    scandir: &'a [u8],
    path: &'a [u8],
    envdir: Option<&'a [u8]>,
    substituted: Vec<&'a [u8]>,
}

impl Tree<'_> {
    /// The `run` script.  Of the parent's environment the user's tree gets only PATH, which is replaced.  The variables of
    /// `-e` become words of the rest of the script, in which the identity is then substituted.
    fn script(&self) -> Vec<u8> {
        let user = quote(self.user);
        let mut lines: Vec<Vec<u8>> = vec![
            b"#!/command/execlineb -P".to_vec(),
            b"fdmove -c 2 1".to_vec(),
            b"emptyenv -p".to_vec(),
            [b"export USER ", user.as_slice()].concat(),
            [b"backtick -i -n HOME { homeof ", user.as_slice(), b" }"].concat(),
            [b"s6-envuidgid -i -- ", user.as_slice()].concat(),
            b"s6-applyuidgid -U".to_vec(),
        ];
        if let Some(envdir) = self.envdir {
            lines.push([b"s6-envdir -i -- ", quote(envdir).as_slice()].concat());
            if !self.substituted.is_empty() {
                let imports = self.substituted.iter().map(|name| {
                    let name = quote(name);
                    [b" importas -D \"\" -- ", name.as_slice(), b" ", name.as_slice()].concat()
                });
                lines.push(
                    [b"multisubstitute {", imports.collect::<Vec<_>>().concat().as_slice(), b" }"].concat(),
                );
            }
        }
        let imports: String = IDENTITY.iter().map(|name| format!(" importas -i {name} {name}")).collect();
        lines.push(format!("multisubstitute {{{imports} }}").into_bytes());
        if self.envdir.is_some() {
            for name in &self.substituted {
                let value = quote(&[b"${", *name, b"}"].concat());
                lines.push([b"export ", quote(name).as_slice(), b" ", value.as_slice()].concat());
            }
        }
        lines.push([b"export PATH ", quote(self.path).as_slice()].concat());
        lines.push([b"s6-svscan -d 3 -- ", quote(self.scandir).as_slice()].concat());
        let mut script = lines.join(&b'\n');
        script.push(b'\n');
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_substituted_before_the_identity() {
        let tree = Tree {
            user: b"joe",
            scandir: b"/run/user/${UID}",
            path: b"/bin",
            envdir: Some(b"/etc/env"),
            substituted: vec![b"XDG"],
        };
        let script = String::from_utf8(tree.script()).unwrap();
        let at = |part: &str| script.find(part).unwrap_or_else(|| panic!("{part} is missing in {script}"));
        assert!(at("s6-applyuidgid") < at("s6-envdir"), "the directory is read as the user");
        assert!(at("importas -D \"\" -- \"XDG\" \"XDG\"") < at("importas -i HOME HOME"));
        assert!(at("importas -i GIDLIST GIDLIST") < at("export \"XDG\" \"${XDG}\""));
        assert!(script.ends_with("export PATH \"/bin\"\ns6-svscan -d 3 -- \"/run/user/${UID}\"\n"));
    }
}
