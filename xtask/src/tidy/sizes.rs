//! Sizes of files.

use super::finding::Finding;
use super::tree::Tree;

/// Production lines, documentation included, from which a file is too long to be read in one go.
const WARN_ABOVE: usize = 400;

/// Production lines that no file has.
const FAIL_ABOVE: usize = 600;

/// Files that are too long.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        let lines = source.production_lines();
        if lines > FAIL_ABOVE {
            let message = format!("{lines} production lines, {FAIL_ABOVE} are allowed: divide it by concept");
            findings.push(Finding::failure(&source.path, 0, message));
        } else if lines > WARN_ABOVE {
            let message = format!("{lines} production lines, aim at 300 and stay under {WARN_ABOVE}");
            findings.push(Finding::warning(&source.path, 0, message));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight;
    use super::super::tree::fixture::tree;
    use super::check;

    #[test]
    fn long_files_warn_then_fail() {
        let cases = [(400, None), (401, Some(Weight::Warning)), (600, Some(Weight::Warning)), (601, Some(Weight::Failure))];
        for (lines, wanted) in cases {
            let text = "//! x\n".repeat(lines) + "#[cfg(test)]\nmod tests {\n}\n";
            let found = check(&tree(&[("crates/a/src/b.rs", text.as_str())]));
            assert_eq!(found.first().map(|finding| finding.weight), wanted, "{lines}");
        }
    }
}
