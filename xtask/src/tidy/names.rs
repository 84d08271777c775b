//! Names of files and folders that say nothing are forbidden.

use super::finding::Finding;
use super::tree::Tree;

/// Words that name no concept (style.md).
const FORBIDDEN: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "types", "manager"];

/// Rust files, or folders of them, with a forbidden name.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let rust = tree.files.keys().filter(|path| path.ends_with(".rs"));
    rust.filter_map(|path| {
        let word = path.trim_end_matches(".rs").split('/').find(|part| FORBIDDEN.contains(part))?;
        Some(Finding::failure(path, 0, format!("`{word}` names no concept: name the file by what it holds")))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::check;

    #[test]
    fn empty_words_are_found_as_files_and_as_folders() {
        let cases = [
            ("crates/core/src/utils.rs", 1),
            ("crates/daemon/tests/common/mod.rs", 1),
            ("fuzz/helpers.rs", 1),
            ("crates/core/src/policy/decision.rs", 0),
            ("docs/types.md", 0),
        ];
        for (path, wanted) in cases {
            assert_eq!(check(&tree(&[(path, "")])).len(), wanted, "{path}");
        }
    }
}
