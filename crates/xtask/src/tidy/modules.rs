//! Which file of a crate uses which: the graph that a reader walks.
//!
//! A file uses another one if it imports from it or names it in a path (`use crate::a::B`, `super::f()`, `a::B` for a
//! module of its own).  What a module only passes on (`use a::B`, `pub use a::B`) belongs to the module that it comes
//! from: a file that names it uses `a`, and passing it on isn't using it.  Neither is declaring a module, nor listing a
//! tool in its crate's table (`&a::TOOL`).  Tests don't count.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;
use super::tokens::{Token, tokens, without_tests};

/// A module by the names from the crate's root, `[]` for the root itself.
type Module = Vec<String>;

/// The files that each file of a crate uses, by path.
pub type Uses<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// What is written in a file.
struct Written {
    /// Paths in its code, from the crate's root, without those of imports.
    paths: Vec<Vec<String>>,
    imports: Vec<Import>,
}

/// A name that an import brings into a module.
struct Import {
    name: String,
    /// From the crate's root; `None` for what comes from another crate.
    path: Option<Vec<String>>,
    /// The file itself needs the name: it isn't only passed on.
    is_needed: bool,
}

/// The graph of the crate whose sources are in `folder`, such as `crates/s6/src/`.
pub fn uses<'a>(sources: &'a [Source], folder: &str) -> Uses<'a> {
    let files: BTreeMap<Module, &Source> = sources
        .iter()
        .filter_map(|s| Some((module(s.path.strip_prefix(folder)?.strip_suffix(".rs")?)?, s)))
        .collect();
    let written: BTreeMap<&Module, Written> =
        files.iter().map(|(module, source)| (module, read(module, &source.text))).collect();
    files
        .iter()
        .map(|(module, source)| {
            let Written { paths, imports } = &written[module];
            let needed =
                imports.iter().filter(|import| import.is_needed).filter_map(|import| import.path.as_ref());
            let mut used: BTreeSet<&str> = paths
                .iter()
                .chain(needed)
                .filter_map(|path| Some(files[&home(path, &written, 8)?].path.as_str()))
                .collect();
            used.remove(source.path.as_str());
            (source.path.as_str(), used)
        })
        .collect()
}

/// The module of a file's path below the sources; `None` for tests.
fn module(path: &str) -> Option<Module> {
    let mut names: Module = path.split('/').map(str::to_owned).collect();
    if names.len() == 1 && matches!(path, "lib" | "main") {
        names.clear();
    }
    let is_test = names.iter().any(|name| name == "tests" || name.ends_with("_tests"));
    (!is_test).then_some(names)
}

/// The module where the item of `path` comes from: imports are followed, `depth` of them at most.
fn home(path: &[String], written: &BTreeMap<&Module, Written>, depth: usize) -> Option<Module> {
    let length = (0..=path.len()).rev().find(|n| written.contains_key(&path[..*n].to_vec()))?;
    let (module, item) = path.split_at(length);
    let module = module.to_vec();
    let import = item.first().and_then(|name| written[&module].imports.iter().find(|i| i.name == *name));
    match import {
        Some(import) if depth > 0 => {
            let target = [import.path.as_deref()?, &item[1..]].concat();
            home(&target, written, depth - 1)
        }
        _ => Some(module),
    }
}

/// What the code of `module` imports and names.
fn read(module: &Module, text: &str) -> Written {
    let tokens = without_tests(&tokens(text));
    let text = |at: usize| tokens.get(at).map_or("", |t| t.text.as_str());
    let children: BTreeSet<&str> = (0..tokens.len())
        .filter(|at| text(*at) == "mod" && text(at + 2) == ";")
        .map(|at| text(at + 1))
        .collect();
    let mut reader = Reader { here: module.clone(), children, paths: Vec::new(), imports: Vec::new() };
    let mut named = BTreeSet::new();
    // Where the bodies of inline modules end: `super` means this file there.
    let mut depth = 0_usize;
    let mut inline = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match text(at) {
            "use" => {
                let end = tokens[at..].iter().position(|t| t.text == ";").map_or(tokens.len(), |n| at + n);
                reader.tree(&tokens[at + 1..end], &[]);
                at = end;
            }
            "mod" if text(at + 2) == "{" => {
                reader.here.push(text(at + 1).to_owned());
                inline.push(depth);
                depth += 1;
                at += 2;
            }
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if inline.pop_if(|outer| *outer == depth).is_some() {
                    reader.here.pop();
                }
            }
            word => {
                let follows = at > 0 && matches!(text(at - 1), "::" | ".");
                if text(at + 1) == "::" && !follows {
                    let segments = segments(&tokens[at..]);
                    let is_entry = segments.len() == 2 && segments[1] == "TOOL";
                    if let Some(path) = reader.rooted(&segments).filter(|_| !is_entry) {
                        reader.paths.push(path);
                    }
                }
                if text(at.wrapping_sub(1)) != "." {
                    named.insert(word);
                }
            }
        }
        at += 1;
    }
    let Reader { paths, mut imports, .. } = reader;
    for import in &mut imports {
        import.is_needed = import.name == "*" || named.contains(import.name.as_str());
    }
    Written { paths, imports }
}

