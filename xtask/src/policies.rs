//! The policies that `initialize` writes, for installations that are made here with files of their own.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Where they are, from the root of the repository.
const FOLDER: &str = "crates/adapters/src/policy/defaults";

/// Name and text of each.
///
/// # Errors
/// When the folder or a file of it cannot be read.
pub(crate) fn defaults(root: &Path) -> Result<Vec<(String, String)>> {
    let mut policies = Vec::new();
    for entry in fs::read_dir(root.join(FOLDER)).context("cannot read the default policies")? {
        let path = entry.context("cannot read the default policies")?.path();
        if let (Some("cedar"), Some(name)) =
            (path.extension().and_then(|e| e.to_str()), path.file_name().and_then(|n| n.to_str()))
        {
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            policies.push((name.to_owned(), text));
        }
    }
    Ok(policies)
}
