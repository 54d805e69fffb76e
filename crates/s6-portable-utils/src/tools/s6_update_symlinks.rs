//! `s6-update-symlinks`: merges several trees into one tree of symbolic links.
//!
//! For a name in several sources, the last source wins; directories of the same name are merged, and what comes from
//! one source only is a single link.  The new tree replaces the old one atomically.

use files::{exchange, names_at, remove_tree, unique_name};
use rustix::fs::{CWD, FileType, Mode};
use rustix::io::Errno;
use sys::fs::{mkdir, symlink};
use tool::path::join;
use tool::sorted::Map;
use tool::{Call, Fatal, Next, OrUnable, Outcome, Role, Tool, diag};

pub static TOOL: Tool = Tool {
    name: "s6-update-symlinks",
    summary: "merge several trees into one tree of links",
    operands: "destination source...",
    options: &[],
    role: Role::Stay,
    main,
};

type Path = Vec<u8>;

/// An entry of the new tree.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Link(Path),
    Dir(Map<Vec<u8>, Node>),
}

/// Lists a directory; `None` for anything else.
type List<'a> = &'a mut dyn FnMut(&[u8]) -> Result<Option<Vec<Vec<u8>>>, Fatal>;

/// The limit of nested directories, which ends cycles of links.
const MAX_DEPTH: usize = 200;

fn main(call: &mut Call) -> Outcome {
    call.options()?;
    let mut destination = call.shift()?;
    let sources = call.take_args();
    if sources.is_empty() || !sources.iter().chain([&destination]).all(|p| p.starts_with(b"/")) {
        return Err(Fatal::usage());
    }
    while destination.ends_with(b"/") {
        destination.pop();
    }
    if destination.is_empty() {
        return Err(Fatal::user("the root directory can't be replaced"));
    }
    let mut tree = None;
    for source in &sources {
        tree = Some(add(tree, source, &mut list, 0)?);
    }
    let new = unique_name(&destination);
    if let Some(tree) = tree {
        let made = make(&new, &tree).or_unable_to("make", &new);
        made.and_then(|()| put(&new, &destination)).inspect_err(|_| {
            let _ = remove_tree(CWD, &new);
        })?;
    }
    Ok(Next::SUCCESS)
}

fn list(path: &[u8]) -> Result<Option<Vec<Vec<u8>>>, Fatal> {
    let st = sys::fs::stat(path).or_unable_to("stat", path);
    if !FileType::from_raw_mode(st?.st_mode).is_dir() {
        return Ok(None);
    }
    names_at(CWD, path).map(Some).or_unable_to("list", path)
}

/// Merges a source into the result of the previous sources.
fn add(node: Option<Node>, source: &[u8], list: List<'_>, depth: usize) -> Result<Node, Fatal> {
    let link = || Node::Link(source.to_vec());
    let Some(node) = node else { return Ok(link()) };
    if depth > MAX_DEPTH {
        return Err(Fatal::unable(format_args!("follow {}", diag::show(source)), Errno::LOOP));
    }
    let new_names = match (list(source), &node) {
        // A dangling link counts as a file.
        (Err(_), Node::Link(_)) if depth > 0 => return Ok(link()),
        (Ok(None), Node::Link(old)) if !matches!(list(old), Ok(Some(_))) => return Ok(link()),
        (Ok(None), _) => {
            let text = "is a directory in some sources, and none in this one";
            return Err(Fatal::user(format_args!("conflict: {} {text}", diag::show(source))));
        }
        (Err(e), _) => return Err(e),
        (Ok(Some(names)), _) => names,
    };
    let mut children = match node {
        Node::Dir(children) => children,
        Node::Link(old) => match list(&old) {
            Ok(Some(names)) => {
                let mut children = Map::new();
                for name in names {
                    let child = Node::Link(join(&old, &name));
                    children.set(name, child);
                }
                if new_names.is_empty() {
                    return Ok(Node::Link(old));
                }
                children
            }
            _ => return Ok(link()),
        },
    };
    for name in new_names {
        let path = join(source, &name);
        let old = children.remove(&name);
        children.set(name, add(old, &path, list, depth + 1)?);
    }
    // If this source overrides everything, one link to it is enough.
    let is_overridden = children.iter().all(|(name, child)| *child == Node::Link(join(source, name)));
    Ok(if is_overridden { link() } else { Node::Dir(children) })
}

