//! The repository's text, in memory.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use walkdir::{DirEntry, WalkDir};

use super::finding::Finding;
use super::source::Source;

/// Endings of the files that rules read.
const READ: &[&str] = &["rs", "md", "toml", "proto"];

/// The folder of the continuous integration, whose steps are shell.
const CI: &str = ".ci";

/// Folders that hold no text of ours: built files, and other folders whose name begins with a dot.
const SKIPPED: &[&str] = &["target", "node_modules", "corpus", "artifacts"];

/// All files that rules look at.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Text by path from the root, with `/`.
    pub(crate) files: BTreeMap<String, String>,
    /// The Rust files of members of the workspace that parse, by path.
    pub(crate) sources: Vec<Source>,
    /// The ones that do not.
    pub(crate) broken: Vec<Finding>,
}

impl Tree {
    /// Reads the repository at `root`.
    ///
    /// # Errors
    /// When a folder or file cannot be read.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        let walk = WalkDir::new(root).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(is_ours) {
            let entry = entry.context("cannot walk the repository")?;
            let path = entry.path();
            let known = path.extension().is_some_and(|ending| READ.iter().any(|read| ending == *read))
                || path.parent().is_some_and(|folder| folder == root.join(CI));
            if !entry.file_type().is_file() || !known {
                continue;
            }
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
            let relative = path.strip_prefix(root).unwrap_or(path);
            files.insert(relative.to_string_lossy().replace('\\', "/"), text);
        }
        Ok(Self::of(files))
    }

    /// A tree of these files.
    pub(crate) fn of(files: BTreeMap<String, String>) -> Self {
        let mut tree = Self::default();
        for (path, text) in &files {
            if !is_member_source(path) || text.starts_with("// @generated") {
                continue;
            }
            match Source::parse(path, text) {
                Ok(source) => tree.sources.push(source),
                Err(error) => {
                    let line = error.span().start().line;
                    let message = format!("this file does not parse: {error}");
                    tree.broken.push(Finding::failure(path, line, message));
                }
            }
        }
        tree.files = files;
        tree
    }

    /// The file at `path`, if there is one.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }
}

fn is_ours(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    let skipped = SKIPPED.iter().any(|skipped| name == *skipped);
    let hidden = name.starts_with('.') && name != CI;
    entry.depth() == 0 || !(hidden || (entry.file_type().is_dir() && skipped))
}

fn is_member_source(path: &str) -> bool {
    path.ends_with(".rs") && ["benches/", "crates/", "examples/", "xtask/"].iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
pub(super) mod fixture {
    //! Small trees for the tests of rules.

    use super::Tree;

    /// A tree of `(path, text)`.
    pub(in crate::tidy) fn tree(files: &[(&str, &str)]) -> Tree {
        let owned = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        Tree::of(owned.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::tree;

    #[test]
    fn a_file_that_is_not_rust_is_named_with_its_line() {
        let tree = tree(&[
            ("crates/core/src/a.rs", "fn a() {}\nfn b( {}\n"),
            ("crates/core/src/b.rs", "fn b() {}"),
            ("docs/x.rs", "not a member"),
        ]);
        assert_eq!(tree.sources.len(), 1);
        let [broken] = tree.broken.as_slice() else { panic!("{:?}", tree.broken) };
        assert_eq!((broken.path.as_str(), broken.line), ("crates/core/src/a.rs", 2));
    }
}
