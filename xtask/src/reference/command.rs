//! Writes the pages, or says which of them are out of date.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::page::Page;
use super::{errors, help, metrics, schema};
use crate::say;

/// Where the pages are.
const FOLDER: &str = "docs/book/src/reference";

/// Writes all pages.
///
/// # Errors
/// When a source cannot be read, or a page cannot be written.
pub(crate) fn command(root: &Path) -> Result<ExitCode> {
    std::fs::create_dir_all(root.join(FOLDER)).with_context(|| format!("cannot make {FOLDER}"))?;
    for page in pages(root)? {
        let path = root.join(FOLDER).join(page.name);
        let is_new = std::fs::read_to_string(&path).map_or(true, |kept| kept != page.text);
        std::fs::write(&path, &page.text).with_context(|| format!("cannot write {}", path.display()))?;
        say::line(&format!("{} {FOLDER}/{}", if is_new { "written  " } else { "unchanged" }, page.name));
    }
    Ok(ExitCode::SUCCESS)
}

/// All pages, as they should be.
fn pages(root: &Path) -> Result<Vec<Page>> {
    Ok(vec![
        help::client(root)?,
        help::daemon(root)?,
        schema::configuration(root)?,
        schema::files(root)?,
        errors::page(root)?,
        metrics::page(root)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::{FOLDER, pages};

    #[test]
    fn every_reference_page_is_what_its_sources_make() {
        let root = crate::root().unwrap();
        for page in pages(&root).unwrap() {
            let kept = std::fs::read_to_string(root.join(FOLDER).join(page.name)).unwrap_or_default();
            let differs = kept.lines().zip(page.text.lines()).find(|(kept, made)| kept != made);
            assert!(kept == page.text, "{}: run `cargo xtask docs`; it differs first at {differs:?}", page.name);
        }
    }
}