fn make(path: &[u8], node: &Node) -> Result<(), Errno> {
    match node {
        Node::Link(to) => symlink(to.as_slice(), path),
        Node::Dir(children) => {
            mkdir(path, Mode::from_raw_mode(0o777))?;
            children.iter().try_for_each(|(name, child)| make(&join(path, name), child))
        }
    }
}

/// Puts the new tree in the place of the old one, and removes that.
fn put(new: &[u8], destination: &[u8]) -> Result<(), Fatal> {
    let unable = || format!("rename {} to {}", diag::show(new), diag::show(destination));
    match exchange(CWD, new, destination).or_unable(unable)? {
        Some(old) => remove_tree(CWD, &old).or_unable_to("remove", &old),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directories with their names; everything else is a file.
    fn tree(dirs: &[(&str, &[&str])], sources: &[&str]) -> Result<String, u8> {
        let mut list = |path: &[u8]| {
            let found = dirs.iter().find(|(dir, _)| dir.as_bytes() == path);
            Ok(found.map(|(_, names)| names.iter().map(|n| n.as_bytes().to_vec()).collect()))
        };
        let mut node = None;
        for source in sources {
            node = Some(add(node, source.as_bytes(), &mut list, 0).map_err(|e| e.code())?);
        }
        Ok(show(&node.unwrap()))
    }

    fn show(node: &Node) -> String {
        match node {
            Node::Link(to) => diag::shown(to),
            Node::Dir(children) => {
                let parts: Vec<_> =
                    children.iter().map(|(n, c)| format!("{}={}", diag::show(n), show(c))).collect();
                format!("{{{}}}", parts.join(" "))
            }
        }
    }

    #[test]
    fn the_last_source_wins() {
        let dirs: &[(&str, &[&str])] =
            &[("/1", &["a", "b"]), ("/2", &["a"]), ("/3", &["a", "b"]), ("/4", &[])];
        assert_eq!(tree(dirs, &["/1", "/2"]).unwrap(), "{a=/2/a b=/1/b}");
        assert_eq!(tree(dirs, &["/1", "/3"]).unwrap(), "/3");
        assert_eq!(tree(dirs, &["/1", "/4"]).unwrap(), "/1");
        assert_eq!(tree(dirs, &["/4", "/1"]).unwrap(), "/1");
        assert_eq!(tree(dirs, &["/1"]).unwrap(), "/1");
    }

    #[test]
    fn directories_are_merged_only_where_needed() {
        let dirs: &[(&str, &[&str])] =
            &[("/1", &["x", "y"]), ("/2", &["x"]), ("/1/x", &["p"]), ("/1/y", &["q"]), ("/2/x", &["r"])];
        assert_eq!(tree(dirs, &["/1", "/2"]).unwrap(), "{x={p=/1/x/p r=/2/x/r} y=/1/y}");
    }

    #[test]
    fn a_directory_conflicts_with_a_file_after_it() {
        let dirs: &[(&str, &[&str])] =
            &[("/1", &["x"]), ("/2", &["x"]), ("/3", &["x"]), ("/1/x", &["p"]), ("/2/x", &["r"])];
        assert_eq!(tree(dirs, &["/1", "/2", "/3"]), Err(100));
        assert_eq!(tree(dirs, &["/1", "/3"]), Err(100));
        assert_eq!(tree(dirs, &["/3", "/1"]).unwrap(), "/1", "a file gives way");
    }
}
