//! A page that is made, and what its sources are read from.

use std::path::Path;

use anyhow::{Context as _, Result};

/// A page of the reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// Its file.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) text: String,
}

impl Page {
    /// A page with a title, and a remark for whoever opens the file to change it.
    pub(super) fn new(name: &'static str, title: &str, sources: &str, introduction: &str) -> Self {
        let text = format!("# {title}\n\n<!-- Made by `cargo xtask docs` from {sources}. -->\n\n{introduction}\n");
        Self { name, text }
    }

    /// Adds a paragraph, a heading or a block.
    pub(super) fn add(&mut self, text: &str) {
        self.text.push('\n');
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }
}

/// A source of a page.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(root: &Path, path: &str) -> Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

/// Files of a folder with an ending, in order of name, without it.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn names(root: &Path, folder: &str, ending: &str) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(root.join(folder)).with_context(|| format!("cannot read {folder}"))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.with_context(|| format!("cannot read {folder}"))?.file_name();
        names.extend(name.to_string_lossy().strip_suffix(ending).map(ToOwned::to_owned));
    }
    names.sort();
    Ok(names)
}