/// The names of the path at the start.
fn segments(tokens: &[Token]) -> Vec<String> {
    let names = tokens.iter().step_by(2).zip(tokens.iter().skip(1).step_by(2));
    let mut segments: Vec<String> =
        names.take_while(|(_, sign)| sign.text == "::").map(|(name, _)| name.text.clone()).collect();
    let last = tokens.get(2 * segments.len());
    segments.extend(
        last.filter(|t| t.text.starts_with(|c: char| c == '_' || c.is_alphabetic())).map(|t| t.text.clone()),
    );
    segments
}

/// Takes a module's imports and paths up.
struct Reader<'t> {
    here: Module,
    children: BTreeSet<&'t str>,
    paths: Vec<Vec<String>>,
    imports: Vec<Import>,
}

impl Reader<'_> {
    /// A path of this module from the crate's root; `None` if it leads to another crate or to a name in scope.
    fn rooted(&self, segments: &[String]) -> Option<Vec<String>> {
        let (first, mut rest) = segments.split_first()?;
        let mut base = self.here.clone();
        match first.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => {
                base.pop()?;
                while let Some((_, after)) = rest.split_first().filter(|(name, _)| *name == "super") {
                    base.pop()?;
                    rest = after;
                }
            }
            child if self.children.contains(child) => base.push(child.to_owned()),
            _ => return None,
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// A tree of names after `use`, below `prefix`.
    fn tree(&mut self, tokens: &[Token], prefix: &[String]) {
        let mut path = prefix.to_vec();
        for (at, token) in tokens.iter().enumerate() {
            match token.text.as_str() {
                "::" => {}
                "{" => {
                    let inner = tokens.get(at + 1..tokens.len().saturating_sub(1)).unwrap_or_default();
                    return branches(inner).for_each(|branch| self.tree(branch, &path));
                }
                "as" => {
                    let name = tokens.get(at + 1).map_or("_", |t| t.text.as_str());
                    return self.import(name, &path);
                }
                "self" if !path.is_empty() => {}
                name => path.push(name.to_owned()),
            }
        }
        if let Some(name) = path.last().cloned() {
            self.import(&name, &path);
        }
    }

    fn import(&mut self, name: &str, path: &[String]) {
        let path = self.rooted(path).map(|path| path.into_iter().filter(|name| name != "*").collect());
        self.imports.push(Import { name: name.to_owned(), path, is_needed: true });
    }
}

/// The parts of a group of names, which commas separate.
fn branches(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let mut depth = 0_usize;
    tokens
        .split(move |token| {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.text == ","
        })
        .filter(|branch| !branch.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(files: &[(&str, &str)], by: &str) -> String {
        let source = |(name, text): &(&str, &str)| Source {
            path: format!("crates/x/src/{name}.rs"),
            text: (*text).into(),
        };
        let sources: Vec<Source> = files.iter().map(source).collect();
        let uses = uses(&sources, "crates/x/src/");
        let used = &uses[format!("crates/x/src/{by}.rs").as_str()];
        let names = used.iter().map(|path| &path["crates/x/src/".len()..path.len() - ".rs".len()]);
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn imports_and_paths_are_uses() {
        let files = [
            ("lib", "mod a;\nmod b;\nmod c;\npub fn f() {}\n"),
            (
                "a",
                "mod d;\nuse crate::{b::{self, X}, c as e};\nuse std::fs;\nfn f() { b::g(X, e::Y); fs::read() }\n",
            ),
            ("a/d", "fn f() { super::super::b::g(); crate::f(); }\n"),
            ("b", "use super::c::*;\n#[cfg(test)]\nmod tests { use crate::a::f; }\n"),
            ("c", "fn f(x: u8) { x.a::<u8>(); other::crate_name(); }\n"),
        ];
        assert_eq!(used(&files, "a"), "b c");
        assert_eq!(used(&files, "a/d"), "b lib");
        assert_eq!(used(&files, "b"), "c");
        assert_eq!(used(&files, "c"), "");
        assert_eq!(used(&files, "lib"), "");
    }

    #[test]
    fn what_is_passed_on_belongs_to_its_module() {
        let files = [
            (
                "lib",
                "mod a;\nmod b;\npub use a::{A, make as create};\nuse std::fmt;\npub use b::B;\nfn f(_: B) {}\n",
            ),
            ("a", "pub struct A;\n"),
            ("b", "use crate::A;\nuse super::fmt;\nfn f(_: A) -> fmt::Result { crate::create() }\n"),
        ];
        assert_eq!(used(&files, "lib"), "b");
        assert_eq!(used(&files, "b"), "a");
    }

    #[test]
    fn a_table_of_tools_uses_none() {
        let files = [
            ("tools", "mod a;\nmod b;\nstatic TOOLS: &[&Tool] = &[&a::TOOL];\nfn f() { b::g(); }\n"),
            ("tools/a", ""),
            ("tools/b", ""),
        ];
        assert_eq!(used(&files, "tools"), "tools/b");
    }

    #[test]
    fn in_a_module_of_the_file_super_is_the_file() {
        let files = [
            ("lib", ""),
            ("a", "mod m { fn f() { super::g(); super::super::h(); } }\nfn f() { super::i() }\n"),
        ];
        assert_eq!(used(&files, "a"), "lib");
    }
}
